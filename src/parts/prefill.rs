//! What a form begins with when it is opened on a part.

use super::actions::Action;
use super::catalogue::entry;
use super::command;
use super::details::{self, Details};
use super::errors::ApiError;
use super::fields::Fields;
use super::gate::Caller;
use super::routes::{Answer, By, Shared, query};
use super::state::PartsState;
use super::suggest::Urgency;
use axum::Json;
use axum::extract::{Extension, State};
use axum::http::Uri;
use axum::response::IntoResponse;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

#[derive(Serialize, ToSchema)]
#[schema(as = Prefill)]
struct Form {
    status: &'static str,
    part_id: Uuid,
    part_name: String,
    #[schema(value_type = Object)]
    prefill: Map<String, Value>,
    field_metadata: Vec<Value>,
}

/// A shopping list form for a part, filled in.
#[utoipa::path(post, path = "/v1/parts/shopping-list/prefill", security(("user" = [])), params(("part_id" = Uuid, Query), ("yacht_id" = Option<Uuid>, Query)), responses((status = 200, body = Form)))]
pub(super) async fn shopping_list(State(state): Shared, Extension(caller): By, uri: Uri) -> Answer {
    let action = Action::AddToShoppingList;
    let part = asked(&state, &caller, action, &uri).await?;
    Ok(form(action, &part, of(action, &part)))
}

/// A stock adjustment form for a part, filled in.
#[utoipa::path(post, path = "/v1/parts/adjust-stock/prefill", security(("user" = [])), params(("part_id" = Uuid, Query), ("yacht_id" = Option<Uuid>, Query)), responses((status = 200, body = Form)))]
pub(super) async fn adjust_stock(State(state): Shared, Extension(caller): By, uri: Uri) -> Answer {
    let action = Action::AdjustStockQuantity;
    let part = asked(&state, &caller, action, &uri).await?;
    // People count one place at a time; what is on hand is the sum of all places.
    let quantity = match part.stock.stock_id {
        Some(stock) => details::at_place(&state, &caller, stock).await?,
        None => 0,
    };
    let mut prefill = of(action, &part);
    prefill.insert("stock_id".to_owned(), part.stock.stock_id.map(|id| id.to_string()).into());
    prefill.insert("location".to_owned(), part.stock.location.clone().into());
    prefill.insert("old_quantity".to_owned(), quantity.into());
    prefill.insert("new_quantity".to_owned(), quantity.into());
    Ok(form(action, &part, prefill))
}

async fn asked(state: &PartsState, caller: &Caller, action: Action, uri: &Uri) -> Result<Details, ApiError> {
    let query = query(uri)?;
    let mut fields = command::on_own_yacht(caller, Fields::of_query(&query))?;
    let part = fields.uuid("part_id");
    let part = fields.done(part)?;
    if !action.may_execute(caller.role) {
        return Err(ApiError::not_permitted(action.name()));
    }
    details::of_part(state, caller, part).await
}

fn form(action: Action, part: &Details, prefill: Map<String, Value>) -> axum::response::Response {
    let field_metadata = entry(action).field_metadata();
    let form = Form { status: "success", part_id: part.id, part_name: part.name.clone(), prefill, field_metadata };
    Json(form).into_response()
}

/// What is known of the payload of `action` before anybody has typed.
pub(super) fn of(action: Action, part: &Details) -> Map<String, Value> {
    let known = match action {
        Action::ViewPartDetails | Action::ConsumePart | Action::TransferPart => json!({ "part_id": part.id }),
        Action::ReceivePart | Action::AdjustStockQuantity | Action::WriteOffPart => match &part.stock.location {
            Some(location) => json!({ "part_id": part.id, "location": location }),
            None => json!({ "part_id": part.id }),
        },
        Action::AddToShoppingList => json!({
            "part_id": part.id,
            "part_name": part.name,
            "part_number": part.part_number,
            "quantity_requested": part.stock.suggested_order_qty.max(1),
            "urgency": order_urgency(Urgency::of(&part.stock)),
            "source_type": source_type(part),
        }),
        Action::GeneratePartLabels => json!({ "part_ids": [part.id] }),
        // They are about something else.
        Action::ViewLowStock | Action::ReverseTransaction | Action::RequestLabelOutput => json!({}),
    };
    known.as_object().cloned().unwrap_or_default()
}

/// The shopping list knows no medium urgency.
fn order_urgency(urgency: Urgency) -> &'static str {
    match urgency {
        Urgency::Critical => "critical",
        Urgency::High => "high",
        Urgency::Medium => "normal",
        Urgency::Low => "low",
    }
}

fn source_type(part: &Details) -> &'static str {
    match (part.stock.is_out_of_stock, part.stock.is_low_stock) {
        (true, _) => "inventory_oos",
        (false, true) => "inventory_low",
        (false, false) => "manual_add",
    }
}
