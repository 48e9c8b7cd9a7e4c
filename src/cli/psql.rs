//! `rampart psql`

use super::Answer;
use anyhow::Context;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;

/// Arguments of `rampart psql`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: rampart psql -- -c 'select * from feature_flags'")]
pub(super) struct Args {
    /// The data directory of the running daemon.
    #[arg(long, env = "RAMPART_DATA_DIR", default_value = ".rampart")]
    data_dir: PathBuf,
    /// Arguments handed to psql.
    #[arg(last = true)]
    psql: Vec<String>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Answer> {
    let login = rampart_postgres::attach(&args.data_dir)?;
    // Replaces this process, so that psql has the terminal to itself. It only returns where that failed.
    Err(login.psql().args(&args.psql).exec()).context("cannot run psql")
}
