//! What a back-test found, for people and for programs.

use super::{Event, Phase};
use crate::policy::CheckName;
use crate::{FlagKey, Millis, Percent, Timestamp};
use serde::Serialize;
use std::fmt;

/// Said with every report: what no back-test can know.
pub const KNOWN_LIMIT: &str = "counts were recorded at the exposure of then; under another percent there would have been \
                               more or fewer requests, and other ones";

/// What a back-test runs over.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The stored ticks of a rollout.
    Recording,
    /// What a metrics server remembers.
    Metrics,
}

/// A time in which something is known to have been wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Incident {
    /// Its beginning.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
}

/// What a policy would have done, beside what was done.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Retrospect {
    /// The flag.
    pub flag: FlagKey,
    /// What it was run over.
    pub source: Source,
    /// When the recording begins.
    pub from: Option<Timestamp>,
    /// When it ends.
    pub until: Option<Timestamp>,
    /// How many ticks were decided.
    pub ticks: u64,
    /// Whether the policy under test is the recorded one.
    pub same_policy: bool,
    /// What would have happened.
    pub moves: Vec<Move>,
    /// What did happen.
    pub recorded: Vec<Move>,
    /// Where it would stand at the end of the recording.
    pub stands: Option<Standing>,
    /// Where it stood.
    pub stood: Option<Standing>,
    /// Whether the same things happened in the same order, each within a tick of when it did; none where no rollout was
    /// recorded.
    pub agrees: Option<bool>,
    /// How often it would have advanced.
    pub advances: usize,
    /// How often it would have been rolled back by the checks.
    pub rollbacks: usize,
    /// Rollbacks of what was found healthy to the end of the recording, or outside every known incident.
    pub false_alarms: usize,
    /// Whether the recording was rolled back by the checks, and this would not have been; or whether a known incident
    /// went by without a rollback.
    pub missed: bool,
    /// From the first bad reading of the check that broke, without a break, to the rollback; from the beginning of the
    /// incident, where it is known.
    pub detection_delay: Option<Millis>,
    /// Times in which something is known to have been wrong.
    pub incidents: Vec<Incident>,
    /// Checks of the policy under test that the recording knows nothing of.
    pub unrecorded: Vec<CheckName>,
    /// Whether those count as healthy; else they count as blind.
    pub assume_healthy: bool,
    /// What the report cannot know.
    pub known_limit: &'static str,
}

/// A change of the rollout.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Move {
    /// When.
    pub at: Timestamp,
    /// The journal's name of it.
    pub kind: &'static str,
    /// The percent after it.
    pub percent: Percent,
    /// Why it was rolled back or stopped.
    pub why: Option<String>,
    /// Whether evidence decided it; else a person did.
    pub decided: bool,
    /// Of a rollback: how long the check that broke had been bad.
    pub delay: Option<Millis>,
}

/// Where a rollout stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Standing {
    /// The phase.
    pub phase: Phase,
    /// The percent.
    pub percent: Percent,
}

impl Move {
    pub(super) fn of(event: &Event, at: Timestamp, percent: Percent, decided: bool) -> Self {
        let why = if let Event::RolledBack { cause } | Event::Frozen { cause } = event {
            Some(cause.text().to_owned())
        } else {
            None
        };
        Self { at, kind: event.kind(), percent, why, decided, delay: None }
    }

    fn is_alarm(&self) -> bool {
        self.kind == "rolled_back" && self.decided
    }
}

impl Retrospect {
    pub(super) fn of(flag: FlagKey, source: Source) -> Self {
        Self {
            flag,
            source,
            from: None,
            until: None,
            ticks: 0,
            same_policy: false,
            moves: Vec::new(),
            recorded: Vec::new(),
            stands: None,
            stood: None,
            agrees: None,
            advances: 0,
            rollbacks: 0,
            false_alarms: 0,
            missed: false,
            detection_delay: None,
            incidents: Vec::new(),
            unrecorded: Vec::new(),
            assume_healthy: false,
            known_limit: KNOWN_LIMIT,
        }
    }

    /// Counts what the moves amount to.
    pub(super) fn weigh(&mut self, tick: Millis) {
        let same = |(here, then): (&Move, &Move)| {
            let apart = Millis::between(here.at, then.at).max(Millis::between(then.at, here.at));
            here.kind == then.kind && here.percent == then.percent && apart <= tick
        };
        let agrees = self.moves.len() == self.recorded.len() && self.moves.iter().zip(&self.recorded).all(same);
        self.agrees = Some(agrees);
        self.count();
        let harmed = self.recorded.iter().any(Move::is_alarm);
        self.false_alarms = if harmed { 0 } else { self.rollbacks };
        self.missed = harmed && self.rollbacks == 0;
    }

    /// The same for what no recording tells of, by what is known to have been wrong.
    pub(super) fn hold_against(&mut self, incidents: Vec<Incident>) {
        self.count();
        let alarm = self.moves.iter().find(|made| made.is_alarm()).map(|alarm| alarm.at);
        let hit = alarm.and_then(|at| incidents.iter().find(|incident| (incident.from..=incident.to).contains(&at)));
        if let (Some(at), Some(incident)) = (alarm, hit) {
            self.detection_delay = Some(Millis::between(incident.from, at));
        }
        if !incidents.is_empty() {
            self.false_alarms = usize::from(alarm.is_some() && hit.is_none());
            self.missed = hit.is_none();
        }
        self.incidents = incidents;
    }

    fn count(&mut self) {
        self.advances = self.moves.iter().filter(|made| made.kind == "advanced" && made.decided).count();
        let mut alarms = self.moves.iter().filter(|made| made.is_alarm());
        self.detection_delay = alarms.clone().next().and_then(|alarm| alarm.delay);
        self.rollbacks = alarms.by_ref().count();
    }

    fn verdict_by_incidents(&self) -> String {
        let alarm = self.moves.iter().find(|made| made.is_alarm());
        match (self.incidents.is_empty(), alarm) {
            (true, Some(_)) => {
                "it would have been rolled back; whether rightly, nobody said: name --incident FROM..TO".to_owned()
            }
            (true, None) => "it would not have been rolled back".to_owned(),
            (false, Some(_)) if !self.missed => "the incident would have been found".to_owned(),
            (false, Some(_)) => "a false alarm: nothing is known to have been wrong then".to_owned(),
            (false, None) => "missed: it would not have been rolled back".to_owned(),
        }
    }

    fn verdict(&self) -> String {
        let rolled_back = |moves: &[Move]| moves.iter().find(|made| made.is_alarm()).map(|made| made.at);
        match (rolled_back(&self.moves), rolled_back(&self.recorded)) {
            _ if self.source == Source::Metrics => self.verdict_by_incidents(),
            _ if self.agrees == Some(true) => "the same would have happened".to_owned(),
            (Some(_), None) => "a false alarm: the recorded rollout was never rolled back by its checks".to_owned(),
            (None, Some(_)) => {
                "missed: the checks rolled the recorded rollout back, and would not have here".to_owned()
            }
            (Some(here), Some(then)) if here < then => format!("rolled back {} earlier", Millis::between(here, then)),
            (Some(here), Some(then)) => format!("rolled back {} later", Millis::between(then, here)),
            (None, None) => "other moves, no rollback in either".to_owned(),
        }
    }
}

impl fmt::Display for Retrospect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day =
            |at: Option<Timestamp>| at.map(|at| at.format("%-d %b at %H:%M:%S UTC").to_string()).unwrap_or_default();
        let under = match self.source {
            Source::Recording if self.same_policy => "under the recorded policy",
            Source::Recording => "under another policy than the recorded one",
            Source::Metrics => "over what the metrics server remembers",
        };
        writeln!(f, "{} from {} to {}, {} ticks, {under}", self.flag, day(self.from), day(self.until), self.ticks)?;
        writeln!(f, "\nwould have happened")?;
        self.moves.iter().try_for_each(|made| write!(f, "{made}"))?;
        if let Some(stands) = self.stands.filter(|stands| stands.phase.is_live()) {
            writeln!(f, "  there it ends, {} at {}", stands.phase.name(), stands.percent)?;
        }
        if self.agrees == Some(false) {
            writeln!(f, "\ndid happen")?;
            self.recorded.iter().try_for_each(|made| write!(f, "{made}"))?;
        }
        writeln!(f, "\n{}", self.verdict())?;
        let delay = self.detection_delay.map_or("–".to_owned(), |delay| delay.to_string());
        let (advances, rollbacks, alarms) = (self.advances, self.rollbacks, self.false_alarms);
        writeln!(f, "advances {advances} · rollbacks {rollbacks} · detection delay {delay} · false alarms {alarms}")?;
        if !self.unrecorded.is_empty() {
            let names: Vec<&str> = self.unrecorded.iter().map(|name| name.0.as_str()).collect();
            let counted = if self.assume_healthy { "counted as healthy" } else { "counted as blind" };
            writeln!(f, "not recorded, {counted}: {}", names.join(", "))?;
        }
        writeln!(f, "note: {}", self.known_limit)
    }
}

impl fmt::Display for Move {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = if self.decided || self.kind.ends_with("started") { "" } else { " (ordered)" };
        let why = self.why.as_ref().map(|why| format!("  {why}")).unwrap_or_default();
        writeln!(f, "  {}  {:<16} {:>6}{by}{why}", self.at.format("%H:%M:%S"), self.kind, self.percent.to_string())
    }
}
