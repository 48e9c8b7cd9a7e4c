//! The live view: draws whenever something happens, and once a second for the ages.

use super::stream::Event;
use super::view::View;
use crate::cli::Answer;
use crate::clock;
use crossterm::event::{Event as Input, EventStream, KeyCode, KeyModifiers};
use futures_util::StreamExt;
use std::time::Duration;
use tokio::sync::mpsc::Receiver;

/// Shows the flag until `q`, Escape or Ctrl-C.
pub(super) async fn show(mut events: Receiver<Event>, mut view: View) -> anyhow::Result<Answer> {
    let mut keys = EventStream::new();
    let mut second = tokio::time::interval(Duration::from_secs(1));
    // Also when this panics, the terminal is given back as it was.
    let mut terminal = ratatui::init();
    let drawn = async {
        loop {
            terminal.draw(|frame| view.draw(frame, clock::wall()))?;
            tokio::select! {
                Some(event) = events.recv() => view.take(event, clock::wall()),
                key = keys.next() => match key {
                    Some(Ok(Input::Key(key))) if key.code == KeyCode::Char('q') || key.code == KeyCode::Esc => break,
                    Some(Ok(Input::Key(key)))
                        if key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL) => break,
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => break,
                },
                _ = second.tick() => {}
            }
        }
        anyhow::Ok(())
    }
    .await;
    ratatui::restore();
    drawn.map(|()| Answer::Yes)
}
