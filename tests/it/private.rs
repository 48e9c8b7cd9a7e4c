//! `rampart serve` with nothing but a data directory: a private PostgreSQL, generated secrets.

use crate::harness::slow;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const RUNBOOK: &str = "UPDATE feature_flags SET enabled = true, canary_percentage = 5, updated_at = NOW()
                       WHERE flag_name = 'part_lens_v2';";

struct Serve {
    child: Child,
    base: String,
    said: String,
}

impl Serve {
    fn start(folder: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_rampart"))
            .args(["serve", "--listen", "127.0.0.1:0"])
            .env_remove("DATABASE_URL")
            .env("RAMPART_DATA_DIR", folder)
            .env("RAMPART_POLICIES", folder.join("policies"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (mut said, mut base) = (String::new(), String::new());
        // What it says ends with the database's line at every start but the first.
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for line in lines.by_ref().map_while(Result::ok) {
            said += &format!("{line}\n");
            if let Some(page) = line.strip_prefix("page      ") {
                page.trim_end_matches('/').clone_into(&mut base);
            }
            if line.starts_with("database") {
                break;
            }
        }
        // The rest, if any, is read so that nobody is blocked by a full pipe.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Self { child, base, said }
    }

    fn rampart(&self, folder: &Path, args: &[&str]) -> std::process::Output {
        Command::new(env!("CARGO_BIN_EXE_rampart"))
            .args(args)
            .env("RAMPART_DATA_DIR", folder)
            .env("RAMPART_URL", &self.base)
            .env_remove("RAMPART_TOKEN")
            .output()
            .unwrap()
    }

    fn status(&self, folder: &Path) -> Value {
        let answer = self.rampart(folder, &["rollout", "status", "--json"]);
        serde_json::from_slice(&answer.stdout).unwrap_or_default()
    }

    async fn until(&self, folder: &Path, wanted: impl Fn(&Value) -> bool) -> Value {
        let waited = async {
            loop {
                let status = self.status(folder);
                if wanted(&status) {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), waited).await.expect("it comes to this")
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

fn folder() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("rampart-private-{}", uuid::Uuid::now_v7().simple()));
    std::fs::create_dir_all(folder.join("policies")).unwrap();
    std::fs::write(folder.join("policies/part_lens_v2.yaml"), slow()).unwrap();
    folder
}

#[tokio::test]
async fn the_runbook_statement_typed_into_psql_starts_a_rollout_that_survives_a_crash() {
    let folder = folder();
    let mut serve = Serve::start(&folder);
    assert!(serve.said.contains("psql"), "{}", serve.said);
    assert!(!serve.said.contains("password="), "{}", serve.said);
    let typed = serve.rampart(&folder, &["psql", "--", "-X", "-c", RUNBOOK]);
    assert!(typed.status.success(), "{}", String::from_utf8_lossy(&typed.stderr));
    assert_eq!(String::from_utf8_lossy(&typed.stdout).trim(), "UPDATE 1");
    serve.until(&folder, |status| status["phase"] == "ramping").await;
    let journal = serve.rampart(&folder, &["rollout", "journal"]);
    let journal = String::from_utf8_lossy(&journal.stdout).into_owned();
    assert!(
        journal.contains("started") && journal.contains("sql:rampart_owner") && journal.contains("runbook SQL"),
        "{journal}"
    );
    assert!(serve.rampart(&folder, &["rollout", "advance", "--reason", "to 20"]).status.success());
    serve.child.kill().unwrap();
    serve.child.wait().unwrap();

    let again = Serve::start(&folder);
    assert!(!again.said.contains("tokens"), "tokens are printed once: {}", again.said);
    let status = again.until(&folder, |status| status["percent"] == 20.0).await;
    assert_eq!(status["phase"], "ramping");
    assert!(again.rampart(&folder, &["rollout", "replay"]).status.success());
    let second = Command::new(env!("CARGO_BIN_EXE_rampart"))
        .args(["serve", "--listen", "127.0.0.1:0"])
        .env_remove("DATABASE_URL")
        .env("RAMPART_DATA_DIR", &folder)
        .env("RAMPART_POLICIES", folder.join("policies"))
        .output()
        .unwrap();
    assert!(!second.status.success(), "two daemons on one directory");
    assert!(String::from_utf8_lossy(&second.stderr).contains("pid"), "{}", String::from_utf8_lossy(&second.stderr));
    let lowered = "update feature_flags set canary_percentage = 0 where flag_name = 'part_lens_v2'";
    assert!(again.rampart(&folder, &["psql", "--", "-X", "-c", lowered]).status.success());
    again.until(&folder, |status| status["phase"] == "rolled_back").await;
    drop(again);
    std::fs::remove_dir_all(folder).unwrap();
}
