//! The gate: what of a policy's `require` and `recommend` is proven, and why the rest is not.
//!
//! [`judge`] is pure. A start reads the evidence freshly and judges it at once; the page is shown what a task of
//! its own read some seconds ago. Nothing here lies on the way of a rollback, and evidence that cannot be read
//! proves nothing.

use super::run::Controller;
use crate::digest::hex_sha256;
use crate::store::{Recorded, StoreError};
use rampart_core::policy::{Gate, GateItem, Policy};
use rampart_core::rollout::Build;
use rampart_core::{Millis, Timestamp};
use std::collections::HashSet;
use std::fs;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How old what the page shows may grow.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long reading the evidence may take; well within a turn, which follows what is typed.
const DEADLINE: Duration = Duration::from_secs(2);
/// How many threads may look at files at once.
pub(super) const FILE_LOOKS: usize = 4;

/// What was recorded, and which artifacts lie altered on this machine.
#[derive(Clone, Debug, Default)]
pub(super) struct Evidence {
    pub(super) runs: Vec<Recorded>,
    /// Artifacts whose file on this host has other bytes than were recorded.
    pub(super) altered_files: HashSet<Uuid>,
}

/// Whether an item of the gate is proven.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum GateVerdict {
    /// By a run of this build that passed so long ago.
    Proven {
        /// Since the run ended.
        age: Millis,
    },
    /// Nobody ever recorded a run.
    Missing,
    /// The newest run failed.
    Failed {
        /// Since the run ended.
        age: Millis,
    },
    /// Only another build was proven.
    OtherBuild {
        /// The build of the evidence.
        tested: String,
        /// The build that runs.
        running: Build,
    },
    /// It was proven too long ago.
    TooOld {
        /// Since the run ended.
        age: Millis,
        /// What the policy allows.
        max_age: Millis,
    },
    /// The evidence is not what was recorded.
    Altered {
        /// What is not as it was recorded, and where.
        what: String,
    },
    /// The evidence cannot be read.
    Unreadable,
}

impl GateVerdict {
    /// Whether the gate lets this item pass.
    pub fn is_proven(&self) -> bool {
        matches!(self, GateVerdict::Proven { .. })
    }

    /// The name used on the wire.
    pub const fn name(&self) -> &'static str {
        match self {
            GateVerdict::Proven { .. } => "proven",
            GateVerdict::Missing => "missing",
            GateVerdict::Failed { .. } => "failed",
            GateVerdict::OtherBuild { .. } => "other_build",
            GateVerdict::TooOld { .. } => "too_old",
            GateVerdict::Altered { .. } => "altered",
            GateVerdict::Unreadable => "unreadable",
        }
    }

    /// Why, in words.
    pub fn why(&self) -> String {
        match self {
            GateVerdict::Proven { age } => format!("proven {age} ago, for this build"),
            GateVerdict::Missing => "never run".to_owned(),
            GateVerdict::Failed { age } => format!("the newest run failed, {age} ago"),
            GateVerdict::OtherBuild { tested, running } => format!("evidence of build {tested}, this is {}", running.0),
            GateVerdict::TooOld { age, max_age } => format!("proven {age} ago, counts for {max_age}"),
            GateVerdict::Altered { what } => what.clone(),
            GateVerdict::Unreadable => "the evidence cannot be read".to_owned(),
        }
    }
}

/// What was found on one item.
#[derive(Clone, Debug)]
pub struct GateFinding {
    /// The item.
    pub item: GateItem,
    /// Whether the ramp needs it.
    pub required: bool,
    /// Whether it is proven.
    pub verdict: GateVerdict,
    /// The run that speaks of it.
    pub evidence: Option<Recorded>,
}

impl GateFinding {
    /// Whether this keeps a rollout from starting.
    pub fn blocks(&self) -> bool {
        self.required && !self.verdict.is_proven()
    }
}

/// The required items that nothing proves.
pub(super) fn missing(findings: &[GateFinding]) -> Vec<GateItem> {
    findings.iter().filter(|finding| finding.blocks()).map(|finding| finding.item).collect()
}

/// Every item of the gate, the required ones first.
pub(super) fn judge(gate: &Gate, evidence: Option<&Evidence>, build: &Build, now: Timestamp) -> Vec<GateFinding> {
    let required = gate.require.iter().map(|item| (*item, true));
    let recommended = gate.recommend.iter().map(|item| (*item, false));
    required
        .chain(recommended)
        .map(|(item, required)| {
            let newest = evidence.and_then(|evidence| evidence.runs.iter().find(|found| found.run.item == item.name()));
            let verdict = match (evidence, newest) {
                (None, _) => GateVerdict::Unreadable,
                (Some(_), None) => GateVerdict::Missing,
                (Some(evidence), Some(newest)) => verdict(newest, evidence, gate.max_age, build, now),
            };
            GateFinding { item, required, verdict, evidence: newest.cloned() }
        })
        .collect()
}

/// The gravest first: somebody who alters evidence matters more than its age.
fn verdict(
    Recorded { run, artifacts }: &Recorded,
    evidence: &Evidence,
    max_age: Millis,
    build: &Build,
    now: Timestamp,
) -> GateVerdict {
    let age = Millis::between(run.finished_at, now);
    if let Some(artifact) = artifacts.iter().find(|artifact| !artifact.whole) {
        let what = format!("the artifact {} in the database does not match its recorded hash", artifact.name);
        return GateVerdict::Altered { what };
    }
    if let Some(artifact) = artifacts.iter().find(|artifact| evidence.altered_files.contains(&artifact.id)) {
        // A later run that was not recorded writes its files over those of the recorded one.
        let what = format!(
            "the file of the artifact {} does not match its recorded hash: it is not the one recorded (altered, or \
             written again by a later run): run and record it again",
            artifact.name
        );
        return GateVerdict::Altered { what };
    }
    if artifacts.len() != usize::try_from(run.artifacts).unwrap_or_default() {
        let what = format!("{} of {} recorded artifacts are left", artifacts.len(), run.artifacts);
        return GateVerdict::Altered { what };
    }
    if !run.passed {
        GateVerdict::Failed { age }
    } else if run.build != build.0 {
        GateVerdict::OtherBuild { tested: run.build.clone(), running: build.clone() }
    } else if age > max_age {
        GateVerdict::TooOld { age, max_age }
    } else {
        GateVerdict::Proven { age }
    }
}

impl Controller {
    /// What proves the gate of `policy`, read now.
    pub async fn gate(&self, policy: &Policy) -> Vec<GateFinding> {
        let evidence = self.read_evidence().await;
        judge(&policy.gate, evidence.as_ref(), &self.build, self.clock.now())
    }

    /// The same as of the last look, for viewers.
    pub(super) fn gate_seen(&self, policy: &Policy) -> Vec<GateFinding> {
        judge(&policy.gate, self.evidence.load().as_deref(), &self.build, self.clock.now())
    }

    /// Somebody recorded a run: look again now.
    pub fn gate_changed(&self) {
        self.gate_nudge.notify_one();
    }

    /// Keeps what the page shows of the gate fresh.
    pub(super) async fn look_at_gate_until(self: Arc<Self>, stop: CancellationToken) {
        loop {
            let evidence = self.read_evidence().await;
            self.evidence.store(evidence.map(Arc::new));
            // A turn shows it.
            self.nudge.notify_one();
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.gate_nudge.notified() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Nothing where the evidence cannot be read in time.
    async fn read_evidence(&self) -> Option<Evidence> {
        match tokio::time::timeout(DEADLINE, self.collect_evidence()).await {
            Ok(Ok(evidence)) => Some(evidence),
            Ok(Err(error)) => {
                tracing::debug!(%error, "the evidence of the gate cannot be read");
                None
            }
            Err(_) => None,
        }
    }

    async fn collect_evidence(&self) -> Result<Evidence, StoreError> {
        let runs = self.store.gate_evidence(&self.build).await?;
        let cannot = |error: &dyn std::fmt::Display| StoreError::Unreadable(error.to_string());
        let permit = self.file_looks.clone().acquire_owned().await.map_err(|error| cannot(&error))?;
        let here = self.hosts.clone();
        // A disk may hang: the thread is left to it with its permit, so that only so many ever wait.
        let look = move || {
            let altered_files = altered_files(&runs, &here);
            drop(permit);
            Evidence { runs, altered_files }
        };
        tokio::task::spawn_blocking(look).await.map_err(|error| cannot(&error))
    }
}

/// The artifacts whose file on this machine has other bytes than were recorded. A file that is gone or may not be
/// read alters nothing: the database keeps the bytes.
fn altered_files(runs: &[Recorded], here: &[String]) -> HashSet<Uuid> {
    runs.iter()
        .filter(|found| here.contains(&found.run.host))
        .flat_map(|found| &found.artifacts)
        .filter(|artifact| artifact.path.as_deref().is_some_and(|path| differs(path, artifact.size, &artifact.sha256)))
        .map(|artifact| artifact.id)
        .collect()
}

fn differs(path: &str, size: i32, sha256: &str) -> bool {
    let Ok(metadata) = fs::metadata(path) else { return false };
    // A pipe would never end, and a file of another length needs no hashing.
    if !metadata.is_file() || u64::try_from(size).ok() != Some(metadata.len()) {
        return true;
    }
    fs::read(path).is_ok_and(|bytes| hex_sha256(&bytes) != sha256)
}

/// The names this machine goes by; none where it does not say.
pub(super) fn host_names() -> Vec<String> {
    let named = ["/etc/hostname", "/proc/sys/kernel/hostname"].map(|file| fs::read_to_string(file).unwrap_or_default());
    let mut names: Vec<String> = named.iter().map(|name| name.trim().to_owned()).collect();
    names.extend(std::env::var("HOSTNAME"));
    names.retain(|name| !name.is_empty());
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
#[path = "gate_tests.rs"]
mod tests;
