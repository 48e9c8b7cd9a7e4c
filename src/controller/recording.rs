//! The whole recording of a rollout as JSON lines, read from the database page by page.

use super::replay::PAGE;
use super::run::Controller;
use crate::store::{StoreError, StoredRollout};
use futures_util::stream::{self, Stream, StreamExt};
use rampart_core::FlagKey;
use rampart_core::rollout::{Event, Head, Journalled, Line, Revision};
use std::collections::VecDeque;
use std::sync::Arc;

/// Where a recording that is being read has got to.
struct Reading {
    controller: Arc<Controller>,
    stored: StoredRollout,
    entries: VecDeque<Journalled>,
    /// The revision the entries so far have led to.
    revision: Revision,
    ticks: u64,
    over: bool,
}

impl Controller {
    /// The recording of the flag's newest rollout, in the order in which it happened. None where there is no rollout.
    pub async fn recording(
        self: Arc<Self>,
        flag: &FlagKey,
    ) -> Result<Option<impl Stream<Item = Result<String, StoreError>> + Send + use<>>, StoreError> {
        let Some(stored) = self.store.newest_rollout(flag).await? else { return Ok(None) };
        let head = Head { rollout: stored.rollout.clone(), policy: stored.policy.clone(), ticks: stored.ticks };
        let first = written(&[Line::Head(Box::new(head))]);
        let entries: VecDeque<Journalled> = self.journalled(&stored).await?.into();
        let revision = match entries.front().map(|first| &first.event) {
            Some(Event::Started(start)) => start.follows,
            _ => Revision(0),
        };
        let reading = Reading { controller: self, stored, entries, revision, ticks: 0, over: false };
        let rest = stream::try_unfold(reading, |reading| async { reading.next().await });
        Ok(Some(stream::iter([first]).chain(rest)))
    }
}

impl Reading {
    /// The next lines; none behind the last.
    async fn next(mut self) -> Result<Option<(String, Self)>, StoreError> {
        if self.over {
            return Ok(None);
        }
        let mut lines = Vec::new();
        let page =
            self.controller.store.chained_ticks(self.stored.rollout.id, self.ticks, self.stored.ticks, PAGE).await?;
        self.over = page.is_empty();
        for chained in page {
            self.entries_until(chained.tick.revision, &mut lines);
            self.ticks = chained.tick.n;
            lines.push(Line::Tick(Box::new(chained.tick)));
        }
        if self.over {
            self.entries_until(Revision(u64::MAX), &mut lines);
        }
        Ok(Some((written(&lines)?, self)))
    }

    /// Entries that came before the ticks of a revision. Each entry but a note leads to the next revision.
    fn entries_until(&mut self, revision: Revision, lines: &mut Vec<Line>) {
        while self.revision < revision
            && let Some(entry) = self.entries.pop_front()
        {
            self.revision.0 += u64::from(!entry.event.is_note());
            lines.push(Line::Entry(Box::new(entry)));
        }
    }
}

fn written(lines: &[Line]) -> Result<String, StoreError> {
    let mut text = String::new();
    for line in lines {
        text += &serde_json::to_string(line)?;
        text.push('\n');
    }
    Ok(text)
}
