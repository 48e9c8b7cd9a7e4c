//! The name of a flag.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A flag's name: 1 to 100 of `A–Z a–z 0–9 _ . -`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FlagKey(Arc<str>);

/// Why a text is no flag key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a flag name of 1 to {max} letters, digits, '_', '.' or '-', got {0:?}", max = FlagKey::MAX_LEN)]
pub struct FlagKeyError(pub String);

impl FlagKey {
    /// The longest name, in bytes.
    pub const MAX_LEN: usize = 100;

    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for FlagKey {
    type Err = FlagKeyError;

    fn from_str(text: &str) -> Result<Self, FlagKeyError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        if (1..=Self::MAX_LEN).contains(&text.len()) && text.chars().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(FlagKeyError(text.chars().take(120).collect()))
        }
    }
}

impl TryFrom<String> for FlagKey {
    type Error = FlagKeyError;

    fn try_from(text: String) -> Result<Self, FlagKeyError> {
        text.parse()
    }
}

impl From<FlagKey> for String {
    fn from(key: FlagKey) -> String {
        key.0.as_ref().to_owned()
    }
}

impl fmt::Display for FlagKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_accepted_up_to_the_limit_and_not_beyond() {
        assert!("part_lens_v2".parse::<FlagKey>().is_ok());
        assert!("a".repeat(100).parse::<FlagKey>().is_ok());
        for wrong in [String::new(), "a".repeat(101), "a b".into(), "a/b".into(), "ä".into(), "a\0".into()] {
            assert!(wrong.parse::<FlagKey>().is_err(), "{wrong:?}");
        }
    }
}
