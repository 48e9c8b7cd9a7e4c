//! The OpenAPI description of the ops API: each route with who may call it, what it takes, and an answer as an example.
//!
//! Routes are listed here, and a test holds the list against the router; answers are described by their types.

use super::auth::{Caller, Role};
use super::calls::CallPage;
use super::flags::{Evaluated, FlagList, SubjectExplained};
use super::fleet::Fleet;
use super::gate::{GateFound, RecordedRun, Runs};
use super::history::{self, History};
use super::journal::JournalPage;
use super::notifications::{TestResults, TriedAgain};
use super::policies::InForce;
use super::preflight::Preflighted;
use super::problem::Problem;
use super::readings::Readings;
use super::reports::{Filed, Reports};
use super::rollouts::Rollouts;
use super::session::SignedIn;
use crate::controller::{Explained, Replay};
use crate::notify::Overview;
use axum::Json;
use rampart_core::rollout::CommandKind;
use serde_json::{Map, Value, json};
use std::sync::LazyLock;
use utoipa::OpenApi;

/// `GET /api/v1/openapi.json`
pub(super) async fn show(caller: Caller) -> Result<Json<Value>, Problem> {
    caller.must_be(Role::Viewer)?;
    Ok(Json(document()))
}

/// What is answered, each type with all that it holds.
#[derive(OpenApi)]
#[openapi(components(schemas(
    SignedIn,
    Rollouts,
    JournalPage,
    History,
    history::Report,
    GateFound,
    InForce,
    Replay,
    Explained,
    Preflighted,
    Readings,
    Reports,
    Filed,
    Runs,
    RecordedRun,
    Overview,
    TestResults,
    TriedAgain,
    CallPage,
    Fleet,
    FlagList,
    Evaluated,
    SubjectExplained
)))]
struct Answers;

/// Answers are whole: what is not known is null, and never left out.
fn schemas() -> Value {
    let mut schemas = json!(Answers::openapi().components.unwrap_or_default().schemas);
    for schema in schemas.as_object_mut().into_iter().flat_map(Map::values_mut) {
        require_all(schema);
    }
    schemas["Order"] = json!({ "type": "object", "additionalProperties": false, "properties": {
        "reason": { "type": ["string", "null"], "maxLength": 1000 },
        "percent": { "type": ["number", "null"], "description": "of `stage`: the percent to move to" },
        "extend_seconds": { "type": ["integer", "null"], "description": "of `extend`: how much longer the soak is" },
        "override_gate": { "type": "boolean", "description": "of `start`: although proofs are missing" },
    }, "example": { "reason": "crew sees wrong stock" } });
    schemas["Problem"] = json!({
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": { "type": "string" }, "title": { "type": "string" }, "status": { "type": "integer" },
            "detail": { "type": "string" },
        },
        "example": { "type": "about:rampart/stale", "title": "It has changed meanwhile", "status": 412,
                     "detail": "expected revision 4, it is 5" },
    });
    schemas
}

fn require_all(schema: &mut Value) {
    if let Some(names) = schema["properties"].as_object().map(|all| all.keys().cloned().map(Value::from).collect()) {
        schema["required"] = Value::Array(names);
    }
    // What is written out of another type, with more beside it.
    for part in schema.get_mut("allOf").and_then(Value::as_array_mut).into_iter().flatten() {
        require_all(part);
    }
}

/// The description of the ops API, as the daemon and `rampart openapi` give it.
pub(crate) fn document() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Ops API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Where rollouts stand, and people's orders. Every refusal is a problem document (RFC 9457); \
                            docs/errors.md lists them. Numbers of seconds since 1970 are UTC.",
            "license": { "name": env!("CARGO_PKG_LICENSE"), "identifier": env!("CARGO_PKG_LICENSE") },
        },
        "servers": [{ "url": "/api/v1" }],
        "security": [{ "token": [] }],
        "paths": paths(),
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "schemas": schemas(),
        },
    })
}

/// Every route of `server::ops_routes`, which a test holds against this.
fn paths() -> Value {
    let order = reference("Order");
    let text = json!({ "type": "string", "minLength": 1, "maxLength": 2000 });
    let report = json!({ "type": "object", "additionalProperties": false, "required": ["kind", "text"], "properties": {
        "kind": { "enum": ["data_inconsistency", "other"] }, "text": text,
    }, "example": { "kind": "other", "text": "The list shows a filter twice." } });
    let dismissal = json!({ "type": "object", "additionalProperties": false, "required": ["reason"],
        "properties": { "reason": text }, "example": { "reason": "looked at: a test report" } });
    let run = json!({ "type": "object", "required": ["passed", "build", "started_at", "finished_at", "host"],
        "example": { "passed": true, "build": "1.4.0+3f2a91c", "started_at": "2026-11-24T08:00:00Z",
                     "finished_at": "2026-11-24T08:01:00Z", "host": "ci-1", "summary": {}, "artifacts": [] } });
    let sign_in = json!({ "type": "object", "required": ["token"], "properties": { "token": { "type": "string" } },
        "example": { "token": "a-token-of-at-least-16-characters" } });
    let test = json!({ "type": "object", "properties": { "target": { "type": ["string", "null"] } },
        "example": { "target": "ops" } });
    let flag = || vec![path("flag", "part_lens_v2")];
    let of = |path: &str| format!("/rollouts/{{flag}}{path}");
    let mut paths = Map::new();
    let mut add = |path: &str, operations: Value| paths.insert(path.to_owned(), operations);
    let sessions = json!({
        "get": operation("Who is signed in", Role::Sdk, vec![], None, Answer::of("SignedIn")),
        "post": operation("Sign the page in", Role::Sdk, vec![], Some(sign_in), Answer::of("SignedIn")),
        "delete": operation("Sign the page out", Role::Sdk, vec![], None, Answer::nothing()),
    });
    add("/session", sessions);
    add("/rollouts", got("Where every rollout stands", vec![], Answer::of("Rollouts")));
    add(&of(""), got("Where one stands, with its revision as the ETag", flag(), Answer::of("Status")));
    let pages =
        [query("after", "integer"), query("limit", "integer"), query("kind", "string"), query("rollout", "string")];
    let journal = flag().into_iter().chain(pages.clone()).chain([query("order", "string")]).collect();
    add(&of("/journal"), got("What was decided and ordered, page by page", journal, Answer::of("JournalPage")));
    let export = flag().into_iter().chain(pages).chain([query("format", "string")]).collect();
    add(
        &of("/journal/export"),
        download("The whole journal as a file, json or csv", export, &["application/json", "text/csv"]),
    );
    let history = flag().into_iter().chain([query("after", "integer"), query("limit", "integer")]).collect();
    add(&of("/history"), got("Every attempt, the newest first", history, Answer::of("History")));
    let which = || flag().into_iter().chain([query("rollout", "string")]).collect();
    add(&of("/rollback-report"), got("What broke a rollout, with its evidence", which(), Answer::of("RollbackReport")));
    add(&of("/gate"), got("What must be proven before a start", flag(), Answer::of("GateFound")));
    add(&of("/policy"), got("The policy in force and the pinned one", flag(), Answer::of("PolicyInForce")));
    add(&of("/replay"), got("Every decision made again from its stored evidence", flag(), Answer::of("Replay")));
    let explain = flag().into_iter().chain([query("seq", "integer")]).collect();
    add(&of("/explain"), got("Why a decision came out as it did", explain, Answer::of("Explained")));
    add(
        &of("/recording"),
        download("The stored ticks and the journal, a JSON document a line", flag(), &["application/jsonl"]),
    );
    let preflight = flag()
        .into_iter()
        .chain([query("requests_per_second", "number"), query("server_error_rate", "number")])
        .collect();
    add(&of("/preflight"), got("What so much traffic can prove", preflight, Answer::of("Preflighted")));
    let span = ["from", "to", "step", "points"].map(|name| query(name, "number"));
    let readings =
        flag().into_iter().chain(span).chain([query("check", "string"), query("rollout", "string")]).collect();
    add(
        &of("/readings"),
        got("What the checks read over time: [time, value, verdict, control]", readings, Answer::of("Readings")),
    );
    add(
        &of("/reports"),
        json!({
            "get": operation("Reports of people", Role::Viewer, flag(), None, Answer::of("Reports")),
            "post": operation("Report a problem; wrong data rolls back", Role::Viewer, flag(), Some(report), Answer::made("Filed")),
        }),
    );
    let one = flag().into_iter().chain([path("id", "0198c0de-0000-7000-8000-000000000001")]).collect();
    add(
        &of("/reports/{id}/dismiss"),
        json!({ "post": operation("Dismiss a report", Role::Operator, one, Some(dismissal), Answer::nothing()) }),
    );
    let mut command = path("command", "rollback");
    command["schema"] = json!({ "enum": CommandKind::ALL.map(CommandKind::name) });
    let headers = [
        header("Idempotency-Key", "the same key gives the same answer"),
        header("If-Match", "the revision that was seen, as \"4\""),
    ];
    let ordered = flag().into_iter().chain([command]).chain(headers).collect();
    add(
        &of("/{command}"),
        json!({ "post": operation("Give an order; the answer comes when it is durable", Role::Operator, ordered, Some(order), Answer::of("Status")) }),
    );
    let item = || vec![path("item", "acceptance")];
    add(
        "/gate/{item}",
        json!({
            "get": operation("Recorded runs of an item", Role::Viewer, item(), None, Answer::of("Runs")),
            "post": operation("Record a run", Role::Operator, item(), Some(run), Answer::made("RecordedRun")),
        }),
    );
    add(
        "/gate/artifacts/{id}",
        download("An artifact as it was recorded", vec![path("id", "0198c0de-0000-7000-8000-000000000001")], &["*/*"]),
    );
    add("/notifications", got("Who is told, and what reached nobody", vec![], Answer::of("Notifications")));
    add(
        "/notifications/test",
        json!({ "post": operation("Tell a target, or all, that this is a test", Role::Operator, vec![], Some(test), Answer::of("TestResults")) }),
    );
    let letter = vec![path("id", "0198c0de-0000-7000-8000-000000000001")];
    add(
        "/notifications/{id}/retry",
        json!({ "post": operation("Send a dead letter again", Role::Operator, letter, None, Answer::of("TriedAgain")) }),
    );
    let pages = vec![query("before", "integer"), query("limit", "integer")];
    add("/calls", got("Calls that may change something, the newest first", pages, Answer::of("CallPage")));
    add("/fleet", got("Who serves, who watches, how fast a change arrives", vec![], Answer::of("Fleet")));
    add("/flags", got("Every flag", vec![], Answer::of("FlagList")));
    let key = || vec![path("key", "part_lens_v2")];
    add("/flags/{key}", got("One flag", key(), Answer::of("Flag")));
    let subject = || key().into_iter().chain([query("subject", "string")]).collect();
    add("/flags/{key}/evaluate", got("What one subject is served", subject(), Answer::of("Evaluated")));
    add("/flags/{key}/explain", got("Why one subject is served what it is", subject(), Answer::of("SubjectExplained")));
    add("/openapi.json", got("This description", vec![], Answer::object()));
    add("/events", download("Everything that happens, as server-sent events", vec![], &["text/event-stream"]));
    Value::Object(paths)
}

const NO_CONTENT: u16 = 204;

/// How a call is answered where it is not refused.
struct Answer {
    status: u16,
    /// The name of a component; none where it is any object.
    component: Option<&'static str>,
}

impl Answer {
    /// 200.
    const fn of(component: &'static str) -> Self {
        Self { status: 200, component: Some(component) }
    }

    /// 200 with whatever it is.
    const fn object() -> Self {
        Self { status: 200, component: None }
    }

    /// 201.
    const fn made(component: &'static str) -> Self {
        Self { status: 201, component: Some(component) }
    }

    /// 204.
    const fn nothing() -> Self {
        Self { status: NO_CONTENT, component: None }
    }

    fn content(&self) -> Value {
        let Some(component) = self.component else { return json!({ "schema": { "type": "object" } }) };
        json!({ "schema": reference(component), "example": example(component) })
    }
}

/// What a daemon has answered, cut short: by component, and checked against it by `scripts/check-api`.
static EXAMPLES: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("examples.json")).unwrap_or_default());

fn example(component: &str) -> Value {
    match component {
        "Rollouts" => json!({ "rollouts": [EXAMPLES["Status"]] }),
        component => EXAMPLES[component].clone(),
    }
}

fn reference(component: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{component}") })
}

fn got(summary: &str, parameters: Vec<Value>, answer: Answer) -> Value {
    json!({ "get": operation(summary, Role::Viewer, parameters, None, answer) })
}

fn operation(summary: &str, role: Role, parameters: Vec<Value>, body: Option<Value>, answer: Answer) -> Value {
    let mut described = json!({ "description": summary });
    if answer.status != NO_CONTENT {
        described["content"] = json!({ "application/json": answer.content() });
    }
    let mut operation = frame(summary, role, parameters, answer.status, described);
    if let Some(schema) = body {
        operation["requestBody"] = json!({ "content": { "application/json": { "schema": schema } } });
    }
    operation
}

fn download(summary: &str, parameters: Vec<Value>, types: &[&str]) -> Value {
    let content: Map<String, Value> = types.iter().map(|one| ((*one).to_owned(), json!({}))).collect();
    let described = json!({ "description": summary, "content": content });
    json!({ "get": frame(summary, Role::Viewer, parameters, 200, described) })
}

fn frame(summary: &str, role: Role, parameters: Vec<Value>, status: u16, described: Value) -> Value {
    let problem = json!({
        "description": "Refused",
        "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
    });
    json!({
        "summary": summary,
        "description": format!("For the role {} and those above it.", role.name()),
        "parameters": parameters,
        "responses": { status.to_string(): described, "4XX": problem.clone(), "503": problem },
    })
}

fn path(name: &str, example: &str) -> Value {
    json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" }, "example": example })
}

fn query(name: &str, kind: &str) -> Value {
    json!({ "name": name, "in": "query", "required": false, "schema": { "type": kind } })
}

fn header(name: &str, about: &str) -> Value {
    json!({ "name": name, "in": "header", "required": false, "description": about, "schema": { "type": "string" } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn references<'v>(value: &'v Value, found: &mut BTreeSet<&'v str>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|member| references(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    #[test]
    fn every_answer_has_an_example() {
        let paths = paths();
        let operations = paths.as_object().unwrap().values().flat_map(|one| one.as_object().unwrap().values());
        let mut shown = BTreeSet::new();
        for answer in operations.flat_map(|one| one["responses"].as_object().unwrap().values()) {
            let content = &answer["content"]["application/json"];
            let Some(reference) = content["schema"]["$ref"].as_str() else { continue };
            assert!(content["example"].is_object(), "{reference} has no example");
            shown.insert(reference.rsplit('/').next().unwrap());
        }
        for component in EXAMPLES.as_object().unwrap().keys() {
            assert!(shown.contains(component.as_str()), "nobody is shown the example of {component}");
        }
    }

    #[test]
    fn every_type_that_is_named_is_described() {
        let document = document();
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        assert!(found.len() > 50, "{found:?}");
        for reference in found {
            let place = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(place).is_some_and(Value::is_object), "{reference} leads nowhere");
        }
    }

    #[test]
    fn every_route_is_described_and_nothing_else() {
        let source = include_str!("server.rs");
        let api =
            source.split("let api = Router::new()").nth(1).and_then(|rest| rest.split("let pages").next()).unwrap();
        let routed: BTreeSet<(String, &str)> = api
            .lines()
            .filter_map(|line| line.trim().strip_prefix(".route(\"")?.split_once('"'))
            .flat_map(|(path, handlers)| {
                let methods = ["get(", "post(", "delete("].into_iter().filter(|method| handlers.contains(method));
                methods.map(move |method| (path.to_owned(), method.trim_end_matches('(')))
            })
            .collect();
        let paths = paths();
        let described: BTreeSet<(String, &str)> = paths
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, operations)| {
                operations.as_object().unwrap().keys().map(|method| (path.clone(), method.as_str()))
            })
            .collect();
        assert_eq!(routed, described);
    }
}
