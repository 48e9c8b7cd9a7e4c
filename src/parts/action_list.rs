//! Which actions there are for somebody, by what was typed; and that they are there at all.

use super::actions::{Action, Role};
use super::catalogue::{DOMAIN, Storage, entry};
use super::command;
use super::fields::Fields;
use super::lens::{LENS_HEADER, Lens};
use super::matching::{self, QUERY_MAX_CHARS};
use super::routes::{Answer, By, Shared, query};
use super::suggestions::NAME_MAX_CHARS;
use axum::Json;
use axum::extract::{Extension, State};
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// Stands for every role.
const EVERYBODY: &str = "*";

#[derive(Serialize, ToSchema)]
#[schema(as = ActionList)]
struct List {
    query: String,
    actions: Vec<Item>,
    total_count: usize,
    role: &'static str,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ListedAction)]
struct Item {
    action_id: &'static str,
    label: &'static str,
    variant: &'static str,
    allowed_roles: Vec<&'static str>,
    required_fields: Vec<&'static str>,
    domain: &'static str,
    match_score: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    storage_options: Option<StorageOptions>,
}

#[derive(Serialize, ToSchema)]
struct StorageOptions {
    bucket: &'static str,
    path_template: &'static str,
}

/// The actions the caller may take: the best match first, equal ones in the order of the contract.
#[utoipa::path(get, path = "/v1/actions/list", security(("user" = [])), params(("q" = Option<String>, Query), ("domain" = Option<String>, Query), ("entity_id" = Option<Uuid>, Query), ("yacht_id" = Option<Uuid>, Query)), responses((status = 200, body = List)))]
pub(super) async fn list(Extension(caller): By, uri: Uri) -> Answer {
    let query = query(&uri)?;
    let mut fields = command::on_own_yacht(&caller, Fields::of_query(&query))?;
    let q = fields.optional_text("q", QUERY_MAX_CHARS).unwrap_or_default();
    let domain = fields.optional_text("domain", NAME_MAX_CHARS);
    // No action depends on the entity; but what is no id is a mistake, here as everywhere.
    fields.optional_uuid("entity_id");
    fields.done(())?;
    let is_ours = domain.is_none_or(|domain| domain == DOMAIN);
    let executable = Action::ALL.into_iter().filter(|action| is_ours && action.may_execute(caller.role));
    let mut actions =
        executable.filter_map(|action| Some(item(action, matching::score(action, &q)?))).collect::<Vec<_>>();
    actions.sort_by(|one, other| other.match_score.total_cmp(&one.match_score));
    let list = List { query: q, total_count: actions.len(), actions, role: caller.role.name() };
    Ok(Json(list).into_response())
}

fn item(action: Action, match_score: f64) -> Item {
    let entry = entry(action);
    Item {
        action_id: action.name(),
        label: entry.label,
        variant: action.variant().name(),
        allowed_roles: allowed_roles(action),
        required_fields: entry.required_fields(),
        domain: DOMAIN,
        match_score,
        storage_options: entry
            .storage
            .map(|Storage { bucket, path_template }| StorageOptions { bucket, path_template }),
    }
}

fn allowed_roles(action: Action) -> Vec<&'static str> {
    let allowed = Role::ALL.into_iter().filter(|role| action.may_execute(*role)).map(Role::name).collect::<Vec<_>>();
    if allowed.len() == Role::ALL.len() { vec![EVERYBODY] } else { allowed }
}

/// For monitors, without a token. Every action has its handler by construction.
#[utoipa::path(get, path = "/v1/actions/health", responses((status = 200, body = Object)))]
pub(super) async fn health(State(state): Shared) -> Response {
    let handlers = Action::ALL.map(|action| (action.name().to_owned(), Value::from("loaded")));
    let body = json!({
        "status": "healthy",
        "service": "parts_actions",
        "handlers_loaded": handlers.len(),
        "total_handlers": Action::ALL.len(),
        "handlers": handlers.into_iter().collect::<Map<_, _>>(),
        "version": state.build.version,
    });
    // Nobody asked who could have a lens chosen for them.
    ([(LENS_HEADER, Lens::V1.header())], Json(body)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_everybody_may_do_bears_a_star_and_the_rest_its_roles() {
        assert_eq!(allowed_roles(Action::ViewLowStock), ["*"]);
        assert_eq!(allowed_roles(Action::WriteOffPart), ["captain", "manager"]);
        assert_eq!(
            allowed_roles(Action::ConsumePart),
            ["crew", "deckhand", "bosun", "eto", "chief_engineer", "chief_officer", "captain", "manager"]
        );
    }
}
