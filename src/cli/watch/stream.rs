//! The event stream of the daemon, as events of one flag; it is opened again whenever it is lost.

use crate::cli::client::Client;
use serde_json::Value;
use std::time::Duration;
use tokio::sync::mpsc;

/// Events that may wait for whoever draws them.
const WAITING: usize = 64;
/// Before a lost stream is opened again.
const PAUSE: Duration = Duration::from_secs(1);

/// Something that happened.
#[derive(Debug)]
pub(super) enum Event {
    /// Where the rollout stands.
    Status(Value),
    /// A new entry of the journal.
    Journal(Value),
    /// The stream was lost, and why where somebody knows.
    Lost(String),
}

/// Follows the flag from now on.
pub(super) fn follow(client: Client, flag: String) -> mpsc::Receiver<Event> {
    let (tell, told) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        let mut last = None;
        loop {
            let why = match read(&client, &flag, &tell, &mut last).await {
                Ok(()) => "the daemon closed the stream".to_owned(),
                Err(error) => format!("{error:#}"),
            };
            if tell.send(Event::Lost(why)).await.is_err() {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    });
    told
}

async fn read(
    client: &Client,
    flag: &str,
    tell: &mpsc::Sender<Event>,
    last: &mut Option<String>,
) -> anyhow::Result<()> {
    let mut response = client.events(last.as_deref()).await?;
    let mut pending = Vec::new();
    while let Some(bytes) = response.chunk().await? {
        pending.extend_from_slice(&bytes);
        while let Some(end) = pending.windows(2).position(|pair| pair == b"\n\n") {
            let text: Vec<u8> = pending.drain(..end + 2).collect();
            let Some((id, event)) = understood(&String::from_utf8_lossy(&text), flag) else { continue };
            *last = id.or(last.take());
            if tell.send(event).await.is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The event, and the number by which what comes after it is asked for.
fn understood(text: &str, flag: &str) -> Option<(Option<String>, Event)> {
    let part = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let value: Value = serde_json::from_str(part("data:")?).ok()?;
    if value["flag"] != flag {
        return None;
    }
    let event = match part("event:")? {
        "status" => Event::Status(value),
        "journal" => Event::Journal(value),
        _ => return None,
    };
    Some((part("id:").map(str::to_owned), event))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_events_of_the_flag_are_told_and_their_number_is_kept() {
        let entry = "event: journal\nid: 7\ndata: {\"flag\":\"f\",\"kind\":\"paused\"}\n\n";
        assert!(matches!(understood(entry, "f"), Some((Some(id), Event::Journal(_))) if id == "7"));
        assert!(understood(entry, "g").is_none());
        assert!(understood(": a sign of life\n\n", "f").is_none());
        assert!(understood("event: status\ndata: {\"flag\":\n\n", "f").is_none());
    }
}
