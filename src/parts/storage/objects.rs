//! The rows of `storage.objects`. Row level security decides which of them a caller reaches.

use super::kind::Kind;
use super::path::Object;
use crate::parts::errors::ApiError;
use serde_json::json;
use sqlx::{Error, PgConnection};
use uuid::Uuid;

/// What is known of an object.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) id: Uuid,
    /// The kind it was uploaded as; none where somebody else has written the row.
    pub(super) kind: Option<Kind>,
}

/// An object to be entered.
#[derive(Clone, Debug)]
pub(in crate::parts) struct NewObject {
    pub(super) id: Uuid,
    pub(super) object: Object,
    pub(super) owner: Option<Uuid>,
    pub(super) kind: Kind,
    pub(super) size_bytes: u64,
}

/// Enters an object.
pub(super) async fn insert(connection: &mut PgConnection, new: &NewObject) -> Result<(), Error> {
    let metadata = json!({ "mimetype": new.kind.mime(), "size": new.size_bytes });
    sqlx::query!(
        "insert into storage.objects (id, bucket_id, name, owner, metadata) values ($1, $2, $3, $4, $5)",
        new.id,
        new.object.bucket.name(),
        new.object.name(),
        new.owner,
        metadata
    )
    .execute(connection)
    .await
    .map(drop)
}

/// The object at a path, if the caller may see it.
pub(super) async fn find(connection: &mut PgConnection, object: &Object) -> Result<Option<Found>, Error> {
    let row = sqlx::query!(
        r#"select id, metadata ->> 'mimetype' as kind from storage.objects where bucket_id = $1 and name = $2"#,
        object.bucket.name(),
        object.name()
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| Found { id: row.id, kind: row.kind.as_deref().and_then(Kind::named) }))
}

/// Deletes the object at a path, if the caller may; answers which it was.
pub(super) async fn delete(connection: &mut PgConnection, object: &Object) -> Result<Option<Uuid>, Error> {
    sqlx::query_scalar!(
        "delete from storage.objects where bucket_id = $1 and name = $2 returning id",
        object.bucket.name(),
        object.name()
    )
    .fetch_optional(connection)
    .await
}

/// What the caller is told of a row that could not be entered.
pub(super) fn refused(error: Error) -> ApiError {
    match error.as_database_error().and_then(|error| error.code()).as_deref() {
        Some("23505") => ApiError::duplicate_object(),
        // insufficient_privilege: a policy said no.
        Some("42501") => ApiError::denied("new row violates row-level security policy"),
        _ => error.into(),
    }
}
