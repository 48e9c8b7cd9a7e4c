//! Where commands of a database's owner find it.

use crate::config::with_password;
use crate::secrets::Generated;
use anyhow::Context;
use std::path::PathBuf;

/// The database, and the secrets beside it.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Owner {
    /// The database, as its owner; without it the private one of a running daemon.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_parser = with_password)]
    database_url: Option<String>,
    /// Straight to the database as its owner, where DATABASE_URL leads through a pooler.
    #[arg(long, env = "RAMPART_LISTEN_URL", hide_env_values = true, value_parser = with_password)]
    listen_url: Option<String>,
    /// The data directory of the running daemon.
    #[arg(long, env = "RAMPART_DATA_DIR", default_value = ".rampart")]
    data_dir: PathBuf,
}

impl Owner {
    /// How to connect.
    pub(super) fn url(&self) -> anyhow::Result<String> {
        match self.listen_url.as_ref().or(self.database_url.as_ref()) {
            Some(url) => Ok(url.clone()),
            None => Ok(rampart_postgres::attach(&self.data_dir).context("DATABASE_URL is not set")?.url()),
        }
    }

    /// Secrets of the private database: never of one that is named, whose secrets the environment has.
    pub(super) fn generated(&self) -> std::io::Result<Option<Generated>> {
        let named = self.database_url.is_some() || self.listen_url.is_some();
        if named { Ok(None) } else { Generated::load(&self.data_dir) }
    }
}
