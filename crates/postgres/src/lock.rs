//! One daemon per folder.

use crate::error::Error;
use crate::folder::Folder;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;

/// The right to run a server on the folder. The kernel takes it back when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    pub(crate) fn acquire(folder: &Folder) -> Result<Self, Error> {
        let path = folder.lock();
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|source| Error::io("open", &path, source))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                let mut text = String::new();
                // The message is better with the pid, but it is not worth failing over.
                file.read_to_string(&mut text).ok();
                return Err(Error::Held { pid: text.trim().parse().ok(), folder: folder.root().to_owned() });
            }
            Err(errno) => return Err(Error::io("lock", &path, errno.into())),
        }
        file.set_len(0)
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(|source| Error::io("write", &path, source))?;
        Ok(Self { _file: file })
    }
}
