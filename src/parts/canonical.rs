//! Canonical JSON (RFC 8785) of flat facts, for what is signed and for what is compared.
//!
//! The RFC asks for three things: members ordered by the UTF-16 units of their names, numbers as
//! ECMAScript writes them, and the shortest escapes in strings. Our names are plain ASCII, for which the
//! order of bytes is the same; our numbers are integers of 32 bits, written alike everywhere; and
//! serde_json escapes exactly what ECMAScript escapes. So compact output in the order of names is
//! canonical as long as no fraction gets in.

use crate::digest::hex_sha256;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Names and their values: text, integers of 32 bits, truth values or null.
pub(super) type Facts = BTreeMap<&'static str, Value>;

/// The one way to write `facts`.
pub(super) fn canonical(facts: &Facts) -> String {
    object(facts).to_string()
}

/// `facts` as a JSON object.
pub(super) fn object(facts: &Facts) -> Value {
    // Inserted in order: right even where another crate makes serde_json keep the order of insertion.
    Value::Object(facts.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect::<Map<_, _>>())
}

/// Equal for equal facts: SHA-256 of the canonical form, hexadecimal.
pub(super) fn fingerprint(facts: &Facts) -> String {
    hex_sha256(canonical(facts).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ordered_and_strings_are_escaped_as_ecmascript_does() {
        let facts = Facts::from([
            ("new_quantity", 5.into()),
            ("action", "é\u{1}\n\u{7f}\"\\/".into()),
            ("verified", false.into()),
        ]);
        assert_eq!(
            canonical(&facts),
            "{\"action\":\"é\\u0001\\n\u{7f}\\\"\\\\/\",\"new_quantity\":5,\"verified\":false}"
        );
    }
}
