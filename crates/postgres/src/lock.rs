//! One daemon per folder.

use crate::error::Error;
use crate::folder::Folder;
use crate::wait;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::Duration;

/// How long a lock may outlive the daemon that held it.
const ORPHANED: Duration = Duration::from_secs(2);

/// The right to run a server on the folder. The kernel takes it back when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the folder, or says who holds it.
    ///
    /// A daemon that was killed between forking a child and that child's `exec` leaves its lock with the child for a
    /// moment. So a lock whose recorded holder is gone is worth a short wait; one whose holder lives is refused at once.
    pub(crate) async fn acquire(folder: &Folder) -> Result<Self, Error> {
        let taken = wait::until(ORPHANED, || match Self::try_acquire(folder) {
            Err(Error::Held { pid: Some(pid), .. }) if !lives(pid) => None,
            settled => Some(settled),
        });
        taken.await.unwrap_or_else(|| Self::try_acquire(folder))
    }

    fn try_acquire(folder: &Folder) -> Result<Self, Error> {
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

/// Whether a process of this pid exists, whoever owns it.
fn lives(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid) != Err(Errno::SRCH))
}
