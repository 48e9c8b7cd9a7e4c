//! Who runs the server, and how its programs are started as that account.
//!
//! PostgreSQL refuses to run as root. As root we start its programs through `setpriv`, as the owner of the cluster or,
//! for a new one, as `postgres` or `nobody`.
//!
//! That account often may not pass through the folders above the data directory (a checkout under `/root`). The server
//! needs no right to do so if it is handed the folder itself: a shell opens it as root, leaves the descriptor open, and
//! the server is told that its data lie in `/proc/self/fd/9`. Such a link leads straight to the folder, without asking
//! the folders above it.

use crate::error::Error;
use rustix::process::Pid;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The descriptor under which a hidden cluster is handed over.
const HANDED_OVER: &str = "/proc/self/fd/9";
/// Opens the cluster as descriptor 9, then runs the rest of the line.
const HAND_OVER: &str = "exec 9<\"$0\" && exec \"$@\"";

/// An unprivileged user to become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct User {
    uid: u32,
    gid: u32,
}

/// How the server's programs are started.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    /// `None` when we are unprivileged ourselves.
    user: Option<User>,
    /// The `setpriv` of util-linux, where there is one.
    setpriv: Option<PathBuf>,
    /// Whether the account may not reach the cluster by its path.
    hidden: bool,
}

impl Account {
    /// Decides for the cluster `cluster`, which need not exist yet, in the folder `root`, which does.
    pub(crate) fn choose(root: &Path, cluster: &Path) -> Result<Self, Error> {
        let ourselves = rustix::process::geteuid();
        let owner = fs::metadata(cluster).ok().map(|metadata| User { uid: metadata.uid(), gid: metadata.gid() });
        let user = if ourselves.is_root() {
            let user = owner
                .filter(|owner| owner.uid != 0)
                .or_else(|| named_user("postgres"))
                .or_else(|| named_user("nobody"));
            Some(user.ok_or(Error::NoAccount)?)
        } else if let Some(owner) = owner.filter(|owner| owner.uid != ourselves.as_raw()) {
            return Err(Error::Foreign {
                cluster: cluster.to_owned(),
                owner: owner.uid,
                ourselves: ourselves.as_raw(),
            });
        } else {
            None
        };

        let mut account = Self { user, setpriv: find_setpriv(), hidden: false };
        account.hidden = !account.reaches(root);
        if let (true, Some(user)) = (account.hidden, user) {
            let can_hand_over = account.setpriv.is_some() && Path::new("/proc/self/fd").exists();
            if !can_hand_over {
                return Err(Error::OutOfReach { folder: root.to_owned(), uid: user.uid });
            }
            tracing::debug!(folder = %root.display(), server.uid = user.uid, "handing the cluster over by descriptor");
        }
        Ok(account)
    }

    /// Whether the account may enter `folder` by its path.
    pub(crate) fn reaches(&self, folder: &Path) -> bool {
        if self.user.is_none() {
            return true;
        }
        let mut command = self.bare(Path::new("/bin/sh"), None);
        command.args(["-c", "cd \"$0\""]).arg(folder);
        command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }

    /// Whether the account may not reach the cluster by its path.
    pub(crate) fn hidden(&self) -> bool {
        self.hidden
    }

    /// The user id the server runs under.
    pub(crate) fn uid(&self) -> u32 {
        self.user.map_or_else(|| rustix::process::geteuid().as_raw(), |user| user.uid)
    }

    /// Makes `path` the account's own.
    pub(crate) fn give(&self, path: &Path) -> Result<(), Error> {
        match self.user {
            Some(User { uid, gid }) => {
                chown(path, Some(uid), Some(gid)).map_err(|source| Error::io("change the owner of", path, source))
            }
            None => Ok(()),
        }
    }

    /// The name under which a program started by [`Self::command`] finds the cluster.
    pub(crate) fn pgdata(&self, cluster: &Path) -> PathBuf {
        if self.hidden { HANDED_OVER.into() } else { cluster.to_owned() }
    }

    /// A command that runs `program` on `cluster` as the account. If we die the system sends it `death_signal`, a name
    /// such as `INT`, where `setpriv` is there to arrange that.
    pub(crate) fn command(&self, program: &Path, cluster: &Path, death_signal: Option<&str>) -> Command {
        let bare = self.bare(program, death_signal);
        let mut command = if self.hidden {
            let mut shell = Command::new("/bin/sh");
            shell.args(["-c", HAND_OVER]).arg(cluster);
            shell.arg(bare.get_program()).args(bare.get_args());
            shell
        } else {
            bare
        };
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"PG") {
                command.env_remove(name);
            }
        }
        // A group of its own, so that Ctrl-C in a terminal reaches the daemon alone, which then stops in order. The
        // working directory must be one that the account can enter.
        command.env("LC_ALL", "C").env("TZ", "UTC").current_dir("/").process_group(0);
        command
    }

    /// Those of `processes` whose working directory is `folder`, as seen by the account.
    pub(crate) fn working_on(&self, folder: &Path, processes: Vec<Pid>) -> Vec<Pid> {
        // An ordinary user has seen all there is to see: a server runs as the owner of its cluster.
        if self.user.is_none() || processes.is_empty() {
            return Vec::new();
        }
        let mut command = self.bare(Path::new("/bin/ls"), None);
        let link = |pid: &Pid| format!("/proc/{}/cwd", pid.as_raw_nonzero());
        command.arg("-ld").args(processes.iter().map(link));
        let Ok(output) = command.current_dir("/").stdin(Stdio::null()).output() else {
            return Vec::new();
        };
        let listing = String::from_utf8_lossy(&output.stdout);
        let points_here = |pid: &Pid| {
            let end = format!(" {} -> {}", link(pid), folder.display());
            listing.lines().any(|line| line.ends_with(&end))
        };
        processes.into_iter().filter(points_here).collect()
    }

    fn bare(&self, program: &Path, death_signal: Option<&str>) -> Command {
        let Some(setpriv) = self.setpriv.as_ref().filter(|_| self.user.is_some() || death_signal.is_some()) else {
            let mut command = Command::new(program);
            if let Some(User { uid, gid }) = self.user {
                command.uid(uid).gid(gid);
            }
            return command;
        };
        let mut command = Command::new(setpriv);
        if let Some(User { uid, gid }) = self.user {
            command.args([format!("--reuid={uid}"), format!("--regid={gid}"), "--clear-groups".to_owned()]);
        }
        if let Some(signal) = death_signal {
            command.args(["--pdeathsig", signal]);
        }
        command.arg("--").arg(program);
        command
    }
}

/// A user of `/etc/passwd` that is not root.
fn named_user(name: &str) -> Option<User> {
    let passwd = fs::read_to_string("/etc/passwd").ok()?;
    passwd
        .lines()
        .find_map(|line| {
            let mut fields = line.split(':');
            if fields.next() != Some(name) {
                return None;
            }
            let uid = fields.nth(1)?.parse().ok()?;
            let gid = fields.next()?.parse().ok()?;
            Some(User { uid, gid })
        })
        .filter(|user| user.uid != 0)
}

/// The `setpriv` of util-linux; the one of busybox cannot do what we need.
fn find_setpriv() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/bin"), PathBuf::from("/bin")])
        .map(|folder| folder.join("setpriv"))
        .filter(|program| program.is_file())
        .find(|program| {
            Command::new(program).arg("--help").output().is_ok_and(|output| {
                let help = String::from_utf8_lossy(&output.stdout);
                help.contains("--pdeathsig") && help.contains("--reuid")
            })
        })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_servers_account_sees_where_its_processes_work() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let account = Account::choose(Path::new("/tmp"), Path::new("/absent")).unwrap();
        let mut sleeper = account.bare(Path::new("/bin/sleep"), None).arg("60").current_dir("/tmp").spawn().unwrap();
        let pid = Pid::from_child(&sleeper);
        // Until it has become the account it still looks like root's.
        while fs::metadata(format!("/proc/{}", sleeper.id())).unwrap().uid() == 0 {
            std::thread::yield_now();
        }
        assert_eq!(account.working_on(Path::new("/tmp"), vec![pid]), [pid]);
        assert_eq!(account.working_on(Path::new("/"), vec![pid]), []);
        sleeper.kill().unwrap();
        sleeper.wait().unwrap();
    }
}
