//! Standing synthetic requests.
//!
//! They ask this process's own API as a user would, through the new lens by the service key, so they count as forced
//! and never as somebody's traffic.

mod own_api;
mod rls;
mod stock;

pub use own_api::OwnApi;

use super::sensors::{DEADLINE, Sensors, Wanted};
use rampart_core::policy::{Check, CheckName, Signal};
use rampart_core::rollout::{Epoch, Outcome, RolloutId};
use rampart_core::{Millis, Timestamp};
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// How often it is looked whether a probe is due.
const LOOK: Duration = Duration::from_secs(1);

/// How often a probe runs that has no schedule.
#[derive(Clone, Copy)]
enum Pace {
    /// Every tick, and at least this often.
    AtLeast(Millis),
    /// Every tick, but not more often than this.
    AtMost(Millis),
}

/// What has become of one check's probes in one stage.
#[derive(Debug)]
struct Course {
    epoch: Epoch,
    /// When it runs next; none where its schedule has no further time.
    next: Option<Timestamp>,
    ran: u64,
    failed: u64,
}

/// How one synthetic request went.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Went {
    /// As it must.
    Well,
    /// Wrong: a server error, no answer in time, another body than expected.
    Wrong(String),
    /// It could not be tried, for a reason that says nothing of the lens.
    Untried(String),
}

impl Sensors {
    /// The row level security probe.
    pub async fn probe_rls(self, stop: CancellationToken) {
        let nudge = self.probe_nudge.clone();
        let pace = Pace::AtLeast(Millis::seconds(5));
        self.probe(stop, Some(&nudge), &[Signal::ProbeRls], pace, async |sensors, _, _| {
            sensors.look_for_strangers().await
        })
        .await;
    }

    /// Synthetic reads and writes.
    pub async fn probe_stock(self, stop: CancellationToken) {
        let signals = [Signal::ProbeRead, Signal::ProbeWrite];
        let pace = Pace::AtMost(Millis::seconds(5));
        self.probe(stop, None, &signals, pace, async |sensors, check, course| {
            let went =
                if check.signal == Signal::ProbeRead { sensors.read_stock().await } else { sensors.move_stock().await };
            Ok(course.note(check, went))
        })
        .await;
    }

    /// Runs every watched probe of `signals` when it is due: at once in a new stage, then as it is scheduled.
    async fn probe(
        self,
        stop: CancellationToken,
        nudge: Option<&Notify>,
        signals: &[Signal],
        pace: Pace,
        run: impl AsyncFn(&Self, &Check, &mut Course) -> Result<Outcome, String>,
    ) {
        let mut courses: HashMap<(RolloutId, CheckName), Course> = HashMap::new();
        loop {
            let wanted = self.wanted(|signal| signals.contains(signal));
            courses.retain(|(rollout, _), _| wanted.iter().any(|wanted| wanted.watched.rollout.id == *rollout));
            for wanted in &wanted {
                let (rollout, begun_at) = (&wanted.watched.rollout, self.clock.now());
                let fresh = || Course { epoch: rollout.epoch, next: Some(begun_at), ran: 0, failed: 0 };
                let course = courses.entry((rollout.id, wanted.check.name.clone())).or_insert_with(fresh);
                if course.epoch != rollout.epoch {
                    *course = fresh();
                }
                if course.next.is_none_or(|next| begun_at < next) {
                    continue;
                }
                let measured = tokio::time::timeout(DEADLINE, run(&self, &wanted.check, course)).await;
                let outcome = measured
                    .unwrap_or_else(|_| Err(format!("no answer within {} s", DEADLINE.as_secs())))
                    .unwrap_or_else(Outcome::Fault);
                course.next = next(wanted, pace, self.clock.now());
                self.put(wanted, begun_at, outcome);
            }
            let tick = wanted.iter().map(|wanted| wanted.watched.policy.tick.std()).min().unwrap_or(LOOK);
            if self.rest(&stop, nudge, tick.min(LOOK)).await.is_break() {
                return;
            }
        }
    }
}

impl Course {
    /// Takes in one more request, and tells how many have gone wrong since the stage began.
    fn note(&mut self, check: &Check, went: Went) -> Outcome {
        match went {
            Went::Untried(why) => return Outcome::NoEvidence(why),
            Went::Well => {}
            Went::Wrong(why) => {
                tracing::warn!(check = %check.name, why, "a probe went wrong");
                self.failed += 1;
            }
        }
        self.ran += 1;
        Outcome::measured(self.failed as f64, self.ran)
    }
}

fn next(wanted: &Wanted, pace: Pace, now: Timestamp) -> Option<Timestamp> {
    match (&wanted.check.schedule, pace) {
        (Some(schedule), _) => schedule.next_after(now),
        (None, Pace::AtLeast(length)) => Some(wanted.watched.policy.tick.min(length).after(now)),
        (None, Pace::AtMost(length)) => Some(wanted.watched.policy.tick.max(length).after(now)),
    }
}
