//! How these tests speak to storage.

use crate::harness::Daemon;
use crate::parts::client::{YACHT, database};
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR and what follows";
pub(crate) const JPEG: &[u8] = b"\xff\xd8\xff\xe0\0\x10JFIF\0 and what follows";
pub(crate) const PDF: &[u8] = b"%PDF-1.7\n%%EOF and nothing else";

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: reqwest::header::HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    /// Asserts the status; answers the body.
    #[track_caller]
    pub(crate) fn has(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.bytes));
        serde_json::from_slice(&self.bytes).unwrap()
    }

    /// Asserts an error as Supabase words it.
    #[track_caller]
    pub(crate) fn refuses(&self, status: u16, error: &str) {
        let body = self.has(status);
        assert_eq!(body["statusCode"], status.to_string(), "{body}");
        assert_eq!(body["error"], error, "{body}");
        assert!(body["message"].is_string(), "{body}");
        assert!(!self.header("x-request-id").is_empty() && !self.header("x-part-lens").is_empty());
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// Somebody with access to storage.
#[derive(Clone)]
pub(crate) struct Shelf {
    http: reqwest::Client,
    base: String,
    headers: Vec<(String, String)>,
}

impl Shelf {
    pub(crate) fn of(daemon: &Daemon, user: &str) -> Self {
        Self::with_token(daemon, daemon.token(user))
    }

    pub(crate) fn with_token(daemon: &Daemon, token: String) -> Self {
        Self::nobody(daemon).with_header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn nobody(daemon: &Daemon) -> Self {
        Self { http: reqwest::Client::new(), base: daemon.base.clone(), headers: Vec::new() }
    }

    pub(crate) fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) async fn put(&self, bucket: &str, path: &str, mime: &str, bytes: Vec<u8>) -> Answer {
        let request = self.http.post(self.url(bucket, path)).body(bytes);
        self.send(if mime.is_empty() { request } else { request.header("content-type", mime) }).await
    }

    pub(crate) async fn get(&self, bucket: &str, path: &str) -> Answer {
        self.send(self.http.get(self.url(bucket, path))).await
    }

    pub(crate) async fn delete(&self, bucket: &str, path: &str) -> Answer {
        self.send(self.http.delete(self.url(bucket, path))).await
    }

    fn url(&self, bucket: &str, path: &str) -> String {
        format!("{}/storage/v1/object/{bucket}/{path}", self.base)
    }

    async fn send(&self, mut request: reqwest::RequestBuilder) -> Answer {
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, bytes: response.bytes().await.expect("a body").to_vec() }
    }

    /// A request whose path goes over the wire exactly as it is written; answers the status.
    pub(crate) async fn raw(&self, verb: &str, bucket: &str, path: &str, body: &[u8]) -> u16 {
        let mut stream = self.head(verb, bucket, path, body.len()).await;
        stream.write_all(body).await.unwrap();
        status(stream).await
    }

    /// An upload whose bytes are still to come.
    pub(crate) async fn begin(&self, bucket: &str, path: &str, bytes: usize) -> TcpStream {
        self.head("POST", bucket, path, bytes).await
    }

    async fn head(&self, verb: &str, bucket: &str, path: &str, bytes: usize) -> TcpStream {
        let address = self.base.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        let mut head = format!("{verb} /storage/v1/object/{bucket}/{path} HTTP/1.1\r\nhost: {address}\r\n");
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += &format!("content-type: image/png\r\ncontent-length: {bytes}\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    }
}

/// The status of the answer, once it has come whole.
pub(crate) async fn status(mut stream: TcpStream) -> u16 {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{answer}"))
}

/// The folder of the daemon's bytes.
pub(crate) fn home(daemon: &Daemon) -> PathBuf {
    let folders = std::fs::read_dir(daemon.folder.join("data/storage")).unwrap().flatten();
    folders.map(|entry| entry.path()).find(|path| !path.ends_with("incoming")).unwrap()
}

/// How many files the daemon keeps, finished and unfinished.
pub(crate) fn files(daemon: &Daemon) -> usize {
    let folders = std::fs::read_dir(daemon.folder.join("data/storage")).into_iter().flatten().flatten();
    folders.map(|folder| std::fs::read_dir(folder.path()).unwrap().count()).sum()
}

/// Somebody of this role on the test yacht.
pub(crate) async fn someone(daemon: &Daemon, role: &str) -> String {
    sqlx::query_scalar(
        "select user_id::text from auth_users_roles where role = $1 and yacht_id = $2::uuid order by 1 limit 1",
    )
    .bind(role)
    .bind(YACHT)
    .fetch_one(&database(daemon).await)
    .await
    .expect("somebody of every role")
}

/// Waits until it is so.
pub(crate) async fn eventually(wanted: impl Fn() -> bool) {
    for _ in 0..400 {
        if wanted() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("waited in vain");
}
