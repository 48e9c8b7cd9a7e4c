//! What must hold of any counts at all.

use proptest::prelude::*;
use rampart_core::stats::{
    Arms, Detector, Trials,
    two_sample::{self, GRID, ln_e_worse, ln_lr},
};

const MARGIN: f64 = 1.1;

prop_compose! {
    fn trials(most: u64)(n in 0..=most)(n in Just(n), k in 0..=n.min(40)) -> Trials {
        Trials { n, k }
    }
}

prop_compose! {
    fn arms()(canary in trials(5_000), control in trials(60_000)) -> Arms {
        Arms { canary, control }
    }
}

fn bins() -> impl Strategy<Value = Vec<Arms>> {
    prop::collection::vec(arms(), 0..30)
}

/// A bin, its length in minutes, and whether a stage began with it.
fn ticks() -> impl Strategy<Value = Vec<(Arms, f64, bool)>> {
    prop::collection::vec((arms(), 0.0..300.0_f64, prop::bool::weighted(0.1)), 1..40)
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
}

fn detectors() -> [Detector; 3] {
    [Detector::one_sample(0.001), Detector::one_sample(0.05), Detector::two_sample(MARGIN)]
}

/// Every bit of the state, by way of its text.
fn stored(detector: &Detector) -> String {
    serde_json::to_string(detector).unwrap()
}

proptest! {
    #[test]
    fn a_bin_without_requests_only_moves_cash(ticks in ticks(), minutes in 0.0..10_000.0_f64, stage_began: bool) {
        for mut detector in detectors() {
            detector.take(Arms::default(), minutes, stage_began);
            prop_assert!(close(detector.ln_e(), 0.0), "the first");
            for (bin, minutes, stage_began) in &ticks {
                detector.take(*bin, *minutes, *stage_began);
            }
            let before = detector.ln_e();
            detector.take(Arms::default(), minutes, stage_began);
            prop_assert!(close(detector.ln_e(), before), "{} and {}", before, detector.ln_e());
        }
    }

    #[test]
    fn a_bin_cut_in_two_of_the_same_share_says_the_same(half in arms(), others in bins(), m in prop::sample::select(GRID.to_vec())) {
        let mut whole = half;
        whole += half;
        prop_assert!(close(ln_lr(whole, MARGIN, m), 2.0 * ln_lr(half, MARGIN, m)));
        let cut: Vec<Arms> = others.iter().copied().chain([half, half]).collect();
        let uncut: Vec<Arms> = others.into_iter().chain([whole]).collect();
        prop_assert!(close(ln_e_worse(&cut, MARGIN), ln_e_worse(&uncut, MARGIN)));
    }

    #[test]
    fn the_order_of_bins_does_not_matter(bins in bins().prop_shuffle()) {
        let mut sorted = bins.clone();
        sorted.sort_by_key(|bin| (bin.canary.n, bin.canary.k, bin.control.n, bin.control.k));
        prop_assert!(close(ln_e_worse(&bins, MARGIN), ln_e_worse(&sorted, MARGIN)));
    }

    #[test]
    fn without_one_side_there_is_no_comparison(one in trials(100_000)) {
        let canary_alone = Arms::from(one);
        let control_alone = Arms { canary: Trials::default(), control: one };
        for bin in [canary_alone, control_alone] {
            prop_assert_eq!(ln_e_worse(&[bin, bin], MARGIN), 0.0);
            prop_assert_eq!(two_sample::ln_e_not_worse(&[bin], 2.0), 0.0);
            prop_assert_eq!(two_sample::lower_ratio_bound(&[bin], 0.05), 0.0);
        }
    }

    #[test]
    fn one_more_failure_speaks_against_its_own_side(bins in bins(), at: prop::sample::Index) {
        prop_assume!(!bins.is_empty());
        let at = at.index(bins.len());
        let (mut worse, mut better) = (bins.clone(), bins.clone());
        worse[at].canary.k += u64::from(bins[at].canary.n > bins[at].canary.k);
        better[at].control.k += u64::from(bins[at].control.n > bins[at].control.k);
        let before = ln_e_worse(&bins, MARGIN);
        prop_assert!(ln_e_worse(&worse, MARGIN) >= before - 1e-9);
        prop_assert!(ln_e_worse(&better, MARGIN) <= before + 1e-9);
    }

    #[test]
    fn replaying_the_bins_gives_the_same_bits(ticks in ticks()) {
        for start in detectors() {
            let (mut live, mut replayed) = (start.clone(), start);
            for (bin, minutes, stage_began) in &ticks {
                // The live one is stored and read back between any two bins, the replayed one never.
                live = serde_json::from_str(&stored(&live)).unwrap();
                live.take(*bin, *minutes, *stage_began);
                replayed.take(*bin, *minutes, *stage_began);
            }
            prop_assert_eq!(stored(&live), stored(&replayed));
            prop_assert_eq!(live.ln_e().to_bits(), replayed.ln_e().to_bits());
        }
    }
}

#[test]
fn a_detector_that_has_seen_nothing_survives_json() {
    for detector in detectors() {
        let read: Detector = serde_json::from_str(&stored(&detector)).unwrap();
        assert_eq!(read, detector);
        assert_eq!(read.ln_e(), 0.0);
    }
}

#[test]
fn a_limit_too_high_to_bet_against_leaves_the_evidence_at_none() {
    for p0 in [0.8, 1.0, f64::NAN] {
        let mut detector = Detector::one_sample(p0);
        detector.take(Trials::new(300, 300), 1.0, true);
        detector.take(Trials::new(300, 300), 1.0, false);
        assert_eq!(detector.ln_e(), 0.0, "{p0}");
    }
}

#[test]
fn a_clock_that_steps_back_or_stops_cannot_break_a_detector() {
    for mut detector in detectors() {
        for minutes in [1.0, -5.0, f64::NAN, f64::INFINITY, f64::MAX, 0.0] {
            detector.take(Arms { canary: Trials::new(300, 1), control: Trials::new(5_700, 2) }, minutes, true);
            assert!(detector.ln_e().is_finite(), "{minutes}");
            assert_eq!(serde_json::from_str::<Detector>(&stored(&detector)).unwrap(), detector, "{minutes}");
        }
    }
}

/// The expectation of a bin's likelihood ratio, summed over everything that can happen, is at most 1 on the
/// edge of the null: also where failures are common, and the approximation by rare events does not hold.
#[test]
fn nobody_can_win_on_average_against_a_canary_at_the_margin() {
    for (canary, control) in [(1_u64, 1_u64), (3, 9), (8, 2), (1, 20)] {
        for control_rate in [0.001, 0.05, 0.3, 0.8] {
            for m in GRID {
                let canary_rate = control_rate * MARGIN;
                let mut expected = 0.0;
                for canary_failures in 0..=canary {
                    for control_failures in 0..=control {
                        let bin = Arms {
                            canary: Trials::new(canary, canary_failures),
                            control: Trials::new(control, control_failures),
                        };
                        expected += chance(bin.canary, canary_rate)
                            * chance(bin.control, control_rate)
                            * ln_lr(bin, MARGIN, m).exp();
                    }
                }
                assert!(expected <= 1.0 + 1e-12, "{canary} and {control} at {control_rate}, {m}: {expected}");
            }
        }
    }
}

/// The binomial chance of so many failures.
fn chance(trials: Trials, rate: f64) -> f64 {
    let ways: f64 = (0..trials.k).map(|i| (trials.n - i) as f64 / (i + 1) as f64).product();
    ways * rate.powi(trials.k as i32) * (1.0 - rate).powi(trials.successes() as i32)
}
