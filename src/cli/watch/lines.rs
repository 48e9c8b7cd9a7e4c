//! A line a change, for pipes and logs.

use super::stream::Event;
use crate::cli::{Answer, journal};
use std::io::Write;
use tokio::sync::mpsc::Receiver;

/// Prints until the reader goes.
pub(super) async fn print(mut events: Receiver<Event>, json: bool) -> anyhow::Result<Answer> {
    let mut said = String::new();
    while let Some(event) = events.recv().await {
        let line = match event {
            Event::Lost(why) => {
                eprintln!("the stream was lost, trying again: {why}");
                continue;
            }
            Event::Status(value) | Event::Journal(value) if json => value.to_string(),
            Event::Journal(entry) => journal::line(&entry),
            Event::Status(status) => {
                let sentence = status["sentence"].as_str().unwrap_or_default();
                if sentence == said {
                    continue;
                }
                sentence.clone_into(&mut said);
                format!("{:<11} {sentence}", status["phase"].as_str().unwrap_or_default())
            }
        };
        // Whoever closed the pipe has seen enough.
        if writeln!(std::io::stdout(), "{line}").is_err() {
            break;
        }
    }
    Ok(Answer::Yes)
}
