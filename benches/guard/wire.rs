//! HTTP/1.1 over one kept-alive connection, and nothing else: a client that costs little shares the machine
//! with what it measures.

use rampart::clock::monotonic;
use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A GET of `path`, ready to send again and again.
pub(crate) fn request(path: &str, token: Option<&str>) -> Vec<u8> {
    let authorization = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{authorization}\r\n").into_bytes()
}

/// What was answered, and when.
#[derive(Clone, Copy)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Whether the new lens answered.
    pub(crate) v2: bool,
    /// Just before the request was sent.
    pub(crate) begun: Instant,
    /// Just after the answer was read whole.
    pub(crate) ended: Instant,
}

/// A connection to the daemon.
pub(crate) struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
    /// Where the body of the last answer begins.
    body: usize,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::with_capacity(64 * 1024), body: 0 })
    }

    /// Sends a request and reads its answer whole.
    pub(crate) async fn send(&mut self, request: &[u8]) -> Result<Answer> {
        tokio::time::timeout(PATIENCE, self.exchange(request)).await.map_err(|_| Error::from(ErrorKind::TimedOut))?
    }

    /// The body of the last answer.
    pub(crate) fn body(&self) -> &[u8] {
        &self.received[self.body..]
    }

    async fn exchange(&mut self, request: &[u8]) -> Result<Answer> {
        self.received.clear();
        let begun = monotonic();
        self.stream.write_all(request).await?;
        loop {
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            let Some(end) = self.received.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
            let head = str::from_utf8(&self.received[..end]).map_err(Error::other)?;
            self.body = end + 4;
            let length = header(head, "content-length").and_then(|length| length.parse::<usize>().ok());
            let length = length.ok_or_else(|| Error::other("expected a content-length"))?;
            if self.received.len() - self.body < length {
                continue;
            }
            let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
            let status = status.ok_or_else(|| Error::other("expected a status"))?;
            return Ok(Answer { status, v2: header(head, "x-part-lens") == Some("v2"), begun, ended: monotonic() });
        }
    }
}

fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let headers = head.lines().filter_map(|line| line.split_once(": "));
    headers.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}
