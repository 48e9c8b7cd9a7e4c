//! `rampart openapi`

use super::Answer;

/// Arguments of `rampart openapi`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: rampart openapi > ops-api.json")]
pub(super) struct Args {}

pub(super) fn run(Args {}: &Args) -> anyhow::Result<Answer> {
    println!("{}", serde_json::to_string_pretty(&crate::web::ops_description())?);
    Ok(Answer::Yes)
}
