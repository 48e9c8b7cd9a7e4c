//! Every case of `vectors.json` but those of `decide` (tests/rollout/vectors.rs has them), whose logarithms were computed with fifty digits.

use rampart_core::stats::{
    Arms, Buckets, Detector, Trials, beta, combine,
    one_sample::{bad_if_within, bounds, ln_e_bad, ln_e_good, requests_to_good},
    srm,
    two_sample::{self, ln_e_not_worse, ln_e_worse, lower_ratio_bound},
};
use serde_json::Value;

const SLOW_SHARE: f64 = 0.05;
const ROLLBACK: f64 = 100.0;
const PAUSE: f64 = 20.0;
const GOOD: f64 = 20.0;
const SRM: f64 = 1000.0;

/// Every case of one kind, and that there is at least one.
fn cases(kind: &str, check: impl Fn(&Value, &Value)) {
    let file: Value = serde_json::from_str(include_str!("vectors.json")).unwrap();
    let cases = file["cases"].as_array().unwrap().iter().filter(|case| case["kind"] == kind);
    let mut count = 0;
    for case in cases {
        println!("{} {}", case["id"], case["name"]);
        check(&case["input"], &case["expect"]);
        count += 1;
    }
    assert!(count > 0, "no case of {kind}");
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn whole(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

/// Tolerance of logarithms.
fn same_ln(found: f64, wanted: &Value) {
    let (wanted, off) = (number(wanted), (found - number(wanted)).abs());
    assert!(off <= 1e-6 || off <= 1e-9 * wanted.abs(), "{found} instead of {wanted}");
}

/// Tolerance of rates and ratios.
fn same(found: f64, wanted: &Value) {
    let wanted = number(wanted);
    assert!((found - wanted).abs() <= 1e-6 * wanted.abs(), "{found} instead of {wanted}");
}

fn trials(input: &Value) -> Trials {
    Trials::new(whole(&input["requests"]), whole(&input["errors"]))
}

fn arms(tick: &Value) -> Arms {
    Arms {
        canary: Trials::new(whole(&tick["n_t"]), whole(&tick["k_t"])),
        control: Trials::new(whole(&tick["n_c"]), whole(&tick["k_c"])),
    }
}

#[test]
fn the_incomplete_beta_function() {
    cases("ln_betainc", |input, expect| {
        let (lower, upper) = beta::ln_incomplete(number(&input["a"]), number(&input["b"]), number(&input["x"]));
        same_ln(lower, &expect["ln_lower"]);
        same_ln(upper, &expect["ln_upper"]);
    });
}

#[test]
fn a_rate_against_a_limit() {
    cases("one_sample", |input, expect| {
        let (trials, p0) = (trials(input), number(&input["p0"]));
        let (bad, good) = (ln_e_bad(trials, p0), ln_e_good(trials, p0));
        same_ln(bad, &expect["ln_e_bad"]);
        same_ln(good, &expect["ln_e_good"]);
        let verdict = if bad >= -number(&input["alpha_bad"]).ln() {
            "PROVED_BAD"
        } else if good >= -number(&input["alpha_good"]).ln() {
            "PROVED_GOOD"
        } else {
            "NOT_ENOUGH_EVIDENCE"
        };
        assert_eq!(verdict, expect["verdict"]);
    });
}

#[test]
fn bounds_of_a_rate() {
    cases("bounds", |input, expect| {
        let (lower, upper) = bounds(trials(input), number(&input["alpha"]));
        same(lower, &expect["lower"]);
        same(upper, &expect["upper"]);
    });
}

#[test]
fn requests_still_needed() {
    cases("plan", |input, expect| {
        let (k, p0, ln_threshold) = (whole(&input["errors"]), number(&input["p0"]), -number(&input["alpha"]).ln());
        if let Some(wanted) = expect.get("requests_to_good") {
            assert_eq!(requests_to_good(k, p0, ln_threshold), Some(whole(wanted)));
        }
        if let Some(wanted) = expect.get("fail_within") {
            assert_eq!(bad_if_within(k, p0, ln_threshold), whole(wanted));
        }
    });
}

#[test]
fn the_canary_against_control() {
    cases("two_sample", |input, expect| {
        let bins: Vec<Arms> = input["ticks"].as_array().unwrap().iter().map(arms).collect();
        same_ln(ln_e_worse(&bins, number(&input["margin"])), &expect["ln_e_worse"]);
        same_ln(ln_e_not_worse(&bins, number(&input["noninferiority_margin"])), &expect["ln_e_not_worse"]);
        same(lower_ratio_bound(&bins, 0.05), &expect["ratio_lower_95"]);
    });
}

#[test]
fn the_grids_are_those_of_the_vectors() {
    let file: Value = serde_json::from_str(include_str!("vectors.json")).unwrap();
    let defaults = &file["meta"]["defaults"];
    assert_eq!(two_sample::GRID.to_vec(), numbers(&defaults["grid"]));
    assert_eq!(two_sample::GRID_NOT_WORSE.to_vec(), numbers(&defaults["grid_noninferiority"]));
}

#[test]
fn people_on_each_side() {
    cases("srm", |input, expect| {
        let found = srm::ln_e(whole(&input["units_canary"]), whole(&input["units_control"]), number(&input["share"]));
        same_ln(found, &expect["ln_e"]);
        assert_eq!(found >= SRM.ln(), expect["hold"].as_bool().unwrap());
    });
}

#[test]
fn the_live_detector() {
    cases("watch", |input, expect| {
        let mut detector = match input["kind"].as_str().unwrap() {
            "one" => Detector::one_sample(number(&input["p0"])),
            _ => Detector::two_sample(number(&input["margin"])),
        };
        let (mut tick, mut highest, mut first) = (0_u64, f64::NEG_INFINITY, None);
        for run in input["ticks_rle"].as_array().unwrap() {
            for _ in 0..whole(&run[0]) {
                tick += 1;
                detector.take(arms(&run[1]), number(&run[1]["dt_min"]), run[1]["stage_start"].as_bool().unwrap());
                highest = highest.max(detector.ln_e());
                first = first.or((detector.ln_e() >= ROLLBACK.ln()).then_some(tick));
            }
        }
        same_ln(detector.ln_e(), &expect["ln_e_last"]);
        same_ln(highest, &expect["ln_e_max"]);
        assert_eq!(first, expect["first_tick_at_100_to_1"].as_u64());
    });
}

#[test]
fn several_metrics_as_one() {
    cases("combine", |input, expect| {
        let values: Vec<f64> = input["ln_e"].as_object().unwrap().values().map(number).collect();
        let weights: Vec<f64> = input["weights"].as_object().unwrap().values().map(number).collect();
        assert!(weights.iter().all(|weight| *weight == 1.0 / values.len() as f64), "we know the plain mean only");
        let harm = combine(&values);
        same_ln(harm, &expect["ln_e_harm"]);
        assert_eq!(harm >= PAUSE.ln(), expect["pause"].as_bool().unwrap());
        assert_eq!(harm >= ROLLBACK.ln(), expect["rollback"].as_bool().unwrap());
    });
}

#[test]
fn counts_over_a_limit_in_a_classic_histogram() {
    cases("histogram", |input, expect| {
        let counts = input["cumulative"].as_array().unwrap().iter().map(whole);
        let total = whole(&input["total"]);
        let buckets = Buckets::new(numbers(&input["edges_s"]).into_iter().zip(counts), total).unwrap();
        let limit = number(&input["threshold_s"]);
        let (certainly, possibly) = (buckets.certainly_above(limit), buckets.possibly_above(limit));
        assert_eq!(certainly, whole(&expect["certainly_above"]));
        assert_eq!(possibly, whole(&expect["possibly_above"]));

        let (ln_e, threshold) = match input["side"].as_str().unwrap() {
            "good" => (ln_e_good(Trials::new(total, possibly), SLOW_SHARE), GOOD),
            _ => (ln_e_bad(Trials::new(total, certainly), SLOW_SHARE), ROLLBACK),
        };
        same_ln(ln_e, &expect["ln_e"]);
        assert_eq!(ln_e >= threshold.ln(), expect["proved"].as_bool().unwrap());

        let p95 = buckets.quantile_seconds(0.95);
        let wanted = expect["prom_p95_s"].as_f64();
        assert_eq!(p95.is_some(), wanted.is_some());
        assert!(p95.zip(wanted).is_none_or(|(found, wanted)| (found - wanted).abs() <= 1e-9));
    });
}
