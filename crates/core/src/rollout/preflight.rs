//! What a policy will ask of the traffic, before it is let loose (`STATISTICS.md`, decision 5).

use super::proof::may_be_beyond;
use super::statistics::LN_PROVEN;
use crate::policy::{CheckName, Policy, Proof, Scope, Signal};
use crate::stats::one_sample;
use crate::{Millis, Percent};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What comes in today.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Traffic {
    /// Requests a second, canary and control together.
    pub requests_per_second: f64,
    /// The share of control's requests that end with a 5xx, 0..=1; none where it is not known.
    pub server_error_rate: Option<f64>,
}

/// What is to be expected of a rollout.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Preflight {
    /// Each stage.
    pub stages: Vec<StagePreflight>,
    /// The chance that a healthy rollout ends without a 5xx, 0..=1. None where no check counts them or the rate is
    /// not known.
    pub survival: Option<f64>,
    /// What a release owner should know, in words.
    pub warnings: Vec<String>,
}

/// What is to be expected of one stage.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct StagePreflight {
    /// Its percent.
    pub percent: Percent,
    /// Canary requests within its soak.
    pub expected_requests: u64,
    /// Checks that so many requests can prove good, with how many each takes without a single failure.
    pub provable: Vec<(CheckName, u64)>,
    /// Checks that they cannot.
    pub unprovable: Vec<(CheckName, u64)>,
    /// How long `min_requests` take; none where nobody comes.
    pub min_requests_take: Option<Millis>,
}

/// Reckons with the traffic of today.
pub fn preflight(policy: &Policy, traffic: &Traffic) -> Preflight {
    let stages: Vec<StagePreflight> =
        (0..policy.stages.len()).filter_map(|index| stage(policy, traffic, index)).collect();
    let survival = survival(policy, traffic, &stages);
    let warnings = warnings(policy, &stages, survival);
    Preflight { stages, survival, warnings }
}

impl fmt::Display for Preflight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for stage in &self.stages {
            write!(
                f,
                "{:>6}  about {} canary requests within the soak",
                stage.percent.to_string(),
                stage.expected_requests
            )?;
            let list = |checks: &[(CheckName, u64)]| {
                let said: Vec<String> =
                    checks.iter().map(|(check, needed)| format!("{} ({needed})", check.words())).collect();
                said.join(", ")
            };
            if !stage.provable.is_empty() {
                write!(f, "; enough to prove {}", list(&stage.provable))?;
            }
            if !stage.unprovable.is_empty() {
                write!(f, "; too few to prove {}", list(&stage.unprovable))?;
            }
            writeln!(f)?;
        }
        for warning in &self.warnings {
            writeln!(f, "note: {warning}")?;
        }
        Ok(())
    }
}

fn stage(policy: &Policy, traffic: &Traffic, index: usize) -> Option<StagePreflight> {
    let stage = policy.stages.get(index)?;
    let a_second = traffic.requests_per_second.max(0.0) * stage.percent.share();
    let expected_requests = (a_second * stage.soak.as_seconds()) as u64;
    let (provable, unprovable) = needed(policy).into_iter().partition(|(_, needed)| *needed <= expected_requests);
    let min_requests_take = (a_second > 0.0).then(|| Millis((stage.min_requests as f64 * 1000.0 / a_second) as u64));
    Some(StagePreflight { percent: stage.percent, expected_requests, provable, unprovable, min_requests_take })
}

/// How many requests without a failure prove each check good at 20:1.
fn needed(policy: &Policy) -> Vec<(CheckName, u64)> {
    let of = |check: &crate::policy::Check| {
        let limit = check.advance_if.as_ref().filter(|_| !check.shadow)?;
        let p0 = may_be_beyond(check, limit)?;
        let sound = p0 > 0.0 && p0 < 1.0;
        Some((check.name.clone(), sound.then(|| one_sample::requests_to_good(0, p0, LN_PROVEN)).flatten()?))
    };
    policy.checks.iter().filter_map(of).collect()
}

/// exp(−q·N): every request of the ramp must end without a 5xx (`STATISTICS.md` 2.7).
fn survival(policy: &Policy, traffic: &Traffic, stages: &[StagePreflight]) -> Option<f64> {
    let tripwire = policy.checks.iter().find(|check| {
        let any = check.rollback_if.as_ref().is_some_and(|limit| limit.limit < 1.0);
        check.signal == Signal::Live5xx && any && !check.shadow
    })?;
    let rate = traffic.server_error_rate?;
    let canary: f64 = stages.iter().map(|stage| stage.expected_requests as f64).sum();
    let soak: f64 = policy.stages.iter().map(|stage| stage.soak.as_seconds()).sum();
    let requests = match tripwire.scope {
        Scope::Canary => canary,
        Scope::All => traffic.requests_per_second.max(0.0) * soak,
    };
    Some(libm::exp(-rate.max(0.0) * requests))
}

fn warnings(policy: &Policy, stages: &[StagePreflight], survival: Option<f64>) -> Vec<String> {
    let mut told = Vec::new();
    for (stage, plan) in stages.iter().zip(&policy.stages) {
        let percent = stage.percent;
        match stage.min_requests_take {
            None if plan.min_requests > 0 => told.push(format!("{percent}: nobody comes, so the stage never ends")),
            Some(takes) if takes > plan.soak => told.push(format!(
                "{percent}: {} requests take about {takes}, longer than the soak of {}",
                plan.min_requests, plan.soak
            )),
            None | Some(_) => {}
        }
        for (check, needed) in stage.unprovable.iter().filter(|_| plan.evidence == Proof::Proven) {
            told.push(format!(
                "{percent}: {} takes {needed} requests to prove and about {} come within the soak",
                check.words(),
                stage.expected_requests
            ));
        }
    }
    if let Some(odds) = survival.filter(|odds| *odds < 0.99) {
        let percent = (odds * 1000.0).round() / 10.0;
        told.push(format!("a healthy rollout ends without a single 5xx in {percent} % of the cases"));
    }
    told
}
