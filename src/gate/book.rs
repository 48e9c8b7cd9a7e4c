//! Takes down what each check found, tells it at once, and keeps its evidence.

use super::Target;
use super::api::Api;
use super::report::{Artifact, CheckResult, Report};
use crate::clock;
use rampart_core::Timestamp;
use rampart_core::policy::GateItem;
use serde_json::{Map, Value, json};

/// What a check leaves behind whether it passes or not.
pub(super) type Evidence = Map<String, Value>;
/// What a check saw, or why it failed.
pub(super) type Verdict = Result<String, String>;

/// The run so far.
pub(super) struct Book<'a> {
    target: &'a Target,
    tell: &'a dyn Fn(&CheckResult),
    started_at: Timestamp,
    pub(super) checks: Vec<CheckResult>,
    pub(super) artifacts: Vec<Artifact>,
}

impl<'a> Book<'a> {
    pub(super) fn open(target: &'a Target, tell: &'a dyn Fn(&CheckResult)) -> Self {
        Self { target, tell, started_at: clock::wall(), checks: Vec::new(), artifacts: Vec::new() }
    }

    /// Runs a check, tells its outcome, and keeps its evidence under `artifact`.
    pub(super) async fn check(
        &mut self,
        name: &'static str,
        artifact: Option<&'static str>,
        check: impl AsyncFnOnce(&Target, &mut Evidence) -> Verdict,
    ) -> (bool, Evidence) {
        let mut evidence = Evidence::new();
        let verdict = check(self.target, &mut evidence).await;
        let passed = verdict.is_ok();
        let detail = match verdict {
            Ok(detail) | Err(detail) => detail,
        };
        let result = CheckResult { name, passed, detail, artifact };
        (self.tell)(&result);
        if let Some(file) = artifact {
            self.keep(file, &[&result], evidence.clone());
        }
        self.checks.push(result);
        (passed, evidence)
    }

    /// Keeps evidence about some checks under a name, in place of what was there.
    pub(super) fn keep(&mut self, file: &'static str, checks: &[&CheckResult], evidence: Evidence) {
        let document = json!({
            "passed": checks.iter().all(|check| check.passed),
            "checks": checks,
            "api": self.target.api.base(),
            "yacht_id": self.target.yacht,
            "recorded_at": clock::wall(),
            "evidence": evidence,
        });
        self.artifacts.retain(|artifact| artifact.name != file);
        self.artifacts.push(Artifact::json(file, &self.target.api.redacted(document)));
    }

    /// Closes the run as the proof of `item`.
    pub(super) fn close(self, item: GateItem, build: String, summary: Value) -> Report {
        Report {
            item,
            passed: Report::all_passed(&self.checks),
            build,
            yacht_id: Some(self.target.yacht),
            started_at: self.started_at,
            finished_at: clock::wall(),
            checks: self.checks,
            summary,
            no_proof: None,
            artifacts: self.artifacts,
        }
    }

    pub(super) fn started_at(&self) -> Timestamp {
        self.started_at
    }
}

/// Which build answers; a deployment that does not say is `unknown`.
pub(super) async fn build_of(api: &Api) -> String {
    let told = api.open("/version").await.ok().filter(|answer| answer.status == 200);
    let part = |name: &str| told.as_ref().and_then(|told| told.body[name].as_str()).map(str::to_owned);
    match (part("version"), part("git_commit")) {
        (Some(version), Some(commit)) => format!("{version}+{commit}"),
        (None, Some(one)) | (Some(one), None) => one,
        (None, None) => "unknown".to_owned(),
    }
}

/// A word for what is wrong, where a condition does not hold.
pub(super) fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}
