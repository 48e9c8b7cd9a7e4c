//! Where measurements come from, and what they are measured in.

use super::query::has_cohort;
use serde::{Deserialize, Serialize};

/// Where a measurement comes from.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Signal {
    /// `live.5xx`: answers with a status of 500 or more.
    #[serde(rename = "live.5xx")]
    Live5xx,
    /// `live.error_rate`: failed requests / requests. Failed = 5xx, our own 408 and 429.
    #[serde(rename = "live.error_rate")]
    LiveErrorRate,
    /// `live.p95`: the latency 95 % of the requests stay within.
    #[serde(rename = "live.p95")]
    LiveP95,
    /// `live.rejections`: requests answered 400, 401, 403, 404 or 409 / requests.
    #[serde(rename = "live.rejections")]
    LiveRejections,
    /// `live.crashes`: starts of the daemon without a clean stop before.
    #[serde(rename = "live.crashes")]
    LiveCrashes,
    /// `audit.violations`: audit rows without a whole signature, ledger rows without an audit row.
    #[serde(rename = "audit.violations")]
    AuditViolations,
    /// `probe.rls`: rows of another yacht that a probe could read.
    #[serde(rename = "probe.rls")]
    ProbeRls,
    /// `probe.read`: synthetic reads that failed.
    #[serde(rename = "probe.read")]
    ProbeRead,
    /// `probe.write`: synthetic writes that failed.
    #[serde(rename = "probe.write")]
    ProbeWrite,
    /// `report.data_inconsistency`: open reports of wrong data.
    #[serde(rename = "report.data_inconsistency")]
    ReportDataInconsistency,
    /// `report.other`: open reports of anything else.
    #[serde(rename = "report.other")]
    ReportOther,
    /// `report.any`: open reports of any kind.
    #[serde(rename = "report.any")]
    ReportAny,
    /// `{ prometheus: … }`: what a Prometheus server answers.
    #[serde(rename = "prometheus")]
    Prometheus(PrometheusSource),
    /// `{ sql: … }`: the one number a read-only statement answers.
    #[serde(rename = "sql")]
    Sql(SqlQuery),
}

/// What is asked of a Prometheus server.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct PrometheusSource {
    /// The question. `$window`, `$cohort` and `$flag` stand for what the rollout makes of them.
    pub ask: PrometheusAsk,
    /// What the answer is measured in.
    pub unit: Unit,
}

/// The forms a question to Prometheus takes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrometheusAsk {
    /// An expression with one number for an answer.
    Value {
        /// The expression.
        query: String,
        /// An expression for how many observations stand behind that number.
        samples: Option<String>,
    },
    /// Two selectors of counters: so many failures of so many requests.
    Ratio {
        /// Counts what failed.
        failures: String,
        /// Counts everything.
        requests: String,
    },
    /// A selector of the buckets of a classic histogram, in seconds, for its p95.
    Histogram {
        /// The `_bucket` series.
        buckets: String,
    },
}

impl PrometheusAsk {
    /// Whether it counts things, and can count those of the canary apart from those of control.
    pub fn counts_each_side(&self) -> bool {
        match self {
            PrometheusAsk::Value { .. } => false,
            PrometheusAsk::Ratio { failures, requests } => has_cohort(failures) && has_cohort(requests),
            PrometheusAsk::Histogram { buckets } => has_cohort(buckets),
        }
    }
}

/// A read-only statement.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct SqlQuery {
    /// One `select` of one number.
    pub text: String,
    /// What the number is measured in.
    pub unit: Unit,
}

impl Signal {
    /// Every signal that has a name of its own, in the order in which documents list them.
    pub const BUILT_IN: [Signal; 12] = [
        Signal::Live5xx,
        Signal::LiveErrorRate,
        Signal::LiveP95,
        Signal::LiveRejections,
        Signal::LiveCrashes,
        Signal::AuditViolations,
        Signal::ProbeRls,
        Signal::ProbeRead,
        Signal::ProbeWrite,
        Signal::ReportDataInconsistency,
        Signal::ReportOther,
        Signal::ReportAny,
    ];

    /// The name a policy uses.
    pub const fn name(&self) -> &'static str {
        match self {
            Signal::Live5xx => "live.5xx",
            Signal::LiveErrorRate => "live.error_rate",
            Signal::LiveP95 => "live.p95",
            Signal::LiveRejections => "live.rejections",
            Signal::LiveCrashes => "live.crashes",
            Signal::AuditViolations => "audit.violations",
            Signal::ProbeRls => "probe.rls",
            Signal::ProbeRead => "probe.read",
            Signal::ProbeWrite => "probe.write",
            Signal::ReportDataInconsistency => "report.data_inconsistency",
            Signal::ReportOther => "report.other",
            Signal::ReportAny => "report.any",
            Signal::Prometheus(_) => "prometheus",
            Signal::Sql(_) => "sql",
        }
    }

    /// What its values are measured in.
    pub const fn unit(&self) -> Unit {
        match self {
            Signal::LiveErrorRate | Signal::LiveRejections => Unit::Ratio,
            Signal::LiveP95 => Unit::Ms,
            Signal::Live5xx
            | Signal::LiveCrashes
            | Signal::AuditViolations
            | Signal::ProbeRls
            | Signal::ProbeRead
            | Signal::ProbeWrite
            | Signal::ReportDataInconsistency
            | Signal::ReportOther
            | Signal::ReportAny => Unit::Count,
            Signal::Prometheus(source) => source.unit,
            Signal::Sql(query) => query.unit,
        }
    }

    /// Whether it is measured on the requests this process and its replicas serve.
    pub const fn is_live(&self) -> bool {
        match self {
            Signal::Live5xx | Signal::LiveErrorRate | Signal::LiveP95 | Signal::LiveRejections => true,
            Signal::LiveCrashes
            | Signal::AuditViolations
            | Signal::ProbeRls
            | Signal::ProbeRead
            | Signal::ProbeWrite
            | Signal::ReportDataInconsistency
            | Signal::ReportOther
            | Signal::ReportAny
            | Signal::Prometheus(_)
            | Signal::Sql(_) => false,
        }
    }

    /// The text of the question, where a person wrote one.
    pub fn query(&self) -> Option<&str> {
        match self {
            Signal::Prometheus(PrometheusSource { ask, .. }) => Some(match ask {
                PrometheusAsk::Value { query, .. } => query,
                PrometheusAsk::Ratio { failures, .. } => failures,
                PrometheusAsk::Histogram { buckets } => buckets,
            }),
            Signal::Sql(query) => Some(&query.text),
            Signal::Live5xx
            | Signal::LiveErrorRate
            | Signal::LiveP95
            | Signal::LiveRejections
            | Signal::LiveCrashes
            | Signal::AuditViolations
            | Signal::ProbeRls
            | Signal::ProbeRead
            | Signal::ProbeWrite
            | Signal::ReportDataInconsistency
            | Signal::ReportOther
            | Signal::ReportAny => None,
        }
    }
}

/// What a value is measured in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A number of things.
    Count,
    /// A share, 0..=1.
    Ratio,
    /// Milliseconds.
    Ms,
    /// Seconds, as queries answer; people read milliseconds.
    Seconds,
}

impl Unit {
    /// A value as people read it: `3`, `0.12 %`, `712 ms`.
    pub fn show(self, value: f64) -> String {
        match self {
            // What a query extrapolates has a tail of digits that nobody counted; what is tiny keeps all it has.
            Unit::Count if value.abs() >= 0.001 => trimmed(value, 3),
            Unit::Count => format!("{value}"),
            Unit::Ratio => format!("{} %", trimmed(value * 100.0, 3)),
            Unit::Ms => format!("{} ms", trimmed(value, if value < 10.0 { 1 } else { 0 })),
            Unit::Seconds => Unit::Ms.show(value * 1000.0),
        }
    }
}

fn trimmed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}
