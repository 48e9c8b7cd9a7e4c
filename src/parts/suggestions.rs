//! What one may do with a part, as it stands and as somebody with this role.

use super::actions::Action;
use super::catalogue::{DOMAIN, entry};
use super::command::{self, check_yacht};
use super::details::{self, Details};
use super::errors::ApiError;
use super::fields::Fields;
use super::gate::Caller;
use super::matching::{self, QUERY_MAX_CHARS};
use super::prefill;
use super::routes::{Answer, By, Shared, object, query};
use super::suggest::{self, Fit, Urgency};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Extension, State};
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

/// The longest name of a domain or a kind of entity, in characters.
pub(super) const NAME_MAX_CHARS: usize = 100;

/// One suggestion. Three names of one action, because clients have come to rely on each.
#[derive(Serialize, ToSchema)]
#[schema(as = Suggestion)]
struct Item {
    action_id: &'static str,
    action: &'static str,
    id: &'static str,
    label: &'static str,
    variant: &'static str,
    #[schema(value_type = Object)]
    prefill: Map<String, Value>,
    field_metadata: Vec<Value>,
    suggested_qty: Option<i64>,
    is_primary: bool,
}

/// The answer; the list has three names as well.
#[derive(Serialize, ToSchema)]
struct Suggestions<'s> {
    part_id: Uuid,
    part_name: &'s str,
    part_number: Option<&'s str>,
    stock: Situation<'s>,
    suggestions: &'s [Item],
    suggested_actions: &'s [Item],
    actions: &'s [Item],
    warnings: Vec<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = SuggestionStock)]
struct Situation<'s> {
    on_hand: i64,
    min_level: i64,
    reorder_multiple: i64,
    is_low_stock: bool,
    is_out_of_stock: bool,
    suggested_order_qty: i64,
    location: Option<&'s str>,
    alert_suppressed: bool,
    urgency: Urgency,
}

/// What can be done with a part, the most useful first.
#[utoipa::path(get, path = "/v1/parts/suggestions", security(("user" = [])), params(("part_id" = Uuid, Query), ("yacht_id" = Option<Uuid>, Query)), responses((status = 200, body = Suggestions<'_>)))]
pub(super) async fn of_part(State(state): Shared, Extension(caller): By, uri: Uri) -> Answer {
    let query = query(&uri)?;
    let mut fields = command::on_own_yacht(&caller, Fields::of_query(&query))?;
    let part = fields.uuid("part_id");
    let part = details::of_part(&state, &caller, fields.done(part)?).await?;
    Ok(answer(&caller, &part, |_| true))
}

/// What can be done with a part that fits what somebody looks for.
#[utoipa::path(post, path = "/v1/actions/suggestions", security(("user" = [])), responses((status = 200, body = Suggestions<'_>)))]
pub(super) async fn of_entity(State(state): Shared, Extension(caller): By, body: Bytes) -> Answer {
    let wanted = Wanted::parse(&caller, &object(&body)?)?;
    let part = details::of_part(&state, &caller, wanted.part).await?;
    Ok(answer(&caller, &part, |action| wanted.is_met_by(action)))
}

/// What somebody looks for.
struct Wanted {
    part: Uuid,
    q: String,
    domain: Option<String>,
}

impl Wanted {
    fn parse(caller: &Caller, body: &Map<String, Value>) -> Result<Self, ApiError> {
        let payload = with_context(body);
        let mut fields = command::on_own_yacht(caller, Fields::of_body(&payload))?;
        check_yacht(caller, &mut fields, "context.yacht_id", payload.get("context.yacht_id"))?;
        if payload.get("context").is_some_and(|context| !context.is_null() && !context.is_object()) {
            fields.refuse("context", "an object");
        }
        let kind = fields.text("context.entity_type", NAME_MAX_CHARS);
        if !kind.is_empty() && kind != "part" {
            fields.refuse("context.entity_type", "part");
        }
        let wanted = Self {
            part: fields.uuid("context.entity_id"),
            q: fields.optional_text("q", QUERY_MAX_CHARS).unwrap_or_default(),
            domain: fields.optional_text("domain", NAME_MAX_CHARS),
        };
        fields.done(wanted)
    }

    fn is_met_by(&self, action: Action) -> bool {
        self.domain.as_deref().is_none_or(|domain| domain == DOMAIN) && matching::score(action, &self.q).is_some()
    }
}

/// The body, with what its context holds beside it under dotted names.
fn with_context(body: &Map<String, Value>) -> Map<String, Value> {
    let mut flat = body.clone();
    if let Some(Value::Object(context)) = body.get("context") {
        flat.extend(context.iter().map(|(name, value)| (format!("context.{name}"), value.clone())));
    }
    flat
}

fn answer(caller: &Caller, part: &Details, wanted: impl Fn(Action) -> bool) -> Response {
    let (stock, alert_suppressed) = (&part.stock, part.alert_suppressed);
    let fits = suggest::fitting(caller.role, stock, alert_suppressed).into_iter().filter(|fit| wanted(fit.action));
    let items = fits.map(|fit| item(fit, part)).collect::<Vec<_>>();
    let situation = Situation {
        on_hand: stock.on_hand,
        min_level: stock.min_level,
        reorder_multiple: stock.reorder_multiple,
        is_low_stock: stock.is_low_stock,
        is_out_of_stock: stock.is_out_of_stock,
        suggested_order_qty: stock.suggested_order_qty,
        location: stock.location.as_deref(),
        alert_suppressed,
        urgency: Urgency::of(stock),
    };
    let suggestions = Suggestions {
        part_id: part.id,
        part_name: &part.name,
        part_number: part.part_number.as_deref(),
        stock: situation,
        suggestions: &items,
        suggested_actions: &items,
        actions: &items,
        warnings: suggest::warnings(stock, part.is_critical, alert_suppressed),
    };
    Json(suggestions).into_response()
}

fn item(fit: Fit, part: &Details) -> Item {
    let (name, entry) = (fit.action.name(), entry(fit.action));
    Item {
        action_id: name,
        action: name,
        id: name,
        label: entry.label,
        variant: fit.action.variant().name(),
        prefill: prefill::of(fit.action, part),
        field_metadata: entry.field_metadata(),
        suggested_qty: fit.suggested_qty,
        is_primary: fit.is_primary,
    }
}
