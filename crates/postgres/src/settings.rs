//! What the caller may choose, and the server settings that follow from it.
//!
//! The settings are given on the command line at every start, so a newer daemon brings its own without editing files
//! in an existing cluster.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The port when none is asked for. Without TCP it is only a part of the socket's name.
const SOCKET_PORT: u16 = 5432;

/// Where and how to run.
#[derive(Debug, Clone)]
pub struct Config {
    /// The data directory, for example `.rampart`; PostgreSQL's files go into `postgres` inside it. Made if absent.
    pub data_dir: PathBuf,
    /// Where PostgreSQL's programs are; `None` looks in the usual places.
    pub bin_dir: Option<PathBuf>,
    /// Also listen on this port of 127.0.0.1; `None` opens no network port at all.
    pub tcp_port: Option<u16>,
    /// Whether data must survive a power failure.
    pub durability: Durability,
}

/// Whether committed data must survive a power failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Every commit is on disk before it is acknowledged.
    Safe,
    /// Nothing is forced to disk. For databases that are thrown away.
    TestsOnly,
}

impl Config {
    /// Durable, without TCP, programs from the usual places.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self { data_dir: data_dir.into(), bin_dir: None, tcp_port: None, durability: Durability::Safe }
    }

    pub(crate) fn port(&self) -> u16 {
        self.tcp_port.unwrap_or(SOCKET_PORT)
    }

    /// Arguments of `postgres` for the cluster it knows as `pgdata`.
    pub(crate) fn arguments(&self, pgdata: &Path, socket_dir: &Path) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = vec!["-D".into(), pgdata.into()];
        let mut set = |name: &str, value: &str| {
            arguments.push("-c".into());
            arguments.push(format!("{name}={value}").into());
        };

        let (addresses, access) = match self.tcp_port {
            Some(_) => ("127.0.0.1", "pg_hba_tcp.conf"),
            None => ("", "pg_hba.conf"),
        };
        set("listen_addresses", addresses);
        set("port", &self.port().to_string());
        set("unix_socket_permissions", "0700");
        set("unix_socket_directories", &quoted(&socket_dir.to_string_lossy()));

        // Small queries: compiling them costs more than it saves, and parallel workers need more shared memory than
        // a container usually grants.
        set("jit", "off");
        set("max_parallel_workers_per_gather", "0");
        set("timezone", "UTC");
        set("log_timezone", "UTC");

        // A failing statement may carry a secret in its text; the message alone is logged.
        set("log_min_error_statement", "panic");
        set("log_checkpoints", "off");
        set("log_line_prefix", "%m [%p] %q%u@%d ");

        for (name, value) in self.durability.settings() {
            set(name, value);
        }
        let mut access_file = OsString::from("hba_file=");
        access_file.push(pgdata.join(access));
        arguments.extend(["-c".into(), access_file]);
        arguments
    }
}

impl Durability {
    fn settings(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Safe => &[
                ("fsync", "on"),
                ("synchronous_commit", "on"),
                ("full_page_writes", "on"),
                ("shared_buffers", "64MB"),
                ("max_connections", "60"),
                ("max_wal_size", "256MB"),
            ],
            Self::TestsOnly => &[
                ("fsync", "off"),
                ("synchronous_commit", "off"),
                ("full_page_writes", "off"),
                ("shared_buffers", "128MB"),
                ("max_connections", "300"),
                ("checkpoint_timeout", "1h"),
                ("max_wal_size", "2GB"),
            ],
        }
    }
}

/// A folder list with one entry: quoted, because a path may hold a comma.
fn quoted(path: &str) -> String {
    format!("\"{}\"", path.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(config: &Config) -> String {
        config
            .arguments(Path::new("/c"), Path::new("/s,x"))
            .iter()
            .map(|argument| argument.to_string_lossy().into_owned())
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn no_network_port_unless_asked() {
        let line = line(&Config::new("/d"));
        assert!(line.contains("listen_addresses= "), "{line}");
        assert!(line.contains("hba_file=/c/pg_hba.conf"), "{line}");
        assert!(line.contains("unix_socket_directories=\"/s,x\" "), "{line}");
    }

    #[test]
    fn tcp_listens_on_the_loopback_alone() {
        let mut config = Config::new("/d");
        config.tcp_port = Some(6000);
        let line = line(&config);
        assert!(line.contains("listen_addresses=127.0.0.1 "), "{line}");
        assert!(line.contains("port=6000"), "{line}");
        assert!(line.contains("hba_file=/c/pg_hba_tcp.conf"), "{line}");
    }

    #[test]
    fn the_default_is_durable() {
        let line = line(&Config::new("/d"));
        assert!(line.contains("fsync=on"), "{line}");
        assert!(line.contains("synchronous_commit=on"), "{line}");
        assert!(!line.contains("=off -c synchronous"), "{line}");
    }
}
