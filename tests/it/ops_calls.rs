//! Who called for what: the record of calls, and sessions that outlast the daemon.

use crate::harness::{Daemon, FLAG, OPERATOR, VIEWER};
use serde_json::{Value, json};
use std::time::Duration;

/// The record once it has this many calls, newest first: actor without its mark, method, path, status.
async fn recorded(daemon: &Daemon, count: usize) -> Vec<(String, String, String, u64)> {
    let waited = async {
        loop {
            let (status, page) = daemon.ops(VIEWER, "GET", "/calls", None).await;
            assert_eq!(status, 200, "{page}");
            let calls = page["calls"].as_array().unwrap();
            if calls.len() >= count {
                return calls.iter().map(said).collect();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waited).await.expect("the calls are written down")
}

fn said(call: &Value) -> (String, String, String, u64) {
    let text = |member: &str| call[member].as_str().unwrap().to_owned();
    let actor = text("actor").split('#').next().unwrap().to_owned();
    (actor, text("method"), text("path"), call["status"].as_u64().unwrap())
}

fn call(actor: &str, method: &str, path: &str, status: u64) -> (String, String, String, u64) {
    (actor.to_owned(), method.to_owned(), path.to_owned(), status)
}

#[tokio::test]
async fn every_call_that_may_change_something_is_recorded_refused_or_not() {
    let daemon = Daemon::start().await;
    let path = |command: &str| format!("/rollouts/{FLAG}/{command}");
    let report = json!({ "kind": "other", "text": "two filters of one name" });
    for (token, method, path, body, status) in [
        (OPERATOR, "POST", path("start"), json!({}), 200),
        (VIEWER, "POST", path("pause"), json!({}), 403),
        (OPERATOR, "POST", path("resume"), json!({}), 200),
        (VIEWER, "POST", path("reports"), report, 201),
        (OPERATOR, "POST", "/notifications/test".to_owned(), json!({}), 200),
        ("a-token-nobody-knows", "POST", path("rollback"), json!({}), 401),
        (VIEWER, "GET", path("gate"), json!({}), 200),
    ] {
        let (answered, body) = daemon.ops(token, method, &path, Some(body)).await;
        assert_eq!(answered, status, "{method} {path}: {body}");
    }
    let session = format!("{}/api/v1/session", daemon.base);
    let http = reqwest::Client::new();
    let signed_in = http.post(&session).json(&json!({ "token": OPERATOR })).send().await.unwrap();
    let cookie = signed_in.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    assert_eq!(http.delete(&session).header("cookie", cookie).send().await.unwrap().status(), 204);
    let expected = [
        call("operator", "DELETE", "/session", 204),
        call("operator", "POST", "/session", 200),
        call("operator", "POST", "/notifications/test", 200),
        call("viewer", "POST", &path("reports"), 201),
        call("operator", "POST", &path("resume"), 200),
        call("viewer", "POST", &path("pause"), 403),
        call("operator", "POST", &path("start"), 200),
    ];
    assert_eq!(recorded(&daemon, expected.len()).await, expected, "and nobody unknown, and nobody who only looked");

    let (_, first) = daemon.ops(VIEWER, "GET", "/calls?limit=3", None).await;
    assert_eq!(first["calls"].as_array().unwrap().len(), 3);
    let rest = format!("/calls?limit=4&before={}", first["next"]);
    let (_, rest) = daemon.ops(VIEWER, "GET", &rest, None).await;
    let rest: Vec<_> = rest["calls"].as_array().unwrap().iter().map(said).collect();
    assert_eq!(rest, expected[3..], "page by page nothing is lost");
    for limit in [0, 501] {
        assert_eq!(daemon.ops(VIEWER, "GET", &format!("/calls?limit={limit}"), None).await.0, 400);
    }
    assert_eq!(daemon.ops(VIEWER, "GET", "/calls?limit=500", None).await.0, 200);
    let out = daemon.cli(&["calls", "--limit", "1"]);
    let line = String::from_utf8(out.stdout).unwrap();
    assert!(line.contains("operator#") && line.contains("DELETE /session") && line.trim().ends_with("204"), "{line}");

    let tampered = sqlx::query("update rampart.calls set actor = 'nobody'").execute(&mut daemon.owner().await).await;
    assert!(tampered.unwrap_err().to_string().contains("append-only"));
}

#[tokio::test]
async fn what_was_called_before_a_stop_is_written_down() {
    let daemon = Daemon::start().await;
    daemon.start_rollout().await;
    let (database, folder) = daemon.stop();
    let daemon = Daemon::on(database, folder).await;
    assert_eq!(recorded(&daemon, 1).await, [call("release_owner", "POST", &format!("/rollouts/{FLAG}/start"), 200)]);
}

#[tokio::test]
async fn somebody_signed_in_stays_so_when_the_daemon_starts_again() {
    let daemon = Daemon::start().await;
    let http = reqwest::Client::new();
    let sign_in = http.post(format!("{}/api/v1/session", daemon.base)).json(&json!({ "token": OPERATOR }));
    let signed_in = sign_in.send().await.unwrap();
    let cookie = signed_in.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let (database, folder) = daemon.stop();
    let daemon = Daemon::on(database, folder).await;
    let start = http.post(format!("{}/api/v1/rollouts/{FLAG}/start", daemon.base));
    let start = start.header("cookie", &cookie).header("sec-fetch-site", "same-origin").json(&json!({}));
    assert_eq!(start.send().await.unwrap().status(), 200);
}
