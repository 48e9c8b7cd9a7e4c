//! A recording decides again to what it says, and the first difference has a name.

use crate::world::{TICK, World, policy, start};
use rampart_core::policy::Policy;
use rampart_core::rollout::{
    Actor, Difference, Epoch, Event, Evidence, Journalled, Judged, Outcome, Revision, Sample, Summary, Tick, Upon,
    consequence, decide, replay,
};
use rampart_core::{Millis, Percent};

/// A world that writes down what the daemon writes down.
pub(crate) struct Recorder {
    pub(crate) world: World,
    pub(crate) ticks: Vec<Tick>,
    pub(crate) entries: Vec<Journalled>,
}

impl Recorder {
    pub(crate) fn started(policy: Policy) -> Self {
        let world = World::born(policy, start(1));
        let first = &world.journal[0];
        let entries = vec![Journalled {
            seq: 1,
            at: first.at,
            actor: Actor("ops@yacht".to_owned()),
            event: first.event.clone(),
            judged: None,
        }];
        Self { world, ticks: Vec::new(), entries }
    }

    pub(crate) fn upon(&self) -> Upon {
        Upon { revision: self.world.rollout.revision, ticks: self.ticks.len() as u64 }
    }

    /// Waits a tick's length, then decides, stores, and lets happen what follows.
    pub(crate) fn tick(&mut self, evidence: impl FnOnce(&World) -> Evidence) {
        self.world.wait(TICK);
        let mut inputs = evidence(&self.world);
        let changed = self.ticks.last().is_none_or(|last| last.revision != self.world.rollout.revision);
        inputs.since_last_tick = inputs.since_last_tick.filter(|_| !changed);
        let judged = self.judge(inputs);
        self.ticks.push(Tick {
            n: self.ticks.len() as u64 + 1,
            at: self.world.now,
            revision: self.world.rollout.revision,
            evidence: judged.inputs.clone(),
            judgement: judged.judgement.clone(),
        });
        self.world.rollout.progress = judged.judgement.progress;
        if let Some(statistics) = judged.judgement.statistics.clone() {
            self.world.rollout.statistics = statistics;
        }
        if let Some(event) = consequence(&judged.judgement.decision) {
            self.happens(event, Some(judged));
        }
    }

    pub(crate) fn judge(&self, inputs: Evidence) -> Judged {
        let judgement = decide(&self.world.policy, &self.world.rollout, &inputs, self.world.now);
        Judged { judgement, inputs, decided_at: self.world.now, upon: self.upon() }
    }

    pub(crate) fn happens(&mut self, event: Event, judged: Option<Judged>) {
        self.world.wait(Millis(7));
        self.world.happens(event.clone());
        let (seq, at) = (self.entries.len() as i64 + 1, self.world.now);
        let actor = if judged.is_some() { Actor::controller() } else { Actor("ops@yacht".to_owned()) };
        self.entries.push(Journalled { seq, at, actor, event, judged });
    }

    pub(crate) fn replay(&self) -> Result<Summary, Difference> {
        replay(&self.world.policy, self.entries.clone(), &self.ticks, &self.world.rollout)
    }
}

pub(crate) fn quick() -> Policy {
    let mut policy = policy();
    policy.stages.iter_mut().for_each(|stage| stage.soak = Millis::seconds(20));
    policy.blind_for = Millis::seconds(8);
    policy
}

/// Ramps to 50 % through a pause, a blind stretch and a new build, and is braked by a guard that had read the rollout
/// two ticks and a change ago.
fn eventful() -> Recorder {
    let mut run = Recorder::started(quick());
    while run.world.rollout.percent < Percent::whole(20) {
        run.tick(World::healthy);
    }
    run.happens(Event::Paused, None);
    run.tick(World::healthy);
    run.happens(Event::Resumed, None);
    for _ in 0..4 {
        run.tick(World::blind);
        let last = run.ticks.last().unwrap().clone();
        if last.judgement.page_blind {
            let upon = Upon { revision: last.revision, ticks: last.n - 1 };
            let event = Event::BlindPaged { since: last.judgement.progress.blind_since.unwrap() };
            let judged = Judged { judgement: last.judgement, inputs: last.evidence, decided_at: last.at, upon };
            run.happens(event, Some(judged));
        }
    }
    run.tick(|world| Evidence { build: crate::world::build("build-2"), ..world.healthy() });
    while run.world.rollout.percent < Percent::whole(50) {
        run.tick(World::healthy);
    }
    run.tick(World::healthy);
    let old = run.judge(run.world.breach());
    run.tick(World::healthy);
    run.tick(World::healthy);
    run.happens(Event::Extended { by: Millis::hours(1) }, None);
    let event = consequence(&old.judgement.decision).unwrap();
    run.happens(event, Some(old));
    run
}

#[test]
fn a_recording_decides_again_to_what_it_says() {
    let run = eventful();
    let summary = run.replay().unwrap();
    assert_eq!(summary.rollout, run.world.rollout);
    assert_eq!((summary.entries, summary.ticks), (run.entries.len(), run.ticks.len() as u64));
    assert_eq!(summary.decisions, 5, "two advances, a page, a new build, a rollback");
}

type Alteration = Box<dyn Fn(&mut Tick)>;

#[test]
fn every_alteration_of_a_tick_is_found_at_that_tick() {
    let name = || crate::world::name("user_reports");
    let reported = Sample { value: 1.0, samples: 1 };
    let alter: [(&str, &str, Alteration); 7] = [
        (
            "a value",
            "decision",
            Box::new(move |tick| {
                let outcome = Outcome::Measured { window: reported, newest: reported };
                tick.evidence.readings.get_mut(&name()).unwrap().outcome = outcome;
            }),
        ),
        ("a reading", "decision", Box::new(|tick| tick.evidence.readings.clear())),
        ("a count", "decision", Box::new(|tick| tick.evidence.canary_requests = 3)),
        ("the time", "decision", Box::new(|tick| tick.at = Millis::hours(1).after(tick.at))),
        ("the length of the tick", "decision", Box::new(|tick| tick.evidence.since_last_tick = Some(Millis(4_999)))),
        ("the number", "n", Box::new(|tick| tick.n += 1)),
        ("the revision", "upon", Box::new(|tick| tick.revision = Revision(99))),
    ];
    for (what, path, alter) in alter {
        let mut run = eventful();
        alter(&mut run.ticks[2]);
        let found = run.replay().unwrap_err();
        // A revision too far drags in the next entry, which rests on more ticks than there were.
        let place = match path {
            "upon" => "entry #2",
            "n" => "tick 4",
            _ => "tick 3",
        };
        assert_eq!((found.place.as_str(), found.what.split('.').next().unwrap()), (place, path), "{what}: {found}");
    }
}

#[test]
fn a_missing_tick_a_forged_decision_and_a_forged_sum_are_found() {
    let mut run = eventful();
    run.ticks.remove(4);
    assert!(run.replay().unwrap_err().to_string().contains("a tick is missing"));

    let mut run = eventful();
    run.ticks.pop();
    let found = run.replay().unwrap_err();
    assert_eq!((found.place.as_str(), found.what.as_str()), ("the rollout", "progress.soak"), "{found}");

    let mut run = eventful();
    let advanced = run.entries.iter_mut().find(|entry| entry.event.kind() == "advanced").unwrap();
    advanced.event = Event::Completed;
    let found = run.replay().unwrap_err();
    assert_eq!((found.what.as_str(), found.computed.as_str()), ("event", "advance"), "{found}");

    let mut run = eventful();
    run.entries.last_mut().unwrap().judged.as_mut().unwrap().inputs.readings.clear();
    let found = run.replay().unwrap_err();
    assert_eq!((found.place.as_str(), found.what.as_str()), ("entry #9", "decision.kind"), "{found}");

    let mut run = eventful();
    run.entries.last_mut().unwrap().judged.as_mut().unwrap().upon.ticks = 1000;
    assert_eq!(run.replay().unwrap_err().what, "upon");

    let mut run = eventful();
    run.world.rollout.epoch = Epoch(1);
    assert_eq!(run.replay().unwrap_err().what, "epoch");
}

#[test]
fn a_difference_says_when_and_what() {
    let mut run = eventful();
    run.ticks[1].judgement.credit = Millis(1);
    let found = run.replay().unwrap_err();
    assert_eq!(
        found.to_string(),
        "tick 2 at 2026-03-02 02:00:10.000000 UTC: credit: stored is 1, what comes out is 5000"
    );
}
