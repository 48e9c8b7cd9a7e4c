//! How far a back-test has got, shown to whoever has to wait for it.

use crate::clock::Stopwatch;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;

/// What is over sooner needs no progress bar.
const WORTH_A_BAR: Duration = Duration::from_secs(2);

pub(super) struct Progress {
    begun: Stopwatch,
    bar: ProgressBar,
}

impl Default for Progress {
    fn default() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        Self { begun: Stopwatch::start(), bar }
    }
}

impl Progress {
    pub(super) fn of(&self, ticks: u64) {
        self.bar.set_length(ticks);
    }

    pub(super) fn step(&self) {
        self.bar.inc(1);
        if self.bar.is_hidden() && self.begun.elapsed() > WORTH_A_BAR {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
            if let Ok(style) = ProgressStyle::with_template("back-test {bar:30} {pos} of {len} ticks, {eta} left") {
                self.bar.set_style(style);
            }
        }
    }

    pub(super) fn done(&self) {
        self.bar.finish_and_clear();
    }
}
