//! Too many orders are refused, and a rollback never is.

use crate::harness::{Daemon, FLAG, OPERATOR, VIEWER};
use serde_json::json;

#[tokio::test]
async fn a_script_that_runs_wild_is_stopped_and_a_rollback_passes_all_the_same() {
    let daemon = Daemon::start().await;
    daemon.start_rollout().await;
    let order = async |command: &str| {
        daemon.ops(OPERATOR, "POST", &format!("/rollouts/{FLAG}/{command}"), Some(json!({}))).await
    };
    let mut refused = None;
    for _ in 0..130 {
        let (status, body) = order("resume").await;
        if status != 200 {
            refused = Some((status, body));
            break;
        }
    }
    let (status, body) = refused.expect("a refusal");
    assert_eq!((status, &body["type"]), (429, &json!("/docs/errors#too-many")), "{body}");
    assert!(body["retry_after_seconds"].as_u64().unwrap() <= 61, "{body}");
    let (status, _, headers) = daemon.ops_with(OPERATOR, "POST", &format!("/rollouts/{FLAG}/resume"), None, &[]).await;
    assert_eq!(status, 429);
    assert!(headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() <= 61);
    // Another token is not hindered, and looking never is.
    assert_eq!(daemon.order("pause", json!({})).await.0, 200);
    let (status, _, headers) = daemon.ops_with(VIEWER, "GET", &format!("/rollouts/{FLAG}"), None, &[]).await;
    assert_eq!(status, 200);
    let etag = headers["etag"].to_str().unwrap().to_owned();
    let path = format!("/rollouts/{FLAG}/rollback");
    let (status, body, _) = daemon.ops_with(OPERATOR, "POST", &path, Some(json!({})), &[("if-match", &etag)]).await;
    assert_eq!((status, &body["phase"]), (200, &json!("rolled_back")), "{body}");
}
