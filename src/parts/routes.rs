//! The routes, and how an outcome is worded on each.

use super::actions::Action;
use super::command::{self, Body, Outcome};
use super::cors;
use super::errors::ApiError;
use super::fields::Fields;
use super::gate::{Caller, gate};
use super::lens::{LENS_HEADER, Lens};
use super::request::identify;
use super::state::PartsState;
use super::{action_list, crew_report, history, prefill, storage, suggestions};
use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use uuid::Uuid;

const IDEMPOTENCY_HEADER: &str = "idempotency-key";
/// Tells an answer given again from the first.
const REPLAYED_HEADER: &str = "idempotent-replayed";

pub(super) type Shared = State<Arc<PartsState>>;
pub(super) type By = Extension<Arc<Caller>>;
pub(super) type PartPath = Result<Path<String>, PathRejection>;
pub(super) type Answer = Result<Response, ApiError>;

/// Every route of the parts API.
pub fn router(state: Arc<PartsState>) -> Router {
    let cors = cors::layer(&state.cors_origins);
    let routes = Router::new()
        .route("/v1/parts/low-stock", get(low_stock))
        .route("/v1/parts/receive", post(receive))
        .route("/v1/parts/consume", post(consume))
        .route("/v1/parts/adjust-stock", post(adjust_stock))
        .route("/v1/parts/transfer", post(transfer))
        .route("/v1/parts/write-off", post(write_off))
        .route("/v1/parts/reverse", post(reverse))
        .route("/v1/parts/shopping-list", post(shopping_list))
        .route("/v1/parts/suggestions", get(suggestions::of_part))
        .route("/v1/parts/shopping-list/prefill", post(prefill::shopping_list))
        .route("/v1/parts/adjust-stock/prefill", post(prefill::adjust_stock))
        .route("/v1/parts/report", post(crew_report::file))
        .route("/v1/parts/{part_id}", get(part_details))
        .route("/v1/parts/{part_id}/transactions", get(history::of_part))
        .route("/v1/parts/labels/generate", post(generate_labels))
        .route("/v1/parts/labels/output", post(label_output))
        .route("/v1/actions/execute", post(execute))
        .route("/v1/actions/list", get(action_list::list))
        .route("/v1/actions/suggestions", post(suggestions::of_entity))
        // On routes that exist alone: what does not exist needs no token to be told so.
        .route_layer(from_fn_with_state(state.clone(), gate))
        .route("/v1/actions/health", get(action_list::health))
        .merge(storage::router(state.clone()))
        .route("/version", get(version))
        .route("/v1", any(unknown))
        .route("/v1/", any(unknown))
        .route("/v1/{*rest}", any(unknown))
        .method_not_allowed_fallback(wrong_method);
    // Around the gate: a browser asks for leave without a token. Inside `identify`: that answer has an id too.
    let routes = match cors {
        Some(cors) => routes.layer(cors),
        None => routes,
    };
    routes.layer(from_fn(identify)).with_state(state)
}

async fn low_stock(State(state): Shared, Extension(caller): By, uri: Uri) -> Answer {
    let query = query(&uri)?;
    let outcome = command::perform(&state, &caller, Action::ViewLowStock, Fields::of_query(&query)).await?;
    Ok(plain(StatusCode::OK, outcome))
}

async fn part_details(State(state): Shared, Extension(caller): By, path: PartPath, uri: Uri) -> Answer {
    let query = query_of_part(path, &uri)?;
    let outcome = command::perform(&state, &caller, Action::ViewPartDetails, Fields::of_query(&query)).await?;
    Ok(plain(StatusCode::OK, outcome))
}

async fn receive(state: Shared, caller: By, headers: HeaderMap, body: Bytes) -> Answer {
    Ok(plain(StatusCode::CREATED, posted(state, caller, Action::ReceivePart, &headers, &body).await?))
}

async fn consume(state: Shared, caller: By, headers: HeaderMap, body: Bytes) -> Answer {
    Ok(plain(StatusCode::OK, posted(state, caller, Action::ConsumePart, &headers, &body).await?))
}

async fn adjust_stock(state: Shared, caller: By, headers: HeaderMap, body: Bytes) -> Answer {
    Ok(plain(StatusCode::OK, posted(state, caller, Action::AdjustStockQuantity, &headers, &body).await?))
}

async fn transfer(state: Shared, caller: By, headers: HeaderMap, body: Bytes) -> Answer {
    Ok(plain(StatusCode::OK, posted(state, caller, Action::TransferPart, &headers, &body).await?))
}

async fn write_off(state: Shared, caller: By, headers: HeaderMap, body: Bytes) -> Answer {
    Ok(plain(StatusCode::OK, posted(state, caller, Action::WriteOffPart, &headers, &body).await?))
}

async fn reverse(state: Shared, caller: By, headers: HeaderMap, body: Bytes) -> Answer {
    Ok(plain(StatusCode::OK, posted(state, caller, Action::ReverseTransaction, &headers, &body).await?))
}

async fn shopping_list(state: Shared, caller: By, headers: HeaderMap, body: Bytes) -> Answer {
    Ok(plain(StatusCode::OK, posted(state, caller, Action::AddToShoppingList, &headers, &body).await?))
}

async fn generate_labels(state: Shared, caller: By, headers: HeaderMap, body: Bytes) -> Answer {
    Ok(plain(StatusCode::OK, posted(state, caller, Action::GeneratePartLabels, &headers, &body).await?))
}

async fn label_output(state: Shared, caller: By, headers: HeaderMap, body: Bytes) -> Answer {
    Ok(plain(StatusCode::OK, posted(state, caller, Action::RequestLabelOutput, &headers, &body).await?))
}

async fn posted(
    State(state): Shared,
    Extension(caller): By,
    action: Action,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Outcome, ApiError> {
    let mut payload = object(body)?;
    take_key(headers, &mut payload);
    command::perform(&state, &caller, action, Fields::of_body(&payload)).await
}

/// Any action by its name.
async fn execute(State(state): Shared, Extension(caller): By, headers: HeaderMap, body: Bytes) -> Answer {
    let mut request = object(&body)?;
    let (mut payload, payload_is_wrong) = match request.remove("payload") {
        None | Some(Value::Null) => (Map::new(), false),
        Some(Value::Object(payload)) => (payload, false),
        Some(_) => (Map::new(), true),
    };
    take_key(&headers, &mut payload);
    let mut fields = Fields::of_body(&payload);
    let context = request.get("context");
    if context.is_some_and(|context| !context.is_null() && !context.is_object()) {
        fields.refuse("context", "an object");
    }
    let in_context = context.and_then(|context| context.get("yacht_id"));
    command::check_yacht(&caller, &mut fields, "context.yacht_id", in_context)?;
    command::check_yacht(&caller, &mut fields, "yacht_id", request.get("yacht_id"))?;
    let action = match request.get("action") {
        Some(Value::String(name)) => Action::named(name).ok_or_else(|| ApiError::not_found("unknown action"))?,
        _ => {
            let name = vec!["action".to_owned()];
            return Err(ApiError::fields("MISSING_REQUIRED_FIELD", "action is required, as text", name));
        }
    };
    if payload_is_wrong {
        fields.refuse("payload", "an object");
    }
    Ok(executed(action, command::perform(&state, &caller, action, fields).await?))
}

async fn version(State(state): Shared) -> Json<Value> {
    let build = &state.build;
    Json(json!({
        "version": build.version, "git_commit": build.git_commit, "environment": build.environment, "api": "v1",
    }))
}

async fn unknown() -> Response {
    refused(ApiError::not_found("no such route"))
}

async fn wrong_method() -> Response {
    refused(ApiError::method_not_allowed())
}

/// Outside the gate there is no user to choose a lens for; these answers are the old one's.
fn refused(error: ApiError) -> Response {
    let mut response = error.into_response();
    response.headers_mut().insert(LENS_HEADER, Lens::V1.header());
    response
}

/// The parameters of a query; of several with one name the last.
pub(super) fn query(uri: &Uri) -> Result<Map<String, Value>, ApiError> {
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
        .map_err(|_| ApiError::malformed("the query cannot be read"))?;
    Ok(pairs.into_iter().map(|(name, value)| (name, value.into())).collect())
}

/// The parameters of a query about the part in the path.
pub(super) fn query_of_part(path: PartPath, uri: &Uri) -> Result<Map<String, Value>, ApiError> {
    let mut query = query(uri)?;
    // A path that is no text is no id either: told as such.
    let part = path.map_or_else(|_| "not text".to_owned(), |Path(part)| part);
    query.insert("part_id".to_owned(), part.into());
    Ok(query)
}

/// The JSON object of a body. Nesting is bounded by serde_json, size by the gate.
pub(super) fn object(body: &Bytes) -> Result<Map<String, Value>, ApiError> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(ApiError::malformed("the body must be a JSON object")),
        Err(_) => Err(ApiError::malformed("the body is not JSON")),
    }
}

/// The key may come as a header; one in the body goes before it.
fn take_key(headers: &HeaderMap, payload: &mut Map<String, Value>) {
    let given = payload.get("idempotency_key").is_some_and(|key| !key.is_null());
    if let (false, Some(key)) = (given, headers.get(IDEMPOTENCY_HEADER)) {
        payload.insert("idempotency_key".to_owned(), String::from_utf8_lossy(key.as_bytes()).into());
    }
}

/// An action's answer on a route of its own.
fn plain(status: StatusCode, outcome: Outcome) -> Response {
    #[derive(Serialize)]
    struct Plain {
        status: &'static str,
        #[serde(flatten)]
        body: Body,
    }
    let replayed = outcome.replayed;
    let response = match outcome.body {
        // The report has been a bare object since long before there were actions.
        report @ Body::LowStock(_) => (status, Json(report)).into_response(),
        body @ (Body::Details { .. }
        | Body::Received(_)
        | Body::Consumed(_)
        | Body::Adjusted(_)
        | Body::Transferred(_)
        | Body::WrittenOff(_)
        | Body::Reversed(_)
        | Body::Listed(_)
        | Body::LabelsGenerated(_)
        | Body::LabelOutput(_)) => (status, Json(Plain { status: "success", body })).into_response(),
    };
    marked(response, replayed)
}

/// An action's answer where it was called by its name.
fn executed(action: Action, outcome: Outcome) -> Response {
    #[derive(Serialize)]
    struct Executed {
        status: &'static str,
        action: &'static str,
        execution_id: Uuid,
        #[serde(flatten)]
        body: Body,
    }
    let Outcome { execution_id, replayed, body } = outcome;
    let answer = Executed { status: "success", action: action.name(), execution_id, body };
    marked(Json(answer).into_response(), replayed)
}

fn marked(mut response: Response, replayed: bool) -> Response {
    if replayed {
        response.headers_mut().insert(REPLAYED_HEADER, HeaderValue::from_static("true"));
    }
    response
}
