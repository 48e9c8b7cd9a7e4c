//! Bytes on our own disk, named by the id of their row.
//!
//! Row and bytes agree because bytes come first and go last: a row is entered when its bytes are safely on
//! disk, and bytes are removed when their row is gone. What a crash leaves in between are bytes without a
//! row, and those are swept away at the next start.

use super::receive::disk_failed;
use super::staged::{self, Staged};
use crate::clock;
use crate::parts::errors::ApiError;
use crate::parts::transaction;
use crate::store::Pool;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};
use tokio::fs::{self, File};
use tokio::sync::OnceCell;
use uuid::Uuid;

/// Files younger than this may belong to an upload that is under way.
const ORPHAN_AGE: Duration = Duration::from_secs(3600);
/// How many files are looked up at once.
const SWEEP_BATCH: usize = 500;

/// The folder of one database's bytes.
#[derive(Debug)]
pub(super) struct Disk {
    root: PathBuf,
    /// Named after the database, which is asked once.
    home: OnceCell<PathBuf>,
}

/// Bytes in their place, removed again unless they are settled.
#[derive(Debug)]
pub(in crate::parts) struct Kept {
    pub(super) id: Uuid,
    path: PathBuf,
    settled: AtomicBool,
}

impl Kept {
    /// Keeps the bytes, for the row is about to be committed. Of a commit whose answer is lost nobody knows
    /// how it ended, and bytes too many are mended by the sweep where bytes too few never are.
    pub(super) fn settle(&self) {
        self.settled.store(true, Ordering::Relaxed);
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if !self.settled.load(Ordering::Relaxed)
            && let Err(error) = std::fs::remove_file(&self.path)
        {
            tracing::warn!(error = %error, "bytes of a refused object could not be removed");
        }
    }
}

impl Disk {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root, home: OnceCell::new() }
    }

    /// Puts received bytes in their place, under a new id.
    pub(super) async fn keep(&self, pool: &Pool, staged: Staged) -> Result<Kept, ApiError> {
        let id = Uuid::now_v7();
        let home = self.home(pool).await?;
        fs::create_dir_all(home).await.map_err(disk_failed)?;
        let path = home.join(id.to_string());
        staged.move_to(&path).await.map_err(disk_failed)?;
        Ok(Kept { id, path, settled: AtomicBool::new(false) })
    }

    /// The bytes of an object and how many they are; none where they are lost.
    pub(super) async fn open(&self, pool: &Pool, id: Uuid) -> Result<Option<(File, u64)>, ApiError> {
        match File::open(self.home(pool).await?.join(id.to_string())).await {
            Ok(file) => {
                let size_bytes = file.metadata().await.map_err(disk_failed)?.len();
                Ok(Some((file, size_bytes)))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(disk_failed(error)),
        }
    }

    /// Removes the bytes of an object whose row is gone.
    pub(super) async fn remove(&self, pool: &Pool, id: Uuid) -> Result<(), ApiError> {
        if let Err(error) = fs::remove_file(self.home(pool).await?.join(id.to_string())).await {
            // The object is deleted all the same; the sweep will find them.
            tracing::warn!(error = %error, storage.object_id = %id, "bytes of a deleted object could not be removed");
        }
        Ok(())
    }

    /// Removes old bytes without a row, and uploads that never ended. Answers how many files went.
    pub(super) async fn sweep(&self, pool: &Pool) -> Result<usize, ApiError> {
        let unfinished = old_files(&staged::folder(&self.root)).await.map_err(disk_failed)?;
        let mut swept = unfinished.len();
        for (path, _) in unfinished {
            fs::remove_file(path).await.map_err(disk_failed)?;
        }
        let kept = old_files(self.home(pool).await?).await.map_err(disk_failed)?;
        for batch in kept.chunks(SWEEP_BATCH) {
            let ids: Vec<Uuid> = batch.iter().map(|(_, id)| *id).collect();
            let orphans = transaction::retry_read(|| orphans(pool, &ids)).await?;
            for (path, _) in batch.iter().filter(|(_, id)| orphans.contains(id)) {
                fs::remove_file(path).await.map_err(disk_failed)?;
                swept += 1;
            }
        }
        Ok(swept)
    }

    async fn home(&self, pool: &Pool) -> Result<&Path, ApiError> {
        let home = self.home.get_or_try_init(|| async {
            let id = transaction::retry_read(|| {
                sqlx::query_scalar!(r#"select public.rampart_storage_home() as "id!""#).fetch_one(pool)
            });
            Ok::<_, ApiError>(self.root.join(id.await?.to_string()))
        });
        Ok(home.await?)
    }
}

async fn orphans(pool: &Pool, ids: &[Uuid]) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(r#"select id as "id!" from public.rampart_storage_orphans($1) as id"#, ids)
        .fetch_all(pool)
        .await
}

/// The files of a folder that are named by an id and were written a while ago.
async fn old_files(folder: &Path) -> std::io::Result<Vec<(PathBuf, Uuid)>> {
    let mut entries = match fs::read_dir(folder).await {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let now = SystemTime::from(clock::wall());
    let mut old = Vec::new();
    while let Some(entry) = entries.next_entry().await? {
        let id = entry.file_name().to_str().and_then(|name| name.parse().ok());
        let written = entry.metadata().await?.modified()?;
        if let Some(id) = id
            && now.duration_since(written).is_ok_and(|age| age >= ORPHAN_AGE)
        {
            old.push((entry.path(), id));
        }
    }
    Ok(old)
}
