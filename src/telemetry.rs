//! Metrics: every name and label in one place, gathered in the Prometheus text format.

use crate::controller::Status;
use crate::signals::Cohort;
use axum::http::Method;
use prometheus::{
    Encoder, GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};
use rampart_core::rollout::{Phase, Verdict};
use rampart_core::{FlagKey, Timestamp};
use std::time::Duration;
use uuid::Uuid;

/// The metric that is read back through Prometheus: see `src/signals/prometheus/pulse.rs`.
pub(crate) const HEARTBEAT: &str = "rampart_heartbeat_timestamp_seconds";
/// Latency edges in seconds; 0.5 and 1 are edges because the rollout rules speak of them.
const LATENCY_EDGES: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
/// What a request is answered that failed by our doing.
const SERVER_ERRORS: [&str; 3] = ["500", "503", "504"];
/// Edges for the way from a breach to 0 %, in seconds.
const ROLLBACK_EDGES: [f64; 9] = [0.0001, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 1.0];

/// Every metric of the daemon.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    durations: HistogramVec,
    percent: GaugeVec,
    phase: GaugeVec,
    check_value: GaugeVec,
    check_verdict: GaugeVec,
    soak: GaugeVec,
    decisions: IntCounterVec,
    rollbacks: HistogramVec,
    heartbeat: prometheus::Gauge,
    lease: GaugeVec,
    invariants: IntCounter,
    notifications: IntCounterVec,
    notifications_waiting: IntGauge,
    notifications_dead: IntGauge,
}

impl Metrics {
    /// Registers everything. Fails only where two metrics had one name.
    pub fn new(version: &str, git_commit: &str, replica: Uuid) -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let gauge = |name, help, labels: &[&str]| GaugeVec::new(Opts::new(name, help), labels);
        let counter = |name, help, labels: &[&str]| IntCounterVec::new(Opts::new(name, help), labels);
        let histogram = |name, help, edges: &[f64], labels: &[&str]| {
            HistogramVec::new(HistogramOpts::new(name, help).buckets(edges.to_vec()), labels)
        };
        let metrics = Self {
            requests: counter(
                "rampart_http_requests_total",
                "Requests of the parts API answered, by lens cohort.",
                &["route", "method", "status", "cohort"],
            )?,
            durations: histogram(
                "rampart_http_request_duration_seconds",
                "Time to answer requests of the parts API.",
                &LATENCY_EDGES,
                &["route", "cohort"],
            )?,
            percent: gauge("rampart_flag_percent", "Committed percent of the flag.", &["flag"])?,
            phase: gauge("rampart_rollout_phase", "1 for the phase the rollout is in.", &["flag", "phase"])?,
            check_value: gauge(
                "rampart_check_value",
                "Newest value of a check, in the unit of its signal (count, ratio, milliseconds).",
                &["flag", "check"],
            )?,
            check_verdict: gauge(
                "rampart_check_verdict",
                "1 for the verdict the check has.",
                &["flag", "check", "verdict"],
            )?,
            soak: gauge("rampart_soak_served_seconds", "Soak served in the present stage.", &["flag"])?,
            decisions: counter("rampart_decisions_total", "Changes committed, by kind.", &["flag", "kind"])?,
            rollbacks: histogram(
                "rampart_rollback_seconds",
                "From the moment a breach was seen to each step of its rollback.",
                &ROLLBACK_EDGES,
                &["flag", "step"],
            )?,
            heartbeat: prometheus::Gauge::with_opts(
                Opts::new(HEARTBEAT, "Time of the last turn, by the database's clock.")
                    .const_label("replica", replica.to_string()),
            )?,
            lease: gauge("rampart_lease_held", "1 where this replica may raise the flag.", &["flag"])?,
            invariants: IntCounter::new(
                "rampart_invariant_violations_total",
                "Steps that broke an invariant; anything but 0 is a defect.",
            )?,
            notifications: counter(
                "rampart_notifications_total",
                "Attempts to deliver a notification, by how they ended (delivered, failed, dead).",
                &["target", "outcome"],
            )?,
            notifications_waiting: IntGauge::new(
                "rampart_notifications_waiting",
                "Deliveries of notifications that are still to be made, of all replicas together.",
            )?,
            notifications_dead: IntGauge::new(
                "rampart_notifications_dead",
                "Deliveries of notifications that were given up, of all replicas together.",
            )?,
            registry,
        };
        let build = gauge("rampart_build_info", "Always 1; the labels say what runs.", &["version", "git_commit"])?;
        build.with_label_values(&[version, git_commit]).set(1.0);
        let collectors: [Box<dyn prometheus::core::Collector>; 16] = [
            Box::new(metrics.requests.clone()),
            Box::new(metrics.durations.clone()),
            Box::new(metrics.percent.clone()),
            Box::new(metrics.phase.clone()),
            Box::new(metrics.check_value.clone()),
            Box::new(metrics.check_verdict.clone()),
            Box::new(metrics.soak.clone()),
            Box::new(metrics.decisions.clone()),
            Box::new(metrics.rollbacks.clone()),
            Box::new(metrics.heartbeat.clone()),
            Box::new(metrics.lease.clone()),
            Box::new(metrics.invariants.clone()),
            Box::new(metrics.notifications.clone()),
            Box::new(metrics.notifications_waiting.clone()),
            Box::new(metrics.notifications_dead.clone()),
            Box::new(build),
        ];
        for collector in collectors {
            metrics.registry.register(collector)?;
        }
        metrics.registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        Ok(metrics)
    }

    /// Everything in the Prometheus text format.
    pub fn text(&self) -> Result<String, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        String::from_utf8(text).map_err(|error| prometheus::Error::Msg(error.to_string()))
    }

    /// Puts up the counters of the server errors of an operation at 0, before there are any: `increase` of PromQL sees
    /// a counter rise, and never that it was born with the first failure.
    pub fn expect(&self, route: &str, method: &Method) {
        for cohort in [Cohort::Canary, Cohort::Control] {
            for status in SERVER_ERRORS {
                self.requests.with_label_values(&[route, method.as_str(), status, cohort.name()]);
            }
        }
    }

    /// A request of the parts API was answered. `route` is a pattern, never a path.
    pub fn answered(&self, route: &str, method: &Method, status: u16, cohort: Option<Cohort>, took: Duration) {
        // Anybody may send any word as a method; a label has only the known ones.
        let known =
            [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::HEAD, Method::OPTIONS];
        let method = if known.contains(method) { method.as_str() } else { "other" };
        let cohort = cohort.map_or("none", Cohort::name);
        self.requests.with_label_values(&[route, method, &status.to_string(), cohort]).inc();
        self.durations.with_label_values(&[route, cohort]).observe(took.as_secs_f64());
    }

    /// The loop turned.
    pub fn heartbeat(&self, now: Timestamp) {
        self.heartbeat.set(now.timestamp_millis() as f64 / 1000.0);
    }

    /// A change was committed.
    pub fn decided(&self, flag: &FlagKey, kind: &str) {
        self.decisions.with_label_values(&[flag.as_str(), kind]).inc();
    }

    /// A breach was rolled back: braked here after `decided`, in the database after `committed`.
    pub fn rolled_back(&self, flag: &FlagKey, decided: Duration, committed: Duration) {
        for (step, took) in [("decided", decided), ("effective", decided), ("committed", committed)] {
            self.rollbacks.with_label_values(&[flag.as_str(), step]).observe(took.as_secs_f64());
        }
    }

    /// A step broke an invariant.
    pub fn invariant_broken(&self) {
        self.invariants.inc();
    }

    /// An attempt to deliver a notification ended so.
    pub(crate) fn notified(&self, target: &str, outcome: &'static str) {
        self.notifications.with_label_values(&[target, outcome]).inc();
    }

    /// What is still to be delivered, and what was given up.
    pub(crate) fn notifications_open(&self, waiting: i64, dead: i64) {
        self.notifications_waiting.set(waiting);
        self.notifications_dead.set(dead);
    }

    /// Where a flag stands.
    pub fn stands(&self, status: &Status) {
        let flag = status.flag.as_str();
        let one = |is: bool| if is { 1.0 } else { 0.0 };
        self.percent.with_label_values(&[flag]).set(status.percent.into());
        self.soak.with_label_values(&[flag]).set(status.soak.served_seconds);
        self.lease.with_label_values(&[flag]).set(one(status.lease.held));
        for phase in Phase::ALL {
            self.phase.with_label_values(&[flag, phase.name()]).set(one(status.phase == phase));
        }
        for check in &status.checks {
            if let Some(value) = check.value {
                self.check_value.with_label_values(&[flag, &check.name]).set(value);
            }
            for verdict in Verdict::ALL {
                let is = one(check.verdict == verdict);
                self.check_verdict.with_label_values(&[flag, &check.name, verdict.name()]).set(is);
            }
        }
    }
}
