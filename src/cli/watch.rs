//! `rampart rollout watch`

use super::rollout::Which;
use super::{Answer, journal};
use futures_util::StreamExt;
use serde_json::Value;
use std::time::Duration;

/// Follows the event stream until the rollout ends or the daemon goes; a line a change.
pub(super) async fn run(which: Which) -> anyhow::Result<Answer> {
    let client = which.target.client()?;
    let mut said = String::new();
    loop {
        match client.open("/events").await {
            Ok(response) => follow(response, &which, &mut said).await,
            Err(error) => eprintln!("{error:#}"),
        }
        eprintln!("the stream was lost; trying again");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn follow(response: reqwest::Response, which: &Which, said: &mut String) {
    let mut events = response.bytes_stream();
    let mut pending = Vec::new();
    while let Some(Ok(bytes)) = events.next().await {
        pending.extend_from_slice(&bytes);
        while let Some(end) = pending.windows(2).position(|pair| pair == b"\n\n") {
            let event: Vec<u8> = pending.drain(..end + 2).collect();
            show(&String::from_utf8_lossy(&event), which, said);
        }
    }
}

fn show(event: &str, which: &Which, said: &mut String) {
    let part = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let (Some(kind), Some(data)) = (part("event:"), part("data:")) else { return };
    let Ok(value) = serde_json::from_str::<Value>(data) else { return };
    if value["flag"] != which.flag.as_str() {
        return;
    }
    if which.json {
        println!("{data}");
        return;
    }
    match kind {
        "journal" => println!("{}", journal::line(&value)),
        _ => {
            let sentence = value["sentence"].as_str().unwrap_or_default();
            if sentence != said {
                println!("{:<11} {sentence}", value["phase"].as_str().unwrap_or_default());
                sentence.clone_into(said);
            }
        }
    }
}
