//! Joining a daemon's server from another process.

use crate::error::Error;
use crate::folder::Folder;
use crate::login::Login;
use crate::passwords::{APP, OWNER, Passwords};
use crate::server;
use crate::socket;
use std::fs;
use std::path::{Path, PathBuf};

/// The owner's login to the server that a running daemon keeps in `data_dir`.
///
/// # Errors
///
/// [`Error::NotRunning`] when no such server answers.
pub fn attach(data_dir: &Path) -> Result<Login, Error> {
    let folder = Folder::existing(data_dir)?;
    let (owner, _) = logins(&folder)?;
    Ok(owner)
}

/// Both logins to the server that answers in `folder`.
pub(crate) fn logins(folder: &Folder) -> Result<(Login, Login), Error> {
    let not_running = || Error::NotRunning { folder: folder.root().to_owned() };
    let path = folder.running();
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(source) if source.kind() == std::io::ErrorKind::NotFound => return Err(not_running()),
        Err(source) => return Err(Error::io("read", &path, source)),
    };
    let value = |name: &str| {
        text.lines()
            .filter_map(|line| line.split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
            .ok_or_else(|| Error::Damaged {
                path: path.clone(),
                expected: "port, socket_dir and bin_dir",
                hint: "restart the daemon",
            })
    };
    let port = value("port")?.parse().map_err(|_| Error::Damaged {
        path: path.clone(),
        expected: "a port from 1 to 65535",
        hint: "restart the daemon",
    })?;
    let socket_dir = PathBuf::from(value("socket_dir")?);
    let bin_dir = Path::new(value("bin_dir")?);
    if !server::answers(&socket::path(&socket_dir, port)) {
        return Err(not_running());
    }
    let passwords = Passwords::read(folder)?.ok_or_else(not_running)?;
    let login = |role, password: &str| Login::new(folder, (role, password), &socket_dir, port, bin_dir);
    Ok((login(OWNER, &passwords.owner), login(APP, &passwords.app)))
}
