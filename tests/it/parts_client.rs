//! How these tests speak to a daemon, and whom and what they find in its seeds.

use crate::harness::Daemon;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::PgPool;

pub(crate) const YACHT: &str = "85fe1119-b04c-41ac-80f1-829d23322598";
pub(crate) const OTHER_YACHT: &str = "b2f0c6de-5a41-4c3e-9d27-6e1f8a90b442";
pub(crate) const HOD: &str = "d5873b1f-5f62-4e3e-bc78-e03978aec5ba";
pub(crate) const CAPTAIN: &str = "5af9d61d-9b2e-4db4-a54c-a3c95eec70e5";
pub(crate) const CREW: &str = "6d807a66-955c-49c4-b767-8a6189c2f422";
pub(crate) const OTHER_CAPTAIN: &str = "b2000000-0000-4000-8000-000000000002";
/// 100 in stock.
pub(crate) const PLENTY: &str = "00000000-0000-4000-8000-000000000001";
/// Nothing in stock.
pub(crate) const NOTHING: &str = "00000000-0000-4000-8000-000000000003";
/// 25 in stock.
pub(crate) const SOME: &str = "00000000-0000-4000-8000-000000000005";

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// Asserts the status, and that an error is flat; answers the body.
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        if status >= 400 {
            assert_eq!(self.body["status"], "error", "{}", self.body);
            assert!(self.body["error_code"].is_string() && self.body["message"].is_string(), "{}", self.body);
            assert_eq!(self.body.get("error"), (status == 409).then(|| &self.body["message"]), "{}", self.body);
            assert_eq!(self.body.get("path"), None);
        }
        self.body
    }

    /// Asserts an error; answers the body.
    #[track_caller]
    pub(crate) fn fails(self, status: u16, code: &str) -> Value {
        let body = self.is(status);
        assert_eq!(body["error_code"], code, "{body}");
        body
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// A user at work.
#[derive(Clone)]
pub(crate) struct User {
    http: reqwest::Client,
    base: String,
    token: String,
}

impl User {
    pub(crate) fn of(daemon: &Daemon, user: &str) -> Self {
        Self::with_token(daemon, daemon.token(user))
    }

    pub(crate) fn with_token(daemon: &Daemon, token: String) -> Self {
        Self { http: reqwest::Client::new(), base: daemon.base.clone(), token }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base)).bearer_auth(&self.token)
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.expect("a body");
        Answer { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    pub(crate) async fn post_raw(&self, path: &str, body: Vec<u8>) -> Answer {
        self.send(self.request(Method::POST, path).body(body)).await
    }

    pub(crate) async fn execute(&self, action: &str, payload: Value) -> Answer {
        self.post("/v1/actions/execute", &json!({ "action": action, "payload": payload })).await
    }

    pub(crate) async fn on_hand(&self, part: &str) -> i64 {
        let body = self.get(&format!("/v1/parts/{part}")).await.is(200);
        body["data"]["stock"]["on_hand"].as_i64().expect("a number")
    }
}

pub(crate) fn receive(part: &str, quantity: i64, key: &str) -> Value {
    json!({ "part_id": part, "quantity": quantity, "idempotency_key": key })
}

pub(crate) fn adjust(part: &str, new_quantity: i64) -> Value {
    json!({
        "part_id": part, "new_quantity": new_quantity, "reason": "annual count",
        "signature": { "pin": "739104", "totp": "281930", "reason_code": "count" },
    })
}

pub(crate) fn transfer(part: &str, quantity: i64, from: &str, to: &str) -> Value {
    json!({ "part_id": part, "quantity": quantity, "from_location_id": from, "to_location_id": to })
}

pub(crate) fn write_off(part: &str, quantity: i64) -> Value {
    json!({
        "part_id": part, "quantity": quantity, "reason": "damaged",
        "signature": { "pin": "739104", "totp": "281930" },
    })
}

pub(crate) fn reverse(transaction: &Value) -> Value {
    json!({
        "transaction_id": transaction, "reason": "wrong shelf",
        "signature": { "pin": "739104", "totp": "281930" },
    })
}

/// The names of a body's members, in order.
pub(crate) fn keys(body: &Value) -> Vec<&str> {
    let mut keys = body.as_object().expect("an object").keys().map(String::as_str).collect::<Vec<_>>();
    keys.sort_unstable();
    keys
}

/// The id of a place on the test yacht.
pub(crate) async fn place(database: &PgPool, name: &str) -> String {
    sqlx::query_scalar("select id::text from pms_part_locations where yacht_id = $1::uuid and name = $2")
        .bind(YACHT)
        .bind(name)
        .fetch_one(database)
        .await
        .expect("a place")
}

/// What a change leaves behind: two equal footprints mean that nothing was changed in between.
pub(crate) async fn footprint(database: &PgPool) -> (i64, i64, i64, i64, i64, i64, i64) {
    sqlx::query_as(
        "select (select count(*) from pms_inventory_transactions), (select count(*) from pms_audit_log),
                (select count(*) from pms_idempotency), (select count(*) from pms_shopping_list_items),
                (select count(*) from pms_inventory_stock), (select sum(quantity) from pms_inventory_stock),
                (select coalesce(sum(length), 0)::bigint from pms_signature_chain)",
    )
    .fetch_one(database)
    .await
    .expect("a footprint")
}

/// The database, as its owner sees it: past row level security.
pub(crate) async fn database(daemon: &Daemon) -> PgPool {
    PgPool::connect(&daemon.database.owner.url()).await.expect("the owner's connection")
}

pub(crate) async fn number(database: &PgPool, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(database).await.expect("a number")
}

/// Has the new lens answer everybody, by the statement of the runbooks, and waits until it does.
pub(crate) async fn turn_v2_on(daemon: &Daemon, database: &PgPool) {
    sqlx::query(
        "UPDATE feature_flags SET enabled = true, canary_percentage = 100, updated_at = NOW()
         WHERE flag_name = 'part_lens_v2'",
    )
    .execute(database)
    .await
    .expect("the flag's row");
    let user = User::of(daemon, CREW);
    for _ in 0..100 {
        let answer = user.get("/v1/parts/low-stock?limit=1").await;
        assert_eq!(answer.status, StatusCode::OK.as_u16());
        if answer.header("x-part-lens") == "v2" {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the new lens does not answer");
}
