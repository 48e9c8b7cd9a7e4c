//! What every action tells about itself: its name for people, the words it is found by, the fields of its
//! payload, and where it stores files.
//!
//! One table for all who describe actions: the list, the suggestions, the forms and the API's description.
//! The parsers do not read it, they are held against it by the tests below: a field that is renamed,
//! dropped or bounded otherwise in one of the two fails there.

use super::actions::Action;
use serde_json::{Map, Value, json};

/// The domain of every action of this room.
pub(super) const DOMAIN: &str = "parts";

/// What an action tells.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// Its name for people.
    pub(super) label: &'static str,
    /// Other words people look for it with.
    pub(super) keywords: &'static [&'static str],
    /// What its payload holds.
    pub(super) fields: &'static [Field],
    /// Where files that belong to it are kept.
    pub(super) storage: Option<Storage>,
}

/// A field of a payload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    /// Its proper name.
    pub(super) name: &'static str,
    /// Other names it is taken by.
    pub(super) aliases: &'static [&'static str],
    /// Its type and bounds.
    pub(super) kind: Kind,
    /// Whether the payload is refused without it.
    pub(super) required: bool,
    /// The field that may, and then must, stand in its place.
    pub(super) alternative: Option<&'static str>,
    /// What it means, in a line.
    pub(super) about: &'static str,
}

/// The type of a field and its bounds; both ends belong to a range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Uuid,
    /// An array of ids.
    Uuids {
        min_items: usize,
        max_items: usize,
    },
    /// A whole number.
    Integer {
        min: i32,
        max: i32,
    },
    Number {
        min: f64,
        max: f64,
    },
    /// Text without NUL.
    Text {
        max_chars: usize,
    },
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// An object of `pin` and `totp`, and a `reason_code` if one likes.
    Signature,
}

/// A place for files.
#[derive(Clone, Copy, Debug)]
pub(super) struct Storage {
    /// The private bucket.
    pub(super) bucket: &'static str,
    /// How a path in it begins.
    pub(super) path_template: &'static str,
}

impl Field {
    const fn required(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, aliases: &[], kind, required: true, alternative: None, about }
    }

    const fn optional(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { required: false, ..Self::required(name, kind, about) }
    }

    const fn also(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }

    const fn or(self, alternative: &'static str) -> Self {
        Self { alternative: Some(alternative), ..self }
    }

    /// As it is told to clients that draw a form.
    pub(super) fn metadata(&self) -> Value {
        let mut told = Map::new();
        told.insert("name".to_owned(), self.name.into());
        told.insert("required".to_owned(), self.required.into());
        told.insert("description".to_owned(), self.about.into());
        if !self.aliases.is_empty() {
            told.insert("aliases".to_owned(), self.aliases.into());
        }
        if let Some(alternative) = self.alternative {
            told.insert("alternative".to_owned(), alternative.into());
        }
        if let Value::Object(kind) = self.kind.metadata() {
            told.extend(kind);
        }
        Value::Object(told)
    }
}

impl Field {
    /// As JSON Schema, for the API's description.
    pub(super) fn schema(&self) -> Value {
        let mut schema = self.kind.schema();
        schema["description"] = self.about.into();
        schema
    }
}

impl Kind {
    fn schema(self) -> Value {
        let uuid = json!({ "type": "string", "format": "uuid" });
        match self {
            Kind::Uuid => uuid,
            Kind::Uuids { min_items, max_items } => {
                json!({ "type": "array", "items": uuid, "minItems": min_items, "maxItems": max_items })
            }
            Kind::Integer { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
            Kind::Number { min, max } => json!({ "type": "number", "minimum": min, "maximum": max }),
            Kind::Text { max_chars } => json!({ "type": "string", "maxLength": max_chars }),
            Kind::OneOf(values) => json!({ "type": "string", "enum": values }),
            Kind::Signature => json!({
                "type": "object",
                "required": ["pin", "totp"],
                "properties": {
                    "pin": { "type": "string" }, "totp": { "type": "string" }, "reason_code": { "type": "string" },
                },
            }),
        }
    }

    fn metadata(self) -> Value {
        match self {
            Kind::Uuid => json!({ "type": "uuid" }),
            Kind::Uuids { min_items, max_items } => {
                json!({ "type": "array", "items": "uuid", "min_items": min_items, "max_items": max_items })
            }
            Kind::Integer { min, max } => json!({ "type": "integer", "min": min, "max": max }),
            Kind::Number { min, max } => json!({ "type": "number", "min": min, "max": max }),
            Kind::Text { max_chars } => json!({ "type": "text", "max_length": max_chars }),
            Kind::OneOf(values) => json!({ "type": "enum", "values": values }),
            Kind::Signature => json!({ "type": "signature", "fields": ["pin", "totp", "reason_code"] }),
        }
    }
}

impl Entry {
    /// The names of the fields a payload is refused without.
    pub(super) fn required_fields(&self) -> Vec<&'static str> {
        self.fields.iter().filter(|field| field.required).map(|field| field.name).collect()
    }

    /// Every field, as it is told to clients that draw a form.
    pub(super) fn field_metadata(&self) -> Vec<Value> {
        self.fields.iter().map(Field::metadata).collect()
    }
}

/// The entry of an action.
pub(super) fn entry(action: Action) -> Entry {
    let (label, keywords, fields): (_, &'static [&'static str], _) = match action {
        Action::ViewPartDetails => {
            ("View Part Details", &["show", "open", "inspect", "info", "stock", "spare"], VIEW_PART_DETAILS)
        }
        Action::ViewLowStock => {
            ("View Low Stock", &["show", "reorder", "shortage", "running out", "minimum", "report"], VIEW_LOW_STOCK)
        }
        Action::AddToShoppingList => (
            "Add to Shopping List",
            &["order", "buy", "purchase", "reorder", "request", "procure"],
            ADD_TO_SHOPPING_LIST,
        ),
        Action::ConsumePart => {
            ("Consume Part", &["use", "take", "fit", "install", "usage", "work order", "stock"], CONSUME_PART)
        }
        Action::ReceivePart => {
            ("Receive Part", &["delivery", "arrival", "check in", "goods", "restock", "stock"], RECEIVE_PART)
        }
        Action::TransferPart => ("Transfer Part", &["move", "relocate", "location", "store", "stock"], TRANSFER_PART),
        Action::ReverseTransaction => {
            ("Reverse Transaction", &["undo", "revert", "correct", "cancel", "mistake", "ledger"], REVERSE_TRANSACTION)
        }
        Action::GeneratePartLabels => {
            ("Generate Part Labels", &["print", "pdf", "sticker", "barcode", "qr", "code"], GENERATE_PART_LABELS)
        }
        Action::RequestLabelOutput => {
            ("Request Label Output", &["print", "email", "send", "download", "pdf"], REQUEST_LABEL_OUTPUT)
        }
        Action::AdjustStockQuantity => {
            ("Adjust Stock Quantity", &["count", "correct", "inventory", "stocktake", "set"], ADJUST_STOCK_QUANTITY)
        }
        Action::WriteOffPart => {
            ("Write Off Part", &["dispose", "scrap", "damaged", "expired", "lost", "remove", "stock"], WRITE_OFF_PART)
        }
    };
    Entry { label, keywords, fields, storage: storage(action) }
}

fn storage(action: Action) -> Option<Storage> {
    match action {
        Action::ReceivePart => {
            Some(Storage { bucket: "pms-receiving-images", path_template: "{yacht_id}/receiving/{id}/…" })
        }
        Action::GeneratePartLabels => {
            Some(Storage { bucket: "pms-label-pdfs", path_template: "{yacht_id}/labels/…" })
        }
        Action::ViewPartDetails
        | Action::ViewLowStock
        | Action::AddToShoppingList
        | Action::ConsumePart
        | Action::TransferPart
        | Action::ReverseTransaction
        | Action::RequestLabelOutput
        | Action::AdjustStockQuantity
        | Action::WriteOffPart => None,
    }
}

const PART: Field = Field::required("part_id", Kind::Uuid, "the part");
const QUANTITY: Field = Field::required("quantity", Kind::Integer { min: 1, max: i32::MAX }, "how many");
const NOTES: Field = Field::optional("notes", Kind::Text { max_chars: 1000 }, "anything worth remembering");
const LOCATION: Field =
    Field::optional("location", Kind::Text { max_chars: 200 }, "the place; the part's main place where left out");
const SIGNATURE: Field = Field::required("signature", Kind::Signature, "who signs, proven by PIN and one-time code");
const REASON: Field = Field::required("reason", Kind::Text { max_chars: 500 }, "why");
const KEY_KIND: Kind = Kind::Text { max_chars: 255 };
const KEY: Field = Field::optional("idempotency_key", KEY_KIND, "the same key answers the same request once only");

const VIEW_PART_DETAILS: &[Field] = &[PART];
const VIEW_LOW_STOCK: &[Field] = &[
    Field::optional("department", Kind::Text { max_chars: 100 }, "this department's parts only"),
    Field::optional(
        "threshold_percent",
        Kind::Number { min: 0.0, max: 1000.0 },
        "parts with at most this share of their minimum only",
    ),
    Field::optional("limit", Kind::Integer { min: 1, max: 200 }, "how many at most; 50 where left out"),
    Field::optional("offset", Kind::Integer { min: 0, max: 1_000_000 }, "how many to pass over first"),
];
const ADD_TO_SHOPPING_LIST: &[Field] = &[
    PART,
    Field::required("quantity_requested", Kind::Integer { min: 1, max: i32::MAX }, "how many to order")
        .also(&["suggested_qty"]),
    Field::optional("source_type", Kind::OneOf(&SOURCE_TYPES), "what gave rise to it"),
    Field::optional("urgency", Kind::OneOf(&["low", "normal", "high", "critical"]), "how soon it is needed"),
    NOTES,
    KEY,
];
const SOURCE_TYPES: [&str; 6] =
    ["inventory_low", "inventory_oos", "work_order_usage", "receiving_missing", "receiving_damaged", "manual_add"];
const CONSUME_PART: &[Field] =
    &[PART, QUANTITY, Field::optional("work_order_id", Kind::Uuid, "the work order it was used for"), NOTES, KEY];
const RECEIVE_PART: &[Field] = &[
    PART,
    QUANTITY.also(&["quantity_received"]),
    Field::required("idempotency_key", KEY_KIND, "the delivery's own key; a second use is refused"),
    LOCATION,
    Field::optional("to_location_id", Kind::Uuid, "the place by its id; goes before `location`"),
    Field::optional("supplier_id", Kind::Uuid, "who delivered"),
    Field::optional("photo_storage_path", Kind::Text { max_chars: 1000 }, "a photo of the delivery, uploaded before"),
    NOTES,
];
const TRANSFER_PART: &[Field] = &[
    PART,
    QUANTITY,
    Field::required("from_location_id", Kind::Uuid, "where it lies"),
    Field::required("to_location_id", Kind::Uuid, "where it goes"),
    NOTES,
    KEY,
];
const REVERSE_TRANSACTION: &[Field] =
    &[Field::required("transaction_id", Kind::Uuid, "the ledger row to take back"), REASON, SIGNATURE, NOTES, KEY];
const GENERATE_PART_LABELS: &[Field] =
    &[Field::required("part_ids", Kind::Uuids { min_items: 1, max_items: 200 }, "the parts, one label each"), KEY];
const REQUEST_LABEL_OUTPUT: &[Field] = &[
    Field::required("document_id", Kind::Uuid, "the sheet of labels").also(&["label_request_id"]),
    Field::required("output", Kind::OneOf(&["print", "email", "download"]), "how to hand it over")
        .also(&["output_format"]),
    KEY,
];
const ADJUST_STOCK_QUANTITY: &[Field] = &[
    PART,
    Field::required("new_quantity", Kind::Integer { min: 0, max: i32::MAX }, "what was counted").or("quantity_change"),
    Field::optional("quantity_change", Kind::Integer { min: i32::MIN, max: i32::MAX }, "by how much the stock is off")
        .or("new_quantity"),
    LOCATION,
    REASON,
    SIGNATURE,
    NOTES,
    KEY,
];
const WRITE_OFF_REASONS: [&str; 6] = ["damaged", "expired", "obsolete", "lost", "contaminated", "other"];
const WRITE_OFF_PART: &[Field] = &[
    PART,
    QUANTITY,
    Field::required("reason", Kind::OneOf(&WRITE_OFF_REASONS), "what became of it"),
    LOCATION,
    SIGNATURE,
    NOTES,
    KEY,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parts::command::Command;
    use crate::parts::errors::ApiError;
    use crate::parts::fields::Fields;
    use axum::http::StatusCode;

    /// What the parser of `action` says of a payload; none where this tree has no such parser.
    fn parse(action: Action, payload: &Value) -> Option<Result<(), ApiError>> {
        let payload = payload.as_object().expect("an object");
        let parsed = Command::parse(action, Fields::of_body(payload)).map(drop);
        let unknown = parsed.as_ref().is_err_and(|error| error.status == StatusCode::NOT_FOUND);
        (!unknown).then_some(parsed)
    }

    fn refused(action: Action, payload: &Value) -> Vec<String> {
        let mut fields = parse(action, payload).and_then(Result::err).map(|error| error.fields).unwrap_or_default();
        fields.sort();
        fields
    }

    fn example(kind: Kind) -> Value {
        match kind {
            Kind::Uuid => json!(uuid::Uuid::nil()),
            Kind::Uuids { .. } => json!([uuid::Uuid::nil()]),
            Kind::Integer { min, .. } => json!(min.max(1)),
            Kind::Number { min, .. } => json!(min),
            Kind::Text { .. } => json!("text"),
            Kind::OneOf(values) => json!(values[0]),
            Kind::Signature => json!({ "pin": "1", "totp": "2" }),
        }
    }

    /// A payload that holds what is required and nothing else.
    fn least(action: Action) -> Map<String, Value> {
        let required = entry(action).fields.iter().filter(|field| field.required);
        required.map(|field| (field.name.to_owned(), example(field.kind))).collect()
    }

    fn known() -> impl Iterator<Item = Action> {
        Action::ALL.into_iter().filter(|action| parse(*action, &json!({})).is_some())
    }

    #[test]
    fn an_empty_payload_lacks_exactly_the_required_fields() {
        assert!(known().count() >= 5);
        for action in known() {
            let mut expected = Vec::new();
            for field in entry(action).fields.iter().filter(|field| field.required) {
                if field.kind == Kind::Signature {
                    expected.extend(["signature.pin".to_owned(), "signature.totp".to_owned()]);
                } else {
                    expected.push(field.name.to_owned());
                }
            }
            expected.sort();
            assert_eq!(refused(action, &json!({})), expected, "{}", action.name());
            assert_eq!(refused(action, &Value::Object(least(action))), [""; 0], "{}", action.name());
        }
    }

    #[test]
    fn aliases_and_alternatives_stand_in_for_the_field() {
        for action in known() {
            for field in entry(action).fields.iter().filter(|field| field.required) {
                for name in field.aliases.iter().chain(&field.alternative) {
                    let mut payload = least(action);
                    payload.remove(field.name);
                    payload.insert((*name).to_owned(), example(field.kind));
                    assert_eq!(refused(action, &Value::Object(payload)), [""; 0], "{} {name}", action.name());
                }
            }
        }
    }

    #[test]
    fn every_field_has_the_type_and_the_length_the_parser_wants() {
        for action in known() {
            for field in entry(action).fields {
                let told = |value: Value| {
                    let mut payload = least(action);
                    payload.remove(field.alternative.unwrap_or_default());
                    payload.insert(field.name.to_owned(), value);
                    refused(action, &Value::Object(payload)).iter().any(|name| name.starts_with(field.name))
                };
                let name = format!("{} {}", action.name(), field.name);
                assert!(told(json!(true)), "{name} is no boolean");
                assert!(!told(example(field.kind)), "{name}");
                match field.kind {
                    Kind::Text { max_chars } => {
                        assert!(!told(json!("é".repeat(max_chars))), "{name}");
                        assert!(told(json!("é".repeat(max_chars + 1))), "{name}");
                    }
                    Kind::OneOf(values) => {
                        assert!(values.iter().all(|value| !told(json!(value))), "{name}");
                        // In place of an unknown word that is not required, the write path finds its own.
                        assert!(!field.required || told(json!("else")), "{name}");
                    }
                    Kind::Uuids { min_items, max_items } => {
                        let ids = |count| json!(vec![uuid::Uuid::nil(); count]);
                        assert!(told(ids(max_items + 1)) && !told(ids(min_items)), "{name}");
                    }
                    Kind::Number { min, max } => {
                        assert!(!told(json!(min)) && !told(json!(max)), "{name}");
                        assert!(told(json!(min - 0.1)) && told(json!(max + 0.1)), "{name}");
                    }
                    // The lower bounds of quantities are told by the write path, behind the role.
                    Kind::Integer { .. } => assert!(told(json!(i64::from(i32::MAX) + 1)) && told(json!(1.5)), "{name}"),
                    Kind::Uuid | Kind::Signature => {}
                }
            }
        }
    }

    #[test]
    fn fields_are_told_with_their_bounds() {
        let fields = entry(Action::AdjustStockQuantity).field_metadata();
        assert_eq!(
            fields[1],
            json!({
                "name": "new_quantity", "type": "integer", "min": 0, "max": i32::MAX, "required": true,
                "alternative": "quantity_change", "description": "what was counted",
            })
        );
        assert_eq!(entry(Action::ReceivePart).required_fields(), ["part_id", "quantity", "idempotency_key"]);
        assert_eq!(entry(Action::ViewLowStock).required_fields(), [""; 0]);
    }
}
