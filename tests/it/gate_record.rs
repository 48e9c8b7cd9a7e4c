//! Evidence of the gate: recorded over HTTP, kept in the database, and read by every start.

use crate::harness::{Daemon, FLAG, OPERATOR, OWNER, VIEWER, slow};
use serde_json::{Value, json};
use sqlx::Executor;

const REQUIRED: [&str; 3] = ["acceptance", "sql_evidence", "role_suggestions"];

/// A policy with the shipped gate.
async fn gated() -> Daemon {
    let gate = "gate: { require: [acceptance, sql_evidence, role_suggestions], recommend: [stress] }\n";
    Daemon::with(&(slow() + gate)).await
}

fn sha256(bytes: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn artifact(name: &str, text: &str) -> Value {
    json!({ "name": name, "sha256": sha256(text.as_bytes()), "media_type": "application/json", "text": text })
}

fn ago(seconds: i64) -> String {
    (rampart::clock::wall() - chrono::Duration::seconds(seconds)).to_rfc3339()
}

/// A run that passed a minute ago, of the build that runs.
async fn run(daemon: &Daemon) -> Value {
    let build = daemon.status().await["gate"]["build"].clone();
    assert!(build.is_string());
    json!({
        "passed": true, "build": build, "yacht_id": null, "started_at": ago(120), "finished_at": ago(60),
        "host": "elsewhere", "summary": { "checks": [{ "name": "parity", "passed": true }] }, "artifacts": [artifact("proof.json", "{}")],
    })
}

async fn record(daemon: &Daemon, item: &str, body: Value) -> (u16, Value) {
    daemon.ops(OPERATOR, "POST", &format!("/gate/{item}"), Some(body)).await
}

/// A daemon whose gate is met.
async fn proven() -> Daemon {
    let daemon = gated().await;
    for item in REQUIRED {
        let (status, body) = record(&daemon, item, run(&daemon).await).await;
        assert_eq!(status, 201, "{body}");
    }
    daemon
}

/// The same with acceptance recorded anew, as `changed`.
async fn with_acceptance(changed: impl FnOnce(&mut Value)) -> Daemon {
    let daemon = proven().await;
    let mut body = run(&daemon).await;
    body["finished_at"] = json!(ago(30));
    changed(&mut body);
    let (status, answer) = record(&daemon, "acceptance", body).await;
    assert_eq!(status, 201, "{answer}");
    daemon
}

/// The start is refused because of acceptance alone, for this reason.
async fn refused_for(daemon: &Daemon, state: &str, why: &str) {
    let (status, body) = daemon.order("start", json!({})).await;
    assert_eq!((status, &body["missing"]), (409, &json!(["acceptance"])), "{body}");
    assert_eq!(body["items"][0]["state"], state, "{body}");
    assert!(body["detail"].as_str().unwrap().contains(why), "{body}");
    assert_eq!(daemon.status().await["phase"], "waiting");
}

#[tokio::test]
async fn a_start_is_refused_until_every_required_item_is_proven() {
    let daemon = gated().await;
    let (status, body) = daemon.order("start", json!({})).await;
    assert_eq!((status, &body["missing"]), (409, &json!(REQUIRED)), "{body}");
    assert_eq!(body["type"], "/docs/errors#gate-missing");
    assert!(body["detail"].as_str().unwrap().contains("acceptance (never run)"), "{body}");
    daemon.until(|status| status["gate"]["items"][0]["state"] == "missing").await;
    let said = String::from_utf8(daemon.cli(&["rollout", "status"]).stdout).unwrap();
    assert!(said.contains("acceptance") && said.contains("required, missing: never run"), "{said}");
    for item in REQUIRED {
        assert_eq!(daemon.order("start", json!({})).await.0, 409);
        assert_eq!(record(&daemon, item, run(&daemon).await).await.0, 201);
    }
    let seen = daemon.until(|status| status["gate"]["missing"] == json!([])).await;
    assert_eq!(seen["gate"]["items"][0]["state"], "proven");
    assert_eq!(seen["gate"]["items"][3]["why"], "never run", "what is only recommended is shown");
    assert_eq!(daemon.order("start", json!({})).await.0, 200);
    let started = &daemon.journal().await[0];
    assert!(started["event"].to_string().contains(r#""missing_gate":[]"#), "{started}");
}

#[tokio::test]
async fn an_artifact_altered_in_the_database_is_named() {
    let daemon = proven().await;
    let mut owner = daemon.owner().await;
    let altered = "update rampart.gate_artifacts set content = 'other' from rampart.gate_runs r
                   where r.id = run_id and r.item = 'acceptance'";
    owner.execute(altered).await.unwrap();
    refused_for(&daemon, "altered", "the artifact proof.json in the database does not match").await;
    owner.execute("update rampart.gate_artifacts set content = '{}'").await.unwrap();
    owner
        .execute("delete from rampart.gate_artifacts a using rampart.gate_runs r where r.id = a.run_id and r.item = 'acceptance'")
        .await
        .unwrap();
    refused_for(&daemon, "altered", "0 of 1 recorded artifacts are left").await;
}

#[tokio::test]
async fn an_artifact_whose_file_was_altered_on_this_host_is_named() {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned();
    let file = std::env::temp_dir().join(format!("rampart-proof-{}.json", uuid::Uuid::now_v7()));
    std::fs::write(&file, "{}").unwrap();
    let daemon = with_acceptance(|body| {
        body["host"] = json!(host);
        body["artifacts"][0]["path"] = json!(file);
    })
    .await;
    std::fs::write(&file, "[]").unwrap();
    refused_for(&daemon, "altered", "the file of the artifact proof.json does not match").await;
    std::fs::remove_file(&file).unwrap();
    assert_eq!(daemon.order("start", json!({})).await.0, 200, "the database keeps the bytes of a file that is gone");
}

#[tokio::test]
async fn a_failed_run_counts_even_where_its_hosts_clock_is_behind() {
    let daemon = with_acceptance(|body| {
        body["passed"] = json!(false);
        (body["started_at"], body["finished_at"]) = (json!(ago(7200)), json!(ago(3600)));
    })
    .await;
    refused_for(&daemon, "failed", "acceptance (the newest run failed").await;
    let (_, listed) = daemon.ops(VIEWER, "GET", "/gate/acceptance", None).await;
    assert_eq!(listed["runs"][0]["passed"], false, "{listed}");
}

#[tokio::test]
async fn a_build_that_nobody_labelled_is_named_after_the_program() {
    let daemon = Daemon::with_env(&slow(), &[("GIT_COMMIT", ""), ("RENDER_GIT_COMMIT", "")]).await;
    let program = std::fs::read(env!("CARGO_BIN_EXE_rampart")).unwrap();
    let commit = format!("exe-{}", &sha256(&program)[..12]);
    let version: Value = daemon.get("/version").await.json().await.unwrap();
    assert_eq!(version["git_commit"], commit, "{version}");
    let build = format!("{}+{commit}", env!("CARGO_PKG_VERSION"));
    assert_eq!(daemon.status().await["gate"]["build"], build);
}

#[tokio::test]
async fn a_failed_run_undoes_the_one_before_it() {
    let daemon = with_acceptance(|body| body["passed"] = json!(false)).await;
    refused_for(&daemon, "failed", "acceptance (the newest run failed").await;
    let (_, listed) = daemon.ops(VIEWER, "GET", "/gate/acceptance", None).await;
    assert_eq!(
        (listed["runs"][0]["passed"].as_bool(), listed["runs"][1]["passed"].as_bool()),
        (Some(false), Some(true))
    );
}

#[tokio::test]
async fn another_build_and_an_old_run_prove_nothing() {
    let daemon = gated().await;
    for item in ["sql_evidence", "role_suggestions"] {
        assert_eq!(record(&daemon, item, run(&daemon).await).await.0, 201);
    }
    let mut body = run(&daemon).await;
    body["build"] = json!("0.0.9+other");
    assert_eq!(record(&daemon, "acceptance", body).await.0, 201);
    refused_for(&daemon, "other_build", "evidence of build 0.0.9+other, this is ").await;
    let mut body = run(&daemon).await;
    (body["started_at"], body["finished_at"]) = (json!(ago(8 * 86_400 + 60)), json!(ago(8 * 86_400)));
    assert_eq!(record(&daemon, "acceptance", body).await.0, 201);
    refused_for(&daemon, "too_old", "proven 8 d ago, counts for 7 d").await;
}

#[tokio::test]
async fn an_unmet_gate_is_passed_by_a_release_owner_with_a_reason_alone_and_journalled() {
    let daemon = gated().await;
    let path = format!("/rollouts/{FLAG}/start");
    let pass = json!({ "override_gate": true, "reason": "proven by hand" });
    assert_eq!(daemon.ops(OPERATOR, "POST", &path, Some(pass.clone())).await.0, 403);
    assert_eq!(daemon.ops(OWNER, "POST", &path, Some(json!({ "override_gate": true }))).await.0, 422);
    assert_eq!(daemon.ops(OWNER, "POST", &path, Some(pass)).await.0, 200);
    let started = &daemon.journal().await[0];
    assert!(started["event"].to_string().contains("role_suggestions"), "{started}");
}

#[tokio::test]
async fn runbook_sql_starts_and_what_was_missing_is_journalled_and_noticed() {
    let daemon = gated().await;
    assert_eq!(record(&daemon, "acceptance", run(&daemon).await).await.0, 201);
    daemon.sql("update feature_flags set enabled = true, canary_percentage = 5 where flag_name = 'part_lens_v2'").await;
    daemon.until(|status| status["phase"] == "ramping").await;
    let event = daemon.journal().await[0]["event"].to_string();
    assert!(event.contains(r#""missing_gate":["sql_evidence","role_suggestions"]"#), "{event}");
    let told: String = sqlx::query_scalar("select body::text from rampart.outbox order by created_at limit 1")
        .fetch_one(&mut daemon.owner().await)
        .await
        .unwrap();
    assert!(told.contains("nothing proves: sql_evidence, role_suggestions"), "{told}");
}

#[tokio::test]
async fn evidence_that_cannot_be_read_meets_no_gate_and_delays_no_rollback() {
    let daemon = proven().await;
    assert_eq!(daemon.order("start", json!({})).await.0, 200);
    let mut console = daemon.owner().await;
    console.execute("begin; lock table rampart.gate_runs in access exclusive mode").await.unwrap();
    assert_eq!(daemon.order("rollback", json!({})).await.0, 200);
    console.execute("rollback").await.unwrap();
    daemon.sql("revoke select on rampart.gate_artifacts from rampart_app").await;
    let (_, gate) = daemon.ops(VIEWER, "GET", &format!("/rollouts/{FLAG}/gate"), None).await;
    assert_eq!(gate["items"][0]["state"], "unreadable", "{gate}");
}

#[tokio::test]
async fn only_an_operator_records_and_only_what_is_sound() {
    let daemon = gated().await;
    let sound = run(&daemon).await;
    let viewed = daemon.ops(VIEWER, "POST", "/gate/acceptance", Some(sound.clone())).await;
    assert_eq!(viewed.0, 403);
    assert_eq!(record(&daemon, "luck", sound.clone()).await.0, 404);
    let with = |name: &str, value: Value| {
        let mut body = sound.clone();
        body[name] = value;
        body
    };
    let mut wrong_hash = artifact("proof.json", "{}");
    wrong_hash["sha256"] = json!(sha256(b"[]"));
    let mut relative = artifact("proof.json", "{}");
    relative["path"] = json!("proof.json");
    let encoded =
        json!({ "name": "a.bin", "sha256": sha256(b"foo"), "media_type": "text/plain", "content_base64": "Zm9v" });
    let mut misread = encoded.clone();
    misread["content_base64"] = json!("Zm9");
    for (body, status, said) in [
        (with("item", json!("stress")), 422, "acceptance"),
        (with("finished_at", json!(ago(-3600))), 422, "finished_at"),
        (with("finished_at", json!(ago(3600))), 422, "started_at"),
        (with("build", json!("")), 422, "build"),
        (with("summary", json!({ "a": "\0" })), 422, "summary"),
        (with("colour", json!("red")), 400, "colour"),
        (with("artifacts", json!([wrong_hash])), 422, "proof.json"),
        (with("artifacts", json!([relative])), 422, "absolute"),
        (with("artifacts", json!([misread])), 422, "base64"),
        (with("artifacts", json!([artifact("x.json", "1"), artifact("x.json", "2")])), 422, "x.json"),
        (with("artifacts", json!([artifact("../x.json", "1")])), 422, "name"),
        (with("artifacts", json!([])), 422, "no artifact"),
        (with("summary", json!({})), 422, "summary.checks"),
        (with("summary", json!({ "checks": [] })), 422, "summary.checks"),
        (with("summary", json!({ "checks": { "passed": true } })), 422, "summary.checks"),
        (with("summary", json!({ "checks": [{ "passed": true }, "fine"] })), 422, "summary.checks[1]"),
        (with("summary", json!({ "checks": [{ "name": "parity", "passed": false }] })), 422, "checks[0] (parity)"),
        (with("summary", json!({ "checks": [{ "name": "parity", "passed": "true" }] })), 422, "checks[0] (parity)"),
    ] {
        let (seen, answer) = record(&daemon, "acceptance", body).await;
        assert_eq!(seen, status, "{answer}");
        assert!(answer["detail"].as_str().unwrap().contains(said), "{answer}");
    }
    assert_eq!(record(&daemon, "acceptance", with("artifacts", json!([encoded]))).await.0, 201);
    let recorded: i64 = sqlx::query_scalar("select count(*) from rampart.gate_runs")
        .fetch_one(&mut daemon.owner().await)
        .await
        .unwrap();
    assert_eq!(recorded, 1);
}

#[tokio::test]
async fn artifacts_are_bounded_and_shown_without_running_anything() {
    let daemon = gated().await;
    let sound = run(&daemon).await;
    let with = |artifacts: Vec<Value>| {
        let mut body = sound.clone();
        body["artifacts"] = json!(artifacts);
        body
    };
    let many = |count: usize| with((0..count).map(|n| artifact(&format!("{n}.json"), "{}")).collect());
    assert_eq!(record(&daemon, "acceptance", many(40)).await.0, 201);
    assert_eq!(record(&daemon, "acceptance", many(41)).await.0, 422);
    let large = |size: usize| with(vec![artifact("large.txt", &"x".repeat(size))]);
    assert_eq!(record(&daemon, "acceptance", large(2 * 1024 * 1024)).await.0, 201);
    assert_eq!(record(&daemon, "acceptance", large(2 * 1024 * 1024 + 1)).await.0, 422);
    let heavy = with((0..5).map(|n| artifact(&format!("{n}.txt"), &"x".repeat(2 * 1024 * 1024))).collect());
    let (status, answer) = record(&daemon, "acceptance", heavy).await;
    assert_eq!((status, &answer["type"]), (413, &json!("/docs/errors#too-large")), "{answer}");

    let html =
        json!({ "name": "page.html", "sha256": sha256(b"<script>"), "media_type": "text/html", "text": "<script>" });
    assert_eq!(record(&daemon, "stress", with(vec![html])).await.0, 201);
    let (_, gate) = daemon.ops(VIEWER, "GET", &format!("/rollouts/{FLAG}/gate"), None).await;
    assert_eq!(
        (&gate["max_age_seconds"], &gate["items"][3]["run"]["summary"]),
        (&json!(604_800.0), &json!({ "checks": [{ "name": "parity", "passed": true }] }))
    );
    let id = gate["items"][3]["run"]["artifacts"][0]["id"].as_str().unwrap().to_owned();
    let (status, body, headers) = daemon.ops_with(VIEWER, "GET", &format!("/gate/artifacts/{id}"), None, &[]).await;
    assert_eq!((status, body), (200, json!("<script>")));
    assert_eq!(headers["content-type"], "text/plain; charset=utf-8");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert!(headers["content-security-policy"].to_str().unwrap().starts_with("sandbox"));
    assert_eq!(headers["content-disposition"], "inline; filename=\"page.html\"");
    let nobody = "stranger-token-for-tests";
    assert_eq!(daemon.ops(nobody, "GET", &format!("/gate/artifacts/{id}"), None).await.0, 401);
}

#[tokio::test]
async fn the_daemons_role_adds_and_reads_evidence_and_never_changes_it() {
    let daemon = proven().await;
    let mut connection = daemon.owner().await;
    connection.execute("set role rampart_app").await.unwrap();
    for refused in [
        "update rampart.gate_runs set passed = true",
        "delete from rampart.gate_runs",
        "update rampart.gate_artifacts set content = ''",
        "delete from rampart.gate_artifacts",
        "truncate rampart.gate_artifacts",
    ] {
        let error = connection.execute(refused).await.expect_err(refused);
        assert_eq!(error.as_database_error().and_then(|error| error.code()).as_deref(), Some("42501"), "{refused}");
    }
}
