//! A Prometheus server of the demo's own: it asks the daemon for its metrics every second.

use crate::clock::Stopwatch;
use anyhow::{Context, bail};
use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::net::TcpSocket;

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(20);
/// How much of its log is shown where it does not start, in characters.
const LOG_SHOWN: usize = 1_000;
/// The file of the token it shows the daemon, as its configuration names it.
const TOKEN: &str = "viewer_token";

/// The server, running or not. It never outlives this.
#[derive(Debug)]
pub(super) struct Prometheus {
    program: PathBuf,
    folder: PathBuf,
    /// Holds the port and does not listen: whoever asks while no server runs is refused, and nobody else is given it.
    _port: TcpSocket,
    address: SocketAddr,
    child: Option<Child>,
}

impl Prometheus {
    /// Finds the program and a port. Nothing runs yet.
    pub(super) fn prepare(folder: PathBuf) -> anyhow::Result<Self> {
        let program = in_path("prometheus").context(
            "`--signals prometheus` starts a real Prometheus, and the program `prometheus` is not in PATH\n\
             hint: sudo apt-get install prometheus",
        )?;
        let port = TcpSocket::new_v4()?;
        // The server may bind it beside this one, for this one never listens.
        port.set_reuseaddr(true)?;
        port.bind(SocketAddr::from(([127, 0, 0, 1], 0))).context("no port is free")?;
        let address = port.local_addr()?;
        Ok(Self { program, folder, _port: port, address, child: None })
    }

    /// Where it answers.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Has it ask the daemon at `target` for metrics, as a viewer.
    pub(super) async fn watch(&mut self, target: SocketAddr, token: &str) -> anyhow::Result<()> {
        let configuration = format!(
            "global: {{ scrape_interval: 1s, scrape_timeout: 1s }}\n\
             scrape_configs:\n\
             \x20 - job_name: rampart\n\
             \x20   authorization: {{ credentials_file: {TOKEN} }}\n\
             \x20   static_configs: [{{ targets: [\"{target}\"] }}]\n"
        );
        fs::create_dir_all(&self.folder)
            .and_then(|()| fs::write(self.configuration(), configuration))
            .and_then(|()| {
                let path = self.folder.join(TOKEN);
                let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
                file.write_all(token.as_bytes())
            })
            .with_context(|| format!("cannot write into {}", self.folder.display()))?;
        self.start().await
    }

    /// Starts it on what it has stored, and waits until it answers.
    pub(super) async fn start(&mut self) -> anyhow::Result<()> {
        let log = File::create(self.log())?;
        let mut command = bound_to_us(&self.program);
        command
            .arg(format!("--config.file={}", self.configuration().display()))
            .arg(format!("--storage.tsdb.path={}", self.folder.join("data").display()))
            .arg(format!("--web.listen-address={}", self.address))
            .arg("--log.level=warn")
            // A group of its own, so that Ctrl-C in a terminal reaches the demo alone, which then stops in order.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        self.child = Some(command.spawn().with_context(|| format!("cannot run {}", self.program.display()))?);
        self.ready().await
    }

    /// Kills it as the kernel would, were memory short.
    pub(super) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // One that has ended already is as good.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    async fn ready(&mut self) -> anyhow::Result<()> {
        let (http, since) = (reqwest::Client::new(), Stopwatch::start());
        let ready = format!("{}/-/ready", self.url());
        while since.elapsed() < PATIENCE {
            if let Some(child) = &mut self.child
                && let Some(status) = child.try_wait()?
            {
                bail!("Prometheus ended with {status}: {}", self.last_words());
            }
            if http.get(&ready).send().await.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("Prometheus is not ready after {} s: {}", PATIENCE.as_secs(), self.last_words())
    }

    fn configuration(&self) -> PathBuf {
        self.folder.join("prometheus.yml")
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        let skipped = log.chars().count().saturating_sub(LOG_SHOWN);
        log.chars().skip(skipped).collect::<String>().trim().to_owned()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A command that the kernel kills when the thread that starts it ends, even where that is killed itself. The demo is
/// played on the main thread, which lasts as long as the process.
fn bound_to_us(program: &Path) -> Command {
    let Some(setpriv) = in_path("setpriv") else { return Command::new(program) };
    let mut command = Command::new(setpriv);
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

fn in_path(program: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    env::split_paths(&folders).map(|folder| folder.join(program)).find(|file| file.is_file())
}
