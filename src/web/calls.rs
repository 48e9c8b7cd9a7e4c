//! The record of every call that may change something: who called what, and how it was answered.
//!
//! What an order changed is in the journal, with its reason, before it is answered. This is written behind the answer, so
//! that it delays nobody, and tried again until the database takes it.

use super::auth::{Caller, Role};
use super::paging;
use super::problem::Problem;
use super::server::Shared;
use crate::store::{Call, CallRow, Store};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

/// Calls that wait for the database at the most; what comes beyond is in the log alone.
const MAX_WAITING: usize = 10_000;
/// Calls written at once at the most.
const BATCH: usize = 100;
/// Pause before the database is asked again.
const RETRY: Duration = Duration::from_secs(1);
/// How long what waits may take to be written once the daemon is stopping.
const LAST_SECONDS: Duration = Duration::from_secs(3);
/// The longest path that is kept, in bytes.
const MAX_PATH: usize = 1000;
/// Calls of a page where nothing else is asked for.
const DEFAULT_LIMIT: i64 = 50;
/// The most calls of one page.
const MAX_LIMIT: i64 = 500;

/// Who a request turned out to be from. Whoever lets a caller in writes it here.
#[derive(Clone, Debug, Default)]
pub(super) struct CalledBy(Arc<OnceLock<String>>);

impl CalledBy {
    /// Names the caller. The first name stays.
    pub(super) fn is(&self, caller: &Caller) {
        let _ = self.0.set(caller.name.clone());
    }
}

/// Calls on their way into the database.
#[derive(Debug)]
pub(super) struct Calls {
    waiting: mpsc::Sender<Call>,
    inbox: Mutex<Option<mpsc::Receiver<Call>>>,
}

impl Default for Calls {
    fn default() -> Self {
        let (waiting, inbox) = mpsc::channel(MAX_WAITING);
        Self { waiting, inbox: Mutex::new(Some(inbox)) }
    }
}

impl Calls {
    /// Writes down what is noted, until `ended` and nothing is left. What the database does not take within a few seconds
    /// from then on is in the log alone.
    pub(super) async fn write_until(&self, store: Store, ended: CancellationToken) {
        let inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(inbox) = inbox else { return };
        let too_late = async {
            ended.cancelled().await;
            tokio::time::sleep(LAST_SECONDS).await;
        };
        tokio::select! {
            () = write(&store, inbox, &ended) => {}
            () = too_late => tracing::error!("stopping with calls that are in the log alone: the database is away"),
        }
    }
}

async fn write(store: &Store, mut inbox: mpsc::Receiver<Call>, ended: &CancellationToken) {
    let mut batch = Vec::new();
    loop {
        tokio::select! {
            biased;
            _ = inbox.recv_many(&mut batch, BATCH) => {}
            () = ended.cancelled() => return,
        }
        let mut told = false;
        while let Err(error) = store.record_calls(&batch).await {
            if !told {
                tracing::warn!(%error, "calls are not written down yet");
                told = true;
            }
            tokio::time::sleep(RETRY).await;
        }
        batch.clear();
    }
}

/// Notes each call of a known caller that is more than a look.
pub(super) async fn note(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    let called_by = CalledBy::default();
    request.extensions_mut().insert(called_by.clone());
    let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
    let response = next.run(request).await;
    // Whoever is not known changes nothing, and could fill the table.
    if let Some(actor) = called_by.0.get() {
        let path = path.char_indices().take_while(|(at, c)| at + c.len_utf8() <= MAX_PATH).map(|(_, c)| c).collect();
        let status = i32::from(response.status().as_u16());
        let call = Call { at: shared.controller.now(), actor: actor.clone(), method, path, status };
        tracing::info!(call.actor, call.method, call.path, call.status, "called");
        if let Err(error) = shared.calls.waiting.try_send(call) {
            tracing::error!(%error, "a call is in the log alone");
        }
    }
    response
}

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    before: Option<i64>,
    limit: Option<i64>,
}

/// A page of calls.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CallPage {
    calls: Vec<CallRow>,
    next: Option<i64>,
}

/// `GET /api/v1/calls?before=&limit=`, newest first.
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<CallPage>, Problem> {
    caller.must_be(Role::Viewer)?;
    let Query(asked) = asked.map_err(|error| Problem::malformed(error.body_text()))?;
    let limit = paging::limit(asked.limit.unwrap_or(DEFAULT_LIMIT), MAX_LIMIT)?;
    let calls = shared.controller.store().calls(asked.before, limit).await?;
    let next = paging::last_of_full(&calls, limit).map(|last| last.id);
    Ok(Json(CallPage { calls, next }))
}
