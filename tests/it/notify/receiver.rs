//! A receiver on loopback that does as it is told, and remembers what came.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

/// How long anything may take that a test waits for.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a receiver does with a letter.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Manner {
    Take,
    /// Answers this status, and asks for this many seconds of peace.
    Refuse(u16, Option<u64>),
    /// Never answers.
    Hang,
}

/// What came.
#[derive(Clone, Debug)]
pub(super) struct Came {
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) raw: String,
    /// What was done with it.
    pub(super) manner: Manner,
}

impl Came {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.raw).unwrap()
    }
}

struct Desk {
    next: Mutex<VecDeque<Manner>>,
    usual: Mutex<Manner>,
    came: watch::Sender<Vec<Came>>,
}

pub(super) struct Receiver {
    pub(super) base: String,
    desk: Arc<Desk>,
}

impl Receiver {
    pub(super) async fn start() -> Self {
        let desk = Arc::new(Desk {
            next: Mutex::default(),
            usual: Mutex::new(Manner::Take),
            came: watch::channel(Vec::new()).0,
        });
        let app = axum::Router::new().fallback(take).with_state(desk.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { base, desk }
    }

    /// What it does with the next letters, one each; then it does as usual.
    pub(super) fn next(&self, manners: &[Manner]) {
        self.desk.next.lock().unwrap().extend(manners);
    }

    pub(super) fn usually(&self, manner: Manner) {
        *self.desk.usual.lock().unwrap() = manner;
    }

    pub(super) fn came(&self) -> Vec<Came> {
        self.desk.came.borrow().clone()
    }

    /// What was taken, in order.
    pub(super) fn taken(&self) -> Vec<Came> {
        self.came().into_iter().filter(|came| came.manner == Manner::Take).collect()
    }

    pub(super) async fn until(&self, wanted: impl Fn(&[Came]) -> bool) -> Vec<Came> {
        let mut came = self.desk.came.subscribe();
        let waited = tokio::time::timeout(PATIENCE, came.wait_for(|came| wanted(came))).await;
        match waited {
            Ok(came) => came.unwrap().clone(),
            Err(_) => panic!("waited in vain; this came: {:#?}", self.came()),
        }
    }
}

async fn take(State(desk): State<Arc<Desk>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let manner = desk.next.lock().unwrap().pop_front().unwrap_or_else(|| *desk.usual.lock().unwrap());
    let raw = String::from_utf8(body.to_vec()).unwrap();
    desk.came.send_modify(|all| all.push(Came { path: uri.path().to_owned(), headers, raw, manner }));
    match manner {
        Manner::Take => StatusCode::OK.into_response(),
        Manner::Refuse(status, None) => (StatusCode::from_u16(status).unwrap(), "not today").into_response(),
        Manner::Refuse(status, Some(seconds)) => {
            (StatusCode::from_u16(status).unwrap(), [("retry-after", seconds.to_string())]).into_response()
        }
        Manner::Hang => std::future::pending().await,
    }
}
