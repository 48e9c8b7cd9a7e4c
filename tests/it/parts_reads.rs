//! What is told about parts and actions: suggestions, forms, history, the list of actions, and reports.

use super::client::{
    Answer, CAPTAIN, CREW, HOD, NOTHING, OTHER_CAPTAIN, OTHER_YACHT, PLENTY, SOME, User, YACHT, database, receive,
    turn_v2_on,
};
use crate::harness::{Daemon, FLAG, VIEWER};
use serde_json::{Value, json};

/// 2 of at least 6 in stock, ordered by threes.
const LOW: &str = "00000000-0000-4000-8000-000000000004";
/// Never stocked, and not tracked.
const NEVER: &str = "00000000-0000-4000-8000-000000000000";

fn names(actions: &Value) -> Vec<&str> {
    actions.as_array().expect("a list").iter().map(|action| action["action_id"].as_str().expect("a name")).collect()
}

async fn suggestions(user: &User, part: &str) -> Value {
    user.get(&format!("/v1/parts/suggestions?part_id={part}")).await.is(200)
}

/// Silences the alerts of the low part, as its owner would.
async fn silence(daemon: &Daemon, until: &'static str) {
    sqlx::query(sqlx::AssertSqlSafe(format!(
        "insert into pms_part_alert_prefs (yacht_id, part_id, suppressed, suppressed_until, updated_by)
         values ('{YACHT}', '{LOW}', true, {until}, '{HOD}')
         on conflict (yacht_id, part_id) do update set suppressed_until = excluded.suppressed_until"
    )))
    .execute(&database(daemon).await)
    .await
    .expect("the preference");
}

#[tokio::test]
async fn a_person_may_report_so_often_and_then_when_somebody_has_looked() {
    let daemon = Daemon::start().await;
    // The same words within minutes are the same report; these are twenty-odd different ones.
    let report = |minute: u32| json!({ "kind": "other", "text": format!("the list was empty at 3:{minute:02}") });
    let (crew, captain) = (User::of(&daemon, CREW), User::of(&daemon, CAPTAIN));
    for minute in 0..20 {
        crew.post("/v1/parts/report", &report(minute)).await.is(201);
    }
    crew.post("/v1/parts/report", &report(20)).await.fails(409, "TOO_MANY_REPORTS");
    captain.post("/v1/parts/report", &report(20)).await.is(201);
    daemon.sql("update rampart.reports set dismissed_at = now(), dismissed_by = 'ops', dismiss_reason = 'seen'").await;
    crew.post("/v1/parts/report", &report(20)).await.is(201);
}

#[tokio::test]
async fn a_low_part_has_its_order_suggested_first_to_those_whose_work_it_is() {
    let daemon = Daemon::start().await;
    let (crew, hod, captain) = (User::of(&daemon, CREW), User::of(&daemon, HOD), User::of(&daemon, CAPTAIN));
    let body = suggestions(&hod, LOW).await;
    assert_eq!(
        body["stock"],
        json!({
            "on_hand": 2, "min_level": 6, "reorder_multiple": 3, "is_low_stock": true, "is_out_of_stock": false,
            "suggested_order_qty": 6, "location": "engine_room", "alert_suppressed": false, "urgency": "high",
        })
    );
    assert_eq!((&body["part_id"], &body["part_number"]), (&json!(LOW), &json!("GRO-ARG1500")));
    assert_eq!(body["warnings"], json!(["below minimum (2/6)"]));
    assert_eq!((&body["suggested_actions"], &body["actions"]), (&body["suggestions"], &body["suggestions"]));
    let whole = [
        "add_to_shopping_list",
        "consume_part",
        "receive_part",
        "transfer_part",
        "generate_part_labels",
        "view_part_details",
    ];
    assert_eq!(names(&body["suggestions"]), whole);
    let mut first = body["suggestions"][0].clone();
    let fields = first["field_metadata"].take();
    assert_eq!(
        first,
        json!({
            "action_id": "add_to_shopping_list", "action": "add_to_shopping_list", "id": "add_to_shopping_list",
            "label": "Add to Shopping List", "variant": "MUTATE", "suggested_qty": 6, "is_primary": true,
            "field_metadata": null,
            "prefill": {
                "part_id": LOW, "part_name": "Seawater strainer gasket, Groco ARG", "part_number": "GRO-ARG1500",
                "quantity_requested": 6, "urgency": "high", "source_type": "inventory_low",
            },
        })
    );
    assert_eq!(
        fields[1],
        json!({
            "name": "quantity_requested", "type": "integer", "min": 1, "max": i32::MAX, "required": true,
            "aliases": ["suggested_qty"], "description": "how many to order",
        })
    );
    assert_eq!(names(&suggestions(&crew, LOW).await["actions"]), ["view_part_details"]);
    let captains = suggestions(&captain, LOW).await;
    assert_eq!(names(&captains["actions"])[5..], ["adjust_stock_quantity", "write_off_part", "view_part_details"]);
    assert_eq!(captains["actions"][5]["variant"], "SIGNED");
}

#[tokio::test]
async fn what_is_out_of_stock_is_not_used_and_what_nobody_tracks_is_not_ordered() {
    let daemon = Daemon::start().await;
    let captain = User::of(&daemon, CAPTAIN);
    let body = suggestions(&captain, NOTHING).await;
    assert_eq!(body["warnings"], json!(["out of stock", "below minimum (0/4)", "critical part"]));
    assert_eq!((&body["stock"]["urgency"], &body["stock"]["is_out_of_stock"]), (&json!("critical"), &json!(true)));
    assert_eq!(
        names(&body["actions"]),
        ["add_to_shopping_list", "receive_part", "generate_part_labels", "adjust_stock_quantity", "view_part_details"]
    );
    assert_eq!(body["actions"][0]["prefill"]["source_type"], "inventory_oos");
    let body = suggestions(&captain, SOME).await;
    assert_eq!(body["warnings"], json!([]));
    assert!(!names(&body["actions"]).contains(&"add_to_shopping_list"));
    let body = suggestions(&captain, NEVER).await;
    assert_eq!((&body["stock"]["on_hand"], &body["stock"]["location"]), (&json!(0), &Value::Null));
    assert_eq!(
        names(&body["actions"]),
        ["receive_part", "generate_part_labels", "adjust_stock_quantity", "view_part_details"]
    );
}

#[tokio::test]
async fn silenced_alerts_press_nobody_until_their_time_is_over() {
    let daemon = Daemon::start().await;
    let hod = User::of(&daemon, HOD);
    for until in ["null", "now() + interval '1 day'"] {
        silence(&daemon, until).await;
        let body = suggestions(&hod, LOW).await;
        assert_eq!(body["stock"]["alert_suppressed"], true);
        assert_eq!(body["warnings"], json!(["below minimum (2/6)", "alerts suppressed"]));
        assert!(body["actions"].as_array().expect("a list").iter().all(|action| action["is_primary"] == false));
    }
    silence(&daemon, "now() - interval '1 second'").await;
    let body = suggestions(&hod, LOW).await;
    assert_eq!((&body["stock"]["alert_suppressed"], &body["actions"][0]["is_primary"]), (&json!(false), &json!(true)));
}

#[tokio::test]
async fn suggestions_by_entity_are_those_of_the_part_narrowed_by_words_and_domain() {
    let daemon = Daemon::start().await;
    let hod = User::of(&daemon, HOD);
    let context = json!({ "entity_type": "part", "entity_id": LOW });
    let ask = async |body: Value| hod.post("/v1/actions/suggestions", &body).await;
    let all = suggestions(&hod, LOW).await;
    assert_eq!(ask(json!({ "context": context })).await.is(200), all);
    assert_eq!(ask(json!({ "context": context, "domain": "parts", "q": "" })).await.is(200), all);
    let some = ask(json!({ "context": context, "q": "delivery" })).await.is(200);
    assert_eq!((names(&some["actions"]), &some["stock"]), (vec!["receive_part"], &all["stock"]));
    assert_eq!(ask(json!({ "context": context, "domain": "fleet" })).await.is(200)["actions"], json!([]));

    let wrong = json!({ "context": { "entity_type": "yacht", "entity_id": LOW } });
    assert_eq!(ask(wrong).await.fails(400, "VALIDATION_ERROR")["fields"], json!(["context.entity_type"]));
    for nothing in [json!({}), json!({ "context": {} }), json!({ "context": null })] {
        let body = ask(nothing).await.fails(400, "MISSING_REQUIRED_FIELD");
        assert_eq!(body["fields"], json!(["context.entity_type", "context.entity_id"]));
    }
    ask(json!({ "context": "part" })).await.is(400);
    ask(json!({ "context": context, "q": "x".repeat(201) })).await.fails(400, "VALIDATION_ERROR");
    ask(json!({ "context": { "yacht_id": OTHER_YACHT } })).await.fails(403, "RLS_DENIED");
}

#[tokio::test]
async fn forms_begin_with_what_is_known() {
    let daemon = Daemon::start().await;
    let (crew, hod, captain) = (User::of(&daemon, CREW), User::of(&daemon, HOD), User::of(&daemon, CAPTAIN));
    let form = async |user: &User, which: &str, part: &str| -> Answer {
        user.post(&format!("/v1/parts/{which}/prefill?part_id={part}"), &json!({})).await
    };
    let body = form(&crew, "shopping-list", LOW).await.is(200);
    assert_eq!((&body["status"], &body["part_id"]), (&json!("success"), &json!(LOW)));
    let known = json!({
        "part_id": LOW, "part_name": body["part_name"], "part_number": "GRO-ARG1500", "quantity_requested": 6,
        "urgency": "high", "source_type": "inventory_low",
    });
    assert_eq!(body["prefill"], known);
    assert!(body["field_metadata"].is_array());
    let untracked = form(&crew, "shopping-list", SOME).await.is(200);
    let known = &untracked["prefill"];
    assert_eq!(
        (&known["quantity_requested"], &known["urgency"], &known["source_type"]),
        (&json!(1), &json!("low"), &json!("manual_add"))
    );
    let mut elsewhere = receive(SOME, 2, "elsewhere");
    elsewhere["location"] = json!("lazarette");
    captain.post("/v1/parts/receive", &elsewhere).await.is(201);
    let body = form(&captain, "adjust-stock", SOME).await.is(200);
    let stock = captain.get(&format!("/v1/parts/{SOME}")).await.is(200)["data"]["stock"].clone();
    assert_eq!(stock["on_hand"], 27);
    // What is counted is one place, not the sum.
    assert_eq!(
        body["prefill"],
        json!({
            "part_id": SOME, "stock_id": stock["stock_id"], "location": "engine_room", "old_quantity": 25,
            "new_quantity": 25,
        })
    );
    let never = form(&captain, "adjust-stock", NEVER).await.is(200);
    assert_eq!((&never["prefill"]["new_quantity"], &never["prefill"]["stock_id"]), (&json!(0), &Value::Null));
    form(&hod, "adjust-stock", SOME).await.fails(403, "INSUFFICIENT_PERMISSIONS");
    form(&hod, "adjust-stock", "x").await.fails(400, "VALIDATION_ERROR");
    captain.post("/v1/parts/adjust-stock/prefill", &json!({})).await.fails(400, "MISSING_REQUIRED_FIELD");
}

#[tokio::test]
async fn the_history_of_a_part_is_told_newest_first_in_pages() {
    let daemon = Daemon::start().await;
    let hod = User::of(&daemon, HOD);
    let before = hod.get(&format!("/v1/parts/{PLENTY}/transactions")).await.is(200)["total"].as_i64().expect("a total");
    let mut delivery = receive(PLENTY, 7, "delivery");
    delivery["location"] = json!("lazarette");
    let received = hod.post("/v1/parts/receive", &delivery).await.is(201);
    let consume = json!({ "part_id": PLENTY, "quantity": 3, "notes": "oil change" });
    let consumed = hod.post("/v1/parts/consume", &consume).await.is(200);
    let page = async |query: &str| hod.get(&format!("/v1/parts/{PLENTY}/transactions?{query}")).await;
    let body = page("").await.is(200);
    let total = before + 2;
    assert_eq!(
        (&body["status"], &body["part_id"], &body["total"], &body["limit"], &body["offset"]),
        (&json!("success"), &json!(PLENTY), &json!(total), &json!(50), &json!(0))
    );
    let rows = body["transactions"].as_array().expect("rows");
    assert_eq!(i64::try_from(rows.len()).expect("few"), total);
    assert!(rows.is_sorted_by(|one, other| one["created_at"].as_str() >= other["created_at"].as_str()));
    let (newest, second) = (rows[0].clone(), rows[1].clone());
    assert_eq!(
        newest,
        json!({
            "id": consumed["transaction_id"], "transaction_type": "consumed", "quantity_change": -3,
            "quantity_before": 100, "quantity_after": 97, "location": "engine_room", "stock_id": newest["stock_id"],
            "user_id": HOD, "reason": null, "notes": "oil change", "work_order_id": null, "transfer_group_id": null,
            "reverses_transaction_id": null, "created_at": newest["created_at"],
        })
    );
    assert_eq!((&second["id"], &second["location"]), (&received["transaction_id"], &json!("lazarette")));
    assert_ne!(newest["stock_id"], second["stock_id"]);

    let one = page("limit=1&offset=1").await.is(200);
    assert_eq!((&one["transactions"], &one["total"]), (&json!([second]), &json!(total)));
    assert_eq!(page("limit=200").await.is(200)["transactions"], body["transactions"]);
    assert_eq!(page("offset=5000").await.is(200)["transactions"], json!([]));
    for wrong in ["limit=0", "limit=201", "offset=-1", "limit=x"] {
        page(wrong).await.fails(400, "VALIDATION_ERROR");
    }
    assert_eq!(hod.get(&format!("/v1/parts/{NEVER}/transactions")).await.is(200)["total"], 0);
    hod.get("/v1/parts/x/transactions").await.fails(400, "VALIDATION_ERROR");
}

#[tokio::test]
async fn the_list_of_actions_holds_what_the_role_may_execute_best_match_first() {
    let daemon = Daemon::start().await;
    let (crew, captain) = (User::of(&daemon, CREW), User::of(&daemon, CAPTAIN));
    let list = async |user: &User, query: &str| user.get(&format!("/v1/actions/list?{query}")).await;
    let body = list(&crew, "").await.is(200);
    let may = ["view_part_details", "view_low_stock", "add_to_shopping_list", "consume_part"];
    assert_eq!(names(&body["actions"]), may);
    assert_eq!((&body["query"], &body["total_count"], &body["role"]), (&json!(""), &json!(4), &json!("crew")));
    assert_eq!(
        body["actions"][1],
        json!({
            "action_id": "view_low_stock", "label": "View Low Stock", "variant": "READ", "allowed_roles": ["*"],
            "required_fields": [], "domain": "parts", "match_score": 1.0,
        })
    );
    let all = list(&captain, "domain=parts").await.is(200);
    assert_eq!(all["total_count"], 11);
    let receive = all["actions"].as_array().and_then(|all| all.iter().find(|one| one["action_id"] == "receive_part"));
    let receive = receive.expect("the action");
    assert_eq!(receive["required_fields"], json!(["part_id", "quantity", "idempotency_key"]));
    assert_eq!(receive["storage_options"]["bucket"], "pms-receiving-images");
    assert_eq!(receive["allowed_roles"].as_array().map(Vec::len), Some(7));

    let found = list(&captain, "q=receive%20stock").await.is(200);
    let scores = found["actions"].as_array().expect("a list").iter().map(|one| one["match_score"].as_f64());
    assert!(scores.clone().is_sorted_by(|one, other| one >= other), "{found}");
    // One word hits the label, the other the keywords.
    assert_eq!((names(&found["actions"])[0], scores.clone().next().flatten()), ("receive_part", Some(0.7)));
    assert_eq!(list(&captain, "q=adjust_stock_quantity").await.is(200)["actions"][0]["match_score"], 1.0);
    assert_eq!(list(&captain, "q=stock%20adjust").await.is(200)["actions"][0]["match_score"], 0.9);
    assert_eq!(list(&captain, "q=sticker").await.is(200)["actions"][0]["match_score"], 0.85);
    assert_eq!(list(&crew, "q=sticker").await.is(200)["actions"], json!([]), "nothing of it is for crew");
    assert_eq!(list(&captain, "domain=fleet").await.is(200)["total_count"], 0);
    list(&captain, &format!("entity_id={PLENTY}")).await.is(200);
    assert_eq!(list(&captain, "entity_id=x").await.fails(400, "VALIDATION_ERROR")["fields"], json!(["entity_id"]));
}

#[tokio::test]
async fn whether_the_actions_are_there_is_told_to_anybody() {
    let daemon = Daemon::start().await;
    let answer = User::with_token(&daemon, String::new()).get("/v1/actions/health").await;
    assert!(!answer.header("x-part-lens").is_empty());
    let body = answer.is(200);
    assert_eq!((&body["status"], &body["service"]), (&json!("healthy"), &json!("parts_actions")));
    assert_eq!((&body["handlers_loaded"], &body["total_handlers"]), (&json!(11), &json!(11)));
    assert_eq!(body["handlers"]["consume_part"], "loaded");
    assert!(body["version"].is_string());
}

#[tokio::test]
async fn another_yachts_part_is_unknown_to_every_read_and_no_token_is_a_401() {
    let daemon = Daemon::start().await;
    let other = User::of(&daemon, OTHER_CAPTAIN);
    let nobody = User::with_token(&daemon, "x".to_owned());
    let context = json!({ "context": { "entity_type": "part", "entity_id": PLENTY } });
    let report = json!({ "kind": "other", "text": "t", "part_id": PLENTY });
    let gets = ["suggestions?part_id=PART&x=1", "PART/transactions?x=1"];
    let posts = [
        ("/v1/parts/shopping-list/prefill?part_id=PART", json!({})),
        ("/v1/parts/adjust-stock/prefill?part_id=PART", json!({})),
        ("/v1/actions/suggestions", context),
        ("/v1/parts/report", report),
    ];
    for path in gets.map(|path| format!("/v1/parts/{}", path.replace("PART", PLENTY))) {
        assert_eq!(other.get(&path).await.fails(404, "NOT_FOUND")["message"], "Part not found");
        other.get(&format!("{path}&yacht_id={YACHT}")).await.fails(403, "RLS_DENIED");
        nobody.get(&path).await.fails(401, "UNAUTHORIZED");
    }
    for (path, body) in posts {
        let path = path.replace("PART", PLENTY);
        assert_eq!(other.post(&path, &body).await.fails(404, "NOT_FOUND")["message"], "Part not found");
        nobody.post(&path, &body).await.fails(401, "UNAUTHORIZED");
    }
    nobody.get("/v1/actions/list").await.fails(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn both_lenses_tell_the_same() {
    let daemon = Daemon::start().await;
    let database = database(&daemon).await;
    let captain = User::of(&daemon, CAPTAIN);
    let mut elsewhere = receive(SOME, 2, "elsewhere");
    elsewhere["location"] = json!("lazarette");
    captain.post("/v1/parts/receive", &elsewhere).await.is(201);
    silence(&daemon, "null").await;
    let everything = async |lens: &str| {
        let mut seen = Vec::new();
        for part in [LOW, NOTHING, SOME, PLENTY, NEVER] {
            let context = json!({ "context": { "entity_type": "part", "entity_id": part } });
            for answer in [
                captain.get(&format!("/v1/parts/suggestions?part_id={part}")).await,
                captain.get(&format!("/v1/parts/{part}/transactions")).await,
                captain.post(&format!("/v1/parts/shopping-list/prefill?part_id={part}"), &json!({})).await,
                captain.post(&format!("/v1/parts/adjust-stock/prefill?part_id={part}"), &json!({})).await,
                captain.post("/v1/actions/suggestions", &context).await,
            ] {
                assert_eq!(answer.header("x-part-lens"), lens);
                seen.push(answer.is(200));
            }
        }
        seen
    };
    let through_v1 = everything("v1").await;
    turn_v2_on(&daemon, &database).await;
    assert_eq!(everything("v2").await, through_v1);
}

#[tokio::test]
async fn a_report_of_wrong_data_from_the_crew_takes_the_rollout_back_to_nothing() {
    let daemon = Daemon::start().await;
    daemon.start_rollout().await;
    daemon.until(|status| status["percent"] == 5.0).await;
    let crew = User::of(&daemon, CREW);
    let report = json!({ "kind": "data_inconsistency", "text": " shows 2, the shelf has 5 ", "part_id": LOW });
    let body = crew.post("/v1/parts/report", &report).await.is(201);
    assert_eq!((&body["status"], &body["kind"]), (&json!("success"), &json!("data_inconsistency")));
    assert!(body["report_id"].is_string() && body["message"].is_string());
    let status = daemon.until(|status| status["phase"] == "rolled_back").await;
    assert_eq!(status["cause"]["check"], "data_inconsistency");
    assert_eq!(daemon.flag_row().await, (false, 0.0));
    let (_, reports) = daemon.ops(VIEWER, "GET", &format!("/rollouts/{FLAG}/reports"), None).await;
    let kept = &reports["reports"][0];
    assert_eq!((&kept["id"], &kept["text"]), (&body["report_id"], &json!("shows 2, the shelf has 5")));
    assert_eq!(kept["reporter"], format!("user {CREW} of yacht {YACHT}, about part {LOW}"));
}

#[tokio::test]
async fn a_report_is_checked_like_everything_else_and_a_refused_one_is_not_kept() {
    let daemon = Daemon::start().await;
    let crew = User::of(&daemon, CREW);
    let file = async |body: Value| crew.post("/v1/parts/report", &body).await;
    let body = file(json!({})).await.fails(400, "MISSING_REQUIRED_FIELD");
    assert_eq!(body["fields"], json!(["kind", "text"]));
    let body = file(json!({ "kind": "rumour", "text": "a\0b", "part_id": "x" })).await.fails(400, "VALIDATION_ERROR");
    assert_eq!(body["fields"], json!(["kind", "text", "part_id"]));
    file(json!({ "kind": "other", "text": "é".repeat(4001) })).await.fails(400, "VALIDATION_ERROR");
    file(json!({ "kind": "other", "text": "t", "yacht_id": OTHER_YACHT })).await.fails(403, "RLS_DENIED");
    let (_, reports) = daemon.ops(VIEWER, "GET", &format!("/rollouts/{FLAG}/reports"), None).await;
    assert_eq!(reports["reports"], json!([]));
    file(json!({ "kind": "other", "text": "é".repeat(4000) })).await.is(201);
}
