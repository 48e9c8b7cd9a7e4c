//! A rollout under test: it moves as a policy decides over what is remembered, and every move is noted.

use super::retrospect::Move;
use super::{CheckReport, Entry, Event, Judgement, Outcome, Reading, Rollout, Verdict, apply, fold};
use crate::policy::{Check, CheckName, Condition, Op};
use crate::{Millis, Timestamp};
use std::collections::BTreeMap;

#[derive(Debug)]
pub(super) struct Trial {
    pub(super) rollout: Rollout,
    /// Whether it has moved since the last tick.
    pub(super) moved: bool,
    pub(super) moves: Vec<Move>,
    /// Since when each check has been bad without a break.
    bad_since: BTreeMap<CheckName, Timestamp>,
}

impl Trial {
    /// The rollout that `started` begins; none where another event stands there.
    pub(super) fn begin(started: &Event, at: Timestamp) -> Option<Self> {
        let rollout = fold([&Entry { at, event: started.clone() }])?;
        let moves = vec![Move::of(started, at, rollout.percent, false)];
        Some(Self { rollout, moved: false, moves, bad_since: BTreeMap::new() })
    }

    /// Takes in what a tick came to.
    pub(super) fn take(&mut self, judgement: Judgement, at: Timestamp) {
        self.notice(&judgement.checks, at);
        self.moved = false;
        self.rollout.progress = judgement.progress;
        if let Some(statistics) = judgement.statistics {
            self.rollout.statistics = statistics;
        }
    }

    /// Lets `event` happen, where the rollout is not deaf to it.
    pub(super) fn happens(&mut self, event: &Event, at: Timestamp, decided: bool) {
        let before = self.rollout.revision;
        self.rollout = apply(self.rollout.clone(), event, at);
        if self.rollout.revision == before {
            return;
        }
        self.moved = true;
        let mut happened = Move::of(event, at, self.rollout.percent, decided);
        if let Event::RolledBack { cause } = event {
            let since = cause.check().and_then(|check| self.bad_since.get(check));
            happened.delay = since.map(|since| Millis::between(*since, at));
        }
        self.moves.push(happened);
    }

    pub(super) fn notice(&mut self, reports: &[CheckReport], at: Timestamp) {
        for report in reports {
            if matches!(report.verdict, Verdict::Degraded | Verdict::Breach) {
                self.bad_since.entry(report.name.clone()).or_insert(report.observed_at.unwrap_or(at));
            } else {
                self.bad_since.remove(&report.name);
            }
        }
    }
}

/// What a healthy check would have read.
pub(super) fn healthy(check: &Check, rollout: &Rollout, now: Timestamp) -> Reading {
    let good = |condition: &Condition| match condition.op {
        Op::Less | Op::AtMost => 0.0_f64.min(condition.limit - 1.0),
        Op::Greater => condition.limit + 1.0,
        Op::AtLeast | Op::Equal => condition.limit,
    };
    let value = check.advance_if.as_ref().map_or(0.0, good);
    let outcome = Outcome::measured(value, check.min_samples.max(1));
    Reading { rollout: rollout.id, epoch: rollout.epoch, begun_at: now, observed_at: now, outcome, control: None }
}
