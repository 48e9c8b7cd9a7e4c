//! Stops the server that all tests of this checkout share: `cargo run -p rampart-postgres --example stop_test_server`.

use rampart_postgres::{Error, testing};

#[tokio::main]
async fn main() -> Result<(), Error> {
    testing::stop().await
}
