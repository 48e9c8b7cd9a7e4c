//! `rampart calls`

use super::client::Target;
use super::{Answer, print_json};

/// Arguments of `rampart calls`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: rampart calls --limit 20")]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
    /// How many at the most, from 1 to 500.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
    /// As JSON, for programs.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<Answer> {
    let page = match args.target.client()?.get(&format!("/calls?limit={}", args.limit)).await? {
        Ok(page) => page,
        Err(refused) => return Ok(refused.tell()),
    };
    if args.json {
        print_json(&page)?;
        return Ok(Answer::Yes);
    }
    let calls = page["calls"].as_array().map(Vec::as_slice).unwrap_or_default();
    if calls.is_empty() {
        println!("nobody has called for anything yet");
    }
    for call in calls {
        let text = |name: &str| call[name].as_str().unwrap_or_default();
        println!("{}  {:<22} {} {}  {}", text("at"), text("actor"), text("method"), text("path"), call["status"]);
    }
    Ok(Answer::Yes)
}
