//! `rampart notify list|test|retry`

use super::client::{Client, Target};
use super::{Answer, print_json};
use serde_json::{Value, json};

/// Whichever it is, this is how the daemon is reached and how it is shown.
#[derive(Debug, clap::Args)]
pub(super) struct Common {
    #[command(flatten)]
    target: Target,
    /// As JSON, for programs.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Whom there is to tell, what waits, and what could not be delivered. Exit code 1 where something is dead.
    #[command(after_help = "Example: rampart notify list")]
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Send a test. Exit code 1 where it did not arrive everywhere.
    #[command(after_help = "Example: rampart notify test ops")]
    Test {
        /// The target; without one, all of them.
        name: Option<String>,
        #[command(flatten)]
        common: Common,
    },
    /// Try dead letters again.
    #[command(after_help = "Example: rampart notify retry --all")]
    Retry {
        /// The dead letters, as `rampart notify list` shows them.
        #[arg(required_unless_present = "all")]
        id: Vec<String>,
        /// Every one of them.
        #[arg(long, conflicts_with = "id")]
        all: bool,
        #[command(flatten)]
        common: Common,
    },
}

pub(super) async fn run(command: Command) -> anyhow::Result<Answer> {
    match command {
        Command::List { common } => list(&common).await,
        Command::Test { name, common } => test(name.as_deref(), &common).await,
        Command::Retry { id, all, common } => retry(id, all, &common).await,
    }
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_default()
}

fn items<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    value[name].as_array().into_iter().flatten()
}

async fn list(common: &Common) -> anyhow::Result<Answer> {
    let seen = match common.target.client()?.get("/notifications").await? {
        Ok(seen) => seen,
        Err(refused) => return Ok(refused.tell()),
    };
    let answer = if items(&seen, "dead").next().is_some() { Answer::No } else { Answer::Yes };
    if common.json {
        print_json(&seen)?;
        return Ok(answer);
    }
    if items(&seen, "targets").next().is_none() {
        println!("no targets are configured: nobody is told");
    }
    for target in items(&seen, "targets") {
        let number = |name: &str| target[name].as_i64().unwrap_or_default();
        let error = target["last_error"].as_str().map(|error| format!(" · {error}")).unwrap_or_default();
        let (name, kind, host) = (text(target, "name"), text(target, "kind"), text(target, "host"));
        let (delivered, waiting, dead) = (number("delivered"), number("waiting"), number("dead"));
        println!("{name:<16} {kind:<13} {host:<28} {delivered} delivered, {waiting} waiting, {dead} dead{error}");
    }
    for warning in items(&seen, "warnings").filter_map(Value::as_str) {
        eprintln!("warning: {warning}");
    }
    for letter in items(&seen, "dead") {
        let attempts = letter["attempts"].as_i64().unwrap_or_default();
        println!(
            "\ndead {}\n  {}\n  to {}, {attempts} attempts: {}",
            text(letter, "id"),
            text(letter, "text"),
            text(letter, "target"),
            text(letter, "last_error")
        );
    }
    Ok(answer)
}

async fn test(name: Option<&str>, common: &Common) -> anyhow::Result<Answer> {
    let body = name.map_or_else(|| json!({}), |name| json!({ "target": name }));
    let done = match common.target.client()?.post("/notifications/test", &body).await? {
        Ok(done) => done,
        Err(refused) => return Ok(refused.tell()),
    };
    let arrived = items(&done, "results").all(|result| result["ok"] == true);
    if common.json {
        print_json(&done)?;
    } else if items(&done, "results").next().is_none() {
        println!("no targets are configured: nobody is told");
    } else {
        for result in items(&done, "results") {
            let outcome = if result["ok"] == true { "arrived" } else { "failed" };
            println!("{:<16} {outcome}: {}", text(result, "target"), text(result, "detail"));
        }
    }
    Ok(if arrived { Answer::Yes } else { Answer::No })
}

async fn retry(mut ids: Vec<String>, all: bool, common: &Common) -> anyhow::Result<Answer> {
    let client = common.target.client()?;
    if all {
        match client.get("/notifications").await? {
            Ok(seen) => ids = items(&seen, "dead").map(|letter| text(letter, "id").to_owned()).collect(),
            Err(refused) => return Ok(refused.tell()),
        }
    }
    let mut answer = Answer::Yes;
    let mut retried = Vec::new();
    for id in ids {
        match retry_one(&client, &id).await? {
            Ok(done) => retried.push(done),
            Err(refused) => answer = refused.tell(),
        }
    }
    if common.json {
        print_json(&json!({ "retried": retried }))?;
    } else {
        for done in &retried {
            println!("{} is tried again: {}", text(done, "id"), text(done, "target"));
        }
    }
    Ok(answer)
}

async fn retry_one(client: &Client, id: &str) -> anyhow::Result<Result<Value, super::client::Refused>> {
    // What is no identity would ask for another path.
    let Ok(id) = id.parse::<uuid::Uuid>() else {
        return Err(super::WrongUse(format!("expected the id of a dead letter, got {id:?}")).into());
    };
    client.post(&format!("/notifications/{id}/retry"), &json!({})).await
}
