//! The OpenAPI description of the ops API: each route with who may call it, what it takes, and an answer as an example.
//!
//! Answers are described as objects with an example: what is in them is the status and its parts, which grow.

use super::auth::{Caller, Role};
use super::problem::Problem;
use axum::Json;
use rampart_core::rollout::CommandKind;
use serde_json::{Map, Value, json};

/// `GET /api/v1/openapi.json`
pub(super) async fn show(caller: Caller) -> Result<Json<Value>, Problem> {
    caller.must_be(Role::Viewer)?;
    Ok(Json(document()))
}

fn document() -> Value {
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
            "schemas": { "Problem": {
                "type": "object",
                "required": ["type", "title", "status", "detail"],
                "properties": {
                    "type": { "type": "string" }, "title": { "type": "string" }, "status": { "type": "integer" },
                    "detail": { "type": "string" },
                },
                "example": { "type": "about:rampart/stale", "title": "It has changed meanwhile", "status": 412,
                             "detail": "expected revision 4, it is 5" },
            } },
        },
    })
}

/// Every route of `server::ops_routes`, which a test holds against this.
fn paths() -> Value {
    let status = json!({
        "flag": "part_lens_v2", "revision": 4, "phase": "ramping", "percent": 20.0,
        "sentence": "20 % since 09:14 UTC · advances to 50 % in 12 min if all checks stay green",
    });
    let order = json!({ "type": "object", "additionalProperties": false, "properties": {
        "reason": { "type": ["string", "null"], "maxLength": 1000 },
        "percent": { "type": ["number", "null"], "description": "of `stage`: the percent to move to" },
        "extend_seconds": { "type": ["integer", "null"], "description": "of `extend`: how much longer the soak is" },
        "override_gate": { "type": "boolean", "description": "of `start`: although proofs are missing" },
    }, "example": { "reason": "crew sees wrong stock" } });
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
        "get": operation("Who is signed in", Role::Sdk, vec![], None, (200, json!({ "role": "operator", "name": "operator#1f2e3d" }))),
        "post": operation("Sign the page in", Role::Sdk, vec![], Some(sign_in), (200, json!({ "role": "operator" }))),
        "delete": operation("Sign the page out", Role::Sdk, vec![], None, (204, Value::Null)),
    });
    add("/session", sessions);
    add("/rollouts", got("Where every rollout stands", vec![], json!({ "rollouts": [status.clone()] })));
    add(&of(""), got("Where one stands, with its revision as the ETag", flag(), status.clone()));
    let pages =
        [query("after", "integer"), query("limit", "integer"), query("kind", "string"), query("rollout", "string")];
    let journal = flag().into_iter().chain(pages.clone()).chain([query("order", "string")]).collect();
    add(
        &of("/journal"),
        got("What was decided and ordered, page by page", journal, json!({ "entries": [], "next": null })),
    );
    let export = flag().into_iter().chain(pages).chain([query("format", "string")]).collect();
    add(
        &of("/journal/export"),
        download("The whole journal as a file, json or csv", export, &["application/json", "text/csv"]),
    );
    let history = flag().into_iter().chain([query("after", "integer"), query("limit", "integer")]).collect();
    add(&of("/history"), got("Every attempt, the newest first", history, json!({ "rollouts": [], "next": null })));
    let which = || flag().into_iter().chain([query("rollout", "string")]).collect();
    add(
        &of("/rollback-report"),
        got("What broke a rollout, with its evidence", which(), json!({ "flag": "part_lens_v2", "timeline": [] })),
    );
    add(&of("/gate"), got("What must be proven before a start", flag(), json!({ "items": [] })));
    add(&of("/policy"), got("The policy in force and the pinned one", flag(), json!({ "revision": "3f2a91c" })));
    add(&of("/replay"), got("Every decision made again from its stored evidence", flag(), json!({ "agrees": true })));
    let explain = flag().into_iter().chain([query("seq", "integer")]).collect();
    add(&of("/explain"), got("Why a decision came out as it did", explain, json!({ "seq": 12, "text": "…" })));
    add(
        &of("/recording"),
        download("The stored ticks and the journal, a JSON document a line", flag(), &["application/jsonl"]),
    );
    let preflight = flag()
        .into_iter()
        .chain([query("requests_per_second", "number"), query("server_error_rate", "number")])
        .collect();
    add(&of("/preflight"), got("What so much traffic can prove", preflight, json!({ "text": "…" })));
    let span = ["from", "to", "step", "points"].map(|name| query(name, "number"));
    let readings =
        flag().into_iter().chain(span).chain([query("check", "string"), query("rollout", "string")]).collect();
    add(
        &of("/readings"),
        got("What the checks read over time: [time, value, verdict, control]", readings, json!({ "series": [] })),
    );
    add(
        &of("/reports"),
        json!({
            "get": operation("Reports of people", Role::Viewer, flag(), None, (200, json!({ "reports": [] }))),
            "post": operation("Report a problem; wrong data rolls back", Role::Viewer, flag(), Some(report), (201, json!({ "id": "…" }))),
        }),
    );
    let one = flag().into_iter().chain([path("id", "0198c0de-0000-7000-8000-000000000001")]).collect();
    add(
        &of("/reports/{id}/dismiss"),
        json!({ "post": operation("Dismiss a report", Role::Operator, one, Some(dismissal), (204, Value::Null)) }),
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
        json!({ "post": operation("Give an order; the answer comes when it is durable", Role::Operator, ordered, Some(order), (200, status)) }),
    );
    let item = || vec![path("item", "acceptance")];
    add(
        "/gate/{item}",
        json!({
            "get": operation("Recorded runs of an item", Role::Viewer, item(), None, (200, json!({ "runs": [] }))),
            "post": operation("Record a run", Role::Operator, item(), Some(run), (201, json!({ "id": "…" }))),
        }),
    );
    add(
        "/gate/artifacts/{id}",
        download("An artifact as it was recorded", vec![path("id", "0198c0de-0000-7000-8000-000000000001")], &["*/*"]),
    );
    add("/notifications", got("Who is told, and what reached nobody", vec![], json!({ "targets": [], "dead": [] })));
    add(
        "/notifications/test",
        json!({ "post": operation("Tell a target, or all, that this is a test", Role::Operator, vec![], Some(test), (200, json!({ "results": [] }))) }),
    );
    let letter = vec![path("id", "0198c0de-0000-7000-8000-000000000001")];
    add(
        "/notifications/{id}/retry",
        json!({ "post": operation("Send a dead letter again", Role::Operator, letter, None, (200, json!({ "target": "ops" }))) }),
    );
    let pages = vec![query("before", "integer"), query("limit", "integer")];
    add(
        "/calls",
        got("Calls that may change something, the newest first", pages, json!({ "calls": [], "next": null })),
    );
    add(
        "/fleet",
        got("Who serves, who watches, how fast a change arrives", vec![], json!({ "replicas": [], "viewers": [] })),
    );
    add("/flags", got("Every flag", vec![], json!({ "flags": [] })));
    let key = || vec![path("key", "part_lens_v2")];
    add("/flags/{key}", got("One flag", key(), json!({ "key": "part_lens_v2", "percent": 20.0 })));
    let subject = || key().into_iter().chain([query("subject", "string")]).collect();
    add(
        "/flags/{key}/evaluate",
        got("What one subject is served", subject(), json!({ "value": true, "reason": "SPLIT" })),
    );
    add("/flags/{key}/explain", got("Why one subject is served what it is", subject(), json!({ "bucket": 17 })));
    add("/openapi.json", got("This description", vec![], json!({ "openapi": "3.1.0" })));
    add("/events", download("Everything that happens, as server-sent events", vec![], &["text/event-stream"]));
    Value::Object(paths)
}

fn got(summary: &str, parameters: Vec<Value>, example: Value) -> Value {
    json!({ "get": operation(summary, Role::Viewer, parameters, None, (200, example)) })
}

fn operation(summary: &str, role: Role, parameters: Vec<Value>, body: Option<Value>, answer: (u16, Value)) -> Value {
    let (status, example) = answer;
    let mut described = json!({ "description": summary });
    if !example.is_null() {
        described["content"] = json!({ "application/json": { "schema": { "type": "object" }, "example": example } });
    }
    let mut operation = frame(summary, role, parameters, status, described);
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
