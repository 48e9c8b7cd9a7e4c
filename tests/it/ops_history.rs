//! What was: attempts, why one was rolled back, the journal as a file, and readings that lose no extreme.

use crate::harness::{Daemon, FLAG, OPERATOR, VIEWER};
use rampart::clock::Stopwatch;
use serde_json::{Value, json};
use std::time::Duration;

async fn got(daemon: &Daemon, path: &str) -> Value {
    let (status, body) = daemon.ops(VIEWER, "GET", &format!("/rollouts/{FLAG}{path}"), None).await;
    assert_eq!(status, 200, "{path}: {body}");
    body
}

/// A rollout that people's reports rolled back, and one that a person did.
async fn twice_rolled_back() -> Daemon {
    let daemon = Daemon::start().await;
    daemon.start_rollout().await;
    assert_eq!(daemon.order("advance", json!({ "reason": "on" })).await.0, 200);
    let filed = json!({ "kind": "data_inconsistency", "text": "seven filters, and the shelf holds two" });
    let path = format!("/rollouts/{FLAG}/reports");
    assert!(daemon.ops(OPERATOR, "POST", &path, Some(filed)).await.0 < 300);
    daemon.until(|status| status["phase"] == "rolled_back").await;
    assert_eq!(daemon.order("restart", json!({ "reason": "=mended \"twice\", really" })).await.0, 200);
    assert_eq!(daemon.order("rollback", json!({ "reason": "not mended" })).await.0, 200);
    daemon
}

#[tokio::test]
async fn each_attempt_is_kept_with_how_far_it_came_and_why_it_ended() {
    let daemon = twice_rolled_back().await;
    let page = got(&daemon, "/history").await;
    let rollouts = page["rollouts"].as_array().unwrap();
    let attempts: Vec<(&Value, &Value, &Value)> =
        rollouts.iter().map(|past| (&past["attempt"], &past["highest_percent"], &past["cause"]["code"])).collect();
    assert_eq!(
        attempts,
        [(&json!(2), &json!(5.0), &json!("ordered")), (&json!(1), &json!(20.0), &json!("breach"))],
        "{page}"
    );
    assert_eq!((&rollouts[1]["phase"], &page["next"]), (&json!("rolled_back"), &Value::Null));
    assert!(rollouts[1]["sentence"].as_str().unwrap().starts_with("Rolled back to 0 %"), "{page}");
    let first = got(&daemon, "/history?limit=1").await;
    assert_eq!((&first["rollouts"][0]["attempt"], &first["next"]), (&json!(2), &json!(2)));
    let second = got(&daemon, "/history?limit=1&after=2").await;
    assert_eq!(second["rollouts"][0]["attempt"], json!(1));

    let report =
        got(&daemon, &format!("/rollback-report?rollout={}", rollouts[1]["rollout_id"].as_str().unwrap())).await;
    assert_eq!((&report["attempt"], &report["from_percent"]), (&json!(1), &json!(20.0)), "{report}");
    assert_eq!(report["cause"]["check"], json!("data_inconsistency"));
    let steps: Vec<&str> =
        report["timeline"].as_array().unwrap().iter().map(|step| step["what"].as_str().unwrap()).collect();
    assert_eq!(steps, ["measured", "seen", "decided", "effective", "committed"], "{}", report["timeline"]);
    let check =
        report["checks"].as_array().unwrap().iter().find(|check| check["name"] == "data_inconsistency").unwrap();
    assert_eq!((&check["verdict"], &check["value"]), (&json!("breach"), &json!(1.0)));
    assert!(report["explanation"]["text"].as_str().unwrap().contains("rule breach"), "{}", report["explanation"]);
    let kinds: Vec<&Value> = report["entries"].as_array().unwrap().iter().map(|entry| &entry["kind"]).collect();
    assert_eq!(kinds, ["started", "advanced", "rolled_back"]);

    let newest = got(&daemon, "/rollback-report").await;
    assert_eq!((&newest["attempt"], &newest["reason"]), (&json!(2), &json!("not mended")), "{newest}");
    assert_eq!(newest["timeline"][0]["what"], json!("decided"), "an order is measured by nothing");
}

#[tokio::test]
async fn where_nothing_was_rolled_back_there_is_no_report() {
    let daemon = Daemon::start().await;
    let path = format!("/rollouts/{FLAG}/rollback-report");
    assert_eq!(daemon.ops(VIEWER, "GET", &path, None).await.0, 404);
    daemon.start_rollout().await;
    assert_eq!(daemon.ops(VIEWER, "GET", &path, None).await.0, 404);
    assert_eq!(got(&daemon, "/history").await["rollouts"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_journal_is_asked_for_by_several_kinds_and_taken_away_as_a_file() {
    let daemon = twice_rolled_back().await;
    for question in ["kind=started&kind=rolled_back", "kind=started,rolled_back,no_such"] {
        let entries = got(&daemon, &format!("/journal?{question}")).await["entries"].clone();
        let kinds: Vec<&Value> = entries.as_array().unwrap().iter().map(|entry| &entry["kind"]).collect();
        assert_eq!(kinds, ["started", "rolled_back", "rolled_back"], "{question}");
    }
    let all = daemon.journal().await;
    let path = format!("/rollouts/{FLAG}/journal/export");
    let (status, exported, headers) = daemon.ops_with(VIEWER, "GET", &path, None, &[]).await;
    assert_eq!((status, &exported["entries"]), (200, &json!(all)));
    assert_eq!(headers["content-disposition"], "attachment; filename=\"journal-part_lens_v2.json\"");
    let (_, text, headers) =
        daemon.ops_with(VIEWER, "GET", &format!("{path}?format=csv&kind=started,restarted"), None, &[]).await;
    assert_eq!(headers["content-type"], "text/csv; charset=utf-8");
    let text = text.as_str().unwrap();
    assert_eq!(text.matches("\r\n").count(), 3, "{text}");
    // What a spreadsheet would run is a text, and its quotes are doubled.
    assert!(text.contains(",\"'=mended \"\"twice\"\", really\","), "{text}");
    assert_eq!(daemon.ops(VIEWER, "GET", &format!("{path}?format=xml"), None).await.0, 400);
}

#[tokio::test]
async fn a_day_of_readings_is_thinned_out_and_its_one_breach_is_still_there() {
    let daemon = Daemon::start().await;
    daemon.start_rollout().await;
    // A day at five seconds, one tick of which reads far beyond all others.
    daemon
        .sql(
            "insert into rampart.ticks (rollout_id, at, epoch, credit_ms, checks)
             select r.id, now() - make_interval(secs => 5 * n), 1, 0, (
                 select jsonb_agg(jsonb_build_object('name', name, 'verdict', case when n = 7777 then 'breach' else 'healthy' end,
                     'value', case when n = 7777 then 9.5 else 1 + n % 7 end, 'control', 0.5, 'samples', 100,
                     'observed_at', now(), 'why', 'as many words as a check says of itself, more or less'))
                 from unnest(array['server_errors', 'null_audit_signatures', 'rls_bypasses', 'data_inconsistency', 'user_reports',
                     'latency', 'failed', 'crashes']) name)
             from rampart.rollouts r, generate_series(1, 17280) n",
        )
        .await;
    let from = rampart::clock::wall().timestamp() - 25 * 3600;
    let asked = Stopwatch::start();
    let day = got(&daemon, &format!("/readings?from={from}&points=600")).await;
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    eprintln!("a day of readings took {:?}", asked.elapsed());
    let series = day["series"].as_array().unwrap();
    assert_eq!(series.len(), 8);
    for check in series {
        let points = check["points"].as_array().unwrap();
        assert!(points.len() > 200 && points.len() <= 600, "{}", points.len());
        assert!(points.iter().any(|point| (&point[1], &point[2]) == (&json!(9.5), &json!("breach"))), "{check}");
        assert!(
            points.iter().any(|point| point[3] == json!(0.5)) && points.is_sorted_by_key(|point| point[0].as_f64())
        );
    }
    let one = got(&daemon, &format!("/readings?from={from}&check=latency")).await;
    assert_eq!(one["series"].as_array().unwrap().len(), 1);
}
