//! The command line: one file a subcommand.
//!
//! Exit codes: 0 done, 1 "the answer is no" (a refused command, a broken policy), 2 wrong use.

mod accept;
mod audit;
mod backtest;
mod calls;
mod client;
mod completions;
mod demo;
mod enroll;
mod evidence;
mod flag;
mod gate;
mod health;
mod journal;
mod migrate;
mod notify;
mod openapi;
mod owner;
mod policy;
mod policy_try;
mod psql;
mod report;
mod rollout;
mod serve;
mod stress;
mod token;
mod watch;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use serde::Serialize;
use std::io::IsTerminal;
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
    /// Check, show and compare policies.
    #[command(subcommand)]
    Policy(policy::Command),
    /// See and steer a rollout.
    #[command(subcommand)]
    Rollout(rollout::Command),
    /// Report a problem to the rollout of a flag.
    Report(report::Args),
    /// See who is told of what, send a test, try dead letters again.
    #[command(subcommand)]
    Notify(notify::Command),
    /// See who called the ops API for something that may change something, refused calls among them.
    Calls(calls::Args),
    /// Prove the API from outside: the twelve acceptance checks.
    Accept(accept::Args),
    /// Collect what the database proves: views, policies, parity.
    Evidence(evidence::Args),
    /// Send many requests and judge how they are answered.
    Stress(stress::Args),
    /// Make a token of a user of the parts API, for tests; say who can prove a signature.
    Token(token::Args),
    /// Check the audit log.
    #[command(subcommand)]
    Audit(audit::Command),
    /// See and evaluate flags.
    #[command(subcommand)]
    Flag(flag::Command),
    /// Print the OpenAPI description of the ops API, for whoever generates a client.
    Openapi(openapi::Args),
    /// Print what a shell needs to complete these commands.
    Completions(completions::CompletionsArgs),
    /// Print the manual page.
    Man(completions::ManArgs),
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
    let matches = without_empty_settings(Cli::command()).get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    match dispatch(cli.command).await {
        Ok(Answer::Yes) => ExitCode::SUCCESS,
        Ok(Answer::No) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error:#}");
            let wrong = error.is::<WrongUse>() || error.is::<crate::config::SettingsError>();
            ExitCode::from(if wrong { 2 } else { 1 })
        }
    }
}

/// Prints an answer for programs.
fn print_json(answer: &(impl Serialize + ?Sized)) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string_pretty(answer)?);
    Ok(())
}

/// Whether colours may be written to a stream: it is a terminal, and nobody asked for none (<https://no-color.org>).
fn coloured(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && crate::config::named("NO_COLOR").is_none()
}

/// A variable that is set to nothing counts as not set, whichever setting it is of: files of variables and platforms
/// have no other way to leave one out.
fn without_empty_settings(command: clap::Command) -> clap::Command {
    command.mut_args(unless_empty).mut_subcommands(without_empty_settings)
}

fn unless_empty(argument: clap::Arg) -> clap::Arg {
    let empty = argument.get_env().is_some_and(|name| {
        std::env::var_os(name).is_some_and(|value| value.to_str().is_some_and(|value| value.trim().is_empty()))
    });
    if empty { argument.env(None::<&'static str>) } else { argument }
}

async fn dispatch(command: Command) -> anyhow::Result<Answer> {
    match command {
        Command::Serve(args) => serve::run(args).await,
        Command::Demo(args) => demo::run(args).await,
        Command::Migrate(args) => migrate::run(args).await,
        Command::Health(args) => health::run(args).await,
        Command::Psql(args) => psql::run(&args),
        Command::Policy(command) => policy::run(&command).await,
        Command::Rollout(command) => rollout::run(command).await,
        Command::Report(args) => report::run(args).await,
        Command::Notify(command) => notify::run(command).await,
        Command::Calls(args) => calls::run(args).await,
        Command::Audit(command) => audit::run(command).await,
        Command::Accept(args) => accept::run(args).await,
        Command::Evidence(args) => evidence::run(args).await,
        Command::Stress(args) => stress::run(args).await,
        Command::Token(args) => token::run(&args).await,
        Command::Flag(command) => flag::run(command).await,
        Command::Openapi(args) => openapi::run(&args),
        Command::Completions(args) => Ok(completions::completions(&args, Cli::command())),
        Command::Man(args) => completions::man(&args, Cli::command()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(command: &clap::Command, found: &mut Vec<String>) {
        let of_arguments = command.get_arguments().filter_map(|argument| argument.get_env());
        found.extend(of_arguments.filter_map(|name| name.to_str().map(str::to_owned)));
        command.get_subcommands().for_each(|command| names(command, found));
    }

    #[test]
    fn every_setting_is_documented() {
        let documented = include_str!("../../docs/configuration.md");
        let mut found: Vec<String> = crate::config::names().map(str::to_owned).collect();
        names(&Cli::command(), &mut found);
        assert!(found.len() > 15, "{found:?}");
        for name in found {
            assert!(documented.contains(&format!("`{name}`")), "{name} is not in docs/configuration.md");
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
