//! Folders, SQL and daemons for the tests.

use rampart_postgres::{Cluster, Config, Login};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Longest wait for something that normally takes milliseconds.
const LIMIT: Duration = Duration::from_secs(60);

/// Tells a re-run of this program to be a daemon on the folder it names.
const DAEMON_DIR: &str = "RAMPART_TEST_DAEMON_DIR";

/// A folder of one test, removed at its end.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("rampart-it-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn config(&self) -> Config {
        Config::new(self.0.join("data"))
    }

    /// The names in our folder under the data directory.
    pub(crate) fn names(&self) -> Vec<String> {
        names_in(&self.0.join("data/postgres"))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

pub(crate) fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Runs one statement; the error is what psql said.
pub(crate) fn try_sql(login: &Login, statement: &str) -> Result<String, String> {
    let output = login
        .psql()
        .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c"])
        .arg(statement)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).unwrap().trim().to_owned())
    } else {
        Err(String::from_utf8(output.stderr).unwrap())
    }
}

pub(crate) fn sql(login: &Login, statement: &str) -> String {
    try_sql(login, statement).unwrap()
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Waits until `ready` answers.
pub(crate) async fn eventually<T>(what: &str, mut ready: impl FnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ready() {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, asking).await.expect(what)
}

pub(crate) fn kill_hard(pid: u32) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

/// Runs a daemon on `data_dir` in a process of its own.
pub(crate) fn daemon(data_dir: &Path) -> Child {
    rerun("support::be_a_daemon_when_asked", DAEMON_DIR, data_dir).spawn().unwrap()
}

/// Leaves a server on `data_dir` that has no daemon.
pub(crate) fn orphan(data_dir: &Path) {
    let status = rerun("support::leave_an_orphan_when_asked", "RAMPART_TEST_PG", data_dir).status().unwrap();
    assert!(status.success());
}

/// This program again, with one of its tests and a folder for it.
fn rerun(test: &str, variable: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", test, "--nocapture"])
        .env(variable, folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// Not a test: the body of [`daemon`].
#[tokio::test]
async fn be_a_daemon_when_asked() {
    let Some(data_dir) = std::env::var_os(DAEMON_DIR) else {
        return;
    };
    let cluster = Cluster::start(&Config::new(data_dir)).await.unwrap();
    panic!("{}", cluster.gave_up().await);
}

/// Not a test: the body of [`orphan`].
#[tokio::test]
async fn leave_an_orphan_when_asked() {
    if std::env::var_os("RAMPART_TEST_PG").is_some() {
        rampart_postgres::testing::database().await;
    }
}
