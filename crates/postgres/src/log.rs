//! The server's log: one file, bounded, and its last lines for error messages.
//!
//! The server appends to a file we opened. Appending writers go to the end of the file whatever its length, so the
//! file can be cut under the server's hands, and no collector process is needed.

use crate::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Above this size the log is moved to `server.log.1`, in bytes.
const LOG_MAX_BYTES: u64 = 8 * 1024 * 1024;
/// How much of the log an error message may quote, in bytes.
const TAIL_MAX_BYTES: u64 = 4 * 1024;
/// How many lines of the log an error message may quote.
const TAIL_MAX_LINES: usize = 20;

/// Opens the log for a server that is about to start; returns it with its present length.
pub(crate) fn open(path: &Path) -> Result<(File, u64), Error> {
    rotate_if_large(path)?;
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .map_err(|source| Error::io("open", path, source))?;
    let length = file.metadata().map_err(|source| Error::io("read", path, source))?.len();
    Ok((file, length))
}

/// Keeps one older log. Lines written between the copy and the cut are lost, which a log can bear.
pub(crate) fn rotate_if_large(path: &Path) -> Result<(), Error> {
    rotate_above(path, LOG_MAX_BYTES)
}

fn rotate_above(path: &Path, max_bytes: u64) -> Result<(), Error> {
    let large = fs::metadata(path).is_ok_and(|metadata| metadata.len() > max_bytes);
    if !large {
        return Ok(());
    }
    fs::copy(path, path.with_extension("log.1"))
        .and_then(|_| OpenOptions::new().write(true).open(path)?.set_len(0))
        .map_err(|source| Error::io("shorten", path, source))
}

/// The last lines written after `from`, empty when there are none or the file cannot be read.
pub(crate) fn tail(path: &Path, from: u64) -> String {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        let start = from.min(length).max(length.saturating_sub(TAIL_MAX_BYTES));
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        file.take(TAIL_MAX_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_MAX_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn a_log_above_the_limit_is_moved_aside_while_it_is_written() {
        let folder = std::env::temp_dir().join(format!("rampart-log-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("server.log");
        let (mut writer, _) = open(&path).unwrap();
        writer.write_all(b"0123456789").unwrap();

        rotate_above(&path, 10).unwrap();
        assert_eq!(fs::read(&path).unwrap().len(), 10, "at the limit it stays");

        rotate_above(&path, 9).unwrap();
        writer.write_all(b"after").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"after");
        assert_eq!(fs::read(folder.join("server.log.1")).unwrap(), b"0123456789");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn the_tail_starts_where_this_start_began() {
        let path = std::env::temp_dir().join(format!("rampart-tail-{}", std::process::id()));
        fs::write(&path, "old\nnew\nnewer\n").unwrap();
        assert_eq!(tail(&path, 4), "new\nnewer");
        assert_eq!(tail(Path::new("/absent"), 0), "");
        fs::remove_file(&path).unwrap();
    }
}
