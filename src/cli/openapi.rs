//! `rampart openapi`

use super::{Answer, print_json};

/// Arguments of `rampart openapi`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: rampart openapi > ops-api.json")]
pub(super) struct Args {}

pub(super) fn run(Args {}: &Args) -> anyhow::Result<Answer> {
    print_json(&crate::web::ops_description())?;
    Ok(Answer::Yes)
}
