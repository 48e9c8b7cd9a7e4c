//! One round: what all watched rollouts want to know at one moment, in as few questions as possible, and what each of
//! their checks is told by the answers. Pure.
//!
//! Texts that are the same are asked once. Texts that differ in the flag alone are asked once for all flags, where the
//! answer can be told apart again. What an answer comes to is computed once, however many checks want it.

use super::answer::Answer;
use super::measure::{Found, Kind, Measure, measure, outcome};
use super::pulse::Pulse;
use super::read::{by_label, matrix, one_number};
use super::template::Template;
use super::trouble::Trouble;
use super::window::window;
use crate::controller::Watched;
use rampart_core::policy::{Check, CheckName, PrometheusAsk, PrometheusSource, Signal};
use rampart_core::rollout::{Outcome, Reading};
use rampart_core::{FlagKey, Millis, Timestamp};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Whose requests a check measures.
pub(super) const CANARY: &str = "canary";

/// A reading, and where it belongs.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// The flag whose guard is to look.
    pub flag: FlagKey,
    /// The check.
    pub check: CheckName,
    /// What it found.
    pub reading: Reading,
}

/// What is asked in one round.
#[derive(Debug)]
pub struct Round {
    end: Timestamp,
    stale_after: Millis,
    texts: Vec<Text>,
    questions: Vec<Question>,
    /// The questions that wait for each text.
    waiting: Vec<Vec<usize>>,
}

#[derive(Debug)]
pub(super) struct Text {
    pub(super) query: String,
    raw: bool,
    /// The label by which the answer comes apart; none where it is of one piece.
    label: Option<String>,
    pub(super) found: Option<Result<HashMap<String, Found>, Trouble>>,
}

/// The part of an answer that one flag is told; all of it for none.
pub(super) type Part = (usize, Option<FlagKey>);

/// Which part each flag of each template is told; those that name no flag stand under none.
pub(super) type Places = BTreeMap<(usize, Option<FlagKey>), Part>;

#[derive(Debug)]
struct Question {
    kind: Kind,
    parts: Vec<Part>,
    missing: usize,
    wanted: Vec<Want>,
}

/// One check that waits for an answer.
#[derive(Debug)]
struct Want {
    watched: Arc<Watched>,
    check: usize,
    begun_at: Timestamp,
}

impl Want {
    fn check(&self) -> Option<&Check> {
        self.watched.policy.checks.get(self.check)
    }

    fn told(&self, observed_at: Timestamp, outcome: Outcome) -> Option<Told> {
        let rollout = &self.watched.rollout;
        let (begun_at, check) = (self.begun_at, self.check()?.name.clone());
        let reading =
            Reading { rollout: rollout.id, epoch: rollout.epoch, begun_at, observed_at, outcome, control: None };
        Some(Told { flag: rollout.flag.clone(), check, reading })
    }
}

/// The checks of a rollout that ask Prometheus, by their place in the policy.
pub(super) fn asking(watched: &Watched) -> impl Iterator<Item = (usize, &Check, &PrometheusSource)> {
    watched.policy.checks.iter().enumerate().filter_map(|(place, check)| match &check.signal {
        Signal::Prometheus(source) => Some((place, check, source)),
        Signal::Live5xx
        | Signal::LiveErrorRate
        | Signal::LiveP95
        | Signal::LiveRejections
        | Signal::LiveCrashes
        | Signal::AuditViolations
        | Signal::ProbeRls
        | Signal::ProbeRead
        | Signal::ProbeWrite
        | Signal::ReportDataInconsistency
        | Signal::ReportOther
        | Signal::ReportAny
        | Signal::Sql(_) => None,
    })
}

/// Whether a rollout has anything to ask Prometheus.
pub(super) fn asks(watched: &Watched) -> bool {
    asking(watched).next().is_some()
}

/// Why nothing can be asked at all, told to every check that would ask.
pub(super) fn all_blind(watched: &[Arc<Watched>], why: &Trouble, now: Timestamp) -> Vec<Told> {
    let wants = watched.iter().flat_map(|one| {
        asking(one).map(|(check, ..)| Want { watched: one.clone(), check, begun_at: now }).collect::<Vec<_>>()
    });
    wants.filter_map(|want| want.told(now, why.outcome())).collect()
}

impl Round {
    /// Everything that is to be asked up to the pulse, and the readings of those checks that need not ask, because the
    /// pulse is too old for them or their stage too young.
    pub fn plan(watched: &[Arc<Watched>], pulse: &Pulse, now: Timestamp) -> (Self, Vec<Told>) {
        let mut templates = Templates::default();
        let (mut wanted, mut told, mut stale_after) = (Vec::new(), Vec::new(), Millis(u64::MAX));
        for one in watched {
            stale_after = stale_after.min(one.policy.stale_after);
            let (flag, stage_since) = (&one.rollout.flag, one.rollout.stage_since);
            for (place, check, source) in asking(one) {
                let length = pulse
                    .within(one.policy.stale_after)
                    .and_then(|()| window(check.window, stage_since, pulse.sent_at).ok_or(Trouble::TooYoung));
                let want = Want { watched: one.clone(), check: place, begun_at: now };
                match length {
                    Err(why) => told.extend(want.told(now, why.outcome())),
                    Ok(length) => {
                        let begun_at = pulse.sent_at - chrono::Duration::milliseconds(length.0.cast_signed());
                        let (kind, asked) = templates_of(&source.ask, length);
                        let asked: Vec<usize> = asked.into_iter().map(|one| templates.want(one, flag)).collect();
                        wanted.push((kind, asked, flag.clone(), Want { begun_at, ..want }));
                    }
                }
            }
        }
        let (texts, places) = templates.texts(pulse.sent_at);
        let mut round = Self {
            end: pulse.sent_at,
            stale_after,
            waiting: vec![Vec::new(); texts.len()],
            texts,
            questions: Vec::new(),
        };
        let mut known: HashMap<(Kind, Vec<Part>), usize> = HashMap::new();
        for (kind, asked, flag, want) in wanted {
            let part =
                |template: &usize| places.get(&(*template, Some(flag.clone()))).or(places.get(&(*template, None)));
            let parts: Vec<Part> = asked.iter().filter_map(part).cloned().collect();
            let next = round.questions.len();
            let question = *known.entry((kind, parts.clone())).or_insert(next);
            if question == next {
                round.ask(kind, parts);
            }
            if let Some(question) = round.questions.get_mut(question) {
                question.wanted.push(want);
            }
        }
        (round, told)
    }

    fn ask(&mut self, kind: Kind, parts: Vec<Part>) {
        let texts: BTreeSet<usize> = parts.iter().map(|(text, _)| *text).collect();
        for text in &texts {
            if let Some(waiting) = self.waiting.get_mut(*text) {
                waiting.push(self.questions.len());
            }
        }
        self.questions.push(Question { kind, parts, missing: texts.len(), wanted: Vec::new() });
    }

    /// Where every window of this round ends.
    pub fn end(&self) -> Timestamp {
        self.end
    }

    /// What is to be asked, each once.
    pub fn queries(&self) -> Vec<String> {
        self.texts.iter().map(|text| text.query.clone()).collect()
    }

    /// Takes in the answer to one of them, and tells every check that waited for nothing else.
    pub fn answered(&mut self, place: usize, answer: Result<Answer, Trouble>) -> Vec<Told> {
        if let Some(text) = self.texts.get_mut(place) {
            text.found = Some(answer.and_then(|answer| text.understand(&answer, self.end, self.stale_after)));
        }
        let mut told = Vec::new();
        for number in self.waiting.get(place).cloned().unwrap_or_default() {
            let Some(question) = self.questions.get_mut(number) else { continue };
            question.missing -= 1;
            if question.missing > 0 {
                continue;
            }
            let wanted = std::mem::take(&mut question.wanted);
            let measured = self.measure(number);
            for want in wanted {
                let outcome = match (&measured, want.check()) {
                    (Ok(measure), Some(check)) => outcome(measure, check),
                    (Err(why), _) => why.outcome(),
                    (Ok(_), None) => continue,
                };
                told.extend(want.told(self.end, outcome));
            }
        }
        told
    }

    fn measure(&self, question: usize) -> Result<Measure, Trouble> {
        let question = self.questions.get(question).ok_or(Trouble::Empty)?;
        let mut parts = Vec::with_capacity(question.parts.len());
        for (text, flag) in &question.parts {
            let found = self.texts.get(*text).and_then(|text| text.found.as_ref());
            let found = found.ok_or(Trouble::Empty)?.as_ref().map_err(Clone::clone)?;
            parts.push(found.get(flag.as_ref().map_or("", FlagKey::as_str)));
        }
        measure(question.kind, &parts, self.end, self.stale_after)
    }
}

impl Text {
    /// What the answer says of each flag; of all together under no name.
    pub(super) fn understand(
        &self,
        answer: &Answer,
        now: Timestamp,
        stale_after: Millis,
    ) -> Result<HashMap<String, Found>, Trouble> {
        let whole = |found| HashMap::from([(String::new(), found)]);
        match (self.raw, &self.label) {
            (false, None) => Ok(whole(Found::Number(one_number(answer, now, stale_after)))),
            (false, Some(label)) => {
                let numbers = by_label(answer, label, now, stale_after)?;
                Ok(numbers.into_iter().map(|(flag, number)| (flag, Found::Number(number))).collect())
            }
            (true, label) => {
                let series = match matrix(answer) {
                    Ok(series) => series,
                    Err(Trouble::Empty) => &[],
                    Err(why) => return Err(why),
                };
                let Some(label) = label else { return Ok(whole(Found::Samples(series.to_vec()))) };
                let mut found: HashMap<String, Vec<_>> = HashMap::new();
                for one in series {
                    let flag = one.labels.get(label).ok_or_else(|| Trouble::Unlabelled(label.clone()))?;
                    found.entry(flag.clone()).or_default().push(one.clone());
                }
                Ok(found.into_iter().map(|(flag, series)| (flag, Found::Samples(series))).collect())
            }
        }
    }
}

fn templates_of(ask: &PrometheusAsk, length: Millis) -> (Kind, Vec<Template>) {
    let number = |query: &String| Template::expression(query, length, CANARY);
    let samples = |selector: &String| Template::samples(selector, length, CANARY);
    match ask {
        PrometheusAsk::Value { query, samples } => {
            (Kind::Value, [Some(query), samples.as_ref()].into_iter().flatten().map(number).collect())
        }
        PrometheusAsk::Ratio { failures, requests } => (Kind::Ratio, vec![samples(failures), samples(requests)]),
        PrometheusAsk::Histogram { buckets } => (Kind::Latency, vec![samples(buckets)]),
    }
}

/// The templates of a round, each with the flags it is wanted for.
#[derive(Default)]
pub(super) struct Templates {
    places: HashMap<Template, usize>,
    flags: Vec<BTreeSet<FlagKey>>,
}

impl Templates {
    pub(super) fn want(&mut self, template: Template, flag: &FlagKey) -> usize {
        let named = template.names_flag();
        let place = *self.places.entry(template).or_insert(self.flags.len());
        if place == self.flags.len() {
            self.flags.push(BTreeSet::new());
        }
        if let Some(flags) = self.flags.get_mut(place).filter(|_| named) {
            flags.insert(flag.clone());
        }
        place
    }

    /// The texts, and which part of which text each flag of each template is told.
    pub(super) fn texts(self, end: Timestamp) -> (Vec<Text>, Places) {
        let (mut texts, mut parts) = (Vec::new(), BTreeMap::new());
        let mut templates: Vec<(Template, usize)> = self.places.into_iter().collect();
        templates.sort_by_key(|(_, place)| *place);
        for (template, place) in templates {
            let flags: Vec<&FlagKey> = self.flags.get(place).into_iter().flatten().collect();
            let text = |query, label: &Option<String>| Text {
                query,
                raw: template.is_raw(),
                label: label.clone(),
                found: None,
            };
            match (flags.as_slice(), &template.label) {
                ([], _) => {
                    parts.insert((place, None), (texts.len(), None));
                    texts.push(text(template.for_all(end), &None));
                }
                ([_, _, ..], Some(_)) => {
                    for (query, batch) in template.for_many(&flags, end) {
                        for flag in batch {
                            parts.insert((place, Some(flag.clone())), (texts.len(), Some(flag.clone())));
                        }
                        texts.push(text(query, &template.label));
                    }
                }
                (each, _) => {
                    for flag in each {
                        parts.insert((place, Some((*flag).clone())), (texts.len(), None));
                        texts.push(text(template.for_one(flag, end), &None));
                    }
                }
            }
        }
        (texts, parts)
    }
}

#[cfg(test)]
#[path = "round_tests.rs"]
mod tests;
