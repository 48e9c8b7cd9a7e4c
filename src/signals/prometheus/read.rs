//! From what a server answered to the numbers a check asked for, or to why there are none. Pure.

use super::answer::{Answer, Data, Point, Sample, Series};
use super::trouble::Trouble;
use rampart_core::{Millis, Timestamp};
use std::collections::BTreeMap;

/// The one number an answer consists of, taken no longer than `stale_after` before `now` (the server's clock).
pub fn one_number(answer: &Answer, now: Timestamp, stale_after: Millis) -> Result<f64, Trouble> {
    match points(answer)? {
        [] => Err(Trouble::Empty),
        [point] => fresh_number(point.sample, now, stale_after),
        several => Err(Trouble::Several(several.len())),
    }
}

/// The number of each value of a label. A series without that label spoils the whole answer: nobody could say whose
/// it is. A number that is none spoils itself alone.
pub fn by_label(
    answer: &Answer,
    label: &str,
    now: Timestamp,
    stale_after: Millis,
) -> Result<BTreeMap<String, Result<f64, Trouble>>, Trouble> {
    let mut found = BTreeMap::new();
    for point in points(answer)? {
        let value = point.labels.get(label).ok_or_else(|| Trouble::Unlabelled(label.to_owned()))?;
        let number = fresh_number(point.sample, now, stale_after);
        if found.insert(value.clone(), number).is_some() {
            found.insert(value.clone(), Err(Trouble::Doubled(value.clone())));
        }
    }
    Ok(found)
}

/// The series of a range. None at all is [`Trouble::Empty`].
pub fn matrix(answer: &Answer) -> Result<&[Series], Trouble> {
    whole(answer)?;
    match &answer.data {
        Data::Matrix(series) if series.is_empty() => Err(Trouble::Empty),
        Data::Matrix(series) => Ok(series),
        Data::Vector(points) if points.is_empty() => Err(Trouble::Empty),
        Data::Vector(_) => Err(Trouble::NoRange),
        Data::Scalar(_) => Err(Trouble::Scalar),
        Data::Text(_) => Err(Trouble::Text),
        Data::Histograms => Err(Trouble::Histogram),
    }
}

fn points(answer: &Answer) -> Result<&[Point], Trouble> {
    whole(answer)?;
    match &answer.data {
        Data::Vector(points) => Ok(points),
        Data::Matrix(_) => Err(Trouble::Range),
        Data::Scalar(_) => Err(Trouble::Scalar),
        Data::Text(_) => Err(Trouble::Text),
        Data::Histograms => Err(Trouble::Histogram),
    }
}

/// What lacks a part may lack the part with the failures in it.
fn whole(answer: &Answer) -> Result<(), Trouble> {
    match answer.warnings.first() {
        Some(warning) => Err(Trouble::Warned(warning.clone())),
        None if answer.partial => Err(Trouble::Partial),
        None => Ok(()),
    }
}

fn fresh_number(sample: Sample, now: Timestamp, stale_after: Millis) -> Result<f64, Trouble> {
    let (age, ahead) = (Millis::between(sample.at, now), Millis::between(now, sample.at));
    if age > stale_after {
        Err(Trouble::Stale(age))
    } else if ahead > stale_after {
        Err(Trouble::Ahead(ahead))
    } else if sample.value.is_nan() {
        Err(Trouble::NotANumber)
    } else if sample.value.is_infinite() {
        Err(Trouble::Infinite(sample.value.is_sign_positive()))
    } else {
        Ok(sample.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signals::prometheus::answer::Labels;

    const STALE_AFTER: Millis = Millis::seconds(30);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_timestamp(second, 0).unwrap()
    }

    fn answer(data: Data) -> Answer {
        Answer { data, warnings: vec![], infos: vec![], partial: false }
    }

    fn vector(found: &[(&str, f64, i64)]) -> Answer {
        let point = |(flag, value, second): &(&str, f64, i64)| Point {
            labels: Labels::from([("flag".to_owned(), (*flag).to_owned())]),
            sample: Sample { at: at(*second), value: *value },
        };
        answer(Data::Vector(found.iter().map(point).collect()))
    }

    fn one(answer: &Answer) -> Result<f64, Trouble> {
        one_number(answer, at(100), STALE_AFTER)
    }

    #[test]
    fn one_fresh_finite_sample_is_a_number_and_nothing_else_is() {
        assert_eq!(one(&vector(&[("a", 0.5, 100)])), Ok(0.5));
        assert_eq!(one(&vector(&[("a", 0.5, 70)])), Ok(0.5), "just fresh");
        assert_eq!(one(&vector(&[("a", 0.5, 69)])), Err(Trouble::Stale(Millis::seconds(31))));
        assert_eq!(one(&vector(&[("a", 0.5, 131)])), Err(Trouble::Ahead(Millis::seconds(31))));
        assert_eq!(one(&vector(&[("a", f64::NAN, 100)])), Err(Trouble::NotANumber));
        assert_eq!(one(&vector(&[("a", f64::INFINITY, 100)])), Err(Trouble::Infinite(true)));
        assert_eq!(one(&vector(&[("a", f64::NEG_INFINITY, 100)])), Err(Trouble::Infinite(false)));
        assert_eq!(one(&vector(&[])), Err(Trouble::Empty));
        assert_eq!(one(&vector(&[("a", 0.5, 100), ("b", 0.5, 100)])), Err(Trouble::Several(2)));
        assert_eq!(one(&answer(Data::Matrix(vec![]))), Err(Trouble::Range));
        assert_eq!(one(&answer(Data::Scalar(Sample { at: at(100), value: 0.0 }))), Err(Trouble::Scalar));
        assert_eq!(one(&answer(Data::Text("0".to_owned()))), Err(Trouble::Text));
        assert_eq!(one(&answer(Data::Histograms)), Err(Trouble::Histogram));
    }

    #[test]
    fn a_number_with_a_warning_is_none_and_one_with_an_info_is() {
        let good = vector(&[("a", 0.0, 100)]);
        let warned = Answer { warnings: vec!["store b is down".to_owned()], ..good.clone() };
        assert_eq!(one(&warned), Err(Trouble::Warned("store b is down".to_owned())));
        assert_eq!(one(&Answer { partial: true, ..good.clone() }), Err(Trouble::Partial));
        assert_eq!(one(&Answer { infos: vec!["not a counter".to_owned()], ..good }), Ok(0.0));
    }

    #[test]
    fn one_answer_for_all_flags_comes_apart_by_the_label_and_one_bad_number_spoils_no_other() {
        let mixed = vector(&[("a", 0.5, 100), ("b", f64::NAN, 100), ("c", 1.0, 100), ("c", 2.0, 100)]);
        let found = by_label(&mixed, "flag", at(100), STALE_AFTER).unwrap();
        assert_eq!(found["a"], Ok(0.5));
        assert_eq!(found["b"], Err(Trouble::NotANumber));
        assert_eq!(found["c"], Err(Trouble::Doubled("c".to_owned())));
        assert_eq!(found.get("d"), None);
        let other = by_label(&mixed, "yacht", at(100), STALE_AFTER);
        assert_eq!(other, Err(Trouble::Unlabelled("yacht".to_owned())));
    }

    #[test]
    fn a_range_is_taken_where_a_range_was_asked_for() {
        let series = Series { labels: Labels::new(), samples: vec![] };
        assert_eq!(matrix(&answer(Data::Matrix(vec![series.clone()]))), Ok([series].as_slice()));
        assert_eq!(matrix(&answer(Data::Matrix(vec![]))), Err(Trouble::Empty));
        assert_eq!(matrix(&vector(&[("a", 0.5, 100)])), Err(Trouble::NoRange));
    }
}
