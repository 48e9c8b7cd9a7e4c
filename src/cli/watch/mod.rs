//! `rampart rollout watch`: a live view in a terminal, a line a change everywhere else.

mod lines;
mod screen;
mod stream;
mod view;

use super::Answer;
use super::rollout::Which;
use std::io::IsTerminal;
use view::View;

/// Entries of the journal that are there from the beginning.
const RECENT: u32 = 50;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    which: Which,
    /// A line a change, in a terminal, too.
    #[arg(long)]
    plain: bool,
}

/// Follows the event stream until interrupted.
pub(super) async fn run(args: Args) -> anyhow::Result<Answer> {
    let Args { which, plain } = args;
    let client = which.target.client()?;
    if which.json || plain || !std::io::stdout().is_terminal() {
        return lines::print(stream::follow(client, which.flag), which.json).await;
    }
    let recent = match client.get(&format!("/rollouts/{}/journal?order=desc&limit={RECENT}", which.flag)).await? {
        Ok(page) => page["entries"].as_array().cloned().unwrap_or_default(),
        Err(refused) => return Ok(refused.tell()),
    };
    let view = View::of(&which.flag, &recent);
    screen::show(stream::follow(client, which.flag), view).await
}
