//! `rampart policy check|show|try|diff|backtest|schema`

use super::client::Target;
use super::{Answer, WrongUse, backtest, print_json};
use crate::clock;
use anyhow::Context;
use rampart_core::Timestamp;
use rampart_core::policy::{self, Change, Mistake, Policy, WindowState, Windows};
use rampart_core::rollout::{Traffic, preflight};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Check policies: every mistake at once, with its place. Exit code 1 where there is one.
    #[command(after_help = "Example: rampart policy check policies/part_lens_v2.yaml --requests-per-second 40")]
    Check {
        /// Policy files, or folders of them.
        #[arg(default_value = "policies")]
        paths: Vec<PathBuf>,
        /// Tell for each stage what so many requests a second, canary and control together, can prove.
        #[arg(long, value_parser = rate)]
        requests_per_second: Option<f64>,
        /// Reckon with this share of control's requests that end with a 5xx, 0 to 1.
        #[arg(long, value_parser = share, requires = "requests_per_second")]
        server_error_rate: Option<f64>,
        /// The mistakes as JSON, for programs.
        #[arg(long, conflicts_with = "requests_per_second")]
        json: bool,
    },
    /// Show a policy as the tables a release owner thinks in.
    #[command(after_help = "Example: rampart policy show policies/part_lens_v2.yaml")]
    Show {
        /// A policy file.
        file: PathBuf,
        /// As JSON, with every default filled in.
        #[arg(long)]
        json: bool,
    },
    /// Run a policy in a virtual world against a scenario, and draw what happens.
    Try(super::policy_try::Args),
    /// What is different between two policies, and what of it lets more through. Exit code 1 where anything is.
    #[command(after_help = "Example: rampart policy diff old.yaml new.yaml\n\
        Alone, a file is compared with what the daemon has pinned, and the name of a flag stands for the daemon's own \
        file: rampart policy diff part_lens_v2")]
    Diff {
        /// A policy file; or, alone, a flag.
        before: String,
        /// Another policy file; left out, the daemon is asked.
        after: Option<PathBuf>,
        /// As JSON, for programs.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        target: Target,
    },
    /// What a policy would have made of the past: advances, rollbacks, detection delay, false alarms.
    Backtest(backtest::Args),
    /// Print the JSON Schema of policies, for editors.
    #[command(after_help = "Example: rampart policy schema > policies/schema.json")]
    Schema,
}

pub(super) async fn run(command: &Command) -> anyhow::Result<Answer> {
    match command {
        Command::Check { paths, json: true, .. } => check_for_programs(paths),
        Command::Check { paths, requests_per_second, server_error_rate, json: false } => {
            let traffic = requests_per_second
                .map(|rate| Traffic { requests_per_second: rate, server_error_rate: *server_error_rate });
            check(paths, traffic)
        }
        Command::Show { file, json } => show(file, *json),
        Command::Try(args) => super::policy_try::run(args),
        Command::Diff { before, after, json, target } => diff(before, after.as_deref(), *json, target).await,
        Command::Backtest(args) => backtest::run(args).await,
        Command::Schema => {
            print_json(&policy::schema())?;
            Ok(Answer::Yes)
        }
    }
}

/// Requests a second: any number that is not below 0.
fn rate(text: &str) -> Result<f64, String> {
    within(text, f64::MAX).ok_or_else(|| "expected a number of requests a second, such as 40".to_owned())
}

fn share(text: &str) -> Result<f64, String> {
    within(text, 1.0).ok_or_else(|| "expected a share from 0 to 1, such as 0.001".to_owned())
}

fn within(text: &str, most: f64) -> Option<f64> {
    text.parse().ok().filter(|value| (0.0..=most).contains(value))
}

fn check(paths: &[PathBuf], traffic: Option<Traffic>) -> anyhow::Result<Answer> {
    let mut answer = Answer::Yes;
    for file in &files_in(paths)? {
        match parsed(file)? {
            Some(policy) => {
                let amounts = format!("{} stages, {} checks", policy.stages.len(), policy.checks.len());
                println!("{}: {amounts}, sound", file.display());
                if let Some(windows) = &policy.windows {
                    println!("{}: {}", file.display(), outlook(windows, clock::wall()));
                }
                if let Some(traffic) = &traffic {
                    print!("{}", preflight(&policy, traffic));
                }
            }
            None => answer = Answer::No,
        }
    }
    Ok(answer)
}

/// What is wrong in which file, as one document; an empty list of mistakes is a sound policy.
fn check_for_programs(paths: &[PathBuf]) -> anyhow::Result<Answer> {
    let mut answer = Answer::Yes;
    let mut files = Vec::new();
    for file in files_in(paths)? {
        let mistakes = match policy::parse(&file.display().to_string(), &read(&file)?) {
            Ok(_) => Vec::new(),
            Err(mistakes) => {
                answer = Answer::No;
                mistakes.iter().map(told).collect()
            }
        };
        files.push(json!({ "file": file, "mistakes": mistakes }));
    }
    print_json(&json!({ "files": files }))?;
    Ok(answer)
}

fn told(mistake: &Mistake) -> Value {
    let Mistake { line, column, message, expected, hint, .. } = mistake;
    json!({ "line": line, "column": column, "message": message, "expected": expected, "hint": hint })
}

/// Whether a stage may be entered now, and the next two times at which that changes.
fn outlook(windows: &Windows, now: Timestamp) -> String {
    let local = |at: Timestamp| at.with_timezone(&windows.timezone).format("%a %Y-%m-%d %H:%M %Z").to_string();
    let until =
        |at: Option<Timestamp>| at.map_or("with no end in sight".to_owned(), |at| format!("until {}", local(at)));
    match windows.at(now) {
        WindowState::Open { until: closes } => {
            let after = closes.map(|closes| match windows.at(closes) {
                WindowState::Open { until: closes } => until(closes),
                WindowState::Closed { until: opens, why } => format!("then closed {} ({why})", until(opens)),
            });
            let after = after.map(|after| format!(", {after}")).unwrap_or_default();
            format!("its windows are open {}{after}", until(closes))
        }
        WindowState::Closed { until: opens, why } => {
            let after = opens.map(|opens| match windows.at(opens) {
                WindowState::Open { until: closes } | WindowState::Closed { until: closes, .. } => until(closes),
            });
            let after = after.map(|after| format!(", then open {after}")).unwrap_or_default();
            format!("its windows are closed {} ({why}){after}", until(opens))
        }
    }
}

fn show(file: &Path, json: bool) -> anyhow::Result<Answer> {
    match parsed(file)? {
        Some(policy) if json => print_json(&policy)?,
        Some(policy) => print!("{}", policy::show(&policy)),
        None => return Ok(Answer::No),
    }
    Ok(Answer::Yes)
}

async fn diff(before: &str, after: Option<&Path>, json: bool, target: &Target) -> anyhow::Result<Answer> {
    let file = Path::new(before);
    let changes = match after {
        Some(after) => match (parsed(file)?, parsed(after)?) {
            (Some(before), Some(after)) => policy::diff(&before, &after),
            (None, _) | (_, None) => return Ok(Answer::No),
        },
        None if file.is_file() => {
            let Some(policy) = parsed(file)? else { return Ok(Answer::No) };
            let answer = match target.client()?.get(&format!("/rollouts/{}/policy", policy.flag)).await? {
                Ok(answer) => answer,
                Err(refused) => return Ok(refused.tell()),
            };
            let running: Policy = serde_json::from_value(answer["policy"].clone()).context("the daemon's policy")?;
            policy::diff(&running, &policy)
        }
        None if before.contains(['/', '\\']) || before.ends_with(".yaml") => {
            return Err(WrongUse(format!("expected a policy file or a flag; there is no {before}")).into());
        }
        None => match target.client()?.get(&format!("/rollouts/{before}/policy")).await? {
            Ok(answer) => serde_json::from_value(answer["changes"].clone()).context("the daemon's changes")?,
            Err(refused) => return Ok(refused.tell()),
        },
    };
    tell(&changes, json)?;
    Ok(if changes.is_empty() { Answer::Yes } else { Answer::No })
}

fn tell(changes: &[Change], json: bool) -> anyhow::Result<()> {
    if json {
        print_json(changes)?;
        return Ok(());
    }
    for change in changes {
        println!("{change}");
    }
    let laxer = changes.iter().filter(|change| change.effect == policy::Effect::Laxer).count();
    match changes.len() {
        0 => println!("no difference"),
        all => println!("{all} different, {laxer} of them laxer"),
    }
    Ok(())
}

/// The policy of a file; where there is none, its mistakes have been told.
fn parsed(file: &Path) -> anyhow::Result<Option<Policy>> {
    let outcome = policy::parse(&file.display().to_string(), &read(file)?);
    Ok(outcome.inspect_err(|mistakes| eprintln!("{mistakes}")).ok())
}

fn read(file: &Path) -> anyhow::Result<String> {
    fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

/// Every policy file that is meant; at least one.
fn files_in(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        files.extend(files_of(path)?);
    }
    if files.is_empty() {
        anyhow::bail!("expected at least one policy file (*.yaml)");
    }
    Ok(files)
}

fn files_of(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml" || extension == "yml"));
    files.sort();
    Ok(files)
}
