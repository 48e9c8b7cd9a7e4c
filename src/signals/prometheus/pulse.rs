//! The daemon's own heartbeat, read back through the server: proof that the way from here to there and back is alive,
//! and a measure of how far it lags. What the server knows, it knows up to the newest heartbeat it has.

use super::answer::{Answer, Data};
use super::read::one_number;
use super::trouble::Trouble;
use crate::telemetry::HEARTBEAT;
use rampart_core::{Millis, Timestamp};
use uuid::Uuid;

/// How far the server's clock and the database's may be apart.
const CLOCKS_AGREE: Millis = Millis::seconds(5);

/// A heartbeat that came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pulse {
    /// When it was sent, by the database's clock: where every window ends.
    pub sent_at: Timestamp,
    /// How long ago that was.
    pub lag: Millis,
}

impl Pulse {
    /// The question. Two servers behind one address may each have scraped it.
    pub fn query(replica: Uuid) -> String {
        format!("max({HEARTBEAT}{{replica=\"{replica}\"}})")
    }

    /// Understands the answer to it, which came at `now`.
    pub fn read(answer: Result<&Answer, Trouble>, now: Timestamp) -> Result<Self, Trouble> {
        let lost = |why| Trouble::NoHeartbeat(Box::new(why));
        let answer = answer.map_err(lost)?;
        if let Data::Vector(points) = &answer.data
            && let [point] = points.as_slice()
        {
            let at = point.sample.at;
            let apart = Millis::between(at, now).max(Millis::between(now, at));
            if apart > CLOCKS_AGREE {
                return Err(Trouble::ClocksDiffer(apart));
            }
        }
        let seconds = one_number(answer, now, CLOCKS_AGREE).map_err(lost)?;
        let sent_at = Timestamp::from_timestamp_millis((seconds * 1000.0).round() as i64);
        let sent_at = sent_at.ok_or_else(|| lost(Trouble::Broken("a time beyond the calendar".to_owned())))?;
        Ok(Self { sent_at: sent_at.min(now), lag: Millis::between(sent_at, now) })
    }

    /// Whether it is young enough for readings that may be so old.
    pub fn within(&self, stale_after: Millis) -> Result<(), Trouble> {
        if self.lag > stale_after { Err(Trouble::Lagging(self.lag)) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signals::prometheus::answer::{Labels, Point, Sample};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_timestamp(second, 0).unwrap()
    }

    fn beat(server_time: i64, value: f64) -> Answer {
        let sample = Sample { at: at(server_time), value };
        let data = Data::Vector(vec![Point { labels: Labels::new(), sample }]);
        Answer { data, warnings: vec![], infos: vec![], partial: false }
    }

    #[test]
    fn a_heartbeat_measures_the_lag_and_too_great_a_lag_is_told() {
        let pulse = Pulse::read(Ok(&beat(1001, 988.5)), at(1000)).unwrap();
        assert_eq!((pulse.sent_at, pulse.lag), (at(988) + chrono::Duration::milliseconds(500), Millis(11_500)));
        assert_eq!(pulse.within(Millis(11_500)), Ok(()));
        assert_eq!(pulse.within(Millis(11_499)), Err(Trouble::Lagging(Millis(11_500))));
    }

    #[test]
    fn no_heartbeat_and_a_clock_that_is_wrong_prove_nothing() {
        let lost = Pulse::read(Err(Trouble::Late(Millis::seconds(4))), at(1000)).unwrap_err();
        assert_eq!(lost.to_string(), "the daemon's own heartbeat does not come back: no whole answer within 4 s");
        assert_eq!(Pulse::read(Ok(&beat(1010, 999.0)), at(1000)), Err(Trouble::ClocksDiffer(Millis::seconds(10))));
        assert!(Pulse::read(Ok(&beat(1000, f64::MAX)), at(1000)).is_err());
    }
}
