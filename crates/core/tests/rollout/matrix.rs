//! The whole matrix of phase and command, cell by cell.

use crate::world::{World, build, order, percent, start};
use rampart_core::rollout::{
    Cause, Command, CommandKind, Entry, Event, Permit, Phase, Refusal, Rollout, apply, check_step, fold, permit, plan,
};
use rampart_core::{Millis, Percent};

/// Where the flag stands when the order comes.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Standing {
    Waiting,
    /// At 20 %.
    Ramping,
    /// At 20 %.
    Paused,
    Completed,
    /// By the policy and build a start would use now.
    RolledBackSame,
    /// By another build.
    RolledBackOther,
}

/// What the order makes of it.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Cell {
    /// The event's name in the journal, and the phase and percent behind it.
    To(&'static str, Phase, u8),
    Already,
    /// A word the answer must contain.
    Illegal(&'static str),
}

use Cell::{Already, Illegal, To};
use Phase::{Completed, Paused, Ramping, RolledBack};

/// A row per standing; the columns are the commands in the order of [`CommandKind::ALL`].
const MATRIX: [(Standing, [Cell; 10]); 6] = [
    (
        Standing::Waiting,
        [
            /* start    */ To("started", Ramping, 5),
            /* pause    */ Illegal("start"),
            /* resume   */ Illegal("start"),
            /* advance  */ Illegal("start"),
            /* stage    */ Illegal("start"),
            /* approve  */ Illegal("start"),
            /* extend   */ Illegal("start"),
            /* rollback */ Already,
            /* restart  */ Illegal("start"),
            /* complete */ Illegal("start"),
        ],
    ),
    (
        Standing::Ramping,
        [
            /* start    */ Illegal("running"),
            /* pause    */ To("paused", Paused, 20),
            /* resume   */ Already,
            /* advance  */ To("advanced", Ramping, 50),
            /* stage    */ To("stage_set", Ramping, 50),
            /* approve  */ To("approved", Ramping, 20),
            /* extend   */ To("extended", Ramping, 20),
            /* rollback */ To("rolled_back", RolledBack, 0),
            /* restart  */ Illegal("roll it back"),
            /* complete */ To("completed", Completed, 100),
        ],
    ),
    (
        Standing::Paused,
        [
            /* start    */ Illegal("running"),
            /* pause    */ Already,
            /* resume   */ To("resumed", Ramping, 20),
            /* advance  */ Illegal("resume"),
            /* stage    */ To("stage_set", Paused, 50),
            /* approve  */ To("approved", Paused, 20),
            /* extend   */ To("extended", Paused, 20),
            /* rollback */ To("rolled_back", RolledBack, 0),
            /* restart  */ Illegal("roll it back"),
            /* complete */ To("completed", Completed, 100),
        ],
    ),
    (
        Standing::Completed,
        [
            /* start    */ Illegal("restart"),
            /* pause    */ Illegal("complete"),
            /* resume   */ Illegal("complete"),
            /* advance  */ Illegal("complete"),
            /* stage    */ Illegal("complete"),
            /* approve  */ Illegal("complete"),
            /* extend   */ Illegal("complete"),
            /* rollback */ To("rolled_back", RolledBack, 0),
            /* restart  */ To("restarted", Ramping, 5),
            /* complete */ Already,
        ],
    ),
    (
        Standing::RolledBackSame,
        [
            /* start    */ Illegal("only restart"),
            /* pause    */ Illegal("restart"),
            /* resume   */ Illegal("restart"),
            /* advance  */ Illegal("restart"),
            /* stage    */ Illegal("restart"),
            /* approve  */ Illegal("restart"),
            /* extend   */ Illegal("restart"),
            /* rollback */ Already,
            /* restart  */ To("restarted", Ramping, 5),
            /* complete */ Illegal("restart"),
        ],
    ),
    (
        Standing::RolledBackOther,
        [
            /* start    */ To("started", Ramping, 5),
            /* pause    */ Illegal("restart"),
            /* resume   */ Illegal("restart"),
            /* advance  */ Illegal("restart"),
            /* stage    */ Illegal("restart"),
            /* approve  */ Illegal("restart"),
            /* extend   */ Illegal("restart"),
            /* rollback */ Already,
            /* restart  */ To("restarted", Ramping, 5),
            /* complete */ Illegal("restart"),
        ],
    ),
];

fn cells() -> impl Iterator<Item = (Standing, CommandKind, Cell)> {
    MATRIX.into_iter().flat_map(|(standing, row)| {
        CommandKind::ALL.into_iter().zip(row).map(move |(kind, cell)| (standing, kind, cell))
    })
}

impl Standing {
    fn phase(self) -> Phase {
        match self {
            Standing::Waiting => Phase::Waiting,
            Standing::Ramping => Ramping,
            Standing::Paused => Paused,
            Standing::Completed => Completed,
            Standing::RolledBackSame | Standing::RolledBackOther => RolledBack,
        }
    }

    fn world(self) -> World {
        let rolled_back = || {
            let mut world = World::in_stage(1);
            world.happens(Event::RolledBack { cause: Cause::Ordered { text: "ordered by ops".to_owned() } });
            world
        };
        match self {
            Standing::Waiting | Standing::Ramping => World::in_stage(1),
            Standing::Paused => World::paused(1),
            Standing::Completed => World::completed(),
            Standing::RolledBackSame => rolled_back(),
            Standing::RolledBackOther => {
                let mut world = rolled_back();
                world.rollout.build = build("build-0");
                world
            }
        }
    }
}

fn command(kind: CommandKind) -> Command {
    match kind {
        CommandKind::Start => Command::Start,
        CommandKind::Pause => Command::Pause,
        CommandKind::Resume => Command::Resume,
        CommandKind::Advance => Command::Advance,
        CommandKind::Stage => Command::SetStage { percent: percent(50) },
        CommandKind::Approve => Command::Approve,
        CommandKind::Extend => Command::Extend { by: Millis::minutes(30) },
        CommandKind::Rollback => Command::Rollback,
        CommandKind::Restart => Command::Restart,
        CommandKind::Complete => Command::Complete,
    }
}

/// What the order makes happen, and the rollout behind it; a start gives birth to another rollout.
fn carry_out(world: &World, current: Option<&Rollout>, event: &Event) -> Rollout {
    match (event, current) {
        (Event::Started(_), _) | (_, None) => fold(&[Entry { at: world.now, event: event.clone() }]).unwrap(),
        (_, Some(before)) => {
            let after = apply(before.clone(), event, world.now);
            assert_eq!(check_step(&world.policy, before, event, &after, world.now), vec![]);
            assert_eq!(after.revision.0, before.revision.0 + 1);
            after
        }
    }
}

#[test]
fn every_cell_permits_what_the_matrix_says() {
    for (standing, kind, cell) in cells() {
        let permit = permit(standing.phase(), standing == Standing::RolledBackSame, kind);
        match (cell, permit) {
            (To(..), Permit::Legal) | (Already, Permit::Already) => {}
            (Illegal(word), Permit::Illegal(why)) => assert!(why.contains(word), "{standing:?} {kind:?}: {why}"),
            (expected, got) => panic!("{standing:?} {kind:?}: expected {expected:?}, got {got:?}"),
        }
    }
}

#[test]
fn every_cell_has_the_effect_the_matrix_says_and_no_other() {
    for (standing, kind, cell) in cells() {
        let cell_name = format!("{standing:?} {kind:?}");
        let world = standing.world();
        let current = (standing != Standing::Waiting).then_some(&world.rollout);
        let planned = plan(&world.policy, current, start(2), &order(command(kind), Some("a reason")));
        match (cell, planned) {
            (To(journalled, phase, whole), Ok(Some(event))) => {
                assert_eq!(event.kind(), journalled, "{cell_name}");
                let after = carry_out(&world, current, &event);
                assert_eq!((after.phase, after.percent), (phase, Percent::whole(whole)), "{cell_name}");
            }
            (Already, Ok(None)) => {}
            (Illegal(word), Err(Refusal::Illegal(why))) => assert!(why.contains(word), "{cell_name}: {why}"),
            (expected, got) => panic!("{cell_name}: expected {expected:?}, got {got:?}"),
        }
    }
}

#[test]
fn quarantine_matters_to_nothing_but_start_after_a_rollback() {
    for phase in Phase::ALL {
        for kind in CommandKind::ALL {
            let same = permit(phase, true, kind) == permit(phase, false, kind);
            assert_eq!(same, (phase, kind) != (RolledBack, CommandKind::Start), "{phase:?} {kind:?}");
        }
    }
}

#[test]
fn kill_works_or_is_done_already_in_every_phase_and_needs_no_reason() {
    for standing in MATRIX.map(|(standing, _)| standing) {
        let world = standing.world();
        let current = (standing != Standing::Waiting).then_some(&world.rollout);
        assert!(plan(&world.policy, current, start(2), &order(Command::Rollback, None)).is_ok(), "{standing:?}");
    }
}

#[test]
fn reasons_are_asked_for_exactly_by_the_kinds_that_need_one() {
    let needing = [CommandKind::Advance, CommandKind::Stage, CommandKind::Restart, CommandKind::Complete];
    for (standing, kind, cell) in cells() {
        let world = standing.world();
        let current = (standing != Standing::Waiting).then_some(&world.rollout);
        for reason in [None, Some(""), Some(" \t\n")] {
            let planned = plan(&world.policy, current, start(2), &order(command(kind), reason));
            let refused = planned == Err(Refusal::ReasonMissing(kind.name()));
            let expected = matches!(cell, To(..)) && needing.contains(&kind);
            assert_eq!(refused, expected, "{standing:?} {kind:?} {reason:?}: {planned:?}");
        }
        assert_eq!(kind.needs_reason(), needing.contains(&kind));
    }
}

#[test]
fn kinds_have_the_names_of_the_api() {
    let names = CommandKind::ALL.map(|kind| {
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        assert_eq!(command(kind).kind(), kind);
        kind.name()
    });
    let api = ["start", "pause", "resume", "advance", "stage", "approve", "extend", "rollback", "restart", "complete"];
    assert_eq!(names, api);
}
