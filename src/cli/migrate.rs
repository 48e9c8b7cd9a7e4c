//! `rampart migrate`

use super::Answer;
use crate::config::Settings;
use crate::store;
use rampart_postgres::Cluster;

/// Arguments of `rampart migrate`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: DATABASE_URL=postgres://… rampart migrate --seed")]
pub(super) struct Args {
    #[command(flatten)]
    settings: Settings,
    /// Put the demo's yachts, people and parts into the database as well.
    #[arg(long)]
    seed: bool,
    /// As JSON, for programs.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<Answer> {
    let done = match args.settings.reach()? {
        // The lock that two migrations at once take belongs to a session: never through a pooler.
        Some(reach) => migrate(&reach.direct, args.seed).await,
        None => {
            let cluster = Cluster::start(&args.settings.private_postgres()?).await?;
            let done = migrate(&cluster.owner().url(), args.seed).await;
            cluster.stop().await?;
            done
        }
    };
    let applied = done?;
    if args.json {
        println!("{}", serde_json::json!({ "applied": applied }));
    } else {
        println!("{applied} migrations applied");
    }
    Ok(Answer::Yes)
}

async fn migrate(url: &str, seed: bool) -> anyhow::Result<usize> {
    let applied = store::migrate(url).await?;
    if seed {
        store::seed(url).await?;
    }
    Ok(applied)
}
