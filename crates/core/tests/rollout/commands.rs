//! What single commands mean, beyond whether they are allowed.

use crate::world::{World, approve_full, build, order, percent, start};
use rampart_core::rollout::{
    Cause, Command, CommandKind, Entry, Event, Permit, Phase, PolicyRevision, Refusal, RestartReason, apply,
    check_step, fold, permit, plan,
};
use rampart_core::{Millis, Percent};

#[test]
fn a_percent_that_is_no_stage_is_refused_and_the_stages_are_named() {
    let world = World::in_stage(1);
    for wrong in [Percent::ZERO, percent(7), percent(99), Percent::from_basis_points(2001).unwrap()] {
        let refusal = world.plan(Command::SetStage { percent: wrong }, Some("why")).unwrap_err();
        assert_eq!(refusal, Refusal::NoSuchStage { percent: wrong, stages: "5 %, 20 %, 50 %, 100 %".to_owned() });
        assert!(refusal.to_string().contains(&wrong.to_string()));
    }
}

#[test]
fn set_stage_moves_up_and_down_and_the_stage_begins_anew() {
    for (to, stage) in [(5, 0), (50, 2), (100, 3)] {
        let mut world = World::in_stage(1);
        world.rollout.progress.soak = Millis::minutes(1);
        let event = world.plan(Command::SetStage { percent: percent(to) }, Some("why")).unwrap().unwrap();
        assert_eq!(event, Event::StageSet { stage: Some(stage), percent: percent(to) });
        let epoch = world.rollout.epoch;
        world.happens(event);
        assert_eq!((world.rollout.stage, world.rollout.percent), (Some(stage), percent(to)));
        assert_eq!((world.rollout.progress.soak, world.rollout.stage_since), (Millis::ZERO, world.now));
        assert!(world.rollout.epoch > epoch);
    }
}

#[test]
fn set_stage_to_where_it_stands_changes_nothing() {
    let world = World::in_stage(1);
    assert_eq!(world.plan(Command::SetStage { percent: percent(20) }, Some("why")), Ok(None));
}

#[test]
fn set_stage_leaves_a_typed_percent_even_for_the_same_percent() {
    let mut world = World::in_stage(1);
    world.happens(Event::StageSet { stage: None, percent: percent(20) });
    let event = world.plan(Command::SetStage { percent: percent(20) }, Some("why")).unwrap();
    assert_eq!(event, Some(Event::StageSet { stage: Some(1), percent: percent(20) }));
}

#[test]
fn a_paused_rollout_stays_paused_where_its_stage_is_set() {
    let mut world = World::paused(1);
    world.happens(world.plan(Command::SetStage { percent: percent(5) }, Some("why")).unwrap().unwrap());
    assert_eq!((world.rollout.phase, world.rollout.percent), (Phase::Paused, percent(5)));
}

#[test]
fn from_a_typed_percent_advance_enters_the_first_stage_above_it() {
    for (typed, stage, whole) in [(0, 0, 5), (1, 0, 5), (5, 1, 20), (33, 2, 50), (99, 3, 100)] {
        let world = World::at_typed_percent(typed);
        let event = world.plan(Command::Advance, Some("why")).unwrap();
        let expected = Event::Advanced { stage, percent: percent(whole), proven: false };
        assert_eq!(event, Some(expected), "from {typed} %");
    }
}

#[test]
fn behind_the_last_stage_there_is_nothing_to_advance_to_or_to_approve() {
    for world in [World::in_stage(3), World::at_typed_percent(100)] {
        for command in [Command::Advance, Command::Approve] {
            let refusal = world.plan(command, Some("why")).unwrap_err();
            assert!(refusal.to_string().contains("last stage"), "{refusal}");
        }
    }
}

#[test]
fn an_ordered_advance_is_proven_only_where_the_soak_was_served() {
    let mut world = World::in_stage(0);
    world.serve_soak();
    let advance = |world: &World| world.plan(Command::Advance, Some("why")).unwrap().unwrap();
    assert_eq!(advance(&world), Event::Advanced { stage: 1, percent: percent(20), proven: true });
    world.rollout.progress.soak = Millis::hours(1).minus(Millis(1));
    assert_eq!(advance(&world), Event::Advanced { stage: 1, percent: percent(20), proven: false });
}

#[test]
fn a_stage_is_approved_once() {
    let mut world = World::in_stage(2).with_policy(approve_full);
    world.happens(world.plan(Command::Approve, None).unwrap().unwrap());
    assert_eq!(world.plan(Command::Approve, None), Ok(None));
}

#[test]
fn an_ordered_rollback_says_who_and_why() {
    let world = World::in_stage(1);
    for (reason, said) in [
        (Some(" crew complain "), "ordered by ops@yacht: crew complain"),
        (Some("  "), "ordered by ops@yacht"),
        (None, "ordered by ops@yacht"),
    ] {
        let cause = Cause::Ordered { text: said.to_owned() };
        assert_eq!(world.plan(Command::Rollback, reason), Ok(Some(Event::RolledBack { cause })));
    }
}

#[test]
fn a_rollback_leaves_nobody_exposed_and_nothing_proven() {
    let mut world = World::in_stage(2);
    world.happens(world.plan(Command::Rollback, None).unwrap().unwrap());
    let rollout = &world.rollout;
    assert_eq!((rollout.phase, rollout.percent, rollout.proven), (Phase::RolledBack, Percent::ZERO, Percent::ZERO));
    assert_eq!(rollout.ended_at, Some(world.now));
    assert_eq!(rollout.cause.as_ref().map(Cause::code), Some("ordered"));
}

#[test]
fn quarantine_is_of_policy_and_build_together() {
    let mut world = World::in_stage(1);
    world.happens(world.plan(Command::Rollback, None).unwrap().unwrap());
    let begin = |change: fn(&mut rampart_core::rollout::Start)| {
        let mut start = start(2);
        change(&mut start);
        plan(&world.policy, Some(&world.rollout), start, &order(Command::Start, None))
    };
    assert!(begin(|_| {}).unwrap_err().to_string().contains("restart"));
    assert!(begin(|start| start.build = build("build-2")).is_ok());
    assert!(begin(|start| start.policy = PolicyRevision("policy-2".to_owned())).is_ok());
}

#[test]
fn a_restart_is_marked_as_one_and_a_start_is_not() {
    let mut world = World::in_stage(1);
    world.happens(world.plan(Command::Rollback, None).unwrap().unwrap());
    let event = world.plan(Command::Restart, Some("fixed")).unwrap().unwrap();
    let Event::Started(start) = &event else { panic!("{event:?}") };
    assert!(start.restart);
    assert_eq!(start.attempt, 2);
    let born = fold(&[Entry { at: world.now, event }]).unwrap();
    assert_eq!((born.id, born.phase, born.attempt), (crate::world::start(2).id, Phase::Ramping, 2));
}

#[test]
fn a_rollback_is_followed_by_no_event_of_the_same_rollout() {
    let mut world = World::in_stage(1);
    world.happens(world.plan(Command::Rollback, None).unwrap().unwrap());
    let late = [
        Event::Advanced { stage: 2, percent: percent(50), proven: true },
        Event::StageSet { stage: Some(3), percent: Percent::FULL },
        Event::Completed,
        Event::Resumed,
        Event::RolledBack { cause: Cause::Blind { text: "again".to_owned() } },
    ];
    for event in late {
        assert_eq!(apply(world.rollout.clone(), &event, world.now), world.rollout, "{event:?}");
    }
}

#[test]
fn a_journal_with_a_restart_after_a_rollback_folds_to_the_new_rollout() {
    let mut world = World::in_stage(1);
    world.happens(world.plan(Command::Rollback, None).unwrap().unwrap());
    let event = world.plan(Command::Restart, Some("fixed")).unwrap().unwrap();
    let alone = fold(&[Entry { at: world.now, event: event.clone() }]);
    world.happens(event);
    assert_eq!(world.rollout.id, start(2).id);
    assert_eq!(fold(&world.journal), Some(world.rollout.clone()));
    assert_eq!(alone, Some(world.rollout), "it owes nothing to the one before");
}

#[test]
fn a_start_begins_anew_whatever_came_before() {
    for world in [World::in_stage(2), World::paused(1), World::completed(), World::at_typed_percent(33)] {
        let after = apply(world.rollout, &Event::Started(Box::new(start(2))), world.now);
        assert_eq!((after.id, after.phase, after.percent), (start(2).id, Phase::Ramping, percent(5)));
        assert_eq!((after.revision.0, after.epoch.0, after.stage_since), (101, 1, world.now));
    }
}

#[test]
fn a_completed_rollout_is_not_revived_by_a_late_event() {
    let world = World::completed();
    let late = [
        Event::StageSet { stage: Some(0), percent: percent(5) },
        Event::Advanced { stage: 1, percent: percent(20), proven: true },
        Event::StageRestarted { why: RestartReason::Degraded },
        Event::Paused,
        Event::Resumed,
        Event::Approved { stage: 1, by: None },
        Event::Extended { by: Millis::hours(1) },
        Event::Completed,
    ];
    for event in late {
        assert_eq!(apply(world.rollout.clone(), &event, world.now), world.rollout, "{event:?}");
        assert_eq!(check_step(&world.policy, &world.rollout, &event, &world.rollout, world.now), vec![], "{event:?}");
    }
}

#[test]
fn completion_by_order_stands_in_no_stage_but_the_last() {
    let mut early = World::in_stage(0);
    early.happens(Event::Completed);
    assert_eq!((early.rollout.stage, early.rollout.percent), (None, Percent::FULL));
    let last = World::completed();
    assert_eq!(last.rollout.stage_of(&last.policy).unwrap().percent, Percent::FULL);
    assert_eq!(last.rollout.stage, Some(3));
}

#[test]
fn notes_change_nothing() {
    let world = World::in_stage(1);
    let notes = [
        Event::LeaseLapsed { serving: percent(5) },
        Event::LeaseRegained,
        Event::BlindPaged { since: world.now },
        Event::SqlIgnored { text: "set to 20".to_owned() },
    ];
    for note in notes {
        assert!(note.is_note());
        assert_eq!(apply(world.rollout.clone(), &note, world.now), world.rollout, "{note:?}");
    }
}

#[test]
fn a_journal_that_does_not_begin_with_a_start_is_no_rollout() {
    let world = World::in_stage(1);
    assert_eq!(fold(&[]), None);
    assert_eq!(fold(&world.journal[1..]), None);
    assert_eq!(fold(&world.journal), Some(world.rollout));
}

#[test]
fn every_refusal_says_what_to_do_or_what_is_so() {
    for phase in Phase::ALL {
        for kind in CommandKind::ALL {
            for quarantined in [false, true] {
                let Permit::Illegal(why) = permit(phase, quarantined, kind) else { continue };
                assert!(why.len() > 20 && !why.ends_with('.') && why.starts_with(char::is_lowercase), "{why:?}");
            }
        }
    }
}
