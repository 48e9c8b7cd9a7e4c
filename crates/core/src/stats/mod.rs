//! Counting: histograms and quantiles.

mod histogram;
mod trials;

pub use histogram::Histogram;
pub use trials::{Arms, Trials};
