//! The private PostgreSQL: found, created, started, watched, stopped and recovered as a child process.
//!
//! Nothing here speaks SQL to a running production server. The cluster and its roles are made by PostgreSQL's own
//! `initdb` and single-user mode before the server ever listens, so its superuser needs no password and nobody can log
//! in as it. Everything else connects as one of two [`Login`]s.
//!
//! What lies where, inside `<data_dir>/postgres`:
//!
//! | name | what it is |
//! | --- | --- |
//! | `cluster/` | PostgreSQL's own files, owned by the account the server runs as |
//! | `new-*/` | a cluster in the making; swept away at the next start |
//! | `socket/` | the socket folder, unless its path is too long or out of the server's reach |
//! | `server.log`, `server.log.1` | the server's messages, bounded |
//! | `daemon.lock` | locked (`flock`) by the daemon that runs the server; holds its pid |
//! | `passwords` | both logins in pgpass form, mode 0600 |
//! | `running` | where the running server answers; there only while it runs |
//!
//! **Invariant:** at most one server runs on a cluster. The `flock` keeps out a second daemon; a server that outlived
//! its daemon is stopped before another one starts.

mod account;
mod attach;
mod cluster;
mod create;
mod error;
mod folder;
mod lock;
mod log;
mod login;
mod passwords;
mod process;
mod programs;
mod server;
mod settings;
mod socket;
mod survivors;
pub mod testing;
mod wait;

pub use attach::attach;
pub use cluster::Cluster;
pub use error::Error;
pub use login::Login;
pub use settings::{Config, Durability};
