//! Evidence the daemon measures itself: subjects, its own crashes, synthetic requests, reports told twice.

use crate::harness::{Daemon, FLAG, JWT_SECRET, OPERATOR, SERVICE_KEY, VIEWER, slow};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use std::time::Duration;

const TEST_YACHT: &str = "85fe1119-b04c-41ac-80f1-829d23322598";

/// The policy whose stages last an hour, with one check more.
fn with_check(check: &str) -> String {
    format!("{}  {check}\n", slow())
}

fn check<'s>(status: &'s Value, name: &str) -> &'s Value {
    let found = status["checks"].as_array().unwrap().iter().find(|check| check["name"] == name);
    found.unwrap_or(&Value::Null)
}

async fn report(daemon: &Daemon, token: &str, kind: &str, text: &str) -> String {
    let report = json!({ "kind": kind, "text": text });
    let (status, filed) = daemon.ops(token, "POST", &format!("/rollouts/{FLAG}/reports"), Some(report)).await;
    assert_eq!(status, 201, "{filed}");
    filed["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn people_count_once_and_the_realised_percent_is_theirs() {
    let daemon = Daemon::start().await;
    daemon.start_rollout().await;
    let (on, off) = daemon.people_at(5).await;
    for user in [&on[0], &on[0], &on[0], &off] {
        assert_eq!(daemon.low_stock(user).await.0, 200);
    }
    // Whoever forces a lens stands for nobody.
    let forced = reqwest::Client::new().get(format!("{}/v1/parts/low-stock", daemon.base));
    let forced = forced.bearer_auth(daemon.token(&on[1])).header("apikey", SERVICE_KEY).header("x-part-lens", "v2");
    assert_eq!(forced.send().await.unwrap().status(), 200);
    let status = daemon.until(|status| status["traffic"]["subjects"] == json!({ "canary": 1, "control": 1 })).await;
    assert_eq!(status["traffic"]["realised_percent"], 50.0);
    assert_eq!(status["traffic"]["canary_requests_in_stage"], 3);
}

#[tokio::test]
async fn a_daemon_that_dies_in_the_ramp_rolls_back_and_one_that_is_restarted_does_not() {
    // A restart at the same address, so that the earlier life is known for the same daemon.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let env = [("PORT", port.as_str())];
    let daemon = Daemon::with_env(&with_check(r#"crashes: { signal: live.crashes, rollback_if: "> 0" }"#), &env).await;
    daemon.start_rollout().await;
    let (database, folder) = daemon.stop();
    let daemon = Daemon::on_with(database, folder, &env).await;
    daemon.until(|status| check(status, "crashes")["value"] == 0.0).await;
    let (database, folder) = daemon.kill();
    let daemon = Daemon::on_with(database, folder, &env).await;
    let status = daemon.until(|status| status["phase"] == "rolled_back").await;
    assert_eq!(status["cause"]["check"], "crashes", "{status}");
    let text = status["cause"]["text"].as_str().unwrap();
    assert!(text.contains('1') && !text.contains('2'), "the restart counts for nothing: {text}");
}

#[tokio::test]
async fn probes_read_and_move_stock_and_are_nobodys_traffic() {
    let probes = r#"reads: { signal: probe.read, rollback_if: "> 0" }
  writes: { signal: probe.write, rollback_if: "> 0" }"#;
    let daemon = Daemon::with(&with_check(probes)).await;
    let stock = "select sum(quantity)::int8 from pms_inventory_stock";
    let moves = "select count(*) from pms_inventory_transactions where idempotency_key like 'probe-%'";
    let number = async |sql: &'static str| -> i64 {
        sqlx::query_scalar(sql).fetch_one(&mut daemon.owner().await).await.unwrap()
    };
    let before = number(stock).await;
    daemon.start_rollout().await;
    let status =
        daemon.until(|status| ["reads", "writes"].iter().all(|name| check(status, name)["value"] == 0.0)).await;
    assert_eq!(status["phase"], "ramping");
    let elsewhere = sqlx::query_scalar::<_, i64>(
        "select count(*) from pms_inventory_transactions where idempotency_key like 'probe-%' and yacht_id <> $1::uuid",
    );
    assert_eq!(elsewhere.bind(TEST_YACHT).fetch_one(&mut daemon.owner().await).await.unwrap(), 0);
    assert!(number(moves).await >= 2, "there and back");
    assert_eq!(number(stock).await, before, "net nothing");
    let metrics = daemon.get("/metrics").await.text().await.unwrap();
    let counted = |route: &str| {
        let of_route =
            metrics.lines().filter(|line| line.starts_with("rampart_http_requests_total") && line.contains(route));
        of_route.filter(|line| !line.ends_with(" 0")).map(str::to_owned).collect::<Vec<_>>()
    };
    for route in ["/v1/parts/{part_id}", "/v1/parts/receive", "/v1/parts/consume"] {
        let lines = counted(route);
        assert!(
            !lines.is_empty() && lines.iter().all(|line| line.contains(r#"cohort="forced""#)),
            "{route}: {lines:?}"
        );
    }
    let status = daemon.status().await;
    assert_eq!(status["traffic"]["canary_requests_in_stage"], 0);
    assert_eq!(status["traffic"]["subjects"], json!({ "canary": 0, "control": 0 }));
    let slots: i64 = number("select count(*) from rampart.live_slots").await;
    assert_eq!(slots, 0, "not a second of traffic");
}

#[tokio::test]
async fn a_scheduled_probe_runs_at_its_times_and_is_not_stale_before_it_is_due() {
    let policy = with_check(r#"reads: { signal: probe.read, schedule: "*/7 * * * * *", rollback_if: "> 0" }"#);
    let daemon = Daemon::with(&policy.replace("tick: 1s", "tick: 1s\nstale_after: 3s")).await;
    daemon.start_rollout().await;
    // One as the stage begins, then one at each second that seven divides.
    let status = daemon.within(Duration::from_secs(40), |status| check(status, "reads")["samples"] == 4).await;
    assert_eq!(check(&status, "reads")["verdict"], "healthy", "{status}");
    let ticks: Vec<(Value, Value)> = sqlx::query_as(
        "select evidence -> 'readings' -> 'reads', (select c from jsonb_array_elements(checks) c where c ->> 'name' = 'reads')
           from rampart.ticks where evidence -> 'readings' ? 'reads' order by n",
    )
    .fetch_all(&mut daemon.owner().await)
    .await
    .unwrap();
    let mut begun: Vec<DateTime<Utc>> =
        ticks.iter().map(|(reading, _)| reading["begun_at"].as_str().unwrap().parse().unwrap()).collect();
    begun.dedup();
    assert!((3..=4).contains(&begun.len()), "{begun:?}");
    for pair in begun.windows(2) {
        // Looked for once a second: as soon as it is due, and not before.
        let due = (pair[0].timestamp() + 1..).find(|second| (second % 60) % 7 == 0).unwrap();
        let late = pair[1] - DateTime::from_timestamp(due, 0).unwrap();
        assert!((0..3_000).contains(&late.num_milliseconds()), "{late} after it was due: {begun:?}");
    }
    // A minute ends four seconds after its last run; all other pauses are longer than a reading may be old.
    let blind: Vec<_> = ticks.iter().filter(|(_, check)| check["verdict"] == "blind").collect();
    assert!(blind.is_empty(), "{blind:?}");
}

#[tokio::test]
async fn a_failing_synthetic_read_rolls_back_before_any_user_meets_it() {
    let daemon = Daemon::with(&with_check(r#"reads: { signal: probe.read, rollback_if: "> 0" }"#)).await;
    daemon.start_rollout().await;
    daemon.until(|status| check(status, "reads")["value"] == 0.0).await;
    daemon.sql("drop view v_stock_from_transactions cascade").await;
    let status = daemon.until(|status| status["phase"] == "rolled_back").await;
    assert!(["reads", "rls_bypasses"].contains(&status["cause"]["check"].as_str().unwrap()), "{}", status["cause"]);
    assert_eq!(status["cause"]["check"], "reads");
}

#[tokio::test]
async fn the_isolation_of_yachts_is_asked_of_the_api_too() {
    let daemon = Daemon::start().await;
    daemon.start_rollout().await;
    daemon.until(|status| check(status, "rls_bypasses")["value"] == 0.0).await;
    let metrics = daemon.get("/metrics").await.text().await.unwrap();
    let refused = metrics.lines().any(|line| {
        line.starts_with("rampart_http_requests_total")
            && line.contains(r#"status="404""#)
            && line.contains("/v1/parts/{part_id}")
    });
    assert!(refused, "somebody of another yacht asked for a part and was refused: {metrics}");
    assert!(!JWT_SECRET.is_empty() && !metrics.contains(JWT_SECRET));
}

#[tokio::test]
async fn the_same_report_twice_is_one_and_another_person_s_is_another() {
    let daemon = Daemon::start().await;
    daemon.start_rollout().await;
    let first = report(&daemon, VIEWER, "other", "the list is slow").await;
    assert_eq!(report(&daemon, VIEWER, "other", " the list is slow ").await, first);
    let others = [
        report(&daemon, OPERATOR, "other", "the list is slow").await,
        report(&daemon, VIEWER, "other", "the list is still slow").await,
    ];
    assert!(others.iter().all(|other| *other != first) && others[0] != others[1]);
    daemon.until(|status| check(status, "user_reports")["value"] == 3.0).await;
    // Once somebody has answered it, the same words are news.
    let dismiss = format!("/rollouts/{FLAG}/reports/{first}/dismiss");
    assert_eq!(daemon.ops(OPERATOR, "POST", &dismiss, Some(json!({ "reason": "mended" }))).await.0, 204);
    assert_ne!(report(&daemon, VIEWER, "other", "the list is slow").await, first);
}

#[tokio::test]
async fn a_report_of_the_crew_sent_twice_at_once_is_one() {
    let daemon = Daemon::start().await;
    daemon.start_rollout().await;
    let (on, _) = daemon.people_at(5).await;
    let send = async || {
        let request = reqwest::Client::new().post(format!("{}/v1/parts/report", daemon.base));
        let body = json!({ "kind": "other", "text": "the same words" });
        let answer = request.bearer_auth(daemon.token(&on[0])).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 201);
        answer.json::<Value>().await.unwrap()["report_id"].clone()
    };
    let (one, other) = tokio::join!(send(), send());
    assert_eq!(one, other);
    let (_, reports) = daemon.ops(VIEWER, "GET", &format!("/rollouts/{FLAG}/reports"), None).await;
    assert_eq!(reports["reports"].as_array().unwrap().len(), 1, "{reports}");
}
