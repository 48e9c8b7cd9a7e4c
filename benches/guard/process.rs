//! The daemon as a process: started on a data directory, ready, and ended.

use crate::wire::{Connection, request};
use rampart::clock::Stopwatch;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How long a start or an end may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The policy of the tests: every immediate limit, and an hour a stage, so that it stays where it is put.
const POLICY: &str = r#"
flag: part_lens_v2
stages:
  - { percent: 5,   soak: 1h, min_requests: 1 }
  - { percent: 20,  soak: 1h, min_requests: 1 }
  - { percent: 50,  soak: 1h, min_requests: 1 }
  - { percent: 100, soak: 1h, min_requests: 1 }
tick: 1s
checks:
  server_errors:         { signal: live.5xx, scope: all, rollback_if: "> 0" }
  null_audit_signatures: { signal: audit.violations, rollback_if: "> 0" }
  rls_bypasses:          { signal: probe.rls, rollback_if: "> 0" }
  data_inconsistency:    { signal: report.data_inconsistency, rollback_if: "> 0" }
  user_reports:          { signal: report.any, advance_if: "== 0" }
"#;

/// A data directory with a policy; it goes when it is dropped.
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
}

impl Folder {
    pub(crate) fn make() -> Self {
        let path = std::env::temp_dir().join(format!("rampart-bench-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir_all(path.join("policies")).unwrap();
        std::fs::write(path.join("policies/part_lens_v2.yaml"), POLICY).unwrap();
        Self { path }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Left behind where it cannot be removed: a temporary folder harms nobody.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// A daemon that answers. It is asked to end, and its PostgreSQL with it, when it is dropped.
pub(crate) struct Process {
    pub(crate) address: SocketAddr,
    /// From the start of the process until it was ready.
    pub(crate) took: Duration,
    child: Child,
}

impl Process {
    /// Starts it and waits until it is ready.
    pub(crate) async fn start(folder: &Path) -> Self {
        let address = free_address();
        let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("log")).unwrap();
        let watch = Stopwatch::start();
        // A clean environment: no DATABASE_URL, no secrets, nothing that looks like a deployment.
        let child = Command::new(env!("CARGO_BIN_EXE_rampart"))
            .args(["serve", "--listen", &address.to_string()])
            .env_clear()
            .envs(std::env::vars_os().filter(|(name, _)| name == "PATH" || name == "HOME"))
            .env("RAMPART_DATA_DIR", folder)
            .env("RAMPART_POLICIES", folder.join("policies"))
            .env("RAMPART_OPEN_METRICS", "true")
            .env("RAMPART_LOG_FORMAT", "text")
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut process = Self { address, took: Duration::ZERO, child };
        while !process.is_ready().await {
            assert!(process.child.try_wait().unwrap().is_none(), "the daemon ended; see {}/log", folder.display());
            assert!(watch.elapsed() < PATIENCE, "the daemon is not ready; see {}/log", folder.display());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        process.took = watch.elapsed();
        process
    }

    async fn is_ready(&self) -> bool {
        let Ok(mut connection) = Connection::open(self.address).await else { return false };
        connection.send(&request("/readyz", None)).await.is_ok_and(|answer| answer.status == 200)
    }

    /// Resident memory of the daemon itself, in MB of 1 000 000 bytes.
    pub(crate) fn resident_megabytes(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse().unwrap();
        kibibytes * 1024.0 / 1e6
    }
}

impl Process {
    /// Time that the daemon itself has taken of a processor.
    pub(crate) fn processor_seconds(&self) -> f64 {
        // The name in parentheses may hold spaces; behind it, user and system time are the 12th and 13th field. Linux
        // counts them in hundredths of a second.
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
        fields[11..13].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / 100.0
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // SIGTERM, so that it ends its PostgreSQL; killed where it does not listen.
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let watch = Stopwatch::start();
        while self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            if watch.elapsed() > PATIENCE {
                let _ = self.child.kill();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A port that was free a moment ago. The daemon could choose one itself, but says which only once it serves.
fn free_address() -> SocketAddr {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap()
}
