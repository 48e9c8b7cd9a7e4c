//! Part labels: a real sheet, on record, and for those who may have it.

use crate::harness::Daemon;
use crate::parts::client::{
    CAPTAIN, CREW, HOD, NOTHING, OTHER_CAPTAIN, OTHER_YACHT, PLENTY, SOME, User, YACHT, database, number,
};
use serde_json::{Value, json};

/// The bytes behind a download URL.
async fn download(daemon: &Daemon, user: &str, url: &str) -> (u16, Vec<u8>) {
    let request = reqwest::Client::new().get(format!("{}{url}", daemon.base)).bearer_auth(daemon.token(user));
    let response = request.send().await.expect("an answer");
    (response.status().as_u16(), response.bytes().await.expect("a body").to_vec())
}

fn text(body: &Value, name: &str) -> String {
    body[name].as_str().unwrap_or_else(|| panic!("no {name} in {body}")).to_owned()
}

#[tokio::test]
async fn labels_are_a_pdf_with_the_parts_text_stored_recorded_and_audited() {
    let daemon = Daemon::start().await;
    let database = database(&daemon).await;
    let hod = User::of(&daemon, HOD);
    let body = hod.post("/v1/parts/labels/generate", &json!({ "part_ids": [PLENTY, SOME, PLENTY] })).await.is(200);
    assert_eq!(
        (&body["status"], &body["label_count"], &body["bucket"]),
        (&json!("success"), &json!(3), &json!("pms-label-pdfs"))
    );
    let (document, path) = (text(&body, "document_id"), text(&body, "storage_path"));
    assert_eq!(path, format!("{YACHT}/labels/{document}.pdf"));
    assert_eq!(body["download_url"], format!("/storage/v1/object/pms-label-pdfs/{path}"));

    let (status, pdf) = download(&daemon, CREW, &text(&body, "download_url")).await;
    assert_eq!((status, json!(pdf.len())), (200, body["size_bytes"].clone()));
    let pdf = String::from_utf8_lossy(&pdf).into_owned();
    assert!(pdf.starts_with("%PDF-") && pdf.contains("/Count 1"));
    let number_on_part: String = sqlx::query_scalar("select part_number from pms_parts where id = $1::uuid")
        .bind(PLENTY)
        .fetch_one(&database)
        .await
        .unwrap();
    assert_eq!(pdf.matches(&number_on_part).count(), 2, "the first part is asked for twice");
    assert_eq!(pdf.matches("(M/Y Test Vessel) Tj").count(), 3);
    assert!(pdf.contains("engine_room"), "where the part lies");
    assert_eq!(download(&daemon, OTHER_CAPTAIN, &text(&body, "download_url")).await.0, 403);

    let recorded = "select count(*) from doc_metadata d
         join storage.objects o on o.bucket_id = d.storage_bucket and o.name = d.storage_path
         join pms_audit_log a on a.entity_id = d.id and a.entity_type = 'document' and a.signature = '{}'
             and a.action = 'generate_part_labels' and a.user_id = d.created_by and a.metadata ->> 'lens' = 'v1'";
    assert_eq!(number(&database, recorded).await, 1);
}

#[tokio::test]
async fn only_those_who_may_make_labels_make_them_and_only_of_their_own_parts() {
    let daemon = Daemon::start().await;
    let one = json!({ "part_ids": [PLENTY] });
    User::of(&daemon, CREW).execute("generate_part_labels", one.clone()).await.fails(403, "INSUFFICIENT_PERMISSIONS");
    User::of(&daemon, CAPTAIN).execute("generate_part_labels", one.clone()).await.is(200);
    let hod = User::of(&daemon, HOD);
    for ids in [json!(null), json!([]), json!("x"), json!([7]), json!([PLENTY, "x"]), json!(vec![PLENTY; 201])] {
        let code = if ids.is_null() { "MISSING_REQUIRED_FIELD" } else { "VALIDATION_ERROR" };
        let body = hod.execute("generate_part_labels", json!({ "part_ids": ids })).await.fails(400, code);
        assert_eq!(body["fields"], json!(["part_ids"]));
    }
    let foreign = User::of(&daemon, OTHER_CAPTAIN).execute("generate_part_labels", one).await;
    let unknown = hod.execute("generate_part_labels", json!({ "part_ids": [PLENTY, OTHER_YACHT] })).await;
    for answer in [foreign, unknown] {
        let body = answer.fails(404, "NOT_FOUND");
        assert!(text(&body, "message").contains("Part not found"));
    }
    let body = hod.execute("generate_part_labels", json!({ "part_ids": vec![PLENTY; 200] })).await.is(200);
    let (_, pdf) = download(&daemon, HOD, &text(&body, "download_url")).await;
    assert!(String::from_utf8_lossy(&pdf).contains("/Count 9"), "24 on a page");
    assert_eq!(crate::storage::client::files(&daemon), 2, "nothing is left of what was refused");
}

#[tokio::test]
async fn the_same_key_gives_the_same_sheet_also_to_those_who_race() {
    let daemon = Daemon::start().await;
    let hod = User::of(&daemon, HOD);
    let payload = json!({ "part_ids": [PLENTY, NOTHING], "idempotency_key": "sheet 1" });
    let requests = (0..6).map(|_| hod.execute("generate_part_labels", payload.clone()));
    let answers = futures_util::future::join_all(requests).await;
    let documents: Vec<String> = answers.into_iter().map(|answer| text(&answer.is(200), "document_id")).collect();
    assert!(documents.iter().all(|document| *document == documents[0]), "{documents:?}");
    let again = hod.execute("generate_part_labels", payload).await;
    assert_eq!(again.header("idempotent-replayed"), "true");
    let other = json!({ "part_ids": [NOTHING, PLENTY], "idempotency_key": "sheet 1" });
    hod.execute("generate_part_labels", other).await.fails(409, "IDEMPOTENCY_CONFLICT");
    assert_eq!(crate::storage::client::files(&daemon), 1, "the bytes of those who lost are gone");
    assert_eq!(number(&database(&daemon).await, "select count(*) from doc_metadata").await, 1);
}

#[tokio::test]
async fn an_output_is_put_on_record_and_nothing_is_promised() {
    let daemon = Daemon::start().await;
    let hod = User::of(&daemon, HOD);
    let body = hod.execute("generate_part_labels", json!({ "part_ids": [PLENTY] })).await.is(200);
    let document = text(&body, "document_id");
    let ready = hod.post("/v1/parts/labels/output", &json!({ "document_id": document, "output": "download" })).await;
    let ready = ready.is(200);
    assert_eq!((&ready["state"], &ready["download_url"]), (&json!("ready"), &body["download_url"]));
    for way in ["print", "email"] {
        let payload = json!({ "label_request_id": document, "output_format": way, "idempotency_key": way });
        let queued = hod.execute("request_label_output", payload.clone()).await.is(200);
        assert_eq!((&queued["state"], &queued["output"]), (&json!("queued"), &json!(way)));
        assert!(text(&queued, "message").starts_with("Queued") && queued.get("download_url").is_none());
        let again = hod.execute("request_label_output", payload).await;
        assert_eq!(again.header("idempotent-replayed"), "true");
        assert_eq!(again.is(200), queued);
    }
    let database = database(&daemon).await;
    let audited = "select count(*) from pms_audit_log where action = 'request_label_output' and signature = '{}'";
    assert_eq!(number(&database, audited).await, 3);
    let noted = "select jsonb_array_length(metadata -> 'outputs')::bigint from doc_metadata";
    assert_eq!(number(&database, noted).await, 3);

    let wish = |document: &str, output: Value| json!({ "document_id": document, "output": output });
    let missing = hod.execute("request_label_output", json!({})).await.fails(400, "MISSING_REQUIRED_FIELD");
    assert_eq!(missing["fields"], json!(["output", "document_id"]));
    hod.execute("request_label_output", wish(&document, json!("fax"))).await.fails(400, "VALIDATION_ERROR");
    hod.execute("request_label_output", wish(PLENTY, json!("print"))).await.fails(404, "NOT_FOUND");
    let other = User::of(&daemon, OTHER_CAPTAIN);
    other.execute("request_label_output", wish(&document, json!("print"))).await.fails(404, "NOT_FOUND");
    let crew = User::of(&daemon, CREW);
    crew.execute("request_label_output", wish(&document, json!("print"))).await.fails(403, "INSUFFICIENT_PERMISSIONS");
}
