//! The folder of the server's socket.
//!
//! A socket's path must fit into 108 bytes with the zero that ends it. When the one inside our folder does not fit, or
//! clients cannot spell it, or the server cannot reach it by path, a private folder under the temporary directory takes its place, with a name
//! derived from our folder's.

use crate::account::Account;
use crate::error::Error;
use crate::folder::Folder;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Longest path of a socket, in bytes.
const SOCKET_PATH_MAX_BYTES: usize = 107;
/// The longest name a socket can have in its folder.
const LONGEST_NAME: &str = "/.s.PGSQL.65535";
/// Longest path of a socket's folder, in bytes.
const FOLDER_PATH_MAX_BYTES: usize = SOCKET_PATH_MAX_BYTES - LONGEST_NAME.len();

/// The socket itself.
pub(crate) fn path(socket_dir: &Path, port: u16) -> PathBuf {
    socket_dir.join(format!(".s.PGSQL.{port}"))
}

/// Makes an empty socket folder that belongs to the server alone.
///
/// Call it only while no server runs on the cluster: sockets and lock files found there are removed, since the pid in
/// a left-over lock file may belong to a stranger by now, which would keep the server from starting.
pub(crate) fn prepare(folder: &Folder, account: &Account) -> Result<PathBuf, Error> {
    let mut candidates = Vec::new();
    if !account.hidden() {
        candidates.push(folder.socket());
    }
    let name = format!("rampart-{:016x}", fnv1a(folder.root().as_os_str().as_bytes()));
    candidates.push(std::env::temp_dir().join(&name));
    candidates.push(Path::new("/tmp").join(&name));

    for candidate in &candidates {
        if !fits(candidate) {
            continue;
        }
        match make_private(candidate, account) {
            Ok(true) => return Ok(candidate.clone()),
            Ok(false) => {}
            // The folder of our own must work; the temporary ones are alternatives for each other.
            Err(source) if *candidate == folder.socket() => {
                return Err(Error::io("make the folder", candidate, source));
            }
            Err(error) => {
                tracing::debug!(path = %candidate.display(), %error, "no socket folder here");
            }
        }
    }
    let tried: Vec<String> = candidates.iter().map(|candidate| candidate.display().to_string()).collect();
    Err(Error::NoSocketFolder { limit: FOLDER_PATH_MAX_BYTES, tried: tried.join(", ") })
}

/// Clients take a comma for the end of one host and the start of the next, and a URL can carry only UTF-8.
fn fits(folder: &Path) -> bool {
    let sayable = folder.to_str().is_some_and(|path| !path.contains([',', '\n']));
    folder.is_absolute() && sayable && folder.as_os_str().len() <= FOLDER_PATH_MAX_BYTES
}

/// Whether `folder` is now a folder of the server's account, closed to others and empty of sockets. In a temporary
/// directory somebody else may have taken the name: then the answer is no, and nothing is touched.
fn make_private(folder: &Path, account: &Account) -> io::Result<bool> {
    let made = DirBuilder::new().mode(0o700).create(folder);
    match made {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    let found = fs::symlink_metadata(folder)?;
    let ours = [account.uid(), rustix::process::geteuid().as_raw()].contains(&found.uid());
    if !found.is_dir() || !ours {
        return Ok(false);
    }
    fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    account.give(folder).map_err(io::Error::other)?;
    for entry in fs::read_dir(folder)?.flatten() {
        if entry.file_name().as_bytes().starts_with(b".s.PGSQL.") {
            fs::remove_file(entry.path())?;
        }
    }
    let reached = account.reaches(folder);
    if !reached {
        fs::remove_dir(folder)?;
    }
    Ok(reached)
}

/// FNV-1a, 64 bits: the same name for the same folder in every release. Not a secret: safety comes from the check of
/// the folder's owner.
pub(crate) fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_folder_leaves_room_for_the_longest_name() {
        let longest = PathBuf::from(format!("/{}", "x".repeat(FOLDER_PATH_MAX_BYTES - 1)));
        assert!(fits(&longest));
        assert_eq!(path(&longest, 65535).as_os_str().len(), SOCKET_PATH_MAX_BYTES);
        assert!(!fits(&longest.join("y")));
    }

    #[test]
    fn a_folder_that_is_relative_or_holds_a_comma_never_fits() {
        assert!(fits(Path::new("/d/my socket")));
        assert!(!fits(Path::new("socket")));
        assert!(!fits(Path::new("/d/a,b")));
    }
}
