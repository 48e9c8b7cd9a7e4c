//! What only the owner of a database may do about signatures: enrolling people, and reading whole chains.

use super::StoreError;
use super::owner::connect;
use serde_json::Value;
use sqlx::Connection;
use uuid::Uuid;

/// A signed row of the audit log.
#[derive(Clone, Debug)]
pub struct SignedRow {
    /// The row.
    pub id: Uuid,
    /// What was done.
    pub action: String,
    /// By whom.
    pub user_id: Uuid,
    /// To what: `part` and others.
    pub entity_type: String,
    /// Its id.
    pub entity_id: Uuid,
    /// The values before.
    pub old_values: Option<Value>,
    /// The values after.
    pub new_values: Value,
    /// The signature's payload.
    pub signature: Option<Value>,
    /// The signature before it.
    pub previous: Option<String>,
    /// Its place in the chain.
    pub position: Option<i64>,
}

/// A yacht's chain of signatures.
#[derive(Clone, Debug)]
pub struct SignedRows {
    /// The yacht.
    pub yacht: Uuid,
    /// Without a position first, then in the order of positions.
    pub rows: Vec<SignedRow>,
    /// The newest signature; empty before the first.
    pub head: String,
    /// How many there should be.
    pub length: i64,
}

/// Enrols a user, anew where there is an enrolment. False where there is no such user.
pub async fn enroll(url: &str, user: Uuid, pin_hash: &str, secret: &[u8]) -> Result<bool, StoreError> {
    let mut connection = connect(url).await?;
    let enrolled = sqlx::query!(
        "insert into public.pms_signature_enrolments as e (user_id, pin_hash, totp_secret)
         select p.id, $2, $3 from public.auth_users_profiles p where p.id = $1
         on conflict (user_id) do update
         set pin_hash = excluded.pin_hash, totp_secret = excluded.totp_secret, last_used_step = null,
             failed_attempts = 0, locked_until = null, enrolled_at = now(), updated_at = now()",
        user,
        pin_hash,
        secret
    )
    .execute(&mut connection)
    .await?;
    connection.close().await?;
    Ok(enrolled.rows_affected() == 1)
}

/// Takes a user's enrolment away. False where there was none.
pub async fn revoke(url: &str, user: Uuid) -> Result<bool, StoreError> {
    let mut connection = connect(url).await?;
    let revoked = sqlx::query!("delete from public.pms_signature_enrolments where user_id = $1", user)
        .execute(&mut connection)
        .await?;
    connection.close().await?;
    Ok(revoked.rows_affected() == 1)
}

/// The chains of one yacht or of all, as they stand at one moment.
pub async fn signed_rows(url: &str, yacht: Option<Uuid>) -> Result<Vec<SignedRows>, StoreError> {
    let mut connection = connect(url).await?;
    let mut snapshot = connection.begin_with("begin isolation level repeatable read read only").await?;
    let heads = sqlx::query!(
        r#"select y.yacht_id as "yacht!", coalesce(c.head, '') as "head!", coalesce(c.length, 0) as "length!"
           from (
               select yacht_id from public.pms_signature_chain
               union
               select yacht_id from public.pms_audit_log where metadata ? 'chain_position'
           ) y
           left join public.pms_signature_chain c on c.yacht_id = y.yacht_id
           where $1::uuid is null or y.yacht_id = $1
           order by y.yacht_id"#,
        yacht
    )
    .fetch_all(&mut *snapshot)
    .await?;
    let mut chains = Vec::with_capacity(heads.len());
    for head in heads {
        let rows = sqlx::query_as!(
            SignedRow,
            r#"select id, action, user_id, entity_type, entity_id, old_values, new_values,
                   signature as "signature?", metadata ->> 'previous_signature' as previous,
                   case when jsonb_typeof(metadata -> 'chain_position') = 'number'
                       then (metadata ->> 'chain_position')::numeric::bigint end as position
               from public.pms_audit_log
               where yacht_id = $1
                   and (metadata ? 'chain_position' or signature ->> 'signature_hash' like 'hmac-sha256:%')
               order by position nulls first, id"#,
            head.yacht
        )
        .fetch_all(&mut *snapshot)
        .await?;
        chains.push(SignedRows { yacht: head.yacht, rows, head: head.head, length: head.length });
    }
    snapshot.rollback().await?;
    connection.close().await?;
    Ok(chains)
}
