//! The command line: what it prints, and its exit codes.

use crate::harness::{Daemon, slow};
use serde_json::{Value, json};
use std::process::{Command, Output};

fn rampart(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rampart"))
        .args(args)
        .env_remove("DATABASE_URL")
        .env_remove("RAMPART_TOKEN")
        .output()
        .unwrap()
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn a_health_check_needs_nothing_but_the_program_itself() {
    let daemon = Daemon::start().await;
    let base = daemon.base.clone();
    // Its first connection to the database may still be on its way.
    while daemon.get("/health").await.json::<serde_json::Value>().await.unwrap()["status"] != "healthy" {}
    let healthy = rampart(&["health", "--url", &base]);
    assert_eq!((code(&healthy), stdout(&healthy).as_str()), (Some(0), "healthy\n"));
    drop(daemon);
    let gone = rampart(&["health", "--url", &base]);
    assert_eq!(code(&gone), Some(1));
    assert!(stderr(&gone).contains("no healthy daemon"), "{}", stderr(&gone));
}

#[tokio::test]
async fn a_rollout_is_steered_from_the_command_line() {
    let daemon = Daemon::start().await;
    let run = |args: &[&str]| daemon.cli(args);
    assert!(stdout(&run(&["rollout", "status"])).contains("waiting"));
    assert_eq!(code(&run(&["rollout", "start"])), Some(0));
    let refused = run(&["rollout", "start"]);
    assert_eq!(code(&refused), Some(1));
    assert!(stderr(&refused).contains("running already"), "{}", stderr(&refused));
    assert_eq!(code(&run(&["rollout", "advance"])), Some(1), "a reason is missing");
    assert_eq!(code(&run(&["rollout", "advance", "--reason", "night"])), Some(0));
    assert_eq!(code(&run(&["rollout", "set-stage", "50", "--reason", "on"])), Some(0));
    let status: serde_json::Value = serde_json::from_str(&stdout(&run(&["rollout", "status", "--json"]))).unwrap();
    assert_eq!(status["percent"], 50.0);
    assert!(stdout(&run(&["flag", "list"])).contains("50 %"));
    assert_eq!(code(&run(&["report", "the list is slow"])), Some(0));
    assert_eq!(code(&run(&["rollout", "rollback", "--reason", "enough"])), Some(0));
    let journal = stdout(&run(&["rollout", "journal", "--verify"]));
    assert!(journal.contains("rolled_back") && journal.contains("both hash chains are whole"), "{journal}");
    assert_eq!(code(&run(&["rollout", "replay"])), Some(0));
    assert_eq!(code(&run(&["flag", "eval", "part_lens_v2", "somebody"])), Some(1), "off is no");
}

#[test]
fn a_policy_is_checked_with_every_mistake_at_its_place() {
    let file = std::env::temp_dir().join(format!("rampart-policy-{}.yaml", std::process::id()));
    let path = file.to_str().unwrap();
    std::fs::write(&file, slow().replace("percent: 20", "percent: 5").replace("audit.violations", "audit.violation"))
        .unwrap();
    let checked = rampart(&["policy", "check", path]);
    assert_eq!(code(&checked), Some(1));
    let said = stderr(&checked);
    assert!(said.contains(&format!("{path}:5:")), "{said}");
    assert!(said.contains("did you mean") && said.contains("audit.violations"), "{said}");
    let for_programs = || {
        let checked = rampart(&["policy", "check", path, "--json"]);
        (code(&checked), serde_json::from_str::<Value>(&stdout(&checked)).unwrap()["files"][0]["mistakes"].clone())
    };
    let (no, mistakes) = for_programs();
    assert_eq!((no, &mistakes[0]["line"], mistakes.as_array().unwrap().len()), (Some(1), &json!(5), 2), "{mistakes}");
    std::fs::write(&file, slow()).unwrap();
    assert_eq!(code(&rampart(&["policy", "check", path])), Some(0));
    assert_eq!(for_programs(), (Some(0), json!([])));
    std::fs::remove_file(file).unwrap();
    let shown = rampart(&["policy", "show", concat!(env!("CARGO_MANIFEST_DIR"), "/policies/part_lens_v2.yaml")]);
    assert!(stdout(&shown).contains("server errors"), "{}", stdout(&shown));
}

#[test]
fn a_check_of_a_policy_tells_what_the_traffic_can_prove() {
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/policies/part_lens_v2.yaml");
    let checked = |traffic: &[&str]| rampart(&[&["policy", "check", shipped], traffic].concat());
    let said = stdout(&checked(&["--requests-per-second", "1", "--server-error-rate", "1e-6"]));
    assert!(said.contains("\n   5 %  about 180 canary requests within the soak; enough to prove p95 latency (74); too few to prove error rate (3764)\n"), "{said}");
    assert!(said.contains("note: a healthy rollout ends without a single 5xx in "), "{said}");
    for (wrong, expected) in [("-1", "expected a number of requests a second"), ("lots", "such as 40")] {
        let refused = checked(&[&format!("--requests-per-second={wrong}")]);
        assert_eq!(code(&refused), Some(2));
        assert!(stderr(&refused).contains(expected), "{}", stderr(&refused));
    }
    assert_eq!(code(&checked(&["--server-error-rate", "0.1"])), Some(2), "a rate of nothing");
    assert_eq!(code(&checked(&["--requests-per-second", "1", "--server-error-rate", "1.1"])), Some(2));
}

#[test]
fn wrong_use_and_missing_settings_are_told_apart_by_the_exit_code() {
    assert_eq!(code(&rampart(&["policy", "fly"])), Some(2));
    assert_eq!(code(&rampart(&["rollout", "status", "--data-dir", "/nowhere"])), Some(2));
    let serve = |name: &str, value: &str| {
        Command::new(env!("CARGO_BIN_EXE_rampart"))
            .args(["serve", "--listen", "127.0.0.1:0"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env_remove("DATABASE_URL")
            .env(name, value)
            .output()
            .unwrap()
    };
    let deployed = serve("RENDER", "true");
    assert_eq!(code(&deployed), Some(2), "{}", stderr(&deployed));
    assert!(
        stderr(&deployed).contains("RENDER") && stderr(&deployed).contains("DATABASE_URL"),
        "{}",
        stderr(&deployed)
    );
    let bare = serve("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none");
    assert_eq!(code(&bare), Some(2), "no secret is configured: {}", stderr(&bare));
    let folder = serve("RAMPART_POLICIES", "/nowhere");
    assert_eq!(code(&folder), Some(1));
}

#[test]
fn a_variable_that_is_set_to_nothing_counts_as_not_set() {
    let serve = Command::new(env!("CARGO_BIN_EXE_rampart"))
        .args(["serve", "--listen", "127.0.0.1:0"])
        .env("RAMPART_DEPLOYMENT", "test")
        .env("RAMPART_POLICIES", concat!(env!("CARGO_MANIFEST_DIR"), "/policies"))
        .envs(["DATABASE_URL", "RAMPART_LISTEN_URL", "RAMPART_DB_POOLER", "PORT"].map(|name| (name, "")))
        .envs(["RAMPART_OPS_LISTEN", "RAMPART_OPEN_METRICS", "RAMPART_DATA_DIR"].map(|name| (name, " ")))
        .output()
        .unwrap();
    assert_eq!(code(&serve), Some(2), "{}", stderr(&serve));
    assert!(stderr(&serve).contains("DATABASE_URL is not set, but "), "{}", stderr(&serve));
}

#[test]
fn shells_and_man_are_told_of_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let told = rampart(&["completions", shell]);
        assert_eq!(code(&told), Some(0));
        assert!(stdout(&told).contains("set-stage") && stdout(&told).contains("backtest"), "{shell}");
    }
    assert!(stdout(&rampart(&["man"])).starts_with(".ie"), "roff");
    let folder = std::env::temp_dir().join(format!("rampart-man-{}", std::process::id()));
    assert_eq!(code(&rampart(&["man", "--folder", folder.to_str().unwrap()])), Some(0));
    assert!(std::fs::read_to_string(folder.join("rampart-rollout-watch.1")).unwrap().contains("Follow it live"));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn every_command_explains_itself_with_an_example() {
    for command in [
        vec!["serve"],
        vec!["demo"],
        vec!["completions"],
        vec!["man"],
        vec!["migrate"],
        vec!["psql"],
        vec!["policy", "check"],
        vec!["policy", "show"],
        vec!["policy", "try"],
        vec!["policy", "diff"],
        vec!["policy", "schema"],
        vec!["rollout", "status"],
        vec!["rollout", "start"],
        vec!["rollout", "pause"],
        vec!["rollout", "resume"],
        vec!["rollout", "advance"],
        vec!["rollout", "set-stage"],
        vec!["rollout", "rollback"],
        vec!["rollout", "restart"],
        vec!["rollout", "complete"],
        vec!["rollout", "journal"],
        vec!["rollout", "watch"],
        vec!["report"],
        vec!["accept"],
        vec!["evidence"],
        vec!["stress"],
        vec!["token"],
        vec!["token", "enroll"],
        vec!["token", "revoke"],
        vec!["audit", "verify"],
        vec!["flag", "eval"],
        vec!["flag", "list"],
    ] {
        let help = rampart(&[command.clone(), vec!["--help"]].concat());
        assert!(stdout(&help).contains("Example: "), "{command:?}: {}", stdout(&help));
    }
}

#[test]
fn a_policy_is_tried_in_a_virtual_world() {
    let home = env!("CARGO_MANIFEST_DIR");
    let policy = format!("{home}/policies/part_lens_v2.yaml");
    let folder = std::env::temp_dir().join(format!("rampart-try-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let page = folder.join("report.html");
    let listed = rampart(&["policy", "try", &policy, "--list"]);
    assert!(code(&listed) == Some(0) && stdout(&listed).contains("metrics_outage"), "{}", stderr(&listed));

    let report = page.to_str().unwrap();
    let tried = rampart(&["policy", "try", &policy, "--scenario", "errors_at_20", "--plain", "--report", report]);
    assert_eq!(code(&tried), Some(0), "{}", stderr(&tried));
    assert!(stdout(&tried).contains("Rolled back from 20 %") && stdout(&tried).is_ascii(), "{}", stdout(&tried));
    assert!(std::fs::read_to_string(&page).unwrap().contains("<svg"));
    let json = rampart(&["policy", "try", &policy, "--scenario", "errors_at_20", "--seed", "9", "--json"]);
    let run: serde_json::Value = serde_json::from_str(&stdout(&json)).unwrap();
    assert_eq!((&run["phase"], &run["seed"]), (&"rolled_back".into(), &9.into()));

    let own = folder.join("own.yaml");
    let own_path = own.to_str().unwrap();
    std::fs::write(&own, "about: It ends well.\nlasts: 10m\nexpect: completed\n").unwrap();
    let disappointed = rampart(&["policy", "try", &policy, "--scenario", own_path]);
    assert_eq!(code(&disappointed), Some(1), "{}", stderr(&disappointed));
    std::fs::write(&own, "about: It ends well.\nexpekt: completed\n").unwrap();
    let wrong = rampart(&["policy", "try", &policy, "--scenario", own_path]);
    assert_eq!(code(&wrong), Some(2));
    assert!(stderr(&wrong).contains("own.yaml:2:1: unknown key `expekt`"), "{}", stderr(&wrong));
    assert_eq!(code(&rampart(&["policy", "try", &policy])), Some(2));
    assert_eq!(code(&rampart(&["policy", "try", &policy, "--scenario", "no_such_thing"])), Some(2));
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Two policies that differ in one soak, in a folder of their own.
fn two_policies(name: &str) -> (std::path::PathBuf, String, String) {
    let folder = std::env::temp_dir().join(format!("rampart-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = |name: &str, text: String| {
        let file = folder.join(name);
        std::fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let (before, after) =
        (file("before.yaml", slow()), file("after.yaml", slow().replacen("soak: 1h", "soak: 30m", 1)));
    (folder, before, after)
}

#[test]
fn two_policies_are_compared_key_by_key() {
    let (folder, before, after) = two_policies("diff");
    let same = rampart(&["policy", "diff", &before, &before]);
    assert_eq!((code(&same), stdout(&same).as_str()), (Some(0), "no difference\n"));
    let laxer = rampart(&["policy", "diff", &before, &after]);
    let said = "stage 1 soak: 1 h → 30 min (laxer)\n1 different, 1 of them laxer\n";
    assert_eq!((code(&laxer), stdout(&laxer).as_str()), (Some(1), said));
    let json = rampart(&["policy", "diff", &after, &before, "--json"]);
    let changes: serde_json::Value = serde_json::from_str(&stdout(&json)).unwrap();
    assert_eq!((code(&json), &changes[0]["effect"]), (Some(1), &"stricter".into()));
    std::fs::write(&after, "flag: [").unwrap();
    let broken = rampart(&["policy", "diff", &before, &after]);
    assert_eq!(code(&broken), Some(1));
    assert!(stderr(&broken).contains("after.yaml:1:"), "{}", stderr(&broken));
    assert_eq!(code(&rampart(&["policy", "diff", "nowhere/x.yaml"])), Some(2));
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_file_is_compared_with_what_the_daemon_has_pinned() {
    let daemon = Daemon::start().await;
    let (folder, before, after) = two_policies("pinned");
    daemon.start_rollout().await;
    let run = |args: &[&str]| daemon.cli(args);
    assert_eq!(code(&run(&["policy", "diff", &before])), Some(0));
    let file = run(&["policy", "diff", &after]);
    assert!(
        code(&file) == Some(1) && stdout(&file).contains("stage 1 soak: 1 h → 30 min (laxer)"),
        "{}",
        stdout(&file)
    );
    assert_eq!(code(&run(&["policy", "diff", "part_lens_v2"])), Some(0));
    // The daemon's own file changes under the rollout, which stays pinned.
    std::fs::copy(&after, daemon.folder.join("policies/part_lens_v2.yaml")).unwrap();
    daemon.until(|status| status["policy"]["offered"].is_string()).await;
    let flag = run(&["policy", "diff", "part_lens_v2"]);
    assert!(
        code(&flag) == Some(1) && stdout(&flag).contains("stage 1 soak: 1 h → 30 min (laxer)"),
        "{}",
        stdout(&flag)
    );
    assert_eq!(code(&run(&["policy", "diff", "no_such_flag"])), Some(1));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_check_tells_when_the_windows_open_and_close() {
    let (folder, path, _) = two_policies("windows");
    let windows = "windows: { timezone: Europe/Monaco, freeze: [{ from: 2199-01-01, to: 2199-01-02 }] }\n";
    std::fs::write(&path, format!("{}\n{windows}", slow())).unwrap();
    let checked = rampart(&["policy", "check", &path]);
    let said = "its windows are open until Tue 2199-01-01 00:00 CET, then closed until Thu 2199-01-03 00:00 CET (frozen from 2199-01-01 to 2199-01-02)";
    assert!(code(&checked) == Some(0) && stdout(&checked).contains(said), "{}{}", stdout(&checked), stderr(&checked));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_schema_that_is_printed_is_the_one_that_is_shipped() {
    let printed = rampart(&["policy", "schema"]);
    let shipped = include_str!("../../policies/schema.json");
    assert_eq!((code(&printed), stdout(&printed).as_str()), (Some(0), shipped));
}
