//! Why one decision came out as it did: the rule, what it saw, what was proven, and what the nearest other outcome was.

use super::harm::odds;
use super::{
    Against, CheckReport, Decision, Judged, Need, Outcome, Phase, Reading, Rollout, Rule, Statistics, Verdict, exact,
    proof, sentence,
};
use crate::policy::{Check, CheckName, Condition, OnBreach, Op, Policy, Window};
use crate::{FlagKey, Millis, Timestamp};
use serde::Serialize;
use std::fmt;

/// One decision, explained.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Explanation {
    /// The flag.
    pub flag: FlagKey,
    /// When it was decided.
    pub at: Timestamp,
    /// What was decided.
    pub decision: Decision,
    /// The same in a sentence.
    pub sentence: String,
    /// The rule that decided.
    pub rule: Rule,
    /// What the rule rests on, the weightiest first.
    pub because: Vec<String>,
    /// What each check saw, in the policy's order.
    pub checks: Vec<CheckExplanation>,
    /// What is proven so far, and what the tests suspect.
    pub proven: Vec<String>,
    /// What would have had to be different for the nearest other outcome.
    pub nearest: String,
}

/// What one check saw.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct CheckExplanation {
    /// The check.
    pub name: CheckName,
    /// Its signal's name.
    pub signal: &'static str,
    /// The text of its query, where a person wrote one.
    pub query: Option<String>,
    /// What it says.
    pub verdict: Verdict,
    /// Why, in words.
    pub why: String,
    /// The value over its window, in the unit of its signal.
    #[serde(with = "exact::option")]
    pub value: Option<f64>,
    /// The same as people read it.
    pub shown: Option<String>,
    /// What must hold to advance.
    pub advance_if: Option<String>,
    /// What breaks it.
    pub rollback_if: Option<String>,
    /// What a breach does.
    pub on_breach: OnBreach,
    /// How many observations stand behind the value.
    pub samples: Option<u64>,
    /// How many it needs to act.
    pub min_samples: u64,
    /// How far back it looks.
    pub window: String,
    /// When the measurement began.
    pub begun_at: Option<Timestamp>,
    /// When it was taken.
    pub observed_at: Option<Timestamp>,
    /// How old it was when it was judged.
    pub age: Option<Millis>,
    /// Whether it is shown and decides nothing.
    pub shadow: bool,
}

/// Explains a decision upon `rollout`, with what the tests knew by then.
pub fn explain(policy: &Policy, rollout: &Rollout, statistics: &Statistics, judged: &Judged) -> Explanation {
    let judgement = &judged.judgement;
    let progressed = Rollout { progress: judgement.progress, ..rollout.clone() };
    Explanation {
        flag: rollout.flag.clone(),
        at: judged.decided_at,
        decision: judgement.decision.clone(),
        sentence: sentence(policy, Some(&progressed), Some(judgement)),
        rule: Rule::of(&judgement.decision),
        because: because(policy, &progressed, judged),
        checks: checks(policy, judged),
        proven: proven(policy, rollout, statistics, judged),
        nearest: nearest(policy, rollout, judged),
    }
}

fn because(policy: &Policy, rollout: &Rollout, judged: &Judged) -> Vec<String> {
    match &judged.judgement.decision {
        Decision::Hold { needs } => needs.iter().map(|need| need.text.clone()).collect(),
        Decision::Rollback { cause } | Decision::StepBack { cause, .. } | Decision::Freeze { cause } => {
            vec![cause.text().to_owned()]
        }
        Decision::RestartStage { .. } => vec![format!("{} serves, {} was ramping", judged.inputs.build, rollout.build)],
        Decision::Advance { .. } | Decision::Complete => {
            let stage = rollout.stage_of(policy).copied();
            let soak = rollout.soak_required(policy).unwrap_or_default();
            let wanted = stage.map_or(0, |stage| stage.min_requests);
            vec![
                format!("{} of {soak} of soak served", rollout.progress.soak),
                format!("{} canary requests, {wanted} needed", judged.inputs.canary_requests),
                "every check is good enough, and nothing else is missing".to_owned(),
            ]
        }
    }
}

fn checks(policy: &Policy, judged: &Judged) -> Vec<CheckExplanation> {
    let pairs = policy.checks.iter().filter_map(|check| Some((check, report(&judged.judgement.checks, &check.name)?)));
    pairs.map(|(check, report)| check_explanation(check, report, judged)).collect()
}

fn report<'r>(reports: &'r [CheckReport], name: &CheckName) -> Option<&'r CheckReport> {
    reports.iter().find(|report| report.name == *name)
}

fn check_explanation(check: &Check, report: &CheckReport, judged: &Judged) -> CheckExplanation {
    let reading = judged.inputs.readings.get(&check.name);
    let measured = reading.and_then(|reading| match &reading.outcome {
        Outcome::Measured { window, .. } => Some(*window),
        Outcome::NoEvidence(_) | Outcome::Fault(_) => None,
    });
    let value = report.value.or(measured.map(|sample| sample.value));
    let text = |condition: &Option<Condition>| condition.as_ref().map(|condition| condition.text.clone());
    CheckExplanation {
        name: check.name.clone(),
        signal: check.signal.name(),
        query: check.signal.query().map(str::to_owned),
        verdict: report.verdict,
        why: report.why.clone(),
        value,
        shown: value.map(|value| check.signal.unit().show(value)),
        advance_if: text(&check.advance_if),
        rollback_if: text(&check.rollback_if),
        on_breach: check.on_breach,
        samples: report.samples.or(measured.map(|sample| sample.samples)),
        min_samples: check.min_samples,
        window: match check.window {
            Window::Stage => "this stage".to_owned(),
            Window::Last(length) => format!("the last {length}"),
        },
        begun_at: reading.map(|reading| reading.begun_at),
        observed_at: reading.map(|reading| reading.observed_at),
        age: reading.map(|reading| Millis::between(reading.observed_at, judged.decided_at)),
        shadow: report.shadow,
    }
}

fn proven(policy: &Policy, rollout: &Rollout, statistics: &Statistics, judged: &Judged) -> Vec<String> {
    let of = |check: &Check| {
        let proof = proof(check, rollout, &judged.inputs, judged.decided_at)?;
        Some(format!("{}: {}", check.name.words(), proof.text))
    };
    let proofs = policy.checks.iter().filter_map(of);
    let suspicions = statistics.suspicions(policy).into_iter().map(|suspicion| {
        let against = match suspicion.against {
            Against::Limit => "its limit",
            Against::Control => "control",
        };
        format!("{}: {} that the canary is worse than {against}", suspicion.check.words(), odds(suspicion.ln_e))
    });
    proofs.chain(suspicions).collect()
}

fn nearest(policy: &Policy, rollout: &Rollout, judged: &Judged) -> String {
    let closest = closest(policy, judged).map(|text| format!("; closest to its limit: {text}")).unwrap_or_default();
    match &judged.judgement.decision {
        Decision::Hold { .. } if rollout.phase != Phase::Ramping => "only a person, or a breach, moves it".to_owned(),
        Decision::Hold { needs } => format!("{} once this is met: {}{closest}", next(policy, rollout), lacking(needs)),
        Decision::Advance { .. } | Decision::Complete => {
            format!("it would have held, had one check been worse{closest}")
        }
        Decision::Rollback { cause } | Decision::StepBack { cause, .. } | Decision::Freeze { cause } => {
            let spared = cause.check().and_then(|name| Some((policy.check(name)?, name)));
            let spared = spared.and_then(|(check, name)| excess(check, judged.inputs.readings.get(name)?));
            spared.map_or("none: nothing but this cause would have had to be away".to_owned(), |text| {
                format!("it would have stayed at {}, had {text}", rollout.percent)
            })
        }
        Decision::RestartStage { .. } => format!("it would have gone on at {} without the restart", rollout.percent),
    }
}

fn next(policy: &Policy, rollout: &Rollout) -> String {
    let next = rollout.stage.and_then(|stage| policy.stages.get(stage + 1));
    next.map_or("it completes".to_owned(), |next| format!("it advances to {}", next.percent))
}

/// What is in the way first; of what only takes time, what takes longest.
fn lacking(needs: &[Need]) -> String {
    let obstacle = needs.iter().find(|need| !need.code.only_takes_time());
    let last = || needs.iter().max_by_key(|need| (need.eta.is_none(), need.eta));
    let more = match needs.len() {
        0 | 1 => String::new(),
        all => format!(" (and {} more)", all - 1),
    };
    obstacle.or_else(last).map_or("nothing is missing".to_owned(), |need| need.text.clone()) + &more
}

/// The check whose value is nearest to the limit that would pull the flag back, as a share of that limit.
fn closest(policy: &Policy, judged: &Judged) -> Option<String> {
    let reading = |check: &Check| match &judged.inputs.readings.get(&check.name)?.outcome {
        Outcome::Measured { window, .. } if window.value.is_finite() => Some(*window),
        Outcome::Measured { .. } | Outcome::NoEvidence(_) | Outcome::Fault(_) => None,
    };
    let of = |check: &Check| {
        let limit = check.rollback_if.as_ref().filter(|limit| matches!(limit.op, Op::Greater | Op::AtLeast))?;
        let value = reading(check)?.value;
        let share = if limit.limit > 0.0 { value / limit.limit } else { 0.0 };
        let unit = check.signal.unit();
        Some((share, format!("{}, {} where {} rolls back", check.name.words(), unit.show(value), limit.text)))
    };
    let counted = policy.checks.iter().filter(|check| !check.shadow);
    // Of equals the first of the policy.
    let nearest = counted.filter_map(of).reduce(|near, other| if other.0 > near.0 { other } else { near });
    nearest.map(|(_, text)| text)
}

/// By how much a check missed its limit.
fn excess(check: &Check, reading: &Reading) -> Option<String> {
    let limit = check.rollback_if.as_ref()?;
    let Outcome::Measured { window, .. } = &reading.outcome else { return None };
    let unit = check.signal.unit();
    let over = unit.show((window.value - limit.limit).abs());
    let few = match check.min_samples {
        0 => String::new(),
        samples => format!(", or seen fewer than {samples} samples"),
    };
    Some(format!("{} read no more than {}, {over} less{few}", check.name.words(), unit.show(limit.limit)))
}

impl fmt::Display for Explanation {
    /// For people, a dozen lines.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} · {} on {}", self.flag, self.decision.kind(), self.at.format("%-d %b at %H:%M:%S%.3f UTC"))?;
        writeln!(f, "{}", self.sentence)?;
        writeln!(f, "\nrule {}: {}", self.rule.name(), self.rule.text())?;
        for because in &self.because {
            writeln!(f, "  {because}")?;
        }
        writeln!(f, "\nchecks")?;
        for check in &self.checks {
            write!(f, "{check}")?;
        }
        if !self.proven.is_empty() {
            writeln!(f, "\nproven")?;
        }
        for proven in &self.proven {
            writeln!(f, "  {proven}")?;
        }
        writeln!(f, "\nnearest: {}", self.nearest)
    }
}

impl fmt::Display for CheckExplanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shadow = if self.shadow { " (shadow)" } else { "" };
        writeln!(f, "  {:<9} {:<22} {}{shadow}", self.verdict.name(), self.name.0, self.why)?;
        let limits = [("advances", &self.advance_if), ("breaks", &self.rollback_if)];
        let limits = limits.into_iter().filter_map(|(what, limit)| Some(format!("{what} {}", limit.as_ref()?)));
        let mut facts = vec![self.signal.to_owned()];
        facts.extend(limits);
        facts.extend(self.samples.map(|samples| format!("{samples} samples, {} needed", self.min_samples)));
        facts.push(format!("over {}", self.window));
        if let (Some(observed_at), Some(age)) = (self.observed_at, self.age) {
            facts.push(format!("seen {}, {age} old", observed_at.format("%H:%M:%S%.3f")));
        }
        writeln!(f, "            {}", facts.join(" · "))?;
        self.query.as_ref().map_or(Ok(()), |query| writeln!(f, "            query: {query}"))
    }
}
