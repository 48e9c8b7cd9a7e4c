//! `rampart serve`

use super::{Answer, coloured};
use crate::config::{Settings, named};
use crate::daemon::Daemon;
use secrecy::ExposeSecret;
use std::io::{IsTerminal, Write};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Arguments of `rampart serve`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: rampart serve --listen 127.0.0.1:8080 --policies policies")]
pub(super) struct Args {
    #[command(flatten)]
    settings: Settings,
    /// What to log, as `level` or `target=level,…`.
    #[arg(long, env = "RAMPART_LOG", default_value = "info,sqlx=warn")]
    log: String,
}

pub(super) async fn run(args: Args) -> anyhow::Result<Answer> {
    start_logging(&args.log)?;
    let daemon = Daemon::start(&args.settings).await?;
    greet(&daemon);
    daemon.run_until(asked_to_stop()?).await?;
    Ok(Answer::Yes)
}

/// Text for a terminal, JSON for a collector.
pub(super) fn start_logging(filter: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter).map_err(|error| super::WrongUse(format!("RAMPART_LOG: {error}")))?;
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let plain = std::io::stderr().is_terminal() || named("RAMPART_LOG_FORMAT").is_some_and(|format| format == "text");
    // A logger that is set already (in tests) stays.
    let _ = if plain { logs.with_ansi(coloured(&std::io::stderr())).try_init() } else { logs.json().try_init() };
    Ok(())
}

/// What a person needs to know once it runs. Tokens are printed once, at the first start, and never logged.
fn greet(daemon: &Daemon) {
    let mut text = format!("page      http://{}/\nparts API http://{}/\n", daemon.ops_address, daemon.address);
    if let Some(private) = &daemon.private {
        text += &format!("database  {}\n", private.psql_line());
    }
    if let Some(generated) = daemon.generated.as_ref().filter(|generated| generated.new) {
        text += "\ntokens of the ops API, printed this once (they are kept in secrets.json of the data directory):\n";
        let tokens = generated.ops_tokens.expose_secret().split(',').filter_map(|item| item.rsplit_once(':'));
        tokens.for_each(|(token, role)| text += &format!("  {role:<14} {token}\n"));
    }
    // Whoever started us may have closed the pipe: that is no reason to stop guarding.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Done when the process is asked to end: SIGTERM, SIGINT.
pub(super) fn asked_to_stop() -> std::io::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("asked to stop");
    })
}
