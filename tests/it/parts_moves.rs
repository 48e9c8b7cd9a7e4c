//! Transfers and the shopping list.

use super::client::{
    CAPTAIN, CREW, HOD, NOTHING, OTHER_CAPTAIN, OTHER_YACHT, PLENTY, SOME, User, database, footprint, keys, number,
    place, reverse, transfer, write_off,
};
use super::stock::{at_once, count, nothing_drifted};
use crate::harness::Daemon;
use reqwest::Method;
use serde_json::{Value, json};

const UNKNOWN: &str = "11111111-1111-4111-8111-111111111111";
/// 2 in stock, at least 6 wanted.
const LOW: &str = "00000000-0000-4000-8000-000000000004";

#[tokio::test]
async fn a_transfer_moves_stock_to_a_new_place_and_leaves_the_part_as_many_as_before() {
    let daemon = Daemon::start().await;
    let database = database(&daemon).await;
    let hod = User::of(&daemon, HOD);
    let (from, to) = (place(&database, "engine_room").await, place(&database, "lazarette").await);
    let body = hod.post("/v1/parts/transfer", &transfer(PLENTY, 30, &from, &to)).await.is(200);
    let expected = [
        "from_location",
        "from_new_level",
        "message",
        "part_id",
        "quantity_transferred",
        "status",
        "to_location",
        "to_new_level",
        "transaction_in_id",
        "transaction_out_id",
        "transfer_group_id",
    ];
    assert_eq!(keys(&body), expected);
    assert_eq!((&body["status"], &body["part_id"]), (&json!("success"), &json!(PLENTY)));
    assert_eq!((&body["from_location"], &body["to_location"]), (&json!("engine_room"), &json!("lazarette")));
    let numbers = (&body["quantity_transferred"], &body["from_new_level"], &body["to_new_level"]);
    assert_eq!(numbers, (&json!(30), &json!(70), &json!(30)));
    assert_eq!(hod.on_hand(PLENTY).await, 100);
    for (id, kind, change) in
        [("transaction_out_id", "transferred_out", -30), ("transaction_in_id", "transferred_in", 30)]
    {
        let row: (String, i32, String, String, String, String, Value) = sqlx::query_as(
            "select t.transaction_type, t.quantity_change, t.from_location_id::text, t.to_location_id::text,
                    t.transfer_group_id::text, a.action, a.signature
             from pms_inventory_transactions t join pms_audit_log a on a.id = t.audit_id
             where t.id = ($1::text)::uuid and a.metadata ->> 'transaction_id' = $1",
        )
        .bind(body[id].as_str())
        .fetch_one(&database)
        .await
        .expect("a ledger row and its audit row");
        let group = body["transfer_group_id"].as_str().expect("a group").to_owned();
        let expected =
            (kind.to_owned(), change, from.clone(), to.clone(), group, "transfer_part".to_owned(), json!({}));
        assert_eq!(row, expected);
    }
    let body = hod.execute("transfer_part", transfer(PLENTY, 30, &to, &from)).await.is(200);
    assert_eq!((&body["from_new_level"], &body["to_new_level"]), (&json!(0), &json!(100)));
    assert!(body["execution_id"].is_string() && body["action"] == "transfer_part");
    nothing_drifted(&database).await;
}

#[tokio::test]
async fn a_transfer_that_is_refused_changes_nothing() {
    let daemon = Daemon::start().await;
    let database = database(&daemon).await;
    let (from, to) = (place(&database, "engine_room").await, place(&database, "lazarette").await);
    let foreign: String =
        sqlx::query_scalar("select id::text from pms_part_locations where yacht_id = $1::uuid limit 1")
            .bind(OTHER_YACHT)
            .fetch_one(&database)
            .await
            .expect("a place");
    let deckhand: String =
        sqlx::query_scalar("select user_id::text from auth_users_roles where role = 'deckhand' limit 1")
            .fetch_one(&database)
            .await
            .expect("a deckhand");
    // The stock of one part at one of its places has been given up.
    daemon
        .sql("update pms_inventory_stock set deleted_at = now() where part_id = '00000000-0000-4000-8000-000000000005'")
        .await;
    let (hod, deckhand) = (User::of(&daemon, HOD), User::of(&daemon, &deckhand));
    let before = footprint(&database).await;
    let hod_is_refused = [
        (json!({ "part_id": PLENTY, "quantity": "3" }), 400, "MISSING_REQUIRED_FIELD"),
        (transfer(PLENTY, 3, "engine_room", &to), 400, "VALIDATION_ERROR"),
        (transfer(PLENTY, 0, &from, &to), 400, "VALIDATION_ERROR"),
        (transfer(PLENTY, -3, &from, &to), 400, "VALIDATION_ERROR"),
        (transfer(PLENTY, 3, &from, &from), 400, "VALIDATION_ERROR"),
        (transfer(UNKNOWN, 3, &from, &to), 404, "NOT_FOUND"),
        (transfer(PLENTY, 3, UNKNOWN, &to), 404, "NOT_FOUND"),
        (transfer(PLENTY, 3, &from, UNKNOWN), 404, "NOT_FOUND"),
        (transfer(PLENTY, 3, &from, &foreign), 404, "NOT_FOUND"),
        (transfer(PLENTY, 101, &from, &to), 409, "INSUFFICIENT_STOCK"),
        (transfer(PLENTY, 1, &to, &from), 409, "INSUFFICIENT_STOCK"),
        (transfer(NOTHING, 1, &from, &to), 409, "INSUFFICIENT_STOCK"),
        (transfer(SOME, 1, &from, &to), 409, "STOCK_DEACTIVATED"),
    ];
    for (payload, status, code) in hod_is_refused {
        let mut keyed = payload.clone();
        keyed["idempotency_key"] = json!("refused");
        hod.post("/v1/parts/transfer", &keyed).await.fails(status, code);
        hod.execute("transfer_part", payload).await.fails(status, code);
    }
    let body = hod.post("/v1/parts/transfer", &json!({ "quantity": "3" })).await.fails(400, "MISSING_REQUIRED_FIELD");
    assert_eq!(body["fields"], json!(["part_id", "from_location_id", "to_location_id", "quantity"]));
    deckhand.post("/v1/parts/transfer", &transfer(PLENTY, 1, &from, &to)).await.fails(403, "INSUFFICIENT_PERMISSIONS");
    let body = User::of(&daemon, OTHER_CAPTAIN).post("/v1/parts/transfer", &transfer(PLENTY, 1, &from, &to)).await;
    assert_eq!(body.fails(404, "NOT_FOUND")["message"], "Part not found");
    assert_eq!(footprint(&database).await, before);
    // A refusal has not used up the key.
    let mut keyed = transfer(PLENTY, 1, &from, &to);
    keyed["idempotency_key"] = json!("refused");
    hod.post("/v1/parts/transfer", &keyed).await.is(200);
}

#[tokio::test]
async fn transfers_in_both_directions_at_once_neither_block_each_other_nor_lose_anything() {
    let daemon = Daemon::start().await;
    let database = database(&daemon).await;
    let captain = User::of(&daemon, CAPTAIN);
    let (a, b) = (place(&database, "engine_room").await, place(&database, "lazarette").await);
    let c = place(&database, "bosun_locker").await;
    let deeds = (0..60).map(|number| match number % 5 {
        0 | 1 => json!({ "action": "transfer_part", "payload": transfer(PLENTY, 3, &a, &b) }),
        2 => json!({ "action": "transfer_part", "payload": transfer(PLENTY, 2, &b, &a) }),
        3 => json!({ "action": "transfer_part", "payload": transfer(PLENTY, 1, &b, &c) }),
        _ => json!({ "action": "write_off_part", "payload": write_off(PLENTY, 1) }),
    });
    let answers = at_once(&captain, "/v1/actions/execute", deeds.collect()).await;
    assert_eq!(count(&answers, 200) + count(&answers, 409), 60, "too early is a 409, and nothing is a 5xx");
    let written_off =
        answers.iter().filter(|answer| answer.status == 200 && answer.body["action"] == "write_off_part").count();
    assert_eq!(written_off, 12, "there is always enough somewhere");
    assert_eq!(captain.on_hand(PLENTY).await, 88);
    nothing_drifted(&database).await;
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer_and_another_with_its_key_a_409() {
    let daemon = Daemon::start().await;
    let database = database(&daemon).await;
    let captain = User::of(&daemon, CAPTAIN);
    let (from, to) = (place(&database, "engine_room").await, place(&database, "lazarette").await);
    let consumed = captain.post("/v1/parts/consume", &json!({ "part_id": PLENTY, "quantity": 5 })).await.is(200);
    let mut other_reason = reverse(&consumed["transaction_id"]);
    other_reason["reason"] = json!("another");
    let wish = |quantity: i64| json!({ "part_id": NOTHING, "quantity_requested": quantity });
    let deeds = [
        ("transfer", transfer(PLENTY, 5, &from, &to), transfer(PLENTY, 6, &from, &to)),
        ("write-off", write_off(PLENTY, 5), write_off(PLENTY, 6)),
        ("reverse", reverse(&consumed["transaction_id"]), other_reason),
        ("shopping-list", wish(4), wish(5)),
    ];
    for (route, payload, other) in deeds {
        let send = async |payload: &Value| {
            let request = captain.request(Method::POST, &format!("/v1/parts/{route}")).header("idempotency-key", route);
            captain.send(request.json(payload)).await
        };
        let first = send(&payload).await.is(200);
        let after = footprint(&database).await;
        let again = send(&payload).await;
        assert_eq!(again.header("idempotent-replayed"), "true", "{route}");
        assert_eq!(again.is(200), first, "{route}");
        send(&other).await.fails(409, "IDEMPOTENCY_CONFLICT");
        let consume = json!({ "part_id": PLENTY, "quantity": 1, "idempotency_key": route });
        captain.post("/v1/parts/consume", &consume).await.fails(409, "IDEMPOTENCY_CONFLICT");
        assert_eq!(footprint(&database).await, after, "{route}");
    }
    nothing_drifted(&database).await;
}

#[tokio::test]
async fn a_wish_is_listed_with_a_source_and_an_urgency_that_follow_from_the_stock() {
    let daemon = Daemon::start().await;
    let database = database(&daemon).await;
    let crew = User::of(&daemon, CREW);
    let wish = |part: &str| json!({ "part_id": part, "quantity_requested": 4, "notes": "soon" });
    let given = |part: &str, source: &str, urgency: &str| json!({ "part_id": part, "suggested_qty": 4, "source_type": source, "urgency": urgency });
    let wishes = [
        (wish(NOTHING), "inventory_oos", "critical"),
        (wish(LOW), "inventory_low", "high"),
        (wish(PLENTY), "manual_add", "low"),
        (given(PLENTY, "work_order_usage", "critical"), "work_order_usage", "critical"),
        (given(PLENTY, "receiving_damaged", "medium"), "receiving_damaged", "normal"),
        (given(LOW, "a hunch", "now!"), "inventory_low", "high"),
    ];
    for (payload, source, urgency) in wishes {
        let body = crew.post("/v1/parts/shopping-list", &payload).await.is(200);
        assert_eq!(
            keys(&body),
            ["message", "part_id", "part_name", "quantity_requested", "shopping_item_id", "status"]
        );
        assert_eq!((&body["part_id"], &body["quantity_requested"]), (&payload["part_id"], &json!(4)));
        let item: (String, String, String, String, i32, String, Value, String) = sqlx::query_as(
            "select i.source_type, i.urgency, i.status, i.part_name, i.quantity_requested, i.created_by::text,
                    a.signature, a.action
             from pms_shopping_list_items i
             join pms_audit_log a on a.entity_type = 'shopping_item' and a.entity_id = i.id
             where i.id = ($1::text)::uuid",
        )
        .bind(body["shopping_item_id"].as_str())
        .fetch_one(&database)
        .await
        .expect("an item and its audit row");
        let name = body["part_name"].as_str().expect("a name").to_owned();
        let (source, urgency, status) = (source.to_owned(), urgency.to_owned(), "candidate".to_owned());
        let action = "add_to_shopping_list".to_owned();
        assert_eq!(item, (source, urgency, status, name, 4, CREW.to_owned(), json!({}), action));
    }
    let body = crew.execute("add_to_shopping_list", wish(LOW)).await.is(200);
    assert!(body["execution_id"].is_string() && body["shopping_item_id"].is_string());
    assert_eq!(number(&database, "select count from audit_violation_sweep(null)").await, 0);
}

#[tokio::test]
async fn a_wish_that_is_refused_is_neither_listed_nor_audited() {
    let daemon = Daemon::start().await;
    let database = database(&daemon).await;
    let purser: String = sqlx::query_scalar("select user_id::text from auth_users_roles where role = 'purser' limit 1")
        .fetch_one(&database)
        .await
        .expect("a purser");
    let (crew, purser) = (User::of(&daemon, CREW), User::of(&daemon, &purser));
    let wish = |part: &str, quantity: Value| json!({ "part_id": part, "quantity_requested": quantity });
    let before = footprint(&database).await;
    for (payload, status, code) in [
        (json!({}), 400, "MISSING_REQUIRED_FIELD"),
        (wish(LOW, json!("4")), 400, "VALIDATION_ERROR"),
        (wish(LOW, json!(0)), 400, "VALIDATION_ERROR"),
        (wish(LOW, json!(-1)), 400, "VALIDATION_ERROR"),
        (wish(UNKNOWN, json!(4)), 404, "NOT_FOUND"),
    ] {
        crew.post("/v1/parts/shopping-list", &payload).await.fails(status, code);
        crew.execute("add_to_shopping_list", payload).await.fails(status, code);
    }
    let body = crew.post("/v1/parts/shopping-list", &json!({})).await.fails(400, "MISSING_REQUIRED_FIELD");
    assert_eq!(body["fields"], json!(["part_id", "quantity_requested"]));
    purser.post("/v1/parts/shopping-list", &wish(LOW, json!(4))).await.fails(403, "INSUFFICIENT_PERMISSIONS");
    let body = User::of(&daemon, OTHER_CAPTAIN).post("/v1/parts/shopping-list", &wish(LOW, json!(4))).await;
    assert_eq!(body.fails(404, "NOT_FOUND")["message"], "Part not found");
    assert_eq!(footprint(&database).await, before);
}

#[tokio::test]
async fn the_database_lets_each_role_do_what_the_contract_lists() {
    let daemon = Daemon::start().await;
    let database = database(&daemon).await;
    let all = ["crew", "deckhand", "bosun", "eto", "chief_engineer", "chief_officer", "captain", "manager"];
    for (action, roles) in [
        ("add_to_shopping_list", &all[..]),
        ("consume_part", &all[..]),
        ("receive_part", &all[1..]),
        ("transfer_part", &all[2..]),
        ("generate_part_labels", &all[4..]),
        ("request_label_output", &all[4..]),
        ("reverse_transaction", &all[6..]),
        ("adjust_stock_quantity", &all[6..]),
        ("write_off_part", &all[6..]),
        ("fly", &[]),
    ] {
        let may: Vec<String> = sqlx::query_scalar("select unnest(parts_action_roles($1))")
            .bind(action)
            .fetch_all(&database)
            .await
            .expect("roles");
        assert_eq!(may, roles, "{action}");
    }
}
