//! Health, metrics, sign-in, flags, events: who is let in, and what they see.

use crate::harness::{Daemon, FLAG, OPERATOR, VIEWER};
use futures_util::StreamExt;
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

#[tokio::test]
async fn nothing_but_health_and_the_page_answers_without_a_token() {
    let daemon = Daemon::start().await;
    for open in ["/health", "/healthz", "/livez", "/readyz", "/", "/app.js", "/app.css", "/version"] {
        assert_eq!(daemon.get(open).await.status(), 200, "{open}");
    }
    for closed in [
        "/api/v1/rollouts",
        "/api/v1/rollouts/part_lens_v2",
        "/api/v1/rollouts/part_lens_v2/journal",
        "/api/v1/rollouts/part_lens_v2/readings",
        "/api/v1/rollouts/part_lens_v2/reports",
        "/api/v1/rollouts/part_lens_v2/replay",
        "/api/v1/rollouts/part_lens_v2/gate",
        "/api/v1/rollouts/part_lens_v2/policy",
        "/api/v1/gate/acceptance",
        "/api/v1/notifications",
        "/api/v1/calls",
        "/api/v1/flags",
        "/api/v1/flags/part_lens_v2",
        "/api/v1/flags/part_lens_v2/evaluate?subject=x",
        "/api/v1/events",
        "/api/v1/session",
        "/v1/parts/low-stock",
    ] {
        assert_eq!(daemon.get(closed).await.status(), 401, "{closed}");
    }
}

#[tokio::test]
async fn the_metrics_are_what_promtool_expects() {
    let daemon = Daemon::start().await;
    daemon.start_rollout().await;
    let (on, _) = daemon.people_at(5).await;
    daemon.low_stock(&on[0]).await;
    daemon.order("rollback", json!({})).await;
    let odd = reqwest::Client::new().request("ODD".parse().unwrap(), format!("{}/version", daemon.base));
    assert_eq!(odd.send().await.unwrap().status(), 405);
    let text = daemon.get("/metrics").await.text().await.unwrap();
    assert!(!text.contains("ODD"), "anybody may send any word as a method");
    for name in [
        "rampart_http_requests_total{cohort=\"canary\",method=\"GET\",route=\"/v1/parts/low-stock\",status=\"200\"} 1",
        "rampart_http_requests_total{cohort=\"canary\",method=\"GET\",route=\"/v1/parts/{part_id}\",status=\"500\"} 0",
        "rampart_flag_percent{flag=\"part_lens_v2\"}",
        "rampart_rollout_phase{flag=\"part_lens_v2\",phase=\"rolled_back\"}",
        "rampart_decisions_total{flag=\"part_lens_v2\",kind=\"rolled_back\"} 1",
        "rampart_heartbeat_timestamp_seconds",
        "rampart_build_info{",
    ] {
        assert!(text.contains(name), "{name} is missing in\n{text}");
    }
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let checked = promtool.wait_with_output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

#[tokio::test]
async fn the_page_signs_in_with_a_token_and_foreign_pages_give_no_orders() {
    let daemon = Daemon::start().await;
    let http = reqwest::Client::new();
    let session = format!("{}/api/v1/session", daemon.base);
    let wrong = http.post(&session).json(&json!({ "token": "a-token-nobody-knows" })).send().await.unwrap();
    assert_eq!(wrong.status(), 401);
    let signed_in = http.post(&session).json(&json!({ "token": OPERATOR })).send().await.unwrap();
    assert_eq!(signed_in.status(), 200);
    let cookie = signed_in.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap().to_owned();
    assert_eq!(
        http.get(&session).header("cookie", &cookie).send().await.unwrap().json::<Value>().await.unwrap()["role"],
        "operator"
    );
    let start = async |site: &str| {
        let request = http.post(format!("{}/api/v1/rollouts/{FLAG}/start", daemon.base)).header("cookie", &cookie);
        request.header("sec-fetch-site", site).json(&json!({})).send().await.unwrap().status().as_u16()
    };
    assert_eq!(start("cross-site").await, 403);
    assert_eq!(start("same-origin").await, 200);
    assert_eq!(http.delete(&session).header("cookie", &cookie).send().await.unwrap().status(), 204);
    assert_eq!(http.get(&session).header("cookie", &cookie).send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn events_tell_where_it_stands_and_what_was_missed() {
    let daemon = Daemon::start().await;
    daemon.start_rollout().await;
    daemon.order("pause", json!({})).await;
    let response = reqwest::Client::new()
        .get(format!("{}/api/v1/events", daemon.base))
        .bearer_auth(VIEWER)
        .header("last-event-id", "1")
        .send()
        .await
        .unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut seen = String::new();
    let mut bytes = response.bytes_stream();
    let wanted = async {
        while !(seen.contains("event: status") && seen.contains("\"kind\":\"paused\"") && seen.contains("id: 2")) {
            seen.push_str(&String::from_utf8_lossy(&bytes.next().await.unwrap().unwrap()));
        }
    };
    tokio::time::timeout(Duration::from_secs(5), wanted).await.expect("the status and the missed entry");
    assert!(!seen.contains("\"kind\":\"started\""), "what was seen before is not sent again");
}

#[tokio::test]
async fn a_flag_is_explained_for_a_subject() {
    let daemon = Daemon::start().await;
    daemon.start_rollout().await;
    let (on, off) = daemon.people_at(5).await;
    let evaluate =
        async |user: &str| daemon.ops(VIEWER, "GET", &format!("/flags/{FLAG}/evaluate?subject={user}"), None).await.1;
    let (yes, no) = (evaluate(&on[0]).await, evaluate(&off).await);
    assert_eq!((&yes["value"], &yes["reason"]), (&json!(true), &json!("split")));
    assert_eq!((&no["value"], &no["variant"]), (&json!(false), &json!("off")));
    assert!(yes["bucket"].as_u64().unwrap() <= 5 && no["bucket"].as_u64().unwrap() > 5);
    assert_eq!(daemon.ops(VIEWER, "GET", "/flags/nobody_knows_this", None).await.0, 404);
}

#[tokio::test]
async fn odd_questions_are_refused_and_never_break_anything() {
    let daemon = Daemon::start().await;
    for (path, expected) in [
        ("/rollouts/part_lens_v2/journal?limit=0", 400),
        ("/rollouts/part_lens_v2/journal?limit=501", 400),
        ("/rollouts/part_lens_v2/journal?limit=500", 200),
        ("/rollouts/part_lens_v2/journal?limit=x", 400),
        ("/rollouts/part_lens_v2/journal?after=99999999999999999999", 400),
        ("/rollouts/part_lens_v2/journal?order=up", 400),
        ("/rollouts/part_lens_v2/journal?kind=%00", 200),
        ("/rollouts/part_lens_v2/readings?from=1e300", 400),
        ("/rollouts/part_lens_v2/readings?from=-1", 400),
        ("/rollouts/part_lens_v2/readings?from=0&to=0&step=0", 200),
        ("/rollouts/%00", 404),
        ("/flags/%FF", 400),
        ("/nothing", 404),
    ] {
        let (status, body) = daemon.ops(VIEWER, "GET", path, None).await;
        assert_eq!(status, expected, "{path}: {body}");
    }
    let large = json!({ "reason": "x".repeat(70_000) });
    assert_eq!(daemon.ops(OPERATOR, "POST", &format!("/rollouts/{FLAG}/pause"), Some(large)).await.0, 413);
}
