//! From a payload to an outcome, in the order of the contract: yacht, fields, role, and only then the deed.

use super::actions::Action;
use super::adjust::{Adjust, Adjusted};
use super::consume::{Consume, Consumed};
use super::details::{self, Described};
use super::errors::ApiError;
use super::fields::Fields;
use super::gate::Caller;
use super::labels::{Generate, Generated, Output, Requested};
use super::low_stock::{self, Filter, LowStock};
use super::receive::{Receive, Received};
use super::reverse::{Reverse, Reversed};
use super::shopping::{Listed, Wish};
use super::state::PartsState;
use super::transfer::{Transfer, Transferred};
use super::write_off::{WriteOff, WrittenOff};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

/// The longest idempotency key, in characters; the database allows no longer one.
pub(super) const IDEMPOTENCY_KEY_MAX_CHARS: usize = 255;

/// A checked request.
#[derive(Clone, Debug)]
pub(super) enum Command {
    Details(Uuid),
    LowStock(Filter),
    Receive(Receive),
    Consume(Consume),
    Adjust(Adjust),
    Transfer(Transfer),
    WriteOff(WriteOff),
    Reverse(Reverse),
    AddToShoppingList(Wish),
    GenerateLabels(Generate),
    LabelOutput(Output),
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Outcome {
    /// Of a change: its audit row, so that the same request answered again bears the same id.
    pub(super) execution_id: Uuid,
    /// Whether this is the answer of an earlier request with the same key.
    pub(super) replayed: bool,
    /// The answer.
    pub(super) body: Body,
}

/// The answer of each action.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Body {
    Details(Box<Described>),
    LowStock(LowStock),
    Received(Received),
    Consumed(Consumed),
    Adjusted(Box<Adjusted>),
    Transferred(Box<Transferred>),
    WrittenOff(Box<WrittenOff>),
    Reversed(Box<Reversed>),
    Listed(Listed),
    LabelsGenerated(Box<Generated>),
    LabelOutput(Requested),
}

/// Refuses a yacht that is not the caller's own, naming no ids. What is no id at all is a field error.
pub(super) fn check_yacht(
    caller: &Caller,
    fields: &mut Fields<'_>,
    name: &str,
    yacht: Option<&Value>,
) -> Result<(), ApiError> {
    let Some(yacht) = yacht.filter(|yacht| !yacht.is_null() && yacht.as_str() != Some("")) else { return Ok(()) };
    match yacht.as_str().and_then(|yacht| yacht.trim().parse::<Uuid>().ok()) {
        Some(yacht) if yacht == caller.yacht => Ok(()),
        Some(_) => Err(ApiError::denied("this yacht is not yours")),
        None => {
            fields.refuse(name, "a UUID");
            Ok(())
        }
    }
}

/// The fields of a request that names no yacht, or the caller's own.
pub(super) fn on_own_yacht<'p>(caller: &Caller, mut fields: Fields<'p>) -> Result<Fields<'p>, ApiError> {
    let yacht = fields.given("yacht_id");
    check_yacht(caller, &mut fields, "yacht_id", yacht)?;
    Ok(fields)
}

/// Checks a request and carries it out.
pub(super) async fn perform(
    state: &PartsState,
    caller: &Caller,
    action: Action,
    fields: Fields<'_>,
) -> Result<Outcome, ApiError> {
    let fields = on_own_yacht(caller, fields)?;
    let command = Command::parse(action, fields)?;
    if !action.may_execute(caller.role) {
        return Err(ApiError::not_permitted(action.name()));
    }
    command.run(state, caller).await
}

impl Command {
    /// Takes it from a payload, with its type and within its bounds.
    pub(super) fn parse(action: Action, mut fields: Fields<'_>) -> Result<Self, ApiError> {
        Ok(match action {
            Action::ViewPartDetails => {
                let part = fields.uuid("part_id");
                Command::Details(fields.done(part)?)
            }
            Action::ViewLowStock => Command::LowStock(Filter::parse(fields)?),
            Action::ReceivePart => Command::Receive(Receive::parse(fields)?),
            Action::ConsumePart => Command::Consume(Consume::parse(fields)?),
            Action::AdjustStockQuantity => Command::Adjust(Adjust::parse(fields)?),
            Action::TransferPart => Command::Transfer(Transfer::parse(fields)?),
            Action::WriteOffPart => Command::WriteOff(WriteOff::parse(fields)?),
            Action::ReverseTransaction => Command::Reverse(Reverse::parse(fields)?),
            Action::AddToShoppingList => Command::AddToShoppingList(Wish::parse(fields)?),
            Action::GeneratePartLabels => Command::GenerateLabels(Generate::parse(fields)?),
            Action::RequestLabelOutput => Command::LabelOutput(Output::parse(fields)?),
        })
    }

    async fn run(&self, state: &PartsState, caller: &Caller) -> Result<Outcome, ApiError> {
        match self {
            Command::Details(part) => {
                let data = details::of_part(state, caller, *part).await?;
                Ok(Outcome::read(Body::Details(Box::new(Described::of(data)))))
            }
            Command::LowStock(filter) => {
                Ok(Outcome::read(Body::LowStock(low_stock::report(state, caller, filter).await?)))
            }
            Command::Receive(receive) => receive.run(state, caller).await,
            Command::Consume(consume) => consume.run(state, caller).await,
            Command::Adjust(adjust) => adjust.run(state, caller).await,
            Command::Transfer(transfer) => transfer.run(state, caller).await,
            Command::WriteOff(write_off) => write_off.run(state, caller).await,
            Command::Reverse(reverse) => reverse.run(state, caller).await,
            Command::AddToShoppingList(wish) => wish.run(state, caller).await,
            Command::GenerateLabels(generate) => generate.run(state, caller).await,
            Command::LabelOutput(output) => output.run(state, caller).await,
        }
    }
}

impl Outcome {
    fn read(body: Body) -> Self {
        Self { execution_id: Uuid::now_v7(), replayed: false, body }
    }

    /// A change, with the audit row that stands for it.
    pub(super) fn changed(audit_id: Uuid, replayed: bool, body: impl Into<Body>) -> Self {
        Self { execution_id: audit_id, replayed, body: body.into() }
    }
}

impl From<Received> for Body {
    fn from(body: Received) -> Self {
        Body::Received(body)
    }
}

impl From<Consumed> for Body {
    fn from(body: Consumed) -> Self {
        Body::Consumed(body)
    }
}

impl From<Adjusted> for Body {
    fn from(body: Adjusted) -> Self {
        Body::Adjusted(Box::new(body))
    }
}

impl From<Transferred> for Body {
    fn from(body: Transferred) -> Self {
        Body::Transferred(Box::new(body))
    }
}

impl From<WrittenOff> for Body {
    fn from(body: WrittenOff) -> Self {
        Body::WrittenOff(Box::new(body))
    }
}

impl From<Reversed> for Body {
    fn from(body: Reversed) -> Self {
        Body::Reversed(Box::new(body))
    }
}

impl From<Listed> for Body {
    fn from(body: Listed) -> Self {
        Body::Listed(body)
    }
}

impl From<Generated> for Body {
    fn from(body: Generated) -> Self {
        Body::LabelsGenerated(Box::new(body))
    }
}

impl From<Requested> for Body {
    fn from(body: Requested) -> Self {
        Body::LabelOutput(body)
    }
}

/// Whether the write path answered as it did to an earlier request with the same key, and did nothing.
pub(super) fn is_replayed(answer: &Value) -> bool {
    answer.get("replayed") == Some(&Value::Bool(true))
}

/// Reads what the write path answered, and whether it answered so before.
pub(super) fn told<T: DeserializeOwned>(answer: Value) -> Result<(T, bool), ApiError> {
    let replayed = is_replayed(&answer);
    let written = serde_json::from_value(answer)
        .map_err(|error| ApiError::internal(format!("the write path answered something else: {error}")))?;
    Ok((written, replayed))
}
