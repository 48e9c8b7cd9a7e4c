//! The live detector: a test that watches a whole rollout and is started anew all the time.
//!
//! A plain test that has seen four healthy hours has lost its capital by the time a regression begins in the
//! fifth. So only half of the capital is bet at first; the rest is cash, of which a part is put on fresh bets in
//! every bin (half of it within four hours, a fifth at once where a stage begins). The sum of all bets and the
//! cash is an e-value over the whole rollout, holds included, and is the same as a separate test begun in every
//! bin, each with the weight that was bet on it. Bets are placed before the bin is looked at.

use super::two_sample::{self, GRID};
use super::{Arms, ln};
use serde::{Deserialize, Serialize};

/// Alternatives above this rate are left out: they say nothing that smaller ones do not.
const HIGHEST_RATE: f64 = 0.9;
/// ln of the cash kept at the first bin: half of it.
const LN_KEPT_AT_FIRST: f64 = -std::f64::consts::LN_2;
/// ln 0.8: the cash kept where a stage begins, beside what time takes.
const LN_KEPT_AT_STAGE: f64 = -0.223_143_551_314_209_76;
/// Time in which half of the cash is bet, in minutes.
const HALF_LIFE_MINUTES: f64 = 240.0;
/// The longest stretch one bin may stand for, in minutes: a year, so that no clock can make the cash infinite.
const LONGEST_MINUTES: f64 = 525_600.0;

/// The evidence of one metric so far: at most thirteen numbers.
///
/// Survives JSON to the last bit. Before the first bin nothing is bet, which would be a logarithm of minus
/// infinity and which JSON could not say, so the bets are an empty list until then.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Detector {
    test: Test,
    /// ln of what is not bet yet.
    ln_cash: f64,
    /// ln of what stands on each alternative; empty before the first bin.
    ln_bets: Vec<f64>,
}

/// What the canary is held against.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Test {
    /// The rate is at most this.
    OneSample { p0: f64 },
    /// The rate is at most so many times control's.
    TwoSample { r1: f64 },
}

impl Detector {
    /// Watches the canary alone: its rate should be at most `p0`.
    pub fn one_sample(p0: f64) -> Self {
        Self::of(Test::OneSample { p0 })
    }

    /// Watches the canary beside control: its rate should be at most `r1` times control's.
    pub fn two_sample(r1: f64) -> Self {
        Self::of(Test::TwoSample { r1 })
    }

    const fn of(test: Test) -> Self {
        Self { test, ln_cash: 0.0, ln_bets: Vec::new() }
    }

    /// Takes one closed bin of `minutes`: bets first, looks then. `stage_began` marks the first bin of a stage.
    /// A one-sample detector looks at the canary alone, so [`Trials`](super::Trials) will do for it.
    pub fn take(&mut self, bin: impl Into<Arms>, minutes: f64, stage_began: bool) {
        let bin = bin.into();
        let first = self.ln_bets.is_empty();
        let ln_kept = ln_kept(first, minutes, stage_began);
        let likelihoods = self.test.ln_likelihoods(bin);
        if likelihoods.is_empty() {
            // A limit so high that nothing is left to bet on.
            return;
        }
        let ln_fresh = self.ln_cash + libm::log(-libm::expm1(ln_kept)) - libm::log(likelihoods.len() as f64);
        if first {
            self.ln_bets = vec![f64::NEG_INFINITY; likelihoods.len()];
        }
        for (bet, likelihood) in self.ln_bets.iter_mut().zip(likelihoods) {
            *bet = ln::add(*bet, ln_fresh) + likelihood;
        }
        self.ln_cash += ln_kept;
    }

    /// ln of the e-value now; 0 before the first bin.
    pub fn ln_e(&self) -> f64 {
        ln::add(self.ln_cash, ln::sum(&self.ln_bets))
    }
}

impl Test {
    /// What each alternative says of a bin.
    fn ln_likelihoods(self, bin: Arms) -> Vec<f64> {
        match self {
            Test::OneSample { p0 } => {
                let (failures, successes) = (bin.canary.k as f64, bin.canary.successes() as f64);
                let ln_null = libm::log1p(-p0);
                let alternatives = GRID.iter().filter(|m| **m * p0 <= HIGHEST_RATE);
                alternatives.map(|m| failures * libm::log(*m) + successes * (libm::log1p(-m * p0) - ln_null)).collect()
            }
            Test::TwoSample { r1 } => GRID.iter().map(|m| two_sample::ln_lr(bin, r1, *m)).collect(),
        }
    }
}

/// ln of the share of the cash that is still not bet after this bin.
fn ln_kept(first: bool, minutes: f64, stage_began: bool) -> f64 {
    if first {
        return LN_KEPT_AT_FIRST;
    }
    // A length that is no number, or negative, is a clock that stepped back: no time has passed.
    let minutes = if minutes > 0.0 { minutes.min(LONGEST_MINUTES) } else { 0.0 };
    let by_time = -std::f64::consts::LN_2 * minutes / HALF_LIFE_MINUTES;
    if stage_began { by_time + LN_KEPT_AT_STAGE } else { by_time }
}
