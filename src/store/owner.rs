//! What only the owner of a database does: the demo's breakages, and looking up its people.

use super::StoreError;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor};
use std::str::FromStr;
use uuid::Uuid;

/// Somebody on board, and a part of that yacht.
#[derive(Clone, Debug)]
pub struct Person {
    /// The user.
    pub user_id: Uuid,
    /// The role on board.
    pub role: String,
    /// A part in stock.
    pub part_id: Uuid,
}

/// Runs a fixed statement as the owner of the database at `url`.
pub async fn run_as_owner(url: &str, statement: &'static str) -> Result<(), StoreError> {
    let mut connection = connect(url).await?;
    connection.execute(sqlx::raw_sql(statement)).await?;
    connection.close().await?;
    Ok(())
}

/// Everybody with a role, each with a well-stocked part of the same yacht.
pub async fn people(url: &str) -> Result<Vec<Person>, StoreError> {
    let mut connection = connect(url).await?;
    let people = sqlx::query_as!(
        Person,
        r#"with stocked as (
               select yacht_id, part_id, row_number() over (partition by yacht_id order by quantity desc, part_id) as n
               from public.pms_inventory_stock where deleted_at is null
           )
           select p.id as "user_id!", r.role as "role!", s.part_id as "part_id!"
           from public.auth_users_profiles p
           join public.auth_users_roles r on r.user_id = p.id and r.yacht_id = p.yacht_id and r.is_active
           join stocked s on s.yacht_id = p.yacht_id and s.n = 1 + abs(hashtext(p.id::text)) % 20
           where p.is_active order by p.id"#
    )
    .fetch_all(&mut connection)
    .await?;
    connection.close().await?;
    Ok(people)
}

pub(super) async fn connect(url: &str) -> Result<sqlx::PgConnection, StoreError> {
    Ok(PgConnectOptions::from_str(url)?.disable_statement_logging().connect().await?)
}
