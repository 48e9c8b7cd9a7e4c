//! Servers that misbehave.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What a rude server does with each request.
#[derive(Clone, Debug)]
pub(crate) enum Rudeness {
    /// Answers these bytes and closes.
    Says(String),
    /// Takes the request and never answers.
    Hangs,
    /// Answers a byte now and then, forever.
    Drips,
    /// Answers as many megabytes, as fast as they are taken.
    Pours(usize),
    /// Answers less than it promised.
    BreaksOff,
}

pub(crate) struct Rude {
    pub(crate) address: SocketAddr,
    /// Bytes that were taken off its hands.
    pub(crate) poured: Arc<AtomicUsize>,
}

impl Rude {
    pub(crate) async fn start(rudeness: Rudeness) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let poured = Arc::new(AtomicUsize::new(0));
        let counter = poured.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, rudeness.clone(), counter.clone()));
            }
        });
        Self { address, poured }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// A whole answer with its headers.
pub(crate) fn http(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

async fn serve(mut stream: TcpStream, rudeness: Rudeness, poured: Arc<AtomicUsize>) -> Option<()> {
    let mut request = [0; 4096];
    let taken = stream.read(&mut request).await.ok()?;
    (taken > 0).then_some(())?;
    let promise = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000000000\r\n\r\n";
    match rudeness {
        Rudeness::Says(answer) => stream.write_all(answer.as_bytes()).await.ok()?,
        Rudeness::Hangs => std::future::pending().await,
        Rudeness::Drips => {
            stream.write_all(promise.as_bytes()).await.ok()?;
            loop {
                stream.write_all(b" ").await.ok()?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Rudeness::Pours(megabytes) => {
            stream.write_all(promise.as_bytes()).await.ok()?;
            let megabyte = vec![b' '; 1 << 20];
            for _ in 0..megabytes {
                stream.write_all(&megabyte).await.ok()?;
                poured.fetch_add(megabyte.len(), Ordering::Relaxed);
            }
        }
        Rudeness::BreaksOff => stream.write_all(format!("{promise}{{").as_bytes()).await.ok()?,
    }
    stream.shutdown().await.ok()
}
