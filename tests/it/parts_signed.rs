//! Write-offs and reversals: what somebody must sign for.

use super::client::{
    CAPTAIN, CREW, HOD, NOTHING, OTHER_CAPTAIN, PLENTY, SOME, User, adjust, database, footprint, keys, number, place,
    receive, reverse, transfer, write_off,
};
use super::stock::{at_once, count, nothing_drifted};
use crate::harness::Daemon;
use serde_json::{Value, json};
use sqlx::PgPool;

const UNKNOWN: &str = "11111111-1111-4111-8111-111111111111";

/// Asserts that the signatures of the test yacht are one chain, without a fork and without an end too many.
async fn the_chain_is_whole(database: &PgPool) {
    let signed = number(database, "select count(*) from pms_audit_log where metadata ? 'chain_position'").await;
    let links = number(
        database,
        "select count(*) from pms_audit_log a join pms_audit_log b
             on b.metadata ->> 'previous_signature' = a.signature ->> 'signature_hash'
            and (b.metadata ->> 'chain_position')::bigint = (a.metadata ->> 'chain_position')::bigint + 1",
    )
    .await;
    assert!(signed > 0);
    assert_eq!(links, signed - 1);
    let head = number(
        database,
        "select count(*) from pms_audit_log a join pms_signature_chain c using (yacht_id)
         where c.head = a.signature ->> 'signature_hash' and c.length = (a.metadata ->> 'chain_position')::bigint",
    )
    .await;
    assert_eq!(head, 1);
}

/// The signature of the audit row that a ledger row names.
async fn signature_of(database: &PgPool, transaction: &Value) -> Value {
    sqlx::query_scalar(
        "select a.signature from pms_inventory_transactions t join pms_audit_log a on a.id = t.audit_id
         where t.id = ($1::text)::uuid and a.metadata ->> 'transaction_id' = $1",
    )
    .bind(transaction.as_str())
    .fetch_one(database)
    .await
    .expect("a ledger row and its audit row")
}

#[tokio::test]
async fn a_write_off_is_signed_and_tells_what_is_left() {
    let daemon = Daemon::start().await;
    let database = database(&daemon).await;
    let captain = User::of(&daemon, CAPTAIN);
    let mut payload = write_off(PLENTY, 40);
    payload["signature"]["reason_code"] = json!("flood");
    payload["signature"]["role_at_signing"] = json!("admiral");
    let body = captain.post("/v1/parts/write-off", &payload).await.is(200);
    let expected = [
        "audit",
        "is_signed",
        "message",
        "new_quantity",
        "new_stock_level",
        "old_quantity",
        "part_id",
        "quantity_written_off",
        "reason",
        "status",
        "transaction_id",
    ];
    assert_eq!(keys(&body), expected);
    let quantities = ["old_quantity", "new_quantity", "quantity_written_off", "new_stock_level"].map(|key| &body[key]);
    assert_eq!(quantities, [&json!(100), &json!(60), &json!(40), &json!(60)]);
    assert_eq!((&body["reason"], &body["is_signed"]), (&json!("damaged"), &json!(true)));
    assert_eq!(keys(&body["audit"]), ["id", "signature"]);
    let signature = signature_of(&database, &body["transaction_id"]).await;
    assert_eq!(body["audit"]["signature"], signature);
    for (key, value) in [
        ("user_id", json!(CAPTAIN)),
        ("role_at_signing", json!("captain")),
        ("action", json!("write_off_part")),
        ("part_id", json!(PLENTY)),
        ("old_quantity", json!(100)),
        ("new_quantity", json!(60)),
        ("reason", json!("damaged")),
        ("reason_code", json!("flood")),
        ("verified", json!(false)),
    ] {
        assert_eq!(signature[key], value, "{key}");
    }
    let secrets = number(
        &database,
        "select (select count(*) from pms_audit_log a where a::text like '%739104%' or a::text like '%281930%')
              + (select count(*) from pms_inventory_transactions t where t::text like '%739104%')",
    )
    .await;
    assert_eq!(secrets, 0, "PIN and code are stored nowhere");
    nothing_drifted(&database).await;
}

#[tokio::test]
async fn a_write_off_spans_stock_rows_only_if_none_can_serve_alone_and_signs_each() {
    let daemon = Daemon::start().await;
    let database = database(&daemon).await;
    let captain = User::of(&daemon, CAPTAIN);
    let (from, to) = (place(&database, "engine_room").await, place(&database, "lazarette").await);
    captain.post("/v1/parts/transfer", &transfer(SOME, 10, &from, &to)).await.is(200);
    let rows = "select count(*) from pms_inventory_transactions where transaction_type = 'write_off'";

    let body = captain.post("/v1/parts/write-off", &write_off(SOME, 12)).await.is(200);
    assert_eq!(
        (&body["old_quantity"], &body["new_quantity"], &body["new_stock_level"]),
        (&json!(15), &json!(3), &json!(13))
    );
    assert_eq!(number(&database, rows).await, 1);

    let mut keyed = write_off(SOME, 12);
    keyed["idempotency_key"] = json!("both");
    let body = captain.post("/v1/parts/write-off", &keyed).await.is(200);
    assert_eq!(
        (&body["old_quantity"], &body["new_quantity"], &body["new_stock_level"]),
        (&json!(13), &json!(1), &json!(1))
    );
    assert_eq!(body["quantity_written_off"], 12);
    assert_eq!(number(&database, rows).await, 3, "one row from each place");
    let signatures = number(
        &database,
        "select count(distinct signature ->> 'signature_hash') from pms_audit_log where action = 'write_off_part'",
    )
    .await;
    assert_eq!(signatures, 3);

    // Where a place is named, that place must serve.
    let mut there = write_off(SOME, 1);
    there["location"] = json!("engine_room");
    captain.post("/v1/parts/write-off", &there).await.fails(409, "INSUFFICIENT_STOCK");
    there["location"] = json!(to);
    captain.post("/v1/parts/write-off", &there).await.is(200);
    captain.post("/v1/parts/write-off", &write_off(SOME, 1)).await.fails(409, "INSUFFICIENT_STOCK");
    nothing_drifted(&database).await;
    the_chain_is_whole(&database).await;
}

#[tokio::test]
async fn what_may_not_be_written_off_stays() {
    let daemon = Daemon::start().await;
    let database = database(&daemon).await;
    let (captain, hod) = (User::of(&daemon, CAPTAIN), User::of(&daemon, HOD));
    daemon
        .sql("update pms_inventory_stock set deleted_at = now() where part_id = '00000000-0000-4000-8000-000000000005'")
        .await;
    let before = footprint(&database).await;
    let with = |key: &str, value: Value| {
        let mut payload = write_off(PLENTY, 1);
        payload[key] = value;
        payload
    };
    for (payload, status, code) in [
        (with("part_id", Value::Null), 400, "MISSING_REQUIRED_FIELD"),
        (with("quantity", Value::Null), 400, "MISSING_REQUIRED_FIELD"),
        (with("reason", json!(" ")), 400, "MISSING_REQUIRED_FIELD"),
        (with("reason", json!("bored")), 400, "VALIDATION_ERROR"),
        (with("reason", json!(7)), 400, "VALIDATION_ERROR"),
        (with("quantity", json!(0)), 400, "VALIDATION_ERROR"),
        (with("signature", json!({ "pin": "1" })), 400, "SIGNATURE_REQUIRED"),
        (with("location", json!(UNKNOWN)), 404, "NOT_FOUND"),
        (write_off(UNKNOWN, 1), 404, "NOT_FOUND"),
        (write_off(PLENTY, 101), 409, "INSUFFICIENT_STOCK"),
        (write_off(NOTHING, 1), 409, "INSUFFICIENT_STOCK"),
        (write_off(SOME, 1), 409, "STOCK_DEACTIVATED"),
    ] {
        captain.post("/v1/parts/write-off", &payload).await.fails(status, code);
        captain.execute("write_off_part", payload).await.fails(status, code);
    }
    // The signature is asked for before the role.
    hod.post("/v1/parts/write-off", &with("signature", Value::Null)).await.fails(400, "SIGNATURE_REQUIRED");
    hod.post("/v1/parts/write-off", &write_off(PLENTY, 1)).await.fails(403, "INSUFFICIENT_PERMISSIONS");
    let body = User::of(&daemon, OTHER_CAPTAIN).post("/v1/parts/write-off", &write_off(PLENTY, 1)).await;
    assert_eq!(body.fails(404, "NOT_FOUND")["message"], "Part not found");
    assert_eq!(footprint(&database).await, before);
}

#[tokio::test]
async fn every_kind_of_movement_can_be_reversed_once() {
    let daemon = Daemon::start().await;
    let database = database(&daemon).await;
    let captain = User::of(&daemon, CAPTAIN);
    let (from, to) = (place(&database, "engine_room").await, place(&database, "lazarette").await);
    let moved = [
        ("received", captain.post("/v1/parts/receive", &receive(PLENTY, 7, "k")).await.is(201), "transaction_id", -7),
        (
            "consumed",
            captain.post("/v1/parts/consume", &json!({ "part_id": PLENTY, "quantity": 6 })).await.is(200),
            "transaction_id",
            6,
        ),
        (
            "out",
            captain.post("/v1/parts/transfer", &transfer(PLENTY, 5, &from, &to)).await.is(200),
            "transaction_out_id",
            5,
        ),
        (
            "in",
            captain.post("/v1/parts/transfer", &transfer(PLENTY, 4, &from, &to)).await.is(200),
            "transaction_in_id",
            -4,
        ),
        ("write_off", captain.post("/v1/parts/write-off", &write_off(PLENTY, 3)).await.is(200), "transaction_id", 3),
        (
            "adjusted",
            captain.post("/v1/parts/adjust-stock", &adjust(PLENTY, 200)).await.is(200),
            "transaction_id",
            -111,
        ),
    ];
    let before = captain.on_hand(PLENTY).await;
    assert_eq!(before, 209, "200 in the engine room, 9 in the lazarette");
    let mut level = before;
    // Backwards, as people undo.
    for (what, body, id, change) in moved.iter().rev() {
        let transfer = matches!(*what, "in" | "out");
        level += if transfer { 0 } else { *change };
        let reversed = captain.post("/v1/parts/reverse", &reverse(&body[id])).await.is(200);
        let expected = [
            "audit",
            "is_signed",
            "message",
            "new_stock_level",
            "part_id",
            "quantity_change",
            "reason",
            "reversed_transaction_id",
            "status",
            "transaction_id",
        ];
        assert_eq!(keys(&reversed), expected, "{what}");
        assert_eq!(
            (&reversed["quantity_change"], &reversed["new_stock_level"]),
            (&json!(change), &json!(level)),
            "{what}"
        );
        assert_eq!((&reversed["reversed_transaction_id"], &reversed["part_id"]), (&body[id], &json!(PLENTY)), "{what}");
        assert_eq!((&reversed["reason"], &reversed["is_signed"]), (&json!("wrong shelf"), &json!(true)), "{what}");
        let signature = signature_of(&database, &reversed["transaction_id"]).await;
        assert_eq!(reversed["audit"]["signature"], signature, "{what}");
        assert_eq!(
            (&signature["action"], &signature["reversed_transaction_id"]),
            (&json!("reverse_transaction"), &body[id])
        );
        let undone = footprint(&database).await;
        // Neither the same again, nor the other leg, nor the reversal itself.
        for transaction in
            [&body[id], &body["transaction_out_id"], &body["transaction_in_id"], &reversed["transaction_id"]]
        {
            if transaction.is_string() {
                captain.post("/v1/parts/reverse", &reverse(transaction)).await.fails(409, "ALREADY_REVERSED");
            }
        }
        assert_eq!(footprint(&database).await, undone, "{what}");
    }
    assert_eq!(captain.on_hand(PLENTY).await, 100, "as in the beginning");
    let shelf = number(
        &database,
        "select quantity::bigint from pms_inventory_stock
         where part_id = '00000000-0000-4000-8000-000000000001' and location = 'lazarette'",
    )
    .await;
    assert_eq!(shelf, 0);
    let back = number(
        &database,
        "select count(*) from pms_inventory_transactions r join pms_inventory_transactions t
             on t.id = r.reverses_transaction_id and r.transaction_type = 'reversed'
            and r.quantity_change = -t.quantity_change and r.stock_id = t.stock_id
            and r.usage_id is not distinct from t.usage_id
            and r.from_location_id is not distinct from t.to_location_id",
    )
    .await;
    assert_eq!(back, 8, "six deeds, two of them with two legs");
    nothing_drifted(&database).await;
    the_chain_is_whole(&database).await;
}

#[tokio::test]
async fn what_cannot_be_reversed_is_told_and_stays() {
    let daemon = Daemon::start().await;
    let database = database(&daemon).await;
    let (captain, hod, crew) = (User::of(&daemon, CAPTAIN), User::of(&daemon, HOD), User::of(&daemon, CREW));
    let received = captain.post("/v1/parts/receive", &receive(SOME, 5, "k")).await.is(201)["transaction_id"].clone();
    captain.post("/v1/parts/consume", &json!({ "part_id": SOME, "quantity": 27 })).await.is(200);
    let initial: String = sqlx::query_scalar(
        "select id::text from pms_inventory_transactions
         where transaction_type = 'initial' and yacht_id = '85fe1119-b04c-41ac-80f1-829d23322598' limit 1",
    )
    .fetch_one(&database)
    .await
    .expect("initial stock");
    let before = footprint(&database).await;
    let mut unsigned = reverse(&received);
    unsigned["signature"] = json!({ "totp": "281930" });
    let mut unreasoned = reverse(&received);
    unreasoned["reason"] = Value::Null;
    for (payload, status, code) in [
        (unreasoned, 400, "MISSING_REQUIRED_FIELD"),
        (reverse(&Value::Null), 400, "MISSING_REQUIRED_FIELD"),
        (reverse(&json!("the last one")), 400, "VALIDATION_ERROR"),
        (unsigned.clone(), 400, "SIGNATURE_REQUIRED"),
        (reverse(&json!(UNKNOWN)), 404, "NOT_FOUND"),
        (reverse(&json!(initial)), 409, "NOT_REVERSIBLE"),
        (reverse(&received), 409, "INSUFFICIENT_STOCK"),
    ] {
        captain.post("/v1/parts/reverse", &payload).await.fails(status, code);
        captain.execute("reverse_transaction", payload).await.fails(status, code);
    }
    // The signature is asked for before the role.
    for user in [&hod, &crew] {
        user.post("/v1/parts/reverse", &unsigned).await.fails(400, "SIGNATURE_REQUIRED");
        user.post("/v1/parts/reverse", &reverse(&received)).await.fails(403, "INSUFFICIENT_PERMISSIONS");
    }
    let body = User::of(&daemon, OTHER_CAPTAIN).post("/v1/parts/reverse", &reverse(&received)).await;
    assert_eq!(body.fails(404, "NOT_FOUND")["message"], "Transaction not found");
    assert_eq!(footprint(&database).await, before);
}

/// What the database says to the captain's write-off of one of `SOME`, asked directly: its code, if it refuses.
async fn asked_directly(database: &PgPool, role: &str, reason: &str, signature: &Value) -> Option<String> {
    let mut transaction = database.begin().await.expect("a transaction");
    sqlx::query("select set_config('role', $1, true), set_config('request.jwt.claims', $2, true)")
        .bind(role)
        .bind(json!({ "sub": CAPTAIN, "role": "authenticated" }).to_string())
        .execute(&mut *transaction)
        .await
        .expect("the captain's claims");
    let answer = sqlx::query(
        "select parts_signed_commit('write_off_part', $1::uuid, 1, null, $2, null, jsonb_build_array($3::jsonb), '', 'v1', null)",
    )
    .bind(SOME)
    .bind(reason)
    .bind(signature)
    .execute(&mut *transaction)
    .await;
    transaction.rollback().await.expect("a rollback");
    answer.err().map(|error| error.as_database_error().and_then(|error| error.code()).expect("a code").into_owned())
}

#[tokio::test]
async fn the_database_itself_refuses_a_signature_that_covers_something_else() {
    let daemon = Daemon::start().await;
    let database = database(&daemon).await;
    let stock: String = sqlx::query_scalar("select id::text from pms_inventory_stock where part_id = $1::uuid")
        .bind(SOME)
        .fetch_one(&database)
        .await
        .expect("a stock row");
    let signature = json!({
        "action": "write_off_part", "user_id": CAPTAIN, "yacht_id": super::client::YACHT,
        "role_at_signing": "captain", "part_id": SOME, "stock_id": stock, "old_quantity": 25, "new_quantity": 24,
        "reason": "lost", "signed_at": "2026-01-01T00:00:00Z", "signature_type": "pin_totp",
        "signature_hash": format!("hmac-sha256:{}", "0".repeat(64)),
    });
    let daemons = "rampart_app";
    assert_eq!(asked_directly(&database, daemons, "lost", &signature).await, None);
    // Past the daemon, which alone has the key, nobody signs at all.
    for role in ["authenticated", "service_role"] {
        assert_eq!(asked_directly(&database, role, "lost", &signature).await.as_deref(), Some("42501"), "{role}");
    }
    assert_eq!(asked_directly(&database, daemons, "expired", &signature).await.as_deref(), Some("P0400"));
    for (fact, other, code) in [
        ("action", json!("adjust_stock_quantity"), "P0400"),
        ("user_id", json!(HOD), "P0400"),
        ("role_at_signing", json!("manager"), "P0400"),
        ("part_id", json!(PLENTY), "P0400"),
        ("signed_at", Value::Null, "P0400"),
        ("signature_hash", json!("hmac-sha256:"), "P0400"),
        ("signature_hash", Value::Null, "P0400"),
        // As if the stock had changed after signing: the daemon would sign again.
        ("stock_id", json!(UNKNOWN), "40001"),
        ("old_quantity", json!(24), "40001"),
        ("new_quantity", json!(20), "40001"),
    ] {
        let mut forged = signature.clone();
        forged[fact] = other;
        assert_eq!(asked_directly(&database, daemons, "lost", &forged).await.as_deref(), Some(code), "{fact}");
    }
}

#[tokio::test]
async fn of_many_who_reverse_the_same_transfer_at_once_one_succeeds() {
    let daemon = Daemon::start().await;
    let database = database(&daemon).await;
    let captain = User::of(&daemon, CAPTAIN);
    let (from, to) = (place(&database, "engine_room").await, place(&database, "lazarette").await);
    let moved = captain.post("/v1/parts/transfer", &transfer(PLENTY, 9, &from, &to)).await.is(200);
    let legs = ["transaction_out_id", "transaction_in_id"];
    let deeds = (0..16).map(|number| reverse(&moved[legs[number % 2]])).collect();
    let answers = at_once(&captain, "/v1/parts/reverse", deeds).await;
    assert_eq!((count(&answers, 200), count(&answers, 409)), (1, 15));
    nothing_drifted(&database).await;
    the_chain_is_whole(&database).await;
}

#[tokio::test]
async fn signed_deeds_of_all_kinds_at_once_leave_one_chain() {
    let daemon = Daemon::start().await;
    let database = database(&daemon).await;
    let captain = User::of(&daemon, CAPTAIN);
    let mut received = Vec::new();
    for number in 0..12 {
        let receipt = captain.post("/v1/parts/receive", &receive(PLENTY, 1, &format!("r{number}"))).await.is(201);
        received.push(receipt["transaction_id"].clone());
    }
    let deeds = (0..36).map(|number| match number % 3 {
        0 => json!({ "action": "reverse_transaction", "payload": reverse(&received[number / 3]) }),
        1 => json!({ "action": "write_off_part", "payload": write_off(PLENTY, 1) }),
        _ => json!({ "action": "adjust_stock_quantity", "payload": adjust(SOME, 5) }),
    });
    let answers = at_once(&captain, "/v1/actions/execute", deeds.collect()).await;
    assert_eq!(count(&answers, 200), 36);
    assert_eq!(captain.on_hand(PLENTY).await, 88);
    nothing_drifted(&database).await;
    the_chain_is_whole(&database).await;
}
