//! The server that all tests share.

use crate::support::sql;
use rampart_postgres::testing;

#[tokio::test]
async fn every_database_is_fresh_and_belongs_to_the_owner() {
    let first = testing::database().await;
    let second = testing::database().await;
    assert_ne!(first.owner.database(), second.owner.database());
    sql(&first.owner, "create table mine ()");
    sql(&second.owner, "create table mine ()");
    assert_eq!(sql(&first.app, "select current_user"), "rampart_app");
    assert_eq!(sql(&first.app, "show fsync"), "off");
    assert_eq!(sql(&first.app, "show max_connections"), "300");
    let powers = "select rolsuper, rolcreatedb from pg_roles where rolname = current_user";
    assert_eq!(sql(&first.owner, powers), "f|f");
}

#[tokio::test]
async fn many_ask_at_once() {
    let asking: Vec<_> = (0..8).map(|_| tokio::spawn(testing::database())).collect();
    for database in asking {
        assert_eq!(sql(&database.await.unwrap().owner, "select 1"), "1");
    }
}
