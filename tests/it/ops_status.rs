//! What the status says beside the numbers: control, hours, and who must approve.

use crate::harness::{Daemon, FLAG, OWNER, slow};
use serde_json::{Value, json};

const SECOND_OWNER: &str = "owner-token-for-tests-2";

#[tokio::test]
async fn each_check_shows_control_beside_the_canary_and_how_they_are_compared() {
    let rate = "  failed: { signal: live.error_rate, advance_if: \"< 50 %\", window: stage }\n";
    let policy = format!("{}{rate}compare: {{ failed: {{ no_worse_than: 50% }} }}\n", slow());
    let daemon = Daemon::with(&policy).await;
    daemon.start_rollout().await;
    let (_, outsider) = daemon.people_at(5).await;
    assert_eq!(daemon.low_stock(&outsider).await.0, 200);
    let check = |status: &Value, name: &str| {
        status["checks"].as_array().unwrap().iter().find(|check| check["name"] == name).unwrap().clone()
    };
    let status = daemon.until(|status| check(status, "failed")["control"].is_number()).await;
    let failed = check(&status, "failed");
    assert_eq!((&failed["control"], &failed["value"]), (&json!(0.0), &Value::Null), "{failed}");
    assert_eq!(failed["comparison"], json!({ "tolerance": 1.5, "ln_odds": 0.0 }));
    let bypasses = check(&status, "rls_bypasses");
    assert_eq!((&bypasses["control"], &bypasses["comparison"]), (&Value::Null, &Value::Null));
    assert_eq!((&status["windows"], &status["approval"]["needed"]), (&Value::Null, &json!(false)));
}

#[tokio::test]
async fn hours_are_shown_with_their_end_and_a_freeze_with_its_reason() {
    let today = rampart::clock::wall();
    let (from, to) = ((today - chrono::Days::new(1)).format("%F"), (today + chrono::Days::new(2)).format("%F"));
    let frozen = format!("windows: {{ timezone: UTC, freeze: [{{ from: {from}, to: {to} }}] }}\n");
    let daemon = Daemon::with(&(slow() + &frozen)).await;
    let windows = daemon.status().await["windows"].clone();
    assert_eq!((&windows["open"], windows["why"].as_str().unwrap().starts_with("frozen")), (&json!(false), true));
    assert!(windows["until"].is_string(), "{windows}");
}

#[tokio::test]
async fn whoever_started_cannot_approve_and_the_status_says_who_has_done_what() {
    let policy = slow() + "approvals: { before: [20], by: release_owner, two_person: true }\n";
    let tokens = format!("{}:viewer,{OWNER}:release_owner,{SECOND_OWNER}:release_owner", crate::harness::VIEWER);
    let daemon = Daemon::with_env(&policy, &[("RAMPART_OPS_TOKENS", &tokens)]).await;
    assert_eq!(daemon.status().await["approval"], Value::Null, "there is no rollout");
    let started = daemon.start_rollout().await;
    let by = started["approval"]["started_by"].as_str().unwrap().to_owned();
    let asked = json!({ "needed": true, "two_person": true, "started_by": by, "approved_by": null });
    assert_eq!(started["approval"], asked);

    let (status, refused) = daemon.order("approve", json!({})).await;
    assert_eq!((status, &refused["type"]), (409, &json!("/docs/errors#two-person")), "{refused}");
    assert!(refused["detail"].as_str().unwrap().starts_with(&format!("{by} started this rollout")), "{refused}");
    assert_eq!(daemon.status().await["revision"], started["revision"], "nothing has happened");

    let path = format!("/rollouts/{FLAG}/approve");
    let (status, approved) = daemon.ops(SECOND_OWNER, "POST", &path, Some(json!({}))).await;
    assert_eq!(status, 200, "{approved}");
    let approver = approved["approval"]["approved_by"].as_str().unwrap();
    assert!(approver.starts_with("release_owner#") && approver != by, "{approved}");
    assert_eq!(daemon.journal().await.last().unwrap()["event"]["by"], json!(approver));
}
