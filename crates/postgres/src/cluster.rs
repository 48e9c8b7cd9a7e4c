//! The running cluster and the task that looks after it.
//!
//! The task owns the server process and the folder's lock. It ends in one of three ways: asked to stop, its [`Cluster`]
//! dropped, or after too many deaths of the server in a row. In each case the lock is let go only after the server has
//! ended.

use crate::error::Error;
use crate::folder::Folder;
use crate::lock::Lock;
use crate::login::Login;
use crate::passwords::{APP, OWNER};
use crate::process::{Process, in_words};
use crate::server::{self, Lifetime, Site};
use crate::settings::Config;
use crate::{log, socket, survivors};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

/// After this many deaths in a row the server is given up.
const DEATHS_MAX: u32 = 5;
/// A server that lives this long has recovered: earlier deaths no longer count. The log's size is looked at as often.
const SETTLED: Duration = Duration::from_secs(60);

/// What the task last reported.
#[derive(Debug, Clone)]
enum State {
    Running(u32),
    GaveUp(String),
}

/// A running server. A server that dies is restarted in place; its address and passwords stay the same.
///
/// Dropping it without [`Cluster::stop`] still stops the server, but nobody learns how that went.
#[derive(Debug)]
pub struct Cluster {
    owner: Login,
    app: Login,
    socket_dir: PathBuf,
    log: PathBuf,
    state: watch::Receiver<State>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), Error>>,
}

impl Cluster {
    /// Starts the server, making its cluster at the first time, and waits until it answers.
    ///
    /// Needs a tokio runtime with time enabled.
    ///
    /// # Errors
    ///
    /// See [`Error`]; nothing is left running after one.
    pub async fn start(config: &Config) -> Result<Self, Error> {
        let folder = Folder::open(&config.data_dir)?;
        let lock = Lock::acquire(&folder).await?;
        let site = Site::prepare(config, folder).await?;
        let process = site.start(Lifetime::Child).await?;
        tracing::info!(
            process.pid = process.pid(),
            socket_dir = %site.socket_dir.display(),
            version = site.programs.major,
            "PostgreSQL answers"
        );

        let login = |role, password: &str| {
            Login::new(&site.folder, (role, password), &site.socket_dir, config.port(), &site.programs.bin_dir)
        };
        let owner = login(OWNER, &site.passwords.owner);
        let app = login(APP, &site.passwords.app);
        let (stop, stopping) = oneshot::channel();
        let (report, state) = watch::channel(State::Running(process.pid()));
        Ok(Self {
            owner,
            app,
            socket_dir: site.socket_dir.clone(),
            log: site.folder.log(),
            state,
            stop,
            task: tokio::spawn(look_after(site, process, lock, stopping, report)),
        })
    }

    /// `rampart_owner`: owns the database `rampart`, runs migrations, may create roles. Not a superuser, but the owner
    /// of a table is not bound by its row level security unless that is forced.
    pub fn owner(&self) -> &Login {
        &self.owner
    }

    /// `rampart_app`: what the application connects as. Cannot bypass row level security; inherits nothing, but may
    /// `set role authenticated`.
    pub fn app(&self) -> &Login {
        &self.app
    }

    /// The folder of the server's socket.
    pub fn socket_dir(&self) -> &Path {
        &self.socket_dir
    }

    /// The server's log; `.1` beside it is the part before.
    pub fn log_path(&self) -> &Path {
        &self.log
    }

    /// The server's process; `None` once it was given up. Changes when the server is restarted.
    pub fn pid(&self) -> Option<u32> {
        match &*self.state.borrow() {
            State::Running(pid) => Some(*pid),
            State::GaveUp(_) => None,
        }
    }

    /// Waits until the server is down for good, which a healthy one never is. For a daemon that would rather end than
    /// go on without a database.
    pub async fn gave_up(&self) -> Error {
        let mut state = self.state.clone();
        loop {
            if let State::GaveUp(reason) = &*state.borrow_and_update() {
                return Error::GaveUp { reason: reason.clone() };
            }
            if state.changed().await.is_err() {
                return Error::GaveUp { reason: "its supervisor is gone".to_owned() };
            }
        }
    }

    /// Stops the server in order. Close connection pools first: open transactions are rolled back.
    ///
    /// # Errors
    ///
    /// [`Error::StopForced`] if it had to be killed, [`Error::GaveUp`] if it was down already.
    pub async fn stop(self) -> Result<(), Error> {
        self.stop.send(()).ok();
        self.task.await.unwrap_or_else(|error| Err(Error::GaveUp { reason: error.to_string() }))
    }
}

/// Keeps the server running until told to stop.
async fn look_after(
    site: Site,
    mut process: Process,
    lock: Lock,
    mut stopping: oneshot::Receiver<()>,
    report: watch::Sender<State>,
) -> Result<(), Error> {
    let mut deaths = 0;
    let outcome = loop {
        tokio::select! {
            // Also when the other end is dropped.
            _ = &mut stopping => break server::stop(&process).await,
            exit = process.exited() => {
                deaths += 1;
                tracing::error!(status = in_words(exit), deaths, "PostgreSQL died");
                let revival = tokio::select! {
                    // What the revival had started is told to end by being dropped here.
                    _ = &mut stopping => break survivors::end(&site.folder.cluster(), &site.account).await,
                    revival = revive(&site, deaths) => revival,
                };
                match revival {
                    Ok(revived) => {
                        report.send_replace(State::Running(revived.pid()));
                        process = revived;
                    }
                    Err(error) => {
                        tracing::error!(%error, "PostgreSQL is given up");
                        report.send_replace(State::GaveUp(error.to_string()));
                        break Err(Error::GaveUp { reason: error.to_string() });
                    }
                }
            }
            () = tokio::time::sleep(SETTLED) => {
                deaths = 0;
                if let Err(error) = log::rotate_if_large(&site.folder.log()) {
                    tracing::warn!(%error, "the server's log keeps growing");
                }
            }
        }
    };
    site.withdraw();
    drop(lock);
    outcome
}

/// Starts a new server after the `deaths`th death in a row.
async fn revive(site: &Site, deaths: u32) -> Result<Process, Error> {
    if deaths > DEATHS_MAX {
        return Err(Error::GaveUp { reason: format!("it died {deaths} times in a row") });
    }
    survivors::end(&site.folder.cluster(), &site.account).await?;
    socket::prepare(&site.folder, &site.account)?;
    let process = site.start(Lifetime::Child).await?;
    tracing::info!(process.pid = process.pid(), "PostgreSQL answers again");
    Ok(process)
}
