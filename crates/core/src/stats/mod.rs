//! What the counts prove, and how strongly: sequential statistics that may be looked at as often as one likes.
//!
//! Evidence is an *e-value*: capital that a gambler has made of one unit by betting that the canary is bad, at
//! odds that are fair or worse as long as it is healthy. Its expectation is at most 1 while the canary is
//! healthy, so by Ville's inequality the chance that it *ever* reaches 1/α is at most α, at however many looks.
//! Everything is kept as a natural logarithm: 0 is "no evidence either way", ln 100 ≈ 4.6 is "100 to 1".
//!
//! | file | idea |
//! | --- | --- |
//! | [`trials`] | requests and failures, of one cohort and of both |
//! | [`one_sample`] | a rate against a fixed limit: proved bad, proved good, between which bounds, how many more |
//! | [`two_sample`] | the canary against control, bin by bin |
//! | [`detector`] | either of the two over a whole rollout, started anew all the time |
//! | [`combine`](fn@combine) | several e-values as one |
//! | [`srm`] | whether the cohorts hold as many people as they should |
//! | [`histogram`], [`buckets`] | how many latencies were over a limit, exactly or between which numbers |
//!
//! **Architecture invariant:** a verdict can be recomputed from stored counts to the last bit, on any machine.
//! So there is no randomness and no state but what the caller stores, and every logarithm and exponential in
//! this room comes from `libm`, which is compiled in, instead of from the machine's own mathematics library.

pub mod beta;
pub mod buckets;
mod combine;
pub mod detector;
mod histogram;
mod ln;
pub mod one_sample;
pub mod srm;
pub mod trials;
pub mod two_sample;

pub use buckets::Buckets;
pub use combine::combine;
pub use detector::Detector;
pub use histogram::Histogram;
pub use trials::{Arms, Trials};
