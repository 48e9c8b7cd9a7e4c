//! Crashes, lost databases, wrong policies, two daemons at once.

use crate::harness::{Daemon, FLAG, VIEWER, slow};
use serde_json::json;
use sqlx::Executor;
use std::time::Duration;

#[tokio::test]
async fn after_a_crash_the_rollout_stands_where_it_stood_and_its_soak_is_neither_lost_nor_gained() {
    let daemon = Daemon::start().await;
    daemon.start_rollout().await;
    daemon.order("advance", json!({ "reason": "to 20" })).await;
    let (on, _) = daemon.people_at(20).await;
    daemon.low_stock(&on[0]).await;
    let status =
        daemon.until(|status| status["soak"]["served_seconds"].as_f64().is_some_and(|served| served >= 2.0)).await;
    let seen = status["soak"]["served_seconds"].as_f64().unwrap();
    let (database, folder) = daemon.kill();
    // Time in which nobody looks.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let daemon = Daemon::on(database, folder).await;
    let status = daemon.until(|status| status["percent"] == 20.0).await;
    let after = status["soak"]["served_seconds"].as_f64().unwrap();
    assert!(after >= seen, "{after} is less than {seen}");
    assert!(after <= seen + 2.0, "{after} has gained on {seen}");
    let (_, replay) = daemon.ops(VIEWER, "GET", &format!("/rollouts/{FLAG}/replay"), None).await;
    assert_eq!(replay["agrees"], true, "{replay}");
    // It goes on: the requests of the life before still count for the stage.
    daemon.until(|status| status["soak"]["served_seconds"].as_f64().is_some_and(|served| served > after)).await;
}

#[tokio::test]
async fn two_daemons_on_one_database_share_the_work_and_either_brakes() {
    let first = Daemon::start().await;
    first.start_rollout().await;
    let second_folder = first.folder.join("second");
    std::fs::create_dir_all(second_folder.join("policies")).unwrap();
    std::fs::write(second_folder.join("policies/part_lens_v2.yaml"), slow()).unwrap();
    let second = Daemon::on(first.database.clone(), second_folder).await;
    let holders = [first.status().await["lease"]["held"] == true, second.status().await["lease"]["held"] == true];
    assert_eq!(holders, [true, false]);
    let (on, _) = second.people_at(5).await;
    assert_eq!(second.low_stock(&on[0]).await, (200, "v2".to_owned()));
    let (status, answer) = second.order("advance", json!({ "reason": "not mine to raise" })).await;
    assert_eq!(status, 503, "{answer}");
    second.sql("drop view v_stock_from_transactions cascade").await;
    assert_eq!(second.low_stock(&on[0]).await.0, 500);
    assert_eq!(second.low_stock(&on[0]).await.1, "v1", "braked where it was seen");
    first.until(|status| status["phase"] == "rolled_back").await;
    assert_eq!(first.low_stock(&on[0]).await.1, "v1");
    let told = async {
        loop {
            let (_, report) = first.ops(VIEWER, "GET", &format!("/rollouts/{FLAG}/rollback-report"), None).await;
            let steps = report["timeline"].as_array().unwrap();
            let said = steps.iter().find(|step| step["what"] == "effective").map(|step| step["text"].clone());
            if said == Some("nobody was served by any of 2 daemons any more".into()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), told).await.expect("both say since when they serve nobody");
}

#[tokio::test]
async fn when_the_holder_dies_another_takes_over() {
    let first = Daemon::start().await;
    first.start_rollout().await;
    let second_folder = std::env::temp_dir().join(format!("rampart-it-{}", uuid::Uuid::now_v7()));
    std::fs::create_dir_all(second_folder.join("policies")).unwrap();
    std::fs::write(second_folder.join("policies/part_lens_v2.yaml"), slow()).unwrap();
    let second = Daemon::on(first.database.clone(), second_folder).await;
    assert_eq!(second.status().await["lease"]["held"], false);
    let (_, folder) = first.kill();
    second.until(|status| status["lease"]["held"] == true).await;
    let (status, answer) = second.order("advance", json!({ "reason": "mine now" })).await;
    assert_eq!(status, 200, "{answer}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_lost_database_brakes_at_once_and_the_rollback_is_written_when_it_is_back() {
    let daemon = Daemon::start().await;
    daemon.start_rollout().await;
    let (on, _) = daemon.people_at(5).await;
    assert_eq!(daemon.low_stock(&on[0]).await.1, "v2");
    let name = daemon.database.owner.database().to_owned();
    // From another database, since this one lets nobody in any more.
    let elsewhere = daemon.database.owner.with_database("postgres").url();
    let mut admin = <sqlx::PgConnection as sqlx::Connection>::connect(&elsewhere).await.unwrap();
    admin.execute(sqlx::AssertSqlSafe(format!("alter database \"{name}\" allow_connections false"))).await.unwrap();
    let cut = format!("select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'");
    for _ in 0..3 {
        admin.execute(sqlx::AssertSqlSafe(cut.clone())).await.ok();
    }
    let (status, _) = daemon.low_stock(&on[0]).await;
    assert_eq!(status, 503);
    let health: serde_json::Value = daemon.get("/health").await.json().await.unwrap();
    assert_eq!(health["status"], "degraded");
    assert_eq!(health["flag"][FLAG]["percent"], 0.0, "braked");
    assert_eq!(daemon.get("/readyz").await.status(), 503);
    admin.execute(sqlx::AssertSqlSafe(format!("alter database \"{name}\" allow_connections true"))).await.unwrap();
    let status = daemon.until(|status| status["phase"] == "rolled_back").await;
    assert_eq!(status["cause"]["check"], "server_errors");
    assert_eq!(daemon.low_stock(&on[0]).await, (200, "v1".to_owned()));
}

#[tokio::test]
async fn a_wrong_policy_file_keeps_the_old_policy_and_is_shown() {
    let daemon = Daemon::start().await;
    let file = daemon.folder.join("policies/part_lens_v2.yaml");
    std::fs::write(&file, slow().replace("rollback_if", "rolback_if")).unwrap();
    // The daemon may look while the file is half written, and calls that wrong, too, until it looks again.
    let status = daemon
        .until(|status| status["policy"]["error"].as_str().is_some_and(|error| error.contains("rolback_if")))
        .await;
    assert_eq!(status["stages"].as_array().unwrap().len(), 4);
    std::fs::write(&file, slow()).unwrap();
    daemon.until(|status| status["policy"]["error"].is_null()).await;
}

#[tokio::test]
async fn a_policy_changed_under_a_rollout_is_offered_and_not_taken() {
    let daemon = Daemon::start().await;
    daemon.start_rollout().await;
    let before = daemon.status().await["policy"]["revision"].clone();
    let changed = slow().replace("percent: 20,", "percent: 25,");
    std::fs::write(daemon.folder.join("policies/part_lens_v2.yaml"), changed).unwrap();
    let status = daemon.until(|status| status["policy"]["offered"].is_string()).await;
    assert_eq!(status["policy"]["revision"], before);
    let (_, advanced) = daemon.order("advance", json!({ "reason": "on" })).await;
    assert_eq!(advanced["percent"], 20.0, "pinned to what it was started with");
}
