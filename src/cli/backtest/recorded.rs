//! Over what the daemon recorded of a rollout: its journal and its ticks.

use super::progress::Progress;
use crate::cli::client::Target;
use anyhow::Context;
use rampart_core::policy::Policy;
use rampart_core::rollout::{Backtest, Line, Retrospect};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// Over the newest rollout of a flag, as the daemon recorded it.
pub(super) async fn from_daemon(mut trial: Trial<'_>, target: &Target, flag: &str) -> anyhow::Result<Retrospect> {
    let mut response = target.client()?.open(&format!("/rollouts/{flag}/recording")).await?;
    let mut rest = Vec::new();
    while let Some(chunk) = response.chunk().await.context("the recording broke off")? {
        rest.extend_from_slice(&chunk);
        if let Some(end) = rest.iter().rposition(|byte| *byte == b'\n') {
            let whole: Vec<u8> = rest.drain(..=end).collect();
            whole.split(|byte| *byte == b'\n').try_for_each(|line| trial.take(line))?;
        }
    }
    trial.take(&rest)?;
    trial.finish()
}

/// Over a recording in a file.
pub(super) fn from_file(mut trial: Trial<'_>, path: &Path) -> anyhow::Result<Retrospect> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    for line in BufReader::new(file).split(b'\n') {
        trial.take(&line.with_context(|| format!("cannot read {}", path.display()))?)?;
    }
    trial.finish()
}

/// A back-test that is fed lines as they arrive, and shows how far it has got.
pub(super) struct Trial<'p> {
    policy: &'p Policy,
    assume_healthy: bool,
    backtest: Option<Backtest<'p>>,
    lines: u64,
    /// Ticks that are still to come.
    left: u64,
    progress: Progress,
}

impl<'p> Trial<'p> {
    pub(super) fn new(policy: &'p Policy, assume_healthy: bool) -> Self {
        Self { policy, assume_healthy, backtest: None, lines: 0, left: 0, progress: Progress::default() }
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
                self.progress.of(head.ticks);
            }
            (_, None) => anyhow::bail!("expected a recording that begins with its head"),
            (line, Some(backtest)) => {
                backtest.take(line);
                if matches!(line, Line::Tick(_)) {
                    self.left = self.left.saturating_sub(1);
                    self.progress.step();
                }
            }
        }
        Ok(())
    }

    fn finish(self) -> anyhow::Result<Retrospect> {
        self.progress.done();
        let backtest = self.backtest.context("the recording is empty")?;
        // A connection that broke looks like an end; a verdict on half a rollout would be none.
        anyhow::ensure!(self.left == 0, "the recording broke off: {} ticks are missing", self.left);
        Ok(backtest.finish())
    }
}
