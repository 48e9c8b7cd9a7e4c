//! The task that asks Prometheus, round after round, and tells the guard what it heard.
//!
//! A task of its own: a server that hangs keeps nobody waiting but the checks that ask it. Each question has its own
//! deadline, and each check is told as soon as its own answers are there.

use super::answer::Answer;
use super::client::Client;
use super::counting::Counting;
use super::pulse::Pulse;
use super::round::{Round, Told, all_blind, asks};
use super::trouble::Trouble;
use crate::clock::DatabaseClock;
use crate::controller::{Guard, Watched};
use crate::signals::Board;
use futures_util::{Stream, StreamExt, stream};
use rampart_core::Timestamp;
use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// The longest pause between two rounds.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Questions that are under way at once.
const AT_ONCE: usize = 8;

/// What the sensor needs.
#[derive(Clone, Debug)]
pub struct Sensor {
    /// The server, if one is named.
    pub client: Option<Client>,
    /// Whose heartbeat is read back.
    pub replica: Uuid,
    /// Where readings go.
    pub board: Arc<Board>,
    /// Who looks at them.
    pub guard: Arc<Guard>,
    /// The time readings carry.
    pub clock: Arc<DatabaseClock>,
}

impl Sensor {
    /// Asks for every watched check, again and again, until stopped.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            let watched: Vec<Arc<Watched>> = self.guard.watched().into_iter().filter(|one| asks(one)).collect();
            let ticks = watched.iter().map(|one| one.policy.tick.std());
            let pause = ticks.min().unwrap_or(LONGEST_PAUSE).min(LONGEST_PAUSE);
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.round(&watched) => {}
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn round(&self, watched: &[Arc<Watched>]) {
        if watched.is_empty() {
            return;
        }
        let Some(client) = &self.client else {
            return self.tell(all_blind(watched, &Trouble::NoServer, self.clock.now()));
        };
        let heartbeat = client.instant(&Pulse::query(self.replica), None).await;
        let now = self.clock.now();
        let pulse = match Pulse::read(heartbeat.as_ref().map_err(Clone::clone), now) {
            Ok(pulse) => pulse,
            Err(why) => return self.tell(all_blind(watched, &why, now)),
        };
        let (mut round, told) = Round::plan(watched, &pulse, now);
        self.tell(told);
        let mut answers = pin!(answers(client, round.queries(), round.end()));
        while let Some((place, answer)) = answers.next().await {
            self.tell(round.answered(place, answer));
        }
        // Last, for it waits for ticks in any case, and readings may not.
        let mut counting = Counting::plan(watched, &pulse, &self.board);
        let mut answers = pin!(self::answers(client, counting.queries(), counting.end()));
        while let Some((place, answer)) = answers.next().await {
            counting.answered(place, answer);
        }
        for counted in counting.counted() {
            self.board.note(counted);
        }
    }

    /// Puts the readings up, then has the guard look once at each flag.
    fn tell(&self, told: Vec<Told>) {
        let flags: BTreeSet<_> = told.iter().map(|told| told.flag.clone()).collect();
        for Told { check, reading, .. } in told {
            self.board.put(check, reading);
        }
        for flag in &flags {
            self.guard.look(flag);
        }
    }
}

/// The answers as they come, each with the place of its question.
pub(super) fn answers(
    client: &Client,
    queries: Vec<String>,
    end: Timestamp,
) -> impl Stream<Item = (usize, Result<Answer, Trouble>)> {
    stream::iter(queries.into_iter().enumerate())
        .map(move |(place, query)| async move { (place, client.instant(&query, Some(end)).await) })
        .buffer_unordered(AT_ONCE)
}
