//! The journal: every decision with its evidence.

use super::auth::{Caller, Role};
use super::paging;
use super::problem::Problem;
use super::rollouts::known_flag;
use super::server::Shared;
use crate::controller::Replay;
use crate::store::{JournalFilter, JournalRow};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;
use std::str::FromStr;
use std::sync::Arc;
use utoipa::ToSchema;

/// Entries a page has where nothing else is asked for.
const DEFAULT_LIMIT: i64 = 50;
/// The most entries of one page.
const MAX_LIMIT: i64 = 500;
/// The most entries of one download.
const MAX_EXPORT: i64 = 100_000;

/// A question's parameters; `kind` may be repeated.
type Pairs = Result<Query<Vec<(String, String)>>, QueryRejection>;

/// A page of the journal.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct JournalPage {
    entries: Vec<JournalRow>,
    /// To be asked for as `after`; none behind the last page.
    next: Option<i64>,
}

/// What a question asks for.
struct Asked {
    filter: JournalFilter,
    format: Option<String>,
}

/// `GET /api/v1/rollouts/{flag}/journal?after=&limit=&kind=&rollout=&order=`
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(flag): Path<String>,
    pairs: Pairs,
) -> Result<Json<JournalPage>, Problem> {
    caller.must_be(Role::Viewer)?;
    let flag = known_flag(&shared, &flag)?;
    let Asked { filter, .. } = asked(pairs)?;
    let entries = shared.controller.store().journal(Some(&flag), &filter).await?;
    let next = paging::last_of_full(&entries, filter.limit).map(|entry| entry.seq);
    Ok(Json(JournalPage { entries, next }))
}

/// `GET /api/v1/rollouts/{flag}/journal/export?format=json|csv&kind=&rollout=`: all of it, oldest first, as a file.
pub(super) async fn export(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(flag): Path<String>,
    pairs: Pairs,
) -> Result<Response, Problem> {
    caller.must_be(Role::Viewer)?;
    let flag = known_flag(&shared, &flag)?;
    let Asked { filter, format } = asked(pairs)?;
    let csv = match format.as_deref() {
        None | Some("json") => false,
        Some("csv") => true,
        Some(other) => return Err(Problem::malformed(format!("expected format json or csv, got {other:?}"))),
    };
    let filter = JournalFilter { limit: MAX_EXPORT, after: None, descending: false, ..filter };
    let entries = shared.controller.store().journal(Some(&flag), &filter).await?;
    let (kind, ending) = if csv { ("text/csv; charset=utf-8", "csv") } else { ("application/json", "json") };
    let body = if csv {
        written(&entries)
    } else {
        serde_json::to_string(&json!({ "flag": flag, "entries": entries }))
            .map_err(|error| Problem::internal(&error))?
    };
    let disposition = format!("attachment; filename=\"journal-{flag}.{ending}\"");
    Ok(([(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, disposition)], body).into_response())
}

/// `GET /api/v1/rollouts/{flag}/replay`
pub(super) async fn replay(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(flag): Path<String>,
) -> Result<Json<Replay>, Problem> {
    caller.must_be(Role::Viewer)?;
    let flag = known_flag(&shared, &flag)?;
    Ok(Json(shared.controller.replay(&flag).await?))
}

fn asked(pairs: Pairs) -> Result<Asked, Problem> {
    let Query(pairs) = pairs.map_err(|error| Problem::malformed(error.body_text()))?;
    let mut filter = JournalFilter { limit: DEFAULT_LIMIT, ..JournalFilter::default() };
    let mut format = None;
    for (name, value) in pairs {
        match name.as_str() {
            "after" => filter.after = Some(read(&name, &value, "a number")?),
            "limit" => filter.limit = read(&name, &value, "a number")?,
            "rollout" => filter.rollout = Some(read(&name, &value, "the id of a rollout")?),
            // No entry has a kind with a NUL in it, and the database would not even take the question.
            "kind" => {
                let kinds = value.split(',').map(|kind| kind.trim().replace('\0', ""));
                filter.kinds.extend(kinds.filter(|kind| !kind.is_empty()));
            }
            "order" => {
                filter.descending = match value.as_str() {
                    "asc" => false,
                    "desc" => true,
                    other => return Err(Problem::malformed(format!("expected order asc or desc, got {other:?}"))),
                }
            }
            "format" => format = Some(value),
            _ => {}
        }
    }
    filter.limit = paging::limit(filter.limit, MAX_LIMIT)?;
    Ok(Asked { filter, format })
}

fn read<T: FromStr>(name: &str, value: &str, expected: &str) -> Result<T, Problem> {
    value.parse().map_err(|_| Problem::malformed(format!("expected {name} to be {expected}, got {value:?}")))
}

/// The entries as RFC 4180 asks for: a head, and every field in quotes.
fn written(entries: &[JournalRow]) -> String {
    let head = "seq,at,kind,actor,reason,rollout_id,phase,stage,percent,cause,event,evidence,hash\r\n";
    let mut text = head.to_owned();
    for entry in entries {
        let or_nothing = |text: Option<String>| text.unwrap_or_default();
        let fields = [
            entry.seq.to_string(),
            entry.at.to_rfc3339(),
            entry.kind.clone(),
            entry.actor.clone(),
            or_nothing(entry.reason.clone()),
            or_nothing(entry.rollout_id.map(|id| id.to_string())),
            entry.phase.clone(),
            or_nothing(entry.stage.map(|stage| stage.to_string())),
            entry.percent.to_string(),
            or_nothing(entry.cause.clone()),
            entry.event.to_string(),
            or_nothing(entry.evidence.as_ref().map(ToString::to_string)),
            entry.hash.clone(),
        ];
        text.push_str(&fields.map(|field| quoted(&field)).join(","));
        text.push_str("\r\n");
    }
    text
}

/// A field. What a spreadsheet would run as a formula is a text to it: people's reasons are strangers' words.
fn quoted(field: &str) -> String {
    let guard = if field.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    format!("\"{guard}{}\"", field.replace('"', "\"\""))
}
