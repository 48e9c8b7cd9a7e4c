//! One round of questions to a real Prometheus, for 10, 100 and 1 000 rollouts of five checks each.
//!
//! `cargo bench --bench prometheus` prints how many questions a round asks, how long it takes, and how much CPU this
//! process spends on it: asking, reading the answers, counting, and deciding for every rollout.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on ends")]

#[expect(dead_code, reason = "shared with the tests")]
#[path = "../../tests/it/prometheus/servers.rs"]
mod servers;
#[path = "../shared/table.rs"]
mod table;

use futures_util::{StreamExt, stream};
use rampart::clock::{Stopwatch, wall};
use rampart::controller::Watched;
use rampart::signals::prometheus::{Client, Pulse, Round, one_number};
use rampart_core::policy::{self, Check, CheckName, PrometheusAsk, PrometheusSource, Signal, Unit, Window};
use rampart_core::rollout::{
    Actor, Build, Decision, Entry, Event, Evidence, Outcome, PolicyRevision, RolloutId, Start, decide, fold,
};
use rampart_core::{Millis, Timestamp};
use servers::{Make, Server, Target as Scraped};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;
use table::{Table, Target};
use uuid::Uuid;

const FLAGS: usize = 1_000;
const ROUNDS: usize = 20;
/// Questions under way at once, as the sensor has it.
const AT_ONCE: usize = 8;
const EDGES: [&str; 9] = ["0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf"];
const POLICY: &str = r#"
flag: FLAG
stages: [{ percent: 5, soak: 1h }, { percent: 100, soak: 1h }]
stale_after: 1m
checks:
  one: { signal: report.any, rollback_if: "> 1" }
"#;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let server = filled().await;
    let mut table = Table::default();
    for rollouts in [10, 100, 1_000] {
        let began = wall() - chrono::Duration::hours(1);
        let watched: Vec<_> = (0..rollouts).map(|number| watched(number, began)).collect();
        let (mut asked, mut cpu, mut took) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let (stopwatch, before) = (Stopwatch::start(), cpu_millis());
            asked.push(round(&server.client, &watched).await as f64);
            cpu.push(cpu_millis() - before);
            took.push(stopwatch.elapsed().as_secs_f64() * 1e3);
        }
        let name = |what: &str| format!("{rollouts} rollouts of five checks: {what}");
        table.add(&name("questions a round"), "", asked, Target::None);
        table.add(&name("CPU a round"), "ms", cpu, Target::Max(100.0));
        table.add(&name("from the first question to the last decision"), "ms", took, Target::None);
    }
    table.print();
}

/// A server that has seen a thousand flags for a minute and a half.
async fn filled() -> Server {
    let (address, told) = std::sync::mpsc::channel();
    // On a thread of its own: what the target spends is not the daemon's.
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let target = Scraped::with("").await;
            address.send(target.address).unwrap();
            for second in 1.. {
                target.tell(&exposition(second));
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
    });
    let server = Server::scraping(Make::Prometheus, told.recv().unwrap(), "5s").await;
    eprintln!("  filling the server for 90 s");
    tokio::time::sleep(Duration::from_secs(90)).await;
    server.until("sum(requests)", |answer| one_number(answer, wall(), Millis::seconds(30)).is_ok()).await;
    server
}

fn exposition(second: u64) -> String {
    let mut text = String::new();
    for flag in 0..FLAGS {
        let labels = format!("flag=\"flag_{flag}\"");
        writeln!(text, "requests{{{labels}}} {}\nfailures{{{labels}}} {}", second * 100, second / 20).unwrap();
        writeln!(text, "retries{{{labels}}} {}\nbacklog{{{labels}}} 3", second / 10).unwrap();
        for (place, edge) in (1_u64..).zip(EDGES) {
            writeln!(text, "took_seconds_bucket{{{labels},le=\"{edge}\"}} {}", second * (80 + place)).unwrap();
        }
    }
    text
}

fn watched(number: usize, began: Timestamp) -> Arc<Watched> {
    let mut policy = policy::parse("bench", &POLICY.replace("FLAG", &format!("flag_{number}"))).unwrap();
    let start = Start {
        id: RolloutId(Uuid::now_v7()),
        flag: policy.flag.clone(),
        policy: PolicyRevision("p".into()),
        build: Build("b".into()),
        attempt: 1,
        follows: Default::default(),
        stage: Some(0),
        percent: policy.stages[0].percent,
        restart: false,
        missing_gate: Vec::new(),
        by: Actor::controller(),
    };
    let rollout = fold([&Entry { at: began, event: Event::Started(Box::new(start)) }]).unwrap();
    let counter = |name: &str| format!("{name}{{flag=\"$flag\"}}");
    let ratio = |failures| PrometheusAsk::Ratio { failures: counter(failures), requests: counter("requests") };
    let value = |query: String| PrometheusAsk::Value { query, samples: None };
    let asks = [
        ("backlog", value(format!("max by (flag) ({})", counter("backlog"))), Unit::Count),
        ("all", value("sum(backlog) / 1e9".to_owned()), Unit::Count),
        ("failed", ratio("failures"), Unit::Ratio),
        ("retried", ratio("retries"), Unit::Ratio),
        ("took", PrometheusAsk::Histogram { buckets: counter("took_seconds_bucket") }, Unit::Seconds),
    ];
    let condition =
        policy.checks[0].rollback_if.clone().map(|condition| policy::Condition { limit: 50.0, ..condition });
    let check = |(name, ask, unit): (&str, PrometheusAsk, Unit)| Check {
        name: CheckName(name.to_owned()),
        signal: Signal::Prometheus(PrometheusSource { ask, unit }),
        window: Window::Last(Millis::seconds(60)),
        rollback_if: condition.clone(),
        ..policy.checks[0].clone()
    };
    policy.checks = asks.map(check).into();
    Arc::new(Watched { policy, rollout, ticks: 0, audit_baseline: String::new() })
}

/// Asks for all, and decides for all. Answers how many questions it took.
async fn round(client: &Client, watched: &[Arc<Watched>]) -> usize {
    let now = wall();
    let pulse = Pulse { sent_at: now - chrono::Duration::seconds(5), lag: Millis::seconds(5) };
    let (mut round, none) = Round::plan(watched, &pulse, now);
    assert!(none.is_empty());
    let queries = round.queries();
    let (asked, end) = (queries.len(), round.end());
    let mut evidence: HashMap<RolloutId, Evidence> =
        watched.iter().map(|one| (one.rollout.id, Evidence::of(one.rollout.build.clone()))).collect();
    let mut answers = stream::iter(queries.into_iter().enumerate())
        .map(|(place, query)| async move { (place, client.instant(&query, Some(end)).await) })
        .buffer_unordered(AT_ONCE);
    while let Some((place, answer)) = answers.next().await {
        for told in round.answered(place, answer) {
            assert!(matches!(told.reading.outcome, Outcome::Measured { .. }), "{told:?}");
            evidence.get_mut(&told.reading.rollout).unwrap().readings.insert(told.check, told.reading);
        }
    }
    for one in watched {
        let evidence = &evidence[&one.rollout.id];
        assert_eq!(evidence.readings.len(), 5);
        let judgement = decide(&one.policy, &one.rollout, evidence, now);
        assert!(matches!(judgement.decision, Decision::Hold { .. }), "{judgement:?}");
    }
    asked
}

/// What the main thread has spent, which is the only one that asks and decides.
fn cpu_millis() -> f64 {
    let spent = std::fs::read_to_string("/proc/self/schedstat").unwrap();
    spent.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e6
}
