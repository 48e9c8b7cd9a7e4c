//! Whether a rollout stood still, and said why, while its metrics were away.

use crate::clock::Stopwatch;
use serde_json::Value;
use std::time::Duration;

/// How long Prometheus stays away: longer than a stage may be without evidence before that is worth a word.
pub(super) const LASTS: Duration = Duration::from_secs(15);

/// What was seen of a rollout while Prometheus was away.
#[derive(Debug)]
pub(super) struct Outage {
    began: Stopwatch,
    over: bool,
    /// Phase, percent and soak when the first check was blind.
    stood: Option<Standing>,
    /// The sentence that told why.
    said: Option<String>,
    moved: bool,
}

type Standing = (Value, Value, Value);

impl Outage {
    pub(super) fn begin() -> Self {
        Self { began: Stopwatch::start(), over: false, stood: None, said: None, moved: false }
    }

    /// Whether the server should be back by now.
    pub(super) fn is_due_to_end(&self) -> bool {
        !self.over && self.began.elapsed() >= LASTS
    }

    /// What is seen from here on says nothing of it.
    pub(super) fn end(&mut self) {
        self.over = true;
    }

    /// Looks at where the rollout stands.
    pub(super) fn see(&mut self, status: &Value) {
        let reasons = || status["checks"].as_array().into_iter().flatten().filter_map(|check| check["why"].as_str());
        if self.over || !reasons().any(tells) {
            return;
        }
        let now = (status["phase"].clone(), status["percent"].clone(), status["soak"]["served_seconds"].clone());
        // What was measured before the server went may still count until the first check is blind.
        self.moved |= self.stood.as_ref().is_some_and(|stood| *stood != now);
        self.stood.get_or_insert(now);
        if let Some(sentence) = status["sentence"].as_str().filter(|sentence| tells(sentence)) {
            self.said.get_or_insert_with(|| sentence.to_owned());
        }
    }

    /// The sentence that told of the outage, where the rollout stood still all the while.
    pub(super) fn held(&self) -> Option<&str> {
        self.said.as_deref().filter(|_| !self.moved)
    }
}

fn tells(text: &str) -> bool {
    text.contains("cannot be measured") && text.contains("refused")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const BLIND: &str = "server errors: cannot be measured: the server cannot be reached: connection refused";

    fn seen(steps: &[(&str, f64, f64, &str, &str)]) -> Option<String> {
        let mut outage = Outage::begin();
        for (phase, percent, soak, why, sentence) in steps {
            outage.see(&json!({
                "phase": phase, "percent": percent, "soak": { "served_seconds": soak },
                "checks": [{ "why": "0" }, { "why": why }], "sentence": sentence,
            }));
        }
        outage.held().map(str::to_owned)
    }

    #[test]
    fn it_is_held_where_it_is_told_and_nothing_moves_after_the_first_check_is_blind() {
        let fresh = ("ramping", 5.0, 7.0, "0", "5 % since 12:00 UTC");
        let young = ("ramping", 20.0, 1.0, BLIND, "waiting for the first measurements");
        let told = ("ramping", 20.0, 1.0, BLIND, BLIND);
        assert_eq!(seen(&[fresh, young, told, told]), Some(BLIND.to_owned()));
        assert_eq!(seen(&[fresh, young]), None, "it never said so");
        assert_eq!(seen(&[told, ("ramping", 20.0, 2.0, BLIND, BLIND)]), None, "the soak grew");
        assert_eq!(seen(&[told, ("ramping", 50.0, 1.0, BLIND, BLIND)]), None, "it advanced");
        assert_eq!(seen(&[told, ("rolled_back", 0.0, 1.0, BLIND, BLIND)]), None, "it rolled back");
    }
}
