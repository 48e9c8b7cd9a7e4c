//! `rampart rollout …`

use super::client::Target;
use super::{Answer, journal, print_json, watch};
use serde_json::{Value, json};

/// The flag that is rolled out where no other is named.
const DEFAULT_FLAG: &str = "part_lens_v2";

#[derive(Debug, clap::Args)]
pub(super) struct Which {
    /// The flag.
    #[arg(default_value = DEFAULT_FLAG)]
    pub(super) flag: String,
    #[command(flatten)]
    pub(super) target: Target,
    /// As JSON, for programs.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct OrderArgs {
    #[command(flatten)]
    which: Which,
    /// Why; kept in the journal.
    #[arg(long, short)]
    reason: Option<String>,
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Where it stands, whether it is healthy, and what happens next.
    #[command(after_help = "Example: rampart rollout status part_lens_v2")]
    Status(Which),
    /// Begin a rollout.
    #[command(after_help = "Example: rampart rollout start --override-gate --reason 'proven by hand'")]
    Start {
        #[command(flatten)]
        order: OrderArgs,
        /// Start although gate items are missing; needs a reason and the role release_owner.
        #[arg(long)]
        override_gate: bool,
    },
    /// What a rollout would ask of the present traffic, and what that traffic can prove.
    #[command(after_help = "Example: rampart rollout preflight --requests-per-second 100 --server-error-rate 1e-7")]
    Preflight {
        #[command(flatten)]
        which: Which,
        /// Reckon with so many requests a second instead of what comes in now.
        #[arg(long)]
        requests_per_second: Option<f64>,
        /// Reckon with this share of control's requests that end with a 5xx, 0 to 1.
        #[arg(long)]
        server_error_rate: Option<f64>,
    },
    /// Stop the ramp where it stands.
    #[command(after_help = "Example: rampart rollout pause")]
    Pause(OrderArgs),
    /// Let it go on.
    #[command(after_help = "Example: rampart rollout resume")]
    Resume(OrderArgs),
    /// Enter the next stage now.
    #[command(after_help = "Example: rampart rollout advance --reason 'release night'")]
    Advance(OrderArgs),
    /// Move to a stage now.
    #[command(after_help = "Example: rampart rollout set-stage 20 --reason 'release night'")]
    SetStage {
        /// The percent of a stage.
        percent: f64,
        #[command(flatten)]
        order: OrderArgs,
    },
    /// Allow the next stage to be entered.
    #[command(after_help = "Example: rampart rollout approve")]
    Approve(OrderArgs),
    /// Back to 0 %, now.
    #[command(after_help = "Example: rampart rollout rollback --reason 'crew sees wrong stock'")]
    Rollback(OrderArgs),
    /// Begin a new rollout after one that ended.
    #[command(after_help = "Example: rampart rollout restart --reason 'fixed in 1.2.4'")]
    Restart(OrderArgs),
    /// To 100 % and done.
    #[command(after_help = "Example: rampart rollout complete --reason 'proven elsewhere'")]
    Complete(OrderArgs),
    /// Every decision with its evidence.
    #[command(after_help = "Example: rampart rollout journal --verify")]
    Journal(journal::Args),
    /// Why it was decided so: the rule, what each check saw, and the nearest other outcome.
    #[command(after_help = "Example: rampart rollout explain part_lens_v2 --at 12")]
    Explain {
        #[command(flatten)]
        which: Which,
        /// An entry of the journal by its number; without one, what was decided last.
        #[arg(long, value_name = "SEQ")]
        at: Option<i64>,
    },
    /// Make every decision again from what was stored; exit code 1 at the first that comes out differently.
    #[command(after_help = "Example: rampart rollout replay part_lens_v2")]
    Replay(Which),
    /// Follow it live: ramp, checks and journal in a terminal, a line a change in a pipe.
    #[command(after_help = "Example: rampart rollout watch\n         rampart rollout watch --json | jq .sentence")]
    Watch(watch::Args),
}

pub(super) async fn run(command: Command) -> anyhow::Result<Answer> {
    match command {
        Command::Status(which) => status(which).await,
        Command::Start { order, override_gate } => {
            preflight(&order).await?;
            give(order, "start", json!({ "override_gate": override_gate })).await
        }
        Command::Preflight { which, requests_per_second, server_error_rate } => {
            let asked = [("requests_per_second", requests_per_second), ("server_error_rate", server_error_rate)];
            let asked = asked.iter().filter_map(|(name, value)| Some(format!("{name}={}", (*value)?)));
            let path = format!("/rollouts/{}/preflight?{}", which.flag, asked.collect::<Vec<_>>().join("&"));
            match which.target.client()?.get(&path).await? {
                Ok(report) if which.json => print_json(&report)?,
                Ok(report) => print!("{}", report["text"].as_str().unwrap_or_default()),
                Err(refused) => return Ok(refused.tell()),
            }
            Ok(Answer::Yes)
        }
        Command::Pause(order) => give(order, "pause", json!({})).await,
        Command::Resume(order) => give(order, "resume", json!({})).await,
        Command::Advance(order) => give(order, "advance", json!({})).await,
        Command::SetStage { percent, order } => give(order, "stage", json!({ "percent": percent })).await,
        Command::Approve(order) => give(order, "approve", json!({})).await,
        Command::Rollback(order) => give(order, "rollback", json!({})).await,
        Command::Restart(order) => give(order, "restart", json!({})).await,
        Command::Complete(order) => give(order, "complete", json!({})).await,
        Command::Journal(args) => journal::run(args).await,
        Command::Explain { which, at } => explain(which, at).await,
        Command::Replay(which) => journal::replay(which).await,
        Command::Watch(args) => watch::run(args).await,
    }
}

async fn status(which: Which) -> anyhow::Result<Answer> {
    match which.target.client()?.get(&format!("/rollouts/{}", which.flag)).await? {
        Ok(status) => {
            print_status(&status, which.json)?;
            Ok(Answer::Yes)
        }
        Err(refused) => Ok(refused.tell()),
    }
}

async fn explain(which: Which, at: Option<i64>) -> anyhow::Result<Answer> {
    let entry = at.map(|seq| format!("?seq={seq}")).unwrap_or_default();
    match which.target.client()?.get(&format!("/rollouts/{}/explain{entry}", which.flag)).await? {
        Ok(explained) if which.json => print_json(&explained)?,
        Ok(explained) => print!("{}", explained["text"].as_str().unwrap_or_default()),
        Err(refused) => return Ok(refused.tell()),
    }
    Ok(Answer::Yes)
}

/// Says what is to be expected, on standard error: whether to start is the person's to decide, and the daemon's.
async fn preflight(order: &OrderArgs) -> anyhow::Result<()> {
    let path = format!("/rollouts/{}/preflight", order.which.flag);
    if let Ok(report) = order.which.target.client()?.get(&path).await? {
        eprint!("{}", report["text"].as_str().unwrap_or_default());
    }
    Ok(())
}

async fn give(order: OrderArgs, command: &str, mut body: Value) -> anyhow::Result<Answer> {
    if let Some(reason) = &order.reason {
        body["reason"] = json!(reason);
    }
    let path = format!("/rollouts/{}/{command}", order.which.flag);
    match order.which.target.client()?.post(&path, &body).await? {
        Ok(status) => {
            print_status(&status, order.which.json)?;
            Ok(Answer::Yes)
        }
        Err(refused) => Ok(refused.tell()),
    }
}

fn print_status(status: &Value, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        print_json(status)?;
        return Ok(());
    }
    let text = |value: &Value| value.as_str().unwrap_or("–").to_owned();
    println!("{}  {}  {}", text(&status["flag"]), text(&status["phase"]), text(&status["sentence"]));
    for check in status["checks"].as_array().into_iter().flatten() {
        println!("  {:<9} {:<24} {}", text(&check["verdict"]), text(&check["name"]), text(&check["why"]));
    }
    // What was proven when it started is the journal's; here is what would keep the next start.
    if status["phase"] == "waiting" || status["phase"] == "rolled_back" {
        let items = status["gate"]["items"].as_array().into_iter().flatten();
        for item in items.filter(|item| item["state"] != "proven") {
            let weight = if item["required"] == true { "required" } else { "recommended" };
            println!("  gate: {:<16} {weight}, {}: {}", text(&item["item"]), text(&item["state"]), text(&item["why"]));
        }
    }
    for reason in status["decision"]["reasons"].as_array().into_iter().flatten() {
        println!("  waits for: {}", text(&reason["text"]));
    }
    Ok(())
}
