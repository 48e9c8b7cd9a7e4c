//! The canary's requests of this epoch, and how many of them went against what an advance asks for.

use super::outcome::failures;
use super::story::Story;
use super::{Cohort, Live};
use crate::signals::Tally;
use rampart_core::policy::{Check, CheckName, Policy, Signal};
use rampart_core::rollout::{Rollout, Subjects};
use rampart_core::stats::Trials;
use std::collections::BTreeMap;

impl Live {
    /// The trials of each live check that is about a share of the requests.
    pub fn counts(&self, policy: &Policy, rollout: &Rollout) -> BTreeMap<CheckName, Trials> {
        self.read(rollout, |story| {
            let counted = |check: &Check| Some((check.name.clone(), story.trials(check, rollout)?));
            policy.checks.iter().filter_map(counted).collect()
        })
    }

    /// How many different subjects this process has seen in this epoch.
    pub fn subjects(&self, rollout: &Rollout) -> Subjects {
        self.read(rollout, |story| story.subjects.count(rollout.epoch))
    }
}

impl Story {
    fn trials(&self, check: &Check, rollout: &Rollout) -> Option<Trials> {
        let nobody = Tally::default();
        let canary = self.total(rollout.epoch, Cohort::Canary).unwrap_or(&nobody);
        let k = match check.signal {
            Signal::LiveErrorRate | Signal::LiveRejections => failures(check, canary),
            // Health is to be proven: a latency that may be over the limit is over it.
            Signal::LiveP95 => canary.latencies.possibly_above(check.advance_if.as_ref()?.limit),
            Signal::Live5xx
            | Signal::LiveCrashes
            | Signal::AuditViolations
            | Signal::ProbeRls
            | Signal::ProbeRead
            | Signal::ProbeWrite
            | Signal::ReportDataInconsistency
            | Signal::ReportOther
            | Signal::ReportAny
            | Signal::Prometheus(_)
            | Signal::Sql(_) => return None,
        };
        Some(Trials { n: canary.requests, k })
    }
}
