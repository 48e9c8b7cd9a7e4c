//! A child process that does not outlive us, and whose pid is never mistaken for another's.
//!
//! Two facts shape this file. The kernel ties a parent-death signal to the *thread* that started the child, so each
//! child gets a thread that waits for it to the end. And a pid may be given to a stranger as soon as the child is
//! reaped, so signals are sent only under a lock that says it has not been.

use crate::error::Error;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use tokio::sync::{oneshot, watch};

/// How a child ended; `None` when the system would not say.
pub(crate) type Exit = Option<ExitStatus>;

/// What happens to the child when its [`Process`] is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnDrop {
    /// It gets this signal.
    Signal(Signal),
    /// It goes on.
    Leave,
}

/// A running or ended child.
#[derive(Debug)]
pub(crate) struct Process {
    pid: Pid,
    reaped: Arc<Mutex<bool>>,
    exit: watch::Receiver<Option<Exit>>,
    on_drop: OnDrop,
}

impl Process {
    /// Starts `command` from a thread of its own and feeds it `input`.
    pub(crate) async fn spawn(mut command: Command, input: String, on_drop: OnDrop) -> Result<Self, Error> {
        command.stdin(if input.is_empty() { Stdio::null() } else { Stdio::piped() });
        let program = PathBuf::from(command.get_program());
        let failed = |source| Error::Io { action: "run", path: program.clone(), source };

        let (started, start) = oneshot::channel();
        let (ended, exit) = watch::channel(None);
        let reaped = Arc::new(Mutex::new(false));
        let marker = Arc::clone(&reaped);
        thread::Builder::new()
            .name("postgres-parent".into())
            .spawn(move || match command.spawn() {
                Ok(child) => {
                    started.send(Ok(child.id())).ok();
                    ended.send(Some(see_through(child, &input, &marker))).ok();
                }
                Err(error) => {
                    started.send(Err(error)).ok();
                }
            })
            .map_err(failed)?;

        let pid = start.await.unwrap_or_else(|_| Err(std::io::ErrorKind::BrokenPipe.into())).map_err(failed)?;
        let pid = i32::try_from(pid)
            .ok()
            .and_then(Pid::from_raw)
            .ok_or_else(|| failed(std::io::ErrorKind::InvalidData.into()))?;
        Ok(Self { pid, reaped, exit, on_drop })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Sends `signal` unless the child has ended.
    pub(crate) fn signal(&self, signal: Signal) {
        let reaped = self.reaped.lock().unwrap_or_else(PoisonError::into_inner);
        if !*reaped && let Err(error) = kill_process(self.pid, signal) {
            tracing::warn!(process.pid = self.pid(), ?signal, %error, "cannot signal the child");
        }
    }

    /// How the child ended, if it has.
    pub(crate) fn ended(&self) -> Option<Exit> {
        *self.exit.borrow()
    }

    /// Waits for the child's end.
    pub(crate) async fn exited(&self) -> Exit {
        let mut exit = self.exit.clone();
        match exit.wait_for(Option::is_some).await {
            Ok(exit) => exit.flatten(),
            Err(_) => None,
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        match self.on_drop {
            OnDrop::Signal(signal) => self.signal(signal),
            OnDrop::Leave => {}
        }
    }
}

/// Feeds the child and waits for its end.
fn see_through(mut child: Child, input: &str, reaped: &Mutex<bool>) -> Exit {
    if let Some(mut pipe) = child.stdin.take() {
        // A child that ends early says why in its exit status.
        pipe.write_all(input.as_bytes()).ok();
    }
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // Look without reaping: until the mark below is set the pid stays ours. EINTR only repeats the look.
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while let Err(rustix::io::Errno::INTR) = waitid(WaitId::Pid(pid), options) {}
    }
    let mut reaped = reaped.lock().unwrap_or_else(PoisonError::into_inner);
    let exit = child.wait().ok();
    *reaped = true;
    exit
}

/// An exit in words.
pub(crate) fn in_words(exit: Exit) -> String {
    exit.map_or_else(|| "ended for an unknown reason".to_owned(), |status| status.to_string())
}
