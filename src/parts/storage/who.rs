//! Who asks, and what they may do with an object. The policies of `storage.objects` ask the same again.

use super::path::Object;
use crate::parts::actions::Role;
use crate::parts::errors::ApiError;
use crate::parts::gate::Caller;
use crate::parts::transaction;
use crate::store::Pool;
use sqlx::Error;
use sqlx::postgres::PgTransaction;
use std::sync::Arc;
use uuid::Uuid;

/// Who asks.
#[derive(Clone, Debug)]
pub(super) enum Who {
    /// A user, on the user's yacht.
    User(Arc<Caller>),
    /// Whoever holds the service key and shows no user's token: for the one yacht that is configured.
    Service(Uuid),
}

impl Who {
    fn yacht(&self) -> Uuid {
        match self {
            Who::User(caller) => caller.yacht,
            Who::Service(yacht) => *yacht,
        }
    }

    /// Whom an upload is said to be from.
    pub(super) fn owner(&self) -> Option<Uuid> {
        match self {
            Who::User(caller) => Some(caller.user),
            Who::Service(_) => None,
        }
    }

    /// Refuses what lies in another yacht's folder.
    pub(super) fn may_see(&self, object: &Object) -> Result<(), ApiError> {
        if object.is_of(self.yacht()) { Ok(()) } else { Err(ApiError::denied("this path is not your yacht's")) }
    }

    /// Refuses an upload that is out of place, or not for this role.
    pub(super) fn may_insert(&self, object: &Object) -> Result<(), ApiError> {
        self.may_see(object)?;
        if !object.is_in_place() {
            return Err(ApiError::denied("this bucket has another folder below the yacht's"));
        }
        match self {
            Who::User(caller) if !object.bucket.may_insert(caller.role) => Err(ApiError::not_permitted("this upload")),
            Who::User(_) | Who::Service(_) => Ok(()),
        }
    }

    /// Refuses to let anybody but captains and managers delete.
    pub(super) fn may_delete(&self, object: &Object) -> Result<(), ApiError> {
        self.may_see(object)?;
        match self {
            Who::User(caller) if !matches!(caller.role, Role::Captain | Role::Manager) => {
                Err(ApiError::not_permitted("this deletion"))
            }
            Who::User(_) | Who::Service(_) => Ok(()),
        }
    }

    /// Begins a transaction in which row level security lets this caller's rows through and no others. The
    /// service key works as the daemon's own role, bounded to its yacht: `service_role` may know no bounds.
    pub(super) async fn begin(&self, pool: &Pool) -> Result<PgTransaction<'static>, Error> {
        match self {
            Who::User(caller) => transaction::begin(pool, &caller.claims).await,
            Who::Service(yacht) => transaction::on_a_living_connection(|| begin_service(pool, *yacht)).await,
        }
    }
}

async fn begin_service(pool: &Pool, yacht: Uuid) -> Result<PgTransaction<'static>, Error> {
    let mut transaction = pool.begin().await?;
    sqlx::query!("select set_config('rampart.service_yacht', $1, true) as yacht", yacht.to_string())
        .fetch_one(&mut *transaction)
        .await?;
    Ok(transaction)
}
