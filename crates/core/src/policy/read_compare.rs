//! Reading what is held against control, and by how much it may be worse.

use super::draft::DraftCompare;
use super::fields::{entries, one_of, value};
use super::keys;
use super::log::{Log, Wrong};
use super::model::Tolerance;
use super::node::{Kind, Node};
use super::number::percent;
use super::read::length;
use super::span::At;
use super::{fields::Fields, words};
use crate::{Millis, Percent};

/// The shortest bin in which both sides are counted.
pub const MIN_BIN: Millis = Millis::seconds(15);
/// The longest bin.
pub const MAX_BIN: Millis = Millis::minutes(5);
/// The bin where the policy does not say.
pub const DEFAULT_BIN: Millis = Millis::seconds(60);

/// The key beside the names of checks.
const BIN: &str = "bin";

pub(super) fn compare(log: &mut Log, node: &Node) -> Option<DraftCompare> {
    let expected = "a mapping such as `{ error_rate: no_worse, bin: 60s }`";
    let entries = entries(log, node, "`compare`", expected)?;
    let bin = match entries.iter().find(|entry| entry.name == BIN) {
        None => Some(At::default(DEFAULT_BIN)),
        Some(entry) => length(log, &entry.value, MIN_BIN, MAX_BIN).map(|bin| At::written(bin, entry.value.span)),
    };
    let named = entries.iter().filter(|entry| entry.name != BIN);
    let checks: Vec<_> =
        named.map(|entry| (At::written(entry.name.clone(), entry.name_span), tolerance(log, &entry.value))).collect();
    if checks.is_empty() {
        let wrong = Wrong::new("`compare` names no check, so nothing is compared");
        log.add(node.span, wrong.expected("the name of a check, such as `error_rate: no_worse`"));
        return None;
    }
    Some(DraftCompare { checks, bin })
}

/// `no_worse`, or a mapping that says by how much.
fn tolerance(log: &mut Log, node: &Node) -> Option<Tolerance> {
    let Kind::Map(_) = &node.kind else {
        let words = [(words::NO_WORSE, Tolerance::NO_WORSE)];
        return match &node.kind {
            // The number alone is what people write first.
            Kind::Text { text, .. } if percent(text.trim()).is_ok() => {
                let wrong = Wrong::new(format!("{} says by how much, and not of what", node.what()));
                let expected = "`no_worse` or `{ no_worse_than: 20% }`";
                let meant = format!("{{ no_worse_than: {}% }}", text.trim().trim_end_matches('%').trim_end());
                log.add(node.span, wrong.expected(expected).did_you_mean(Some(meant)));
                None
            }
            Kind::Text { .. } | Kind::List(_) | Kind::Map(_) | Kind::Refused => {
                one_of(log, node, "tolerance (or a mapping such as `{ no_worse_than: 20% }`)", &words)
            }
        };
    };
    let fields = Fields::keyed(log, node, "this tolerance".to_owned(), node.span, keys::WORSE)?;
    let more = fields.required(log, "no_worse_than", "a percent such as `20%`", |log, node| {
        value(log, node, "a percent such as `20%`", percent)
    })?;
    if more.value == Percent::ZERO {
        let wrong = Wrong::new("nothing is no worse by 0 %: two samples of one thing differ by chance");
        log.add(more.span.unwrap_or(node.span), wrong.expected("a percent above 0, up to 100, or `no_worse`"));
        return None;
    }
    Some(Tolerance(f64::from(10_000 + u32::from(more.value.basis_points())) / 10_000.0))
}
