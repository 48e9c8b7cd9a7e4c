//! Whether the canary does harm that no single tick shows: proven by all requests together, or too much in sum.

use super::statistics::{Against, LN_PROVEN, LN_ROLLBACK, Statistics, Suspicion, ln_harm};
use super::{Cause, Need, NeedCode};
use crate::policy::{OnSharedIncident, Policy};

/// Odds beyond these are told as "more than".
const MOST_TOLD: f64 = 1e6;

/// What the sequential tests of a rollout say together.
pub(super) struct Harm {
    suspicions: Vec<Suspicion>,
    /// ln of the mean of all e-values; none where the policy has no test.
    ln_e: Option<f64>,
    /// Failures beyond what was to be expected.
    excess: f64,
    /// Whether the leading test holds against control as well.
    shared: bool,
}

impl Harm {
    pub(super) fn of(policy: &Policy, statistics: &Statistics) -> Self {
        let suspicions = statistics.suspicions(policy);
        let shared = leading(&suspicions)
            .filter(|lead| lead.against == Against::Limit)
            .is_some_and(|lead| is_shared(policy, statistics, &suspicions, lead));
        Self { ln_e: ln_harm(&suspicions), suspicions, excess: statistics.harm, shared }
    }

    /// Why to roll back, where the tests prove the canary worse or the budget is spent.
    pub(super) fn cause(&self, policy: &Policy) -> Option<Cause> {
        if let Some(budget) = policy.harm_budget.filter(|budget| self.excess >= *budget as f64) {
            let text = format!("{:.1} failures beyond what was to be expected, at the budget of {budget}", self.excess);
            return Some(Cause::Harm { text });
        }
        let held = self.shared && policy.on_shared_incident == OnSharedIncident::Hold;
        let ln_e = self.ln_e.filter(|ln_e| *ln_e >= LN_ROLLBACK && !held)?;
        let lead = leading(&self.suspicions)?;
        Some(Cause::Proven { check: lead.check.clone(), text: self.words(policy, lead, ln_e) })
    }

    /// What holds the ramp while the tests suspect the canary, and do not prove it worse.
    pub(super) fn need(&self, policy: &Policy) -> Option<Need> {
        let ln_e = self.ln_e.filter(|ln_e| *ln_e >= LN_PROVEN)?;
        let text = self.words(policy, leading(&self.suspicions)?, ln_e);
        Some(Need { code: NeedCode::Suspected, text, eta: None })
    }

    fn words(&self, policy: &Policy, lead: &Suspicion, ln_e: f64) -> String {
        let check = policy.check(&lead.check);
        let what = match lead.against {
            Against::Control => "worse than control".to_owned(),
            Against::Limit => {
                let condition = check.and_then(|check| check.rollback_if.as_ref().or(check.advance_if.as_ref()));
                let limit = condition.zip(check).map(|(limit, check)| check.signal.unit().show(limit.limit));
                limit.map_or("over its limit".to_owned(), |limit| format!("over its limit of {limit}"))
            }
        };
        let together = if self.suspicions.len() > 1 {
            format!(", all {} tests together {}", self.suspicions.len(), odds(ln_e))
        } else {
            String::new()
        };
        let shared = if self.shared { "; control is over it too: a shared incident" } else { "" };
        format!("{}: {} that it is {what}{together}{shared}", lead.check.words(), odds(lead.ln_e))
    }
}

/// The test that speaks most clearly; of equals the one the policy names first.
fn leading(suspicions: &[Suspicion]) -> Option<&Suspicion> {
    suspicions.iter().reduce(|lead, other| if other.ln_e > lead.ln_e { other } else { lead })
}

/// `STATISTICS.md` 2.8: the absolute limit is broken, the comparison leans the other way, and control broke it too.
fn is_shared(policy: &Policy, statistics: &Statistics, suspicions: &[Suspicion], lead: &Suspicion) -> bool {
    let beside = suspicions.iter().find(|other| other.check == lead.check && other.against == Against::Control);
    beside.is_some_and(|beside| beside.ln_e < 0.0) && statistics.control_is_over(policy, &lead.check)
}

/// `120:1`.
pub(super) fn odds(ln_e: f64) -> String {
    let odds = libm::exp(ln_e);
    if odds > MOST_TOLD { "more than 1 000 000:1".to_owned() } else { format!("{}:1", odds.round().max(1.0)) }
}
