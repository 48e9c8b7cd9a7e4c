//! Whoever has to be told is told: once, signed, also after a crash, and never at the flag's cost.

mod receiver;

use crate::harness::{Daemon, FLAG, OPERATOR, OWNER, VIEWER, slow};
use crate::prometheus::servers::ready;
use aws_lc_rs::hmac;
use rampart_postgres::testing::TestDatabase;
use receiver::{Came, Manner, Receiver};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// 24 bytes, all 0.
const SECRET: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const PUBLIC: &str = "https://rampart.example.com/";

/// The policy that tells these.
fn telling(names: &str) -> String {
    format!("{}notify: [{names}]\n", slow())
}

/// Writes the targets into the daemon's folder; the answer is the file's name.
fn write_targets(folder: &Path, targets: &str) -> String {
    std::fs::write(folder.join("secret"), SECRET).unwrap();
    let file = folder.join("notify.yaml");
    std::fs::write(&file, format!("targets:\n{targets}")).unwrap();
    file.display().to_string()
}

fn hook(receiver: &Receiver) -> String {
    format!("  - {{ name: hook, kind: webhook, url: '{}/hook', secret_file: secret }}\n", receiver.base)
}

async fn daemon_with(names: &str, targets: &str) -> Daemon {
    let (database, folder) = Daemon::prepare(&telling(names)).await;
    on(database, folder, targets).await
}

async fn on(database: TestDatabase, folder: PathBuf, targets: &str) -> Daemon {
    let file = write_targets(&folder, targets);
    Daemon::on_with(database, folder, &[("RAMPART_NOTIFY", &file), ("RAMPART_PUBLIC_URL", PUBLIC)]).await
}

async fn seen(daemon: &Daemon) -> Value {
    let (status, seen) = daemon.ops(VIEWER, "GET", "/notifications", None).await;
    assert_eq!(status, 200, "{seen}");
    seen
}

/// Waits until the notifications stand as wanted.
async fn until(daemon: &Daemon, wanted: impl Fn(&Value) -> bool) -> Value {
    let waited = async {
        loop {
            let seen = seen(daemon).await;
            if wanted(&seen) {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    match tokio::time::timeout(Duration::from_secs(30), waited).await {
        Ok(seen) => seen,
        Err(_) => panic!("waited in vain: {:#}", seen(daemon).await),
    }
}

fn delivered(seen: &Value, count: u64) -> bool {
    seen["targets"].as_array().unwrap().iter().all(|target| target["delivered"] == count && target["waiting"] == 0)
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: Vec<u8> = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    let six = |group: &[u8]| (0..6).fold(0, |number, bit| number << 1 | group.get(bit).copied().unwrap_or(0));
    let mut text: String = bits.chunks(6).map(|group| char::from(LETTERS[usize::from(six(group))])).collect();
    text.extend(std::iter::repeat_n('=', (4 - text.len() % 4) % 4));
    text
}

/// As a receiver does by the specification of Standard Webhooks.
#[track_caller]
fn assert_signed(came: &Came) {
    let (id, seconds) = (came.header("webhook-id"), came.header("webhook-timestamp"));
    let age = rampart::clock::wall().timestamp() - seconds.parse::<i64>().unwrap();
    assert!((-5..=60).contains(&age), "signed {age} s ago");
    let key = hmac::Key::new(hmac::HMAC_SHA256, &[0; 24]);
    let tag = hmac::sign(&key, format!("{id}.{seconds}.{}", came.raw).as_bytes());
    assert_eq!(came.header("webhook-signature"), format!("v1,{}", base64(tag.as_ref())));
}

#[tokio::test]
async fn a_rollback_is_told_once_to_each_in_its_own_words() {
    let (hooks, chat, pager) = (Receiver::start().await, Receiver::start().await, Receiver::start().await);
    let slack = "  - { name: chat, kind: slack, url_file: chat-url, text: 'Bridge: {text}' }\n";
    let alerts =
        format!("  - {{ name: pager, kind: alertmanager, url: '{}/am', authorization_file: pass }}\n", pager.base);
    let (database, folder) = Daemon::prepare(&telling("hook, chat, pager")).await;
    std::fs::write(folder.join("chat-url"), format!("{}/services/T0/B0/key\n", chat.base)).unwrap();
    std::fs::write(folder.join("pass"), "Bearer let-me-page\n").unwrap();
    let daemon = on(database, folder, &format!("{}{slack}{alerts}", hook(&hooks))).await;
    daemon.start_rollout().await;
    daemon.order("rollback", json!({ "reason": "the crew sees wrong stock" })).await;
    let status = daemon.until(|status| status["phase"] == "rolled_back").await;
    let text = format!("{FLAG}: {}", status["sentence"].as_str().unwrap());
    let (told, link): (uuid::Uuid, _) = (
        sqlx::query_scalar("select id from rampart.outbox where kind = 'rolled_back'")
            .fetch_one(&mut daemon.owner().await)
            .await
            .unwrap(),
        format!("{PUBLIC}?flag={FLAG}"),
    );

    let letter = hooks.until(|came| !came.is_empty()).await.remove(0);
    assert_signed(&letter);
    assert_eq!((letter.path.as_str(), letter.header("webhook-id")), ("/hook", told.to_string().as_str()));
    assert_eq!(letter.header("content-type"), "application/json");
    let body = letter.json();
    assert_eq!((&body["type"], &body["data"]["text"]), (&json!("rollout.rolled_back"), &json!(text)));
    assert_eq!((&body["data"]["flag"], &body["data"]["link"]), (&json!(FLAG), &json!(link)));
    assert!(body["timestamp"].is_string() && body["data"]["rollout_id"].is_string(), "{body}");

    let body = chat.until(|came| !came.is_empty()).await.remove(0).json();
    let in_its_words = json!(format!("Bridge: {text}"));
    assert_eq!((&body["text"], &body["blocks"][0]["text"]["text"]), (&in_its_words, &in_its_words));
    let context = body["blocks"][1]["elements"][0]["text"].as_str().unwrap();
    assert!(context.starts_with("rolled back · 0 % · ") && context.contains(&format!("<{link}|")), "{context}");

    let posted = pager.until(|came| !came.is_empty()).await.remove(0);
    assert_eq!((posted.path.as_str(), posted.header("authorization")), ("/am/api/v2/alerts", "Bearer let-me-page"));
    let alert = posted.json()[0].clone();
    let labels = json!({ "alertname": "RampartRolledBack", "flag": FLAG, "severity": "page" });
    assert_eq!((&alert["labels"], &alert["annotations"]["summary"]), (&labels, &json!(text)));
    assert_eq!(alert["generatorURL"], link);
    assert!(alert["endsAt"].as_str() > alert["startsAt"].as_str(), "{alert}");

    // The next rollout ends the alert. Nobody else has to be told.
    assert_eq!(daemon.order("restart", json!({ "reason": "fixed" })).await.0, 200);
    // A letter tells how the alerts stand when it goes out, so that of the start may still tell of the rollback.
    let ends = |letter: &Came| letter.json()[0]["endsAt"].as_str() < alert["endsAt"].as_str();
    let ended = pager.until(|came| came.iter().any(ends)).await.into_iter().find(ends).unwrap().json();
    assert_eq!((&ended[0]["labels"], &ended[0]["startsAt"]), (&labels, &alert["startsAt"]));
    let seen = until(&daemon, |seen| seen["targets"][2]["delivered"].as_u64() >= Some(3)).await;
    assert_eq!((hooks.came().len(), chat.came().len()), (1, 1), "{seen}");
    assert_eq!(
        (&seen["targets"][0]["kind"], &seen["targets"][1]["host"]),
        (&json!("webhook"), &json!(chat.base.trim_start_matches("http://")))
    );
    assert!(!seen.to_string().contains("services"), "an address may be a secret: {seen}");
    assert_eq!((&seen["dead"], &seen["warnings"]), (&json!([]), &json!([])));
    let metrics = daemon.get("/metrics").await.text().await.unwrap();
    let counted = r#"rampart_notifications_total{outcome="delivered",target="hook"} 1"#;
    assert!(metrics.contains(counted) && metrics.contains("rampart_notifications_dead 0"), "{metrics}");
}

#[tokio::test]
async fn a_receiver_that_fails_is_asked_again_under_the_same_id_until_it_takes_the_letter() {
    let receiver = Receiver::start().await;
    receiver.next(&[Manner::Refuse(503, None), Manner::Refuse(404, None), Manner::Refuse(429, Some(1)), Manner::Take]);
    let daemon = daemon_with("hook", &hook(&receiver)).await;
    daemon.start_rollout().await;
    daemon.order("rollback", json!({})).await;
    let came = receiver.until(|came| came.len() == 4).await;
    came.iter().for_each(assert_signed);
    assert!(came.iter().all(|letter| letter.header("webhook-id") == came[0].header("webhook-id")));
    assert!(came.iter().all(|letter| letter.raw == came[0].raw), "what is told does not change");
    let at = |place: usize| came[place].header("webhook-timestamp").parse::<i64>().unwrap();
    assert!(at(3) > at(2), "it asked for a second of peace");
    let seen = until(&daemon, |seen| delivered(seen, 1)).await;
    assert_eq!(seen["targets"][0]["last_error"], Value::Null, "{seen}");
    // Whatever comes next is the next letter: the first is not sent once more.
    daemon.order("restart", json!({ "reason": "fixed" })).await;
    daemon.order("rollback", json!({})).await;
    let came = receiver.until(|came| came.len() == 5).await;
    assert_ne!(came[4].header("webhook-id"), came[0].header("webhook-id"));
}

#[tokio::test]
async fn a_receiver_that_hangs_delays_neither_a_rollback_nor_anybody_else() {
    let (hanging, other) = (Receiver::start().await, Receiver::start().await);
    hanging.usually(Manner::Hang);
    let chat = format!("  - {{ name: chat, kind: slack, url: '{}' }}\n", other.base);
    let daemon = daemon_with("hook, chat", &format!("{}{chat}", hook(&hanging))).await;
    let (on, _) = daemon.people_at(5).await;
    for attempt in 1..=5 {
        let started = if attempt == 1 { "start" } else { "restart" };
        assert_eq!(daemon.order(started, json!({ "reason": "again" })).await.0, 200);
        assert_eq!(daemon.low_stock(&on[0]).await, (200, "v2".to_owned()));
        assert_eq!(daemon.order("rollback", json!({})).await.0, 200);
        // The answer came after the commit, and this process serves by it.
        assert_eq!(daemon.low_stock(&on[0]).await, (200, "v1".to_owned()));
        assert_eq!(daemon.flag_row().await, (false, 0.0));
        hanging.until(|came| !came.is_empty()).await;
    }
    other.until(|came| came.len() == 5).await;
    let seen = seen(&daemon).await;
    assert_eq!((&seen["targets"][0]["delivered"], &seen["targets"][0]["waiting"]), (&json!(0), &json!(5)), "{seen}");
    // A breach, seen while the letter of the last rollback is still under way.
    daemon.order("restart", json!({ "reason": "again" })).await;
    daemon.sql("drop view v_stock_from_transactions cascade").await;
    assert_eq!(daemon.low_stock(&on[0]).await.0, 500);
    assert_eq!(daemon.low_stock(&on[0]).await, (200, "v1".to_owned()));
    daemon.until(|status| status["phase"] == "rolled_back").await;
    daemon.stop();
}

#[tokio::test]
async fn what_was_under_way_when_the_daemon_was_killed_arrives_under_its_own_id_and_only_that() {
    let receiver = Receiver::start().await;
    receiver.usually(Manner::Hang);
    let targets = hook(&receiver);
    let daemon = daemon_with("hook", &targets).await;
    daemon.start_rollout().await;
    daemon.order("rollback", json!({})).await;
    let first = receiver.until(|came| !came.is_empty()).await.remove(0);
    let (database, folder) = daemon.kill();
    receiver.usually(Manner::Take);
    let daemon = on(database, folder, &targets).await;
    until(&daemon, |seen| delivered(seen, 1)).await;
    let (database, folder) = daemon.kill();
    let daemon = on(database, folder, &targets).await;
    daemon.order("restart", json!({ "reason": "fixed" })).await;
    daemon.order("rollback", json!({})).await;
    until(&daemon, |seen| delivered(seen, 2)).await;
    let taken = receiver.taken();
    assert_eq!(taken.len(), 2, "{taken:#?}");
    assert_eq!(taken[0].header("webhook-id"), first.header("webhook-id"));
    assert_ne!(taken[1].header("webhook-id"), first.header("webhook-id"));
    taken.iter().for_each(assert_signed);
}

#[tokio::test]
async fn what_could_not_be_delivered_for_a_day_is_dead_and_gets_a_new_day_when_it_is_tried_again() {
    let receiver = Receiver::start().await;
    receiver.usually(Manner::Refuse(503, None));
    let daemon = daemon_with("hook", &hook(&receiver)).await;
    daemon.start_rollout().await;
    daemon.order("rollback", json!({})).await;
    until(&daemon, |seen| seen["targets"][0]["last_error"] == "answered 503 Service Unavailable: not today").await;
    daemon.sql("update rampart.deliveries set since = now() - interval '25 hours'").await;
    until(&daemon, |seen| seen["targets"][0]["dead"] == 1).await;
    receiver.usually(Manner::Take);
    let retried = daemon.cli(&["notify", "retry", "--all"]);
    assert_eq!(retried.status.code(), Some(0), "{retried:?}");
    until(&daemon, |seen| delivered(seen, 1)).await;
    assert_eq!(receiver.taken().len(), 1);
}

#[tokio::test]
async fn whoever_was_paged_for_blindness_hears_that_it_is_over_and_the_alert_ends() {
    let (hooks, pager) = (Receiver::start().await, Receiver::start().await);
    let policy = format!("{}blind_for: 1s\nnotify: [hook, pager]\n", slow());
    let (database, folder) = Daemon::prepare(&policy).await;
    let alerts = format!("  - {{ name: pager, kind: alertmanager, url: '{}' }}\n", pager.base);
    let daemon = on(database, folder, &format!("{}{alerts}", hook(&hooks))).await;
    // Nobody is there to be counted.
    daemon.start_rollout().await;
    let types = |came: &[Came]| -> Vec<Value> { came.iter().map(|came| came.json()["type"].clone()).collect() };
    hooks.until(|came| types(came) == ["rollout.blind_paged"]).await;
    let raised = pager.until(|came| !came.is_empty()).await.remove(0).json();
    assert_eq!(raised[0]["labels"]["alertname"], "RampartBlind");
    let (people, _) = daemon.people_at(5).await;
    assert_eq!(daemon.low_stock(&people[0]).await, (200, "v2".to_owned()));
    let letter = hooks.until(|came| types(came).contains(&json!("rollout.sight_regained"))).await.remove(1);
    let text = letter.json()["data"]["text"].as_str().unwrap().to_owned();
    assert!(text.starts_with(&format!("{FLAG}, no longer blind: ")), "{text}");
    let ended = pager.until(|came| came.len() == 2).await.remove(1).json();
    assert_eq!(ended[0]["startsAt"], raised[0]["startsAt"]);
    assert!(ended[0]["endsAt"].as_str() < raised[0]["endsAt"].as_str(), "{ended}");
}

#[tokio::test]
async fn two_replicas_tell_it_once() {
    let receiver = Receiver::start().await;
    let targets = hook(&receiver);
    let first = daemon_with("hook", &targets).await;
    let second_folder = std::env::temp_dir().join(format!("rampart-it-{}", uuid::Uuid::now_v7()));
    std::fs::create_dir_all(second_folder.join("policies")).unwrap();
    std::fs::write(second_folder.join("policies/part_lens_v2.yaml"), telling("hook")).unwrap();
    let second = on(first.database.clone(), second_folder, &targets).await;
    first.start_rollout().await;
    for _ in 0..5 {
        first.order("rollback", json!({})).await;
        first.order("restart", json!({ "reason": "again" })).await;
    }
    until(&second, |seen| delivered(seen, 5)).await;
    let mut ids: Vec<String> = receiver.came().iter().map(|came| came.header("webhook-id").to_owned()).collect();
    assert_eq!(ids.len(), 5);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 5, "each was told once");
}

#[tokio::test]
async fn what_a_receiver_wants_no_more_is_dead_until_a_person_tries_it_again() {
    let receiver = Receiver::start().await;
    receiver.next(&[Manner::Refuse(410, None)]);
    let daemon = daemon_with("hook", &hook(&receiver)).await;
    daemon.start_rollout().await;
    daemon.order("rollback", json!({})).await;
    let seen = until(&daemon, |seen| seen["targets"][0]["dead"] == 1).await;
    let letter = seen["dead"][0].clone();
    assert_eq!((&letter["target"], &letter["kind"]), (&json!("hook"), &json!("rolled_back")));
    assert_eq!((&letter["attempts"], &letter["last_error"]), (&json!(1), &json!("answered 410 Gone: not today")));
    assert!(letter["text"].as_str().unwrap().contains("Rolled back"), "{letter}");
    assert_eq!(seen["targets"][0]["last_error"], letter["last_error"]);
    let listed = daemon.cli(&["notify", "list"]);
    assert_eq!(listed.status.code(), Some(1), "something is dead");
    assert!(String::from_utf8_lossy(&listed.stdout).contains("answered 410 Gone"), "{listed:?}");
    let id = letter["id"].as_str().unwrap();
    let metrics = daemon.get("/metrics").await.text().await.unwrap();
    assert!(metrics.contains("rampart_notifications_dead 1\n"), "{metrics}");

    let retry = format!("/notifications/{id}/retry");
    assert_eq!(daemon.ops(VIEWER, "POST", &retry, None).await.0, 403);
    assert_eq!(daemon.ops(OPERATOR, "POST", "/notifications/nonsense/retry", None).await.0, 404);
    assert_eq!(daemon.cli(&["notify", "retry", "nonsense"]).status.code(), Some(2));
    let retried = daemon.cli(&["notify", "retry", id]);
    assert!(String::from_utf8_lossy(&retried.stdout).contains("is tried again: hook"), "{retried:?}");
    let came = receiver.until(|came| came.len() == 2).await;
    assert_eq!(came[0].header("webhook-id"), came[1].header("webhook-id"));
    until(&daemon, |seen| delivered(seen, 1) && seen["dead"] == json!([])).await;
    assert_eq!(daemon.ops(OPERATOR, "POST", &retry, None).await.0, 404, "it is dead no more");
    assert_eq!(daemon.cli(&["notify", "list"]).status.code(), Some(0));
}

// The command line waits for what the receiver, in this process, answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_says_of_each_target_whether_it_can_be_reached() {
    let (good, bad) = (Receiver::start().await, Receiver::start().await);
    bad.usually(Manner::Refuse(403, None));
    let chat = format!("  - {{ name: chat, kind: slack, url: '{}' }}\n", bad.base);
    let daemon = daemon_with("hook, chat, nobody", &format!("{}{chat}", hook(&good))).await;
    assert_eq!(daemon.ops(VIEWER, "POST", "/notifications/test", None).await.0, 403);
    let (status, tested) = daemon.ops(OPERATOR, "POST", "/notifications/test", None).await;
    let expected = json!([
        { "target": "hook", "ok": true, "detail": "it was taken" },
        { "target": "chat", "ok": false, "detail": "answered 403 Forbidden: not today" },
    ]);
    assert_eq!((status, &tested["results"]), (200, &expected));
    assert_signed(&good.came()[0]);
    assert_eq!(good.came()[0].json()["type"], "rollout.test");
    let one = daemon.cli(&["notify", "test", "hook"]);
    assert_eq!((one.status.code(), String::from_utf8_lossy(&one.stdout).contains("arrived")), (Some(0), true));
    assert_eq!(daemon.cli(&["notify", "test"]).status.code(), Some(1));
    let (status, refused) = daemon.ops(OWNER, "POST", "/notifications/test", Some(json!({ "target": "ops" }))).await;
    assert_eq!(status, 422, "{refused}");
    assert!(refused["detail"].as_str().unwrap().contains("expected one of hook, chat"), "{refused}");
    // A name without a target is shown, and keeps nothing from working.
    let warning = seen(&daemon).await["warnings"][0].as_str().unwrap().to_owned();
    assert!(warning.contains("\"nobody\"") && warning.contains(FLAG), "{warning}");
    let log = std::fs::read_to_string(daemon.folder.join("log")).unwrap();
    assert!(log.contains("nobody is told who is called"), "{log}");
}

#[tokio::test]
async fn what_everybody_was_told_of_long_ago_is_forgotten_and_nothing_else() {
    let hooks = Receiver::start().await;
    let (database, folder) = Daemon::prepare(&telling("hook")).await;
    let mut owner = PgConnection::connect(&database.owner.url()).await.unwrap();
    // Age in days, kind, and whether it arrived; an older one of each kind, or it would be the newest.
    for (days, kind, arrived) in [
        (91, "frozen", true),
        (89, "frozen", true),
        (91, "completed", false),
        (95, "hold_paged", true),
        (1, "completed", true),
    ] {
        sqlx::query(
            "with told as (
                 insert into rampart.outbox (id, flag, kind, body, created_at, planned_at)
                 values (gen_random_uuid(), $1, $2, '{}', now() - make_interval(days => $3), now()) returning id
             )
             insert into rampart.deliveries (notification, target, delivered_at, dead_at)
             select id, 'hook', case when $4 then now() end, case when not $4 then now() end from told",
        )
        .bind(FLAG)
        .bind(kind)
        .bind(days)
        .bind(arrived)
        .execute(&mut owner)
        .await
        .unwrap();
    }
    let _daemon = on(database, folder, &hook(&hooks)).await;
    let left = async {
        loop {
            let left: Vec<(String, i32)> = sqlx::query_as(
                "select kind, extract(day from now() - created_at)::integer from rampart.outbox order by 2 desc",
            )
            .fetch_all(&mut owner)
            .await
            .unwrap();
            if left.len() < 5 {
                return left;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let left = tokio::time::timeout(Duration::from_secs(20), left).await.expect("something is forgotten");
    let kept = |kind: &str, days: i32| (kind.to_owned(), days);
    // The newest of its kind, one that reached nobody, and what is not old yet.
    let expected = [kept("hold_paged", 95), kept("completed", 91), kept("frozen", 89), kept("completed", 1)];
    assert_eq!(left, expected);
}

#[tokio::test]
async fn without_targets_everything_works_and_the_log_says_once_that_nobody_is_told() {
    let daemon = Daemon::with(&telling("ops")).await;
    daemon.start_rollout().await;
    daemon.order("rollback", json!({})).await;
    let seen = seen(&daemon).await;
    assert_eq!((&seen["targets"], &seen["dead"]), (&json!([]), &json!([])));
    let said = "RAMPART_NOTIFY names no targets";
    assert!(seen["warnings"][0].as_str().unwrap().contains(said), "{seen}");
    let log = std::fs::read_to_string(daemon.folder.join("log")).unwrap();
    assert_eq!(log.matches(said).count(), 1, "{log}");
    let listed = daemon.cli(&["notify", "list"]);
    assert!(String::from_utf8_lossy(&listed.stdout).contains("no targets are configured"), "{listed:?}");
    // Once there is somebody to tell, what happened today is told.
    let receiver = Receiver::start().await;
    let (database, folder) = daemon.stop();
    std::fs::write(folder.join("policies/part_lens_v2.yaml"), telling("hook")).unwrap();
    let _daemon = on(database, folder, &hook(&receiver)).await;
    let letter = receiver.until(|came| !came.is_empty()).await.remove(0);
    assert_eq!(letter.json()["type"], "rollout.rolled_back");
}

#[tokio::test]
async fn wrong_settings_are_told_at_the_start_with_what_was_expected() {
    let (database, folder) = Daemon::prepare(&slow()).await;
    let start = |targets: &str| {
        let file = write_targets(&folder, targets);
        let started = Command::new(env!("CARGO_BIN_EXE_rampart"))
            .args(["serve", "--listen", "127.0.0.1:0"])
            .env("DATABASE_URL", database.owner.url())
            .env("RAMPART_POLICIES", folder.join("policies"))
            .env("RAMPART_NOTIFY", file)
            .output()
            .unwrap();
        (started.status.code(), String::from_utf8_lossy(&started.stderr).into_owned())
    };
    let (code, said) = start("  - { name: ops, kind: slack, urll: 'https://hooks.example.com/secret-path' }\n");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("notify.yaml:2:31: unknown key `urll`") && said.contains("did you mean `url`?"), "{said}");
    assert!(!said.contains("secret-path"), "an address may be a secret: {said}");
    let (code, said) = start("  - { name: a, kind: webhook, url: 'http://127.0.0.1:1', secret_file: none }\n");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("none: entity not found") && said.contains("whsec_"), "{said}");
}

/// A real one.
struct Alertmanager {
    url: String,
    child: Child,
}

impl Alertmanager {
    async fn start(folder: &Path) -> Self {
        let config = folder.join("alertmanager.yml");
        std::fs::write(&config, "route: { receiver: nobody }\nreceivers: [{ name: nobody }]\n").unwrap();
        let child = Command::new("prometheus-alertmanager")
            .args(["--web.listen-address=127.0.0.1:0", "--cluster.listen-address="])
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", folder.join("alertmanager").display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let mut child = child.unwrap_or_else(|error| panic!("{error}; scripts/setup installs prometheus-alertmanager"));
        let url =
            tokio::time::timeout(Duration::from_secs(20), ready(&mut child)).await.expect("alertmanager is ready");
        Self { url, child }
    }

    /// Waits until these alerts are active, and no others.
    async fn until_active(&self, names: &[&str]) -> Vec<Value> {
        let waited = async {
            loop {
                let asked = reqwest::get(format!("{}/api/v2/alerts?active=true", self.url)).await.unwrap();
                let alerts: Vec<Value> = asked.json().await.unwrap();
                let mut active: Vec<&str> =
                    alerts.iter().filter_map(|alert| alert["labels"]["alertname"].as_str()).collect();
                active.sort_unstable();
                if active == names {
                    return alerts;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), waited).await.unwrap_or_else(|_| panic!("waited for {names:?}"))
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn a_real_alertmanager_shows_the_alert_until_the_next_rollout_begins() {
    let (database, folder) = Daemon::prepare(&telling("pager")).await;
    let real = Alertmanager::start(&folder).await;
    let targets = format!("  - {{ name: pager, kind: alertmanager, url: '{}' }}\n", real.url);
    let daemon = on(database, folder, &targets).await;
    daemon.start_rollout().await;
    daemon.order("rollback", json!({})).await;
    let alert = real.until_active(&["RampartRolledBack"]).await.remove(0);
    assert_eq!((&alert["labels"]["flag"], &alert["labels"]["severity"]), (&json!(FLAG), &json!("page")));
    assert!(alert["annotations"]["summary"].as_str().unwrap().contains("Rolled back to 0 %"), "{alert}");
    daemon.order("restart", json!({ "reason": "fixed" })).await;
    real.until_active(&[]).await;
    daemon.order("rollback", json!({})).await;
    real.until_active(&["RampartRolledBack"]).await;
    assert_eq!(daemon.ops(OPERATOR, "POST", "/notifications/test", None).await.1["results"][0]["ok"], true);
    real.until_active(&["RampartRolledBack", "RampartTest"]).await;
}
