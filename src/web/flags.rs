//! Flags and their evaluation.

use super::auth::{Caller, Role};
use super::problem::Problem;
use super::server::Shared;
use crate::flags::{Served, Subject};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use rampart_core::flag::{Bucket, Reason, Targets};
use rampart_core::policy::BucketBy;
use rampart_core::rollout::RolloutId;
use rampart_core::{FlagKey, Percent};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// Every flag.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FlagList {
    flags: Vec<Flag>,
}

/// What is served of a flag.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Flag {
    #[schema(value_type = String)]
    key: FlagKey,
    enabled: bool,
    #[schema(value_type = f64)]
    percent: Percent,
    /// What subjects are bucketed under, beside their own name.
    group: String,
    #[schema(value_type = serde_json::Value)]
    bucket_by: BucketBy,
    #[schema(value_type = Object)]
    targets: Targets,
    #[schema(value_type = Option<uuid::Uuid>)]
    rollout_id: Option<RolloutId>,
}

/// What one subject is served.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Evaluated {
    key: String,
    value: bool,
    variant: &'static str,
    #[schema(value_type = String)]
    reason: Reason,
    bucket: Option<u16>,
    #[schema(value_type = f64)]
    percent: Percent,
}

/// Why one subject is served what it is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SubjectExplained {
    key: String,
    subject: String,
    bucket: u16,
    /// The same, a hundred times as fine.
    fine: u16,
    buckets: u16,
    #[schema(value_type = f64)]
    percent: Percent,
    value: bool,
    #[schema(value_type = String)]
    reason: Reason,
    /// What an override says; none where there is none.
    targeted: Option<bool>,
    stage: Option<TurnsOn>,
    sentence: String,
}

/// The stage that turns a subject on.
#[derive(Debug, Serialize, ToSchema)]
struct TurnsOn {
    index: usize,
    #[schema(value_type = f64)]
    percent: Percent,
}

/// `GET /api/v1/flags`
pub(super) async fn list(State(shared): State<Arc<Shared>>, caller: Caller) -> Result<Json<FlagList>, Problem> {
    caller.must_be(Role::Viewer)?;
    Ok(Json(FlagList { flags: shared.flags.snapshot().iter().map(shown).collect() }))
}

/// `GET /api/v1/flags/{key}`
pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(key): Path<String>,
) -> Result<Json<Flag>, Problem> {
    caller.must_be(Role::Viewer)?;
    let snapshot = shared.flags.snapshot();
    let flag = snapshot.get(&key).ok_or_else(|| Problem::not_found(format!("there is no flag {key:?}")))?;
    Ok(Json(shown(flag)))
}

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    subject: Option<String>,
}

/// `GET /api/v1/flags/{key}/evaluate?subject=`
pub(super) async fn evaluate(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(key): Path<String>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<Evaluated>, Problem> {
    caller.must_be(Role::Sdk)?;
    let Query(Asked { subject }) = asked.map_err(|error| Problem::malformed(error.body_text()))?;
    let snapshot = shared.flags.snapshot();
    let flag = snapshot.get(&key).ok_or_else(|| Problem::not_found(format!("there is no flag {key:?}")))?;
    let subject = subject.as_deref();
    let evaluation = flag.evaluate(Subject { user: subject, yacht: subject });
    let bucket = subject.map(|subject| rampart_core::flag::bucket(&flag.state.group, subject).number());
    Ok(Json(Evaluated {
        value: evaluation.on,
        variant: if evaluation.on { "on" } else { "off" },
        reason: evaluation.reason,
        bucket,
        percent: flag.state.percent,
        key,
    }))
}

/// The longest subject that is explained, in characters: an id, not a text.
const MAX_SUBJECT: usize = 200;

/// `GET /api/v1/flags/{key}/explain?subject=`: why this subject gets what it gets, and when that changes.
pub(super) async fn explain(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(key): Path<String>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<SubjectExplained>, Problem> {
    caller.must_be(Role::Viewer)?;
    let Query(Asked { subject }) = asked.map_err(|error| Problem::malformed(error.body_text()))?;
    let subject = subject.filter(|subject| (1..=MAX_SUBJECT).contains(&subject.chars().count()));
    let subject =
        subject.ok_or_else(|| Problem::malformed(format!("expected subject of 1 to {MAX_SUBJECT} characters")))?;
    let snapshot = shared.flags.snapshot();
    let flag = snapshot.get(&key).ok_or_else(|| Problem::not_found(format!("there is no flag {key:?}")))?;
    let evaluation = flag.evaluate(Subject { user: Some(&subject), yacht: Some(&subject) });
    let bucket = rampart_core::flag::bucket(&flag.state.group, &subject);
    // Of the policy in force, be it the one a rollout is pinned to or the file.
    let stages = shared.controller.status(&flag.key).map(|status| status.stages.clone()).unwrap_or_default();
    let stage = stages.iter().map(|stage| stage.percent).enumerate().find(|(_, percent)| bucket.within(*percent));
    let named = |list: &[String]| list.contains(&subject);
    let targeted = match (named(flag.state.targets.off()), named(flag.state.targets.on())) {
        (true, _) => Some(false),
        (false, true) => Some(true),
        (false, false) => None,
    };
    let percent = flag.state.percent;
    Ok(Json(SubjectExplained {
        bucket: bucket.number(),
        fine: bucket.fine(),
        buckets: 100,
        percent,
        value: evaluation.on,
        reason: evaluation.reason,
        targeted,
        stage: stage.map(|(index, percent)| TurnsOn { index, percent }),
        sentence: told(evaluation.reason, evaluation.on, bucket, percent, stage.map(|(_, percent)| percent)),
        key,
        subject,
    }))
}

/// The same in words.
fn told(reason: Reason, on: bool, bucket: Bucket, percent: Percent, stage: Option<Percent>) -> String {
    let place = format!("bucket {} of 100", bucket.number());
    let turn = stage.map(|stage| format!("the stage of {stage} turns {place} on"));
    let turn = turn.unwrap_or_else(|| format!("no stage turns {place} on"));
    match reason {
        Reason::Disabled => format!("Off: the flag is disabled; once it is on, {turn}"),
        Reason::DenyListed => "Off: the policy names this subject as always out".to_owned(),
        Reason::AllowListed => "On: the policy names this subject as always in".to_owned(),
        Reason::ZeroPercent => format!("Off: nobody is in at 0 %; {turn}"),
        Reason::FullPercent => format!("On: everybody is in at 100 %; {turn}"),
        Reason::TargetingKeyMissing => {
            "Off: the flag buckets by something that a subject alone does not say".to_owned()
        }
        Reason::Split if on => format!("On: {place} is within {percent}; {turn}"),
        Reason::Split => format!("Off: {place} is not within {percent}; {turn}"),
    }
}

fn shown(flag: &Served) -> Flag {
    Flag {
        key: flag.key.clone(),
        enabled: flag.state.enabled,
        percent: flag.state.percent,
        group: flag.state.group.to_string(),
        bucket_by: flag.bucket_by.clone(),
        targets: flag.state.targets.clone(),
        rollout_id: flag.stage.map(|stage| stage.rollout),
    }
}
