//! The present traffic, as the status tells it.

use super::story::Story;
use super::{Cohort, Live};
use crate::schema::SubjectsShape;
use rampart_core::Timestamp;
use rampart_core::rollout::{Rollout, Subjects};
use serde::Serialize;
use utoipa::ToSchema;

/// The stretch over which the present traffic is told.
const TRAFFIC_SECONDS: i64 = 10;

/// The present traffic.
#[derive(Clone, Copy, Default, Debug, PartialEq, Serialize, ToSchema)]
pub struct Traffic {
    /// Canary requests a second, over the last ten seconds.
    pub canary_per_second: f64,
    /// Control requests a second, over the last ten seconds.
    pub control_per_second: f64,
    /// Canary requests since the epoch began.
    pub canary_requests_in_stage: u64,
    /// Different subjects that this process served in this epoch, without forced and targeted ones.
    #[schema(value_type = SubjectsShape)]
    pub subjects: Subjects,
    /// The canary's share of these subjects, in percent; none before there is one.
    pub realised_percent: Option<f64>,
}

impl Live {
    /// The present traffic of a rollout.
    pub fn traffic(&self, rollout: &Rollout, now: Timestamp) -> Traffic {
        self.read(rollout, |story| story.traffic(rollout, now))
    }
}

impl Story {
    fn traffic(&self, rollout: &Rollout, now: Timestamp) -> Traffic {
        // Whole seconds only: the present one is not over yet.
        let seconds = now.timestamp() - TRAFFIC_SECONDS..now.timestamp();
        let per_second = |cohort| {
            let recent = self.since(seconds.start).filter(|slot| slot.cohort == cohort && slot.second < seconds.end);
            recent.map(|slot| slot.tally.requests).sum::<u64>() as f64 / TRAFFIC_SECONDS as f64
        };
        let subjects = self.subjects.count(rollout.epoch);
        let seen = subjects.canary + subjects.control;
        Traffic {
            canary_per_second: per_second(Cohort::Canary),
            control_per_second: per_second(Cohort::Control),
            canary_requests_in_stage: self.canary_requests(rollout.epoch),
            subjects,
            realised_percent: (seen > 0).then(|| subjects.canary as f64 * 100.0 / seen as f64),
        }
    }
}
