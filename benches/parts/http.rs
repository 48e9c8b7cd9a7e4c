//! The API under load: so many clients, each asking again as soon as it is answered.

use crate::CLIENTS;
use crate::daemon::Daemon;
use rampart::clock::Stopwatch;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use uuid::Uuid;

/// Parts that writes spread over: fewer, and all would wait for one row.
const PARTS: i64 = 64;
/// More than any run takes away.
const PIECES: u32 = 1_000_000;
/// Before what counts: connections are made, plans and people are remembered.
const WARM_UP: Duration = Duration::from_secs(1);

/// What is asked for; of a read, whether through the new lens.
#[derive(Clone, Copy)]
pub(crate) enum Load {
    LowStock(bool),
    Details(bool),
    Consume,
    Receive,
}

/// Who asks, and for what.
pub(crate) struct Stage {
    pub(crate) parts: Vec<Uuid>,
    token: String,
    service_key: String,
}

pub(crate) struct Outcome {
    pub(crate) rate: f64,
    pub(crate) p95_millis: f64,
    pub(crate) failed: usize,
}

/// Fills the shelves.
pub(crate) async fn prepare(daemon: &Daemon) -> Stage {
    let parts = sqlx::query_scalar(
        "select part_id from pms_inventory_stock where yacht_id = '85fe1119-b04c-41ac-80f1-829d23322598'
           and deleted_at is null group by part_id having count(*) = 1 order by part_id limit $1",
    )
    .bind(PARTS)
    .fetch_all(&mut daemon.owner().await)
    .await
    .unwrap();
    let stage = Stage { parts, token: daemon.token(crate::statements::USER), service_key: daemon.service_key() };
    let mut connection = daemon.connect().await;
    for part in &stage.parts {
        let body = json!({ "part_id": part, "quantity": PIECES, "idempotency_key": Uuid::now_v7() });
        let answer = connection.send(&stage.post("receive", &body.to_string())).await.unwrap();
        assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(connection.body()));
    }
    stage
}

/// Asks for `time`, after a moment to warm up.
pub(crate) async fn run(daemon: &Daemon, stage: &Stage, load: Load, time: Duration) -> Outcome {
    ask(daemon, stage, load, WARM_UP).await;
    let (mut millis, failed, took) = ask(daemon, stage, load, time).await;
    millis.sort_unstable_by(f64::total_cmp);
    let p95_millis = millis[millis.len() * 95 / 100];
    Outcome { rate: millis.len() as f64 / took.as_secs_f64(), p95_millis, failed }
}

async fn ask(daemon: &Daemon, stage: &Stage, load: Load, time: Duration) -> (Vec<f64>, usize, Duration) {
    // Made before the clock runs: the client must cost next to nothing.
    let requests: Arc<Vec<Vec<u8>>> = Arc::new(stage.parts.iter().map(|part| stage.request(load, *part)).collect());
    let turn = Arc::new(AtomicUsize::new(0));
    let watch = Stopwatch::start();
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let (mut connection, requests, turn) = (daemon.connect().await, requests.clone(), turn.clone());
        clients.push(tokio::spawn(async move {
            let (mut millis, mut failed, watch) = (Vec::new(), 0, Stopwatch::start());
            while watch.elapsed() < time {
                let turn = turn.fetch_add(1, Ordering::Relaxed);
                let request = &requests[turn % requests.len()];
                let answer = match load {
                    Load::Receive => connection.send(&with_fresh_key(request)).await.unwrap(),
                    Load::LowStock(_) | Load::Details(_) | Load::Consume => connection.send(request).await.unwrap(),
                };
                millis.push((answer.ended - answer.begun).as_secs_f64() * 1e3);
                failed += usize::from(!(200..300).contains(&answer.status));
            }
            (millis, failed)
        }));
    }
    let (mut millis, mut failed) = (Vec::new(), 0);
    for client in clients {
        let (more, also) = client.await.unwrap();
        millis.extend(more);
        failed += also;
    }
    (millis, failed, watch.elapsed())
}

const KEY: &[u8] = b"00000000-0000-0000-0000-000000000000";

/// A key has 36 letters, so a new one fits in where the old one was.
fn with_fresh_key(request: &[u8]) -> Vec<u8> {
    let at = request.windows(KEY.len()).position(|window| window == KEY).expect("a place for the key");
    let mut request = request.to_vec();
    request[at..at + KEY.len()].copy_from_slice(Uuid::now_v7().to_string().as_bytes());
    request
}

impl Stage {
    fn request(&self, load: Load, part: Uuid) -> Vec<u8> {
        let lens = |v2: bool| if v2 { "v2" } else { "v1" };
        let piece = json!({ "part_id": part, "quantity": 1 });
        let keyed = json!({ "part_id": part, "quantity": 1, "idempotency_key": Uuid::nil() });
        match load {
            Load::LowStock(v2) => self.get("/v1/parts/low-stock", lens(v2)),
            Load::Details(v2) => self.get(&format!("/v1/parts/{part}"), lens(v2)),
            Load::Consume => self.post("consume", &piece.to_string()),
            Load::Receive => self.post("receive", &keyed.to_string()),
        }
    }

    fn get(&self, path: &str, lens: &str) -> Vec<u8> {
        let Self { token, service_key, .. } = self;
        format!(
            "GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
             apikey: {service_key}\r\nx-part-lens: {lens}\r\n\r\n"
        )
        .into_bytes()
    }

    fn post(&self, route: &str, body: &str) -> Vec<u8> {
        let (token, length) = (&self.token, body.len());
        format!(
            "POST /v1/parts/{route} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .into_bytes()
    }
}
