//! The loop in virtual time: observe → decide → apply, with the very functions of the daemon.
//!
//! A second of the world is served at the percent that was committed before it. Behind it comes what the daemon would
//! do: look at once where something bad was seen, and tick when the policy's tick is due.

use crate::evidence::{Look, Moment, Signals};
use crate::record::Recorder;
use crate::run::{MarkKind, Run};
use crate::scenario::{Behaviour, Cohort, Happening, Outage, Scenario, What};
use crate::traffic::{Traffic, in_force, manners_of};
use rampart_core::policy::{CheckName, Policy, Unit};
use rampart_core::rollout::{
    Actor, Build, Command, CommandKind, Decision, Entry, Event, Invariant, Judgement, Order, Phase, PolicyRevision,
    Progress, Revision, Rollout, RolloutId, Start, Statistics, Violation, apply, check_step, decide, fold, plan,
    sentence,
};
use rampart_core::{Millis, Percent, Timestamp};
use uuid::Uuid;

/// How long a world goes on where the scenario does not say: so many times what the soaks add up to.
const SOAKS: u64 = 3;
/// The longest world.
const LONGEST: Millis = Millis::hours(30 * 24);
/// What is shown behind the end of a rollout, at least.
const AFTERMATH: Millis = Millis::minutes(1);
/// Virtual seconds between two reports of progress.
const PROGRESS_SECONDS: u64 = 600;
/// The build that serves first.
const FIRST_BUILD: &str = "v1";

/// A rule that must always hold was broken: a fault of Rampart, not of the policy.
#[derive(Debug, thiserror::Error)]
#[error("after {at} with seed {seed} a rule that must always hold was broken: {violation}")]
pub struct Broken {
    /// The seed that shows it again.
    pub seed: u64,
    /// When, since the start.
    pub at: Millis,
    /// The rule.
    pub violation: Violation,
}

/// Tries `policy` in the world of `scenario`. `progress` is told now and then which share (0..=1) is done.
pub fn run(policy: &Policy, scenario: &Scenario, seed: u64, progress: &mut dyn FnMut(f64)) -> Result<Run, Broken> {
    let soaks = policy.stages.iter().fold(Millis::ZERO, |sum, stage| sum + stage.soak);
    let longest = scenario.lasts.unwrap_or((soaks * SOAKS + policy.watch_after).min(LONGEST));
    let mut world = World::new(policy, scenario, seed);
    world.order(CommandKind::Start, None, None, "tried")?;
    while world.elapsed < longest && !world.is_over() {
        world.second()?;
        if (world.elapsed.0 / 1000).is_multiple_of(PROGRESS_SECONDS) {
            progress(world.elapsed.as_seconds() / longest.as_seconds());
        }
    }
    world.check_fold()?;
    Ok(world.recorder.finish(world.elapsed, world.rollout.as_ref(), scenario))
}

struct World<'w> {
    policy: &'w Policy,
    scenario: &'w Scenario,
    seed: u64,
    elapsed: Millis,
    rollout: Option<Rollout>,
    /// Of the newest rollout.
    journal: Vec<Entry>,
    attempts: u32,
    build: Build,
    /// The newest tick, and the revision it was of: a tick across a change credits nothing.
    ticked: Option<(Revision, Millis)>,
    /// While the daemon is away nobody counts and nobody decides.
    away_until: Millis,
    next_event: usize,
    /// Which behaviours and outages were in force a moment ago.
    in_force: Vec<bool>,
    traffic: Traffic,
    signals: Signals<'w>,
    recorder: Recorder,
}

impl<'w> World<'w> {
    fn new(policy: &'w Policy, scenario: &'w Scenario, seed: u64) -> Self {
        Self {
            policy,
            scenario,
            seed,
            elapsed: Millis::ZERO,
            rollout: None,
            journal: Vec::new(),
            attempts: 0,
            build: Build(FIRST_BUILD.to_owned()),
            ticked: None,
            away_until: Millis::ZERO,
            next_event: 0,
            in_force: vec![false; scenario.behaviour.len() + scenario.outages.len()],
            traffic: Traffic::new(&policy.flag, scenario.traffic, seed),
            signals: Signals::new(policy, scenario),
            recorder: Recorder::new(policy, scenario, seed),
        }
    }

    fn now(&self) -> Timestamp {
        self.elapsed.after(self.scenario.start)
    }

    /// One second of the world, and what the daemon does behind it.
    fn second(&mut self) -> Result<(), Broken> {
        let now = self.now();
        self.happen()?;
        self.announce();
        let rollout = self.rollout.as_ref();
        let in_force =
            |behaviour: &&Behaviour| behaviour.is_always() || in_force(behaviour, rollout, self.elapsed, now);
        let manners = manners_of(self.scenario.behaviour.iter().filter(in_force));
        let percent = rollout.map_or(Percent::ZERO, |rollout| rollout.percent);
        let began = self.elapsed;
        self.elapsed = self.elapsed + Millis::seconds(1);
        if began < self.away_until {
            return Ok(());
        }
        let slot = self.traffic.second((began.0 / 1000) as i64, now, percent, manners);
        self.recorder.served(began, &slot);
        let alarming = slot.canary.counts.server_errors + slot.control.counts.server_errors > 0;
        if let Some(rollout) = &self.rollout {
            self.signals.take(slot, rollout, now);
        }
        if self.is_tick_due() {
            self.tick()
        } else if alarming {
            self.look()
        } else {
            Ok(())
        }
    }

    fn is_watched(&self) -> bool {
        self.rollout.as_ref().is_some_and(|rollout| rollout.is_watched(self.policy, self.now()))
    }

    fn is_tick_due(&self) -> bool {
        self.is_watched() && self.ticked.is_none_or(|(_, at)| self.elapsed.minus(at) >= self.policy.tick)
    }

    /// Nothing can happen any more: it is over, the scenario has nothing left, and the aftermath was shown.
    fn is_over(&self) -> bool {
        let ended = self.rollout.as_ref().and_then(|rollout| rollout.ended_at);
        let Some(ended) = ended.filter(|_| !self.is_watched() && self.next_event == self.scenario.events.len()) else {
            return false;
        };
        let ended = Millis::between(self.scenario.start, ended);
        let watched = self.rollout.as_ref().is_some_and(|rollout| rollout.phase == Phase::Completed);
        watched || self.elapsed >= ended + AFTERMATH.max(Millis(ended.0 / 20))
    }

    fn tick(&mut self) -> Result<(), Broken> {
        let Some(rollout) = self.rollout.clone() else { return Ok(()) };
        let last = self.ticked.filter(|(revision, _)| *revision == rollout.revision);
        let since_last = last.map(|(_, at)| self.elapsed.minus(at));
        let judgement = self.judge(&rollout, Look::Tick { since_last });
        self.ticked = Some((rollout.revision, self.elapsed));
        let mut ticked = rollout;
        ticked.progress = judgement.progress;
        if let Some(statistics) = judgement.statistics.clone() {
            ticked.statistics = statistics;
        }
        self.check_soak(&ticked)?;
        if judgement.page_blind {
            let text = format!("somebody is paged: blind for {}", self.policy.blind_for);
            self.recorder.page(self.elapsed, text);
        }
        if judgement.page_hold {
            let said = sentence(self.policy, Some(&ticked), Some(&judgement));
            self.recorder.page(self.elapsed, format!("somebody is paged, it has not moved for long: {said}"));
        }
        self.rollout = Some(ticked);
        self.carry_out(&judgement)
    }

    /// Looks between two ticks; only what pulls the flag back follows from it.
    fn look(&mut self) -> Result<(), Broken> {
        let Some(rollout) = self.rollout.clone().filter(|_| self.is_watched()) else { return Ok(()) };
        let judgement = self.judge(&rollout, Look::Between);
        match judgement.decision {
            Decision::Rollback { .. } => self.carry_out(&judgement),
            Decision::Hold { .. }
            | Decision::Advance { .. }
            | Decision::Complete
            | Decision::StepBack { .. }
            | Decision::Freeze { .. }
            | Decision::RestartStage { .. } => Ok(()),
        }
    }

    fn judge(&mut self, rollout: &Rollout, look: Look) -> Judgement {
        let (now, elapsed, subjects) = (self.now(), self.elapsed, self.traffic.subjects());
        let moment = Moment { now, elapsed, build: &self.build, subjects, look };
        let evidence = self.signals.evidence(rollout, moment);
        let judgement = decide(self.policy, rollout, &evidence, now);
        let in_stage = Millis::between(rollout.stage_since, now);
        let words = || sentence(self.policy, Some(rollout), Some(&judgement));
        self.recorder.judged(elapsed, in_stage, &judgement, words);
        judgement
    }

    fn carry_out(&mut self, judgement: &Judgement) -> Result<(), Broken> {
        let words = sentence(self.policy, self.rollout.as_ref(), Some(judgement));
        let (event, kind) = match judgement.decision.clone() {
            Decision::Hold { .. } => return Ok(()),
            Decision::Advance { stage, percent } => {
                (Event::Advanced { stage, percent, proven: true }, MarkKind::Raised)
            }
            Decision::Complete => (Event::Completed, MarkKind::Completed),
            Decision::Rollback { cause } => (Event::RolledBack { cause }, MarkKind::RolledBack),
            Decision::StepBack { stage, percent, .. } => {
                (Event::StageSet { stage: Some(stage), percent }, MarkKind::Lowered)
            }
            Decision::Freeze { cause } => (Event::Frozen { cause }, MarkKind::Frozen),
            Decision::RestartStage { why } => (Event::StageRestarted { why }, MarkKind::Restarted),
        };
        self.commit(event, kind, words)
    }

    /// Makes an event happen, and checks everything that must hold behind it.
    fn commit(&mut self, event: Event, kind: MarkKind, words: String) -> Result<(), Broken> {
        let now = self.now();
        self.recorder.move_on(self.elapsed);
        let entry = Entry { at: now, event };
        let after = match (self.rollout.take(), &entry.event) {
            (before, Event::Started(_)) => {
                self.journal.clear();
                self.signals.begin_rollout();
                self.traffic.begin_epoch();
                before.map(|before| apply(before, &entry.event, now)).or_else(|| fold([&entry]))
            }
            (Some(before), event) => {
                let after = apply(before.clone(), event, now);
                if let Some(violation) = check_step(self.policy, &before, event, &after, now).into_iter().next() {
                    return Err(self.broken(violation));
                }
                if after.epoch != before.epoch {
                    self.signals.begin_epoch();
                    self.traffic.begin_epoch();
                }
                Some(after)
            }
            (None, _) => None,
        };
        self.journal.push(entry);
        if let Some(after) = &after {
            self.recorder.step(self.elapsed, after.percent);
            // The daemon turns again at once behind a change; the credit counts from there.
            self.ticked = Some((after.revision, self.elapsed));
        }
        self.recorder.mark(self.elapsed, kind, words);
        self.rollout = after;
        Ok(())
    }

    /// What the scenario has in store for this second.
    fn happen(&mut self) -> Result<(), Broken> {
        while let Some(Happening { what, .. }) =
            self.scenario.events.get(self.next_event).filter(|event| event.at <= self.elapsed)
        {
            self.next_event += 1;
            self.recorder.trouble(self.elapsed);
            self.signals.learn(self.now(), what);
            match what {
                What::Order { kind, percent, by, reason } => {
                    self.order(*kind, *percent, *by, reason)?;
                    continue;
                }
                What::Crash { away } => {
                    self.away_until = self.elapsed + *away;
                    self.ticked = None;
                }
                What::Build(build) => self.build = Build(build.clone()),
                What::NullSignature
                | What::RlsLeak
                | What::FailedRead
                | What::FailedWrite
                | What::DataInconsistency
                | What::Report
                | What::Dismiss => {}
            }
            self.recorder.mark(self.elapsed, MarkKind::World, what.words());
            // Whoever finds something bad has the daemon look at once.
            if self.elapsed >= self.away_until {
                self.look()?;
            }
        }
        Ok(())
    }

    fn order(
        &mut self,
        kind: CommandKind,
        percent: Option<Percent>,
        by: Option<Millis>,
        reason: &str,
    ) -> Result<(), Broken> {
        let command = match kind {
            CommandKind::Start => Command::Start,
            CommandKind::Pause => Command::Pause,
            CommandKind::Resume => Command::Resume,
            CommandKind::Advance => Command::Advance,
            CommandKind::Stage => Command::SetStage { percent: percent.unwrap_or_default() },
            CommandKind::Approve => Command::Approve,
            CommandKind::Extend => Command::Extend { by: by.unwrap_or_default() },
            CommandKind::Rollback => Command::Rollback,
            CommandKind::Restart => Command::Restart,
            CommandKind::Complete => Command::Complete,
        };
        let order = Order { command, actor: Actor("a person".to_owned()), reason: Some(reason.to_owned()) };
        match plan(self.policy, self.rollout.as_ref(), self.start(), &order) {
            Ok(Some(event)) => {
                let mark = match &event {
                    Event::Started(_) => MarkKind::Started,
                    Event::RolledBack { .. } => MarkKind::RolledBack,
                    Event::Completed => MarkKind::Completed,
                    Event::Advanced { .. }
                    | Event::StageSet { .. }
                    | Event::Paused
                    | Event::Frozen { .. }
                    | Event::Resumed
                    | Event::Approved { .. }
                    | Event::Extended { .. }
                    | Event::StageRestarted { .. }
                    | Event::LeaseLapsed { .. }
                    | Event::LeaseRegained
                    | Event::BlindPaged { .. }
                    | Event::HoldPaged { .. }
                    | Event::SqlIgnored { .. } => MarkKind::Ordered,
                };
                let words = match event.enters().filter(|_| mark == MarkKind::Started) {
                    Some(percent) => format!("Started at {percent}"),
                    None => format!("a person orders {}: {reason}", kind.name()),
                };
                self.attempts += u32::from(mark == MarkKind::Started);
                self.commit(event, mark, words)
            }
            Ok(None) => {
                let text = format!("a person orders {}, and it is so already", kind.name());
                self.recorder.mark(self.elapsed, MarkKind::Refused, text);
                Ok(())
            }
            Err(refusal) => {
                let text = format!("a person orders {}, and is refused: {refusal}", kind.name());
                self.recorder.mark(self.elapsed, MarkKind::Refused, text);
                Ok(())
            }
        }
    }

    /// What a new rollout would be born from.
    fn start(&self) -> Start {
        Start {
            id: RolloutId(Uuid::from_u128(u128::from(self.attempts) + 1)),
            flag: self.policy.flag.clone(),
            policy: PolicyRevision("tried".to_owned()),
            build: self.build.clone(),
            attempt: self.attempts + 1,
            follows: self.rollout.as_ref().map(|rollout| rollout.revision).unwrap_or_default(),
            stage: Some(0),
            percent: self.policy.stages.first().map_or(Percent::ZERO, |stage| stage.percent),
            restart: false,
            missing_gate: Vec::new(),
            by: Actor("a person".to_owned()),
        }
    }

    /// Says when behaviours and outages begin and end.
    fn announce(&mut self) {
        let (now, exposed) = (self.now(), self.is_watched());
        let behaviours =
            self.scenario.behaviour.iter().map(|behaviour| {
                !behaviour.is_always() && in_force(behaviour, self.rollout.as_ref(), self.elapsed, now)
            });
        let outages = self.scenario.outages.iter().map(|outage| {
            let over = outage.lasts.is_some_and(|lasts| self.elapsed >= outage.from + lasts);
            self.elapsed >= outage.from && !over
        });
        let in_force: Vec<bool> = behaviours.chain(outages).collect();
        let before = std::mem::replace(&mut self.in_force, in_force);
        let behaviours = self.scenario.behaviour.len();
        for (place, (was, is)) in before.into_iter().zip(&self.in_force).enumerate() {
            if was == *is {
                continue;
            }
            let words = match self.scenario.behaviour.get(place) {
                Some(behaviour) if *is => behaviour_words(behaviour),
                Some(behaviour) => format!("{} as before again", cohort_words(behaviour.cohort)),
                None => match self.scenario.outages.get(place - behaviours) {
                    Some(outage) => outage_words(outage, *is),
                    None => continue,
                },
            };
            if *is {
                self.recorder.trouble(self.elapsed);
            }
            // What ends together with the rollout goes without saying.
            if *is || exposed {
                self.recorder.mark(self.elapsed, MarkKind::World, words);
            }
        }
    }

    fn broken(&self, violation: Violation) -> Broken {
        Broken { seed: self.seed, at: self.elapsed, violation }
    }

    /// I4 for a tick, which is no event.
    fn check_soak(&self, ticked: &Rollout) -> Result<(), Broken> {
        let stood = Millis::between(ticked.stage_since, self.now());
        if ticked.progress.soak <= stood {
            return Ok(());
        }
        let text = format!("{} of soak in a stage that has stood for {stood}", ticked.progress.soak);
        Err(self.broken(Violation { invariant: Invariant::I4, text }))
    }

    /// I7: the journal adds up to the rollout, but for what ticks add.
    fn check_fold(&self) -> Result<(), Broken> {
        let bare = |rollout: Rollout| Rollout {
            progress: Progress::default(),
            statistics: Statistics::default(),
            id: RolloutId(Uuid::nil()),
            ..rollout
        };
        let folded = fold(&self.journal).map(bare);
        let stands = self.rollout.clone().map(bare);
        if folded == stands {
            return Ok(());
        }
        let text = "the journal does not add up to the rollout".to_owned();
        Err(self.broken(Violation { invariant: Invariant::I7, text }))
    }
}

impl What {
    fn words(&self) -> String {
        match self {
            What::NullSignature => "an audit row without a signature is written".to_owned(),
            What::RlsLeak => "the probe reads a row of another yacht".to_owned(),
            What::FailedRead => "a synthetic read fails".to_owned(),
            What::FailedWrite => "a synthetic write fails".to_owned(),
            What::DataInconsistency => "somebody reports wrong data".to_owned(),
            What::Report => "somebody reports a problem".to_owned(),
            What::Dismiss => "the open reports are dismissed".to_owned(),
            What::Crash { away } => format!("the daemon dies, and is back after {away}"),
            What::Build(build) => format!("{build} serves from now on"),
            What::Order { kind, .. } => format!("a person orders {}", kind.name()),
        }
    }
}

const fn cohort_words(cohort: Cohort) -> &'static str {
    match cohort {
        Cohort::Canary => "canary",
        Cohort::Control => "control",
        Cohort::Both => "canary and control",
    }
}

fn behaviour_words(behaviour: &Behaviour) -> String {
    let manners = behaviour.manners;
    let share = |name: &str, share: Option<f64>| share.map(|share| format!("{name} {}", Unit::Ratio.show(share)));
    let length = |name: &str, length: Option<Millis>| length.map(|length| format!("{name} {length}"));
    let parts: Vec<String> = [
        share("errors", manners.errors),
        share("timeouts", manners.timeouts),
        share("unavailable", manners.unavailable),
        share("rejections", manners.rejections),
        length("p50", manners.p50),
        length("p95", manners.p95),
    ]
    .into_iter()
    .flatten()
    .collect();
    format!("{} from now on: {}", cohort_words(behaviour.cohort), parts.join(", "))
}

fn outage_words(outage: &Outage, begins: bool) -> String {
    let named = outage.checks.as_ref().map(|names| names.iter().map(CheckName::words).collect::<Vec<_>>().join(", "));
    match (named, begins) {
        (None, true) => "no check can be measured any more".to_owned(),
        (Some(named), true) => format!("{named} cannot be measured any more"),
        (None, false) => "the checks can be measured again".to_owned(),
        (Some(named), false) => format!("{named} can be measured again"),
    }
}
