//! The order in which the answers of the statistics decide a stage that asks for proof: the whole of it as one
//! function, to hold the vectors against. (The daemon's own decision core has more to weigh; it is in `rollout`.)

use rampart_core::stats::{
    Trials,
    one_sample::{ln_e_good, requests_to_good},
};
use std::fmt;

const ERROR_LIMIT: f64 = 0.001;
const SLOW_LIMIT: f64 = 0.05;
/// One in so many may be slow.
const SLOW_ONE_IN: u64 = 20;
const MIN_SAMPLES: u64 = 200;
const MAX_DATA_AGE_SECONDS: u64 = 120;
/// Soaks that a stage may last before a person is called.
const PATIENCE: u64 = 4;
const LN_ROLLBACK: f64 = 4.605_170_185_988_091;
const LN_FREEZE: f64 = 2.995_732_273_553_991;
const LN_GOOD: f64 = 2.995_732_273_553_991;

/// What is known of a stage.
pub(super) struct Stage {
    pub(super) server_errors: u64,
    pub(super) unsigned_audits: u64,
    pub(super) slow_in_window: Trials,
    pub(super) ln_e_harm: f64,
    pub(super) data_age_seconds: u64,
    pub(super) elapsed_minutes: u64,
    pub(super) soak_minutes: u64,
    pub(super) errors: Trials,
    pub(super) slow: Trials,
}

#[derive(PartialEq, Debug)]
pub(super) enum Action {
    Rollback,
    Hold,
    Continue,
    Advance,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Action::Rollback => "ROLLBACK",
            Action::Hold => "HOLD",
            Action::Continue => "CONTINUE",
            Action::Advance => "ADVANCE",
        })
    }
}

pub(super) struct Answer {
    pub(super) action: Action,
    pub(super) reason: &'static str,
    pub(super) missing: Option<Missing>,
}

/// What a stage that cannot be proved good lacks.
pub(super) struct Missing {
    pub(super) blocking: Vec<&'static str>,
    pub(super) more_requests: Option<u64>,
    pub(super) escalate: bool,
}

pub(super) fn decide(stage: &Stage) -> Answer {
    let answer = |action, reason| Answer { action, reason, missing: None };
    let window = stage.slow_in_window;
    if stage.server_errors > 0 {
        answer(Action::Rollback, "any_5xx")
    } else if stage.unsigned_audits > 0 {
        answer(Action::Rollback, "null_audit_signature")
    } else if window.n >= MIN_SAMPLES && window.k * SLOW_ONE_IN > window.n {
        answer(Action::Rollback, "p95_over_1000")
    } else if stage.ln_e_harm >= LN_ROLLBACK {
        answer(Action::Rollback, "proved_harm")
    } else if stage.data_age_seconds > MAX_DATA_AGE_SECONDS {
        answer(Action::Hold, "stale_data")
    } else if stage.ln_e_harm >= LN_FREEZE {
        answer(Action::Hold, "suspected_harm")
    } else if stage.elapsed_minutes < stage.soak_minutes {
        answer(Action::Continue, "soaking")
    } else if stage.errors.rate() >= Some(ERROR_LIMIT) {
        answer(Action::Hold, "error_rate_not_below_limit")
    } else if stage.slow.n > 0 && stage.slow.k * SLOW_ONE_IN >= stage.slow.n {
        answer(Action::Hold, "p95_not_below_500")
    } else {
        match missing(stage) {
            None => answer(Action::Advance, "proved_good"),
            missing => Answer { action: Action::Hold, reason: "not_enough_evidence", missing },
        }
    }
}

fn missing(stage: &Stage) -> Option<Missing> {
    let gates = [("error_rate", stage.errors, ERROR_LIMIT), ("p95", stage.slow, SLOW_LIMIT)];
    let open: Vec<_> = gates.into_iter().filter(|(_, seen, limit)| ln_e_good(*seen, *limit) < LN_GOOD).collect();
    let more = |(_, seen, limit): &(_, Trials, f64)| Some(requests_to_good(seen.k, *limit, LN_GOOD)? - seen.n);
    (!open.is_empty()).then(|| Missing {
        blocking: open.iter().map(|(name, _, _)| *name).collect(),
        more_requests: open.iter().filter_map(more).max(),
        escalate: stage.elapsed_minutes >= PATIENCE * stage.soak_minutes,
    })
}
