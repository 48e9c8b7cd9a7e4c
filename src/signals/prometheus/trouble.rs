//! Why an answer is no number.

use rampart_core::Millis;
use rampart_core::rollout::Outcome;
use std::fmt;

/// Everything that can come back in place of one good number. All of them leave a check blind; none rolls back.
/// docs/prometheus.md lists them with these words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The server knows no such series now.
    Empty,
    /// Zero divided by zero, mostly.
    NotANumber,
    /// Something divided by zero, mostly; true for plus.
    Infinite(bool),
    /// A sample older than a reading may be.
    Stale(Millis),
    /// The server says that something is missing.
    Warned(String),
    /// VictoriaMetrics says that a part of its storage did not answer.
    Partial,
    /// A sample from further ahead than a reading may be old.
    Ahead(Millis),
    /// So many series where one was asked for.
    Several(usize),
    /// Two series with one value of the label they are told apart by.
    Doubled(String),
    /// A series without the label they are told apart by.
    Unlabelled(String),
    /// A range of samples where one was asked for.
    Range,
    /// Samples of one moment where a range was asked for.
    NoRange,
    /// A scalar: it is there even where no series is.
    Scalar,
    /// A string.
    Text,
    /// A native histogram where a number was asked for.
    Histogram,
    /// A status of 400 or more, and what the server says about it.
    Refused(u16, String),
    /// A redirect; it is not followed, for credentials would go with it.
    Redirect(u16),
    /// `"status": "error"` behind a status of 200.
    Failed(String),
    /// No JSON, or JSON of another shape.
    Broken(String),
    /// The whole answer was not there in time.
    Late(Millis),
    /// More bytes than are ever read.
    TooLarge(usize),
    /// Nobody answers there.
    Unreachable(String),
    /// The connection broke in the middle of an answer.
    CutOff(String),
    /// A file of credentials that cannot be used.
    Credentials(String),
    /// Counters that did not rise: 0 of 0.
    NothingCounted,
    /// Series that are no whole histogram.
    NoHistogram,
    /// A stage younger than the newest data.
    TooYoung,
    /// The daemon's own heartbeat cannot be read.
    NoHeartbeat(Box<Trouble>),
    /// The daemon's own heartbeat is older than a reading may be.
    Lagging(Millis),
    /// The server's clock and the database's are so far apart.
    ClocksDiffer(Millis),
    /// No server is named.
    NoServer,
}

impl Trouble {
    /// Whether no usable answer came at all, in place of one that says what the server knows.
    pub const fn is_no_answer(&self) -> bool {
        matches!(
            self,
            Trouble::Refused(..)
                | Trouble::Redirect(_)
                | Trouble::Failed(_)
                | Trouble::Broken(_)
                | Trouble::Late(_)
                | Trouble::TooLarge(_)
                | Trouble::Unreachable(_)
                | Trouble::CutOff(_)
                | Trouble::Credentials(_)
        )
    }

    /// What it is to a check. `NoEvidence`: the server works and has nothing to say; `Fault`: the server, the way to
    /// it, or the query does not work.
    pub fn outcome(&self) -> Outcome {
        let why = self.to_string();
        match self {
            Trouble::Empty
            | Trouble::NotANumber
            | Trouble::Infinite(_)
            | Trouble::Stale(_)
            | Trouble::Warned(_)
            | Trouble::Partial
            | Trouble::NothingCounted
            | Trouble::TooYoung
            | Trouble::Lagging(_) => Outcome::NoEvidence(why),
            Trouble::NoHeartbeat(inner) => match inner.outcome() {
                Outcome::NoEvidence(_) => Outcome::NoEvidence(why),
                Outcome::Fault(_) | Outcome::Measured { .. } => Outcome::Fault(why),
            },
            Trouble::Ahead(_)
            | Trouble::Several(_)
            | Trouble::Doubled(_)
            | Trouble::Unlabelled(_)
            | Trouble::Range
            | Trouble::NoRange
            | Trouble::Scalar
            | Trouble::Text
            | Trouble::Histogram
            | Trouble::Refused(..)
            | Trouble::Redirect(_)
            | Trouble::Failed(_)
            | Trouble::Broken(_)
            | Trouble::Late(_)
            | Trouble::TooLarge(_)
            | Trouble::Unreachable(_)
            | Trouble::CutOff(_)
            | Trouble::Credentials(_)
            | Trouble::NoHistogram
            | Trouble::ClocksDiffer(_)
            | Trouble::NoServer => Outcome::Fault(why),
        }
    }
}

impl std::error::Error for Trouble {}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Empty => f.write_str("the query finds no series"),
            Trouble::NotANumber => f.write_str("the value is not a number (0 of 0, mostly)"),
            Trouble::Infinite(plus) => {
                let sign = if *plus { '+' } else { '-' };
                write!(f, "the value is {sign}Inf (something divided by 0, mostly)")
            }
            Trouble::Stale(age) => write!(f, "the newest sample is {age} old"),
            Trouble::Warned(what) => write!(f, "the server warns: {what}"),
            Trouble::Partial => f.write_str("the server says that its answer is partial"),
            Trouble::Ahead(by) => write!(f, "the sample lies {by} in the future: a clock is wrong"),
            Trouble::Several(series) => {
                write!(f, "the query finds {series} series where one number is wanted; put sum(…) or max(…) around it")
            }
            Trouble::Doubled(value) => write!(f, "the query finds more than one series for {value:?}"),
            Trouble::Unlabelled(label) => write!(f, "the query finds a series without the label {label:?}"),
            Trouble::Range => f.write_str(
                "the query answers a range where one number is wanted; put increase(…) or the like around it",
            ),
            Trouble::NoRange => f.write_str("the query answers single samples where a range is wanted"),
            Trouble::Scalar => {
                f.write_str("the query answers a scalar, which is there even where nothing is measured; drop scalar(…)")
            }
            Trouble::Text => f.write_str("the query answers a string where a number is wanted"),
            Trouble::Histogram => f.write_str(
                "the query answers a native histogram where a number is wanted; put histogram_quantile(…) around it",
            ),
            Trouble::Refused(status, said) if said.is_empty() => write!(f, "the server answers {status}"),
            Trouble::Refused(status, said) => write!(f, "the server answers {status}: {said}"),
            Trouble::Redirect(status) => {
                write!(
                    f,
                    "the server redirects ({status}), which is not followed; set RAMPART_PROMETHEUS_URL to where it leads"
                )
            }
            Trouble::Failed(said) => write!(f, "the server cannot answer: {said}"),
            Trouble::Broken(what) => write!(f, "the answer cannot be read: {what}"),
            Trouble::Late(after) => write!(f, "no whole answer within {after}"),
            Trouble::TooLarge(bytes) => write!(f, "the answer is larger than {} MiB", bytes >> 20),
            Trouble::Unreachable(why) => write!(f, "the server cannot be reached: {why}"),
            Trouble::CutOff(why) => write!(f, "the answer broke off: {why}"),
            Trouble::Credentials(why) => write!(f, "no credentials: {why}"),
            Trouble::NothingCounted => f.write_str("nothing was counted in the window"),
            Trouble::NoHistogram => {
                f.write_str("the query finds no whole histogram; select _bucket series with every `le` up to +Inf")
            }
            Trouble::TooYoung => f.write_str("the server's newest data is from before this stage"),
            Trouble::NoHeartbeat(why) => write!(f, "the daemon's own heartbeat does not come back: {why}"),
            Trouble::Lagging(lag) => write!(f, "the daemon's own heartbeat comes back {lag} late"),
            Trouble::ClocksDiffer(by) => write!(f, "the server's clock and the database's are {by} apart"),
            Trouble::NoServer => f.write_str("RAMPART_PROMETHEUS_URL is not set"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes back, and what it is taken for, one of each.
    fn all() -> Vec<(&'static str, Trouble)> {
        let said = |text: &str| text.to_owned();
        vec![
            ("an empty vector", Trouble::Empty),
            ("`NaN`", Trouble::NotANumber),
            ("`+Inf`", Trouble::Infinite(true)),
            ("`-Inf`", Trouble::Infinite(false)),
            ("a sample older than `stale_after`", Trouble::Stale(Millis::minutes(3))),
            ("a value with `warnings`", Trouble::Warned(said("store-2 is unavailable"))),
            ("a value with `isPartial`", Trouble::Partial),
            ("a sample from the future", Trouble::Ahead(Millis::minutes(3))),
            ("several series", Trouble::Several(3)),
            ("several series of one flag", Trouble::Doubled(said("part_lens_v2"))),
            ("a series of no flag", Trouble::Unlabelled(said("flag"))),
            ("a range where one number is wanted", Trouble::Range),
            ("one number where a range is wanted", Trouble::NoRange),
            ("a scalar", Trouble::Scalar),
            ("a string", Trouble::Text),
            ("a native histogram", Trouble::Histogram),
            ("a status of 400 or more", Trouble::Refused(503, said("query queue is full"))),
            ("a status of 400 or more without a word", Trouble::Refused(401, String::new())),
            ("a redirect", Trouble::Redirect(302)),
            ("`status: error` behind 200", Trouble::Failed(said("execution: too many samples"))),
            ("broken JSON, or none", Trouble::Broken(said("EOF while parsing a string at line 1 column 17"))),
            ("nothing, or a slow drip", Trouble::Late(Millis::seconds(4))),
            ("a body of 100 MB", Trouble::TooLarge(super::super::LARGEST_ANSWER)),
            ("a refused connection", Trouble::Unreachable(said("connection refused"))),
            ("an answer that breaks off", Trouble::CutOff(said("the connection broke"))),
            ("credentials that cannot be read", Trouble::Credentials(said("/run/secrets/token: entity not found"))),
            ("counters that did not rise", Trouble::NothingCounted),
            ("buckets without `+Inf` or without `le`", Trouble::NoHistogram),
            ("data from before the stage", Trouble::TooYoung),
            ("no heartbeat of the daemon", Trouble::NoHeartbeat(Box::new(Trouble::Empty))),
            ("no way to read the heartbeat", Trouble::NoHeartbeat(Box::new(Trouble::Late(Millis::seconds(4))))),
            ("a heartbeat older than `stale_after`", Trouble::Lagging(Millis::minutes(3))),
            ("clocks that differ by more than 5 s", Trouble::ClocksDiffer(Millis::minutes(3))),
            ("no server that is named", Trouble::NoServer),
        ]
    }

    #[test]
    fn every_outcome_is_documented_with_its_words() {
        let row = |(what, trouble): &(&str, Trouble)| match trouble.outcome() {
            Outcome::NoEvidence(why) => format!("| {what} | no evidence | {why} |\n"),
            Outcome::Fault(why) => format!("| {what} | fault | {why} |\n"),
            Outcome::Measured { .. } => panic!("{what} became a number"),
        };
        let table: String = all().iter().map(row).collect();
        let documented = include_str!("../../../docs/prometheus.md");
        assert!(documented.contains(&table), "docs/prometheus.md should have these rows:\n{table}");
    }
}
