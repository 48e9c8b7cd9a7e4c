//! How well an action answers what somebody typed.

use super::actions::Action;
use super::catalogue::{Entry, entry};

/// The longest search text, in characters.
pub(super) const QUERY_MAX_CHARS: usize = 200;

const EXACT: f64 = 1.0;
const ALL_IN_LABEL: f64 = 0.9;
const ALL_IN_KEYWORDS: f64 = 0.85;
/// What a hit of some words counts, and what the share of words that hit adds to it.
const SOME: (f64, f64) = (0.5, 0.2);

/// From 0 to 1; none where no word hits. An empty text asks for everything.
pub(super) fn score(action: Action, query: &str) -> Option<f64> {
    let query = query.to_lowercase();
    let words = query.split_whitespace().collect::<Vec<_>>();
    if words.is_empty() || query.trim() == action.name() {
        return Some(EXACT);
    }
    let entry = entry(action);
    let label = entry.label.to_lowercase();
    if words.iter().all(|word| label.contains(word)) {
        return Some(ALL_IN_LABEL);
    }
    if words.iter().all(|word| in_keywords(&entry, word)) {
        return Some(ALL_IN_KEYWORDS);
    }
    let hits = words.iter().filter(|word| label.contains(**word) || in_keywords(&entry, word)).count();
    (hits > 0).then(|| SOME.0 + SOME.1 * ratio(hits, words.len()))
}

/// Parts of words count: people see the list while they type.
fn in_keywords(entry: &Entry, word: &str) -> bool {
    entry.keywords.iter().any(|keyword| keyword.contains(word))
}

#[expect(clippy::cast_precision_loss, reason = "counts of words, at most 200")]
fn ratio(hits: usize, words: usize) -> f64 {
    hits as f64 / words as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_band_has_its_score() {
        let score = |query| score(Action::ReceivePart, query);
        assert_eq!(score(""), Some(1.0));
        assert_eq!(score(" \t"), Some(1.0));
        assert_eq!(score("receive_part"), Some(1.0));
        assert_eq!(score("Receive_Part "), Some(1.0));
        assert_eq!(score("part receive"), Some(0.9));
        assert_eq!(score("REC"), Some(0.9));
        assert_eq!(score("delivery"), Some(0.85));
        assert_eq!(score("goods arrival"), Some(0.85));
        // Each word hits, one the label and one the keywords.
        assert_eq!(score("receive delivery"), Some(0.7));
        assert_eq!(score("delivery helicopter"), Some(0.6));
        assert_eq!(score("helicopter"), None);
    }

    #[test]
    fn keywords_are_in_lower_case_or_nobody_would_find_them() {
        for action in Action::ALL {
            assert!(entry(action).keywords.iter().all(|keyword| *keyword == keyword.to_lowercase()));
        }
    }
}
