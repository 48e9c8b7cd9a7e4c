//! `rampart evidence`

use super::Answer;
use super::gate::{Common, Intent, say, within};
use crate::gate;
use std::path::PathBuf;

/// Arguments of `rampart evidence`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: DATABASE_URL=postgres://… rampart evidence --out test-evidence

Exit codes: 0 all proven, 1 something is not, 2 wrong use. Works on any PostgreSQL; only reads.")]
pub(super) struct Args {
    #[command(flatten)]
    common: Common,
    /// Where the evidence is written.
    #[arg(long, default_value = "test-evidence")]
    out: PathBuf,
}

pub(super) async fn run(args: Args) -> anyhow::Result<Answer> {
    let common = &args.common;
    let target = common.target(Intent::ReadDatabase).await?;
    let report = gate::collect(&target, &|check| common.tell(check)).await;
    let folder = gate::write(&args.out, &report.artifacts)?;
    let recorded = common.record(&target, &[&report], &within(&folder)).await;
    if common.json {
        say(&serde_json::to_string_pretty(&report)?);
    } else {
        let passed = report.checks.iter().filter(|check| check.passed).count();
        say(&format!("EVIDENCE: {passed}/{} proven", report.checks.len()));
    }
    Ok(if report.passed { recorded } else { Answer::No })
}
