//! The routes, and how an outcome is worded on each.

use super::actions::Action;
use super::adjust::Adjusted;
use super::command::{self, Body, Outcome};
use super::consume::Consumed;
use super::cors;
use super::details::Described;
use super::errors::ApiError;
use super::fields::Fields;
use super::gate::{Caller, gate};
use super::labels::{Generated, Requested};
use super::lens::{LENS_HEADER, Lens};
use super::low_stock::LowStock;
use super::openapi;
use super::receive::Received;
use super::request::identify;
use super::reverse::Reversed;
use super::shopping::Listed;
use super::state::PartsState;
use super::transfer::Transferred;
use super::write_off::WrittenOff;
use super::{action_list, crew_report, history, prefill, storage, suggestions};
use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use axum::{Json, Router};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::SwaggerUi;
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
    let (described, api) = described(&state).split_for_parts();
    let routes = described
        .merge(SwaggerUi::new("/docs").external_url_unchecked("/openapi.json", openapi::complete(api)))
        .route("/v1", any(unknown))
        .route("/v1/", any(unknown))
        .route("/v1/{*rest}", any(unknown))
        .merge(storage::unknown_routes())
        .method_not_allowed_fallback(wrong_method);
    // Before the gate: a preflight has no token, and counts for no cohort.
    let routes = match cors::layer(&state.cors_origins) {
        Some(cors) => routes.layer(cors),
        None => routes,
    };
    routes.layer(from_fn(identify)).with_state(state)
}

/// Every operation that a cohort is served by, as its requests are labelled: pattern and method.
pub fn operations(state: &Arc<PartsState>) -> Vec<(String, Method)> {
    openapi::gated(described(state).split_for_parts().1)
}

/// What the description describes.
fn described(state: &Arc<PartsState>) -> OpenApiRouter<Arc<PartsState>> {
    OpenApiRouter::new()
        .routes(routes!(low_stock))
        .routes(routes!(receive))
        .routes(routes!(consume))
        .routes(routes!(adjust_stock))
        .routes(routes!(transfer))
        .routes(routes!(write_off))
        .routes(routes!(reverse))
        .routes(routes!(shopping_list))
        .routes(routes!(suggestions::of_part))
        .routes(routes!(prefill::shopping_list))
        .routes(routes!(prefill::adjust_stock))
        .routes(routes!(crew_report::file))
        .routes(routes!(part_details))
        .routes(routes!(history::of_part))
        .routes(routes!(generate_labels))
        .routes(routes!(label_output))
        .routes(routes!(execute))
        .routes(routes!(action_list::list))
        .routes(routes!(suggestions::of_entity))
        // On routes that exist alone: what does not exist needs no token to be told so.
        .route_layer(from_fn_with_state(state.clone(), gate))
        .routes(routes!(action_list::health))
        .routes(routes!(version))
        .merge(storage::router(state.clone()))
}

/// What is running out.
#[utoipa::path(get, path = "/v1/parts/low-stock", security(("user" = [])), responses((status = 200, body = LowStock)))]
async fn low_stock(State(state): Shared, Extension(caller): By, uri: Uri) -> Answer {
    let query = query(&uri)?;
    let outcome = command::perform(&state, &caller, Action::ViewLowStock, Fields::of_query(&query)).await?;
    Ok(plain(StatusCode::OK, outcome))
}

/// A part with its stock.
#[utoipa::path(get, path = "/v1/parts/{part_id}", security(("user" = [])), params(("part_id" = Uuid, Path), ("yacht_id" = Option<Uuid>, Query)), responses((status = 200, body = Described)))]
async fn part_details(State(state): Shared, Extension(caller): By, path: PartPath, uri: Uri) -> Answer {
    let query = query_of_part(path, &uri)?;
    let outcome = command::perform(&state, &caller, Action::ViewPartDetails, Fields::of_query(&query)).await?;
    Ok(plain(StatusCode::OK, outcome))
}

#[utoipa::path(post, path = "/v1/parts/receive", security(("user" = [])), responses((status = 201, body = Received)))]
async fn receive(state: Shared, caller: By, headers: HeaderMap, body: Bytes) -> Answer {
    Ok(plain(StatusCode::CREATED, posted(state, caller, Action::ReceivePart, &headers, &body).await?))
}

#[utoipa::path(post, path = "/v1/parts/consume", security(("user" = [])), responses((status = 200, body = Consumed)))]
async fn consume(state: Shared, caller: By, headers: HeaderMap, body: Bytes) -> Answer {
    Ok(plain(StatusCode::OK, posted(state, caller, Action::ConsumePart, &headers, &body).await?))
}

#[utoipa::path(post, path = "/v1/parts/adjust-stock", security(("user" = [])), responses((status = 200, body = Adjusted)))]
async fn adjust_stock(state: Shared, caller: By, headers: HeaderMap, body: Bytes) -> Answer {
    Ok(plain(StatusCode::OK, posted(state, caller, Action::AdjustStockQuantity, &headers, &body).await?))
}

#[utoipa::path(post, path = "/v1/parts/transfer", security(("user" = [])), responses((status = 200, body = Transferred)))]
async fn transfer(state: Shared, caller: By, headers: HeaderMap, body: Bytes) -> Answer {
    Ok(plain(StatusCode::OK, posted(state, caller, Action::TransferPart, &headers, &body).await?))
}

#[utoipa::path(post, path = "/v1/parts/write-off", security(("user" = [])), responses((status = 200, body = WrittenOff)))]
async fn write_off(state: Shared, caller: By, headers: HeaderMap, body: Bytes) -> Answer {
    Ok(plain(StatusCode::OK, posted(state, caller, Action::WriteOffPart, &headers, &body).await?))
}

#[utoipa::path(post, path = "/v1/parts/reverse", security(("user" = [])), responses((status = 200, body = Reversed)))]
async fn reverse(state: Shared, caller: By, headers: HeaderMap, body: Bytes) -> Answer {
    Ok(plain(StatusCode::OK, posted(state, caller, Action::ReverseTransaction, &headers, &body).await?))
}

#[utoipa::path(post, path = "/v1/parts/shopping-list", security(("user" = [])), responses((status = 200, body = Listed)))]
async fn shopping_list(state: Shared, caller: By, headers: HeaderMap, body: Bytes) -> Answer {
    Ok(plain(StatusCode::OK, posted(state, caller, Action::AddToShoppingList, &headers, &body).await?))
}

#[utoipa::path(post, path = "/v1/parts/labels/generate", security(("user" = [])), responses((status = 200, body = Generated)))]
async fn generate_labels(state: Shared, caller: By, headers: HeaderMap, body: Bytes) -> Answer {
    Ok(plain(StatusCode::OK, posted(state, caller, Action::GeneratePartLabels, &headers, &body).await?))
}

#[utoipa::path(post, path = "/v1/parts/labels/output", security(("user" = [])), responses((status = 200, body = Requested)))]
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
#[utoipa::path(post, path = "/v1/actions/execute", security(("user" = [])), responses((status = 200, body = Executed)))]
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

/// What runs.
#[utoipa::path(get, path = "/version", responses((status = 200, body = Object)))]
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
    let given = match payload.get("idempotency_key") {
        None | Some(Value::Null) => false,
        Some(Value::String(key)) => !key.trim().is_empty(),
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => true,
    };
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
        body @ (Body::Details(_)
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

/// What an action called by its name answers around its own.
#[derive(Serialize, ToSchema)]
struct Executed {
    status: &'static str,
    action: &'static str,
    execution_id: Uuid,
    #[serde(flatten)]
    #[schema(ignore)]
    body: Body,
}

/// An action's answer where it was called by its name.
fn executed(action: Action, outcome: Outcome) -> Response {
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
