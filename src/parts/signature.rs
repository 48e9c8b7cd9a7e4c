//! Signatures of signed actions: what a request must bring, and the chain they form.
//!
//! Each yacht's signatures are a chain. A signature is an HMAC over the facts it stands for and over the
//! signature before it; so none can be altered, left out or moved without breaking those behind it. The
//! payload holds every signed fact but the previous signature, which the audit row has in its metadata:
//! whoever has the key can follow the chain from the audit log alone.

use super::canonical::{Facts, canonical, object};
use super::fields::{Fields, sound};
use super::signer::Vouched;
use super::state::ConfigError;
use crate::digest::hex_sha256;
use aws_lc_rs::hmac;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

/// How people sign: a PIN and a code from their generator.
const SIGNATURE_TYPE: &str = "pin_totp";
const REASON_CODE_MAX_CHARS: usize = 64;
/// Digits of a generator's code.
const CODE_DIGITS: usize = 6;

/// The key of the chain.
pub struct SigningKey {
    pub(super) key: hmac::Key,
    pub(super) id: String,
}

/// What a request brings to sign with. PIN and code are compared and forgotten: they are shown by no Debug,
/// and nothing that is stored, logged or echoed is made of them.
#[derive(Clone, Debug)]
pub(super) struct Signature {
    pub(super) reason_code: Option<String>,
    pub(super) pin: SecretString,
    pub(super) totp: SecretString,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A signature as it is stored and returned.
#[derive(Clone, Debug)]
pub(super) struct Sealed {
    /// The signed facts and the hash.
    pub(super) payload: Value,
    /// The hash: the new head of the chain.
    pub(super) hash: String,
}

impl SigningKey {
    /// Its id is the beginning of its SHA-256: enough to tell keys apart, useless to find one.
    pub fn new(secret: &SecretString) -> Result<Self, ConfigError> {
        let secret = secret.expose_secret().as_bytes();
        if secret.is_empty() {
            return Err(ConfigError::NoSigningKey);
        }
        let mut id = hex_sha256(secret);
        id.truncate(8);
        Ok(Self { key: hmac::Key::new(hmac::HMAC_SHA256, secret), id })
    }

    /// Signs `facts` as the successor of `previous`, and says whether it is proven who signed.
    pub(super) fn seal(&self, mut facts: Facts, previous: &str, vouched: Vouched) -> Sealed {
        facts.insert("verified", vouched.verified.into());
        facts.insert("signature_type", SIGNATURE_TYPE.into());
        facts.insert("key_id", self.id.clone().into());
        facts.insert("previous_signature", previous.into());
        let tag = hmac::sign(&self.key, canonical(&facts).as_bytes());
        let hash = format!("hmac-sha256:{}", hex::encode(tag));
        facts.remove("previous_signature");
        facts.insert("signature_hash", hash.clone().into());
        Sealed { payload: object(&facts), hash }
    }
}

/// Takes a request's signature, and notes what it lacks.
pub(super) fn required(fields: &mut Fields<'_>) -> Signature {
    let given = fields.given("signature").and_then(Value::as_object);
    let mut secret = |name: &str, digits: usize| {
        let text = match given.and_then(|given| given.get(name)) {
            Some(Value::String(text)) => text.trim().to_owned(),
            // A number has lost its leading zeros.
            Some(Value::Number(number)) => format!("{:0>digits$}", number.to_string()),
            Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) | None => String::new(),
        };
        if text.is_empty() {
            fields.miss_signature(&format!("signature.{name}"));
        }
        SecretString::from(text)
    };
    let (pin, totp) = (secret("pin", 0), secret("totp", CODE_DIGITS));
    let code = given.and_then(|given| given.get("reason_code")).filter(|code| !code.is_null());
    let reason_code = code.and_then(Value::as_str).and_then(|code| sound(code, REASON_CODE_MAX_CHARS));
    if code.is_some() && reason_code.is_none() {
        fields.refuse("signature.reason_code", format!("text of at most {REASON_CODE_MAX_CHARS} characters"));
    }
    Signature { reason_code, pin, totp }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const UNPROVEN: Vouched = Vouched { verified: false };

    fn facts() -> Facts {
        Facts::from([("action", "adjust_stock_quantity".into()), ("old_quantity", 3.into())])
    }

    fn key(secret: &str) -> SigningKey {
        SigningKey::new(&secret.into()).expect("a key")
    }

    #[test]
    fn a_signature_can_be_recomputed_from_its_payload_and_predecessor() {
        let sealed = key("k").seal(facts(), "hmac-sha256:before", UNPROVEN);
        let mut signed: std::collections::BTreeMap<String, Value> =
            serde_json::from_value(sealed.payload.clone()).expect("an object");
        assert_eq!(signed.remove("signature_hash"), Some(json!(sealed.hash)));
        signed.insert("previous_signature".to_owned(), json!("hmac-sha256:before"));
        let text = serde_json::to_string(&signed).expect("text");
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"k"), text.as_bytes());
        assert_eq!(sealed.hash, format!("hmac-sha256:{}", hex::encode(tag)));
    }

    #[test]
    fn another_fact_key_or_predecessor_makes_another_signature() {
        let hash = key("k").seal(facts(), "", UNPROVEN).hash;
        let mut other = facts();
        other.insert("old_quantity", 4.into());
        assert_ne!(key("k").seal(other, "", UNPROVEN).hash, hash);
        assert_ne!(key("l").seal(facts(), "", UNPROVEN).hash, hash);
        assert_ne!(key("k").seal(facts(), "x", UNPROVEN).hash, hash);
        assert_ne!(key("k").seal(facts(), "", Vouched { verified: true }).hash, hash);
        assert_eq!(key("k").seal(facts(), "", UNPROVEN).hash, hash);
    }

    #[test]
    fn pin_and_code_must_be_there_and_are_told_apart_from_missing_fields() {
        let lacking = |signature: Value| {
            let values = json!({ "signature": signature });
            let mut fields = Fields::of_body(values.as_object().expect("an object"));
            required(&mut fields);
            fields.done(()).err().map(|error| (error.code, error.fields.len()))
        };
        assert_eq!(lacking(json!({"pin": "1234", "totp": "000000"})), None);
        assert_eq!(lacking(json!({"pin": "1234", "totp": 0})), None);
        assert_eq!(lacking(json!({"pin": "1234"})), Some(("SIGNATURE_REQUIRED", 1)));
        for nothing in [json!({}), json!("signed"), json!(null), json!([]), json!({"pin": " ", "totp": null})] {
            assert_eq!(lacking(nothing), Some(("SIGNATURE_REQUIRED", 2)));
        }
        assert_eq!(lacking(json!({"pin": "1", "totp": "2", "reason_code": 3})), Some(("VALIDATION_ERROR", 1)));
    }

    #[test]
    fn a_code_sent_as_a_number_gets_its_zeros_back_and_no_debug_shows_it() {
        let values = json!({ "signature": { "pin": 7391, "totp": 4711 } });
        let mut fields = Fields::of_body(values.as_object().expect("an object"));
        let signature = required(&mut fields);
        assert_eq!((signature.pin.expose_secret(), signature.totp.expose_secret()), ("7391", "004711"));
        let shown = format!("{signature:?}");
        assert!(!shown.contains("7391") && !shown.contains("4711"), "{shown}");
    }
}
