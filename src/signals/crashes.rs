//! `live.crashes`: lives of daemons that ended without a good-bye.
//!
//! A process that died served nobody, so it shows in no request. What shows is that it fell silent without having said
//! that it stops. Silence counts only while this replica was awake to hear it: an outage of the database silences
//! everybody, and is no crash.

use super::sensors::{DEADLINE, LONGEST_PAUSE, Sensors};
use rampart_core::policy::Signal;
use rampart_core::rollout::Outcome;
use rampart_core::{Millis, Timestamp};
use tokio_util::sync::CancellationToken;

/// Two looks further apart than this are no unbroken watch.
const BREAK: Millis = Millis::seconds(15);
/// How long before a crash its last sign of life may lie: about a turn of the controller.
const LAST_SIGN: chrono::Duration = chrono::Duration::seconds(5);

/// Since when this replica has looked without a break.
#[derive(Debug, Default)]
struct Watch {
    since: Option<Timestamp>,
    last: Option<Timestamp>,
}

impl Watch {
    /// Looks at `now`, and answers since when without a break.
    fn look(&mut self, now: Timestamp) -> Timestamp {
        let unbroken = self.last.is_some_and(|last| last <= now && Millis::between(last, now) <= BREAK);
        let since = self.since.filter(|_| unbroken).unwrap_or(now);
        (self.since, self.last) = (Some(since), Some(now));
        since
    }
}

impl Sensors {
    /// Counts crashes since each watched stage began.
    pub async fn count_crashes(self, stop: CancellationToken) {
        let mut watch = Watch::default();
        loop {
            let wanted = self.wanted(|signal| *signal == Signal::LiveCrashes);
            let begun_at = self.clock.now();
            if let Some(first) = wanted.iter().map(|wanted| wanted.watched.rollout.stage_since).min() {
                let awake = watch.look(begun_at);
                let heard = tokio::time::timeout(DEADLINE, self.store.crashes(awake, first - LAST_SIGN)).await;
                let heard = match heard {
                    Ok(heard) => heard.map_err(|error| error.to_string()),
                    Err(_) => Err(format!("no answer within {} s", DEADLINE.as_secs())),
                };
                if heard.is_err() {
                    watch = Watch::default();
                }
                for wanted in &wanted {
                    let since = wanted.watched.rollout.stage_since - LAST_SIGN;
                    let outcome = match &heard {
                        Ok(heard) => Outcome::measured(heard.iter().filter(|heard| **heard >= since).count() as f64, 1),
                        Err(error) => Outcome::Fault(error.clone()),
                    };
                    self.put(wanted, begun_at, outcome);
                }
            } else {
                watch = Watch::default();
            }
            if self.rest(&stop, None, LONGEST_PAUSE).await.is_break() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_begins_anew_after_a_break_and_when_the_clock_steps_back() {
        let at = |second| Timestamp::UNIX_EPOCH + chrono::Duration::seconds(second);
        let mut watch = Watch::default();
        assert_eq!(watch.look(at(100)), at(100));
        assert_eq!(watch.look(at(105)), at(100));
        assert_eq!(watch.look(at(121)), at(121));
        assert_eq!(watch.look(at(110)), at(110));
    }
}
