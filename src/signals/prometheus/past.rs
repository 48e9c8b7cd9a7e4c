//! What the daemon would have been told at a moment that is over: the same questions, asked as of then.

use super::client::Client;
use super::pulse::Pulse;
use super::read::one_number;
use super::round::{Round, Told};
use super::sensor::answers;
use super::trouble::Trouble;
use crate::controller::Watched;
use futures_util::StreamExt;
use rampart_core::{Millis, Timestamp};
use std::pin::pin;
use std::sync::Arc;

/// The readings of every check that asks Prometheus, as of `at`. A server that cannot be asked now is a fault of this
/// day, and no reading of that one.
pub async fn readings_at(client: &Client, watched: Arc<Watched>, at: Timestamp) -> Result<Vec<Told>, Trouble> {
    let pulse = Pulse { sent_at: at, lag: Millis::ZERO };
    let (mut round, mut told) = Round::plan(&[watched], &pulse, at);
    let mut answers = pin!(answers(client, round.queries(), round.end()));
    while let Some((place, answer)) = answers.next().await {
        if let Err(why) = &answer
            && why.is_no_answer()
        {
            return Err(why.clone());
        }
        told.extend(round.answered(place, answer));
    }
    Ok(told)
}

/// How many requests of the canary the server counted from `since` to `at`, by the daemon's own counters; none where it
/// knows none of them.
pub async fn canary_requests(client: &Client, since: Timestamp, at: Timestamp) -> Result<Option<u64>, Trouble> {
    let seconds = Millis::between(since, at).0.div_ceil(1000).max(1);
    let query = format!("sum(increase(rampart_http_requests_total{{cohort=\"canary\"}}[{seconds}s]))");
    match client.instant(&query, Some(at)).await {
        Ok(answer) => Ok(one_number(&answer, at, Millis::ZERO).ok().map(|count| count.max(0.0) as u64)),
        Err(why) if why.is_no_answer() => Err(why),
        Err(_) => Ok(None),
    }
}
