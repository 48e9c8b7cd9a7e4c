//! Several e-values as one.

use super::ln;

/// ln of the mean of e-values given as logarithms: one chance of a false alarm for all metrics together,
/// however they depend on each other (Vovk and Wang 2021). 0 where there are none.
pub fn combine(ln_e: &[f64]) -> f64 {
    ln::mean(ln_e)
}
