//! Numbers that survive being stored: JSON has no infinity and no NaN, and the database's numbers have no
//! negative zero. Those four are written as words; every other number as itself, to the last bit.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What stands in the JSON.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Number(f64),
    Word(String),
}

impl From<f64> for Written {
    fn from(value: f64) -> Self {
        let word = if value.is_nan() {
            "NaN"
        } else if value == f64::INFINITY {
            "+Inf"
        } else if value == f64::NEG_INFINITY {
            "-Inf"
        } else if value == 0.0 && value.is_sign_negative() {
            "-0"
        } else {
            return Written::Number(value);
        };
        Written::Word(word.to_owned())
    }
}

impl Written {
    fn read<E: Error>(self) -> Result<f64, E> {
        match self {
            Written::Number(value) => Ok(value),
            Written::Word(word) => match word.as_str() {
                "NaN" => Ok(f64::NAN),
                "+Inf" => Ok(f64::INFINITY),
                "-Inf" => Ok(f64::NEG_INFINITY),
                "-0" => Ok(-0.0),
                _ => Err(E::custom(format!("expected a number, NaN, +Inf, -Inf or -0, found {word:?}"))),
            },
        }
    }
}

/// Writes a number.
pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    Written::from(*value).serialize(serializer)
}

/// Reads a number back.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Written::deserialize(deserializer)?.read()
}

/// The same for a number that may be missing.
pub mod option {
    use super::{Deserialize, Deserializer, Serialize, Serializer, Written};

    /// Writes a number, or null.
    pub fn serialize<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
        value.map(Written::from).serialize(serializer)
    }

    /// Reads a number back, or null.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
        Option::<Written>::deserialize(deserializer)?.map(Written::read).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Held {
        #[serde(with = "super")]
        value: f64,
        #[serde(with = "super::option")]
        maybe: Option<f64>,
    }

    #[test]
    fn every_number_comes_back_to_the_last_bit() {
        let odd =
            [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 0.0, 1e-320, 5e-324, f64::MAX, f64::MIN, 0.1 + 0.2];
        for value in odd {
            let text = serde_json::to_string(&Held { value, maybe: Some(value) }).unwrap();
            let back: Held = serde_json::from_str(&text).unwrap();
            assert_eq!(back.value.to_bits(), value.to_bits(), "{text}");
            assert_eq!(back.maybe.map(f64::to_bits), Some(value.to_bits()), "{text}");
        }
        let nothing: Held = serde_json::from_str(r#"{ "value": 1, "maybe": null }"#).unwrap();
        assert_eq!((nothing.value, nothing.maybe), (1.0, None));
        assert!(serde_json::from_str::<Held>(r#"{ "value": "many", "maybe": null }"#).is_err());
    }
}
