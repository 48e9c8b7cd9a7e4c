//! `rampart policy try`: a policy in a virtual world, before it is let loose.

use super::{Answer, WrongUse, coloured};
use crate::clock::Stopwatch;
use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use rampart_core::policy::{self, Policy};
use rampart_sim::scenario::{self, SHIPPED, Scenario};
use rampart_sim::timeline::{self, Style};
use rampart_sim::{report, run::Run, world};
use std::fs;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Whoever waits longer than this is told how far it is.
const PATIENCE: Duration = Duration::from_secs(2);
/// How wide a timeline is where there is no terminal to say.
const WIDTH: usize = 100;
/// Steps of the progress bar.
const STEPS: u64 = 1000;

const EXAMPLES: &str = "Example: rampart policy try --scenario errors_at_20 --report report.html

Exit code 1 where the scenario expects something else than what came, 2 for wrong use.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// A policy file.
    #[arg(default_value = "policies/part_lens_v2.yaml")]
    policy: PathBuf,
    /// A scenario file, or the name of a shipped one (see --list).
    #[arg(long, required_unless_present = "list", value_name = "FILE|NAME")]
    scenario: Option<String>,
    /// Draw chance from another seed than the scenario's.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Write the run as one HTML page as well.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Print the run as JSON in place of the timeline.
    #[arg(long)]
    json: bool,
    /// Draw in ASCII, whatever the terminal can show.
    #[arg(long)]
    plain: bool,
    /// List the shipped scenarios.
    #[arg(long)]
    list: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Answer> {
    let policy = policy_of(&args.policy)?;
    if args.list {
        return list(&policy);
    }
    let Some(scenario) = args.scenario.as_deref() else { return list(&policy) };
    let scenario = scenario_of(scenario, &policy)?;
    let run = tried(&policy, &scenario, args.seed.unwrap_or(scenario.seed))?;
    if let Some(file) = &args.report {
        let page = report::html(&run, &args.policy.display().to_string());
        fs::write(file, page).with_context(|| format!("cannot write {}", file.display()))?;
        eprintln!("the report is in {}", file.display());
    }
    if args.json {
        say(&serde_json::to_string_pretty(&run)?);
    } else {
        say(timeline::draw(&run, style(args.plain)).trim_end());
    }
    let met = run.expectation.as_ref().is_none_or(|expectation| expectation.met);
    Ok(if met { Answer::Yes } else { Answer::No })
}

/// Runs the world, and says how far it is where that takes long.
fn tried(policy: &Policy, scenario: &Scenario, seed: u64) -> anyhow::Result<Run> {
    let (clock, bar) = (Stopwatch::start(), ProgressBar::hidden());
    bar.set_length(STEPS);
    bar.set_style(ProgressStyle::with_template("{bar:40} {percent} % of the virtual time")?);
    let run = world::run(policy, scenario, seed, &mut |share| {
        if bar.is_hidden() && clock.elapsed() > PATIENCE {
            bar.set_draw_target(indicatif::ProgressDrawTarget::stderr());
        }
        bar.set_position((share * STEPS as f64) as u64);
    });
    bar.finish_and_clear();
    Ok(run?)
}

fn list(policy: &Policy) -> anyhow::Result<Answer> {
    for (name, text) in SHIPPED {
        // A policy with other stages or checks may not fit a shipped scenario, and that is worth saying here.
        match scenario::parse(name, name, text, policy) {
            Ok(scenario) => say(&format!("{name:<16} {}", scenario.about)),
            Err(_) => say(&format!("{name:<16} (names stages or checks that this policy does not have)")),
        }
    }
    Ok(Answer::Yes)
}

fn policy_of(file: &Path) -> anyhow::Result<Policy> {
    let text = fs::read_to_string(file)
        .map_err(|error| WrongUse(format!("cannot read the policy {}: {error}", file.display())))?;
    Ok(policy::parse(&file.display().to_string(), &text).map_err(|mistakes| WrongUse(format!("\n{mistakes}")))?)
}

/// A shipped scenario by its name, or one in a file.
fn scenario_of(asked: &str, policy: &Policy) -> anyhow::Result<Scenario> {
    let shipped = scenario::shipped(asked).map(|text| (asked.to_owned(), text.to_owned()));
    let (name, text) = match shipped {
        Some(shipped) => shipped,
        None => {
            let text = fs::read_to_string(asked).map_err(|error| {
                let names: Vec<&str> = SHIPPED.iter().map(|(name, _)| *name).collect();
                WrongUse(format!("expected a scenario file or one of {}, got {asked:?}: {error}", names.join(", ")))
            })?;
            let name = Path::new(asked).file_stem().unwrap_or_default().to_string_lossy().into_owned();
            (name, text)
        }
    };
    Ok(scenario::parse(&name, asked, &text, policy).map_err(|mistakes| WrongUse(format!("\n{mistakes}")))?)
}

fn style(plain: bool) -> Style {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let terminal = std::io::stdout().is_terminal();
    let columns = terminal_size::terminal_size().filter(|_| terminal).map(|(width, _)| usize::from(width.0));
    let width = columns.or_else(|| set("COLUMNS")?.parse().ok()).unwrap_or(WIDTH);
    let language = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set).unwrap_or_default().to_lowercase();
    let unicode = !plain && (language.contains("utf-8") || language.contains("utf8"));
    Style { width, unicode, colour: coloured(&std::io::stdout()) }
}

/// Lines on stdout; whoever closed the pipe does not want to know.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
