//! Secrets made at the first start of a private database, so that nothing is ever open for want of one.

use aws_lc_rs::rand;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

const FILE: &str = "secrets.json";

/// What was generated.
#[derive(Debug)]
pub struct Generated {
    /// Verifies users' tokens.
    pub jwt_secret: SecretString,
    /// The service key.
    pub service_key: SecretString,
    /// Signs audit entries.
    pub signing_key: SecretString,
    /// `token:role,…` of the ops API.
    pub ops_tokens: SecretString,
    /// Whether this start made them: then, and only then, the tokens are printed.
    pub new: bool,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    jwt_secret: String,
    service_key: String,
    signing_key: String,
    ops_tokens: String,
}

impl Generated {
    /// Reads the secrets of a data directory; makes them where there are none.
    pub fn load_or_make(data_dir: &Path) -> std::io::Result<Self> {
        match Self::load(data_dir)? {
            Some(generated) => Ok(generated),
            None => Self::make(data_dir),
        }
    }

    /// Reads the secrets of a data directory, if it has any.
    pub fn load(data_dir: &Path) -> std::io::Result<Option<Self>> {
        match fs::read_to_string(data_dir.join(FILE)) {
            Ok(text) => Ok(Some(Self::from_stored(serde_json::from_str(&text)?, false))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The ops token of a role.
    pub fn ops_token(&self, role: &str) -> Option<String> {
        let items = self.ops_tokens.expose_secret().split(',');
        items.filter_map(|item| item.rsplit_once(':')).find(|(_, of)| *of == role).map(|(token, _)| token.to_owned())
    }

    fn make(data_dir: &Path) -> std::io::Result<Self> {
        let token = |prefix: &str| Ok::<String, std::io::Error>(format!("{prefix}_{}", random_hex(20)?));
        let stored = Stored {
            jwt_secret: random_hex(32)?,
            service_key: token("service")?,
            signing_key: random_hex(32)?,
            ops_tokens: format!(
                "{}:viewer,{}:operator,{}:release_owner",
                token("viewer")?,
                token("operator")?,
                token("owner")?
            ),
        };
        // Written beside and renamed, so that a crash half-way leaves no half a secret.
        let unfinished = data_dir.join(format!("{FILE}.new"));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
        file.write_all(serde_json::to_string_pretty(&stored)?.as_bytes())?;
        file.sync_all()?;
        fs::rename(unfinished, data_dir.join(FILE))?;
        Ok(Self::from_stored(stored, true))
    }

    fn from_stored(stored: Stored, new: bool) -> Self {
        Self {
            jwt_secret: stored.jwt_secret.into(),
            service_key: stored.service_key.into(),
            signing_key: stored.signing_key.into(),
            ops_tokens: stored.ops_tokens.into(),
            new,
        }
    }
}

fn random_hex(bytes: usize) -> std::io::Result<String> {
    let mut secret = vec![0; bytes];
    rand::fill(&mut secret).map_err(|_| std::io::Error::other("the system has no randomness to give"))?;
    Ok(hex::encode(secret))
}
