//! The names of our files, and the folder that holds them.

use crate::error::Error;
use crate::wait;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a program that was making a cluster may go on after its daemon.
const SWEEP_LIMIT: Duration = Duration::from_secs(5);

/// `<data_dir>/postgres`, as an absolute path.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    root: PathBuf,
}

impl Folder {
    /// Makes the folder, and the data directory around it, if absent.
    pub(crate) fn open(data_dir: &Path) -> Result<Self, Error> {
        // As root the server runs as somebody else, who must be able to pass through but not to look around.
        let mode = if rustix::process::geteuid().is_root() { 0o711 } else { 0o700 };
        let root = data_dir.join("postgres");
        DirBuilder::new()
            .recursive(true)
            .mode(mode)
            .create(&root)
            .map_err(|source| Error::io("make the folder", &root, source))?;
        Self::existing(data_dir)
    }

    /// The folder of a data directory that is already there.
    pub(crate) fn existing(data_dir: &Path) -> Result<Self, Error> {
        let root = data_dir.join("postgres");
        match root.canonicalize() {
            Ok(root) => Ok(Self { root }),
            Err(source) if source.kind() == io::ErrorKind::NotFound => Err(Error::NotRunning { folder: root }),
            Err(source) => Err(Error::io("find the folder", &root, source)),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn cluster(&self) -> PathBuf {
        self.root.join("cluster")
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.root.join("socket")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.root.join("server.log")
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.root.join("daemon.lock")
    }

    pub(crate) fn passwords(&self) -> PathBuf {
        self.root.join("passwords")
    }

    pub(crate) fn running(&self) -> PathBuf {
        self.root.join("running")
    }

    /// A name for a cluster in the making. Never the same twice, so that an `initdb` that outlived its daemon cannot
    /// write into the next attempt.
    pub(crate) fn side(&self, name: &str) -> PathBuf {
        self.root.join(format!("new-{name}"))
    }

    /// Removes clusters that were never finished. The program that was making one may still be about to end, and to
    /// write until it does.
    pub(crate) async fn sweep(&self) -> Result<(), Error> {
        let entries = fs::read_dir(&self.root).map_err(|source| Error::io("read the folder", &self.root, source))?;
        for entry in entries.flatten() {
            if !entry.file_name().to_string_lossy().starts_with("new-") {
                continue;
            }
            let path = entry.path();
            tracing::info!(path = %path.display(), "removing what is left of an unfinished cluster");
            let removed = wait::until(SWEEP_LIMIT, || remove(&path).ok()).await;
            if removed.is_none() {
                remove(&path).map_err(|source| Error::io("remove", &path, source))?;
            }
        }
        Ok(())
    }
}

/// Removes a file or a folder; one that is gone already is fine.
fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Replaces the file at `path` with `text`, readable by its owner alone. A crash leaves the old or the new file whole.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<(), Error> {
    let draft = path.with_extension("draft");
    let written = (|| {
        // A leftover draft could have looser permissions than the mode below asks for.
        remove(&draft)?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, path)
    })();
    written.map_err(|source| Error::io("write", path, source))
}
