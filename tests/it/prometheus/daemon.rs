//! The daemon with checks that ask a real Prometheus, which asks the daemon.

use super::rude::{Rude, Rudeness};
use super::servers::{Make, Server, Target, busy};
use crate::harness::{Daemon, slow};
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

const FINE: &str = "\
# TYPE failures counter
failures{flag=\"part_lens_v2\",status=\"503\"} 7
# TYPE requests counter
requests{flag=\"part_lens_v2\"} 1000
# TYPE backlog gauge
backlog{flag=\"part_lens_v2\"} 3
";

/// What a check says now.
fn says(status: &Value, name: &str) -> (String, String) {
    let check = status["checks"].as_array().unwrap().iter().find(|check| check["name"] == name);
    let of = |key: &str| check.map_or("", |check| check[key].as_str().unwrap_or_default()).to_owned();
    (of("verdict"), of("why"))
}

/// Three checks that ask Prometheus.
const CHECKS: &str = r#"  backlog: { signal: { prometheus: 'max by (flag) (backlog{flag="$flag"})' }, rollback_if: "> 5" }
  failed:
    signal: { prometheus: { failures: 'failures{flag="$flag"}', requests: 'requests{flag="$flag"}' } }
    window: 1m
    rollback_if: "> 10%"
    min_samples: 1
  nowhere: { signal: { prometheus: 'sum(nowhere{cohort="$cohort"})' }, rollback_if: "> 5" }
"#;

/// A daemon that asks `url`, with a rollout under a policy with these checks more.
async fn asking(url: &str, checks: &str) -> Daemon {
    let policy = slow() + checks;
    let daemon = Daemon::with_env(&policy, &[("RAMPART_PROMETHEUS_URL", url)]).await;
    daemon.start_rollout().await;
    daemon
}

/// With a server that asks the target and the daemon.
async fn scraped(target: &Target) -> (Server, Daemon) {
    let server = Server::start(Make::Prometheus, target.address).await;
    let daemon = asking(&server.url, CHECKS).await;
    server.also(daemon.base.strip_prefix("http://").unwrap());
    (server, daemon)
}

#[tokio::test]
async fn a_limit_broken_in_prometheus_rolls_back_and_counts_only_what_happened_in_this_stage() {
    let target = Target::with(FINE).await;
    let (_server, daemon) = scraped(&target).await;
    daemon.until(|status| says(status, "backlog").0 == "healthy").await;
    let status = daemon.until(|status| says(status, "nowhere").1.contains("the query finds no series")).await;
    assert_eq!(says(&status, "nowhere").0, "blind");
    assert!(says(&status, "failed").1.contains("nothing was counted"), "the 7 failures are older: {status}");

    // 4 of 1 000 more: fine. Then 300 of 1 000.
    target.tell(&FINE.replace(" 7\n", " 11\n").replace(" 1000\n", " 2000\n"));
    let status = daemon.until(|status| says(status, "failed").0 == "healthy").await;
    assert!(says(&status, "failed").1.contains("0.4 %"), "{status}");
    target.tell(&FINE.replace(" 7\n", " 311\n").replace(" 1000\n", " 3000\n"));
    let status = daemon.until(|status| status["phase"] == "rolled_back").await;
    assert_eq!(status["cause"]["check"], "failed", "{status}");
    assert_eq!(daemon.flag_row().await, (false, 0.0));
}

#[tokio::test]
async fn a_prometheus_that_dies_holds_the_ramp_says_so_and_rolls_nobody_back() {
    let (server, daemon) = scraped(&Target::with(FINE).await).await;
    daemon.until(|status| says(status, "backlog").0 == "healthy").await;
    let again = server.kill();
    let status = daemon.until(|status| says(status, "backlog").0 == "blind").await;
    let why = says(&status, "backlog").1;
    assert!(why.contains("heartbeat does not come back: the server cannot be reached: connection refused"), "{why}");
    assert_eq!(status["phase"], "ramping");
    let _server = again().await;
    let status = daemon.until(|status| says(status, "backlog").0 == "healthy").await;
    assert_eq!((&status["phase"], &status["percent"]), (&json!("ramping"), &json!(5.0)), "{status}");
}

#[tokio::test]
async fn a_prometheus_that_hangs_delays_no_brake() {
    let hanging = Rude::start(Rudeness::Hangs).await;
    let daemon = asking(&hanging.url(), CHECKS).await;
    let (on, _) = daemon.people_at(5).await;
    assert_eq!(daemon.low_stock(&on[0]).await, (200, "v2".to_owned()));
    // It is being waited for all the time: a question of 4 s, a pause of 1 s.
    daemon.until(|status| says(status, "backlog").1.contains("no whole answer within 4 s")).await;
    daemon.sql("drop view v_stock_from_transactions cascade").await;
    assert_eq!(daemon.low_stock(&on[0]).await.0, 500);
    assert_eq!(daemon.low_stock(&on[0]).await, (200, "v1".to_owned()), "braked before the 5xx left the house");
    let status = daemon.until(|status| status["phase"] == "rolled_back").await;
    assert_eq!(status["cause"]["check"], "server_errors");
    let metrics = daemon.get("/metrics").await.text().await.unwrap();
    let slow = "rampart_rollback_seconds_bucket{flag=\"part_lens_v2\",step=\"effective\",le=\"0.05\"} 1";
    assert!(metrics.contains(slow), "effective within 50 ms: {metrics}");
}

/// Failures of canary and control, each far below its limits.
const COMPARED: &str = r#"  failed:
    signal:
      prometheus:
        failures: 'failures{flag="$flag",cohort="$cohort"}'
        requests: 'requests{flag="$flag",cohort="$cohort"}'
    advance_if: "< 8%"
    rollback_if: "> 10%"
compare: { failed: no_worse, bin: 15s }
"#;

#[tokio::test]
async fn a_canary_that_fails_more_than_control_below_every_limit_rolls_back_by_what_prometheus_counts() {
    let words = |asked: u64| {
        let count = |metric: &str, cohort: &str, each: u64| {
            format!("{metric}{{flag=\"part_lens_v2\",cohort=\"{cohort}\"}} {}\n", each * asked)
        };
        [count("requests", "canary", 500), count("requests", "control", 1500)].concat()
            + &[count("failures", "canary", 20), count("failures", "control", 15)].concat()
    };
    let server = Server::scraping(Make::Prometheus, busy(words).await, "1s").await;
    let daemon = asking(&server.url, COMPARED).await;
    server.also(daemon.base.strip_prefix("http://").unwrap());
    let status = daemon.until(|status| says(status, "failed").0 == "healthy").await;
    assert_eq!(status["phase"], "ramping", "4 % are within the limits");
    let proven = |status: &Value| {
        let checks = status["checks"].as_array().unwrap();
        let failed = checks.iter().find(|check| check["name"] == "failed").unwrap();
        failed["proof"]["requests"].as_u64().unwrap_or(0) > 1000 && failed["proof"]["proven"] == true
    };
    daemon.until(proven).await;
    // A bin of 15 s that begins in the stage, and half a minute until it is closed.
    let status = daemon.within(Duration::from_secs(90), |status| status["phase"] == "rolled_back").await;
    assert_eq!((&status["cause"]["code"], &status["cause"]["check"]), (&json!("proven"), &json!("failed")), "{status}");
    let evidence: Value =
        sqlx::query_scalar("select evidence from rampart.journal where kind = 'rolled_back' order by seq desc limit 1")
            .fetch_one(&mut daemon.owner().await)
            .await
            .unwrap();
    let bins = evidence["inputs"]["bins"].as_array().unwrap();
    let [bin] = bins.as_slice() else { panic!("one bin is enough: {evidence}") };
    let of = |side: &str, what: &str| bin["counts"]["failed"]["compared"][side][what].as_u64().unwrap();
    let (canary, control) = (of("canary", "n"), of("control", "n"));
    assert!((6_500..=8_500).contains(&canary), "15 scrapes of 500: {bin}");
    assert_eq!((of("canary", "k") * 25, control, of("control", "k") * 100), (canary, canary * 3, control), "{bin}");
    assert_eq!(bin["share"], 0.05);
    assert_eq!(bin["canary"], 0, "none of them were served here");
}

#[tokio::test]
async fn promtool_finds_nothing_to_say_about_our_metrics() {
    let daemon = Daemon::start().await;
    daemon.start_rollout().await;
    let (on, _) = daemon.people_at(5).await;
    daemon.low_stock(&on[0]).await;
    daemon.until(|status| says(status, "server_errors").0 != "blind").await;
    let metrics = daemon.get("/metrics").await.text().await.unwrap();
    assert!(metrics.contains("rampart_heartbeat_timestamp_seconds{replica="), "{metrics}");
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is installed by scripts/setup");
    promtool.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    let said = promtool.wait_with_output().unwrap();
    let words = [said.stdout, said.stderr].concat();
    assert!(said.status.success() && words.is_empty(), "{}", String::from_utf8_lossy(&words));
}
