//! Servers that outlived their daemon.
//!
//! Normally the parent-death signal ends the server with its daemon. It cannot where `setpriv` is missing, and it may
//! not have finished when the next daemon starts. Nobody supervises such a server, so it is stopped, and a new one
//! started.
//!
//! Only called with the folder locked, hence with no other daemon about.

use crate::account::Account;
use crate::error::Error;
use crate::wait::until;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

/// How each request is made, most polite first, and how long it may take. A fast shutdown writes a checkpoint, so it
/// gets the longest time.
const REQUESTS: [(Signal, Duration); 3] = [
    (Signal::INT, Duration::from_secs(15)),
    (Signal::QUIT, Duration::from_secs(5)),
    (Signal::KILL, Duration::from_secs(5)),
];

/// Ends every server process that still works on `cluster`, then removes the pid file it left.
pub(crate) async fn end(cluster: &Path, account: &Account) -> Result<(), Error> {
    if !cluster.exists() {
        return Ok(());
    }
    for (signal, limit) in REQUESTS {
        let survivors = find(cluster, account);
        if survivors.is_empty() {
            break;
        }
        tracing::warn!(cluster = %cluster.display(), ?survivors, ?signal, "stopping a server left by an earlier daemon");
        for pid in receivers(cluster, &survivors, signal) {
            if let Err(error) = kill_process(pid, signal) {
                tracing::debug!(process.pid = pid.as_raw_nonzero().get(), %error, "it is gone already");
            }
        }
        until(limit, || find(cluster, account).is_empty().then_some(())).await;
    }
    let survivors = find(cluster, account);
    if !survivors.is_empty() {
        let pids: Vec<String> = survivors.iter().map(|pid| pid.as_raw_nonzero().to_string()).collect();
        return Err(Error::Survivors { cluster: cluster.to_owned(), pids: pids.join(", ") });
    }
    remove_pid_file(cluster)
}

/// A pid file without its server names a pid that may belong to a stranger by now, and the server would refuse to
/// start because of it.
fn remove_pid_file(cluster: &Path) -> Result<(), Error> {
    let path = cluster.join("postmaster.pid");
    match fs::remove_file(&path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", &path, source)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Whom to signal: the server itself, which passes requests on; its orphans if it is gone; everybody at the end.
fn receivers(cluster: &Path, survivors: &[Pid], signal: Signal) -> Vec<Pid> {
    let server = recorded_pid(cluster).filter(|pid| survivors.contains(pid));
    match server {
        Some(server) if signal != Signal::KILL => vec![server],
        Some(_) | None => survivors.to_vec(),
    }
}

/// The pid in the cluster's pid file.
pub(crate) fn recorded_pid(cluster: &Path) -> Option<Pid> {
    let text = fs::read_to_string(cluster.join("postmaster.pid")).ok()?;
    let pid = text.lines().next()?.trim().parse().ok()?;
    // Single-user mode notes its pid as a negative number; it is found by its working directory instead.
    if pid > 0 { Pid::from_raw(pid) } else { None }
}

/// The server processes that work on `cluster`: those named `postgres` with it as their working directory.
///
/// Root in a container is often not allowed to look at the processes of other users. Then the server's own account is
/// asked to look.
fn find(cluster: &Path, account: &Account) -> Vec<Pid> {
    let Ok(processes) = fs::read_dir("/proc") else {
        return find_without_proc(cluster);
    };
    let Ok(cluster) = cluster.canonicalize() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut hidden = Vec::new();
    for process in processes.flatten() {
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw) else {
            continue;
        };
        let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
        if !name.starts_with("postgres") {
            continue;
        }
        match fs::read_link(process.path().join("cwd")) {
            Ok(folder) if folder == cluster => found.push(pid),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => hidden.push(pid),
            Ok(_) | Err(_) => {}
        }
    }
    found.extend(account.working_on(&cluster, hidden));
    found
}

/// Systems without `/proc` leave only the pid file to go by.
fn find_without_proc(cluster: &Path) -> Vec<Pid> {
    recorded_pid(cluster).filter(|pid| test_kill_process(*pid).is_ok()).into_iter().collect()
}
