//! Every action, by its route and by its name, for every role: which status comes back.

use super::client::{Answer, User, database};
use super::deeds::{Aboard, DEEDS, Deed, ROLES, may};
use crate::harness::Daemon;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What was seen of each action.
#[derive(Default)]
struct Seen(BTreeMap<&'static str, BTreeSet<u16>>);

impl Seen {
    #[track_caller]
    fn add(&mut self, deed: Deed, who: &str, answer: Answer, status: u16, code: &str) -> Value {
        assert_eq!(answer.status, status, "{} as {who}: {}", deed.action, answer.body);
        self.0.entry(deed.action).or_default().insert(status);
        if code.is_empty() { answer.is(status) } else { answer.fails(status, code) }
    }
}

#[tokio::test]
async fn every_action_answers_every_role_with_the_status_of_the_contract() {
    let daemon = Daemon::start().await;
    let database = database(&daemon).await;
    let aboard = Aboard::of(&daemon, &database).await;
    let mut seen = Seen::default();
    for deed in DEEDS {
        for role in ROLES {
            let user = aboard.person(role);
            for by_name in [false, true] {
                let payload = aboard.sound(deed.action).await;
                let answer = if by_name {
                    deed.by_name(&user, &payload).await
                } else {
                    deed.on_its_route(&user, &payload).await
                };
                if may(deed.action, role) {
                    seen.add(deed, role, answer, if by_name { 200 } else { deed.success }, "");
                } else {
                    seen.add(deed, role, answer, 403, "INSUFFICIENT_PERMISSIONS");
                }
            }
            // What is missing is told before who may, so to everybody.
            let (wrong, code) = match deed.action {
                "view_low_stock" => (json!({ "limit": 0 }), "VALIDATION_ERROR"),
                "view_part_details" => (json!({ "part_id": "no-id" }), "VALIDATION_ERROR"),
                _ => (json!({}), "MISSING_REQUIRED_FIELD"),
            };
            seen.add(deed, role, deed.on_its_route(&user, &wrong).await, 400, code);
            seen.add(deed, role, deed.by_name(&user, &wrong).await, 400, code);
        }
        once(deed, &aboard, &mut seen).await;
    }
    for deed in DEEDS {
        let changes = !deed.action.starts_with("view_");
        let expected = [200, 201, 400, 401, 403, 404, 409].into_iter().filter(|status| match status {
            201 => deed.success == 201,
            404 => deed.action != "view_low_stock",
            409 => changes,
            _ => true,
        });
        let expected: BTreeSet<u16> = expected.collect();
        assert_eq!(seen.0[deed.action], expected, "{}", deed.action);
    }
    let drifted: i64 =
        sqlx::query_scalar("select count(*) from check_inventory_drift()").fetch_one(&database).await.unwrap();
    let violated: i64 =
        sqlx::query_scalar("select count from audit_violation_sweep(null)").fetch_one(&database).await.unwrap();
    assert_eq!((drifted, violated), (0, 0));
}

/// What does not depend on the role.
async fn once(deed: Deed, aboard: &Aboard<'_>, seen: &mut Seen) {
    let captain = &aboard.captain;
    let payload = aboard.sound(deed.action).await;
    let nobody = User::with_token(aboard.daemon, "no.token.atall".to_owned());
    seen.add(deed, "nobody", deed.on_its_route(&nobody, &payload).await, 401, "UNAUTHORIZED");
    seen.add(deed, "nobody", deed.by_name(&nobody, &payload).await, 401, "UNAUTHORIZED");
    let elsewhere = Deed::elsewhere(&payload);
    seen.add(deed, "a stranger", deed.on_its_route(captain, &elsewhere).await, 403, "RLS_DENIED");
    seen.add(deed, "a stranger", deed.by_name(captain, &elsewhere).await, 403, "RLS_DENIED");
    let in_context = json!({
        "action": deed.action, "payload": payload, "context": { "yacht_id": super::client::OTHER_YACHT },
    });
    seen.add(deed, "a stranger", captain.post("/v1/actions/execute", &in_context).await, 403, "RLS_DENIED");
    if let Some(unknown) = aboard.unknown(deed.action).await {
        seen.add(deed, "captain", deed.on_its_route(captain, &unknown).await, 404, "NOT_FOUND");
        let body = seen.add(deed, "captain", deed.by_name(captain, &unknown).await, 404, "NOT_FOUND");
        if unknown["part_id"].is_string() || unknown["part_ids"].is_array() {
            assert!(body["message"].as_str().unwrap().contains("Part not found"), "{body}");
        }
    }
    if deed.action == "receive_part" {
        deed.by_name(captain, &payload).await.is(200);
        seen.add(deed, "captain", deed.on_its_route(captain, &payload).await, 409, "DUPLICATE_RECEIVE");
    } else if !deed.action.starts_with("view_") {
        let keyed =
            |body: &Value| captain.request(Method::POST, deed.route).header("idempotency-key", deed.action).json(body);
        let first = captain.send(keyed(&payload)).await.is(200);
        assert_eq!(captain.send(keyed(&payload)).await.is(200), first, "{}: the same again", deed.action);
        let other = aboard.other(deed.action, &payload);
        seen.add(deed, "captain", captain.send(keyed(&other)).await, 409, "IDEMPOTENCY_CONFLICT");
    }
}
