//! Where each check of a flag stands, and what the sequential tests say of all of them together.

use crate::schema::{AgainstName, ProofShape, UnitName, VerdictName};
use rampart_core::Timestamp;
use rampart_core::policy::{Check, CheckName, Condition, Policy, Unit, Window};
use rampart_core::rollout::{
    Against, CheckReport, Judgement, LN_PROVEN, LN_ROLLBACK, ProofReport, Rollout, Verdict, ln_harm,
};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What the requests of the present stage prove, check by check.
pub(super) type Proofs = BTreeMap<CheckName, ProofReport>;

/// One check.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Check)]
pub struct CheckStatus {
    pub name: String,
    pub signal: &'static str,
    pub query: Option<String>,
    #[schema(value_type = VerdictName)]
    pub verdict: Verdict,
    pub shadow: bool,
    pub value: Option<f64>,
    /// What control went through over the same window.
    pub control: Option<f64>,
    #[schema(value_type = UnitName)]
    pub unit: Unit,
    pub advance_if: Option<String>,
    pub rollback_if: Option<String>,
    pub advance_limit: Option<f64>,
    pub rollback_limit: Option<f64>,
    pub samples: Option<u64>,
    pub min_samples: u64,
    pub window_seconds: Option<f64>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub observed_at: Option<Timestamp>,
    pub why: String,
    #[schema(value_type = Option<ProofShape>)]
    pub proof: Option<ProofReport>,
    pub comparison: Option<ComparisonStatus>,
}

/// How a check is held against control.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Comparison)]
pub struct ComparisonStatus {
    /// How many times as often as control the canary may fail.
    pub tolerance: f64,
    /// The odds that it fails more often than that; none before a rollout.
    pub ln_odds: Option<f64>,
}

/// What the sequential tests say: odds that the canary is worse, all requests of the rollout together.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Statistics)]
pub struct StatisticsStatus {
    /// All tests together; none where the policy has none.
    pub ln_odds: Option<f64>,
    pub hold_at: f64,
    pub rollback_at: f64,
    pub tests: Vec<TestStatus>,
    /// Failures of the canary beyond what was to be expected.
    pub harm: f64,
    pub harm_budget: Option<u64>,
}

/// What one test says.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Test)]
pub struct TestStatus {
    #[schema(value_type = String)]
    pub check: CheckName,
    #[schema(value_type = AgainstName)]
    pub against: Against,
    pub ln_odds: f64,
}

impl CheckStatus {
    pub(super) fn of(
        check: &Check,
        judgement: Option<&Judgement>,
        proofs: Option<&Proofs>,
        comparison: Option<ComparisonStatus>,
    ) -> Self {
        let report: Option<&CheckReport> =
            judgement.and_then(|judgement| judgement.checks.iter().find(|report| report.name == check.name));
        let text = |condition: &Option<Condition>| condition.as_ref().map(|condition| condition.text.clone());
        let limit = |condition: &Option<Condition>| condition.as_ref().map(|condition| condition.limit);
        Self {
            name: check.name.to_string(),
            signal: check.signal.name(),
            query: check.signal.query().map(str::to_owned),
            verdict: report.map_or(Verdict::Blind, |report| report.verdict),
            shadow: check.shadow,
            value: report.and_then(|report| report.value),
            control: report.and_then(|report| report.control),
            unit: check.signal.unit(),
            advance_if: text(&check.advance_if),
            rollback_if: text(&check.rollback_if),
            advance_limit: limit(&check.advance_if),
            rollback_limit: limit(&check.rollback_if),
            samples: report.and_then(|report| report.samples),
            min_samples: check.min_samples,
            window_seconds: match check.window {
                Window::Stage => None,
                Window::Last(length) => Some(length.as_seconds()),
            },
            observed_at: report.and_then(|report| report.observed_at),
            why: report.map_or_else(|| "no rollout is running".to_owned(), |report| report.why.clone()),
            proof: proofs.and_then(|proofs| proofs.get(&check.name)).cloned(),
            comparison,
        }
    }
}

impl ComparisonStatus {
    /// How the policy compares this check; none where it does not.
    pub(super) fn of(policy: &Policy, check: &Check, statistics: &StatisticsStatus) -> Option<Self> {
        let tolerance = policy.compare.as_ref()?.checks.get(&check.name)?.0;
        let test = statistics.tests.iter().find(|test| test.check == check.name && test.against == Against::Control);
        Some(Self { tolerance, ln_odds: test.map(|test| test.ln_odds) })
    }
}

impl StatisticsStatus {
    pub(super) fn of(policy: &Policy, rollout: Option<&Rollout>) -> Self {
        let suspicions = rollout.map(|rollout| rollout.statistics.suspicions(policy)).unwrap_or_default();
        Self {
            ln_odds: ln_harm(&suspicions),
            hold_at: LN_PROVEN,
            rollback_at: LN_ROLLBACK,
            tests: suspicions
                .into_iter()
                .map(|suspicion| TestStatus {
                    check: suspicion.check,
                    against: suspicion.against,
                    ln_odds: suspicion.ln_e,
                })
                .collect(),
            harm: rollout.map_or(0.0, |rollout| rollout.statistics.harm),
            harm_budget: policy.harm_budget,
        }
    }
}
