//! The low-stock report of a large fleet: 100 000 parts and a million ledger rows.
//!
//! `cargo bench --bench scale` spreads them over 20 yachts, then puts them all on one. It prints what one reader and ten
//! readers at a time wait for, through either lens, and the plan of the new lens's statement.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on ends")]

#[expect(dead_code, reason = "shared with the benchmark of the guard")]
#[path = "../guard/daemon.rs"]
mod daemon;
#[expect(dead_code, reason = "shared with the benchmark of the guard")]
#[path = "../guard/process.rs"]
mod process;
#[path = "../shared/table.rs"]
mod table;
#[expect(dead_code, reason = "shared with the benchmark of the guard")]
#[path = "../guard/wire.rs"]
mod wire;

use daemon::Daemon;
use sqlx::{Connection, Executor, PgConnection};
use std::sync::Arc;
use table::{Table, Target};
use uuid::Uuid;

const FLEET: &str = include_str!("fleet.sql");
const PARTS: u32 = 100_000;
const READS_EACH: usize = 200;

#[tokio::main]
async fn main() {
    let (mut table, mut plans) = (Table::default(), String::new());
    for yachts in [20, 1] {
        eprintln!("  {PARTS} parts over {yachts} yachts: filling");
        let daemon = Daemon::fresh().await;
        let mut owner = daemon.owner().await;
        let fleet = FLEET.replace("$PARTS$", &PARTS.to_string()).replace("$YACHTS$", &yachts.to_string());
        owner.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(fleet))).await.unwrap();
        owner.execute("vacuum analyze").await.unwrap();
        let people: Vec<Uuid> = sqlx::query_scalar("select md5('user ' || y)::uuid from generate_series(1, $1) y")
            .bind(yachts)
            .fetch_all(&mut owner)
            .await
            .unwrap();
        for readers in [1, 10] {
            for lens in ["v1", "v2"] {
                let millis = read(&daemon, &people, readers, lens).await;
                let figure = format!("low-stock, {yachts} yachts, lens {lens}, readers at a time: {readers}");
                table.add(&figure, "ms", millis, if yachts == 20 { Target::P95(50.0) } else { Target::None });
            }
        }
        plans += &format!("\nThrough the new lens, {yachts} yachts:\n{}\n", plan(&mut owner, people[0]).await);
        owner.close().await.unwrap();
    }
    table.print();
    println!("{plans}");
}

/// Milliseconds of each read, everybody in turn.
async fn read(daemon: &Daemon, people: &[Uuid], readers: usize, lens: &'static str) -> Vec<f64> {
    let key = daemon.service_key();
    let request = |person: &Uuid| {
        let token = daemon.token(*person);
        format!(
            "GET /v1/parts/low-stock HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
             apikey: {key}\r\nx-part-lens: {lens}\r\n\r\n"
        )
    };
    let requests: Arc<Vec<String>> = Arc::new(people.iter().map(request).collect());
    let mut tasks = Vec::new();
    for reader in 0..readers {
        let (mut connection, requests) = (daemon.connect().await, requests.clone());
        tasks.push(tokio::spawn(async move {
            let mut millis = Vec::new();
            for turn in 0..READS_EACH {
                let answer = connection.send(requests[(reader + turn) % requests.len()].as_bytes()).await.unwrap();
                assert_eq!((answer.status, answer.v2), (200, lens == "v2"));
                millis.push((answer.ended - answer.begun).as_secs_f64() * 1e3);
            }
            millis
        }));
    }
    let mut millis = Vec::new();
    for task in tasks {
        millis.extend(task.await.unwrap());
    }
    millis
}

/// The plan of the view that the report reads, as the user.
async fn plan(owner: &mut PgConnection, person: Uuid) -> String {
    let mut transaction = owner.begin().await.unwrap();
    sqlx::query("select set_config('role', 'authenticated', true), set_config('request.jwt.claims', $1, true)")
        .bind(format!("{{\"sub\":\"{person}\"}}"))
        .execute(&mut *transaction)
        .await
        .unwrap();
    let lines: Vec<String> = sqlx::query_scalar(
        "explain (analyze, buffers, costs off, timing off)
         select * from v_low_stock_report where yacht_id = (select get_user_yacht_id())",
    )
    .fetch_all(&mut *transaction)
    .await
    .unwrap();
    lines.join("\n")
}
