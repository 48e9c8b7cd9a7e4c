//! The words a key may have for its value, each with what it means. Reading, showing and the
//! schema for editors all go by these tables.

use super::model::{Exception, GateItem, OnBlind, OnBreach, OnDegraded, OnSharedIncident, Proof, Scope};
use super::signal::Signal;

pub(super) const ON_DEGRADED: [(&str, OnDegraded); 2] =
    [("pause", OnDegraded::Pause), ("restart", OnDegraded::Restart)];
pub(super) const ON_BLIND: [(&str, OnBlind); 3] =
    [("hold", OnBlind::Hold), ("step_back", OnBlind::StepBack), ("rollback", OnBlind::Rollback)];
pub(super) const ON_BREACH: [(&str, OnBreach); 3] =
    [("rollback", OnBreach::Rollback), ("step_back", OnBreach::StepBack), ("freeze", OnBreach::Freeze)];
pub(super) const ON_SHARED_INCIDENT: [(&str, OnSharedIncident); 2] =
    [("rollback", OnSharedIncident::Rollback), ("hold", OnSharedIncident::Hold)];
pub(super) const EVIDENCE: [(&str, Proof); 2] = [("observed", Proof::Observed), ("proven", Proof::Proven)];
pub(super) const SCOPES: [(&str, Scope); 2] = [("canary", Scope::Canary), ("all", Scope::All)];
pub(super) const EXCEPTIONS: [(&str, Exception); 1] = [("unavailable", Exception::Unavailable)];
pub(super) const TRUTHS: [(&str, bool); 2] = [("true", true), ("false", false)];
pub(super) const APPROVERS: [(&str, ()); 1] = [("release_owner", ())];
/// The words a tolerance may be, beside a mapping.
pub(super) const NO_WORSE: &str = "no_worse";

/// The words of a table.
pub(super) fn names<T>(table: &[(&'static str, T)]) -> Vec<&'static str> {
    table.iter().map(|(name, _)| *name).collect()
}

/// The word for `value`.
pub(super) fn word<T: PartialEq>(table: &[(&'static str, T)], value: &T) -> &'static str {
    table.iter().find(|(_, known)| known == value).map_or("", |(name, _)| name)
}

/// The names of the signals that are no mapping.
pub(super) fn signals() -> Vec<&'static str> {
    Signal::BUILT_IN.iter().map(Signal::name).collect()
}

/// The names of the proofs of the gate.
pub(super) fn gate_items() -> Vec<&'static str> {
    GateItem::ALL.iter().map(|item| item.name()).collect()
}
