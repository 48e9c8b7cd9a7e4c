//! Standard Webhooks 1.0: <https://www.standardwebhooks.com>. The body is signed together with the notification's id and
//! the time of the attempt, so nobody can forge it or play it back later.

use super::letter::Letter;
use super::send::Request;
use crate::base64;
use aws_lc_rs::hmac;
use rampart_core::Timestamp;
use serde_json::json;

/// How a secret begins.
const PREFIX: &str = "whsec_";
/// The secret's length in bytes, as the specification has it.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// What receivers verify letters with. There may be two while one replaces the other; all sign.
pub(super) struct Secrets(Vec<hmac::Key>);

impl Secrets {
    /// Secrets, a line each. A mistake never repeats a word of them.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let keys: Option<Vec<hmac::Key>> = lines
            .map(|line| {
                let secret = base64::decode(line.strip_prefix(PREFIX)?)?;
                SECRET_BYTES.contains(&secret.len()).then(|| hmac::Key::new(hmac::HMAC_SHA256, &secret))
            })
            .collect();
        keys.filter(|keys| !keys.is_empty())
            .map(Self)
            .ok_or("expected whsec_ and 24 to 64 bytes as base64, a line each")
    }

    /// Each key's signature.
    fn sign(&self, id: &str, seconds: i64, body: &str) -> String {
        let signed = format!("{id}.{seconds}.{body}");
        let signatures = self.0.iter().map(|key| hmac::sign(key, signed.as_bytes()));
        let texts: Vec<String> = signatures.map(|tag| format!("v1,{}", base64::encode(tag.as_ref()))).collect();
        texts.join(" ")
    }
}

/// The request that brings the letter, signed at `now`.
pub(super) fn request(letter: &Letter, secrets: &Secrets, now: Timestamp) -> Request {
    let mut data = letter.body.clone();
    if let (Some(members), Some(link)) = (data.as_object_mut(), &letter.link) {
        members.insert("link".to_owned(), link.as_str().into());
    }
    let kind = format!("rollout.{}", letter.kind);
    let body = json!({ "type": kind, "timestamp": letter.at, "data": data }).to_string();
    let (id, seconds) = (letter.id.to_string(), now.timestamp());
    let signature = secrets.sign(&id, seconds, &body);
    let headers =
        vec![("webhook-id", id), ("webhook-timestamp", seconds.to_string()), ("webhook-signature", signature)];
    Request { headers, body }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_signed_as_the_specifications_own_example() {
        let secrets = Secrets::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").expect("a secret");
        let signature = secrets.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_that_is_none_is_refused_and_never_repeated() {
        let short = "whsec_c2hvcnQ=";
        for wrong in ["", "\n", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_%%%%", short] {
            let error = Secrets::parse(wrong).err().expect(wrong);
            assert!(!error.contains("c2hvcnQ"), "{error}");
        }
        let two = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n  whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n";
        let signature = Secrets::parse(two).expect("two secrets").sign("a", 1, "{}");
        assert_eq!(signature.matches("v1,").count(), 2, "both sign while one replaces the other: {signature}");
    }
}
