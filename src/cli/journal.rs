//! `rampart rollout journal` and `replay`

use super::client::Target;
use super::rollout::Which;
use super::{Answer, print_json};
use serde_json::Value;

/// Arguments of `rampart rollout journal`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    which: Which,
    /// Only entries of this kind.
    #[arg(long)]
    kind: Option<String>,
    /// At most so many, the newest.
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// Also check that no entry is missing or altered.
    #[arg(long)]
    verify: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<Answer> {
    let client = args.which.target.client()?;
    let kind = args.kind.map(|kind| format!("&kind={kind}")).unwrap_or_default();
    let path = format!("/rollouts/{}/journal?order=desc&limit={}{kind}", args.which.flag, args.limit);
    let journal = match client.get(&path).await? {
        Ok(journal) => journal,
        Err(refused) => return Ok(refused.tell()),
    };
    if args.which.json {
        print_json(&journal)?;
    } else {
        for entry in journal["entries"].as_array().into_iter().flatten().rev() {
            println!("{}", line(entry));
        }
    }
    if args.verify { replayed(&args.which.target, &args.which.flag, false).await } else { Ok(Answer::Yes) }
}

pub(super) async fn replay(which: Which) -> anyhow::Result<Answer> {
    replayed(&which.target, &which.flag, which.json).await
}

async fn replayed(target: &Target, flag: &str, as_json: bool) -> anyhow::Result<Answer> {
    let replay = match target.client()?.get(&format!("/rollouts/{flag}/replay")).await? {
        Ok(replay) => replay,
        Err(refused) => return Ok(refused.tell()),
    };
    if as_json {
        print_json(&replay)?;
    } else {
        println!("{}", replay["text"].as_str().unwrap_or("–"));
    }
    Ok(if replay["agrees"] == Value::Bool(true) { Answer::Yes } else { Answer::No })
}

/// An entry in one line.
pub(super) fn line(entry: &Value) -> String {
    let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    let time = text("at");
    let time = time.get(11..23).unwrap_or(&time).to_owned();
    let why = [text("cause"), text("reason")].into_iter().find(|why| !why.is_empty());
    let why = why.map(|why| format!("  {why}")).unwrap_or_default();
    format!(
        "{time}  #{:<5} {:<16} {:>6} %  by {}{why}",
        entry["seq"],
        text("kind"),
        entry["percent"].as_f64().unwrap_or_default(),
        text("actor")
    )
}
