//! People's orders over HTTP: what is refused has no effect, what is answered is durable.

use crate::harness::{Daemon, FLAG, OPERATOR, OWNER, VIEWER, slow};
use serde_json::{Value, json};

fn path(command: &str) -> String {
    format!("/rollouts/{FLAG}/{command}")
}

#[tokio::test]
async fn refusals_have_the_documented_status_and_no_effect() {
    let daemon = Daemon::start().await;
    daemon.start_rollout().await;
    let before = daemon.status().await;
    let cases = [
        ("viewer-token-nobody-knows", "pause", json!({}), 401),
        (VIEWER, "pause", json!({}), 403),
        (VIEWER, "rollback", json!({}), 403),
        (OPERATOR, "approve", json!({}), 403),
        (OPERATOR, "start", json!({ "override_gate": true, "reason": "x" }), 403),
        (OWNER, "start", json!({}), 409),
        (OWNER, "resume", json!({}), 200),
        (OWNER, "restart", json!({ "reason": "x" }), 409),
        (OWNER, "advance", json!({}), 422),
        (OWNER, "advance", json!({ "reason": "   " }), 422),
        (OWNER, "complete", json!({}), 422),
        (OWNER, "stage", json!({ "reason": "x" }), 422),
        (OWNER, "stage", json!({ "reason": "x", "percent": 33 }), 422),
        (OWNER, "stage", json!({ "reason": "x", "percent": 101 }), 422),
        (OWNER, "stage", json!({ "reason": "x", "percent": -1 }), 422),
        (OWNER, "stage", json!({ "reason": "x", "percent": "20" }), 400),
        (OWNER, "advance", json!({ "reason": "a\0b" }), 422),
        (OWNER, "advance", json!({ "reason": "x".repeat(1001) }), 422),
        (OWNER, "advance", json!({ "raeson": "x" }), 400),
        (OWNER, "extend", json!({ "extend_seconds": 0 }), 422),
        (OWNER, "launch", json!({}), 404),
    ];
    for (token, command, body, expected) in cases {
        let (status, answer) = daemon.ops(token, "POST", &path(command), Some(body.clone())).await;
        assert_eq!(status, expected, "{command} {body}: {answer}");
        if status != 200 {
            assert_eq!(answer["status"], expected, "{answer}");
            assert!(
                answer["title"].is_string() && answer["detail"].is_string() && answer["type"].is_string(),
                "{answer}"
            );
        }
    }
    assert_eq!(daemon.ops(OWNER, "POST", "/rollouts/nobody_knows_this/pause", Some(json!({}))).await.0, 404);
    let after = daemon.status().await;
    for same in ["revision", "phase", "percent", "stage"] {
        assert_eq!(before[same], after[same], "{same}");
    }
}

#[tokio::test]
async fn a_stale_revision_is_refused_and_the_present_one_named() {
    let daemon = Daemon::start().await;
    let revision = daemon.start_rollout().await["revision"].as_u64().unwrap();
    let with = async |seen: u64, command: &str| {
        let seen = format!("\"{seen}\"");
        let (status, body, headers) =
            daemon.ops_with(OPERATOR, "POST", &path(command), Some(json!({})), &[("If-Match", &seen)]).await;
        (status, body, headers.get("etag").map(|etag| etag.to_str().unwrap().to_owned()))
    };
    let (status, body, etag) = with(revision, "pause").await;
    assert_eq!((status, etag), (200, Some(format!("\"{}\"", revision + 1))), "{body}");
    let (status, body, _) = with(revision, "resume").await;
    assert_eq!((status, &body["revision"]), (412, &json!(revision + 1)), "{body}");
    assert_eq!(daemon.status().await["phase"], "paused");
}

#[tokio::test]
async fn a_revision_of_one_attempt_is_stale_in_the_next() {
    let daemon = Daemon::start().await;
    let seen = daemon.start_rollout().await["revision"].as_u64().unwrap();
    daemon.order("rollback", json!({})).await;
    let (_, again) = daemon.order("restart", json!({ "reason": "mended" })).await;
    assert_eq!(again["revision"], json!(seen + 2), "revisions go on: {again}");
    let seen = format!("\"{seen}\"");
    let pause = daemon.ops_with(OPERATOR, "POST", &path("pause"), Some(json!({})), &[("If-Match", &seen)]).await;
    assert_eq!((pause.0, daemon.status().await["phase"].as_str()), (412, Some("ramping")), "{}", pause.1);
    let (_, replay) = daemon.ops(VIEWER, "GET", &format!("/rollouts/{FLAG}/replay"), None).await;
    assert_eq!(replay["agrees"], true, "{replay}");
}

#[tokio::test]
async fn an_idempotency_key_carries_an_order_out_once() {
    let daemon = Daemon::start().await;
    daemon.start_rollout().await;
    let order = async |command: &str, body: Value| {
        daemon.ops_with(OWNER, "POST", &path(command), Some(body), &[("Idempotency-Key", "one")]).await.0
    };
    assert_eq!(order("advance", json!({ "reason": "first" })).await, 200);
    assert_eq!(order("advance", json!({ "reason": "first" })).await, 200);
    assert_eq!(daemon.status().await["percent"], 20.0, "advanced once");
    assert_eq!(order("advance", json!({ "reason": "second" })).await, 409);
    assert_eq!(daemon.journal().await.iter().filter(|entry| entry["kind"] == "advanced").count(), 1);
}

#[tokio::test]
async fn orders_move_the_rollout_and_each_is_journalled_with_who_and_why() {
    let daemon = Daemon::with(&format!("{}approvals: {{ before: [100], by: release_owner }}\n", slow())).await;
    daemon.start_rollout().await;
    let steps = [
        ("advance", json!({ "reason": "release night" }), "ramping", 20.0),
        ("pause", json!({}), "paused", 20.0),
        ("stage", json!({ "percent": 50, "reason": "straight on" }), "paused", 50.0),
        ("resume", json!({}), "ramping", 50.0),
        ("extend", json!({ "extend_seconds": 60 }), "ramping", 50.0),
        ("approve", json!({}), "ramping", 50.0),
        ("complete", json!({ "reason": "proven" }), "completed", 100.0),
        ("rollback", json!({ "reason": "not proven after all" }), "rolled_back", 0.0),
        ("rollback", json!({}), "rolled_back", 0.0),
        ("restart", json!({ "reason": "mended" }), "ramping", 5.0),
    ];
    for (command, body, phase, percent) in steps {
        let (status, answer) = daemon.order(command, body).await;
        assert_eq!(
            (status, &answer["phase"], &answer["percent"]),
            (200, &json!(phase), &json!(percent)),
            "{command}: {answer}"
        );
        assert_eq!(daemon.flag_row().await.1, percent, "the flag's row after {command}");
    }
    let journal = daemon.journal().await;
    let kinds: Vec<&str> = journal.iter().map(|entry| entry["kind"].as_str().unwrap()).collect();
    let expected = [
        "started",
        "advanced",
        "paused",
        "stage_set",
        "resumed",
        "extended",
        "approved",
        "completed",
        "rolled_back",
        "restarted",
    ];
    assert_eq!(kinds, expected);
    assert_eq!(journal[1]["reason"], "release night");
    assert!(journal.iter().all(|entry| entry["actor"].as_str().unwrap().starts_with("release_owner#")), "{journal:?}");
    assert!(journal.windows(2).all(|pair| pair[0]["hash"] == pair[1]["prev_hash"]), "the chain is whole");
}

#[tokio::test]
async fn an_altered_journal_entry_is_found() {
    let daemon = Daemon::start().await;
    daemon.start_rollout().await;
    daemon.order("pause", json!({})).await;
    let replay = async || daemon.ops(VIEWER, "GET", &path("replay"), None).await.1;
    assert_eq!(replay().await["agrees"], true);
    daemon
        .sql(
            "alter table rampart.journal disable trigger all;
         update rampart.journal set reason = 'somebody else' where kind = 'started'",
        )
        .await;
    let found = replay().await;
    assert_eq!(found["agrees"], false);
    assert!(found["text"].as_str().unwrap().contains("#1"), "{found}");
}

#[tokio::test]
async fn orders_that_race_leave_one_clear_story() {
    let daemon = Daemon::start().await;
    daemon.start_rollout().await;
    let order = |command: &'static str| daemon.order(command, json!({ "reason": "race" }));
    let answers =
        tokio::join!(order("advance"), order("rollback"), order("pause"), order("advance"), order("rollback"));
    for (status, body) in [answers.0, answers.1, answers.2, answers.3, answers.4] {
        assert!([200, 409, 503].contains(&status), "{status} {body}");
    }
    let status = daemon.until(|status| status["phase"] == "rolled_back").await;
    assert_eq!(status["percent"], 0.0);
    assert_eq!(daemon.ops(VIEWER, "GET", &path("replay"), None).await.1["agrees"], true);
}

#[tokio::test]
async fn a_repeated_rollback_order_does_not_hit_the_rollout_after_it() {
    let daemon = Daemon::start().await;
    daemon.start_rollout().await;
    let rollback = async || {
        daemon.ops_with(OWNER, "POST", &path("rollback"), Some(json!({})), &[("Idempotency-Key", "kill")]).await.0
    };
    assert_eq!(rollback().await, 200);
    assert_eq!(daemon.order("restart", json!({ "reason": "mended" })).await.0, 200);
    assert_eq!(rollback().await, 200, "answered as before");
    let status = daemon.status().await;
    assert_eq!((&status["phase"], &status["braked"]), (&json!("ramping"), &json!(false)));
}

#[tokio::test]
async fn a_rollback_of_a_revision_that_is_gone_has_no_effect() {
    let daemon = Daemon::start().await;
    daemon.start_rollout().await;
    let seen = [("If-Match", "\"99\"")];
    assert_eq!(daemon.ops_with(OWNER, "POST", &path("rollback"), Some(json!({})), &seen).await.0, 412);
    let status = daemon.status().await;
    assert_eq!((&status["phase"], &status["braked"]), (&json!("ramping"), &json!(false)));
}

#[tokio::test]
async fn a_stage_in_which_nobody_would_be_is_refused() {
    let daemon = Daemon::with(&slow().replace("percent: 5, ", "percent: 0.01, ")).await;
    let (status, body) = daemon.order("start", json!({})).await;
    assert_eq!(status, 409, "{body}");
    assert!(body["type"].as_str().unwrap().ends_with("empty-cohort"), "{body}");
    assert_eq!(daemon.status().await["phase"], "waiting");
}
