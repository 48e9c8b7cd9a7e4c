//! A share of the subjects, exact to a hundredth of a percent.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A percentage from 0 to 100 in steps of 0.01, kept as basis points so that comparison is exact.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Percent(u16);

/// Why a number is not a [`Percent`].
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("expected a percent from 0 to 100 with at most two decimals, got {0}")]
pub struct PercentError(pub f64);

impl Percent {
    /// Nobody.
    pub const ZERO: Percent = Percent(0);
    /// Everybody.
    pub const FULL: Percent = Percent(10_000);

    /// A percent from hundredths of a percent (0..=10 000).
    pub fn from_basis_points(basis_points: u16) -> Result<Self, PercentError> {
        if basis_points <= Self::FULL.0 {
            Ok(Self(basis_points))
        } else {
            Err(PercentError(f64::from(basis_points) / 100.0))
        }
    }

    /// A whole percent; anything above 100 is 100.
    pub const fn whole(percent: u8) -> Self {
        if percent >= 100 { Self::FULL } else { Self(percent as u16 * 100) }
    }

    /// As a share: 0..=1.
    pub fn share(self) -> f64 {
        f64::from(self.0) / 10_000.0
    }

    /// Hundredths of a percent, 0..=10 000.
    pub const fn basis_points(self) -> u16 {
        self.0
    }

    /// The whole part, 0..=100.
    pub const fn floor(self) -> u16 {
        self.0 / 100
    }

    /// The hundredths behind the whole part, 0..=99.
    pub const fn hundredths(self) -> u16 {
        self.0 % 100
    }
}

impl TryFrom<f64> for Percent {
    type Error = PercentError;

    fn try_from(value: f64) -> Result<Self, PercentError> {
        let basis_points = (value * 100.0).round();
        let exact = (value * 100.0 - basis_points).abs() < 1e-6;
        // NaN fails both range comparisons, so it is refused as well.
        if exact && (0.0..=10_000.0).contains(&basis_points) {
            Ok(Self(basis_points as u16))
        } else {
            Err(PercentError(value))
        }
    }
}

impl From<Percent> for f64 {
    fn from(percent: Percent) -> f64 {
        f64::from(percent.0) / 100.0
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", f64::from(*self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_the_edges_and_refuses_what_lies_beyond() {
        assert_eq!(Percent::try_from(0.0), Ok(Percent::ZERO));
        assert_eq!(Percent::try_from(100.0), Ok(Percent::FULL));
        assert_eq!(Percent::try_from(0.5).map(Percent::basis_points), Ok(50));
        for wrong in [-0.01, 100.01, 0.005, f64::NAN, f64::INFINITY] {
            assert!(Percent::try_from(wrong).is_err(), "{wrong}");
        }
        assert!(Percent::from_basis_points(10_000).is_ok());
        assert!(Percent::from_basis_points(10_001).is_err());
    }

    #[test]
    fn prints_as_people_write_it() {
        assert_eq!(Percent::whole(20).to_string(), "20 %");
        assert_eq!(Percent::try_from(0.5).map(|p| p.to_string()), Ok("0.5 %".to_owned()));
    }
}
