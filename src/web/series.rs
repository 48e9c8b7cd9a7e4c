//! What checks read over time, thinned out so that no extreme is lost.

use rampart_core::rollout::Verdict;

/// A point as the API writes it, short because there are many: `[time, value, verdict, control]`.
pub(super) type Shown = (f64, Option<f64>, Verdict, Option<f64>);

/// One reading of one check.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Point {
    /// Seconds since 1970.
    pub(super) at: f64,
    pub(super) value: Option<f64>,
    pub(super) verdict: Verdict,
    /// What control went through.
    pub(super) control: Option<f64>,
}

impl Point {
    /// As the API writes it.
    pub(super) const fn shown(self) -> Shown {
        (self.at, self.value, self.verdict, self.control)
    }
}

/// At most `most` of the points, oldest first. Of each stretch the lowest and the highest value are kept, and the worst
/// verdict: a breach of a single tick is seen however long the stretch.
pub(super) fn thinned(points: Vec<Point>, most: usize) -> Vec<Point> {
    if points.len() <= most {
        return points;
    }
    let length = points.len().div_ceil((most / 3).max(1));
    points.chunks(length).flat_map(extremes).collect()
}

fn extremes(stretch: &[Point]) -> Vec<Point> {
    let places = || 0..stretch.len();
    let value = |place: &usize| stretch.get(*place).and_then(|point| point.value);
    let by_value = |a: &usize, b: &usize| value(a).unwrap_or(0.0).total_cmp(&value(b).unwrap_or(0.0));
    let measured = || places().filter(|place| value(place).is_some());
    let mut kept: Vec<usize> = [
        measured().min_by(by_value),
        measured().max_by(by_value),
        places().max_by_key(|place| (stretch.get(*place).map(|point| point.verdict), std::cmp::Reverse(*place))),
    ]
    .into_iter()
    .flatten()
    .collect();
    kept.sort_unstable();
    kept.dedup();
    kept.into_iter().filter_map(|place| stretch.get(place).copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_single_breach_of_a_day_is_still_there() {
        let point = |n: usize, value, verdict| Point { at: n as f64, value, verdict, control: None };
        let mut day: Vec<Point> = (0..17_280).map(|n| point(n, Some(1.0), Verdict::Healthy)).collect();
        day[7777] = point(7777, Some(0.5), Verdict::Breach);
        day[9999] = point(9999, None, Verdict::Blind);
        let kept = thinned(day.clone(), 1000);
        assert!(kept.len() <= 1000 && kept.len() > 300, "{}", kept.len());
        assert!(kept.contains(&day[7777]) && kept.contains(&day[9999]));
    }

    proptest! {
        #[test]
        fn extremes_stay_the_order_stays_and_there_are_never_more(
            values in prop::collection::vec(prop::option::of(-1e3..1e3), 0..400), most in 3_usize..50,
        ) {
            let point = |(n, value): (usize, &Option<f64>)| {
                Point { at: n as f64, value: *value, verdict: Verdict::Healthy, control: None }
            };
            let all: Vec<Point> = values.iter().enumerate().map(point).collect();
            let kept = thinned(all.clone(), most);
            prop_assert!(kept.len() <= most);
            prop_assert!(kept.is_sorted_by(|a, b| a.at < b.at));
            let top = |points: &[Point]| points.iter().filter_map(|point| point.value).fold(f64::MIN, f64::max);
            prop_assert_eq!(top(&all), top(&kept));
        }
    }
}
