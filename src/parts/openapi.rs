//! The OpenAPI description of the parts API, made from the code: routes and answers from the handlers and their types,
//! payloads from the catalogue of actions, refusals from what every route passes on its way.
//!
//! Handlers say what is their own. What all of them have in common is added here, so that it cannot be forgotten.

use super::actions::Action;
use super::catalogue::{self, Field};
use super::command::IDEMPOTENCY_KEY_MAX_CHARS;
use super::crew_report;
use super::errors::{FILE_REFUSALS, REFUSALS};
use axum::http::Method;
use serde_json::{Map, Value, json};
use utoipa::openapi::path::Operation;
use utoipa::openapi::{OpenApi, PathItem};

/// The routes whose body is the payload of an action.
const PAYLOADS: [(&str, Action); 9] = [
    ("/v1/parts/receive", Action::ReceivePart),
    ("/v1/parts/consume", Action::ConsumePart),
    ("/v1/parts/transfer", Action::TransferPart),
    ("/v1/parts/adjust-stock", Action::AdjustStockQuantity),
    ("/v1/parts/write-off", Action::WriteOffPart),
    ("/v1/parts/reverse", Action::ReverseTransaction),
    ("/v1/parts/shopping-list", Action::AddToShoppingList),
    ("/v1/parts/labels/generate", Action::GeneratePartLabels),
    ("/v1/parts/labels/output", Action::RequestLabelOutput),
];

/// Every operation behind the gate: pattern and method.
pub(super) fn gated(api: OpenApi) -> Vec<(String, Method)> {
    let of_path = |(path, item): (String, PathItem)| {
        let operations = [
            (Method::GET, item.get),
            (Method::PUT, item.put),
            (Method::POST, item.post),
            (Method::PATCH, item.patch),
            (Method::DELETE, item.delete),
        ];
        let gated = |operation: Option<Operation>| operation.is_some_and(|operation| operation.security.is_some());
        operations.into_iter().filter_map(move |(method, operation)| gated(operation).then(|| (path.clone(), method)))
    };
    api.paths.paths.into_iter().flat_map(of_path).collect()
}

/// Completes what the handlers said.
pub(super) fn complete(api: OpenApi) -> Value {
    let mut api = json!(api);
    api["info"] = json!({
        "title": "Parts API",
        "version": env!("CARGO_PKG_VERSION"),
        "description": "The parts inventory of a yacht. Every answer says in X-Part-Lens through which lens stock was \
                        read, and carries X-Request-Id.",
        "license": { "name": env!("CARGO_PKG_LICENSE"), "identifier": env!("CARGO_PKG_LICENSE") },
    });
    api["components"]["securitySchemes"]["user"] = json!({ "type": "http", "scheme": "bearer", "bearerFormat": "JWT" });
    api["components"]["securitySchemes"]["service"] = json!({ "type": "apiKey", "in": "header", "name": "apikey" });
    api["components"]["schemas"]["Failure"] = failure();
    for action in Action::ALL {
        api["components"]["schemas"][action.name()] = payload(action);
    }
    for (path, action) in PAYLOADS {
        let operation = &mut api["paths"][path]["post"];
        operation["summary"] = catalogue::entry(action).label.into();
        operation["requestBody"] = body(&json!({ "$ref": reference(action) }));
        operation["parameters"] = json!([{
            "name": "Idempotency-Key", "in": "header", "schema": { "type": "string", "maxLength": IDEMPOTENCY_KEY_MAX_CHARS },
        }]);
        succeed(operation);
    }
    succeed(&mut api["paths"]["/v1/parts/{part_id}"]["get"]);
    api["paths"]["/v1/actions/execute"]["post"]["requestBody"] = body(&call());
    api["paths"]["/v1/actions/suggestions"]["post"]["requestBody"] = body(&entity());
    api["paths"]["/v1/parts/report"]["post"]["requestBody"] = body(&crew_report::schema());
    api["paths"]["/v1/parts/low-stock"]["get"]["parameters"] = parameters(Action::ViewLowStock);
    files(&mut api);
    group(&mut api);
    for operation in operations(&mut api) {
        refusals(operation);
    }
    api
}

/// Puts operations into groups by the first word of their path.
fn group(api: &mut Value) {
    for (path, operations) in api["paths"].as_object_mut().into_iter().flatten() {
        let group = path.trim_start_matches("/v1").split('/').nth(1).unwrap_or_default().to_owned();
        for operation in operations.as_object_mut().into_iter().flat_map(Map::values_mut) {
            operation["tags"] = json!([group]);
        }
    }
}

/// Every operation there is.
fn operations(api: &mut Value) -> impl Iterator<Item = &mut Map<String, Value>> {
    let paths = api["paths"].as_object_mut().into_iter().flat_map(Map::values_mut);
    paths.filter_map(Value::as_object_mut).flat_map(Map::values_mut).filter_map(Value::as_object_mut)
}

/// What any route behind the gate may answer beside what it says itself.
fn refusals(operation: &mut Map<String, Value>) {
    if !operation.contains_key("security") {
        return;
    }
    let Some(answers) = operation.get_mut("responses").and_then(Value::as_object_mut) else { return };
    for (status, about) in REFUSALS {
        let content = json!({ "application/json": { "schema": { "$ref": "#/components/schemas/Failure" } } });
        answers.entry(status.as_str()).or_insert_with(|| json!({ "description": about, "content": content }));
    }
}

/// An answer of success says so beside what it holds.
fn succeed(operation: &mut Value) {
    for answer in operation["responses"].as_object_mut().into_iter().flat_map(Map::values_mut) {
        let schema = &mut answer["content"]["application/json"]["schema"];
        let said =
            json!({ "type": "object", "required": ["status"], "properties": { "status": { "const": "success" } } });
        *schema = json!({ "allOf": [said, schema.take()] });
    }
}

/// Files are told apart from the rest of the API: as Supabase's storage does.
fn files(api: &mut Value) {
    let Some(paths) = api["paths"].as_object_mut() else { return };
    let Some(mut file) = paths.remove("/storage/v1/object/{bucket}/{*path}") else { return };
    let error = json!({
        "type": "object",
        "required": ["statusCode", "error", "message"],
        "properties": {
            "statusCode": { "type": "string" }, "error": { "type": "string" }, "message": { "type": "string" },
        },
    });
    file["post"]["requestBody"] = json!({ "content": {
        "application/pdf": {}, "image/jpeg": {}, "image/png": {},
        "multipart/form-data": { "schema": {
            "type": "object", "required": ["file"], "properties": { "file": { "type": "string", "format": "binary" } },
        } },
    } });
    let bytes = json!({ "type": "string", "format": "binary" });
    file["get"]["responses"]["200"]["content"] =
        json!({ "application/pdf": { "schema": bytes }, "image/*": { "schema": bytes } });
    for method in ["post", "delete"] {
        file[method]["responses"]["200"]["content"] = json!({ "application/json": { "schema": { "type": "object" } } });
    }
    for operation in file.as_object_mut().into_iter().flat_map(Map::values_mut) {
        for (status, about) in REFUSALS.into_iter().chain(FILE_REFUSALS) {
            operation["responses"][status.as_str()] =
                json!({ "description": about, "content": { "application/json": { "schema": error } } });
        }
    }
    paths.insert("/storage/v1/object/{bucket}/{path}".to_owned(), file);
}

/// What an action may be asked in a query.
fn parameters(action: Action) -> Value {
    let named = |name: &str, schema: Value| json!({ "name": name, "in": "query", "schema": schema });
    let own = named("yacht_id", json!({ "type": "string", "format": "uuid" }));
    let fields = catalogue::entry(action).fields.iter().map(|field| named(field.name, field.schema()));
    std::iter::once(own).chain(fields).collect()
}

/// What suggestions may be asked about.
fn entity() -> Value {
    json!({
        "type": "object",
        "required": ["context"],
        "properties": {
            "q": { "type": "string" },
            "domain": { "type": "string" },
            "context": {
                "type": "object",
                "required": ["entity_type", "entity_id"],
                "properties": { "entity_type": { "const": "part" }, "entity_id": { "type": "string", "format": "uuid" } },
            },
        },
    })
}

fn failure() -> Value {
    json!({
        "type": "object",
        "required": ["status", "error_code", "message"],
        "properties": {
            "status": { "const": "error" },
            "error_code": { "type": "string" },
            "message": { "type": "string" },
            "error": { "type": "string", "description": "Of a conflict: the message once more." },
            "fields": { "type": "array", "items": { "type": "string" }, "description": "Every field that is wrong." },
        },
    })
}

fn reference(action: Action) -> String {
    format!("#/components/schemas/{}", action.name())
}

fn body(schema: &Value) -> Value {
    json!({ "required": true, "content": { "application/json": { "schema": schema } } })
}

/// An action by its name.
fn call() -> Value {
    let named = Action::ALL.map(|action| {
        json!({
            "type": "object",
            "required": ["action"],
            "properties": {
                "action": { "const": action.name() },
                "context": {
                    "type": "object", "properties": { "yacht_id": { "type": "string", "format": "uuid" } },
                },
                "payload": { "$ref": reference(action) },
            },
        })
    });
    json!({ "oneOf": named })
}

fn payload(action: Action) -> Value {
    let entry = catalogue::entry(action);
    let mut properties = Map::from_iter([("yacht_id".to_owned(), json!({ "type": "string", "format": "uuid" }))]);
    for field in entry.fields {
        for name in std::iter::once(&field.name).chain(field.aliases) {
            properties.insert((*name).to_owned(), field.schema());
        }
    }
    let sole = |field: &&Field| field.required && field.aliases.is_empty() && field.alternative.is_none();
    let required: Vec<&str> = entry.fields.iter().filter(sole).map(|field| field.name).collect();
    json!({ "type": "object", "description": entry.label, "required": required, "properties": properties })
}
