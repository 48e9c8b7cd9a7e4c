//! Counting: histograms and quantiles.

mod histogram;

pub use histogram::Histogram;
