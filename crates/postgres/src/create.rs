//! Making a cluster.
//!
//! Everything happens in a side folder that gets its real name last, so that a crash leaves either no cluster or a
//! whole one. Nothing is forced to disk on the way; one `syncfs` before the renaming does it for all files at once.

use crate::account::Account;
use crate::error::Error;
use crate::folder::Folder;
use crate::passwords::{APP, OWNER, Passwords, TESTS, random_hex};
use crate::process::{OnDrop, Process, in_words};
use crate::programs::Programs;
use crate::settings::Durability;
use rustix::process::Signal;
use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// How long a program that prepares the cluster may take. It works for a second; a starved machine gets more.
const PROGRAM_LIMIT: Duration = Duration::from_secs(120);

/// Who may connect. The superuser has no password, so this admits our own roles alone.
const ACCESS: &str = "# written by rampart\nlocal all all scram-sha-256\n";
/// The same, with TCP from this machine.
const ACCESS_TCP: &str = "# written by rampart\nlocal all all scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\n";

/// Makes the cluster if it is not there and returns its passwords.
pub(crate) async fn ensure(
    folder: &Folder,
    account: &Account,
    programs: &Programs,
    durability: Durability,
) -> Result<Passwords, Error> {
    folder.sweep().await?;
    if folder.cluster().exists() {
        if let Some(passwords) = Passwords::read(folder)? {
            return Ok(passwords);
        }
        tracing::warn!(path = %folder.passwords().display(), "passwords are gone; setting new ones");
        let passwords = Passwords::random()?;
        single_user(account, programs, &folder.cluster(), &renewal(&passwords)).await?;
        // The server would not catch up on what was not forced to disk here.
        force_to_disk(&folder.cluster()).await?;
        passwords.write(folder)?;
        return Ok(passwords);
    }

    let side = folder.side(&random_hex(8)?);
    let passwords = Passwords::random()?;
    let made = make(account, programs, &side, &bootstrap(&passwords, durability)).await;
    if made.is_err() {
        fs::remove_dir_all(&side).ok();
    }
    made?;
    passwords.write(folder)?;
    publish(folder, &side, durability).await?;
    tracing::info!(cluster = %folder.cluster().display(), version = programs.major, "made a PostgreSQL cluster");
    Ok(passwords)
}

/// Makes the whole cluster in `side`.
async fn make(account: &Account, programs: &Programs, side: &Path, statements: &str) -> Result<(), Error> {
    DirBuilder::new().mode(0o700).create(side).map_err(|source| Error::io("make the folder", side, source))?;
    account.give(side)?;

    let mut initdb = account.command(&programs.path("initdb"), side, Some("TERM"));
    initdb.arg("-D").arg(account.pgdata(side)).args([
        "--username=postgres",
        "--auth=reject",
        "--encoding=UTF8",
        "--data-checksums",
        "--no-sync",
        "--no-instructions",
    ]);
    // macOS knows no C.UTF-8; its plain C sorts the same way.
    initdb.arg(if cfg!(target_os = "macos") { "--locale=C" } else { "--locale=C.UTF-8" });
    run("initdb", initdb, side, String::new()).await?;

    for (name, text) in [("pg_hba.conf", ACCESS), ("pg_hba_tcp.conf", ACCESS_TCP)] {
        let path = side.join(name);
        fs::write(&path, text).map_err(|source| Error::io("write", &path, source))?;
        account.give(&path)?;
    }
    single_user(account, programs, side, statements).await
}

/// Runs `statements`, one a line, in a server that listens to nobody and forces nothing to disk.
async fn single_user(account: &Account, programs: &Programs, cluster: &Path, statements: &str) -> Result<(), Error> {
    let mut postgres = account.command(&programs.path("postgres"), cluster, Some("TERM"));
    postgres.arg("--single").arg("-D").arg(account.pgdata(cluster));
    for setting in [
        // Without this a failed statement is only reported.
        "exit_on_error=on",
        "fsync=off",
        "log_checkpoints=off",
        "log_min_error_statement=panic",
    ] {
        postgres.args(["-c", setting]);
    }
    postgres.arg("postgres");
    run("postgres --single", postgres, cluster, statements.to_owned()).await
}

/// Runs a program to its end; its output matters only when it fails.
async fn run(program: &'static str, mut command: Command, side: &Path, input: String) -> Result<(), Error> {
    let output = side.with_extension("output");
    let file = File::create(&output).map_err(|source| Error::io("write", &output, source))?;
    let again = file.try_clone().map_err(|source| Error::io("write", &output, source))?;
    command.stdout(file).stderr(again);

    let process = Process::spawn(command, input, OnDrop::Signal(Signal::KILL)).await?;
    let ended = tokio::time::timeout(PROGRAM_LIMIT, process.exited()).await;
    let said = crate::log::tail(&output, 0);
    fs::remove_file(&output).ok();
    let status = match ended {
        Ok(Some(status)) if status.success() => return Ok(()),
        Ok(exit) => in_words(exit),
        Err(_) => format!("not done after {} s", PROGRAM_LIMIT.as_secs()),
    };
    Err(Error::Program { program, status, output: said })
}

/// Gives the finished cluster its name.
async fn publish(folder: &Folder, side: &Path, durability: Durability) -> Result<(), Error> {
    if durability == Durability::Safe {
        force_to_disk(side).await?;
    }
    let cluster = folder.cluster();
    fs::rename(side, &cluster).map_err(|source| Error::io("rename to", &cluster, source))?;
    File::open(folder.root())
        .and_then(|root| root.sync_all())
        .map_err(|source| Error::io("sync", folder.root(), source))
}

/// Forces the file system that holds `path` to disk, off the asynchronous threads.
async fn force_to_disk(path: &Path) -> Result<(), Error> {
    let failed = |source| Error::io("sync", path, source);
    let file = File::open(path).map_err(failed)?;
    let synced = tokio::task::spawn_blocking(move || sync_file_system(&file)).await;
    synced.unwrap_or_else(|error| Err(std::io::Error::other(error))).map_err(failed)
}

#[cfg(target_os = "linux")]
fn sync_file_system(file: &File) -> std::io::Result<()> {
    Ok(rustix::fs::syncfs(file)?)
}

#[cfg(not(target_os = "linux"))]
fn sync_file_system(_file: &File) -> std::io::Result<()> {
    rustix::fs::sync();
    Ok(())
}

/// The roles and the database, one statement a line, as single-user mode reads them.
pub(crate) fn bootstrap(passwords: &Passwords, durability: Durability) -> String {
    let Passwords { owner, app } = passwords;
    let mut statements = format!(
        "\
create role {OWNER} login createrole nosuperuser nobypassrls nocreatedb noreplication password '{owner}';
create role {APP} login noinherit nocreaterole nosuperuser nobypassrls nocreatedb noreplication password '{app}';
create role anon nologin noinherit;
create role authenticated nologin noinherit;
create role service_role nologin noinherit bypassrls;
grant authenticated to {APP};
grant anon, authenticated, service_role, {APP} to {OWNER} with admin option;
create database rampart owner {OWNER};
"
    );
    if durability == Durability::TestsOnly {
        // The owner of the tests' databases is as weak as in production, so another role makes them.
        statements.push_str(&format!(
            "create role {TESTS} login createdb nosuperuser nobypassrls password '{owner}';\n\
             grant {OWNER} to {TESTS};\n"
        ));
    }
    statements
}

/// New passwords for the roles of an existing cluster.
fn renewal(Passwords { owner, app }: &Passwords) -> String {
    format!("alter role {OWNER} password '{owner}';\nalter role {APP} password '{app}';\n")
}
