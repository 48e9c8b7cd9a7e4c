//! What moves, moves once: idempotency, concurrency, signatures and the audit log.

use super::client::{Answer, CAPTAIN, CREW, HOD, NOTHING, PLENTY, SOME, User, adjust, database, number, receive};
use crate::harness::Daemon;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::PgPool;

const MOVED: &str = "select (select count(*) from pms_inventory_transactions) * 1000000
    + (select count(*) from pms_audit_log) * 1000 + (select count(*) from pms_idempotency)";

pub(super) async fn nothing_drifted(database: &PgPool) {
    assert_eq!(number(database, "select count(*) from check_inventory_drift()").await, 0);
    assert_eq!(number(database, "select count from audit_violation_sweep(null)").await, 0);
}

/// The answers of `deeds` done at the same time.
pub(super) async fn at_once(user: &User, path: &'static str, deeds: Vec<Value>) -> Vec<Answer> {
    let mut tasks = tokio::task::JoinSet::new();
    for deed in deeds {
        let user = user.clone();
        tasks.spawn(async move { user.post(path, &deed).await });
    }
    tasks.join_all().await
}

pub(super) fn count(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

#[tokio::test]
async fn a_second_receipt_with_a_key_is_a_409_and_moves_nothing() {
    let daemon = Daemon::start().await;
    let database = database(&daemon).await;
    let hod = User::of(&daemon, HOD);
    let body = hod.post("/v1/parts/receive", &receive(PLENTY, 5, "delivery 7")).await.is(201);
    assert_eq!((&body["quantity_received"], &body["new_stock_level"]), (&json!(5), &json!(105)));
    let moved = number(&database, MOVED).await;
    for again in [receive(PLENTY, 5, "delivery 7"), receive(SOME, 1, "delivery 7")] {
        let body = hod.post("/v1/parts/receive", &again).await.fails(409, "DUPLICATE_RECEIVE");
        assert_eq!(body["message"], "Duplicate receive: idempotency_key delivery 7 already exists");
    }
    assert_eq!(number(&database, MOVED).await, moved);
    assert_eq!(hod.on_hand(PLENTY).await, 105);
}

#[tokio::test]
async fn a_repeated_consumption_gets_the_first_answer_and_another_request_a_409() {
    let daemon = Daemon::start().await;
    let database = database(&daemon).await;
    let crew = User::of(&daemon, CREW);
    let consume = json!({ "part_id": PLENTY, "quantity": 3, "idempotency_key": "job 12" });
    let first = crew.execute("consume_part", consume.clone()).await.is(200);
    let moved = number(&database, MOVED).await;
    assert_eq!(crew.execute("consume_part", consume).await.is(200), first);
    // The same by header.
    let by_header = crew
        .request(Method::POST, "/v1/parts/consume")
        .header("idempotency-key", "job 12")
        .json(&json!({ "part_id": PLENTY, "quantity": 3 }));
    assert_eq!(crew.send(by_header).await.is(200)["transaction_id"], first["transaction_id"]);
    let other = json!({ "part_id": PLENTY, "quantity": 4, "idempotency_key": "job 12" });
    crew.post("/v1/parts/consume", &other).await.fails(409, "IDEMPOTENCY_CONFLICT");
    // Somebody else's request is another request.
    let same = json!({ "part_id": PLENTY, "quantity": 3, "idempotency_key": "job 12" });
    User::of(&daemon, HOD).post("/v1/parts/consume", &same).await.fails(409, "IDEMPOTENCY_CONFLICT");
    assert_eq!(number(&database, MOVED).await, moved);
}

#[tokio::test]
async fn a_key_used_by_many_at_once_moves_stock_once() {
    let daemon = Daemon::start().await;
    let database = database(&daemon).await;
    let hod = User::of(&daemon, HOD);
    let consume = json!({ "part_id": PLENTY, "quantity": 1, "idempotency_key": "one" });
    let answers = at_once(&hod, "/v1/parts/consume", vec![consume; 16]).await;
    assert_eq!(count(&answers, 200), 16);
    assert!(answers.iter().all(|answer| answer.body == answers[0].body));
    let answers = at_once(&hod, "/v1/parts/receive", vec![receive(PLENTY, 1, "two"); 16]).await;
    assert_eq!((count(&answers, 201), count(&answers, 409)), (1, 15));
    assert_eq!(hod.on_hand(PLENTY).await, 100);
    nothing_drifted(&database).await;
}

#[tokio::test]
async fn many_who_consume_at_once_never_oversell() {
    let daemon = Daemon::start().await;
    let database = database(&daemon).await;
    let hod = User::of(&daemon, HOD);
    let answers = at_once(&hod, "/v1/parts/consume", vec![json!({ "part_id": SOME, "quantity": 2 }); 40]).await;
    assert_eq!((count(&answers, 200), count(&answers, 409)), (12, 28), "25 in stock are twelve pairs");
    assert_eq!(hod.on_hand(SOME).await, 1);
    hod.post("/v1/parts/consume", &json!({ "part_id": NOTHING, "quantity": 1 })).await.fails(409, "INSUFFICIENT_STOCK");
    nothing_drifted(&database).await;
}

#[tokio::test]
async fn receipts_consumptions_and_counts_at_once_leave_ledger_cache_and_chain_whole() {
    let daemon = Daemon::start().await;
    let database = database(&daemon).await;
    let captain = User::of(&daemon, CAPTAIN);
    let deeds = (0..48).map(|number| match number % 3 {
        0 => json!({ "action": "receive_part", "payload": receive(SOME, 3, &format!("r{number}")) }),
        1 => json!({ "action": "consume_part", "payload": { "part_id": SOME, "quantity": 2 } }),
        _ => json!({ "action": "adjust_stock_quantity", "payload": adjust(SOME, number) }),
    });
    let answers = at_once(&captain, "/v1/actions/execute", deeds.collect()).await;
    assert_eq!(count(&answers, 200) + count(&answers, 409), 48);
    nothing_drifted(&database).await;
    // Each signature names its predecessor, and each predecessor has one successor.
    let links = number(
        &database,
        "select count(*) from pms_audit_log a join pms_audit_log b
             on b.metadata ->> 'previous_signature' = a.signature ->> 'signature_hash'",
    )
    .await;
    let signed = number(&database, "select count(*) from pms_audit_log where metadata ? 'chain_position'").await;
    assert_eq!(links, signed - 1);
}

#[tokio::test]
async fn a_signed_count_stores_and_returns_a_whole_signature_and_no_secret() {
    let daemon = Daemon::start().await;
    let database = database(&daemon).await;
    let captain = User::of(&daemon, CAPTAIN);
    let mut count = adjust(PLENTY, 0);
    count["signature"]["role_at_signing"] = json!("admiral");
    count["signature"]["signature_hash"] = json!("forged");
    let body = captain.post("/v1/parts/adjust-stock", &count).await.is(200);
    assert_eq!(
        (&body["old_quantity"], &body["new_quantity"], &body["adjustment"]),
        (&json!(100), &json!(0), &json!(-100))
    );
    assert_eq!(body["is_signed"], true);
    let signature = &body["audit"]["signature"];
    let expected = [
        ("user_id", json!(CAPTAIN)),
        ("role_at_signing", json!("captain")),
        ("signature_type", json!("pin_totp")),
        ("verified", json!(false)),
        ("action", json!("adjust_stock_quantity")),
        ("part_id", json!(PLENTY)),
        ("old_quantity", json!(100)),
        ("new_quantity", json!(0)),
        ("reason", json!("annual count")),
        ("reason_code", json!("count")),
    ];
    for (key, value) in expected {
        assert_eq!(signature[key], value, "{key}");
    }
    assert!(signature["signed_at"].is_string() && signature["key_id"].is_string());
    assert!(
        signature["signature_hash"].as_str().is_some_and(|hash| hash.starts_with("hmac-sha256:") && hash.len() == 76)
    );
    let stored: Value = sqlx::query_scalar("select signature from pms_audit_log where id = ($1::text)::uuid")
        .bind(body["audit"]["id"].as_str())
        .fetch_one(&database)
        .await
        .expect("the audit row");
    assert_eq!(&stored, signature);
    let everywhere = number(
        &database,
        "select (select count(*) from pms_audit_log a where a::text like '%739104%' or a::text like '%281930%')
              + (select count(*) from pms_idempotency i where i::text like '%739104%' or i::text like '%281930%')",
    )
    .await;
    assert_eq!(everywhere, 0, "PIN and code are stored nowhere");
    assert!(!body.to_string().contains("739104") && !body.to_string().contains("281930"));
}

#[tokio::test]
async fn a_count_that_confirms_the_stock_is_audited_and_moves_nothing() {
    let daemon = Daemon::start().await;
    let database = database(&daemon).await;
    let captain = User::of(&daemon, CAPTAIN);
    let ledger = number(&database, "select count(*) from pms_inventory_transactions").await;
    let audit = number(&database, "select count(*) from pms_audit_log").await;
    let mut count = adjust(PLENTY, 0);
    count["new_quantity"] = Value::Null;
    count["quantity_change"] = json!(0);
    let body = captain.post("/v1/parts/adjust-stock", &count).await.is(200);
    assert_eq!((&body["adjustment"], &body["transaction_id"]), (&json!(0), &Value::Null));
    assert_eq!(number(&database, "select count(*) from pms_inventory_transactions").await, ledger);
    assert_eq!(number(&database, "select count(*) from pms_audit_log").await, audit + 1);
    nothing_drifted(&database).await;
}

#[tokio::test]
async fn every_change_is_audited_unsigned_ones_with_an_empty_signature_and_reads_are_not() {
    let daemon = Daemon::start().await;
    let database = database(&daemon).await;
    let hod = User::of(&daemon, HOD);
    let before = number(&database, "select count(*) from pms_audit_log").await;
    hod.get("/v1/parts/low-stock").await.is(200);
    hod.execute("view_part_details", json!({ "part_id": PLENTY })).await.is(200);
    hod.post("/v1/parts/consume", &json!({ "part_id": PLENTY, "quantity": 9999 })).await.is(409);
    assert_eq!(number(&database, "select count(*) from pms_audit_log").await, before);
    let received = hod.post("/v1/parts/receive", &receive(PLENTY, 2, "k")).await.is(201);
    let consumed = hod.post("/v1/parts/consume", &json!({ "part_id": PLENTY, "quantity": 2 })).await.is(200);
    for (action, body) in [("receive_part", received), ("consume_part", consumed)] {
        let (name, signature, lens): (String, Value, String) = sqlx::query_as(
            "select action, signature, metadata ->> 'lens' from pms_audit_log where metadata ->> 'transaction_id' = $1",
        )
        .bind(body["transaction_id"].as_str())
        .fetch_one(&database)
        .await
        .expect("one audit row");
        assert_eq!((name.as_str(), signature, lens.as_str()), (action, json!({}), "v1"));
    }
}
