//! One running server: started, found ready, stopped.

use crate::account::Account;
use crate::error::Error;
use crate::folder::{Folder, write_private};
use crate::passwords::Passwords;
use crate::process::{OnDrop, Process, in_words};
use crate::programs::{self, Programs};
use crate::settings::Config;
use crate::{create, log, socket, survivors, wait};
use rustix::process::Signal;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a server may take until it answers. Long, because recovery after a crash replays what was committed.
const START_LIMIT: Duration = Duration::from_secs(120);
/// How long a fast shutdown may take before it becomes an immediate one.
const STOP_LIMIT: Duration = Duration::from_secs(30);
/// How long an immediate shutdown may take before the server is killed.
const QUIT_LIMIT: Duration = Duration::from_secs(5);
/// How long one connection may take to be answered.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);

/// A request of the protocol that is answered with one letter before any login: does the server speak TLS?
const TLS_QUESTION: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// Whether a server may outlive the process that starts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lifetime {
    /// It ends with us.
    Child,
    /// It goes on.
    Detached,
}

/// Everything that does not change from one start of the server to the next.
pub(crate) struct Site {
    pub(crate) config: Config,
    pub(crate) folder: Folder,
    pub(crate) account: Account,
    pub(crate) programs: Programs,
    pub(crate) passwords: Passwords,
    pub(crate) socket_dir: PathBuf,
}

impl Site {
    /// Finds the programs, makes the cluster if need be and clears what an earlier server left. The caller holds the
    /// folder's lock.
    pub(crate) async fn prepare(config: &Config, folder: Folder) -> Result<Self, Error> {
        let cluster = folder.cluster();
        let account = Account::choose(folder.root(), &cluster)?;
        let programs = programs::find(config.bin_dir.as_deref(), &cluster)?;
        survivors::end(&cluster, &account).await?;
        let passwords = create::ensure(&folder, &account, &programs, config.durability).await?;
        let socket_dir = socket::prepare(&folder, &account)?;
        Ok(Self { config: config.clone(), folder, account, programs, passwords, socket_dir })
    }

    /// Starts the server and waits until it answers.
    pub(crate) async fn start(&self, lifetime: Lifetime) -> Result<Process, Error> {
        let cluster = self.folder.cluster();
        let (log, log_start) = log::open(&self.folder.log())?;
        let again = log.try_clone().map_err(|source| Error::io("open", &self.folder.log(), source))?;

        let (death_signal, on_drop) = match lifetime {
            Lifetime::Child => (Some("INT"), OnDrop::Signal(Signal::INT)),
            Lifetime::Detached => (None, OnDrop::Leave),
        };
        let postgres = self.programs.path("postgres");
        let mut command = self.account.command(&postgres, &cluster, death_signal);
        command.args(self.config.arguments(&self.account.pgdata(&cluster), &self.socket_dir)).stdout(log).stderr(again);

        let process = Process::spawn(command, String::new(), on_drop).await?;
        self.await_answer(&process, log_start).await?;
        self.announce()?;
        Ok(process)
    }

    async fn await_answer(&self, process: &Process, log_start: u64) -> Result<(), Error> {
        let pid_file = self.folder.cluster().join("postmaster.pid");
        let socket = socket::path(&self.socket_dir, self.config.port());
        let answer = wait::until(START_LIMIT, || {
            if let Some(exit) = process.ended() {
                return Some(Err(exit));
            }
            (says_ready(&pid_file, process.pid()) && answers(&socket)).then_some(Ok(()))
        })
        .await;
        let log = self.folder.log();
        let tail = || log::tail(&log, log_start);
        match answer {
            Some(Ok(())) => Ok(()),
            Some(Err(exit)) => Err(Error::DiedAtStart { status: in_words(exit), tail: tail(), log }),
            None => {
                process.signal(Signal::QUIT);
                Err(Error::SlowStart { seconds: START_LIMIT.as_secs(), tail: tail(), log })
            }
        }
    }

    /// Writes down where the server answers, for [`crate::attach`].
    fn announce(&self) -> Result<(), Error> {
        let text = format!(
            "port={}\nsocket_dir={}\nbin_dir={}\n",
            self.config.port(),
            self.socket_dir.display(),
            self.programs.bin_dir.display(),
        );
        write_private(&self.folder.running(), &text)
    }

    /// Takes back what [`Self::announce`] wrote, and a socket folder outside of ours.
    pub(crate) fn withdraw(&self) {
        // A file that stays is harmless: whoever reads it finds that nobody answers.
        fs::remove_file(self.folder.running()).ok();
        if self.socket_dir != self.folder.socket() {
            fs::remove_dir(&self.socket_dir).ok();
        }
    }
}

/// Stops the server: open transactions are rolled back and everything committed is written out.
pub(crate) async fn stop(process: &Process) -> Result<(), Error> {
    process.signal(Signal::INT);
    if ends_within(process, STOP_LIMIT).await {
        return Ok(());
    }
    process.signal(Signal::QUIT);
    if !ends_within(process, QUIT_LIMIT).await {
        process.signal(Signal::KILL);
        process.exited().await;
    }
    Err(Error::StopForced { seconds: STOP_LIMIT.as_secs() })
}

async fn ends_within(process: &Process, limit: Duration) -> bool {
    tokio::time::timeout(limit, process.exited()).await.is_ok()
}

/// Whether the server's pid file names `pid` and says in its eighth line that connections are accepted. This is what
/// `pg_ctl --wait` reads.
fn says_ready(pid_file: &Path, pid: u32) -> bool {
    let Ok(text) = fs::read_to_string(pid_file) else {
        return false;
    };
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    lines.first() == Some(&pid.to_string().as_str()) && lines.get(7) == Some(&"ready")
}

/// Whether a server answers at `socket`.
pub(crate) fn answers(socket: &Path) -> bool {
    let ask = || -> std::io::Result<u8> {
        let mut stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(ANSWER_LIMIT))?;
        stream.set_write_timeout(Some(ANSWER_LIMIT))?;
        stream.write_all(&TLS_QUESTION)?;
        let mut letter = [0];
        stream.read_exact(&mut letter)?;
        Ok(letter[0])
    };
    ask().is_ok_and(|letter| letter == b'N' || letter == b'S')
}
