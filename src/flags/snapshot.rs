//! One moment's flags, as the request path reads them.

use rampart_core::FlagKey;
use rampart_core::flag::{Evaluation, FlagState, Reason, evaluate};
use rampart_core::policy::BucketBy;
use rampart_core::rollout::{Epoch, RolloutId};

/// The rollout and epoch that evaluated a request: where its outcome counts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct StageRef {
    /// The rollout.
    pub rollout: RolloutId,
    /// Its epoch.
    pub epoch: Epoch,
}

/// Who asks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Subject<'s> {
    /// The user's id.
    pub user: Option<&'s str>,
    /// The yacht's id.
    pub yacht: Option<&'s str>,
}

/// A flag as it is served now.
#[derive(Clone, PartialEq, Debug)]
pub struct Served {
    /// The flag.
    pub key: FlagKey,
    /// What the evaluation needs.
    pub state: FlagState,
    /// What it buckets by.
    pub bucket_by: BucketBy,
    /// The rollout that decides it, if there is one.
    pub stage: Option<StageRef>,
    /// Whether the percent is the committed one: no brake, lapse or statement has lowered it.
    pub as_committed: bool,
}

/// The answer for one subject, and where its outcome counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answer<'s> {
    /// On or off, and why.
    pub evaluation: Evaluation,
    /// The rollout and epoch that answered.
    pub stage: Option<StageRef>,
    /// Whom the committed percent decided for: the user or the yacht. None where a target decided, or a percent that
    /// nobody committed.
    pub assigned: Option<&'s str>,
}

/// Every flag at one moment, in the order of their names.
#[derive(Clone, Default, Debug)]
pub struct Snapshot {
    pub(super) flags: Vec<Served>,
}

impl Snapshot {
    /// The flag of this name.
    pub fn get(&self, key: &str) -> Option<&Served> {
        // A handful of flags: looking along a row is quicker than hashing the name.
        self.flags.iter().find(|flag| flag.key.as_str() == key)
    }

    /// Every flag.
    pub fn iter(&self) -> impl Iterator<Item = &Served> {
        self.flags.iter()
    }

    /// The answer of the flag `key` for `subject`; off where the flag is unknown.
    pub fn evaluate<'s>(&self, key: &str, subject: Subject<'s>) -> Answer<'s> {
        let Some(flag) = self.get(key) else {
            let evaluation = Evaluation { on: false, reason: Reason::Disabled, bucket: None };
            return Answer { evaluation, stage: None, assigned: None };
        };
        let evaluation = flag.evaluate(subject);
        let by_percent = match evaluation.reason {
            Reason::Split | Reason::FullPercent => flag.as_committed,
            Reason::Disabled
            | Reason::DenyListed
            | Reason::AllowListed
            | Reason::ZeroPercent
            | Reason::TargetingKeyMissing => false,
        };
        Answer { evaluation, stage: flag.stage, assigned: flag.key_of(subject).filter(|_| by_percent) }
    }
}

impl Served {
    /// The answer for `subject`.
    pub fn evaluate(&self, subject: Subject<'_>) -> Evaluation {
        let key = self.key_of(subject);
        match (subject.user, subject.yacht) {
            (Some(user), Some(yacht)) => evaluate(&self.state, key, &[user, yacht]),
            (Some(only), None) | (None, Some(only)) => evaluate(&self.state, key, &[only]),
            (None, None) => evaluate(&self.state, key, &[]),
        }
    }
    /// What the bucket of `subject` is computed from.
    fn key_of<'s>(&self, subject: Subject<'s>) -> Option<&'s str> {
        match &self.bucket_by {
            BucketBy::UserId => subject.user,
            BucketBy::YachtId => subject.yacht,
            BucketBy::Attribute(_) => None,
        }
    }
}
