//! Random passwords, kept in one pgpass file that both we and `psql` read.

use crate::error::Error;
use crate::folder::{Folder, write_private};
use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

/// Runs migrations, owns the database; no superuser.
pub(crate) const OWNER: &str = "rampart_owner";
/// What the application connects as.
pub(crate) const APP: &str = "rampart_app";
/// Makes and drops the databases of tests; exists on the shared test server alone, with the owner's password.
pub(crate) const TESTS: &str = "rampart_tests";

/// Strength of a password, in bytes of randomness.
const PASSWORD_BYTES: usize = 24;

/// The passwords of one cluster.
pub(crate) struct Passwords {
    pub(crate) owner: String,
    pub(crate) app: String,
}

impl Passwords {
    pub(crate) fn random() -> Result<Self, Error> {
        Ok(Self { owner: random_hex(PASSWORD_BYTES)?, app: random_hex(PASSWORD_BYTES)? })
    }

    pub(crate) fn write(&self, folder: &Folder) -> Result<(), Error> {
        let lines: String = [(OWNER, &self.owner), (APP, &self.app)]
            .iter()
            .map(|(role, password)| format!("*:*:*:{role}:{password}\n"))
            .collect();
        write_private(&folder.passwords(), &lines)
    }

    /// `None` when the file is not there.
    pub(crate) fn read(folder: &Folder) -> Result<Option<Self>, Error> {
        let path = folder.passwords();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::io("read", &path, source)),
        };
        let of = |role: &str| {
            text.lines()
                .filter_map(|line| line.strip_prefix("*:*:*:")?.split_once(':'))
                .find(|(name, _)| *name == role)
                .map(|(_, password)| password.to_owned())
                .ok_or_else(|| Error::Damaged {
                    path: path.clone(),
                    expected: "one pgpass line for each role",
                    hint: "remove the file while the daemon is stopped; the next start sets new passwords",
                })
        };
        Ok(Some(Self { owner: of(OWNER)?, app: of(APP)? }))
    }
}

/// Randomness from the kernel, two hexadecimal digits for each byte: nothing that SQL, pgpass or a URL would quote.
pub(crate) fn random_hex(bytes: usize) -> Result<String, Error> {
    let source = Path::new("/dev/urandom");
    let mut buffer = vec![0; bytes];
    File::open(source)
        .and_then(|mut file| file.read_exact(&mut buffer))
        .map_err(|error| Error::io("read", source, error))?;
    Ok(buffer.iter().map(|byte| format!("{byte:02x}")).collect())
}
