//! Numbers as a policy writes them: exact decimals, percents and counts.

use super::log::{Wrong, quoted};
use crate::Percent;

/// The largest count a policy may ask for.
pub const MAX_COUNT: u64 = 1_000_000_000;
/// The most digits of a number, so that it is exact as `f64`.
const MAX_DIGITS: usize = 15;

/// A number without sign or exponent: `digits` / 10^`decimals`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Decimal {
    digits: u64,
    decimals: u32,
}

impl Decimal {
    /// Reads the number `text` begins with, and returns what is behind it.
    pub(super) fn leading(text: &str) -> Option<(Decimal, &str)> {
        let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
        let (number, rest) = text.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let dotted = number.contains('.');
        let sound = !whole.is_empty() && dotted != fraction.is_empty() && !fraction.contains('.');
        let digits = format!("{whole}{fraction}");
        if !sound || digits.len() > MAX_DIGITS {
            return None;
        }
        Some((Decimal { digits: digits.parse().ok()?, decimals: u32::try_from(fraction.len()).ok()? }, rest))
    }

    /// Reads the whole of `text`.
    pub(super) fn parse(text: &str) -> Option<Decimal> {
        Self::leading(text).filter(|(_, rest)| rest.is_empty()).map(|(number, _)| number)
    }

    /// The number times `unit` / 10^`shift`. The division is done once, on exact integers, so the
    /// result is the `f64` nearest to what was written: 0.7 % is the literal 0.007.
    pub(super) fn in_unit(self, unit: u32, shift: u32) -> f64 {
        (self.digits * u64::from(unit)) as f64 / 10f64.powi(i32::try_from(self.decimals + shift).unwrap_or(i32::MAX))
    }

    /// The number itself where it has no decimals.
    pub(super) fn integer(self) -> Option<u64> {
        (self.decimals == 0).then_some(self.digits)
    }

    /// Hundredths, where there are no more than two decimals.
    fn hundredths(self) -> Option<u64> {
        2u32.checked_sub(self.decimals).map(|missing| self.digits * 10u64.pow(missing))
    }
}

/// `5`, `5%` or `0.25 %`.
pub(super) fn percent(text: &str) -> Result<Percent, Wrong> {
    let number = text.strip_suffix('%').unwrap_or(text).trim_end();
    Decimal::parse(number)
        .and_then(Decimal::hundredths)
        .and_then(|hundredths| Percent::from_basis_points(u16::try_from(hundredths).ok()?).ok())
        .ok_or_else(|| {
            Wrong::new(format!("{} is no percent", quoted(text)))
                .expected("a percent above 0, up to 100, with at most two decimals, such as `5` or `0.5%`")
        })
}

/// A whole number from 0 to [`MAX_COUNT`].
pub(super) fn count(text: &str) -> Result<u64, Wrong> {
    let expected = format!("a whole number from 0 to {MAX_COUNT}");
    let number = Decimal::parse(text).and_then(Decimal::integer);
    match number {
        Some(number) if number <= MAX_COUNT => Ok(number),
        Some(_) => Err(Wrong::new(format!("{} is too large", quoted(text))).expected(expected)),
        None => {
            let plain = text.replace([',', '_', ' ', '\''], "");
            let meant = Decimal::parse(&plain).and_then(Decimal::integer).map(|_| plain);
            Err(Wrong::new(format!("{} is no whole number", quoted(text))).expected(expected).did_you_mean(meant))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percents_have_at_most_two_decimals_and_end_at_a_hundred() {
        for (text, basis_points) in
            [("0", 0), ("5", 500), ("5%", 500), ("5 %", 500), ("0.25", 25), ("0.5%", 50), ("100", 10_000)]
        {
            assert_eq!(percent(text).map(Percent::basis_points), Ok(basis_points), "{text}");
        }
        for text in ["", "%", "-5", "+5", "5.", ".5", "0.125", "100.01", "1e1", "5%%", "1.2.3", "inf", "NaN", "٥"] {
            assert!(percent(text).is_err(), "{text}");
        }
    }

    #[test]
    fn counts_are_whole_and_end_at_the_limit() {
        assert_eq!(count("0"), Ok(0));
        assert_eq!(count("1000000000"), Ok(MAX_COUNT));
        assert_eq!(count("1,000").map_err(|wrong| wrong.hint), Err(Some("did you mean `1000`?".to_owned())));
        for text in ["", "1000000001", "9999999999999999999999", "-1", "1.5", "1.0", "many"] {
            assert!(count(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_decimal_becomes_the_number_that_was_written() {
        for thousandths in 0..1000u32 {
            let text = format!("{}.{}", thousandths / 10, thousandths % 10);
            let literal: f64 = format!("0.{thousandths:03}").parse().unwrap_or(f64::NAN);
            assert_eq!(Decimal::parse(&text).map(|number| number.in_unit(1, 2)), Some(literal), "{text}%");
        }
        assert_eq!(Decimal::parse("1.5").map(|number| number.in_unit(1000, 0)), Some(1500.0));
        assert!(Decimal::parse("123456789012345").is_some() && Decimal::parse("1234567890123456").is_none());
    }
}
