//! What may be served of what was committed: the brake and the exposure lease.
//!
//! A brake takes one rollout's flag to 0 % in this process at once, before anything is written. It
//! belongs to that rollout's id: only another, committed rollout is served again. The exposure lease is
//! how long a committed percent may be believed after the last sign of life of whoever guards it; when
//! it runs out, the last proven stage is served, and after a while nobody.

use super::snapshot::{Answer, Served, Snapshot, StageRef, Subject};
use crate::clock;
use arc_swap::ArcSwap;
use rampart_core::flag::{FlagState, Targets};
use rampart_core::policy::BucketBy;
use rampart_core::rollout::{Phase, RolloutId};
use rampart_core::{FlagKey, Millis, Percent};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How many ticks a committed percent may be believed without a sign of life, at the least.
const LEASE_TICKS: u64 = 6;
/// The shortest exposure lease.
const LEASE_AT_LEAST: Millis = Millis::seconds(30);

/// How many lapses wait to be written down at the most.
const MAX_CHANGES: usize = 100;

/// What is committed for a flag: its row, and its newest rollout where it has one.
#[derive(Clone, PartialEq, Debug)]
pub struct Known {
    /// The flag.
    pub flag: FlagKey,
    /// The percent its row says; 0 where disabled.
    pub row: Percent,
    /// Its newest rollout.
    pub rollout: Option<KnownRollout>,
    /// What it buckets by.
    pub bucket_by: BucketBy,
    /// Subjects always in or out.
    pub targets: Targets,
    /// The policy's tick.
    pub tick: Millis,
    /// How long after a lapse nobody is served.
    pub fail_to_zero_after: Millis,
}

/// The part of a rollout that serving depends on.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct KnownRollout {
    /// Its id and epoch.
    pub stage: StageRef,
    /// Its phase.
    pub phase: Phase,
    /// Its committed percent.
    pub percent: Percent,
    /// The last proven stage.
    pub proven: Percent,
    /// Whether its checks still decide, so that requests count for it.
    pub watched: bool,
}

/// How far the exposure lease of a flag has run out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lapse {
    /// It is valid: the committed percent is served.
    Valid,
    /// It ran out: the last proven stage is served.
    Proven,
    /// It ran out long ago: nobody is served.
    Zero,
}

/// A lapse or a regain of an exposure lease.
#[derive(Clone, PartialEq, Debug)]
pub struct LapseChange {
    /// The flag.
    pub flag: FlagKey,
    /// Its rollout.
    pub rollout: Option<RolloutId>,
    /// How far it has run out now.
    pub lapse: Lapse,
    /// What is served since then.
    pub serving: Percent,
}

/// Every flag of this process. Share it behind an `Arc`.
#[derive(Debug, Default)]
pub struct Flags {
    current: ArcSwap<Snapshot>,
    behind: Mutex<Behind>,
}

#[derive(Debug, Default)]
struct Behind {
    known: Vec<Known>,
    braked: HashSet<RolloutId>,
    confirmed: HashMap<FlagKey, Instant>,
    lapsed: HashMap<FlagKey, Lapse>,
    changes: Vec<LapseChange>,
}

impl Flags {
    /// The answer of the flag `key` for `subject`.
    pub fn evaluate<'s>(&self, key: &str, subject: Subject<'s>) -> Answer<'s> {
        self.current.load().evaluate(key, subject)
    }

    /// This moment's flags.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Takes over what the database says. `alive` are the flags whose guard gave a sign of life.
    pub fn install(&self, known: Vec<Known>, alive: &[FlagKey]) {
        let mut behind = self.lock();
        let now = clock::monotonic();
        for flag in alive {
            behind.confirmed.insert(flag.clone(), now);
        }
        behind
            .braked
            .retain(|braked| known.iter().any(|known| known.rollout.is_some_and(|r| r.stage.rollout == *braked)));
        behind.known = known;
        self.publish(&mut behind, now);
    }

    /// Takes `rollout`'s flag to 0 % in this process, now. True where it was not braked before.
    pub fn brake(&self, rollout: RolloutId) -> bool {
        let mut behind = self.lock();
        let new = behind.braked.insert(rollout);
        if new {
            self.publish(&mut behind, clock::monotonic());
        }
        new
    }

    /// Whether this process serves nobody because it braked `rollout`.
    pub fn is_braked(&self, rollout: RolloutId) -> bool {
        self.lock().braked.contains(&rollout)
    }

    /// Lets leases run out.
    pub fn expire(&self) {
        let mut behind = self.lock();
        self.publish(&mut behind, clock::monotonic());
    }

    /// The lapses and regains nobody has written down yet, oldest first.
    pub fn take_changes(&self) -> Vec<LapseChange> {
        std::mem::take(&mut self.lock().changes)
    }

    /// Gives back changes that could not be written down.
    pub fn return_changes(&self, mut unwritten: Vec<LapseChange>) {
        let mut behind = self.lock();
        unwritten.append(&mut behind.changes);
        unwritten.truncate(MAX_CHANGES);
        behind.changes = unwritten;
    }

    /// How much longer the flag's percent may be believed; none where it needs no lease.
    pub fn valid_for(&self, flag: &FlagKey) -> Option<Duration> {
        let behind = self.lock();
        let known = behind.known.iter().find(|known| known.flag == *flag)?;
        known.rollout.filter(|rollout| rollout.phase.is_live())?;
        let age = behind.confirmed.get(flag)?.elapsed();
        Some(lease(known).std().saturating_sub(age))
    }

    fn publish(&self, behind: &mut Behind, now: Instant) {
        let lapses: HashMap<FlagKey, Lapse> = behind
            .known
            .iter()
            .map(|known| (known.flag.clone(), lapse(known, behind.confirmed.get(&known.flag), now)))
            .collect();
        let flags = behind
            .known
            .iter()
            .map(|known| {
                let lapse = lapses.get(&known.flag).copied().unwrap_or(Lapse::Zero);
                serve(known, &behind.braked, lapse)
            })
            .collect();
        for (flag, is) in &lapses {
            // What was never seen before has not changed.
            let was = behind.lapsed.get(flag).copied().unwrap_or(*is);
            if was != *is && behind.changes.len() < MAX_CHANGES {
                let rollout = behind.known.iter().find(|known| known.flag == *flag).and_then(|known| known.rollout);
                let serving =
                    behind.known.iter().find(|known| known.flag == *flag).map(|k| serve(k, &behind.braked, *is));
                let change = LapseChange {
                    flag: flag.clone(),
                    rollout: rollout.map(|rollout| rollout.stage.rollout),
                    lapse: *is,
                    serving: serving.map_or(Percent::ZERO, |served| served.state.percent),
                };
                behind.changes.push(change);
            }
        }
        behind.lapsed = lapses;
        self.current.store(Arc::new(Snapshot { flags }));
    }

    fn lock(&self) -> MutexGuard<'_, Behind> {
        self.behind.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lease(known: &Known) -> Millis {
    (known.tick * LEASE_TICKS).max(LEASE_AT_LEAST)
}

fn lapse(known: &Known, confirmed: Option<&Instant>, now: Instant) -> Lapse {
    // A completed rollout needs no guard to be believed, and a rolled-back one serves nobody anyway.
    let Some(_live) = known.rollout.filter(|rollout| rollout.phase.is_live()) else { return Lapse::Valid };
    let Some(confirmed) = confirmed else { return Lapse::Zero };
    let silent = now.saturating_duration_since(*confirmed);
    if silent <= lease(known).std() {
        Lapse::Valid
    } else if silent <= (lease(known) + known.fail_to_zero_after).std() {
        Lapse::Proven
    } else {
        Lapse::Zero
    }
}

fn serve(known: &Known, braked: &HashSet<RolloutId>, lapse: Lapse) -> Served {
    let percent = match known.rollout {
        // No rollout has raised it: nobody, whatever the row says.
        None => Percent::ZERO,
        Some(rollout) if braked.contains(&rollout.stage.rollout) => Percent::ZERO,
        Some(rollout) => {
            let trusted = match lapse {
                Lapse::Valid => rollout.percent,
                Lapse::Proven => rollout.proven.min(rollout.percent),
                Lapse::Zero => Percent::ZERO,
            };
            trusted.min(known.row)
        }
    };
    Served {
        key: known.flag.clone(),
        state: FlagState {
            enabled: percent > Percent::ZERO,
            percent,
            group: known.flag.to_string(),
            targets: known.targets.clone(),
        },
        bucket_by: known.bucket_by.clone(),
        stage: known.rollout.filter(|rollout| rollout.watched).map(|rollout| rollout.stage),
        as_committed: known.rollout.is_some_and(|rollout| rollout.percent == percent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rampart_core::rollout::Epoch;

    fn known(row: u8, rollout: u8, phase: Phase) -> Known {
        Known {
            flag: "part_lens_v2".parse().expect("a flag key"),
            row: Percent::whole(row),
            rollout: Some(KnownRollout {
                stage: StageRef { rollout: RolloutId(uuid::Uuid::nil()), epoch: Epoch(1) },
                phase,
                percent: Percent::whole(rollout),
                proven: Percent::whole(5),
                watched: true,
            }),
            bucket_by: BucketBy::UserId,
            targets: Targets::default(),
            tick: Millis::seconds(5),
            fail_to_zero_after: Millis::minutes(10),
        }
    }

    fn served(known: &Known, braked: bool, lapse: Lapse) -> Percent {
        let braked = braked.then_some(RolloutId(uuid::Uuid::nil()));
        serve(known, &braked.into_iter().collect(), lapse).state.percent
    }

    #[test]
    fn the_least_of_row_and_rollout_is_served() {
        assert_eq!(served(&known(20, 50, Phase::Ramping), false, Lapse::Valid), Percent::whole(20));
        assert_eq!(served(&known(50, 20, Phase::Ramping), false, Lapse::Valid), Percent::whole(20));
        assert_eq!(
            served(&Known { rollout: None, ..known(50, 0, Phase::Ramping) }, false, Lapse::Valid),
            Percent::ZERO
        );
    }

    #[test]
    fn a_brake_serves_nobody_and_a_lapse_the_last_proven_stage() {
        let known = known(50, 50, Phase::Ramping);
        assert_eq!(served(&known, true, Lapse::Valid), Percent::ZERO);
        assert_eq!(served(&known, false, Lapse::Proven), Percent::whole(5));
        assert_eq!(served(&known, false, Lapse::Zero), Percent::ZERO);
    }

    #[test]
    fn nobody_is_assigned_by_a_percent_that_was_not_committed_or_by_a_target() {
        let assigned = |known: &Known, braked: bool, lapse: Lapse| {
            let braked = braked.then_some(RolloutId(uuid::Uuid::nil())).into_iter().collect();
            let snapshot = Snapshot { flags: vec![serve(known, &braked, lapse)] };
            let subject = Subject { user: Some("a user"), yacht: Some("a yacht") };
            snapshot.evaluate("part_lens_v2", subject).assigned
        };
        let half = known(50, 50, Phase::Ramping);
        assert_eq!(assigned(&half, false, Lapse::Valid), Some("a user"));
        let by_yacht = Known { bucket_by: BucketBy::YachtId, ..half.clone() };
        assert_eq!(assigned(&by_yacht, false, Lapse::Valid), Some("a yacht"));
        assert_eq!(assigned(&half, false, Lapse::Proven), None);
        assert_eq!(assigned(&half, true, Lapse::Valid), None);
        assert_eq!(assigned(&known(20, 50, Phase::Ramping), false, Lapse::Valid), None);
        let named = Known { targets: Targets::new(vec!["a user".into()], Vec::new()), ..half };
        assert_eq!(assigned(&named, false, Lapse::Valid), None);
    }

    #[test]
    fn a_lease_lapses_in_steps_and_a_completed_rollout_has_none() {
        let start = clock::monotonic();
        let at = |seconds| start + Duration::from_secs(seconds);
        let ramping = known(50, 50, Phase::Ramping);
        assert_eq!(lapse(&ramping, Some(&start), at(30)), Lapse::Valid);
        assert_eq!(lapse(&ramping, Some(&start), at(31)), Lapse::Proven);
        assert_eq!(lapse(&ramping, Some(&start), at(630)), Lapse::Proven);
        assert_eq!(lapse(&ramping, Some(&start), at(631)), Lapse::Zero);
        assert_eq!(lapse(&ramping, None, at(0)), Lapse::Zero);
        assert_eq!(lapse(&known(100, 100, Phase::Completed), None, at(0)), Lapse::Valid);
    }

    #[test]
    fn only_another_committed_rollout_clears_a_brake() {
        let flags = Flags::default();
        let first = known(50, 50, Phase::Ramping);
        flags.install(vec![first.clone()], std::slice::from_ref(&first.flag));
        let on = || flags.snapshot().get("part_lens_v2").map(|flag| flag.state.percent);
        assert_eq!(on(), Some(Percent::whole(50)));
        assert!(flags.brake(RolloutId(uuid::Uuid::nil())));
        flags.install(vec![first.clone()], std::slice::from_ref(&first.flag));
        assert_eq!(on(), Some(Percent::ZERO), "the same rollout read again stays braked");
        let mut second = first.clone();
        second.rollout = first.rollout.map(|rollout| KnownRollout {
            stage: StageRef { rollout: RolloutId(uuid::Uuid::max()), ..rollout.stage },
            ..rollout
        });
        flags.install(vec![second], std::slice::from_ref(&first.flag));
        assert_eq!(on(), Some(Percent::whole(50)));
    }

    #[test]
    fn a_lapse_and_its_regain_are_each_kept_to_be_written_down() {
        let flags = Flags::default();
        let ramping = known(50, 50, Phase::Ramping);
        flags.install(vec![ramping.clone()], std::slice::from_ref(&ramping.flag));
        assert_eq!(flags.take_changes(), [], "what was never seen before has not changed");
        let later = clock::monotonic() + Duration::from_secs(31);
        flags.publish(&mut flags.lock(), later);
        let [lapse] = flags.take_changes().try_into().expect("one change");
        assert_eq!((lapse.lapse, lapse.serving), (Lapse::Proven, Percent::whole(5)));
        flags.return_changes(vec![lapse.clone()]);
        flags.install(vec![ramping.clone()], std::slice::from_ref(&ramping.flag));
        let [again, regain] = flags.take_changes().try_into().expect("two changes");
        assert_eq!(again, lapse, "what could not be written is not lost");
        assert_eq!((regain.lapse, regain.serving), (Lapse::Valid, Percent::whole(50)));
    }
}
