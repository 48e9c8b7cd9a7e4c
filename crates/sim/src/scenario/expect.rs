//! What should come of a scenario: `rolled_back by error_rate within 3m`.

use crate::run::Run;
use rampart_core::policy::{Policy, reader};
use rampart_core::rollout::Phase;
use rampart_core::{Millis, Percent};
use serde::Serialize;
use std::collections::VecDeque;

/// Words for the phase a rollout ends in.
const OUTCOMES: [(&str, Phase); 4] = [
    ("completed", Phase::Completed),
    ("rolled_back", Phase::RolledBack),
    ("ramping", Phase::Ramping),
    ("paused", Phase::Paused),
];
const FORM: &str = "`completed`, `rolled_back`, `ramping` or `paused`, then `at PERCENT`, `by CHECK`, `after DURATION`, \
                    `within DURATION` as needed, such as `rolled_back by error_rate within 3m`";

/// What should come of a scenario.
#[derive(Clone, PartialEq, Debug)]
pub struct Expectation {
    /// As it was written.
    pub text: String,
    phase: Phase,
    /// The last percent anybody was served.
    percent: Option<Percent>,
    by: Option<String>,
    after: Option<Millis>,
    within: Option<Millis>,
}

/// Whether it came so.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Met {
    /// What was expected.
    pub expected: String,
    /// Whether it came so.
    pub met: bool,
    /// What came instead; empty where it was met.
    pub instead: String,
}

impl Expectation {
    /// Reads one. The error says what would have been right.
    pub(super) fn parse(text: &str, policy: &Policy) -> Result<Self, String> {
        let mut words: VecDeque<&str> = text.split_whitespace().collect();
        let outcome = words.pop_front().unwrap_or_default();
        let phase = OUTCOMES.iter().find(|(name, _)| *name == outcome).map(|(_, phase)| *phase).ok_or(FORM)?;
        let mut expected = Self { text: text.to_owned(), phase, percent: None, by: None, after: None, within: None };
        while let Some(word) = words.pop_front() {
            let what = words.pop_front().ok_or_else(|| format!("something behind `{word}`"))?;
            match word {
                "at" => expected.percent = Some(percent(what, &mut words)?),
                "by" => expected.by = Some(cause(what, policy)?),
                "after" => expected.after = Some(length(what)?),
                "within" => expected.within = Some(length(what)?),
                _ => return Err(FORM.to_owned()),
            }
        }
        Ok(expected)
    }

    /// Whether `run` went so. The time of a rollback counts from the first trouble of the scenario, that of anything
    /// else from the start.
    pub fn judge(&self, run: &Run) -> Met {
        let mut instead = Vec::new();
        if run.phase != self.phase {
            instead.push(run.summary.clone());
        }
        if let Some(percent) = self.percent.filter(|percent| *percent != run.last_percent) {
            instead.push(format!("at {}, not {percent}", run.last_percent));
        }
        if let Some(by) = self.by.as_ref().filter(|by| !run.caused_by(by)) {
            let cause = run.cause.as_ref().map_or("nothing", |cause| cause.text());
            instead.push(format!("not by {by}, but by {cause}"));
        }
        let from = if self.phase == Phase::RolledBack { run.trouble.unwrap_or_default() } else { Millis::ZERO };
        let took = run.ended.unwrap_or(run.lasted).minus(from);
        let (after, within) = (self.after.unwrap_or_default(), self.within.unwrap_or(Millis(u64::MAX)));
        if took < after || took > within {
            instead.push(format!("after {took}"));
        }
        Met { expected: self.text.clone(), met: instead.is_empty(), instead: instead.join("; ") }
    }
}

fn length(text: &str) -> Result<Millis, String> {
    reader::length(text).ok_or_else(|| format!("a duration such as `5m` in place of `{text}`"))
}

fn percent(text: &str, rest: &mut VecDeque<&str>) -> Result<Percent, String> {
    if rest.front() == Some(&"%") {
        rest.pop_front();
    }
    let number = text.trim_end_matches('%').parse::<f64>().ok();
    number
        .and_then(|number| Percent::try_from(number).ok())
        .ok_or_else(|| format!("a percent such as `20%` in place of `{text}`"))
}

/// A check of the policy, or the kind of another cause.
fn cause(name: &str, policy: &Policy) -> Result<String, String> {
    let checks: Vec<&str> = policy.checks.iter().map(|check| check.name.0.as_str()).collect();
    let known = checks.contains(&name) || Run::CAUSES.contains(&name);
    known.then(|| name.to_owned()).ok_or_else(|| {
        format!("a check of the policy ({}) or one of {} behind `by`", checks.join(", "), Run::CAUSES.join(", "))
    })
}
