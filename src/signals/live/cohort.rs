//! What is known of one finished request.

use super::SubjectHash;
use crate::flags::StageRef;

/// Which lens served a request.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Cohort {
    /// The flag was on.
    Canary,
    /// The flag was off.
    Control,
    /// Somebody chose the lens by hand; no check reads these.
    Forced,
}

impl Cohort {
    /// The name used in labels and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Cohort::Canary => "canary",
            Cohort::Control => "control",
            Cohort::Forced => "forced",
        }
    }
}

/// A finished request.
#[derive(Clone, Copy, Debug)]
pub struct Observation {
    /// What evaluated it.
    pub stage: StageRef,
    /// Which lens served it.
    pub cohort: Cohort,
    /// Whom the committed percent decided for; none where a target, a header or a lapse did.
    pub subject: Option<SubjectHash>,
    /// The answer's status.
    pub status: u16,
    /// How long it took.
    pub micros: u64,
    /// Whether it failed because the database was away.
    pub unavailable: bool,
}
