//! What every storage request passes. It differs from the gate of `/v1` in two ways: the body is left to the
//! handler, which takes it in piece by piece, and the service key alone may come in.

use super::receive::UPLOAD_DEADLINE;
use super::reply::Wire;
use super::who::Who;
use crate::parts::errors::ApiError;
use crate::parts::gate::{DEADLINE, admit, answer, chosen, labelled, person, within};
use crate::parts::lens::{self, Lens};
use crate::parts::state::PartsState;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// How long anything may take that is not waiting for a client; a guard against being stuck.
const LONGEST: Duration = UPLOAD_DEADLINE.saturating_add(Duration::from_secs(120));

/// The gate.
pub(super) async fn gate(State(state): State<Arc<PartsState>>, request: Request, next: Next) -> Response {
    let mut response = pass(&state, request, next).await;
    response.extensions_mut().insert(Wire);
    response
}

async fn pass(state: &PartsState, mut request: Request, next: Next) -> Response {
    let headers = request.headers();
    let forced = state.auth.forced_lens(headers);
    let (who, choice) = if state.auth.is_service(headers) {
        let yacht = within(DEADLINE, state.storage.service_yacht(&state.pools.parts_v1)).await;
        let known = yacht.as_ref().ok().copied().flatten();
        // There is no user: the yacht stands for one.
        let choice = lens::choose(&state.flags, forced, known.unwrap_or(Uuid::nil()), known);
        let who = yacht.and_then(|yacht| {
            let yacht = yacht.ok_or_else(|| ApiError::denied("the service key stands for no yacht here"))?;
            Ok(Who::Service(yacht))
        });
        (who, choice)
    } else {
        state.auth.learn_key(headers).await;
        let user = match state.auth.user(headers) {
            Ok(user) => user,
            Err(error) => return labelled(error.into_response(), Lens::V1),
        };
        let person = person(state, user).await;
        let yacht = person.as_ref().ok().and_then(|person| person.map(|person| person.yacht));
        let choice = lens::choose(&state.flags, forced, user, yacht);
        let caller = person.and_then(|person| admit(user, person, choice.lens, headers));
        (caller.map(|caller| Who::User(Arc::new(caller))), choice)
    };
    chosen(&request, choice);
    let outcome = match who {
        Ok(who) => {
            request.extensions_mut().insert(who);
            within(LONGEST, async { Ok(next.run(request).await) }).await
        }
        Err(error) => Err(error),
    };
    answer(state, choice, outcome).await
}
