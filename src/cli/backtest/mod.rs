//! `rampart policy backtest`

mod past;
mod progress;
mod recorded;

use super::client::Target;
use super::{Answer, WrongUse};
use crate::cli::print_json;
use anyhow::Context;
use past::Past;
use rampart_core::policy;
use recorded::Trial;
use std::path::PathBuf;

const EXAMPLES: &str = "Examples: rampart policy backtest policies/part_lens_v2.yaml --journal part_lens_v2
          rampart policy backtest policy.yaml --prometheus-url http://prometheus:9090 \\
              --from 2026-11-23T20:00:00Z --to 2026-11-24T08:00:00Z --incident 2026-11-24T03:10:00Z..2026-11-24T04:00:00Z";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, group = clap::ArgGroup::new("source").required(true))]
pub(super) struct Args {
    /// The policy file to try.
    policy: PathBuf,
    /// Over the newest rollout of this flag, as the daemon recorded it.
    #[arg(long, value_name = "FLAG", group = "source")]
    journal: Option<String>,
    /// Over a recording in a file: what GET /api/v1/rollouts/FLAG/recording answers.
    #[arg(long, value_name = "FILE", group = "source")]
    recording: Option<PathBuf>,
    #[command(flatten)]
    past: Past,
    /// Count checks that nothing is known of as healthy; without this, as blind.
    #[arg(long)]
    assume_healthy: bool,
    #[command(flatten)]
    target: Target,
    /// As JSON, for programs.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &Args) -> anyhow::Result<Answer> {
    let file = args.policy.display().to_string();
    let source = std::fs::read_to_string(&args.policy).with_context(|| format!("cannot read {file}"))?;
    let policy = match policy::parse(&file, &source) {
        Ok(policy) => policy,
        Err(mistakes) => {
            eprintln!("{mistakes}");
            return Ok(Answer::No);
        }
    };
    let trial = || Trial::new(&policy, args.assume_healthy);
    let found = match (&args.journal, &args.recording, &args.past.from) {
        (Some(flag), ..) => recorded::from_daemon(trial(), &args.target, flag).await?,
        (None, Some(file), _) => recorded::from_file(trial(), file)?,
        (None, None, Some(_)) => past::run(&args.past, &policy, args.assume_healthy).await?,
        (None, None, None) => return Err(WrongUse("expected --journal, --recording or --from".to_owned()).into()),
    };
    if args.json {
        print_json(&found)?;
    } else {
        print!("{found}");
    }
    Ok(Answer::Yes)
}
