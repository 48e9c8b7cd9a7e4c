//! Fields of a payload: each is taken with its type, and every mistake is told at once.
//!
//! A field that is wrong yields a stand-in, so that the next ones are looked at as well.
//! [`Fields::done`] is the only way out, and lets no stand-in through. Null and blank text count as not
//! given; 0 is a value.

use super::errors::ApiError;
use serde_json::{Map, Value};
use uuid::Uuid;

/// The longest plain text, in characters.
pub(super) const TEXT_MAX_CHARS: usize = 1000;

/// A payload being read.
#[derive(Debug)]
pub(super) struct Fields<'p> {
    values: &'p Map<String, Value>,
    /// In a query string numbers are text.
    numbers_are_text: bool,
    missing: Vec<String>,
    unsigned: Vec<String>,
    invalid: Vec<(String, String)>,
}

impl<'p> Fields<'p> {
    /// Reads a JSON object.
    pub(super) fn of_body(values: &'p Map<String, Value>) -> Self {
        let (missing, unsigned, invalid) = (Vec::new(), Vec::new(), Vec::new());
        Self { values, numbers_are_text: false, missing, unsigned, invalid }
    }

    /// Reads what came in a query string.
    pub(super) fn of_query(values: &'p Map<String, Value>) -> Self {
        Self { numbers_are_text: true, ..Self::of_body(values) }
    }

    /// The value, unless there was any mistake.
    pub(super) fn done<T>(self, value: T) -> Result<T, ApiError> {
        let code = match (self.missing.is_empty(), self.invalid.is_empty(), self.unsigned.is_empty()) {
            (true, true, true) => return Ok(value),
            (true, true, false) => "SIGNATURE_REQUIRED",
            (true, false, _) => "VALIDATION_ERROR",
            (false, _, _) => "MISSING_REQUIRED_FIELD",
        };
        let missing = self.missing.iter().map(|name| format!("{name} is required"));
        let invalid = self.invalid.iter().map(|(name, expected)| format!("{name} must be {expected}"));
        let unsigned = self.unsigned.iter().map(|name| format!("{name} is required to sign"));
        let message = missing.chain(invalid).chain(unsigned).collect::<Vec<_>>().join("; ");
        let invalid = self.invalid.into_iter().map(|(name, _)| name);
        let fields = self.missing.into_iter().chain(invalid).chain(self.unsigned).collect();
        Err(ApiError::fields(code, message, fields))
    }

    /// Notes that a field is missing.
    pub(super) fn miss(&mut self, name: &str) {
        self.missing.push(name.to_owned());
    }

    /// Notes that the signature lacks a part.
    pub(super) fn miss_signature(&mut self, name: &str) {
        self.unsigned.push(name.to_owned());
    }

    /// Notes that a field is not what was expected.
    pub(super) fn refuse(&mut self, name: &str, expected: impl Into<String>) {
        self.invalid.push((name.to_owned(), expected.into()));
    }

    /// The value of a field that was given.
    pub(super) fn given(&self, name: &str) -> Option<&'p Value> {
        self.values.get(name).filter(|value| match value {
            Value::Null => false,
            Value::String(text) => !text.trim().is_empty(),
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => true,
        })
    }

    /// A required id.
    pub(super) fn uuid(&mut self, name: &str) -> Uuid {
        if self.given(name).is_none() {
            self.miss(name);
        }
        self.optional_uuid(name).unwrap_or_default()
    }

    /// An id.
    pub(super) fn optional_uuid(&mut self, name: &str) -> Option<Uuid> {
        let id = self.given(name)?.as_str().and_then(|text| text.trim().parse().ok());
        if id.is_none() {
            self.refuse(name, "a UUID");
        }
        id
    }

    /// A required whole number under any of its names, the first of which is the proper one.
    pub(super) fn integer(&mut self, names: &[&str]) -> i32 {
        match names.iter().find(|name| self.given(name).is_some()) {
            Some(name) => self.optional_integer(name).unwrap_or_default(),
            None => {
                names.iter().take(1).for_each(|name| self.miss(name));
                0
            }
        }
    }

    /// A whole number of 32 bits.
    pub(super) fn optional_integer(&mut self, name: &str) -> Option<i32> {
        let value = self.given(name)?;
        let number = match value {
            Value::String(text) if self.numbers_are_text => text.trim().parse().ok(),
            Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
            Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => None,
        };
        let number = number.and_then(|number: i64| i32::try_from(number).ok());
        if number.is_none() {
            self.refuse(name, "a whole number of 32 bits");
        }
        number
    }

    /// A whole number within bounds, `otherwise` where not given.
    pub(super) fn bounded(&mut self, name: &str, bounds: std::ops::RangeInclusive<i32>, otherwise: i32) -> i32 {
        if self.given(name).is_none() {
            return otherwise;
        }
        match self.optional_integer(name) {
            Some(number) if !bounds.contains(&number) => {
                self.refuse(name, format!("{} to {}", bounds.start(), bounds.end()));
                otherwise
            }
            number => number.unwrap_or(otherwise),
        }
    }

    /// A finite number within bounds.
    pub(super) fn optional_number(&mut self, name: &str, bounds: std::ops::RangeInclusive<f64>) -> Option<f64> {
        let value = self.given(name)?;
        let number = match value {
            Value::String(text) if self.numbers_are_text => text.trim().parse().ok(),
            Value::Number(number) => number.as_f64(),
            Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => None,
        };
        // A range contains no NaN.
        let number = number.filter(|number| bounds.contains(number));
        if number.is_none() {
            self.refuse(name, format!("a number from {} to {}", bounds.start(), bounds.end()));
        }
        number
    }

    /// Required text of at most `max_chars` characters.
    pub(super) fn text(&mut self, name: &str, max_chars: usize) -> String {
        if self.given(name).is_none() {
            self.miss(name);
        }
        self.optional_text(name, max_chars).unwrap_or_default()
    }

    /// Text, without the blanks around it.
    pub(super) fn optional_text(&mut self, name: &str, max_chars: usize) -> Option<String> {
        let value = self.given(name)?;
        let text = value.as_str().and_then(|text| sound(text, max_chars));
        if text.is_none() {
            self.refuse(name, format!("text of at most {max_chars} characters without NUL"));
        }
        text
    }
}

/// Text the database can hold: it knows no NUL.
pub(super) fn sound(text: &str, max_chars: usize) -> Option<String> {
    let text = text.trim();
    let fits = text.chars().count() <= max_chars && !text.contains('\0');
    fits.then(|| text.to_owned())
}

/// Some clients have one type of number only and send 5.0 for 5.
fn whole(number: f64) -> Option<i64> {
    let exact = number.fract() == 0.0 && number.abs() <= f64::from(i32::MAX);
    #[expect(clippy::cast_possible_truncation, reason = "a whole number of 31 bits")]
    exact.then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().expect("an object").clone()
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let values = map(json!({"quantity": "5", "notes": 7, "reason": " "}));
        let mut fields = Fields::of_body(&values);
        fields.uuid("part_id");
        fields.integer(&["quantity"]);
        fields.optional_text("notes", 10);
        fields.text("reason", 10);
        let error = fields.done(()).expect_err("mistakes");
        assert_eq!(error.code, "MISSING_REQUIRED_FIELD");
        assert_eq!(error.fields, ["part_id", "reason", "quantity", "notes"]);
    }

    #[test]
    fn zero_is_a_value_and_an_alias_is_a_name() {
        let values = map(json!({"quantity_received": 0}));
        let mut fields = Fields::of_body(&values);
        assert_eq!(fields.integer(&["quantity", "quantity_received"]), 0);
        assert!(fields.done(()).is_ok());
    }

    #[test]
    fn only_whole_numbers_of_32_bits_are_integers() {
        let taken = |value: Value| {
            let values = map(json!({ "n": value }));
            let mut fields = Fields::of_body(&values);
            let number = fields.optional_integer("n");
            fields.done(number).ok().flatten()
        };
        assert_eq!(taken(json!(5)), Some(5));
        assert_eq!(taken(json!(5.0)), Some(5));
        assert_eq!(taken(json!(-2_147_483_648_i64)), Some(i32::MIN));
        for wrong in [json!(5.5), json!(2_147_483_648_i64), json!(1e300), json!("5"), json!(true), json!([5])] {
            assert_eq!(taken(wrong.clone()), None, "{wrong}");
        }
    }

    #[test]
    fn text_holds_no_nul_and_has_a_length() {
        let taken = |value: &str| {
            let values = map(json!({ "t": value }));
            let mut fields = Fields::of_body(&values);
            let text = fields.text("t", 3);
            fields.done(text).ok()
        };
        assert_eq!(taken(" abc "), Some("abc".to_owned()));
        assert_eq!(taken("äöü"), Some("äöü".to_owned()));
        assert_eq!(taken("abcd"), None);
        assert_eq!(taken("a\0"), None);
    }

    #[test]
    fn a_query_has_numbers_as_text_within_bounds() {
        let values = map(json!({"limit": "200", "offset": "-1", "p": "NaN", "q": "12.5"}));
        let mut fields = Fields::of_query(&values);
        assert_eq!(fields.bounded("limit", 1..=200, 50), 200);
        assert_eq!(fields.bounded("offset", 0..=9, 0), 0);
        assert_eq!(fields.optional_number("p", 0.0..=100.0), None);
        assert_eq!(fields.optional_number("q", 0.0..=100.0), Some(12.5));
        assert_eq!(fields.done(()).expect_err("mistakes").fields, ["offset", "p"]);
    }
}
