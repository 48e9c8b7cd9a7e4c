//! Who signs: whether PIN and code are those of the person who asks.
//!
//! The order of a signed request: the attempt is counted, PIN and code are compared, the write takes its
//! locks and looks for an earlier answer, and only then is the verdict spoken and the code used up, in the
//! transaction of the write. So a repeated request is answered as before although its code is spent, a code
//! signs one thing only, and a write that fails leaves it unused.

use super::command::is_replayed;
use super::errors::{ApiError, INVALID_SIGNATURE};
use super::gate::Caller;
use super::signature::Signature;
use super::state::PartsState;
use super::transaction;
use crate::clock;
use crate::store::Pool;
use argon2::{Argon2, PasswordVerifier};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use sqlx::Error;
use sqlx::postgres::PgTransaction;
use totp_rs::{Algorithm, Builder};
use uuid::Uuid;

/// Length of the secret a code generator shares with us.
pub(crate) const SECRET_BYTES: usize = 20;
/// How long a code is shown; the one before and the one after count too, for clocks that differ.
const STEP_SECONDS: u64 = 30;

/// Somebody about to sign. What is known of PIN and code stays in here until [`Signer::sign`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Signer {
    user: Uuid,
    standing: Standing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// No PIN and no generator: the presence of a signature is all there is.
    Unenrolled,
    /// PIN and code match; the code is that of this step.
    Proven { step: i64 },
    /// Something does not match.
    Wrong,
    /// Too many attempts; nothing was compared.
    Locked,
}

/// That somebody has signed, and whether it is proven. Nothing can be sealed without it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vouched {
    pub(super) verified: bool,
}

/// Runs a signed write. `write` calls [`Signer::sign`] in its transaction, after the locks are taken and an
/// earlier answer was looked for.
pub(super) async fn signed_write<F: Future<Output = Result<Value, Error>>>(
    state: &PartsState,
    caller: &Caller,
    signature: &Signature,
    write: impl Fn(Signer) -> F,
) -> Result<Value, ApiError> {
    let pool = &state.pools.parts_write;
    let signer = Signer::of(pool, caller.user, signature).await?;
    if signer.standing == Standing::Unenrolled && state.require_enrolled_signatures {
        return Err(ApiError::not_enrolled());
    }
    let outcome = transaction::retry_write(|| write(signer)).await.map_err(ApiError::from);
    let said_nothing = match &outcome {
        Ok(answer) => is_replayed(answer),
        Err(error) => error.code != INVALID_SIGNATURE,
    };
    if said_nothing {
        signer.forgive(pool).await;
    }
    outcome
}

impl Signer {
    /// Counts an attempt and compares.
    async fn of(pool: &Pool, user: Uuid, signature: &Signature) -> Result<Self, ApiError> {
        let enrolment = sqlx::query!(r#"select pin_hash, totp_secret from public.signature_attempt($1)"#, user)
            .fetch_optional(pool)
            .await?;
        let standing = match enrolment.map(|enrolment| (enrolment.pin_hash, enrolment.totp_secret)) {
            None => Standing::Unenrolled,
            Some((Some(pin_hash), Some(secret))) => {
                let (pin, totp) = (signature.pin.clone(), signature.totp.clone());
                let now = u64::try_from(clock::wall().timestamp()).unwrap_or(0);
                // Some 20 ms of work: not on a thread that others wait for.
                tokio::task::spawn_blocking(move || compared(&pin_hash, &secret, &pin, &totp, now))
                    .await
                    .map_err(|error| ApiError::internal(format!("comparing a PIN: {error}")))?
            }
            Some(_) => Standing::Locked,
        };
        Ok(Self { user, standing })
    }

    /// Uses up the code and vouches for the signature, or refuses it. From here on the transaction is the
    /// daemon's own: nobody else may write down that something was signed.
    pub(super) async fn sign(self, transaction: &mut PgTransaction<'_>) -> Result<Vouched, Error> {
        sqlx::query!("select set_config('role', 'rampart_app', true) as role").fetch_one(&mut **transaction).await?;
        let step = match self.standing {
            Standing::Unenrolled => return Ok(Vouched { verified: false }),
            Standing::Proven { step } => Some(step),
            Standing::Wrong | Standing::Locked => None,
        };
        sqlx::query!(r#"select public.signature_spend($1, $2)::text as spent"#, self.user, step)
            .fetch_one(&mut **transaction)
            .await?;
        Ok(Vouched { verified: true })
    }

    /// Where this fails the attempt stays counted, which is the safe side.
    async fn forgive(self, pool: &Pool) {
        match self.standing {
            Standing::Unenrolled | Standing::Locked => return,
            Standing::Proven { .. } | Standing::Wrong => {}
        }
        let forgiven = sqlx::query!(r#"select public.signature_forgive($1)::text as forgiven"#, self.user);
        if let Err(error) = forgiven.fetch_one(pool).await {
            tracing::warn!(error.cause = %error, "an attempt to sign stays counted");
        }
    }
}

/// Both are always compared, so that the time does not tell which one is wrong.
fn compared(pin_hash: &str, secret: &[u8], pin: &SecretString, totp: &SecretString, now: u64) -> Standing {
    let pin_matches = Argon2::default().verify_password(pin.expose_secret().as_bytes(), pin_hash).is_ok();
    match (pin_matches, step_of(secret, totp.expose_secret(), now)) {
        (true, Some(step)) => Standing::Proven { step },
        (true | false, None) | (false, Some(_)) => Standing::Wrong,
    }
}

/// The step whose code this is: the present one, the one before or the one after. The code is compared as
/// one number of 20 bits, not digit by digit.
fn step_of(secret: &[u8], code: &str, now: u64) -> Option<i64> {
    let secret = <[u8; SECRET_BYTES]>::try_from(secret).ok()?;
    let generator = Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(6)
        .with_skew(1)
        .with_step_duration(STEP_SECONDS)
        .with_secret(secret)
        .build()
        .ok()?;
    generator.check(code, now).and_then(|step| i64::try_from(step).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of RFC 6238's test vectors, which has eight digits; ours are the last six.
    const SECRET: &[u8] = b"12345678901234567890";

    #[test]
    fn the_vectors_of_rfc_6238_are_met() {
        for (time, code) in [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924")] {
            assert_eq!(step_of(SECRET, code, time), i64::try_from(time / 30).ok());
        }
    }

    #[test]
    fn a_code_counts_one_step_early_and_one_step_late_to_the_second() {
        // The code of step 1, shown from second 30 to 59.
        let counts = |now| step_of(SECRET, "287082", now);
        assert_eq!(counts(0), Some(1), "one step early");
        assert_eq!((counts(30), counts(59)), (Some(1), Some(1)));
        assert_eq!(counts(89), Some(1), "the last second of the step after");
        assert_eq!(counts(90), None, "two steps late");
        // The code of step 37037036 at the first second it counts and at the one before.
        let begins = 37_037_036 * 30;
        assert_eq!(step_of(SECRET, "081804", begins - 30), Some(37_037_036));
        assert_eq!(step_of(SECRET, "081804", begins - 31), None, "two steps early");
    }

    #[test]
    fn what_is_no_code_is_none() {
        for code in ["", "28708", "2870820", "+87082", "28708a", "287 82", "２８７０８２"] {
            assert_eq!(step_of(SECRET, code, 59), None, "{code}");
        }
        assert_eq!(step_of(b"short", "287082", 59), None);
    }
}
