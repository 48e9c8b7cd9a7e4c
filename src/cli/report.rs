//! `rampart report`

use super::rollout::Which;
use super::{Answer, print_json};
use crate::store::ReportKind;
use serde_json::json;

/// Arguments of `rampart report`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: rampart report --kind data_inconsistency 'filter 12 shows 3, the shelf has 5'")]
pub(super) struct Args {
    /// What you saw.
    text: String,
    /// What it is about. A data inconsistency rolls back; anything else holds.
    #[arg(long, value_enum, default_value_t = ReportKind::Other)]
    kind: ReportKind,
    #[command(flatten)]
    which: Which,
}

pub(super) async fn run(args: Args) -> anyhow::Result<Answer> {
    let path = format!("/rollouts/{}/reports", args.which.flag);
    let body = json!({ "kind": args.kind, "text": args.text });
    match args.which.target.client()?.post(&path, &body).await? {
        Ok(report) => {
            if args.which.json {
                print_json(&report)?;
            } else {
                println!("reported as {}", report["id"].as_str().unwrap_or_default());
            }
            Ok(Answer::Yes)
        }
        Err(refused) => Ok(refused.tell()),
    }
}
