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
}

pub(super) async fn run(args: Args) -> anyhow::Result<Answer> {
    let cluster = match &args.settings.database_url {
        Some(_) => None,
        None => Some(Cluster::start(&args.settings.private_postgres()?).await?),
    };
    let url = match (&args.settings.database_url, &cluster) {
        (Some(url), _) => url.clone(),
        (None, Some(cluster)) => cluster.owner().url(),
        (None, None) => String::new(),
    };
    let done = migrate(&url, args.seed).await;
    if let Some(cluster) = cluster {
        cluster.stop().await?;
    }
    println!("{} migrations applied", done?);
    Ok(Answer::Yes)
}

async fn migrate(url: &str, seed: bool) -> anyhow::Result<usize> {
    let applied = store::migrate(url).await?;
    if seed {
        store::seed(url).await?;
    }
    Ok(applied)
}
