//! `{ sql: … }`: what a person's own statement counts.
//!
//! Every different text is asked once a round, whatever the number of rollouts and checks that want it.

use super::sensors::{DEADLINE, LONGEST_PAUSE, Sensors, Wanted};
use crate::store::{Asked, Questions, StoreError};
use rampart_core::policy::{Signal, Window};
use rampart_core::rollout::Outcome;
use rampart_core::{Millis, Timestamp};
use std::collections::BTreeMap;
use tokio_util::sync::CancellationToken;

impl Sensors {
    /// Asks what policies ask in SQL.
    pub async fn ask_sql(self, stop: CancellationToken) {
        loop {
            let mut by_text: BTreeMap<String, Vec<Wanted>> = BTreeMap::new();
            let mut pause = LONGEST_PAUSE;
            for wanted in self.wanted(|signal| matches!(signal, Signal::Sql(_))) {
                pause = pause.min(wanted.watched.policy.tick.std());
                if let Signal::Sql(query) = &wanted.check.signal {
                    let text = filled(&query.text, &wanted, self.clock.now());
                    by_text.entry(text).or_default().push(wanted);
                }
            }
            if !by_text.is_empty() {
                self.ask_round(by_text).await;
            }
            if self.rest(&stop, None, pause).await.is_break() {
                return;
            }
        }
    }

    async fn ask_round(&self, by_text: BTreeMap<String, Vec<Wanted>>) {
        let mut questions: Option<Questions> = None;
        for (text, wanted) in by_text {
            let begun_at = self.clock.now();
            let asked = tokio::time::timeout(DEADLINE, async {
                let mut open = match questions.take() {
                    Some(open) => open,
                    None => self.store.questions().await?,
                };
                let answer = open.ask(&text).await;
                // Lost where the time is over before an answer: the next text gets a connection of its own.
                questions = Some(open);
                answer
            });
            let outcome = asked
                .await
                .map_or_else(|_| Outcome::Fault(format!("no answer within {} s", DEADLINE.as_secs())), outcome_of);
            for wanted in &wanted {
                self.put(wanted, begun_at, outcome.clone());
            }
        }
        if let Some(questions) = questions {
            // One that cannot be closed is dropped, which closes it too.
            let _ = tokio::time::timeout(DEADLINE, questions.close()).await;
        }
    }
}

/// The statement with what its variables stand for: the window, cut to the stage, as an interval of PostgreSQL, and the
/// flag, whose letters can end no text.
fn filled(text: &str, wanted: &Wanted, now: Timestamp) -> String {
    let Wanted { watched, check } = wanted;
    let in_stage = Millis::between(watched.rollout.stage_since, now);
    let window = match check.window {
        Window::Last(length) => length.min(in_stage),
        Window::Stage => in_stage,
    };
    text.replace("$window", &format!("{} seconds", window.0 as f64 / 1000.0))
        .replace("$flag", watched.rollout.flag.as_str())
}

fn outcome_of(asked: Result<Asked, StoreError>) -> Outcome {
    let none = |why: &str| Outcome::NoEvidence(format!("the statement answered {why}"));
    let wrong = |what: &str| Outcome::Fault(format!("the statement answered {what}, expected one row of one number"));
    match asked {
        Ok(Asked::Number(number)) => Outcome::measured(number, 1),
        Ok(Asked::Null) => none("null"),
        Ok(Asked::NotFinite) => none("a number that is not finite"),
        Ok(Asked::NoRow) => none("no row"),
        Ok(Asked::SeveralRows) => wrong("several rows"),
        Ok(Asked::Columns) => wrong("a row without exactly one column"),
        Ok(Asked::NotANumber) => wrong("something that is no number"),
        Err(error) => Outcome::Fault(error.to_string()),
    }
}
