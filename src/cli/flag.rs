//! `rampart flag eval|list`

use super::client::Target;
use super::{Answer, print_json};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// What a flag is for a subject, and why. Exit code 1 where it is off.
    #[command(after_help = "Example: rampart flag eval part_lens_v2 57e82f78-0a2d-4a7c-a428-6287621d06c5")]
    Eval {
        /// The flag.
        flag: String,
        /// The subject: a user, or whatever the policy buckets by.
        subject: String,
        #[command(flatten)]
        target: Target,
        /// As JSON, for programs.
        #[arg(long)]
        json: bool,
    },
    /// Every flag with its percent.
    #[command(after_help = "Example: rampart flag list")]
    List {
        #[command(flatten)]
        target: Target,
        /// As JSON, for programs.
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(command: Command) -> anyhow::Result<Answer> {
    match command {
        Command::Eval { flag, subject, target, json } => {
            let query = form(&subject);
            let answer = match target.client()?.get(&format!("/flags/{flag}/evaluate?subject={query}")).await? {
                Ok(answer) => answer,
                Err(refused) => return Ok(refused.tell()),
            };
            if json {
                print_json(&answer)?;
            } else {
                let bucket = answer["bucket"].as_u64().map(|bucket| format!(", bucket {bucket}")).unwrap_or_default();
                let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
                println!(
                    "{} ({}{bucket}, the flag is at {} %)",
                    text("variant"),
                    text("reason"),
                    answer["percent"].as_f64().unwrap_or_default()
                );
            }
            Ok(if answer["value"] == true { Answer::Yes } else { Answer::No })
        }
        Command::List { target, json } => {
            let flags = match target.client()?.get("/flags").await? {
                Ok(flags) => flags,
                Err(refused) => return Ok(refused.tell()),
            };
            if json {
                print_json(&flags)?;
            } else {
                for flag in flags["flags"].as_array().into_iter().flatten() {
                    println!(
                        "{:<24} {:>6} %",
                        flag["key"].as_str().unwrap_or_default(),
                        flag["percent"].as_f64().unwrap_or_default()
                    );
                }
            }
            Ok(Answer::Yes)
        }
    }
}

/// Percent-encodes what may stand in a query.
fn form(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
