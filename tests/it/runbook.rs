//! The statement people have in their runbooks, word for word.

use crate::harness::Daemon;
use rampart::clock::Stopwatch;
use serde_json::Value;
use sqlx::Executor;
use std::time::Duration;

const RUNBOOK: &str = "UPDATE feature_flags
SET enabled = true, canary_percentage = 5, updated_at = NOW()
WHERE flag_name = 'part_lens_v2';";

#[tokio::test]
async fn the_runbook_statement_starts_the_ramp_and_is_journalled_as_a_command_from_sql() {
    let daemon = Daemon::start().await;
    daemon.sql(RUNBOOK).await;
    let typed = Stopwatch::start();
    let status = daemon.until(|status| status["phase"] == "ramping").await;
    // The target is 50 ms and measured in benches/; a shared machine is given room.
    assert!(typed.elapsed() < Duration::from_secs(1), "{:?}", typed.elapsed());
    assert_eq!(status["percent"], 5.0);
    let journal = daemon.journal().await;
    assert_eq!(journal.len(), 1);
    assert_eq!(journal[0]["kind"], "started");
    assert_eq!(journal[0]["actor"], "sql:rampart_owner");
    assert_eq!(journal[0]["reason"], "runbook SQL");
    assert_eq!(daemon.flag_row().await, (true, 5.0));
}

#[tokio::test]
async fn setting_the_flag_to_zero_by_sql_rolls_back() {
    let daemon = Daemon::start().await;
    daemon.sql(RUNBOOK).await;
    daemon.until(|status| status["phase"] == "ramping").await;
    daemon.sql("update feature_flags set canary_percentage = 0 where flag_name = 'part_lens_v2'").await;
    let status = daemon.until(|status| status["phase"] == "rolled_back").await;
    assert_eq!(status["percent"], 0.0);
    assert_eq!(status["cause"]["code"], "sql");
    daemon.until(|status| status["braked"] == false).await;
    assert_eq!(daemon.flag_row().await, (false, 0.0));
}

#[tokio::test]
async fn disabling_the_flag_by_sql_rolls_back() {
    let daemon = Daemon::start().await;
    daemon.sql(RUNBOOK).await;
    daemon.until(|status| status["phase"] == "ramping").await;
    daemon.sql("update feature_flags set enabled = false where flag_name = 'part_lens_v2'").await;
    daemon.until(|status| status["phase"] == "rolled_back").await;
}

#[tokio::test]
async fn a_typed_percent_that_is_no_stage_is_served_as_typed_and_held() {
    let daemon = Daemon::start().await;
    daemon
        .sql("update feature_flags set enabled = true, canary_percentage = 33 where flag_name = 'part_lens_v2'")
        .await;
    let status = daemon
        .until(|status| {
            status["decision"]["reasons"]
                .as_array()
                .is_some_and(|reasons| reasons.iter().any(|r| r["code"] == "manual_percent"))
        })
        .await;
    assert_eq!(status["percent"], 33.0);
    assert_eq!(status["stage"], Value::Null);
    let (on, off) = daemon.people_at(33).await;
    assert_eq!(daemon.low_stock(&on[0]).await, (200, "v2".to_owned()));
    assert_eq!(daemon.low_stock(&off).await, (200, "v1".to_owned()));
}

#[tokio::test]
async fn after_a_rollback_the_runbook_statement_lifts_the_quarantine() {
    let daemon = Daemon::start().await;
    daemon.start_rollout().await;
    daemon.order("rollback", serde_json::json!({})).await;
    assert_eq!(daemon.order("start", serde_json::json!({})).await.0, 409);
    daemon.sql(RUNBOOK).await;
    let status = daemon.until(|status| status["phase"] == "ramping").await;
    assert_eq!(status["attempt"], 2);
    assert_eq!(daemon.journal().await.last().unwrap()["kind"], "restarted");
}

#[tokio::test]
async fn an_open_transaction_on_the_flag_delays_no_rollback_and_undoes_none() {
    let daemon = Daemon::start().await;
    daemon.start_rollout().await;
    let mut psql = daemon.owner().await;
    psql.execute("begin").await.unwrap();
    psql.execute("update feature_flags set enabled = true, canary_percentage = 50 where flag_name = 'part_lens_v2'")
        .await
        .unwrap();
    let ordered = Stopwatch::start();
    let (status, body) = daemon.order("rollback", serde_json::json!({})).await;
    assert_eq!(status, 200, "{body}");
    assert!(ordered.elapsed() < Duration::from_secs(1), "{:?}", ordered.elapsed());
    assert_eq!(body["phase"], "rolled_back");
    let (on, _) = daemon.people_at(5).await;
    assert_eq!(daemon.low_stock(&on[0]).await.1, "v1");
    // Typed before the rollback, committed after it: whoever typed it knew nothing of it.
    psql.execute("commit").await.unwrap();
    daemon.until(|status| status["phase"] == "rolled_back").await;
    let ignored = async {
        while !daemon.journal().await.iter().any(|entry| entry["kind"] == "sql_ignored") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        while daemon.flag_row().await != (false, 0.0) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), ignored).await.expect("the late statement is noted and undone");
    assert_eq!(daemon.status().await["phase"], "rolled_back");
}

#[tokio::test]
async fn missing_gate_items_are_journalled_when_sql_passes_the_gate() {
    let daemon = Daemon::with(&format!("{}gate: {{ require: [acceptance] }}\n", crate::harness::slow())).await;
    let (status, body) = daemon.order("start", serde_json::json!({})).await;
    assert_eq!((status, &body["missing"][0]), (409, &Value::from("acceptance")));
    daemon.sql(RUNBOOK).await;
    daemon.until(|status| status["phase"] == "ramping").await;
    let told: i64 = sqlx::query_scalar("select count(*) from rampart.outbox where body ->> 'text' like '%acceptance%'")
        .fetch_one(&mut daemon.owner().await)
        .await
        .unwrap();
    assert_eq!(told, 1, "somebody is told what was missing");
}

#[tokio::test]
async fn the_statement_typed_twice_at_once_starts_one_rollout() {
    let daemon = Daemon::start().await;
    daemon
        .sql(
            "begin;
             update feature_flags set enabled = true, canary_percentage = 5 where flag_name = 'part_lens_v2';
             update feature_flags set enabled = true, canary_percentage = 5 where flag_name = 'part_lens_v2';
             commit",
        )
        .await;
    let status = daemon.until(|status| status["phase"] == "ramping").await;
    assert_eq!((&status["percent"], &status["attempt"]), (&Value::from(5.0), &Value::from(1)));
}

#[tokio::test]
async fn a_console_that_holds_the_whole_table_locked_delays_no_rollback() {
    let daemon = Daemon::start().await;
    daemon.start_rollout().await;
    let (on, _) = daemon.people_at(5).await;
    let mut console = daemon.owner().await;
    console.execute("begin").await.unwrap();
    console.execute("lock table feature_flags in access exclusive mode").await.unwrap();
    let (status, body) = daemon.order("rollback", serde_json::json!({})).await;
    assert!([200, 503].contains(&status), "{status} {body}");
    assert_eq!(daemon.low_stock(&on[0]).await.1, "v1");
    daemon.until(|status| status["phase"] == "rolled_back").await;
    console.execute("rollback").await.unwrap();
    let mirrored = async {
        while daemon.flag_row().await != (false, 0.0) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), mirrored).await.expect("the row follows once it is free");
}
