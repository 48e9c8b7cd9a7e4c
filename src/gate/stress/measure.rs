//! What was measured, and whether it is good enough.

use super::mix::Route;
use super::{Load, Pace};
use crate::gate::api::Answer;
use crate::gate::report::CheckResult;
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// The limits: more than this share succeeds, and 95 of 100 answers come sooner than this.
const SUCCESS_ABOVE_PERCENT: f64 = 99.0;
const P95_BELOW_MS: f64 = 500.0;
/// The slowest that is told apart, in microseconds: the whole of the longest run.
const SLOWEST_MICROS: u64 = 600_000_000;
/// Upper bounds of the buckets that are shown, in microseconds.
const BOUNDS_MICROS: [u64; 14] = [
    500,
    1_000,
    2_000,
    5_000,
    10_000,
    20_000,
    50_000,
    100_000,
    200_000,
    500_000,
    1_000_000,
    2_000_000,
    10_000_000,
    SLOWEST_MICROS,
];

/// What one worker saw.
#[derive(Debug, Default)]
pub(super) struct Tally {
    seen: Vec<Seen>,
}

#[derive(Debug)]
struct Seen {
    route: Route,
    status: Option<u16>,
    lens: Option<String>,
    micros: u64,
    service_micros: u64,
    failure: Option<String>,
}

impl Tally {
    /// `latency` counts from the intended start, `service` from the real one.
    pub(super) fn add(&mut self, route: Route, answer: &Result<Answer, String>, latency: Duration, service: Duration) {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let (status, lens) = match answer {
            Ok(answer) => (Some(answer.status), answer.lens.clone()),
            Err(_) => (None, None),
        };
        let failure = match answer {
            Err(why) => Some(why.clone()),
            Ok(answer) => answer.meant(route.expected()).err(),
        };
        self.seen.push(Seen { route, status, lens, micros: micros(latency), service_micros: micros(service), failure });
    }
}

/// One kind of request.
#[derive(Debug)]
struct ByRoute {
    latency: Histogram<u64>,
    expected: u64,
    statuses: BTreeMap<u16, u64>,
}

/// The whole run.
#[derive(Debug)]
pub(crate) struct Measured {
    latency: Histogram<u64>,
    service: Histogram<u64>,
    buckets: [u64; BOUNDS_MICROS.len()],
    sent: u64,
    expected: u64,
    statuses: BTreeMap<u16, u64>,
    lenses: BTreeMap<String, u64>,
    routes: BTreeMap<Route, ByRoute>,
    failures: Vec<String>,
    elapsed: Duration,
    open: bool,
}

fn histogram() -> Result<Histogram<u64>, String> {
    Histogram::new_with_bounds(1, SLOWEST_MICROS, 3).map_err(|error| format!("histogram: {error}"))
}

impl Measured {
    pub(super) fn of(tallies: Vec<Tally>, load: &Load, elapsed: Duration) -> Result<Self, String> {
        let mut all = Self {
            latency: histogram()?,
            service: histogram()?,
            buckets: [0; BOUNDS_MICROS.len()],
            sent: 0,
            expected: 0,
            statuses: BTreeMap::new(),
            lenses: BTreeMap::new(),
            routes: BTreeMap::new(),
            failures: Vec::new(),
            elapsed,
            open: match load.pace {
                Pace::Open { .. } => true,
                Pace::Closed { .. } => false,
            },
        };
        for seen in tallies.into_iter().flat_map(|tally| tally.seen) {
            all.add(seen)?;
        }
        Ok(all)
    }

    fn add(&mut self, seen: Seen) -> Result<(), String> {
        self.sent += 1;
        let expected = u64::from(seen.failure.is_none());
        self.expected += expected;
        if let Some(failure) = seen.failure.filter(|_| self.failures.len() < 10) {
            self.failures.push(format!("{}: {failure}", seen.route.name()));
        }
        let Some(status) = seen.status else { return Ok(()) };
        let lens = seen.lens.unwrap_or_else(|| "not told".to_owned());
        *self.lenses.entry(lens).or_default() += 1;
        *self.statuses.entry(status).or_default() += 1;
        self.latency.saturating_record(seen.micros.max(1));
        self.service.saturating_record(seen.service_micros.max(1));
        let place = BOUNDS_MICROS.partition_point(|bound| *bound < seen.micros);
        if let Some(bucket) = self.buckets.get_mut(place.min(BOUNDS_MICROS.len() - 1)) {
            *bucket += 1;
        }
        let route = match self.routes.entry(seen.route) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(new) => {
                new.insert(ByRoute { latency: histogram()?, expected: 0, statuses: BTreeMap::new() })
            }
        };
        route.latency.saturating_record(seen.micros.max(1));
        route.expected += expected;
        *route.statuses.entry(status).or_default() += 1;
        Ok(())
    }

    fn completed(&self) -> u64 {
        self.statuses.values().sum()
    }

    fn five_xx(&self) -> u64 {
        self.statuses.range(500..).map(|(_, count)| count).sum()
    }

    /// In percent, of all that were sent.
    #[expect(clippy::cast_precision_loss, reason = "a million at the most")]
    fn success_rate(&self) -> f64 {
        if self.sent == 0 { 0.0 } else { self.expected as f64 * 100.0 / self.sent as f64 }
    }

    fn p95_ms(&self) -> f64 {
        ms(self.latency.value_at_quantile(0.95))
    }

    /// The three limits, and that everything was sent that was meant to be.
    pub(super) fn verdict(&self, planned: u64) -> Vec<CheckResult> {
        let (completed, rate, p95) = (self.completed(), self.success_rate(), self.p95_ms());
        let check = |name, passed, detail| CheckResult { name, passed, detail, artifact: None };
        let first = self.failures.first().map(|failure| format!("; first: {failure}")).unwrap_or_default();
        vec![
            check(
                "everything sent and answered",
                completed > 0 && completed == planned,
                format!("{completed} of {planned} answered"),
            ),
            check("success > 99 %", self.sent > 0 && rate > SUCCESS_ABOVE_PERCENT, format!("{rate:.2} %{first}")),
            check(
                "p95 < 500 ms",
                completed > 0 && p95 < P95_BELOW_MS,
                if completed > 0 { format!("{p95:.1} ms") } else { "no answer to measure".to_owned() },
            ),
            check("zero 5xx", completed > 0 && self.five_xx() == 0, format!("{} of {completed}", self.five_xx())),
        ]
    }

    /// The buckets with something in them or between others: upper bound in milliseconds, and count.
    pub(super) fn filled(&self) -> Vec<(f64, u64)> {
        let filled = |(_, count): &(usize, &u64)| **count > 0;
        let first = self.buckets.iter().enumerate().find(filled).map_or(0, |(place, _)| place);
        let last = self.buckets.iter().enumerate().rfind(filled).map_or(0, |(place, _)| place + 1);
        let bounds = BOUNDS_MICROS.iter().zip(self.buckets).map(|(bound, count)| (ms(*bound), count));
        bounds.take(last).skip(first).collect()
    }

    pub(crate) fn summary(&self) -> Value {
        json!({
            "success_rate": (self.success_rate() * 100.0).round() / 100.0,
            "requests": self.sent,
            "completed": self.completed(),
            "five_xx_count": self.five_xx(),
            "p95_ms": self.p95_ms(),
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "a million at the most")]
    pub(super) fn document(&self, load: &Load) -> Value {
        let routes: BTreeMap<&str, Value> = self
            .routes
            .iter()
            .map(|(route, of)| {
                let told = json!({
                    "completed": of.latency.len(), "succeeded": of.expected, "statuses": of.statuses,
                    "latency_ms": percentiles(&of.latency),
                });
                (route.name(), told)
            })
            .collect();
        let pace = match load.pace {
            Pace::Closed { .. } => json!({ "loop": "closed" }),
            Pace::Open { rate, lasting } => {
                json!({ "loop": "open", "rate_per_second": rate, "seconds": lasting.as_secs_f64() })
            }
        };
        json!({
            "pace": pace,
            "concurrency": load.concurrency,
            "requests": self.sent,
            "completed": self.completed(),
            "succeeded": self.expected,
            "success_rate": (self.success_rate() * 100.0).round() / 100.0,
            "five_xx_count": self.five_xx(),
            "statuses": self.statuses,
            "lenses": self.lenses,
            "seconds": self.elapsed.as_secs_f64(),
            "throughput_per_second": self.completed() as f64 / self.elapsed.as_secs_f64().max(1e-9),
            "p95_ms": self.p95_ms(),
            "latency_ms": percentiles(&self.latency),
            "service_time_ms": percentiles(&self.service),
            "corrected_for_coordinated_omission": self.open,
            "latency_counts_from": if self.open { "the intended start" } else { "the real start; a closed loop has no schedule to correct by" },
            "histogram": self.filled().iter().map(|(bound, count)| json!({ "le_ms": bound, "count": count })).collect::<Value>(),
            "routes": routes,
            "failures": self.failures,
        })
    }
}

fn percentiles(of: &Histogram<u64>) -> Value {
    if of.is_empty() {
        return Value::Null;
    }
    let at = |quantile| ms(of.value_at_quantile(quantile));
    json!({
        "min": ms(of.min()), "mean": (of.mean() / 10.0).round() / 100.0, "p50": at(0.5), "p90": at(0.9),
        "p95": at(0.95), "p99": at(0.99), "p999": at(0.999), "max": ms(of.max()),
    })
}

/// Milliseconds of microseconds.
#[expect(clippy::cast_precision_loss, reason = "ten minutes at the most")]
fn ms(micros: u64) -> f64 {
    micros as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16) -> Answer {
        Answer { status, asked: None, lens: None, body: Value::Null }
    }

    #[test]
    fn an_answer_of_the_other_lens_is_a_failure_where_v2_was_asked_for() {
        let load = Load { pace: Pace::Closed { requests: 2 }, concurrency: 1, routes: Vec::new() };
        let mut tally = Tally::default();
        for lens in ["v1", "v2"] {
            let told = Answer { asked: Some("v2".to_owned()), lens: Some(lens.to_owned()), ..answer(200) };
            tally.add(Route::Details, &Ok(told), Duration::ZERO, Duration::ZERO);
        }
        let measured = Measured::of(vec![tally], &load, Duration::from_secs(1)).expect("histograms");
        assert_eq!(failing(&measured, 2), ["success > 99 %"]);
    }

    fn measured(answers: &[(Route, Option<u16>, u64)]) -> Measured {
        let load = Load { pace: Pace::Closed { requests: 1 }, concurrency: 1, routes: Vec::new() };
        let mut tally = Tally::default();
        for (route, status, millis) in answers {
            let answer = status.map(answer);
            let time = Duration::from_millis(*millis);
            tally.add(*route, &answer.ok_or_else(|| "nobody there".to_owned()), time, time);
        }
        Measured::of(vec![tally], &load, Duration::from_secs(1)).expect("histograms")
    }

    fn failing(measured: &Measured, planned: u64) -> Vec<&'static str> {
        let checks = measured.verdict(planned);
        checks.iter().filter(|check| !check.passed).map(|check| check.name).collect()
    }

    #[test]
    fn nothing_completed_is_no_success_by_any_measure() {
        let names = ["everything sent and answered", "success > 99 %", "p95 < 500 ms", "zero 5xx"];
        assert_eq!(failing(&measured(&[]), 0), names);
        assert_eq!(failing(&measured(&[(Route::Details, None, 1)]), 1), names);
    }

    #[test]
    fn each_limit_fails_alone() {
        let good = [(Route::Details, Some(200), 20); 200];
        assert!(failing(&measured(&good), 200).is_empty());
        let with = |answers: [(Route, Option<u16>, u64); 1]| [good.as_slice(), &answers].concat();
        assert!(failing(&measured(&with([(Route::Consume, Some(409), 20)])), 201).is_empty(), "an empty shelf");
        assert_eq!(failing(&measured(&with([(Route::Details, Some(503), 20)])), 201), ["zero 5xx"]);
        assert_eq!(failing(&measured(&good), 300), ["everything sent and answered"]);
        let slow = [(Route::Details, Some(200), 501); 20];
        assert_eq!(failing(&measured(&slow), 20), ["p95 < 500 ms"]);
        let missing = [good.as_slice(), &[(Route::Suggestions, Some(404), 20); 2]].concat();
        assert!(failing(&measured(&missing), 202).is_empty(), "99.01 % is above 99 %");
        let missing = [good.as_slice(), &[(Route::Suggestions, Some(404), 20); 3]].concat();
        assert_eq!(failing(&measured(&missing), 203), ["success > 99 %"]);
    }

    #[test]
    fn buckets_hold_every_answer_once() {
        let measured = measured(&[
            (Route::Details, Some(200), 1),
            (Route::Details, Some(200), 2),
            (Route::Details, Some(200), 400),
            (Route::Details, Some(200), 900_000),
        ]);
        let filled = measured.filled();
        assert_eq!(filled.first(), Some(&(1.0, 1)));
        assert_eq!(filled.last(), Some(&(600_000.0, 1)), "slower than the slowest is the slowest");
        assert_eq!(filled.iter().map(|(_, count)| count).sum::<u64>(), 4);
    }
}
