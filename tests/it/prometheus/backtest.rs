//! `rampart policy backtest` over what a real Prometheus remembers.

use super::servers::Server;
use rampart_core::Timestamp;
use serde_json::Value;
use std::fmt::Write as _;
use std::process::{Command, Output};

const POLICY: &str = r#"
flag: part_lens_v2
tick: 30s
stale_after: 1m
stages:
  - { percent: 5,   soak: 20m, min_requests: 100 }
  - { percent: 20,  soak: 20m, min_requests: 100 }
  - { percent: 100, soak: 30m, min_requests: 100 }
checks:
  error_rate:
    signal:
      prometheus:
        failures: 'rampart_http_requests_total{cohort="$cohort",status="500"}'
        requests: 'rampart_http_requests_total{cohort="$cohort"}'
    window: 5m
    min_samples: 20
    advance_if: "< 1%"
    rollback_if: "> 5%"
"#;
/// Minutes without a sample, and minutes in which a request in ten fails.
const GAP: std::ops::Range<i64> = 8..18;
const INCIDENT: std::ops::Range<i64> = 75..95;
const MINUTES: i64 = 200;

/// A history of a request a second on each side, a sample every 15 s, from `start` on.
fn history(start: Timestamp) -> String {
    let mut text = "# TYPE rampart_http_requests counter\n".to_owned();
    for cohort in ["canary", "control"] {
        for status in ["200", "500"] {
            let mut total = 0.0;
            for sample in 0..MINUTES * 4 {
                let minute = sample / 4;
                let failing = cohort == "canary" && INCIDENT.contains(&minute);
                total += match (status, failing) {
                    ("500", true) => 1.5,
                    ("500", false) => 0.0,
                    (_, true) => 13.5,
                    (_, false) => 15.0,
                };
                if !GAP.contains(&minute) {
                    let at = start.timestamp() + sample * 15;
                    let labels = format!("cohort=\"{cohort}\",status=\"{status}\"");
                    writeln!(text, "rampart_http_requests_total{{{labels}}} {total} {at}").unwrap();
                }
            }
        }
    }
    text + "# EOF\n"
}

struct Tried {
    server: Server,
    file: std::path::PathBuf,
    start: Timestamp,
}

impl Tried {
    async fn new() -> Self {
        let start = rampart::clock::wall() - chrono::Duration::minutes(MINUTES + 60);
        let file = std::env::temp_dir().join(format!("rampart-it-{}.yaml", uuid::Uuid::now_v7()));
        std::fs::write(&file, POLICY).unwrap();
        Self { server: Server::remembering(&history(start)).await, file, start }
    }

    fn minute(&self, minute: i64) -> String {
        (self.start + chrono::Duration::minutes(minute)).to_rfc3339()
    }

    fn run(&self, from: i64, to: i64, more: &[&str]) -> Output {
        let (file, from, to) = (self.file.to_str().unwrap(), self.minute(from), self.minute(to));
        Command::new(env!("CARGO_BIN_EXE_rampart"))
            .args(["policy", "backtest", file, "--prometheus-url", &self.server.url, "--from", &from, "--to", &to])
            .args(more)
            .output()
            .unwrap()
    }

    fn found(&self, from: i64, to: i64, more: &[&str]) -> Value {
        let done = self.run(from, to, &[more, &["--json"]].concat());
        assert_eq!(done.status.code(), Some(0), "{done:?}");
        serde_json::from_slice(&done.stdout).unwrap()
    }

    /// The minutes of the history at which the rollout moved, and how.
    fn moves(&self, found: &Value) -> Vec<(String, i64)> {
        let minute = |at: &Value| at.as_str().unwrap().parse::<Timestamp>().unwrap() - self.start;
        let moves = found["moves"].as_array().unwrap().iter();
        moves.map(|made| (made["kind"].as_str().unwrap().to_owned(), minute(&made["at"]).num_minutes())).collect()
    }
}

impl Drop for Tried {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
}

#[tokio::test]
async fn an_incident_of_the_past_is_found_and_its_delay_told() {
    let tried = Tried::new().await;
    let incident = format!("{}..{}", tried.minute(INCIDENT.start), tried.minute(INCIDENT.end));
    let found = tried.found(0, 110, &["--incident", &incident]);
    assert_eq!((&found["rollbacks"], &found["false_alarms"], &found["missed"]), (&1.into(), &0.into(), &false.into()));
    let delay = found["detection_delay"].as_u64().unwrap();
    assert!((60_000..300_000).contains(&delay), "one failure in ten fills half of a window of 5 min: {found}");
    // Minutes without a sample are no soak: without them it would have entered 20 % at the 20th.
    let moves = tried.moves(&found);
    let kinds: Vec<&str> = moves.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["started", "advanced", "advanced", "rolled_back"], "{moves:?}");
    assert!((28..36).contains(&moves[1].1), "{moves:?}");

    // Whoever says nothing of an incident is told what is not known; a wrong one makes a false alarm of it.
    let said = String::from_utf8_lossy(&tried.run(0, 110, &[]).stdout).into_owned();
    assert!(said.contains("whether rightly, nobody said") && said.contains("over what the metrics server"), "{said}");
    let elsewhere = format!("{}..{}", tried.minute(20), tried.minute(25));
    let found = tried.found(0, 110, &["--incident", &elsewhere]);
    assert_eq!((&found["false_alarms"], &found["missed"]), (&1.into(), &true.into()), "{found}");
}

#[tokio::test]
async fn a_healthy_past_ends_at_a_hundred_and_one_nobody_measured_ends_nowhere() {
    let tried = Tried::new().await;
    let found = tried.found(105, 190, &[]);
    assert_eq!((&found["stands"]["phase"], &found["rollbacks"]), (&"completed".into(), &0.into()), "{found}");
    let found = tried.found(-90, -10, &[]);
    let stands = (&found["stands"]["phase"], &found["stands"]["percent"], &found["advances"]);
    assert_eq!(stands, (&"ramping".into(), &5.0.into(), &0.into()), "{found}");
}

#[tokio::test]
async fn what_cannot_be_run_is_refused_with_what_was_expected() {
    let tried = Tried::new().await;
    let refused = |from: i64, to: i64, more: &[&str]| {
        let done = tried.run(from, to, more);
        (done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned())
    };
    let (code, said) = refused(50, 10, &[]);
    assert!(code == Some(2) && said.contains("expected from 1 to 100000 ticks"), "{said}");
    let (code, said) = refused(10, 50, &["--incident", "yesterday"]);
    assert!(code == Some(2) && said.contains("expected FROM..TO"), "{said}");
    let (code, said) = refused(10, 50, &["--journal", "part_lens_v2"]);
    assert!(code == Some(2) && said.contains("cannot be used with"), "{said}");
    let (from, to) = (tried.minute(0), tried.minute(9));
    let mut command = Command::new(env!("CARGO_BIN_EXE_rampart"));
    command.args(["policy", "backtest", tried.file.to_str().unwrap(), "--from", &from, "--to", &to]);
    let done = command.env("RAMPART_PROMETHEUS_URL", "http://127.0.0.1:1").output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.code() == Some(1) && said.contains("refused"), "{said}");
}
