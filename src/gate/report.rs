//! What a run found, as it is shown, kept and recorded.

use crate::digest::hex_sha256;
use rampart_core::Timestamp;
use rampart_core::policy::GateItem;
use serde::Serialize;
use serde_json::{Value, json};
use std::path::PathBuf;
use uuid::Uuid;

/// One check.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct CheckResult {
    /// Its name, which scripts look for.
    pub(crate) name: &'static str,
    /// Whether it passed.
    pub(crate) passed: bool,
    /// What it saw, or why it failed.
    pub(crate) detail: String,
    /// The file with its evidence.
    pub(crate) artifact: Option<&'static str>,
}

impl CheckResult {
    /// One line, understandable without colour.
    pub(crate) fn line(&self) -> String {
        format!("{} {} — {}", if self.passed { "✓" } else { "✗" }, self.name, self.detail)
    }
}

/// A file of evidence. Holds no secret.
#[derive(Clone, Debug)]
pub(crate) struct Artifact {
    /// Its name, which scripts look for.
    pub(crate) name: &'static str,
    /// Its content.
    pub(crate) text: String,
    /// What it is.
    pub(crate) media_type: &'static str,
}

impl Artifact {
    /// A JSON document.
    pub(crate) fn json(name: &'static str, value: &Value) -> Self {
        Self { name, text: format!("{value:#}\n"), media_type: "application/json" }
    }
}

/// What a run of one gate item found.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    /// The item of the gate that this proves, or fails to.
    pub(crate) item: GateItem,
    /// Whether every check passed, and there was one.
    pub(crate) passed: bool,
    /// Which build of the API was tested; `unknown` where it does not say.
    pub(crate) build: String,
    /// On which yacht; none where the whole database was looked at.
    pub(crate) yacht_id: Option<Uuid>,
    /// When it began.
    pub(crate) started_at: Timestamp,
    /// When it ended.
    pub(crate) finished_at: Timestamp,
    /// Every check, in order.
    pub(crate) checks: Vec<CheckResult>,
    /// Numbers worth a glance.
    pub(crate) summary: Value,
    /// Why this is not to be recorded as a proof, however it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) no_proof: Option<String>,
    /// The files of evidence, written beside.
    #[serde(skip)]
    pub(crate) artifacts: Vec<Artifact>,
}

impl Report {
    /// Whether `checks` prove anything, and all of it.
    pub(crate) fn all_passed(checks: &[CheckResult]) -> bool {
        !checks.is_empty() && checks.iter().all(|check| check.passed)
    }

    /// The body that records this in a daemon's database. `place` says where an artifact was written.
    pub(crate) fn wire(&self, place: &dyn Fn(&str) -> PathBuf) -> Value {
        let artifacts: Vec<Value> = self
            .artifacts
            .iter()
            .map(|artifact| {
                json!({
                    "name": artifact.name,
                    "sha256": hex_sha256(artifact.text.as_bytes()),
                    "path": place(artifact.name),
                    "text": artifact.text,
                    "media_type": artifact.media_type,
                })
            })
            .collect();
        let mut summary = json!({ "checks": self.checks, "figures": self.summary });
        if let (Some(summary), Some(database)) = (summary.as_object_mut(), self.summary.get("database")) {
            summary.insert("database".to_owned(), database.clone());
        }
        json!({
            "item": self.item,
            "passed": self.passed,
            "build": self.build,
            "yacht_id": self.yacht_id,
            "started_at": self.started_at,
            "finished_at": self.finished_at,
            "host": host(),
            "summary": summary,
            "artifacts": artifacts,
        })
    }
}

/// Where the run happened, so that two records can be told apart.
fn host() -> String {
    let told = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    let told = told.trim();
    if told.is_empty() { "unknown".to_owned() } else { told.to_owned() }
}
