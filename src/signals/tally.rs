//! What is counted of the requests of one cohort.

use rampart_core::stats::Histogram;
use std::time::Duration;

/// The status of a request whose client hung up before it was answered.
pub const CLIENT_GONE: u16 = 499;
/// A client that waited this long before it hung up was failed by us; a shorter one closed a tab.
pub const GIVEN_UP_AFTER: Duration = Duration::from_secs(1);

/// Counts of finished requests and the histogram of their latencies.
#[derive(Clone, Default, Debug, PartialEq, Eq)]
pub struct Tally {
    /// All.
    pub requests: u64,
    /// 5xx, our own 408 and 429, and clients that hung up after waiting in vain.
    pub failures: u64,
    /// Status of 500 or more.
    pub server_errors: u64,
    /// 503 because the database was away; each is a server error as well.
    pub unavailable: u64,
    /// 400, 401, 403, 404, 409.
    pub rejections: u64,
    /// Latencies.
    pub latencies: Histogram,
}

impl Tally {
    /// Counts one finished request.
    pub fn count(&mut self, status: u16, micros: u64, unavailable: bool) {
        self.requests += 1;
        self.failures += u64::from(status >= 500 || matches!(status, 408 | 429 | CLIENT_GONE));
        self.server_errors += u64::from(status >= 500);
        self.unavailable += u64::from(unavailable);
        self.rejections += u64::from(matches!(status, 400 | 401 | 403 | 404 | 409));
        self.latencies.record(micros);
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Tally) {
        self.requests += other.requests;
        self.failures += other.failures;
        self.server_errors += other.server_errors;
        self.unavailable += other.unavailable;
        self.rejections += other.rejections;
        self.latencies.merge(&other.latencies);
    }
}
