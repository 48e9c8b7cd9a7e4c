//! A recorded rollout under a policy, the recorded one or another: what would have been decided?
//!
//! Every tick's evidence goes through the same [`decide`] and [`apply`] as in the daemon, against a rollout of its own
//! that moves as the policy under test says. What was recorded was recorded at the exposure of then: nobody can know
//! how many requests a higher percent would have brought, or whether they would have failed.

use super::retrospect::{Move, Retrospect, Source, Standing};
use super::trial::{Trial, healthy};
use super::{
    Bin, Build, Decision, Entry, Epoch, Event, Evidence, Head, Journalled, Judgement, Line, Reading, Rollout, Start,
    Subjects, Tick, apply, consequence, decide, fold,
};
use crate::policy::{Check, CheckName, Policy};
use crate::stats::Trials;
use crate::{Millis, Percent, Timestamp};
use std::collections::BTreeMap;

/// Counts of the canary that only grow, over all epochs.
#[derive(Clone, Default, Debug)]
struct Tally {
    requests: u64,
    counts: BTreeMap<CheckName, Trials>,
}

impl Tally {
    fn of(evidence: &Evidence) -> Self {
        Self { requests: evidence.canary_requests, counts: evidence.counts.clone() }
    }

    fn plus(mut self, other: &Self) -> Self {
        self.requests += other.requests;
        for (name, trials) in &other.counts {
            let sum = self.counts.entry(name.clone()).or_default();
            (sum.n, sum.k) = (sum.n + trials.n, sum.k + trials.k);
        }
        self
    }

    fn minus(mut self, other: &Self) -> Self {
        self.requests = self.requests.saturating_sub(other.requests);
        for (name, trials) in &other.counts {
            let left = self.counts.entry(name.clone()).or_default();
            (left.n, left.k) = (left.n.saturating_sub(trials.n), left.k.saturating_sub(trials.k));
        }
        self
    }
}

/// The rollout under test, and what tells its counts from those of the recorded one.
#[derive(Debug)]
struct Tested {
    trial: Trial,
    /// Each epoch with its beginning, oldest first.
    epochs: Vec<(Epoch, Timestamp)>,
    /// What the canary had counted when this epoch began.
    base: Tally,
}

/// A back-test under way: hand it the lines of a recording, then ask for the report.
#[derive(Debug)]
pub struct Backtest<'p> {
    policy: &'p Policy,
    recorded_policy: Policy,
    /// What stands for a check that was not recorded: healthy where true, nothing where not.
    assume_healthy: bool,
    recorded: Option<Rollout>,
    tested: Option<Tested>,
    /// What the recorded epochs before this one counted, and this one so far.
    tally: (Tally, Tally),
    /// The last tick's time and the revision it was decided on.
    last: Option<(Timestamp, u64)>,
    /// An event that was decided and waits for the time at which it was committed.
    pending: Option<(Event, Timestamp)>,
    retrospect: Retrospect,
}

impl<'p> Backtest<'p> {
    /// A back-test of `policy` over the recording that begins with `head`.
    pub fn new(policy: &'p Policy, head: &Head, assume_healthy: bool) -> Self {
        let recorded_policy = head.policy.clone();
        let unrecorded = policy.checks.iter().filter(|check| counterpart(&recorded_policy, check).is_none());
        let retrospect = Retrospect {
            same_policy: *policy == recorded_policy,
            unrecorded: unrecorded.map(|check| check.name.clone()).collect(),
            assume_healthy,
            ..Retrospect::of(head.rollout.flag.clone(), Source::Recording)
        };
        Self {
            policy,
            recorded_policy,
            assume_healthy,
            recorded: None,
            tested: None,
            tally: Default::default(),
            last: None,
            pending: None,
            retrospect,
        }
    }

    /// Takes the next line of the recording.
    pub fn take(&mut self, line: &Line) {
        match line {
            Line::Head(_) => {}
            Line::Entry(entry) => self.entry(entry),
            Line::Tick(tick) => self.tick(tick),
        }
    }

    /// What came of it.
    pub fn finish(mut self) -> Retrospect {
        self.settle(None);
        let standing = |rollout: &Rollout| Standing { phase: rollout.phase, percent: rollout.percent };
        if let Some(tested) = self.tested {
            self.retrospect.stands = Some(standing(&tested.trial.rollout));
            self.retrospect.moves = tested.trial.moves;
        }
        self.retrospect.stood = self.recorded.as_ref().map(standing);
        self.retrospect.weigh(self.recorded_policy.tick);
        self.retrospect
    }

    fn entry(&mut self, entry: &Journalled) {
        self.retrospect.until = Some(entry.at);
        if entry.event.is_note() {
            return;
        }
        self.settle(Some(entry));
        let epoch = self.recorded.as_ref().map(|rollout| rollout.epoch);
        self.recorded = match (&entry.event, self.recorded.take()) {
            (Event::Started(_), _) | (_, None) => fold([&Entry { at: entry.at, event: entry.event.clone() }]),
            (event, Some(rollout)) => Some(apply(rollout, event, entry.at)),
        };
        if let Some(rollout) = &self.recorded {
            if Some(rollout.epoch) != epoch {
                let (before, now) = std::mem::take(&mut self.tally);
                self.tally.0 = before.plus(&now);
            }
            self.retrospect.recorded.push(Move::of(&entry.event, entry.at, rollout.percent, entry.judged.is_some()));
        }
        match (&entry.event, &entry.judged) {
            (Event::Started(start), _) => self.begin(start, entry.at),
            // Whoever brakes stores no tick, so its evidence stands in the journal alone.
            (_, Some(judged)) if matches!(judged.judgement.decision, Decision::Rollback { .. }) => {
                let judgement = self.decide(&judged.inputs, judged.inputs.since_last_tick, judged.decided_at);
                if let Some(judgement) = judgement
                    && let Some(tested) = &mut self.tested
                    && let Decision::Rollback { cause } = &judgement.decision
                {
                    tested.trial.notice(&judgement.checks, judged.decided_at);
                    self.happens(Event::RolledBack { cause: cause.clone() }, entry.at, true);
                }
            }
            (_, Some(_)) => {}
            (event, None) => self.follow(event, entry.at),
        }
    }

    fn begin(&mut self, start: &Start, at: Timestamp) {
        let stage = self.policy.stages.iter().position(|stage| stage.percent == start.percent);
        let stage = stage.or(start.stage.map(|_| 0));
        let percent =
            stage.and_then(|stage| self.policy.stages.get(stage)).map_or(start.percent, |stage| stage.percent);
        let event = Event::Started(Box::new(Start { stage, percent, ..start.clone() }));
        self.tested = Trial::begin(&event, at).map(|trial| Tested {
            epochs: vec![(trial.rollout.epoch, at)],
            trial,
            base: Tally::default(),
        });
        self.retrospect.from = Some(at);
    }

    /// What people ordered is done here, too; a move to a percent goes to the stage of that percent.
    fn follow(&mut self, event: &Event, at: Timestamp) {
        let stage_of = |percent: Percent| self.policy.stages.iter().position(|stage| stage.percent == percent);
        let event = match event {
            Event::Advanced { percent, proven, .. } => match stage_of(*percent) {
                Some(stage) => Event::Advanced { stage, percent: *percent, proven: *proven },
                None => Event::StageSet { stage: None, percent: *percent },
            },
            Event::StageSet { percent, .. } => Event::StageSet { stage: stage_of(*percent), percent: *percent },
            Event::Approved { by, .. } => {
                let next = self.tested.as_ref().and_then(|tested| tested.trial.rollout.stage).map(|stage| stage + 1);
                match next {
                    Some(stage) => Event::Approved { stage, by: by.clone() },
                    None => return,
                }
            }
            Event::Paused
            | Event::Resumed
            | Event::Extended { .. }
            | Event::RolledBack { .. }
            | Event::Completed
            | Event::Frozen { .. }
            | Event::StageRestarted { .. } => event.clone(),
            Event::Started(_)
            | Event::LeaseLapsed { .. }
            | Event::LeaseRegained
            | Event::BlindPaged { .. }
            | Event::HoldPaged { .. }
            | Event::SqlIgnored { .. } => return,
        };
        self.happens(event, at, false);
    }

    fn tick(&mut self, tick: &Tick) {
        self.settle(None);
        self.retrospect.ticks += 1;
        self.retrospect.until = Some(tick.at);
        self.tally.1 = Tally::of(&tick.evidence);
        let (moved, last) = (self.tested.as_ref().is_some_and(|tested| tested.trial.moved), self.last);
        self.last = Some((tick.at, tick.revision.0));
        // The recorded rollout's own changes cost it a tick of soak; here, only those of the rollout under test do.
        let changed_then = last.filter(|(_, revision)| *revision != tick.revision.0);
        let since = tick.evidence.since_last_tick.or(changed_then.map(|(at, _)| Millis::between(at, tick.at)));
        let Some(judgement) = self.decide(&tick.evidence, since.filter(|_| !moved), tick.at) else { return };
        self.pending = consequence(&judgement.decision).map(|event| (event, tick.at));
        if let Some(tested) = &mut self.tested {
            tested.trial.take(judgement, tick.at);
        }
    }

    fn decide(&self, recorded: &Evidence, since_last_tick: Option<Millis>, now: Timestamp) -> Option<Judgement> {
        let (tested, then) = (self.tested.as_ref()?, self.recorded.as_ref()?);
        let evidence = Evidence { since_last_tick, ..self.as_seen_by(tested, then, recorded, now) };
        Some(decide(self.policy, &tested.trial.rollout, &evidence, now))
    }

    /// What was recorded, as if it had been seen by the rollout under test.
    fn as_seen_by(&self, tested: &Tested, then: &Rollout, recorded: &Evidence, now: Timestamp) -> Evidence {
        let rollout = &tested.trial.rollout;
        let seen = self.tally.0.clone().plus(&Tally::of(recorded)).minus(&tested.base);
        let readings = self.policy.checks.iter().filter_map(|check| {
            let reading = match counterpart(&self.recorded_policy, check) {
                Some(name) => {
                    let reading = recorded.readings.get(name)?.clone();
                    let current = reading.rollout == then.id && reading.epoch == then.epoch;
                    let epoch = if current { rollout.epoch } else { Epoch(0) };
                    Reading { rollout: rollout.id, epoch, ..reading }
                }
                None if self.assume_healthy => healthy(check, rollout, now),
                None => return None,
            };
            Some((check.name.clone(), reading))
        });
        let epoch_at = |start: Timestamp| {
            let begun = tested.epochs.iter().rev().find(|(_, since)| *since <= start);
            begun.map_or(Epoch(0), |(epoch, _)| *epoch)
        };
        let bins = recorded.bins.iter().map(|bin| Bin { epoch: epoch_at(bin.start), ..bin.clone() });
        // Held against the percent of then, the split of subjects would look wrong under another.
        let subjects = if rollout.percent == then.percent { recorded.subjects } else { Subjects::default() };
        Evidence {
            readings: readings.collect(),
            canary_requests: seen.requests,
            since_last_tick: None,
            build: Build(recorded.build.0.clone()),
            counts: seen.counts,
            bins: bins.collect(),
            subjects,
        }
    }

    /// Lets what was decided happen: at the time at which the same was committed then, or at once.
    fn settle(&mut self, next: Option<&Journalled>) {
        let Some((event, at)) = self.pending.take() else { return };
        let committed = next.filter(|entry| entry.event == event).map_or(at, |entry| entry.at);
        self.happens(event, committed, true);
    }

    fn happens(&mut self, event: Event, at: Timestamp, decided: bool) {
        let Some(tested) = &mut self.tested else { return };
        let epoch = tested.trial.rollout.epoch;
        tested.trial.happens(&event, at, decided);
        if tested.trial.rollout.epoch != epoch {
            tested.epochs.push((tested.trial.rollout.epoch, at));
            tested.base = self.tally.0.clone().plus(&self.tally.1);
        }
    }
}

/// The recorded check that measured the same: by preference the one of the same name.
fn counterpart<'r>(recorded: &'r Policy, check: &Check) -> Option<&'r CheckName> {
    let same = |other: &&Check| other.signal == check.signal && other.scope == check.scope;
    let named = recorded.check(&check.name).filter(same);
    named.or_else(|| recorded.checks.iter().find(same)).map(|other| &other.name)
}
