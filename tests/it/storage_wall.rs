//! The wall behind the routes: row level security on `storage.objects`, tried with plain SQL.

use super::client::someone;
use crate::harness::Daemon;
use crate::parts::client::{CAPTAIN, CREW, HOD, OTHER_CAPTAIN, OTHER_YACHT, YACHT, database};
use sqlx::{Connection, PgConnection};

/// As the user: whether the statement went through, and how many rows it touched.
async fn touched(daemon: &Daemon, user: &str, sql: &str) -> Result<u64, String> {
    let mut connection = PgConnection::connect(&daemon.database.owner.url()).await.unwrap();
    let mut transaction = connection.begin().await.unwrap();
    sqlx::query("select set_config('role', 'authenticated', true), set_config('request.jwt.claims', $1, true)")
        .bind(format!(r#"{{"sub":"{user}","role":"authenticated"}}"#))
        .execute(&mut *transaction)
        .await
        .unwrap();
    let done = sqlx::query(sqlx::AssertSqlSafe(sql.to_owned())).execute(&mut *transaction).await;
    let done = done.map(|done| done.rows_affected()).map_err(|error| error.to_string());
    if done.is_ok() {
        transaction.commit().await.unwrap();
    }
    done
}

fn insert(bucket: &str, name: &str) -> String {
    format!("insert into storage.objects (bucket_id, name) values ('{bucket}', '{name}')")
}

#[tokio::test]
async fn sql_as_a_user_reaches_no_other_yachts_objects() {
    let daemon = Daemon::start().await;
    let theirs = insert("pms-part-photos", &format!("{OTHER_YACHT}/parts/p/a"));
    assert_eq!(touched(&daemon, OTHER_CAPTAIN, &theirs).await, Ok(1));
    let all = "select from storage.objects";
    assert_eq!(touched(&daemon, OTHER_CAPTAIN, all).await, Ok(1));
    assert_eq!(touched(&daemon, CAPTAIN, all).await, Ok(0));
    assert_eq!(touched(&daemon, CAPTAIN, "delete from storage.objects").await, Ok(0));
    let foreign = insert("pms-part-photos", &format!("{OTHER_YACHT}/parts/p/b"));
    assert!(touched(&daemon, CAPTAIN, &foreign).await.unwrap_err().contains("row-level security"));
    let update = "update storage.objects set name = name";
    assert!(touched(&daemon, OTHER_CAPTAIN, update).await.unwrap_err().contains("permission denied"));
    assert_eq!(touched(&daemon, OTHER_CAPTAIN, "delete from storage.objects").await, Ok(1));
}

#[tokio::test]
async fn sql_as_a_user_is_bound_to_role_and_place() {
    let daemon = Daemon::start().await;
    let deckhand = someone(&daemon, "deckhand").await;
    let photo = |name: &str| insert("pms-part-photos", &format!("{YACHT}/{name}"));
    assert_eq!(touched(&daemon, &deckhand, &photo("parts/p/a")).await, Ok(1));
    for (user, sql) in [
        (CREW, photo("parts/p/b")),
        (&*deckhand, photo("labels/b")),
        (&*deckhand, insert("pms-label-pdfs", &format!("{YACHT}/labels/b"))),
        (CAPTAIN, insert("pms-receiving-images", &format!("{YACHT}/parts/b"))),
    ] {
        assert!(touched(&daemon, user, &sql).await.unwrap_err().contains("row-level security"), "{sql}");
    }
    assert_eq!(touched(&daemon, HOD, &insert("pms-label-pdfs", &format!("{YACHT}/labels/b"))).await, Ok(1));
    assert_eq!(touched(&daemon, HOD, "delete from storage.objects").await, Ok(0));
    assert_eq!(touched(&daemon, CAPTAIN, "delete from storage.objects").await, Ok(2));
    // Whoever may walk past the policies still cannot file anything under no yacht.
    let mut owner = daemon.owner().await;
    let nowhere = insert("pms-part-photos", "00000000-0000-0000-0000-000000000000/parts/p/a");
    assert!(sqlx::query(sqlx::AssertSqlSafe(nowhere)).execute(&mut owner).await.is_err());
}

#[tokio::test]
async fn exactly_these_policies_and_buckets_exist() {
    let daemon = Daemon::start().await;
    let database = database(&daemon).await;
    let policies: Vec<(String, String, String)> = sqlx::query_as(
        "select policyname::text, lower(cmd), roles::text from pg_policies where schemaname = 'storage' order by 1",
    )
    .fetch_all(&database)
    .await
    .unwrap();
    let expected = [
        ("crew_select_own_yacht_objects", "select", "{authenticated}"),
        ("hod_insert_label_pdfs", "insert", "{authenticated}"),
        ("manager_delete_objects", "delete", "{authenticated}"),
        ("operational_insert_part_photos", "insert", "{authenticated}"),
        ("operational_insert_receiving_images", "insert", "{authenticated}"),
        ("service_key_named_yacht", "all", "{rampart_app}"),
    ];
    let expected = expected.map(|(name, verb, role)| (name.to_owned(), verb.to_owned(), role.to_owned()));
    assert_eq!(policies, expected);
    let buckets: Vec<(String, bool, i64, Vec<String>)> =
        sqlx::query_as("select id, public, file_size_limit, allowed_mime_types from storage.buckets order by id")
            .fetch_all(&database)
            .await
            .unwrap();
    let images = ["image/jpeg", "image/png", "image/webp", "image/heic"].map(str::to_owned);
    let (megabyte, pdf) = (1024 * 1024, "application/pdf".to_owned());
    let expected = [
        ("pms-label-pdfs".to_owned(), false, 50 * megabyte, vec![pdf.clone()]),
        ("pms-part-photos".to_owned(), false, 10 * megabyte, images.to_vec()),
        ("pms-receiving-images".to_owned(), false, 20 * megabyte, [&images[..], &[pdf]].concat()),
    ];
    assert_eq!(buckets, expected);
    let listed: i64 =
        sqlx::query_scalar("select count(distinct name) from storage.policies").fetch_one(&database).await.unwrap();
    assert_eq!(listed, 6, "the view lists them all");
}
