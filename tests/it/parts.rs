//! The parts API as its clients see it: who may do what, and what they are told.

#[path = "parts_client.rs"]
pub(crate) mod client;
#[path = "parts_input.rs"]
mod input;
#[path = "parts_lens.rs"]
mod lens;
#[path = "parts_stock.rs"]
mod stock;

use crate::harness::Daemon;
use client::{CAPTAIN, CREW, HOD, OTHER_CAPTAIN, OTHER_YACHT, PLENTY, User, YACHT, adjust, database, receive};
use serde_json::{Value, json};

/// Roles, and whether each may consume, receive, adjust.
const ROLES: [(&str, [bool; 3]); 11] = [
    ("crew", [true, false, false]),
    ("deckhand", [true, true, false]),
    ("steward", [false, false, false]),
    ("bosun", [true, true, false]),
    ("eto", [true, true, false]),
    ("chief_engineer", [true, true, false]),
    ("chief_officer", [true, true, false]),
    ("chief_steward", [false, false, false]),
    ("purser", [false, false, false]),
    ("captain", [true, true, true]),
    ("manager", [true, true, true]),
];

#[tokio::test]
async fn each_role_may_execute_exactly_what_the_contract_lists() {
    let daemon = Daemon::start().await;
    let database = database(&daemon).await;
    for (role, [may_consume, may_receive, may_adjust]) in ROLES {
        let id: String = sqlx::query_scalar(
            "select user_id::text from auth_users_roles where role = $1 and yacht_id = $2::uuid order by 1 limit 1",
        )
        .bind(role)
        .bind(YACHT)
        .fetch_one(&database)
        .await
        .expect("somebody of every role");
        let user = User::of(&daemon, &id);
        let consume = json!({ "part_id": PLENTY, "quantity": 1 });
        let deeds = [
            ("consume_part", "/v1/parts/consume", 200, may_consume, [consume.clone(), consume]),
            (
                "receive_part",
                "/v1/parts/receive",
                201,
                may_receive,
                [receive(PLENTY, 1, &format!("{role} a")), receive(PLENTY, 1, &format!("{role} b"))],
            ),
            (
                "adjust_stock_quantity",
                "/v1/parts/adjust-stock",
                200,
                may_adjust,
                [adjust(PLENTY, 90), adjust(PLENTY, 100)],
            ),
        ];
        for (action, route, success, may, [first, second]) in deeds {
            let (by_route, by_name) = (user.post(route, &first).await, user.execute(action, second).await);
            if may {
                assert_eq!(by_route.is(success)["status"], "success", "{role} {action}");
                let body = by_name.is(200);
                assert_eq!((&body["status"], &body["action"]), (&json!("success"), &json!(action)), "{role}");
                assert!(body["execution_id"].is_string());
            } else {
                by_route.fails(403, "INSUFFICIENT_PERMISSIONS");
                by_name.fails(403, "INSUFFICIENT_PERMISSIONS");
            }
        }
        user.get("/v1/parts/low-stock").await.is(200);
        user.get(&format!("/v1/parts/{PLENTY}")).await.is(200);
        user.execute("view_low_stock", json!({})).await.is(200);
        user.execute("view_part_details", json!({ "part_id": PLENTY })).await.is(200);
    }
}

#[tokio::test]
async fn without_a_sound_token_every_route_answers_401_and_nothing_else() {
    let daemon = Daemon::start().await;
    let token = daemon.token(CREW);
    let (head, signature) = token.rsplit_once('.').expect("three parts");
    let backwards = signature.chars().rev().collect::<String>();
    for token in ["", "nonsense", "a.b.c", head, &format!("{head}.{backwards}"), &daemon.token("captain")] {
        let nobody = User::with_token(&daemon, token.to_owned());
        nobody.get("/v1/parts/low-stock").await.fails(401, "UNAUTHORIZED");
        nobody.get(&format!("/v1/parts/{PLENTY}")).await.fails(401, "UNAUTHORIZED");
        for path in ["/v1/parts/receive", "/v1/parts/consume", "/v1/parts/adjust-stock", "/v1/actions/execute"] {
            nobody.post(path, &json!({ "yacht_id": OTHER_YACHT })).await.fails(401, "UNAUTHORIZED");
        }
    }
    let response = reqwest::get(format!("{}/v1/parts/low-stock", daemon.base)).await.expect("an answer");
    assert_eq!(response.status(), 401, "a missing header is a 401 as well");
    User::with_token(&daemon, String::new()).get("/version").await.is(200);
}

#[tokio::test]
async fn nobody_reaches_another_yacht_by_any_way() {
    let daemon = Daemon::start().await;
    let captain = User::of(&daemon, CAPTAIN);
    let other = User::of(&daemon, OTHER_CAPTAIN);
    let foreign = json!({ "yacht_id": OTHER_YACHT });
    let answers = [
        captain.get(&format!("/v1/parts/low-stock?yacht_id={OTHER_YACHT}")).await,
        captain.get(&format!("/v1/parts/{PLENTY}?yacht_id={OTHER_YACHT}")).await,
        captain.post("/v1/parts/receive", &foreign).await,
        captain.post("/v1/parts/consume", &foreign).await,
        captain.post("/v1/parts/adjust-stock", &foreign).await,
        captain.execute("view_low_stock", foreign.clone()).await,
        captain
            .post("/v1/actions/execute", &json!({ "action": "receive_part", "context": foreign, "payload": {} }))
            .await,
    ];
    for answer in answers {
        let body = answer.fails(403, "RLS_DENIED");
        assert!(!body.to_string().contains(OTHER_YACHT) && !body.to_string().contains(YACHT), "{body}");
    }
    // Another yacht's part does not exist, whatever one wants of it.
    for answer in [
        other.get(&format!("/v1/parts/{PLENTY}")).await,
        other.post("/v1/parts/receive", &receive(PLENTY, 1, "k")).await,
        other.post("/v1/parts/consume", &json!({ "part_id": PLENTY, "quantity": 1 })).await,
        other.post("/v1/parts/adjust-stock", &adjust(PLENTY, 1)).await,
    ] {
        let body = answer.fails(404, "NOT_FOUND");
        assert!(body["message"].as_str().is_some_and(|message| message.contains("Part not found")), "{body}");
    }
    assert_eq!(captain.on_hand(PLENTY).await, 100);
}

#[tokio::test]
async fn who_loses_a_role_is_denied_within_moments_and_writes_nothing_from_that_instant() {
    let daemon = Daemon::start().await;
    let database = database(&daemon).await;
    let hod = User::of(&daemon, HOD);
    hod.get("/v1/parts/low-stock").await.is(200);
    sqlx::query("update auth_users_roles set is_active = false where user_id = $1::uuid")
        .bind(HOD)
        .execute(&database)
        .await
        .expect("the role");
    hod.post("/v1/parts/receive", &receive(PLENTY, 1, "too late")).await.fails(403, "RLS_DENIED");
    for _ in 0..40 {
        let answer = hod.get("/v1/parts/low-stock").await;
        if answer.status == 403 {
            answer.fails(403, "RLS_DENIED");
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("a lost role is still believed after two seconds");
}

#[tokio::test]
async fn checks_come_in_the_order_tenancy_fields_role_deed() {
    let daemon = Daemon::start().await;
    let (crew, hod, captain) = (User::of(&daemon, CREW), User::of(&daemon, HOD), User::of(&daemon, CAPTAIN));
    // Tenancy before fields.
    crew.post("/v1/parts/receive", &json!({ "yacht_id": OTHER_YACHT, "quantity": "x" })).await.fails(403, "RLS_DENIED");
    // Fields, all of them, before the role.
    let body = crew.post("/v1/parts/receive", &json!({ "quantity": "x" })).await.fails(400, "MISSING_REQUIRED_FIELD");
    assert_eq!(body["fields"], json!(["part_id", "idempotency_key", "quantity"]));
    // A signature is a field, and told as such.
    let mut unsigned = adjust(PLENTY, 5);
    for signature in [Value::Null, json!({}), json!({ "pin": "1" }), json!("x"), json!({ "pin": "", "totp": "" })] {
        unsigned["signature"] = signature;
        let body = hod.post("/v1/parts/adjust-stock", &unsigned).await.fails(400, "SIGNATURE_REQUIRED");
        assert!(body["message"].as_str().is_some_and(|message| message.contains("signature")), "{body}");
    }
    hod.post("/v1/parts/adjust-stock", &adjust(PLENTY, 5)).await.fails(403, "INSUFFICIENT_PERMISSIONS");
    // The role before the deed.
    crew.post("/v1/parts/receive", &receive(PLENTY, 0, "k")).await.fails(403, "INSUFFICIENT_PERMISSIONS");
    hod.post("/v1/parts/receive", &receive(PLENTY, 0, "k")).await.fails(400, "VALIDATION_ERROR");
    captain.post("/v1/parts/adjust-stock", &adjust(PLENTY, -1)).await.fails(400, "VALIDATION_ERROR");
    crew.post("/v1/parts/consume", &json!({ "part_id": PLENTY, "quantity": 0 })).await.fails(400, "VALIDATION_ERROR");
    crew.post("/v1/actions/execute", &json!({ "action": "fly", "payload": {} })).await.fails(404, "NOT_FOUND");
}

#[tokio::test]
async fn what_does_not_exist_is_a_flat_404_and_a_wrong_method_a_405() {
    let daemon = Daemon::start().await;
    let crew = User::of(&daemon, CREW);
    for path in ["/v1", "/v1/", "/v1/nothing", "/v1/parts/receive/x/y"] {
        crew.get(path).await.fails(404, "NOT_FOUND");
    }
    crew.get("/v1/parts/receive").await.fails(405, "METHOD_NOT_ALLOWED");
    crew.post("/v1/parts/low-stock", &json!({})).await.fails(405, "METHOD_NOT_ALLOWED");
}

#[tokio::test]
async fn every_answer_bears_a_request_id_and_its_lens() {
    let daemon = Daemon::start().await;
    let crew = User::of(&daemon, CREW);
    let request = crew.request(reqwest::Method::GET, "/v1/parts/low-stock").header("x-request-id", "bridge-7");
    assert_eq!(crew.send(request).await.header("x-request-id"), "bridge-7");
    let nobody = User::with_token(&daemon, "x".to_owned());
    for answer in
        [crew.get("/v1/parts/low-stock").await, crew.get("/v1/x").await, nobody.get("/v1/parts/low-stock").await]
    {
        assert!(!answer.header("x-request-id").is_empty());
        assert_eq!(answer.header("x-part-lens"), "v1", "the flag is at 0 %");
    }
    // From anyone without the service key a wish for a lens is ignored.
    let wish = crew.request(reqwest::Method::GET, "/v1/parts/low-stock").header("x-part-lens", "v2");
    assert_eq!(crew.send(wish).await.header("x-part-lens"), "v1");
}
