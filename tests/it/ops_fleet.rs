//! Who serves, who watches, and how far a change has come.

use crate::harness::{Daemon, FLAG, VIEWER};
use futures_util::StreamExt;
use serde_json::{Value, json};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(5);

async fn fleet(daemon: &Daemon) -> Value {
    let (status, body) = daemon.ops(VIEWER, "GET", "/fleet", None).await;
    assert_eq!(status, 200, "{body}");
    body
}

async fn fleet_until(daemon: &Daemon, wanted: impl Fn(&Value) -> bool) -> Value {
    let looked = async {
        loop {
            let seen = fleet(daemon).await;
            if wanted(&seen) {
                return seen;
            }
        }
    };
    tokio::time::timeout(PATIENCE, looked).await.expect("the fleet as wanted")
}

#[tokio::test]
async fn the_fleet_names_replicas_and_viewers_and_how_long_a_change_took_to_reach_them() {
    let daemon = Daemon::start().await;
    let alone = fleet(&daemon).await;
    assert_eq!((&alone["viewers"], &alone["viewers_total"]), (&json!([]), &json!(0)));
    let replica = alone["replicas"].as_array().unwrap().iter().find(|replica| replica["this"] == true).unwrap();
    assert_eq!((&replica["alive"], &replica["leases"]), (&json!(true), &json!([FLAG])), "{replica}");

    let request = reqwest::Client::new().get(format!("{}/api/v1/events", daemon.base)).bearer_auth(VIEWER);
    let mut events = request.send().await.unwrap().bytes_stream();
    let started = daemon.start_rollout().await;
    let mut text = String::new();
    let told = async {
        while !text.contains("\"phase\":\"ramping\"") {
            text.push_str(&String::from_utf8_lossy(&events.next().await.unwrap().unwrap()));
        }
    };
    tokio::time::timeout(PATIENCE, told).await.expect("the start");
    for frame in text.split_inclusive("\n\n").filter(|frame| frame.ends_with("\n\n") && frame.starts_with("event:")) {
        let data = frame.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
        assert!(serde_json::from_str::<Value>(data).is_ok(), "{frame}");
    }

    let seen = fleet_until(&daemon, |fleet| fleet["viewers"][0]["revisions"][FLAG] == started["revision"]).await;
    let (viewer, reached) = (&seen["viewers"][0], &seen["propagation"]);
    assert!(viewer["name"].as_str().unwrap().starts_with("viewer#"), "{viewer}");
    assert_eq!((&reached["flag"], &reached["revision"]), (&json!(FLAG), &started["revision"]), "{reached}");
    assert_eq!((&reached["viewers"], &reached["slowest_ms"]), (&json!(1), &viewer["behind_ms"]), "{reached}");
    assert!(reached["slowest_ms"].as_i64().unwrap() < 1000, "{reached}");

    // Who comes later finds the change there, and says nothing of how fast it travelled.
    let request = reqwest::Client::new().get(format!("{}/api/v1/events", daemon.base)).bearer_auth(VIEWER);
    let late = request.send().await.unwrap();
    let both = fleet_until(&daemon, |fleet| fleet["viewers_total"] == 2).await;
    assert_eq!(
        (&both["propagation"]["viewers"], &both["viewers"][1]["behind_ms"]),
        (&json!(1), &Value::Null),
        "{both}"
    );
    drop((events, late));
    fleet_until(&daemon, |fleet| fleet["viewers_total"] == 0).await;
}
