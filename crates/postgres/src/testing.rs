//! One server for all tests of a checkout.
//!
//! The test runner gives every test its own process, so the server lives outside of them: the first test that asks
//! starts it, the others attach. It forces nothing to disk, holds none of the runner's pipes open, and ends by itself
//! some minutes after the last test process has gone. Until then the next run finds it warm. A server that is not
//! running is never revived, because after a power failure its files could be torn: its folder is wiped and made anew.
//!
//! The folder lies under the temporary directory, named after the user, the `target` directory and the way the
//! cluster is made; the variable `RAMPART_TEST_PG` names another.

use crate::account::Account;
use crate::attach;
use crate::error::Error;
use crate::folder::Folder;
use crate::login::Login;
use crate::passwords::{Passwords, TESTS, random_hex};
use crate::server::{Lifetime, Site};
use crate::settings::{Config, Durability};
use crate::socket::fnv1a;
use crate::{create, survivors};
use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, test_kill_process};
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// How long one statement may take. Starting hundreds of tests at once makes some of them wait.
const STATEMENT_LIMIT: Duration = Duration::from_secs(60);
/// How many databases of ended tests each new one clears away.
const DROPS_MAX: usize = 4;
/// How many times in a row the watchdog must find nobody before it stops the server.
const IDLE_LOOKS: u32 = 40;
/// How often the watchdog looks, in seconds; with the above, ten minutes.
const LOOK_SECONDS: u32 = 15;

/// Ends the server `$1` once no process named by a file in `$2` has lived for `$3` looks, `$4` seconds apart. The
/// server is known by the pid in its file `$5`, in case the pid is a stranger's by now.
const WATCHDOG: &str = r#"
idle=0
while sleep "$4"; [ "$(head -n 1 "$5" 2>/dev/null)" = "$1" ] && kill -0 "$1" 2>/dev/null; do
  idle=$((idle + 1))
  for user in "$2"/*; do
    if kill -0 "${user##*/}" 2>/dev/null; then idle=0; else rm -f "$user"; fi
  done
  if [ "$idle" -ge "$3" ]; then kill -INT "$1"; idle=0; fi
done
"#;

/// A fresh, empty database that belongs to one test.
///
/// It is dropped some time after the test's process has ended.
#[derive(Debug, Clone)]
pub struct TestDatabase {
    /// The owner's login to it; see [`crate::Cluster::owner`].
    pub owner: Login,
    /// The application's login to it; see [`crate::Cluster::app`].
    pub app: Login,
}

/// Makes a database on the shared server, starting that first if need be.
///
/// # Panics
///
/// When that fails, with the reason.
pub async fn database() -> TestDatabase {
    match fresh_database().await {
        Ok(database) => database,
        Err(error) => panic!("no test database: {error}"),
    }
}

/// Stops the shared server and removes its folder; does nothing if there is none.
///
/// # Errors
///
/// See [`Error`].
pub async fn stop() -> Result<(), Error> {
    let place = place();
    if !place.exists() {
        return Ok(());
    }
    let _lock = lock(&place).await?;
    wipe(&place).await?;
    fs::remove_dir_all(&place).map_err(|source| Error::io("remove", &place, source))
}

async fn fresh_database() -> Result<TestDatabase, Error> {
    let (owner, app) = shared_server().await?;
    let name = format!("t_{}_{}", std::process::id(), random_hex(6)?);
    let maker = Login { user: TESTS.to_owned(), ..owner.with_database("postgres") };
    let create = format!("create database {name} owner {} template template0", owner.user);
    let list = r"select datname from pg_database where datname like 't\_%'";
    let databases = psql(&maker, &[&create, list]).await?;
    drop_leftovers(&maker, &databases);
    Ok(TestDatabase { owner: owner.with_database(&name), app: app.with_database(&name) })
}

/// Attaches to the shared server or starts it.
async fn shared_server() -> Result<(Login, Login), Error> {
    let place = place();
    let folder = Folder::open(&place)?;
    let users = place.join("users");
    let ourselves = users.join(std::process::id().to_string());
    fs::create_dir_all(&users)
        .and_then(|()| fs::write(&ourselves, ""))
        .map_err(|source| Error::io("write", &ourselves, source))?;
    if let Ok(logins) = attach::logins(&folder) {
        return Ok(logins);
    }

    let _lock = lock(&place).await?;
    // Somebody else may have started it while we waited.
    if let Ok(logins) = attach::logins(&folder) {
        return Ok(logins);
    }
    wipe(&place).await?;
    let mut config = Config::new(&place);
    config.durability = Durability::TestsOnly;
    let site = Site::prepare(&config, Folder::open(&place)?).await?;
    let server = site.start(Lifetime::Detached).await?;
    watch_over(server.pid(), &users, &site.folder.cluster())?;
    attach::logins(&site.folder)
}

/// Removes the server's files, ending it first if it runs.
async fn wipe(place: &Path) -> Result<(), Error> {
    let folder = match Folder::existing(place) {
        Ok(folder) => folder,
        Err(_) => return Ok(()),
    };
    let account = Account::choose(folder.root(), &folder.cluster())?;
    survivors::end(&folder.cluster(), &account).await?;
    fs::remove_dir_all(folder.root()).map_err(|source| Error::io("remove", folder.root(), source))
}

/// Leaves a shell behind that ends the server when it is idle.
fn watch_over(server: u32, users: &Path, cluster: &Path) -> Result<(), Error> {
    Command::new("/bin/sh")
        .args(["-c", WATCHDOG, "rampart-test-watchdog"])
        .arg(server.to_string())
        .arg(users)
        .args([IDLE_LOOKS.to_string(), LOOK_SECONDS.to_string()])
        .arg(cluster.join("postmaster.pid"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .current_dir("/")
        .process_group(0)
        .spawn()
        .map(drop)
        .map_err(|source| Error::io("run", Path::new("/bin/sh"), source))
}

/// Held while the server is started or removed.
async fn lock(place: &Path) -> Result<File, Error> {
    let path = place.join("start.lock");
    let waiting = {
        let path = path.clone();
        tokio::task::spawn_blocking(move || -> std::io::Result<File> {
            let file = File::create(&path)?;
            flock(&file, FlockOperation::LockExclusive)?;
            Ok(file)
        })
    };
    waiting
        .await
        .unwrap_or_else(|error| Err(std::io::Error::other(error)))
        .map_err(|source| Error::io("lock", &path, source))
}

/// Runs statements in one connection and returns what they print.
async fn psql(login: &Login, statements: &[&str]) -> Result<String, Error> {
    let mut command = psql_command(login);
    for statement in statements {
        command.args(["-c", statement]);
    }
    command.stdin(Stdio::null());
    let failed = |status: String, output: String| Error::Program { program: "psql", status, output };
    let running = tokio::process::Command::from(command).kill_on_drop(true).output();
    let output = tokio::time::timeout(STATEMENT_LIMIT, running)
        .await
        .map_err(|_| {
            let limit = STATEMENT_LIMIT.as_secs();
            failed(format!("not done after {limit} s"), String::new())
        })?
        .map_err(|source| Error::io("run", &login.psql, source))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(failed(output.status.to_string(), said))
    }
}

fn psql_command(login: &Login) -> Command {
    let mut command = login.psql();
    // The pgpass file does not list the role that makes databases.
    command.env("PGPASSWORD", &login.password).args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]);
    command
}

/// Drops a few databases of ended processes without waiting for it. One that is still in use stays, as does one that
/// another test is dropping at this moment.
fn drop_leftovers(maker: &Login, databases: &str) {
    let mut command = psql_command(maker);
    command.args(["-v", "ON_ERROR_STOP=0"]);
    let leftovers: Vec<&str> = databases
        .lines()
        .filter(|name| maker_of(name).is_some_and(|pid| test_kill_process(pid).is_err()))
        .take(DROPS_MAX)
        .collect();
    if leftovers.is_empty() {
        return;
    }
    for name in leftovers {
        command.args(["-c", &format!("drop database if exists {name}")]);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().map(drop).ok();
}

/// The process that made a test database, from its name.
fn maker_of(database: &str) -> Option<Pid> {
    let (pid, _) = database.strip_prefix("t_")?.split_once('_')?;
    Pid::from_raw(pid.parse().ok()?)
}

/// The folder of this checkout's server.
fn place() -> PathBuf {
    if let Some(place) = std::env::var_os("RAMPART_TEST_PG") {
        return place.into();
    }
    let passwords = Passwords { owner: String::new(), app: String::new() };
    let program = std::env::current_exe().unwrap_or_default();
    let target = program
        .ancestors()
        .find(|folder| folder.join("CACHEDIR.TAG").exists())
        .or_else(|| program.parent())
        .unwrap_or(&program);
    let mut key = target.as_os_str().as_bytes().to_vec();
    key.extend(create::bootstrap(&passwords, Durability::TestsOnly).bytes());
    std::env::temp_dir().join(format!("rampart-test-pg-{}-{:016x}", rustix::process::geteuid().as_raw(), fnv1a(&key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_database_tells_who_made_it() {
        assert_eq!(maker_of("t_77_c0ffee"), Pid::from_raw(77));
        assert_eq!(maker_of("t_x_c0ffee"), None);
        assert_eq!(maker_of("rampart"), None);
    }
}
