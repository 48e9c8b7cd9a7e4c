//! `rampart policy backtest`

use super::client::Target;
use super::{Answer, WrongUse};
use crate::clock::Stopwatch;
use anyhow::Context;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rampart_core::policy::{self, Policy};
use rampart_core::rollout::{Backtest, Line, Retrospect};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What is over sooner needs no progress bar.
const WORTH_A_BAR: Duration = Duration::from_secs(2);

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("source").required(true))]
pub(super) struct Args {
    /// The policy file to try.
    policy: PathBuf,
    /// Over the newest rollout of this flag, as the daemon recorded it.
    #[arg(long, value_name = "FLAG", group = "source")]
    journal: Option<String>,
    /// Over a recording in a file: what GET /api/v1/rollouts/FLAG/recording answers.
    #[arg(long, value_name = "FILE", group = "source")]
    recording: Option<PathBuf>,
    /// Count checks that the recording knows nothing of as healthy; without this, as blind.
    #[arg(long)]
    assume_healthy: bool,
    #[command(flatten)]
    target: Target,
    /// As JSON, for programs.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &Args) -> anyhow::Result<Answer> {
    let file = args.policy.display().to_string();
    let source = std::fs::read_to_string(&args.policy).with_context(|| format!("cannot read {file}"))?;
    let policy = match policy::parse(&file, &source) {
        Ok(policy) => policy,
        Err(mistakes) => {
            eprintln!("{mistakes}");
            return Ok(Answer::No);
        }
    };
    let mut trial = Trial::new(&policy, args.assume_healthy);
    match (&args.journal, &args.recording) {
        (Some(flag), _) => from_daemon(&mut trial, &args.target, flag).await?,
        (None, Some(file)) => from_file(&mut trial, file)?,
        (None, None) => return Err(WrongUse("expected --journal or --recording".to_owned()).into()),
    }
    let found = trial.finish()?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&found)?);
    } else {
        print!("{found}");
    }
    Ok(Answer::Yes)
}

async fn from_daemon(trial: &mut Trial<'_>, target: &Target, flag: &str) -> anyhow::Result<()> {
    let mut response = target.client()?.open(&format!("/rollouts/{flag}/recording")).await?;
    let mut rest = Vec::new();
    while let Some(chunk) = response.chunk().await.context("the recording broke off")? {
        rest.extend_from_slice(&chunk);
        if let Some(end) = rest.iter().rposition(|byte| *byte == b'\n') {
            let whole: Vec<u8> = rest.drain(..=end).collect();
            whole.split(|byte| *byte == b'\n').try_for_each(|line| trial.take(line))?;
        }
    }
    trial.take(&rest)
}

fn from_file(trial: &mut Trial<'_>, path: &Path) -> anyhow::Result<()> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    for line in BufReader::new(file).split(b'\n') {
        trial.take(&line.with_context(|| format!("cannot read {}", path.display()))?)?;
    }
    Ok(())
}

/// A back-test that is fed lines as they arrive, and shows how far it has got.
struct Trial<'p> {
    policy: &'p Policy,
    assume_healthy: bool,
    backtest: Option<Backtest<'p>>,
    lines: u64,
    /// Ticks that are still to come.
    left: u64,
    begun: Stopwatch,
    bar: ProgressBar,
}

impl<'p> Trial<'p> {
    fn new(policy: &'p Policy, assume_healthy: bool) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        Self { policy, assume_healthy, backtest: None, lines: 0, left: 0, begun: Stopwatch::start(), bar }
    }

    fn take(&mut self, line: &[u8]) -> anyhow::Result<()> {
        if line.is_empty() {
            return Ok(());
        }
        self.lines += 1;
        let line: Line = serde_json::from_slice(line)
            .with_context(|| format!("line {} of the recording is not one this version can read", self.lines))?;
        match (&line, &mut self.backtest) {
            (Line::Head(head), None) => {
                self.backtest = Some(Backtest::new(self.policy, head, self.assume_healthy));
                self.left = head.ticks;
                self.bar.set_length(head.ticks);
            }
            (_, None) => anyhow::bail!("expected a recording that begins with its head"),
            (line, Some(backtest)) => {
                backtest.take(line);
                if matches!(line, Line::Tick(_)) {
                    self.left = self.left.saturating_sub(1);
                    self.progress();
                }
            }
        }
        Ok(())
    }

    fn progress(&mut self) {
        self.bar.inc(1);
        if self.bar.is_hidden() && self.begun.elapsed() > WORTH_A_BAR {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
            if let Ok(style) = ProgressStyle::with_template("back-test {bar:30} {pos} of {len} ticks, {eta} left") {
                self.bar.set_style(style);
            }
        }
    }

    fn finish(self) -> anyhow::Result<Retrospect> {
        self.bar.finish_and_clear();
        let backtest = self.backtest.context("the recording is empty")?;
        // A connection that broke looks like an end; a verdict on half a rollout would be none.
        anyhow::ensure!(self.left == 0, "the recording broke off: {} ticks are missing", self.left);
        Ok(backtest.finish())
    }
}
