//! Keeps what happens in a virtual world, for drawing.

use crate::evidence::is_unknowable;
use crate::run::{Arm, Harm, Lane, Limit, Limits, Mark, MarkKind, Run, Sample, Span, Step};
use crate::scenario::Scenario;
use crate::story::{Both, Slot, Tally};
use rampart_core::policy::{Check, Policy, Signal};
use rampart_core::rollout::{Decision, Judgement, NeedCode, Phase, Rollout};
use rampart_core::{Millis, Percent};

/// Points of a drawn line, about.
const SAMPLES: u64 = 600;
/// What is not measured yet so soon after the start of a stage is no obstacle worth a sign.
const FIRST_MEASUREMENTS: Millis = Millis::seconds(30);

pub(crate) struct Recorder {
    run: Run,
    sample: Both,
    /// What has held this epoch so far; what comes back is told once, with how often.
    holds: Vec<Hold>,
    /// Where a page of this epoch stands among the marks.
    pages: Vec<usize>,
}

struct Hold {
    /// Its place among the marks.
    mark: usize,
    about: String,
    /// Since when it is on; none where it is not.
    since: Option<Millis>,
}

impl Recorder {
    pub(crate) fn new(policy: &Policy, scenario: &Scenario, seed: u64) -> Self {
        let whole = policy.stages.iter().fold(policy.watch_after, |sum, stage| sum + stage.soak);
        let seconds = (whole.0 / 1000).div_ceil(SAMPLES).max(policy.tick.0.div_ceil(1000)).max(1);
        let unknown = |check: &&Check| is_unknowable(&check.signal) && !scenario.values.contains_key(&check.name);
        let run = Run {
            flag: policy.flag.clone(),
            stages: policy.stages.iter().map(|stage| stage.percent).collect(),
            scenario: scenario.name.clone(),
            about: scenario.about.clone(),
            seed,
            start: scenario.start,
            lasted: Millis::ZERO,
            phase: Phase::Waiting,
            last_percent: Percent::ZERO,
            cause: None,
            ended: None,
            summary: String::new(),
            trouble: None,
            steps: Vec::new(),
            lanes: policy.checks.iter().map(lane).collect(),
            marks: Vec::new(),
            samples: Vec::new(),
            sample_length: Millis::seconds(seconds),
            limits: limits(policy),
            harm: Harm::default(),
            decisions: 0,
            assumed: policy.checks.iter().filter(unknown).map(|check| check.name.clone()).collect(),
            expectation: None,
        };
        Self { run, sample: Both::default(), holds: Vec::new(), pages: Vec::new() }
    }

    /// The scenario departs from how things always go.
    pub(crate) fn trouble(&mut self, at: Millis) {
        self.run.trouble.get_or_insert(at);
    }

    pub(crate) fn mark(&mut self, at: Millis, kind: MarkKind, text: String) {
        self.run.marks.push(Mark { at, kind, text, lasted: None, times: 1 });
    }

    /// Another percent is served.
    pub(crate) fn step(&mut self, at: Millis, percent: Percent) {
        if self.run.steps.last().is_none_or(|step| step.percent != percent) {
            self.run.steps.push(Step { at, percent });
        }
        if percent > Percent::ZERO {
            self.run.last_percent = percent;
        }
    }

    /// A second that began at `at` is over.
    pub(crate) fn served(&mut self, at: Millis, slot: &Slot) {
        let length = self.run.sample_length.0;
        let start = Millis(at.0 / length * length);
        self.sample.add(slot);
        if at.0 + 1000 >= start.0 + length {
            self.close_sample(start);
        }
        let harm = &mut self.run.harm;
        harm.canary_requests += slot.canary.counts.requests;
        harm.canary_failures += slot.canary.counts.failures;
        harm.control_requests += slot.control.counts.requests;
        harm.control_failures += slot.control.counts.failures;
    }

    fn close_sample(&mut self, at: Millis) {
        let sample = std::mem::take(&mut self.sample);
        self.run.samples.push(Sample { at, canary: arm(&sample.canary), control: arm(&sample.control) });
    }

    /// Somebody looked. `words` makes the sentence that is shown for it.
    pub(crate) fn judged(
        &mut self,
        at: Millis,
        in_stage: Millis,
        judgement: &Judgement,
        words: impl FnOnce() -> String,
    ) {
        self.run.decisions += 1;
        for (lane, report) in self.run.lanes.iter_mut().zip(&judgement.checks) {
            match lane.spans.last_mut() {
                Some(span) if span.verdict == report.verdict && at.minus(span.to) <= self.run.sample_length => {
                    span.to = at;
                }
                last => {
                    // What was said holds until something else is said.
                    if let Some(span) = last.filter(|span| at.minus(span.to) <= FIRST_MEASUREMENTS) {
                        span.to = at;
                    }
                    let why = report.why.clone();
                    lane.spans.push(Span { from: at, to: at, verdict: report.verdict, why });
                }
            }
        }
        match obstacle(judgement, in_stage) {
            Some(about) => self.held(at, about, words),
            None => self.release(at),
        }
    }

    fn held(&mut self, at: Millis, about: String, words: impl FnOnce() -> String) {
        if self.holds.iter().any(|hold| hold.since.is_some() && hold.about == about) {
            return;
        }
        self.release(at);
        match self.holds.iter_mut().find(|hold| hold.about == about) {
            Some(hold) => {
                hold.since = Some(at);
                if let Some(mark) = self.run.marks.get_mut(hold.mark) {
                    mark.times += 1;
                }
            }
            None => {
                let mark = self.run.marks.len();
                self.holds.push(Hold { mark, about, since: Some(at) });
                let lasted = Some(Millis::ZERO);
                self.run.marks.push(Mark { at, kind: MarkKind::Held, text: words(), lasted, times: 1 });
            }
        }
    }

    /// Nothing is in the way any more.
    fn release(&mut self, at: Millis) {
        for hold in &mut self.holds {
            let Some(since) = hold.since.take() else { continue };
            if let Some(mark) = self.run.marks.get_mut(hold.mark) {
                mark.lasted = Some(mark.lasted.unwrap_or_default() + at.minus(since));
            }
        }
    }

    /// Something is decided, and whatever held before does so no more.
    pub(crate) fn move_on(&mut self, at: Millis) {
        self.release(at);
        self.holds.clear();
        self.pages.clear();
    }

    /// Somebody is paged; told once an epoch, with how often.
    pub(crate) fn page(&mut self, at: Millis, text: String) {
        let same = |place: &&usize| self.run.marks.get(**place).is_some_and(|mark| mark.text == text);
        if let Some(place) = self.pages.iter().find(same).copied() {
            if let Some(mark) = self.run.marks.get_mut(place) {
                mark.times += 1;
            }
            return;
        }
        self.pages.push(self.run.marks.len());
        self.mark(at, MarkKind::Paged, text);
    }

    /// The world ends at `at`.
    pub(crate) fn finish(mut self, at: Millis, rollout: Option<&Rollout>, scenario: &Scenario) -> Run {
        self.release(at);
        if self.sample.canary.counts.requests + self.sample.control.counts.requests > 0 {
            let length = self.run.sample_length.0;
            self.close_sample(Millis(at.0 / length * length));
        }
        let mut run = self.run;
        run.lasted = at;
        if let Some(rollout) = rollout {
            run.phase = rollout.phase;
            run.cause = rollout.cause.clone();
            run.ended = rollout.ended_at.map(|end| Millis::between(scenario.start, end));
        }
        // A hold of a moment is no news where it comes once.
        run.marks.retain(|mark| mark.lasted.is_none_or(|lasted| lasted >= FIRST_MEASUREMENTS || mark.times > 2));
        // What the world does comes before what follows from it.
        run.marks.sort_by_key(|mark| (mark.at, mark.kind != MarkKind::World));
        run.summary = summary(&run);
        run.expectation = scenario.expect.as_ref().map(|expected| expected.judge(&run));
        run
    }
}

fn lane(check: &Check) -> Lane {
    let advance = check.advance_if.as_ref().map(|condition| format!("advance {}", condition.text));
    let rollback = check.rollback_if.as_ref().map(|condition| format!("roll back {}", condition.text));
    let limits: Vec<String> = advance.into_iter().chain(rollback).collect();
    Lane { check: check.name.clone(), limits: limits.join(", "), shadow: check.shadow, spans: Vec::new() }
}

fn limits(policy: &Policy) -> Limits {
    let of = |signal: &Signal| {
        let mut found = Vec::new();
        for check in policy.checks.iter().filter(|check| check.signal == *signal) {
            let limit = |value, rolls_back| Limit { value, rolls_back };
            found.extend(check.advance_if.as_ref().map(|condition| limit(condition.limit, false)));
            found.extend(check.rollback_if.as_ref().map(|condition| limit(condition.limit, true)));
        }
        found
    };
    Limits { failure_rate: of(&Signal::LiveErrorRate), p95_ms: of(&Signal::LiveP95) }
}

fn arm(tally: &Tally) -> Arm {
    let requests = tally.counts.requests;
    Arm { requests, failure_rate: tally.counts.failure_rate(), p95_ms: tally.cells.p95_ms() }
}

/// What holds the ramp, beside time: the first need, and the check it is about.
fn obstacle(judgement: &Judgement, in_stage: Millis) -> Option<String> {
    let Decision::Hold { needs } = &judgement.decision else { return None };
    let need = needs.iter().find(|need| is_obstacle(need.code))?;
    if need.code == NeedCode::Blind && in_stage < FIRST_MEASUREMENTS {
        return None;
    }
    let check = need.text.split(':').next().unwrap_or_default();
    Some(format!("{:?} {check}", need.code))
}

const fn is_obstacle(code: NeedCode) -> bool {
    match code {
        NeedCode::Degraded
        | NeedCode::Blind
        | NeedCode::Suspected
        | NeedCode::SampleRatio
        | NeedCode::Silent
        | NeedCode::Window
        | NeedCode::Approval
        | NeedCode::ManualPercent => true,
        NeedCode::Soak
        | NeedCode::MinRequests
        | NeedCode::Unproven
        | NeedCode::Paused
        | NeedCode::Frozen
        | NeedCode::Watching
        | NeedCode::Over => false,
    }
}

fn summary(run: &Run) -> String {
    let ended = run.ended.unwrap_or(run.lasted);
    match run.phase {
        Phase::Completed => format!("Completed at 100 % after {ended}"),
        Phase::RolledBack => {
            let cause = run.cause.as_ref().map_or("unknown cause", |cause| cause.text());
            format!("Rolled back from {} after {ended}: {cause}", run.last_percent)
        }
        Phase::Ramping => format!("Still ramping at {} after {ended}", run.last_percent),
        Phase::Paused => format!("Paused at {} after {ended}", run.last_percent),
        Phase::Waiting => "Nothing was started".to_owned(),
    }
}
