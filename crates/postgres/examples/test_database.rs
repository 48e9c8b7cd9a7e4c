//! Prints the URL of a fresh database on the server that all tests of this checkout share.

use rampart_postgres::testing;

#[tokio::main]
async fn main() {
    println!("{}", testing::database().await.owner.url());
}
