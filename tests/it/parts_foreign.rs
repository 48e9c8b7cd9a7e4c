//! Another yacht's people: whatever they name of ours, they get nothing and change nothing.

use super::client::{OTHER_CAPTAIN, OTHER_YACHT, PLENTY, User, YACHT, database};
use super::deeds::{Aboard, DEEDS};
use crate::harness::Daemon;
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

/// Every table whose rows belong to a yacht and that users may read.
const TABLES: [&str; 10] = [
    "public.pms_parts",
    "public.pms_part_locations",
    "public.pms_inventory_stock",
    "public.pms_inventory_transactions",
    "public.pms_part_usage",
    "public.pms_audit_log",
    "public.pms_shopping_list_items",
    "public.pms_part_alert_prefs",
    "public.doc_metadata",
    "storage.objects",
];

/// Everything that a request could change, as one text.
async fn everything(database: &PgPool) -> String {
    let mut text = String::new();
    for table in TABLES {
        let sql = format!("select coalesce(md5(string_agg(t::text, '|' order by t::text)), '') from {table} t");
        let sum: String = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(database).await.unwrap();
        text.push_str(&sum);
    }
    text
}

/// Rows of the test yacht that the other yacht's captain sees without asking for any in particular; what is seen.
async fn rows_seen(database: &PgPool) -> Vec<&'static str> {
    let mut seen = Vec::new();
    for table in TABLES {
        let mut transaction = database.begin().await.unwrap();
        let ours = if table == "storage.objects" { "name like $1 || '/%'" } else { "yacht_id = $1::uuid" };
        let count = format!("select count(*) from {table} where {ours}");
        let count = || sqlx::query_scalar::<_, i64>(sqlx::AssertSqlSafe(count.clone())).bind(YACHT);
        let there = count().fetch_one(&mut *transaction).await.unwrap();
        assert!(there > 0, "{table}: nothing to see proves nothing");
        sqlx::query("select set_config('role', 'authenticated', true), set_config('request.jwt.claims', $1, true)")
            .bind(json!({ "sub": OTHER_CAPTAIN, "role": "authenticated" }).to_string())
            .execute(&mut *transaction)
            .await
            .unwrap();
        if count().fetch_one(&mut *transaction).await.unwrap() > 0 {
            seen.push(table);
        }
    }
    seen
}

/// One row at least in every table.
async fn furnished(aboard: &Aboard<'_>, database: &PgPool) {
    for deed in DEEDS {
        let payload = aboard.sound(deed.action).await;
        deed.by_name(&aboard.captain, &payload).await.is(200);
    }
    sqlx::query(
        "insert into pms_part_alert_prefs (yacht_id, part_id, suppressed, updated_by)
         values ($1::uuid, $2::uuid, true, $3::uuid)",
    )
    .bind(YACHT)
    .bind(PLENTY)
    .bind(super::client::CAPTAIN)
    .execute(database)
    .await
    .unwrap();
}

#[tokio::test]
async fn whatever_a_stranger_names_is_refused_and_nothing_changes() {
    let daemon = Daemon::start().await;
    let database = database(&daemon).await;
    let aboard = Aboard::of(&daemon, &database).await;
    furnished(&aboard, &database).await;
    let mut requests = Vec::new();
    for deed in DEEDS {
        requests.push((deed, aboard.sound(deed.action).await));
    }
    let document = aboard.document().await;
    let before = everything(&database).await;
    let stranger = User::of(&daemon, OTHER_CAPTAIN);
    let own: (Uuid, Uuid, Uuid) = sqlx::query_as(
        "select s.part_id, l.id, o.id from pms_inventory_stock s
         join pms_part_locations l on l.yacht_id = s.yacht_id and l.name = s.location
         join pms_part_locations o on o.yacht_id = s.yacht_id and o.id <> l.id
         where s.yacht_id = $1::uuid and s.quantity > 10 order by s.id, o.id limit 1",
    )
    .bind(OTHER_YACHT)
    .fetch_one(&database)
    .await
    .unwrap();
    let own = [own.0, own.1, own.2];

    for (deed, payload) in requests.into_iter().filter(|(deed, _)| deed.action != "view_low_stock") {
        for payload in each_id_alone(&payload, own) {
            for answer in [deed.on_its_route(&stranger, &payload).await, deed.by_name(&stranger, &payload).await] {
                let status = answer.status;
                assert!([403, 404].contains(&status), "{} {payload}: {status} {}", deed.action, answer.body);
                assert!(!answer.body.to_string().contains(YACHT), "{}", answer.body);
            }
        }
    }
    for path in [
        format!("/v1/parts/low-stock?yacht_id={YACHT}"),
        format!("/v1/parts/suggestions?part_id={PLENTY}"),
        format!("/v1/parts/suggestions?part_id={PLENTY}&yacht_id={YACHT}"),
        format!("/v1/parts/{PLENTY}/transactions"),
        format!("/storage/v1/object/pms-label-pdfs/{YACHT}/labels/{document}.pdf"),
    ] {
        let answer = stranger.get(&path).await;
        assert!([403, 404].contains(&answer.status), "{path}: {} {}", answer.status, answer.body);
    }
    let about = json!({ "context": { "entity_type": "part", "entity_id": PLENTY } });
    let report = json!({ "kind": "other", "text": "not mine", "part_id": PLENTY });
    for (path, body) in [
        (format!("/v1/parts/shopping-list/prefill?part_id={PLENTY}"), &json!({})),
        (format!("/v1/parts/adjust-stock/prefill?part_id={PLENTY}"), &json!({})),
        ("/v1/actions/suggestions".to_owned(), &about),
        ("/v1/parts/report".to_owned(), &report),
    ] {
        let answer = stranger.post(&path, body).await;
        assert!([403, 404].contains(&answer.status), "{path}: {} {}", answer.status, answer.body);
    }
    let object = format!("/storage/v1/object/pms-label-pdfs/{YACHT}/labels/{document}.pdf");
    assert_eq!(stranger.send(stranger.request(reqwest::Method::DELETE, &object)).await.status, 403);
    assert!(everything(&database).await == before, "a stranger has changed something");
}

/// The payload as it is, and with each of its ids left alone among the stranger's own: every id is looked at by itself.
fn each_id_alone(payload: &Value, own: [Uuid; 3]) -> Vec<Value> {
    let ids = ["part_id", "from_location_id", "to_location_id"];
    let given: Vec<&str> = ids.into_iter().filter(|name| payload.get(name).is_some()).collect();
    let mut payloads = vec![payload.clone()];
    for left in given.iter().filter(|_| given.len() > 1) {
        let mut payload = payload.clone();
        for (name, own) in ids.iter().zip(own).filter(|(name, _)| given.contains(name) && *name != left) {
            payload[*name] = json!(own);
        }
        payloads.push(payload);
    }
    if payload.get("part_ids").is_some() {
        payloads.push(json!({ "part_ids": [own[0], PLENTY] }));
    }
    payloads
}

#[tokio::test]
async fn the_wall_is_row_level_security_and_without_it_the_probe_sees() {
    let daemon = Daemon::start().await;
    let database = database(&daemon).await;
    let aboard = Aboard::of(&daemon, &database).await;
    furnished(&aboard, &database).await;
    assert_eq!(rows_seen(&database).await, Vec::<&str>::new());
    for table in TABLES {
        for (switch, seen) in [("disable", vec![table]), ("enable", vec![])] {
            let sql = format!("alter table {table} {switch} row level security");
            sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&database).await.unwrap();
            assert_eq!(rows_seen(&database).await, seen, "{table} {switch}d");
        }
    }
}
