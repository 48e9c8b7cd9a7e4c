//! What can go wrong, in words for the person who started the daemon.

use std::io;
use std::path::{Path, PathBuf};

/// Why the private PostgreSQL could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No usable installation was found.
    #[error(
        "PostgreSQL 15 or newer is not installed: looked for initdb, postgres and psql in {searched}\n\
         hint: Debian and Ubuntu: `apt-get install postgresql`; Homebrew: `brew install postgresql@17`; \
         or set DATABASE_URL to a server you already have"
    )]
    ProgramsMissing {
        /// The folders that were looked into, separated by commas.
        searched: String,
    },
    /// The cluster belongs to a major version whose programs are not installed.
    #[error(
        "the cluster in {cluster} was made by PostgreSQL {made_by}, but the installed programs are version {installed}\n\
         hint: install PostgreSQL {made_by}, or dump and load the data into a new data directory"
    )]
    OtherMajor {
        /// The cluster's folder.
        cluster: PathBuf,
        /// The major version that made it.
        made_by: u32,
        /// The versions found, separated by commas.
        installed: String,
    },
    /// Another daemon runs on the same folder.
    #[error(
        "another daemon ({holder}) already runs on {folder}\n\
         hint: stop it, or choose another data directory with RAMPART_DATA_DIR",
        holder = .pid.map_or_else(|| "pid unknown".to_owned(), |pid| format!("pid {pid}")),
        folder = .folder.display()
    )]
    Held {
        /// The process that holds the folder, where it could be read.
        pid: Option<u32>,
        /// The folder both want.
        folder: PathBuf,
    },
    /// [`crate::attach`] found no running daemon.
    #[error(
        "no daemon runs its own PostgreSQL in {folder}\n\
         hint: start one with `rampart serve`, or set RAMPART_DATA_DIR to the directory of the one that runs"
    )]
    NotRunning {
        /// The folder looked into.
        folder: PathBuf,
    },
    /// The data directory cannot be written.
    #[error(
        "the data directory cannot be written: {path}: {source}\n\
         hint: give this user write access to it, or choose another with RAMPART_DATA_DIR"
    )]
    NotWritable {
        /// The file or folder that was refused.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The cluster belongs to another user.
    #[error(
        "the cluster in {cluster} belongs to user id {owner}, this process runs as {ourselves}\n\
         hint: run as that user or as root, or choose another data directory with RAMPART_DATA_DIR"
    )]
    Foreign {
        /// The cluster's folder.
        cluster: PathBuf,
        /// Who owns it.
        owner: u32,
        /// Who we are.
        ourselves: u32,
    },
    /// Running as root without an account to run the server as.
    #[error(
        "PostgreSQL refuses to run as root, and neither `postgres` nor `nobody` is a user of this machine\n\
         hint: run the daemon as an ordinary user"
    )]
    NoAccount,
    /// Running as root, and the server's account may not enter the data directory.
    #[error(
        "the server runs as user id {uid}, which may not enter {folder}\n\
         hint: choose a data directory outside of private home folders with RAMPART_DATA_DIR, for example /var/lib/rampart"
    )]
    OutOfReach {
        /// The folder that cannot be entered.
        folder: PathBuf,
        /// The server's account.
        uid: u32,
    },
    /// No folder fit for the socket.
    #[error(
        "no folder for the server's socket: its path must have at most {limit} bytes and be private to the server; tried {tried}\n\
         hint: set TMPDIR to a short path"
    )]
    NoSocketFolder {
        /// Longest path of a socket folder, in bytes.
        limit: usize,
        /// The folders tried, separated by commas.
        tried: String,
    },
    /// A file of ours does not say what we wrote.
    #[error("{path} is damaged: expected {expected}\nhint: {hint}")]
    Damaged {
        /// The file or folder.
        path: PathBuf,
        /// What should be there.
        expected: &'static str,
        /// What to do about it.
        hint: &'static str,
    },
    /// The system refused something else.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A program of PostgreSQL's failed.
    #[error("{program} failed ({status}):\n{output}")]
    Program {
        /// Its name.
        program: &'static str,
        /// How it ended.
        status: String,
        /// What it wrote.
        output: String,
    },
    /// The server ended before it answered.
    #[error("PostgreSQL ended while starting ({status}); the end of {log}:\n{tail}", log = .log.display())]
    DiedAtStart {
        /// How it ended.
        status: String,
        /// The server's log.
        log: PathBuf,
        /// The end of the log.
        tail: String,
    },
    /// The server did not answer in time.
    #[error("PostgreSQL did not answer within {seconds} s; the end of {log}:\n{tail}", log = .log.display())]
    SlowStart {
        /// The limit, in seconds.
        seconds: u64,
        /// The server's log.
        log: PathBuf,
        /// The end of the log.
        tail: String,
    },
    /// A server left by an earlier daemon does not go away.
    #[error(
        "a server left by an earlier daemon still runs on {cluster} (pids {pids})\nhint: end these processes by hand"
    )]
    Survivors {
        /// The cluster's folder.
        cluster: PathBuf,
        /// The processes, separated by commas.
        pids: String,
    },
    /// The server had to be killed; the next start recovers what was committed.
    #[error("PostgreSQL did not shut down within {seconds} s and was killed; the next start recovers its data")]
    StopForced {
        /// The limit, in seconds.
        seconds: u64,
    },
    /// The server kept dying and is no longer restarted.
    #[error("PostgreSQL is down and was given up: {reason}")]
    GaveUp {
        /// What the last attempt said.
        reason: String,
    },
}

impl Error {
    /// Turns the system's refusal of `action` on `path` into an error, telling apart a lack of permission.
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        if matches!(source.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) {
            Self::NotWritable { path, source }
        } else {
            Self::Io { action, path, source }
        }
    }
}
