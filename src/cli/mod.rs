//! The command line: one file a subcommand.
//!
//! Exit codes: 0 done, 1 "the answer is no" (a refused command, a broken policy), 2 wrong use.

mod client;
mod demo;
mod flag;
mod health;
mod journal;
mod migrate;
mod policy;
mod psql;
mod report;
mod rollout;
mod serve;
mod token;
mod watch;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Ramps a feature flag, guards it, and pulls it back by itself.
#[derive(Debug, Parser)]
#[command(name = "rampart", version, about, propagate_version = true, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon: the parts API, the controller, the ops API and the page.
    Serve(serve::Args),
    /// Run a whole rollout in about two minutes, on real traffic, and break it if asked.
    Demo(demo::Args),
    /// Bring a database's schema up to date.
    Migrate(migrate::Args),
    /// Ask a running daemon whether it answers; for a container's health check.
    Health(health::Args),
    /// Open psql on the private database of a running daemon.
    Psql(psql::Args),
    /// Check and show policies.
    #[command(subcommand)]
    Policy(policy::Command),
    /// See and steer a rollout.
    #[command(subcommand)]
    Rollout(rollout::Command),
    /// Report a problem to the rollout of a flag.
    Report(report::Args),
    /// Make a token of a user of the parts API, for tests.
    Token(token::Args),
    /// See and evaluate flags.
    #[command(subcommand)]
    Flag(flag::Command),
}

/// What a command answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Done, or yes.
    Yes,
    /// The answer is no.
    No,
}

/// Wrong use: exit code 2, with what was expected.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct WrongUse(pub(crate) String);

/// Runs the command that was typed.
pub async fn run() -> ExitCode {
    match dispatch(Cli::parse().command).await {
        Ok(Answer::Yes) => ExitCode::SUCCESS,
        Ok(Answer::No) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error:#}");
            let wrong = error.is::<WrongUse>() || error.is::<crate::config::SettingsError>();
            ExitCode::from(if wrong { 2 } else { 1 })
        }
    }
}

async fn dispatch(command: Command) -> anyhow::Result<Answer> {
    match command {
        Command::Serve(args) => serve::run(args).await,
        Command::Demo(args) => demo::run(args).await,
        Command::Migrate(args) => migrate::run(args).await,
        Command::Health(args) => health::run(args).await,
        Command::Psql(args) => psql::run(&args),
        Command::Policy(command) => policy::run(&command),
        Command::Rollout(command) => rollout::run(command).await,
        Command::Report(args) => report::run(args).await,
        Command::Token(args) => token::run(&args),
        Command::Flag(command) => flag::run(command).await,
    }
}
