//! Every limit, broken for real through the database, takes the flag back to 0 %.

use crate::harness::{Daemon, FLAG, OPERATOR, QUICK, VIEWER};
use serde_json::json;

async fn ramping() -> (Daemon, Vec<String>, String) {
    let daemon = Daemon::start().await;
    daemon.start_rollout().await;
    let (on, off) = daemon.people_at(5).await;
    assert_eq!(daemon.low_stock(&on[0]).await, (200, "v2".to_owned()));
    assert_eq!(daemon.low_stock(&off).await, (200, "v1".to_owned()));
    (daemon, on, off)
}

#[tokio::test]
async fn the_first_5xx_is_the_last_answer_of_the_new_lens() {
    let (daemon, on, off) = ramping().await;
    daemon.sql("drop view v_stock_from_transactions cascade").await;
    assert_eq!(daemon.low_stock(&on[0]).await.0, 500);
    // Not a moment later: the brake is on before the 5xx leaves the house.
    for user in on.iter().take(5) {
        assert_eq!(daemon.low_stock(user).await, (200, "v1".to_owned()));
    }
    assert_eq!(daemon.low_stock(&off).await, (200, "v1".to_owned()));
    let status = daemon.until(|status| status["phase"] == "rolled_back").await;
    assert_eq!(status["cause"]["check"], "server_errors");
    assert_eq!(daemon.flag_row().await, (false, 0.0));
    let journal = daemon.journal().await;
    let last = journal.last().unwrap();
    assert_eq!(last["kind"], "rolled_back");
    assert!(last["evidence"]["checks"].as_array().unwrap().iter().any(|check| check["verdict"] == "breach"), "{last}");
}

#[tokio::test]
async fn the_page_the_terminal_the_log_and_the_notification_say_the_same() {
    let (daemon, _, _) = ramping().await;
    daemon.order("pause", json!({})).await;
    let held = "Paused at 5 % · resume to go on";
    daemon.until(|status| status["sentence"] == held).await;
    daemon.sql("alter table pms_parts disable row level security").await;
    let status = daemon.until(|status| status["phase"] == "rolled_back").await;
    let sentence = status["sentence"].as_str().unwrap();
    assert!(sentence.starts_with("Rolled back to 0 % on "), "{sentence}");
    let told: String = sqlx::query_scalar("select body ->> 'text' from rampart.outbox where body ->> 'kind' = $1")
        .bind("rolled_back")
        .fetch_one(&mut daemon.owner().await)
        .await
        .unwrap();
    assert_eq!(told, format!("{FLAG}: {sentence}"));
    let shown = daemon.cli(&["rollout", "status"]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains(sentence), "{shown:?}");
    let log = async || {
        loop {
            let log = std::fs::read_to_string(daemon.folder.join("log")).unwrap();
            if log.contains(sentence) {
                return log;
            }
            tokio::task::yield_now().await;
        }
    };
    let log = tokio::time::timeout(std::time::Duration::from_secs(20), log()).await.expect("the log says it, too");
    assert!(log.contains(held), "{held}: {log}");
}

#[tokio::test]
async fn an_audit_entry_without_a_signature_rolls_back() {
    let (daemon, _, _) = ramping().await;
    daemon.sql(
        "alter table pms_audit_log alter column signature drop not null;
         do $$ declare c text; begin
             for c in select conname from pg_constraint where conrelid = 'pms_audit_log'::regclass and contype = 'c' loop
                 execute format('alter table pms_audit_log drop constraint %I', c);
             end loop;
         end $$;
         insert into pms_audit_log (yacht_id, user_id, action, entity_type, entity_id, new_values, signature, metadata)
         select yacht_id, user_id, action, entity_type, entity_id, new_values, null, metadata from pms_audit_log limit 1",
    ).await;
    let status = daemon.until(|status| status["phase"] == "rolled_back").await;
    assert_eq!(status["cause"]["check"], "null_audit_signatures");
}

#[tokio::test]
async fn rows_of_another_yacht_roll_back() {
    let (daemon, _, _) = ramping().await;
    daemon.sql("alter table pms_parts disable row level security").await;
    let status = daemon.until(|status| status["phase"] == "rolled_back").await;
    assert_eq!(status["cause"]["check"], "rls_bypasses");
}

#[tokio::test]
async fn a_report_of_wrong_data_rolls_back_and_any_other_report_holds_until_dismissed() {
    let (daemon, _, _) = ramping().await;
    let reports = format!("/rollouts/{FLAG}/reports");
    let (status, filed) =
        daemon.ops(VIEWER, "POST", &reports, Some(json!({ "kind": "other", "text": "the list is slow" }))).await;
    assert_eq!(status, 201, "{filed}");
    daemon.until(|status| verdict_of(status, "user_reports") == "degraded").await;
    let dismiss = format!("{reports}/{}/dismiss", filed["id"].as_str().unwrap());
    assert_eq!(daemon.ops(VIEWER, "POST", &dismiss, Some(json!({ "reason": "known" }))).await.0, 403);
    assert_eq!(daemon.ops(OPERATOR, "POST", &dismiss, Some(json!({ "reason": " " }))).await.0, 422);
    assert_eq!(daemon.ops(OPERATOR, "POST", &dismiss, Some(json!({ "reason": "known" }))).await.0, 204);
    assert_eq!(daemon.ops(OPERATOR, "POST", &dismiss, Some(json!({ "reason": "known" }))).await.0, 404);
    daemon.until(|status| verdict_of(status, "user_reports") == "healthy").await;
    let wrong = json!({ "kind": "data_inconsistency", "text": "filter 12 shows 3, the shelf has 5" });
    assert_eq!(daemon.ops(VIEWER, "POST", &reports, Some(wrong)).await.0, 201);
    let status = daemon.until(|status| status["phase"] == "rolled_back").await;
    assert_eq!(status["cause"]["check"], "data_inconsistency");
}

#[tokio::test]
async fn a_paused_rollout_still_rolls_back() {
    let (daemon, on, _) = ramping().await;
    assert_eq!(daemon.order("pause", json!({})).await.1["phase"], "paused");
    daemon.sql("drop view v_stock_from_transactions cascade").await;
    assert_eq!(daemon.low_stock(&on[0]).await.0, 500);
    daemon.until(|status| status["phase"] == "rolled_back").await;
}

#[tokio::test]
async fn a_rollout_ramps_to_the_end_on_traffic_and_its_journal_folds_to_what_is_stored() {
    let daemon = Daemon::with(QUICK).await;
    daemon.start_rollout().await;
    let (on, _) = daemon.people_at(5).await;
    let traffic = async {
        loop {
            assert_eq!(daemon.low_stock(&on[0]).await.0, 200);
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    let status = tokio::select! {
        status = daemon.until(|status| status["phase"] == "completed") => status,
        () = traffic => unreachable!("traffic goes on"),
    };
    assert_eq!(status["percent"], 100.0);
    let kinds: Vec<String> =
        daemon.journal().await.iter().map(|entry| entry["kind"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kinds, ["started", "advanced", "advanced", "advanced", "completed"]);
    let (_, replay) = daemon.ops(VIEWER, "GET", &format!("/rollouts/{FLAG}/replay"), None).await;
    assert_eq!(replay["agrees"], true, "{replay}");
    assert_eq!(daemon.flag_row().await, (true, 100.0));
    // Behind completion the checks are still watched.
    daemon.sql("alter table pms_parts disable row level security").await;
    daemon.until(|status| status["phase"] == "rolled_back").await;
}

fn verdict_of(status: &serde_json::Value, name: &str) -> String {
    let checks = status["checks"].as_array().cloned().unwrap_or_default();
    let check = checks.iter().find(|check| check["name"] == name);
    check.and_then(|check| check["verdict"].as_str()).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_client_that_gives_up_on_a_hanging_lens_is_counted_as_failed() {
    let policy = crate::harness::slow()
        + "  error_rate: { signal: live.error_rate, window: 1m, min_samples: 1, advance_if: \"< 0.1%\", rollback_if: \"> 50%\" }\n";
    let daemon = Daemon::with(&policy).await;
    daemon.start_rollout().await;
    let (on, _) = daemon.people_at(5).await;
    daemon
        .sql(
            "do $$ begin
                 execute 'create or replace view v_stock_from_transactions with (security_invoker = true) as
                     with nap as materialized (select pg_sleep(8)) select v.* from ('
                     || rtrim(pg_get_viewdef('v_stock_from_transactions'::regclass), ';')
                     || ') v where (select count(*) from nap) >= 0';
             end $$",
        )
        .await;
    let request = reqwest::Client::new().get(format!("{}/v1/parts/low-stock", daemon.base));
    let answer = request.bearer_auth(daemon.token(&on[0])).timeout(std::time::Duration::from_millis(1500)).send().await;
    assert!(answer.unwrap_err().is_timeout());
    let status = daemon.until(|status| status["phase"] == "rolled_back").await;
    assert_eq!(status["cause"]["check"], "error_rate");
}

#[tokio::test]
async fn a_rolled_back_rollout_still_shows_what_broke_it() {
    let (daemon, on, _) = ramping().await;
    daemon.sql("drop view v_stock_from_transactions cascade").await;
    daemon.low_stock(&on[0]).await;
    let status = daemon
        .until(|status| status["phase"] == "rolled_back" && verdict_of(status, "server_errors") == "breach")
        .await;
    assert_eq!(status["stages"][0]["state"], "current", "where it fell");
    assert_eq!(status["braked"], false);
    assert!(status["sentence"].as_str().unwrap().contains("server errors: 1"), "{}", status["sentence"]);
}
