//! The routes of storage.

use super::gate::gate;
use super::kind::Kind;
use super::path::Object;
use super::receive;
use super::reply::Wire;
use super::supabase::pieces;
use super::who::Who;
use crate::parts::errors::ApiError;
use crate::parts::gate::{DEADLINE, labelled, within};
use crate::parts::lens::Lens;
use crate::parts::state::PartsState;
use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderValue, Uri, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use std::sync::Arc;
use tokio::fs::File;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

type Answer = Result<Response, ApiError>;

/// Every route of storage.
pub(in crate::parts) fn router(state: Arc<PartsState>) -> OpenApiRouter<Arc<PartsState>> {
    OpenApiRouter::new().routes(routes!(upload, download, remove)).route_layer(from_fn_with_state(state, gate))
}

/// What lies beside them, told in the words of storage.
pub(in crate::parts) fn unknown_routes() -> Router<Arc<PartsState>> {
    Router::new()
        .route("/storage", any(unknown))
        .route("/storage/", any(unknown))
        .route("/storage/{*rest}", any(unknown))
}

/// Stores a photo or a document.
#[utoipa::path(post, path = "/storage/v1/object/{bucket}/{*path}", security(("user" = []), ("service" = [])), params(("bucket" = String, Path), ("path" = String, Path)), responses((status = 200)))]
async fn upload(State(state): State<Arc<PartsState>>, Extension(who): Extension<Who>, request: Request) -> Answer {
    let object = Object::of_url(request.uri().path()).and_then(|object| {
        who.may_insert(&object)?;
        Ok(object)
    });
    let object = match object {
        Ok(object) => object,
        Err(error) => {
            receive::discard(request).await;
            return Err(error);
        }
    };
    let storage = &state.storage;
    let (staged, kind) = receive::receive(request, object.bucket, &storage.root).await?;
    within(storage.put_deadline(), storage.put(&state.pools, &who, object, kind, staged)).await
}

/// A stored file.
#[utoipa::path(get, path = "/storage/v1/object/{bucket}/{*path}", security(("user" = []), ("service" = [])), params(("bucket" = String, Path), ("path" = String, Path)), responses((status = 200)))]
async fn download(State(state): State<Arc<PartsState>>, Extension(who): Extension<Who>, uri: Uri) -> Answer {
    let object = Object::of_url(uri.path())?;
    who.may_see(&object)?;
    let mut response = within(DEADLINE, state.storage.get(&state.pools, &who, &object)).await?;
    let headers = response.headers_mut();
    // Whatever a file is said to be, a browser is not to guess, nor to run it.
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("inline"));
    Ok(response)
}

/// Deletes a stored file.
#[utoipa::path(delete, path = "/storage/v1/object/{bucket}/{*path}", security(("user" = []), ("service" = [])), params(("bucket" = String, Path), ("path" = String, Path)), responses((status = 200)))]
async fn remove(State(state): State<Arc<PartsState>>, Extension(who): Extension<Who>, uri: Uri) -> Answer {
    let object = Object::of_url(uri.path())?;
    who.may_delete(&object)?;
    within(DEADLINE, state.storage.delete(&state.pools, &who, &object)).await
}

async fn unknown() -> Response {
    let mut response = labelled(ApiError::not_found("no such route").into_response(), Lens::V1);
    response.extensions_mut().insert(Wire);
    response
}

/// A file on its way out.
pub(super) fn served(file: File, size_bytes: u64, kind: Option<Kind>) -> Response {
    let mut response = Response::new(Body::from_stream(pieces(file)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, size_bytes.into());
    let mime = kind.map_or("application/octet-stream", Kind::mime);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(mime));
    response
}
