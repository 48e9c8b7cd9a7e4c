//! Every decision can be made again from what was stored, and whoever alters what was stored is found out.

use crate::harness::{Daemon, FLAG, QUICK, VIEWER};
use rampart_core::rollout::{Evidence, Outcome, Sample};
use serde_json::{Value, json};
use sqlx::{Executor, PgConnection};
use std::time::Duration;

/// Live checks beside those of the short policy, so that its evidence holds values and sample counts.
fn policy() -> String {
    let live = "  error_rate:  { signal: live.error_rate, window: 1m, min_samples: 1, advance_if: \"< 50%\" }\n  \
                p95_latency: { signal: live.p95, window: 1m, min_samples: 1, advance_if: \"< 20s\" }\n";
    QUICK.to_owned() + live
}

async fn replay(daemon: &Daemon) -> Value {
    daemon.ops(VIEWER, "GET", &format!("/rollouts/{FLAG}/replay"), None).await.1
}

/// Traffic of somebody in the canary until the rollout stands as wanted.
async fn under_traffic(daemon: &Daemon, wanted: impl Fn(&Value) -> bool) -> Value {
    let (on, _) = daemon.people_at(5).await;
    let traffic = async {
        loop {
            daemon.low_stock(&on[0]).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        status = daemon.until(wanted) => status,
        () = traffic => unreachable!("traffic goes on"),
    }
}

/// Ramped to 20 % and rolled back by a check.
async fn rolled_back() -> Daemon {
    let daemon = Daemon::with(&policy()).await;
    daemon.start_rollout().await;
    under_traffic(&daemon, |status| status["percent"] == 20.0).await;
    daemon.sql("alter table pms_parts disable row level security").await;
    daemon.until(|status| status["phase"] == "rolled_back").await;
    daemon
}

#[tokio::test]
async fn a_full_ramp_and_a_rollback_behind_it_are_decided_again() {
    let daemon = Daemon::with(&policy()).await;
    daemon.start_rollout().await;
    under_traffic(&daemon, |status| status["phase"] == "completed").await;
    let found = replay(&daemon).await;
    assert_eq!(found["agrees"], true, "{found}");
    assert_eq!(found["decisions"], 4, "three advances and the completion: {found}");
    assert!(found["ticks"].as_u64().unwrap() >= 8, "{found}");
    daemon.sql("alter table pms_parts disable row level security").await;
    daemon.until(|status| status["phase"] == "rolled_back").await;
    let found = replay(&daemon).await;
    assert_eq!((&found["agrees"], &found["decisions"]), (&json!(true), &json!(5)), "{found}");
    let last = daemon.journal().await.pop().unwrap();
    assert_eq!(last["evidence"]["decision"]["kind"], "rollback", "as readers have always found it");
    let seen = &last["evidence"]["inputs"]["readings"]["rls_bypasses"]["outcome"]["measured"]["window"]["value"];
    assert!(seen.as_f64().unwrap() > 0.0, "{last}");
    assert!(last["evidence"]["decided_at"].is_string());
}

#[tokio::test]
async fn what_people_order_between_the_ticks_is_replayed_with_them() {
    let daemon = Daemon::with(&policy()).await;
    daemon.start_rollout().await;
    under_traffic(&daemon, |status| status["percent"] == 20.0).await;
    for command in ["pause", "resume", "advance"] {
        assert_eq!(daemon.order(command, json!({ "reason": "release night" })).await.0, 200);
        let before = ticks(&daemon).await;
        while ticks(&daemon).await == before {
            tokio::task::yield_now().await;
        }
    }
    daemon.order("rollback", json!({})).await;
    let found = replay(&daemon).await;
    assert_eq!(found["agrees"], true, "{found}");
}

async fn ticks(daemon: &Daemon) -> i64 {
    sqlx::query_scalar("select ticks from rampart.rollouts").fetch_one(&mut daemon.owner().await).await.unwrap()
}

#[tokio::test]
async fn one_altered_byte_makes_the_replay_fail() {
    let daemon = rolled_back().await;
    let mut owner = daemon.owner().await;
    let run = async |owner: &mut PgConnection, statement: &'static str| {
        let done = owner.execute(sqlx::raw_sql(statement)).await.unwrap();
        done.rows_affected()
    };
    run(
        &mut owner,
        "alter table rampart.journal disable trigger all;
         create table kept_ticks as table rampart.ticks; create table kept_journal as table rampart.journal;
         create table kept_rollouts as table rampart.rollouts",
    )
    .await;
    let alterations = [
        (
            "a value",
            "update rampart.ticks set evidence =
            jsonb_set(evidence, '{readings,user_reports,outcome,measured,newest,value}', '0.00') where n = 2",
        ),
        (
            "a sample count",
            "update rampart.ticks set evidence =
            jsonb_set(evidence, '{readings,p95_latency,outcome,measured,window,samples}', '77') where n = 3",
        ),
        (
            "the requests",
            "update rampart.ticks set evidence = jsonb_set(evidence, '{canary_requests}', '1000000') where n = 1",
        ),
        (
            "when it was measured",
            "update rampart.ticks set evidence = jsonb_set(evidence, '{readings,rls_bypasses,observed_at}',
            to_jsonb(replace(evidence #>> '{readings,rls_bypasses,observed_at}', 'Z', '1Z'))) where n = 2",
        ),
        ("when it was decided", "update rampart.ticks set at = at + interval '1 microsecond' where n = 2"),
        ("a verdict", "update rampart.ticks set checks = jsonb_set(checks, '{0,verdict}', '\"thin\"') where n = 3"),
        (
            "a decision",
            "update rampart.ticks set judgement = jsonb_set(judgement, '{decision}', '{\"kind\":\"complete\"}') where n = 1",
        ),
        ("the credit", "update rampart.ticks set credit_ms = credit_ms + 1 where n = 3"),
        ("a tick in the middle", "delete from rampart.ticks where n = 2"),
        ("the newest tick", "delete from rampart.ticks where n = (select max(n) from rampart.ticks)"),
        ("a tick out of the chain", "update rampart.ticks set n = null, hash = null, evidence = null where n = 2"),
        (
            "a journal input",
            "update rampart.journal set evidence = jsonb_set(evidence, '{inputs,canary_requests}', '1000000')
            where kind = 'advanced'",
        ),
        (
            "a journal time",
            "update rampart.journal set evidence = evidence || '{\"decided_at\": \"2026-01-01T00:00:00Z\"}'
            where kind = 'rolled_back'",
        ),
        (
            "what was kept of the tests",
            "update rampart.rollouts set statistics = '{\"last_bin\": \"2026-01-01T00:00:00Z\"}'",
        ),
        ("the soak", "update rampart.rollouts set progress = jsonb_set(progress, '{soak}', '7')"),
    ];
    assert_eq!(replay(&daemon).await["agrees"], true);
    for (what, statement) in alterations {
        assert_eq!(run(&mut owner, statement).await, 1, "{what}");
        let found = replay(&daemon).await;
        assert_eq!(found["agrees"], false, "{what}: {found}");
        run(
            &mut owner,
            "delete from rampart.ticks; insert into rampart.ticks select * from kept_ticks;
             delete from rampart.journal; insert into rampart.journal select * from kept_journal;
             update rampart.rollouts r set progress = k.progress, statistics = k.statistics from kept_rollouts k where k.id = r.id",
        )
        .await;
        assert_eq!(replay(&daemon).await["agrees"], true, "restored after {what}");
    }
    assert_eq!(daemon.cli(&["rollout", "replay"]).status.code(), Some(0));
    // Whoever forges the hashes as well is found by the decision itself, and told where.
    run(
        &mut owner,
        "update rampart.ticks set evidence = jsonb_set(evidence, '{readings,user_reports,outcome,measured}',
             '{\"window\":{\"value\":1.0,\"samples\":1},\"newest\":{\"value\":1.0,\"samples\":1}}') where n = 2;
         do $$ declare t rampart.ticks; h bytea := ''; begin
             for t in select * from rampart.ticks order by n loop
                 t.prev_hash := h; h := rampart.tick_hash(t);
                 update rampart.ticks set prev_hash = t.prev_hash, hash = h where n = t.n;
             end loop;
             update rampart.rollouts set tick_hash = h;
         end $$",
    )
    .await;
    let found = replay(&daemon).await;
    assert_eq!(found["difference"]["place"], "tick 2", "{found}");
    let text = found["text"].as_str().unwrap();
    assert!(text.contains(" UTC: ") && text.contains("stored is") && text.contains("what comes out is"), "{text}");
    let told = daemon.cli(&["rollout", "replay"]);
    assert_eq!(told.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&told.stdout).trim(), text);
}

#[tokio::test]
async fn the_database_keeps_every_number_to_the_last_bit() {
    let daemon = Daemon::start().await;
    let mut owner = daemon.owner().await;
    let odd = [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        -0.0,
        0.0,
        1e-320,
        5e-324,
        f64::MAX,
        f64::MIN_POSITIVE,
        0.1 + 0.2,
        1e16,
        1e21,
    ];
    for value in odd {
        let sample = Sample { value, samples: u64::MAX };
        let stored = serde_json::to_value(sample).unwrap();
        let read: Value = sqlx::query_scalar("select $1::jsonb").bind(stored).fetch_one(&mut owner).await.unwrap();
        let read: Sample = serde_json::from_value(read).unwrap();
        assert_eq!((read.value.to_bits(), read.samples), (value.to_bits(), u64::MAX), "{value}");
    }
    // Inside what is stored of a tick, too.
    let rollout = rampart_core::rollout::RolloutId(uuid::Uuid::nil());
    let now = rampart::clock::wall();
    let reading = rampart_core::rollout::Reading {
        rollout,
        epoch: rampart_core::rollout::Epoch(1),
        begun_at: now,
        observed_at: now,
        outcome: Outcome::measured(f64::NEG_INFINITY, 3),
        control: None,
    };
    let mut evidence = Evidence::of(rampart_core::rollout::Build("b".to_owned()));
    evidence.readings.insert(rampart_core::policy::CheckName("odd".to_owned()), reading);
    let stored = serde_json::to_value(&evidence).unwrap();
    let read: Value = sqlx::query_scalar("select $1::jsonb").bind(stored).fetch_one(&mut owner).await.unwrap();
    assert_eq!(serde_json::from_value::<Evidence>(read).unwrap(), evidence);
}

#[tokio::test]
async fn a_back_test_of_the_recorded_run_agrees_with_what_happened() {
    let daemon = rolled_back().await;
    let file = daemon.folder.join("policies/part_lens_v2.yaml");
    let file = file.to_str().unwrap();
    let run = |args: &[&str]| {
        let done = daemon.cli(&[&["policy", "backtest"], args].concat());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (done.status.code(), text(&done.stdout), text(&done.stderr))
    };
    let (code, found, errors) = run(&[file, "--journal", FLAG, "--json"]);
    assert_eq!(code, Some(0), "{errors}");
    let found: Value = serde_json::from_str(&found).unwrap();
    assert_eq!((&found["agrees"], &found["same_policy"]), (&json!(true), &json!(true)), "{found:#}");
    assert_eq!((&found["false_alarms"], &found["missed"], &found["rollbacks"]), (&json!(0), &json!(false), &json!(1)));
    let at = |moves: &Value| moves.as_array().unwrap().iter().map(|made| made["at"].clone()).collect::<Vec<_>>();
    assert_eq!(at(&found["moves"]), at(&found["recorded"]), "to the microsecond");

    // The same from a file, under a policy that does not look at what broke.
    let recording = daemon.ops_text(&format!("/rollouts/{FLAG}/recording")).await;
    assert!(recording.starts_with("{\"head\":"), "{recording:.100}");
    let (recorded, blind) = (daemon.folder.join("recording.jsonl"), daemon.folder.join("blind.yaml"));
    std::fs::write(&recorded, &recording).unwrap();
    let without = policy().lines().filter(|line| !line.contains("rls_bypasses")).collect::<Vec<_>>().join("\n");
    std::fs::write(&blind, without).unwrap();
    let (recorded, blind) = (recorded.to_str().unwrap(), blind.to_str().unwrap());
    let (code, text, errors) = run(&[blind, "--recording", recorded]);
    assert_eq!(code, Some(0), "{errors}");
    assert!(text.contains("missed: ") && text.contains("exposure of then"), "{text}");

    // Half a recording is none.
    let half = recording.lines().take(recording.lines().count() - 3).collect::<Vec<_>>().join("\n");
    std::fs::write(recorded, half).unwrap();
    let (code, _, errors) = run(&[blind, "--recording", recorded]);
    assert_eq!(code, Some(1));
    assert!(errors.contains("broke off"), "{errors}");
    assert_eq!(run(&[blind]).0, Some(2), "neither a journal nor a recording");
}

#[tokio::test]
async fn a_decision_is_explained_with_its_rule_and_what_it_saw() {
    let daemon = rolled_back().await;
    let explain = |at: &[&str]| {
        let done = daemon.cli(&[&["rollout", "explain"], at].concat());
        assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).into_owned()
    };
    let text = explain(&[]);
    assert!(text.starts_with("part_lens_v2 · rollback on "), "{text}");
    assert!(text.contains("\nrule breach: A check that breaks its rollback limit"), "{text}");
    assert!(text.contains("  breach    rls_bypasses") && text.contains("probe.rls · breaks > 0"), "{text}");
    assert!(text.contains("\nnearest: it would have stayed at 20 %, had rls bypasses read no more than 0"), "{text}");
    let journal = daemon.journal().await;
    let seq_of = |kind: &str| journal.iter().find(|entry| entry["kind"] == kind).unwrap()["seq"].to_string();
    let advanced = explain(&["--at", &seq_of("advanced")]);
    assert!(advanced.contains("rule advance: ") && advanced.contains(" of 2 s of soak served"), "{advanced}");
    let started = explain(&["--at", &seq_of("started")]);
    assert!(started.contains("No rule decided this"), "{started}");
    let path = format!("/rollouts/{FLAG}/explain");
    let (_, json) = daemon.ops(VIEWER, "GET", &path, None).await;
    assert_eq!(json["explanation"]["rule"]["name"], "breach");
    assert_eq!(json["text"], text);
    assert_eq!(daemon.ops(VIEWER, "GET", &format!("{path}?seq=99999"), None).await.0, 404);
    assert_eq!(daemon.ops(VIEWER, "GET", &format!("{path}?seq=x"), None).await.0, 400);
}

#[tokio::test]
async fn a_running_rollout_explains_its_newest_tick() {
    let daemon = Daemon::start().await;
    let path = format!("/rollouts/{FLAG}/explain");
    assert_eq!(daemon.ops(VIEWER, "GET", &path, None).await.0, 404);
    daemon.start_rollout().await;
    while ticks(&daemon).await == 0 {
        tokio::task::yield_now().await;
    }
    let (status, found) = daemon.ops(VIEWER, "GET", &path, None).await;
    assert_eq!((status, &found["seq"]), (200, &Value::Null), "{found}");
    assert_eq!(found["explanation"]["decision"]["kind"], "hold");
    assert_eq!(found["explanation"]["checks"].as_array().unwrap().len(), 5);
}
