//! Which lens answers a request, and where its outcome counts.

use crate::flags::{Answer, Flags, StageRef, Subject};
use crate::signals::{Cohort, SubjectHash};
use axum::http::HeaderValue;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::str::FromStr;
use std::sync::OnceLock;
use std::time::Duration;
use uuid::Uuid;
use uuid::fmt::Hyphenated;

/// The flag that decides.
pub(super) const FLAG: &str = "part_lens_v2";
/// Says which lens answered; on the way in, a wish of whoever holds the service key.
pub(super) const LENS_HEADER: &str = "x-part-lens";

/// How stock is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lens {
    /// From the quantities kept beside the stock rows.
    V1,
    /// From the ledger, through the canonical views.
    V2,
}

impl Lens {
    /// Its name on the wire and in the audit log.
    pub fn name(self) -> &'static str {
        match self {
            Lens::V1 => "v1",
            Lens::V2 => "v2",
        }
    }

    pub(super) fn header(self) -> HeaderValue {
        HeaderValue::from_static(self.name())
    }
}

impl FromStr for Lens {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        match name {
            "v1" => Ok(Lens::V1),
            "v2" => Ok(Lens::V2),
            _ => Err(()),
        }
    }
}

/// In the extensions of every response whose lens was chosen: what its outcome counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Served {
    /// The cohort.
    pub cohort: Cohort,
    /// The rollout and epoch that chose; none where no rollout did.
    pub stage: Option<StageRef>,
    /// Whom the rollout's percent decided for.
    pub subject: Option<SubjectHash>,
    /// Whether the request failed because the database was away.
    pub unavailable: bool,
}

/// What is known of a request while it is under way, for whoever counts it: the counter puts one into the
/// request's extensions, the gate fills it. A client that hangs up leaves no response to read it from.
#[derive(Debug, Default)]
pub struct Trace {
    served: OnceLock<Served>,
    waited: OnceLock<Duration>,
}

impl Trace {
    /// What the outcome counts for; none before the lens is chosen.
    pub fn served(&self) -> Option<Served> {
        self.served.get().copied()
    }

    /// How long we waited for the client's body: a slow link is no latency of ours.
    pub fn waited(&self) -> Duration {
        self.waited.get().copied().unwrap_or_default()
    }

    pub(super) fn chose(&self, served: Served) {
        // Chosen once a request; a second choice would be the same.
        let _ = self.served.set(served);
    }

    pub(super) fn waited_for_body(&self, waited: Duration) {
        let _ = self.waited.set(waited);
    }
}

/// A lens and why it was taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choice {
    pub(super) lens: Lens,
    pub(super) cohort: Cohort,
    pub(super) stage: Option<StageRef>,
    pub(super) subject: Option<SubjectHash>,
}

/// Chooses the lens: the forced one, else what the flag says of the user.
pub(super) fn choose(flags: &Flags, forced: Option<Lens>, user: Uuid, yacht: Option<Uuid>) -> Choice {
    if let Some(lens) = forced {
        return Choice { lens, cohort: Cohort::Forced, stage: None, subject: None };
    }
    // Written out on the stack: choosing a lens allocates nothing.
    let (mut user_text, mut yacht_text) = ([0; Hyphenated::LENGTH], [0; Hyphenated::LENGTH]);
    let subject = Subject {
        user: Some(user.hyphenated().encode_lower(&mut user_text)),
        yacht: yacht.map(|yacht| &*yacht.hyphenated().encode_lower(&mut yacht_text)),
    };
    // The old lens answers whatever may be wrong with the flag, a fault of ours included.
    match catch_unwind(AssertUnwindSafe(|| flags.evaluate(FLAG, subject))) {
        Ok(Answer { evaluation, stage, assigned }) => {
            let (lens, cohort) = if evaluation.on { (Lens::V2, Cohort::Canary) } else { (Lens::V1, Cohort::Control) };
            Choice { lens, cohort, stage, subject: assigned.map(SubjectHash::of) }
        }
        Err(_) => Choice { lens: Lens::V1, cohort: Cohort::Control, stage: None, subject: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_flag_the_old_lens_answers_and_a_forced_one_counts_apart() {
        let flags = Flags::default();
        let choice = choose(&flags, None, Uuid::nil(), None);
        assert_eq!((choice.lens, choice.cohort), (Lens::V1, Cohort::Control));
        let choice = choose(&flags, Some(Lens::V2), Uuid::nil(), None);
        assert_eq!((choice.lens, choice.cohort), (Lens::V2, Cohort::Forced));
    }
}
