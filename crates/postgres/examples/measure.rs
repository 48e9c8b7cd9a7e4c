//! temporary
use rampart_postgres::*;
use std::time::Instant;
#[tokio::main]
async fn main() {
    let dir = std::env::args().nth(1).unwrap();
    for what in ["cold", "warm", "warm", "warm"] {
        let t = Instant::now();
        let c = Cluster::start(&Config::new(&dir)).await.unwrap();
        let up = t.elapsed();
        let t = Instant::now();
        c.stop().await.unwrap();
        println!("{what} start {up:?} stop {:?}", t.elapsed());
    }
    for _ in 0..4 {
        let t = Instant::now();
        testing::database().await;
        println!("test database {:?}", t.elapsed());
    }
}
