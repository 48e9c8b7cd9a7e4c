//! Bytes on their way in: a file of their own beside their later place, gone again unless it is kept.

use std::io;
use std::path::{Path, PathBuf};
use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt;
use uuid::Uuid;

/// The folder of files that are being received.
const FOLDER: &str = "incoming";

/// A file that is still being written.
#[derive(Debug)]
pub(super) struct Staging {
    file: File,
    staged: Staged,
}

/// A file that is whole and on disk.
#[derive(Debug)]
pub(super) struct Staged {
    /// None once it was moved.
    path: Option<PathBuf>,
    pub(super) size_bytes: u64,
}

/// Where files are received below `root`.
pub(super) fn folder(root: &Path) -> PathBuf {
    root.join(FOLDER)
}

impl Staging {
    /// Begins an empty file.
    pub(super) async fn begin(root: &Path) -> io::Result<Self> {
        let folder = folder(root);
        fs::create_dir_all(&folder).await?;
        let path = folder.join(Uuid::now_v7().to_string());
        let file = File::options().write(true).create_new(true).open(&path).await?;
        Ok(Self { file, staged: Staged { path: Some(path), size_bytes: 0 } })
    }

    /// Adds a piece.
    pub(super) async fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.staged.size_bytes += piece.len() as u64;
        self.file.write_all(piece).await
    }

    /// How much has arrived.
    pub(super) fn size_bytes(&self) -> u64 {
        self.staged.size_bytes
    }

    /// Has it on disk, so that a power failure cannot leave half of it under a good name.
    pub(super) async fn finish(mut self) -> io::Result<Staged> {
        self.file.flush().await?;
        self.file.sync_all().await?;
        Ok(self.staged)
    }
}

impl Staged {
    /// A file of bytes that are at hand.
    pub(super) async fn of_bytes(root: &Path, bytes: &[u8]) -> io::Result<Self> {
        let mut staging = Staging::begin(root).await?;
        staging.write(bytes).await?;
        staging.finish().await
    }

    /// Opens it for reading.
    pub(super) async fn open(&self) -> io::Result<File> {
        File::open(self.path.as_deref().ok_or(io::ErrorKind::NotFound)?).await
    }

    /// Moves it to its place, in the same file system.
    pub(super) async fn move_to(mut self, place: &Path) -> io::Result<()> {
        fs::rename(self.path.as_deref().ok_or(io::ErrorKind::NotFound)?, place).await?;
        self.path = None;
        if let Some(folder) = place.parent() {
            File::open(folder).await?.sync_all().await?;
        }
        Ok(())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // A client that hangs up drops the request in the middle: nothing may be left of it.
        if let Some(path) = &self.path
            && let Err(error) = std::fs::remove_file(path)
        {
            tracing::warn!(error = %error, "a received file could not be removed");
        }
    }
}
