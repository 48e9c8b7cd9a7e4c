//! Where objects are kept, and the few things that are done with them.

use super::disk::{Disk, Kept};
use super::kind::Kind;
use super::objects::{self, NewObject};
use super::path::Object;
use super::receive::disk_failed;
use super::staged::Staged;
use super::supabase::{self, Supabase, SupabaseConfig};
use super::who::Who;
use super::{reply, routes};
use crate::parts::errors::ApiError;
use crate::parts::gate::Caller;
use crate::parts::state::ConfigError;
use crate::parts::transaction;
use crate::store::Pool;
use crate::store::Pools;
use axum::response::Response;
use sqlx::{Error, PgConnection};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// How long Supabase may take for a sheet of labels: within the deadline of a request, so that a slow platform is told
/// from a slow lens.
const SHEET_DEADLINE: Duration = Duration::from_secs(8);

/// How long an object may take to be entered once its bytes are here.
const DISK_DEADLINE: Duration = Duration::from_secs(10);

/// What storage is told by the settings.
#[derive(Debug)]
pub struct StorageConfig {
    /// The folder for bytes, made when the first come.
    pub folder: PathBuf,
    /// Where to send them on, instead of keeping them.
    pub supabase: Option<SupabaseConfig>,
    /// The code of the yacht for which the service key alone works; without one it reaches nothing.
    pub service_yacht: Option<String>,
}

/// Storage, wherever it is.
#[derive(Debug)]
pub(in crate::parts) struct Storage {
    /// Where uploads are received.
    pub(super) root: PathBuf,
    service_yacht: Option<String>,
    backend: Backend,
}

#[derive(Debug)]
enum Backend {
    Disk(Disk),
    Supabase(Box<Supabase>),
}

/// A sheet of labels whose bytes are safe and whose row is still to come.
#[derive(Debug)]
pub(in crate::parts) enum Placed {
    /// On our disk.
    OnDisk(Kept, NewObject),
    /// At Supabase, row and all.
    AtSupabase(Object),
}

impl Storage {
    /// Refuses a Supabase that cannot be called.
    pub(in crate::parts) fn new(config: StorageConfig) -> Result<Self, ConfigError> {
        let backend = match &config.supabase {
            None => Backend::Disk(Disk::new(config.folder.clone())),
            Some(supabase) => Backend::Supabase(Box::new(Supabase::new(supabase)?)),
        };
        Ok(Self { root: config.folder, service_yacht: config.service_yacht, backend })
    }

    /// The yacht of calls with the service key alone.
    pub(super) async fn service_yacht(&self, pool: &Pool) -> Result<Option<Uuid>, ApiError> {
        let Some(code) = &self.service_yacht else { return Ok(None) };
        let yacht = transaction::retry_read(|| {
            sqlx::query_scalar!("select public.rampart_service_yacht($1) as yacht", code).fetch_one(pool)
        });
        Ok(yacht.await?)
    }

    /// How long `put` may take.
    pub(super) fn put_deadline(&self) -> Duration {
        match &self.backend {
            Backend::Disk(_) => DISK_DEADLINE,
            Backend::Supabase(_) => supabase::SEND_DEADLINE,
        }
    }

    /// Keeps received bytes as an object.
    pub(super) async fn put(
        &self,
        pools: &Pools,
        who: &Who,
        object: Object,
        kind: Kind,
        staged: Staged,
    ) -> Result<Response, ApiError> {
        let disk = match &self.backend {
            Backend::Disk(disk) => disk,
            Backend::Supabase(supabase) => return supabase.upload(who, &object, kind, &staged).await,
        };
        let (owner, size_bytes) = (who.owner(), staged.size_bytes);
        let kept = disk.keep(&pools.parts_write, staged).await?;
        let new = NewObject { id: kept.id, object, owner, kind, size_bytes };
        let mut transaction = who.begin(&pools.parts_write).await?;
        objects::insert(&mut transaction, &new).await.map_err(objects::refused)?;
        kept.settle();
        transaction.commit().await?;
        Ok(reply::stored(&new.object, new.id))
    }

    /// An object's bytes.
    pub(super) async fn get(&self, pools: &Pools, who: &Who, object: &Object) -> Result<Response, ApiError> {
        let disk = match &self.backend {
            Backend::Disk(disk) => disk,
            Backend::Supabase(supabase) => return supabase.download(who, object).await,
        };
        let missing = || ApiError::not_found("Object not found");
        let mut transaction = who.begin(&pools.parts_v1).await?;
        let found = objects::find(&mut transaction, object).await?;
        transaction.rollback().await?;
        let found = found.ok_or_else(missing)?;
        let Some((file, size_bytes)) = disk.open(&pools.parts_v1, found.id).await? else {
            tracing::error!(storage.object_id = %found.id, "the bytes of an object are not on this disk");
            return Err(missing());
        };
        Ok(routes::served(file, size_bytes, found.kind))
    }

    /// Deletes an object: its row, then its bytes.
    pub(super) async fn delete(&self, pools: &Pools, who: &Who, object: &Object) -> Result<Response, ApiError> {
        let disk = match &self.backend {
            Backend::Disk(disk) => disk,
            Backend::Supabase(supabase) => return supabase.delete(who, object).await,
        };
        let mut transaction = who.begin(&pools.parts_write).await?;
        let id = objects::delete(&mut transaction, object).await?;
        transaction.commit().await?;
        disk.remove(&pools.parts_write, id.ok_or_else(|| ApiError::not_found("Object not found"))?).await?;
        Ok(reply::deleted(object))
    }

    /// Places a sheet of labels that was made here. Its row is the caller's to write, with [`Placed::enter`].
    pub(in crate::parts) async fn place(
        &self,
        pools: &Pools,
        caller: &Caller,
        object: Object,
        pdf: &[u8],
    ) -> Result<Placed, ApiError> {
        let staged = Staged::of_bytes(&self.root, pdf).await.map_err(disk_failed)?;
        match &self.backend {
            Backend::Disk(disk) => {
                let size_bytes = staged.size_bytes;
                let kept = disk.keep(&pools.parts_write, staged).await?;
                let new = NewObject { id: kept.id, object, owner: Some(caller.user), kind: Kind::Pdf, size_bytes };
                Ok(Placed::OnDisk(kept, new))
            }
            Backend::Supabase(supabase) => {
                let who = Who::User(Arc::new(caller.clone()));
                let sent =
                    tokio::time::timeout(SHEET_DEADLINE, supabase.upload(&who, &object, Kind::Pdf, &staged)).await;
                supabase::accepted(&sent.map_err(|_| ApiError::storage_away("no answer in time"))??)?;
                Ok(Placed::AtSupabase(object))
            }
        }
    }

    /// Takes a placed sheet away whose document could not be recorded.
    pub(in crate::parts) async fn withdraw(&self, caller: &Caller, placed: Placed) {
        let (Placed::AtSupabase(object), Backend::Supabase(supabase)) = (&placed, &self.backend) else { return };
        // Who may make labels may not delete them; this one was never anybody's.
        let deleted = supabase.delete(&Who::Service(caller.yacht), object).await;
        if let Err(error) = deleted.as_ref().map_or_else(|error| Err(error.clone()), supabase::accepted) {
            tracing::warn!(error.cause = ?error.cause, "a sheet of labels without a document could not be removed");
        }
    }

    /// Removes what crashes have left on disk.
    pub(in crate::parts) async fn sweep(&self, pools: &Pools) -> Result<usize, ApiError> {
        match &self.backend {
            Backend::Disk(disk) => disk.sweep(&pools.parts_v1).await,
            Backend::Supabase(_) => Disk::new(self.root.clone()).sweep(&pools.parts_v1).await,
        }
    }

    /// Whether nothing was ever kept here.
    pub(in crate::parts) fn is_unused(&self) -> bool {
        !Path::is_dir(&self.root)
    }
}

impl Placed {
    /// Writes the row, in the transaction of whatever else it belongs to.
    pub(in crate::parts) async fn enter(&self, connection: &mut PgConnection) -> Result<(), Error> {
        match self {
            Placed::OnDisk(_, new) => objects::insert(connection, new).await,
            Placed::AtSupabase(_) => Ok(()),
        }
    }

    /// Keeps the bytes: the transaction is about to be committed.
    pub(in crate::parts) fn settle(&self) {
        match self {
            Placed::OnDisk(kept, _) => kept.settle(),
            Placed::AtSupabase(_) => {}
        }
    }
}
