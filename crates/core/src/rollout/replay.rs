//! Makes every decision of a rollout again, and stops at the first that comes out differently.
//!
//! The order of things is the rollout's own: a tick knows the revision it was decided on, and every change
//! raises the revision by one, so no clock has to be trusted.

use super::{Entry, Epoch, Event, Journalled, Judged, Judgement, Progress, Revision, Rollout, Statistics, Tick, Upon};
use super::{apply, consequence, decide, fold};
use crate::Timestamp;
use crate::policy::Policy;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// What agreed.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Summary {
    /// The rollout that comes out.
    pub rollout: Rollout,
    /// Entries that were applied.
    pub entries: usize,
    /// Ticks that were decided again.
    pub ticks: u64,
    /// Entries whose decision was made again.
    pub decisions: usize,
}

/// The first thing that differs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Difference {
    /// The tick or the entry.
    pub place: String,
    /// Its time.
    pub at: Option<Timestamp>,
    /// What of it differs, as a path into its JSON.
    pub what: String,
    /// What is stored.
    pub stored: String,
    /// What comes out.
    pub computed: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at.map(|at| format!(" at {}", at.format("%Y-%m-%d %H:%M:%S%.6f UTC"))).unwrap_or_default();
        write!(f, "{}{at}: {}: stored is {}, what comes out is {}", self.place, self.what, self.stored, self.computed)
    }
}

/// What ticks had added up to after so many of them.
#[derive(Clone, Debug, Default)]
struct Sum {
    epoch: Option<Epoch>,
    progress: Progress,
    statistics: Statistics,
}

/// A replay under way: feed it the ticks, then finish it.
#[derive(Debug)]
pub struct Replayer<'p> {
    policy: &'p Policy,
    entries: std::vec::IntoIter<Journalled>,
    rollout: Rollout,
    ticks: u64,
    /// The rollout as each revision began.
    revisions: BTreeMap<u64, Rollout>,
    /// After how many ticks somebody decided beside the ticks.
    sums: BTreeMap<u64, Option<Sum>>,
    applied: usize,
    decisions: usize,
}

impl<'p> Replayer<'p> {
    /// A replay of the journal `entries`, oldest first, under the pinned policy.
    pub fn new(policy: &'p Policy, entries: Vec<Journalled>) -> Result<Self, Difference> {
        let judged = entries.iter().filter_map(|entry| entry.judged.as_ref());
        let sums = judged.map(|judged| (judged.upon.ticks, (judged.upon.ticks == 0).then(Sum::default))).collect();
        let mut entries = entries.into_iter();
        let start = entries.next().map(|start| Entry { at: start.at, event: start.event });
        let Some(rollout) = start.as_ref().and_then(|start| fold([start])) else {
            return Err(Difference {
                place: "the journal".to_owned(),
                at: start.as_ref().map(|start| start.at),
                what: "its first entry".to_owned(),
                stored: start.map_or("nothing", |start| start.event.kind()).to_owned(),
                computed: "a start".to_owned(),
            });
        };
        let revisions = BTreeMap::from([(rollout.revision.0, rollout.clone())]);
        Ok(Self { policy, entries, rollout, ticks: 0, revisions, sums, applied: 1, decisions: 0 })
    }

    /// Decides one tick again. Ticks come in their order, none left out.
    pub fn tick(&mut self, tick: &Tick) -> Result<(), Difference> {
        let place = || format!("tick {}", tick.n);
        let differs = |what: &str, stored: String, computed: String| Difference {
            place: place(),
            at: Some(tick.at),
            what: what.to_owned(),
            stored,
            computed,
        };
        if tick.n != self.ticks + 1 {
            return Err(differs("n", tick.n.to_string(), format!("{} (a tick is missing)", self.ticks + 1)));
        }
        self.catch_up(tick.revision)?;
        if tick.revision != self.rollout.revision {
            return Err(differs("revision", tick.revision.0.to_string(), self.rollout.revision.0.to_string()));
        }
        let judgement = decide(self.policy, &self.rollout, &tick.evidence, tick.at);
        compare(&tick.judgement, &judgement).map_err(|found| found.at(place(), tick.at))?;
        self.rollout.progress = judgement.progress;
        if let Some(statistics) = judgement.statistics {
            self.rollout.statistics = statistics;
        }
        self.ticks = tick.n;
        if let Some(sum) = self.sums.get_mut(&tick.n) {
            *sum = Some(Sum {
                epoch: Some(self.rollout.epoch),
                progress: self.rollout.progress,
                statistics: self.rollout.statistics.clone(),
            });
        }
        Ok(())
    }

    /// Applies what the journal holds behind the last tick, and compares with the rollout that is stored.
    pub fn finish(mut self, stored: &Rollout) -> Result<Summary, Difference> {
        while let Some(entry) = self.entries.next() {
            self.enter(&entry)?;
        }
        if let Some(found) = differing(stored, &self.rollout) {
            return Err(Difference { place: "the rollout".to_owned(), ..found });
        }
        Ok(Summary { rollout: self.rollout, entries: self.applied, ticks: self.ticks, decisions: self.decisions })
    }

    /// Applies entries until the rollout is at `revision`, or none are left.
    fn catch_up(&mut self, revision: Revision) -> Result<(), Difference> {
        while self.rollout.revision < revision
            && let Some(entry) = self.entries.next()
        {
            self.enter(&entry)?;
        }
        Ok(())
    }

    fn enter(&mut self, entry: &Journalled) -> Result<(), Difference> {
        if let Some(judged) = &entry.judged {
            self.judge(entry, judged)?;
            self.decisions += 1;
        }
        self.applied += 1;
        self.rollout = apply(self.rollout.clone(), &entry.event, entry.at);
        self.revisions.entry(self.rollout.revision.0).or_insert_with(|| self.rollout.clone());
        Ok(())
    }

    /// Makes an entry's decision again, upon the rollout that whoever made it had before their eyes.
    fn judge(&self, entry: &Journalled, judged: &Judged) -> Result<(), Difference> {
        let place = || format!("entry #{}", entry.seq);
        let differs = |what: &str, stored: String, computed: String| Difference {
            place: place(),
            at: Some(entry.at),
            what: what.to_owned(),
            stored,
            computed,
        };
        let Some(rollout) = self.at(judged.upon) else {
            let stored = format!("revision {}, {} ticks", judged.upon.revision.0, judged.upon.ticks);
            let computed = format!("revision {}, {} ticks at most", self.rollout.revision.0, self.ticks);
            return Err(differs("upon", stored, computed));
        };
        let judgement = decide(self.policy, &rollout, &judged.inputs, judged.decided_at);
        compare(&judged.judgement, &judgement).map_err(|found| found.at(place(), entry.at))?;
        let follows = if let Event::BlindPaged { since } = &entry.event {
            judgement.page_blind && judgement.progress.blind_since == Some(*since)
        } else if let Event::HoldPaged { .. } = &entry.event {
            judgement.page_hold
        } else {
            consequence(&judgement.decision).as_ref() == Some(&entry.event)
        };
        if !follows {
            return Err(differs("event", entry.event.kind().to_owned(), judgement.decision.kind().to_owned()));
        }
        Ok(())
    }

    /// The rollout at an earlier moment. Ticks of the same epoch are kept by a change, those before it are not.
    fn at(&self, upon: Upon) -> Option<Rollout> {
        let rollout = self.revisions.get(&upon.revision.0)?;
        let sum = self.sums.get(&upon.ticks)?.as_ref()?;
        let progress = if sum.epoch == Some(rollout.epoch) { sum.progress } else { Progress::default() };
        Some(Rollout { progress, statistics: sum.statistics.clone(), ..rollout.clone() })
    }
}

/// Replays a whole rollout: its journal and its ticks, both oldest first, against what is `stored` of it.
pub fn replay<'t>(
    policy: &Policy,
    entries: Vec<Journalled>,
    ticks: impl IntoIterator<Item = &'t Tick>,
    stored: &Rollout,
) -> Result<Summary, Difference> {
    let mut replayer = Replayer::new(policy, entries)?;
    for tick in ticks {
        replayer.tick(tick)?;
    }
    replayer.finish(stored)
}

impl Difference {
    fn at(self, place: String, at: Timestamp) -> Self {
        Self { place, at: Some(at), ..self }
    }
}

fn compare(stored: &Judgement, computed: &Judgement) -> Result<(), Difference> {
    // Nearly always equal. What is not, is looked at as it is written: there, one NaN is like another.
    if stored == computed {
        return Ok(());
    }
    differing(stored, computed).map_or(Ok(()), Err)
}

/// The first difference between two values as they are written.
fn differing(stored: &impl Serialize, computed: &impl Serialize) -> Option<Difference> {
    let written =
        |value: Result<Value, serde_json::Error>| value.unwrap_or_else(|error| Value::String(error.to_string()));
    let (stored, computed) = (written(serde_json::to_value(stored)), written(serde_json::to_value(computed)));
    let (what, stored, computed) = walk(String::new(), &stored, &computed)?;
    Some(Difference { place: String::new(), at: None, what, stored, computed })
}

/// Members in which a difference says most, before all others.
const FIRST: [&str; 6] = ["kind", "decision", "checks", "credit", "progress", "statistics"];

fn walk(path: String, stored: &Value, computed: &Value) -> Option<(String, String, String)> {
    if stored == computed {
        return None;
    }
    match (stored, computed) {
        (Value::Object(ours), Value::Object(theirs)) => {
            let all = ours.keys().chain(theirs.keys()).map(String::as_str);
            let names = FIRST.into_iter().chain(all);
            let under = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            let none = Value::Null;
            names
                .into_iter()
                .find_map(|name| walk(under(name), ours.get(name).unwrap_or(&none), theirs.get(name).unwrap_or(&none)))
        }
        (Value::Array(ours), Value::Array(theirs)) if ours.len() == theirs.len() => {
            let mut pairs = ours.iter().zip(theirs).enumerate();
            pairs.find_map(|(place, (ours, theirs))| walk(format!("{path}[{place}]"), ours, theirs))
        }
        _ => Some((path, stored.to_string(), computed.to_string())),
    }
}
