//! Whatever is sent, the answer is a sound refusal and never a 5xx: a typo must not roll a flag back.

use super::client::{Answer, CAPTAIN, CREW, PLENTY, User};
use crate::harness::Daemon;
use serde_json::{Map, Value, json};

const POSTS: [&str; 6] = [
    "/v1/actions/execute",
    "/v1/actions/suggestions",
    "/v1/parts/receive",
    "/v1/parts/consume",
    "/v1/parts/adjust-stock",
    "/v1/parts/report",
];
const BODY_LIMIT_BYTES: usize = 64 * 1024;

#[track_caller]
fn is_sound(answer: &Answer, what: &dyn std::fmt::Debug) {
    assert!(answer.status < 500, "{what:?}: {} {}", answer.status, answer.body);
    assert!(answer.body.is_object(), "{what:?}: {}", answer.body);
    assert!(answer.body["status"] == "error" || answer.status < 400, "{what:?}: {}", answer.body);
}

/// Values that have broken something somewhere.
fn nasty() -> Vec<Value> {
    vec![
        Value::Null,
        json!(0),
        json!(-1),
        json!(2_147_483_648_i64),
        json!(-9_223_372_036_854_775_808_i64),
        json!(18_446_744_073_709_551_615_u64),
        json!(1.5),
        json!(1e300),
        json!(5e-324),
        json!(true),
        json!(""),
        json!(" "),
        json!("\0"),
        json!("a\0b"),
        json!("'; drop table pms_parts; --"),
        json!([]),
        json!([null]),
        json!({}),
        json!({ "a": { "b": [1] } }),
        json!("é".repeat(5000)),
        json!("00000000-0000-4000-8000-0000000000zz"),
        json!("\u{feff}\u{202e}"),
    ]
}

#[tokio::test]
async fn a_body_that_is_no_json_object_is_a_400() {
    let daemon = Daemon::start().await;
    let captain = User::of(&daemon, CAPTAIN);
    let deep = [b"[".repeat(20_000), b"]".repeat(20_000)].concat();
    let bodies: [&[u8]; 12] = [
        b"",
        b" ",
        b"null",
        b"7",
        b"[]",
        b"\"x\"",
        b"{",
        b"{\"a\":}",
        b"\xff\xfe{}",
        b"{\"a\":\"\\ud800\"}",
        b"{\"a\":1e999}",
        &deep,
    ];
    for path in POSTS {
        for body in bodies {
            captain.post_raw(path, body.to_vec()).await.fails(400, "VALIDATION_ERROR");
        }
    }
}

#[tokio::test]
async fn no_value_in_any_field_of_any_action_makes_a_5xx() {
    let daemon = Daemon::start().await;
    let captain = User::of(&daemon, CAPTAIN);
    let fields: [(&str, &[&str]); 5] = [
        ("view_part_details", &["part_id", "yacht_id"]),
        ("view_low_stock", &["limit", "offset", "department", "threshold_percent", "yacht_id"]),
        ("consume_part", &["part_id", "quantity", "work_order_id", "notes", "idempotency_key"]),
        (
            "receive_part",
            &[
                "part_id",
                "quantity",
                "quantity_received",
                "idempotency_key",
                "location",
                "to_location_id",
                "supplier_id",
                "photo_storage_path",
                "notes",
            ],
        ),
        (
            "adjust_stock_quantity",
            &[
                "part_id",
                "new_quantity",
                "quantity_change",
                "location",
                "reason",
                "notes",
                "signature",
                "idempotency_key",
            ],
        ),
    ];
    for (action, fields) in fields {
        for field in fields {
            for (number, value) in nasty().into_iter().enumerate() {
                let mut payload = Map::from_iter([
                    ("part_id".to_owned(), json!(PLENTY)),
                    ("quantity".to_owned(), json!(1)),
                    ("idempotency_key".to_owned(), json!(format!("{action} {field} {number}"))),
                    ("reason".to_owned(), json!("count")),
                    ("signature".to_owned(), json!({ "pin": "1", "totp": "2" })),
                ]);
                if *field != "quantity_change" && action == "adjust_stock_quantity" {
                    payload.insert("new_quantity".to_owned(), json!(100));
                }
                payload.insert((*field).to_owned(), value.clone());
                is_sound(&captain.execute(action, payload.into()).await, &(action, field, value));
            }
        }
    }
    for value in nasty() {
        let envelopes = [
            json!({ "action": value, "payload": {} }),
            json!({ "action": "view_low_stock", "payload": value }),
            json!({ "action": "view_low_stock", "context": value }),
            json!({ "action": "view_low_stock", "context": { "yacht_id": value } }),
            json!({ "action": "adjust_stock_quantity", "payload": {
                "part_id": PLENTY, "new_quantity": 100, "reason": "count",
                "signature": { "pin": value, "totp": value, "reason_code": value } } }),
        ];
        for envelope in envelopes {
            is_sound(&captain.post("/v1/actions/execute", &envelope).await, &envelope);
        }
    }
}

#[tokio::test]
async fn no_value_in_a_report_or_in_a_question_about_an_entity_makes_a_5xx() {
    let daemon = Daemon::start().await;
    let crew = User::of(&daemon, CREW);
    for value in nasty() {
        for field in ["kind", "text", "part_id", "yacht_id"] {
            let mut report = json!({ "kind": "other", "text": "t" });
            report[field] = value.clone();
            is_sound(&crew.post("/v1/parts/report", &report).await, &report);
        }
        for field in ["q", "domain", "context", "yacht_id", "context.entity_id"] {
            let mut question = json!({ "context": { "entity_type": "part", "entity_id": PLENTY } });
            question[field] = value.clone();
            is_sound(&crew.post("/v1/actions/suggestions", &question).await, &question);
        }
        for field in ["entity_type", "entity_id", "yacht_id"] {
            let mut question = json!({ "context": { "entity_type": "part", "entity_id": PLENTY } });
            question["context"][field] = value.clone();
            is_sound(&crew.post("/v1/actions/suggestions", &question).await, &question);
        }
    }
    for query in ["q=%00", "q=%ff%fe", "q=%F0%9F%9A%A2", "domain=%00", "entity_id=%00", "yacht_id=x", "q=&q=&q=%25"] {
        let answer = crew.get(&format!("/v1/actions/list?{query}")).await;
        is_sound(&answer, &query);
    }
}

#[tokio::test]
async fn no_path_or_query_makes_a_5xx_and_bounds_are_exact() {
    let daemon = Daemon::start().await;
    let crew = User::of(&daemon, CREW);
    for part in ["%00", "%ff", "x", "..%2F..", "%7B%7D", "00000000-0000-4000-8000-00000000000", &"x".repeat(4000)] {
        crew.get(&format!("/v1/parts/{part}")).await.fails(400, "VALIDATION_ERROR");
    }
    let bad = [
        "limit=0",
        "limit=201",
        "limit=-1",
        "limit=x",
        "limit=99999999999999999999",
        "offset=-1",
        "offset=1000001",
        "offset=9223372036854775808",
        "threshold_percent=NaN",
        "threshold_percent=inf",
        "threshold_percent=-1",
        "threshold_percent=x",
        "department=%00",
        "yacht_id=x",
    ];
    for query in bad {
        let body = crew.get(&format!("/v1/parts/low-stock?{query}")).await.fails(400, "VALIDATION_ERROR");
        assert_eq!(body["fields"][0], query.split('=').next().expect("a name"), "{body}");
    }
    let body = crew.get("/v1/parts/low-stock?limit=0&offset=-1&yacht_id=x").await.is(400);
    assert_eq!(body["fields"].as_array().map(Vec::len), Some(3), "{body}");
    for query in [
        "limit=1",
        "limit=200",
        "offset=1000000",
        "threshold_percent=0",
        "department=%27%3B--",
        "%",
        "&&",
        "department=%ff",
    ] {
        crew.get(&format!("/v1/parts/low-stock?{query}")).await.is(200);
    }
}

#[tokio::test]
async fn text_with_a_nul_is_refused_wherever_text_is_taken() {
    let daemon = Daemon::start().await;
    let captain = User::of(&daemon, CAPTAIN);
    for field in ["idempotency_key", "location", "notes", "photo_storage_path"] {
        let mut payload = super::receive(PLENTY, 1, "k");
        payload[field] = json!("a\0b");
        let body = captain.post("/v1/parts/receive", &payload).await.fails(400, "VALIDATION_ERROR");
        assert_eq!(body["fields"], json!([field]));
    }
    let mut payload = super::adjust(PLENTY, 100);
    payload["signature"]["reason_code"] = json!("\0");
    captain.post("/v1/parts/adjust-stock", &payload).await.fails(400, "VALIDATION_ERROR");
}

#[tokio::test]
async fn a_body_of_64_kib_is_read_and_one_byte_more_is_a_413() {
    let daemon = Daemon::start().await;
    let crew = User::of(&daemon, CREW);
    let padded = |bytes: usize| {
        let frame = json!({ "action": "view_low_stock", "padding": "" }).to_string().len();
        json!({ "action": "view_low_stock", "padding": "x".repeat(bytes - frame) }).to_string().into_bytes()
    };
    for (bytes, status) in [(BODY_LIMIT_BYTES - 1, 200), (BODY_LIMIT_BYTES, 200), (BODY_LIMIT_BYTES + 1, 413)] {
        let body = padded(bytes);
        assert_eq!(body.len(), bytes);
        crew.post_raw("/v1/actions/execute", body).await.is(status);
    }
}
