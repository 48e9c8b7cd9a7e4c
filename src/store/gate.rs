//! What proves the items of the gate, as it was recorded.

use super::{Store, StoreError};
use rampart_core::Timestamp;
use rampart_core::policy::GateItem;
use rampart_core::rollout::Build;
use serde_json::Value;
use std::collections::HashMap;
use uuid::Uuid;

/// The most artifacts of one run.
pub const MAX_ARTIFACTS: usize = 40;
/// The largest artifact, in bytes.
pub const MAX_ARTIFACT: usize = 2 * 1024 * 1024;
/// How many runs a list has.
const LISTED: i64 = 50;

/// A run to be recorded.
#[derive(Clone, Debug)]
pub struct NewGateRun {
    /// What it proves, or fails to.
    pub item: GateItem,
    /// Whether it did.
    pub passed: bool,
    /// The build that was tested.
    pub build: String,
    /// The yacht it ran on; none where the whole database was looked at.
    pub yacht_id: Option<Uuid>,
    /// The machine it ran on.
    pub host: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
    /// Who recorded it.
    pub recorded_by: String,
    /// Numbers worth a glance.
    pub summary: Value,
    /// The files it left behind; at most [`MAX_ARTIFACTS`].
    pub artifacts: Vec<NewArtifact>,
}

/// An artifact to be kept.
#[derive(Clone, Debug)]
pub struct NewArtifact {
    /// Its name, unique in the run.
    pub name: String,
    /// Where the file lies on the run's host.
    pub path: Option<String>,
    /// What it is.
    pub media_type: String,
    /// The SHA-256 of its content, hexadecimal.
    pub sha256: String,
    /// Its bytes; at most [`MAX_ARTIFACT`].
    pub content: Vec<u8>,
}

/// A recorded run.
#[derive(Clone, Debug)]
pub struct GateRun {
    /// Its identity.
    pub id: Uuid,
    /// The item's name.
    pub item: String,
    /// Whether it proved the item.
    pub passed: bool,
    /// The build that was tested.
    pub build: String,
    /// The yacht it ran on.
    pub yacht_id: Option<Uuid>,
    /// The machine it ran on.
    pub host: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
    /// Who recorded it.
    pub recorded_by: String,
    /// Numbers worth a glance.
    pub summary: Value,
    /// How many artifacts were recorded with it.
    pub artifacts: i16,
}

/// A recorded run with what it left behind.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The run.
    pub run: GateRun,
    /// Those of its artifacts that are still there.
    pub artifacts: Vec<GateArtifact>,
}

/// An artifact of a recorded run, without its bytes.
#[derive(Clone, Debug)]
pub struct GateArtifact {
    /// Its identity.
    pub id: Uuid,
    /// The run it belongs to.
    pub run_id: Uuid,
    /// Its name.
    pub name: String,
    /// Where the file lies on the run's host.
    pub path: Option<String>,
    /// What it is.
    pub media_type: String,
    /// The SHA-256 that was recorded.
    pub sha256: String,
    /// How many bytes are kept.
    pub size: i32,
    /// Whether the bytes kept still have the recorded SHA-256.
    pub whole: bool,
}

/// An artifact's bytes.
#[derive(Clone, Debug)]
pub struct ArtifactContent {
    /// Its name.
    pub name: String,
    /// What it is.
    pub media_type: String,
    /// The bytes.
    pub content: Vec<u8>,
}

impl Store {
    /// Keeps a run with its artifacts, all or nothing.
    pub async fn add_gate_run(&self, run: &NewGateRun) -> Result<Uuid, StoreError> {
        let id = Uuid::now_v7();
        // More than fit are refused by the table's own check.
        let count = i16::try_from(run.artifacts.len()).unwrap_or(i16::MAX);
        let mut transaction = self.pools.ops.begin().await?;
        sqlx::query!(
            "insert into rampart.gate_runs
                 (id, item, passed, build, yacht_id, host, started_at, finished_at, recorded_by, summary, artifacts)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            id,
            run.item.name(),
            run.passed,
            run.build,
            run.yacht_id,
            run.host,
            run.started_at,
            run.finished_at,
            run.recorded_by,
            run.summary,
            count
        )
        .execute(&mut *transaction)
        .await?;
        for (place, artifact) in (1_i16..).zip(&run.artifacts) {
            sqlx::query!(
                "insert into rampart.gate_artifacts (id, run_id, place, name, path, media_type, sha256, content)
                 values ($1, $2, $3, $4, $5, $6, $7, $8)",
                Uuid::now_v7(),
                id,
                place,
                artifact.name,
                artifact.path,
                artifact.media_type,
                artifact.sha256,
                artifact.content
            )
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(id)
    }

    /// The newest run of each item: of `build` where there is one, else of any. Every artifact is hashed again.
    ///
    /// The newest is the one recorded last, by the database's clock: a runner's clock may be behind, and a run that
    /// failed must not hide behind one that passed.
    pub async fn gate_evidence(&self, build: &Build) -> Result<Vec<Recorded>, StoreError> {
        let runs = sqlx::query_as!(
            GateRun,
            "select distinct on (item) id, item, passed, build, yacht_id, host, started_at, finished_at, recorded_by,
                    summary, artifacts
             from rampart.gate_runs
             order by item, (build = $1) desc, recorded_at desc, id desc",
            build.0
        )
        .fetch_all(&self.pools.ops)
        .await?;
        self.with_artifacts(runs).await
    }

    /// The runs of one item that were recorded last, the last one first.
    pub async fn gate_runs(&self, item: GateItem) -> Result<Vec<Recorded>, StoreError> {
        let runs = sqlx::query_as!(
            GateRun,
            "select id, item, passed, build, yacht_id, host, started_at, finished_at, recorded_by, summary, artifacts
             from rampart.gate_runs where item = $1 order by recorded_at desc, id desc limit $2",
            item.name(),
            LISTED
        )
        .fetch_all(&self.pools.ops)
        .await?;
        self.with_artifacts(runs).await
    }

    async fn with_artifacts(&self, runs: Vec<GateRun>) -> Result<Vec<Recorded>, StoreError> {
        let ids: Vec<Uuid> = runs.iter().map(|run| run.id).collect();
        let artifacts = sqlx::query_as!(
            GateArtifact,
            r#"select id, run_id, name, path, media_type, sha256, octet_length(content) as "size!",
                      encode(sha256(content), 'hex') = sha256 as "whole!"
               from rampart.gate_artifacts where run_id = any ($1) order by run_id, place"#,
            &ids
        )
        .fetch_all(&self.pools.ops)
        .await?;
        let mut by_run: HashMap<Uuid, Vec<GateArtifact>> = HashMap::new();
        for artifact in artifacts {
            by_run.entry(artifact.run_id).or_default().push(artifact);
        }
        let recorded = |run: GateRun| Recorded { artifacts: by_run.remove(&run.id).unwrap_or_default(), run };
        Ok(runs.into_iter().map(recorded).collect())
    }

    /// The bytes of an artifact.
    pub async fn gate_artifact(&self, id: Uuid) -> Result<Option<ArtifactContent>, StoreError> {
        let found = sqlx::query_as!(
            ArtifactContent,
            "select name, media_type, content from rampart.gate_artifacts where id = $1",
            id
        )
        .fetch_optional(&self.pools.ops)
        .await?;
        Ok(found)
    }
}
