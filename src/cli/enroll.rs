//! `rampart token enroll` and `rampart token revoke`: who can prove a signature.

use super::owner::Owner;
use super::{Answer, WrongUse};
use crate::parts::SECRET_BYTES;
use crate::store;
use anyhow::anyhow;
use argon2::{Argon2, PasswordHasher};
use aws_lc_rs::rand;
use secrecy::{ExposeSecret, SecretString};
use std::io::BufRead;
use uuid::Uuid;

/// Characters of a PIN.
const PIN_CHARS: std::ops::RangeInclusive<usize> = 4..=64;
/// How long a salt is, in bytes: what argon2 recommends.
const SALT_BYTES: usize = 16;
/// RFC 4648.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Give a user a PIN and a code generator to sign with; those of before stop working.
    #[command(after_help = "Example: rampart token enroll --user 5af9d61d-9b2e-4db4-a54c-a3c95eec70e5 --pin-stdin")]
    Enroll {
        /// The user.
        #[arg(long)]
        user: Uuid,
        /// Read the PIN from the first line of stdin; else one is made and printed.
        #[arg(long)]
        pin_stdin: bool,
        /// As JSON, for programs.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        owner: Owner,
    },
    /// Take a user's PIN and code generator away.
    #[command(after_help = "Example: rampart token revoke --user 5af9d61d-9b2e-4db4-a54c-a3c95eec70e5")]
    Revoke {
        /// The user.
        #[arg(long)]
        user: Uuid,
        #[command(flatten)]
        owner: Owner,
    },
}

pub(super) async fn run(command: &Command) -> anyhow::Result<Answer> {
    match command {
        Command::Enroll { user, pin_stdin, json, owner } => enroll(*user, *pin_stdin, *json, owner).await,
        Command::Revoke { user, owner } => {
            if store::revoke(&owner.url()?, *user).await? {
                println!("{user} can no longer prove a signature");
                return Ok(Answer::Yes);
            }
            eprintln!("{user} was not enrolled");
            Ok(Answer::No)
        }
    }
}

async fn enroll(user: Uuid, pin_stdin: bool, as_json: bool, owner: &Owner) -> anyhow::Result<Answer> {
    let pin = if pin_stdin { pin_from_stdin()? } else { new_pin()? };
    let secret = random::<SECRET_BYTES>()?;
    let salt = random::<SALT_BYTES>()?;
    let hash = Argon2::default()
        .hash_password_with_salt(pin.expose_secret().as_bytes(), &salt)
        .map_err(|error| anyhow!("cannot hash the PIN: {error}"))?
        .to_string();
    if !store::enroll(&owner.url()?, user, &hash, &secret).await? {
        return Err(WrongUse(format!("there is no user {user}")).into());
    }
    // Printed this once: the database keeps the PIN's hash alone, and hands the secret to nobody.
    let secret = base32(&secret);
    let url = format!("otpauth://totp/Rampart:{user}?secret={secret}&issuer=Rampart&algorithm=SHA1&digits=6&period=30");
    let pin = (!pin_stdin).then(|| pin.expose_secret());
    if as_json {
        println!("{}", serde_json::json!({ "user": user, "pin": pin, "secret": secret, "otpauth": url }));
        return Ok(Answer::Yes);
    }
    if let Some(pin) = pin {
        println!("pin     {pin}");
    }
    println!("secret  {secret}");
    println!("{url}");
    Ok(Answer::Yes)
}

fn pin_from_stdin() -> anyhow::Result<SecretString> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    let pin = line.trim();
    if !PIN_CHARS.contains(&pin.chars().count()) {
        let (least, most) = (PIN_CHARS.start(), PIN_CHARS.end());
        return Err(WrongUse(format!("expected a PIN of {least} to {most} characters on stdin")).into());
    }
    Ok(SecretString::from(pin))
}

/// Six digits, all equally likely: 2^64 is so much more than a million that the remainder does not matter.
fn new_pin() -> anyhow::Result<SecretString> {
    let number = u64::from_le_bytes(random::<8>()?) % 1_000_000;
    Ok(SecretString::from(format!("{number:06}")))
}

fn random<const BYTES: usize>() -> anyhow::Result<[u8; BYTES]> {
    let mut bytes = [0; BYTES];
    rand::fill(&mut bytes).map_err(|_| anyhow!("the system has no randomness to give"))?;
    Ok(bytes)
}

/// Without padding: our secrets are whole groups of five bytes.
fn base32(bytes: &[u8]) -> String {
    let (mut text, mut buffer, mut bits) = (String::new(), 0_u16, 0);
    for byte in bytes {
        buffer = (buffer << 8) | u16::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(BASE32[usize::from((buffer >> bits) & 31)]));
        }
        buffer &= (1 << bits) - 1;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base32_is_that_of_rfc_4648() {
        assert_eq!(base32(b"fooba"), "MZXW6YTB");
        assert_eq!(base32(b"12345678901234567890"), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    }
}
