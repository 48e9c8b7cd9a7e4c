//! From the tree to a draft: every key of a policy, its default and its limits.

use super::draft::{Draft, DraftApprovals, DraftStage};
use super::duration::{MAX_DURATION, MIN_DURATION, duration, written};
use super::fields::{Fields, distinct, items, one_of, value, values};
use super::keys;
use super::log::{Log, Wrong, quoted};
use super::model::{BucketBy, DEFAULT_GATE_MAX_AGE, Gate, GateItem, OnBlind, OnDegraded, OnSharedIncident, Proof};
use super::node::Node;
use super::number::{count, percent};
use super::read_check::checks;
use super::read_compare::compare;
use super::read_windows::{MAX_HOLD, windows};
use super::span::At;
use super::words;
use crate::flag::Targets;
use crate::{FlagKey, Millis, Percent};

/// The most stages.
pub const MAX_STAGES: usize = 20;
/// The most names in `targets.on`, and in `targets.off`.
pub const MAX_TARGETS: usize = 10_000;
/// The most names in `notify`.
pub const MAX_NOTIFY: usize = 20;
/// The longest name of a subject, an attribute or somebody to notify, in bytes.
pub const MAX_NAME_LEN: usize = 100;
/// The slowest tick.
pub const MAX_TICK: Millis = Millis::minutes(5);
/// The shortest time for which a proof of the gate may count.
pub const MIN_GATE_AGE: Millis = Millis::minutes(1);
/// The longest time for which a proof of the gate may count: 90 days.
pub const MAX_GATE_AGE: Millis = Millis::hours(90 * 24);
/// Canary requests a stage must see where it does not say.
pub const DEFAULT_MIN_REQUESTS: u64 = 100;

/// Reads all it can of the tree; everything it cannot read is in the log.
pub(super) fn policy(log: &mut Log, root: &Node) -> Option<Draft> {
    let fields = Fields::keyed(log, root, "the policy".to_owned(), root.span, keys::POLICY)?;
    let checks_span = fields.get("checks").map_or(root.span, |entry| entry.name_span);
    let long = |default: Millis| {
        move |log: &mut Log, fields: &Fields<'_>, key| {
            fields.optional(log, key, default, |log, node| length(log, node, MIN_DURATION, MAX_DURATION))
        }
    };
    Some(Draft {
        flag: fields.required(log, "flag", "the name of the flag, such as `part_lens_v2`", flag),
        bucket_by: fields.optional(log, "bucket_by", BucketBy::UserId, bucket_by),
        targets: fields.optional(log, "targets", Targets::default(), targets),
        stages: fields.required(log, "stages", "a list such as `- { percent: 5, soak: 1h }`", stages),
        tick: fields.optional(log, "tick", Millis::seconds(5), |log, node| length(log, node, MIN_DURATION, MAX_TICK)),
        checks: fields.required(log, "checks", "a mapping from names to checks", checks),
        checks_span,
        gate: fields.optional(log, "gate", Gate::default(), gate),
        notify: fields.optional(log, "notify", Vec::new(), |log, node| names(log, node, MAX_NOTIFY)),
        approvals: fields.optional(log, "approvals", None, |log, node| approvals(log, node).map(Some)),
        on_degraded: fields.optional(log, "on_degraded", OnDegraded::Pause, |log, node| {
            one_of(log, node, "answer to degraded checks", &words::ON_DEGRADED)
        }),
        on_blind: fields.optional(log, "on_blind", OnBlind::Hold, |log, node| {
            one_of(log, node, "answer to blind checks", &words::ON_BLIND)
        }),
        blind_for: long(Millis::minutes(10))(log, &fields, "blind_for"),
        stale_after: long(Millis::seconds(30))(log, &fields, "stale_after"),
        watch_after: long(Millis::hours(1))(log, &fields, "watch_after"),
        fail_to_zero_after: long(Millis::minutes(10))(log, &fields, "fail_to_zero_after"),
        evidence: fields.optional(log, "evidence", Proof::default(), evidence),
        compare: fields.optional(log, "compare", None, |log, node| compare(log, node).map(Some)),
        harm_budget: fields.optional(log, "harm_budget", None, |log, node| harm_budget(log, node).map(Some)),
        windows: fields.optional(log, "windows", None, |log, node| windows(log, node).map(Some)),
        max_hold: fields
            .optional(log, "max_hold", None, |log, node| length(log, node, MIN_DURATION, MAX_HOLD).map(Some)),
        on_shared_incident: fields.optional(log, "on_shared_incident", OnSharedIncident::default(), |log, node| {
            one_of(log, node, "answer to a shared incident", &words::ON_SHARED_INCIDENT)
        }),
    })
}

pub(super) fn length(log: &mut Log, node: &Node, least: Millis, most: Millis) -> Option<Millis> {
    let expected = format!("a duration from {} to {}", written(least), written(most));
    value(log, node, &expected, |text| duration(text, least, most))
}

fn flag(log: &mut Log, node: &Node) -> Option<FlagKey> {
    let expected = format!("1 to {} letters, digits, `_`, `.` or `-`", FlagKey::MAX_LEN);
    value(log, node, &expected, |text| {
        text.parse().map_err(|_| Wrong::new(format!("{} is no flag name", quoted(text))).expected(expected.clone()))
    })
}

fn evidence(log: &mut Log, node: &Node) -> Option<Proof> {
    one_of(log, node, "kind of evidence", &words::EVIDENCE)
}

fn harm_budget(log: &mut Log, node: &Node) -> Option<u64> {
    let budget = a_count(log, node)?;
    if budget == 0 {
        let wrong = Wrong::new("a budget of 0 failures would be spent before the first request");
        log.add(node.span, wrong.expected("1 or more; left out, there is no budget"));
        return None;
    }
    Some(budget)
}

fn bucket_by(log: &mut Log, node: &Node) -> Option<BucketBy> {
    let expected = "`user_id`, `yacht_id` or the name of an attribute";
    match name(log, node, expected)?.as_str() {
        "user_id" => Some(BucketBy::UserId),
        "yacht_id" => Some(BucketBy::YachtId),
        attribute if attribute.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')) => {
            Some(BucketBy::Attribute(attribute.to_owned()))
        }
        other => {
            let allowed = format!("{expected} (letters, digits, `_`, `.` or `-`)");
            log.add(node.span, Wrong::new(format!("{} is no attribute", quoted(other))).expected(allowed));
            None
        }
    }
}

/// A text of 1 to [`MAX_NAME_LEN`] bytes.
fn name(log: &mut Log, node: &Node, expected: &str) -> Option<String> {
    value(log, node, expected, |text| match text.len() {
        0 => Err(Wrong::new("this name is empty").expected(expected)),
        1..=MAX_NAME_LEN => Ok(text.to_owned()),
        _ => Err(Wrong::new("this name is too long").expected(format!("{expected}, at most {MAX_NAME_LEN} bytes"))),
    })
}

fn names(log: &mut Log, node: &Node, most: usize) -> Option<Vec<String>> {
    let nodes = items(log, node, most, "a list of names")?;
    distinct(log, nodes, String::clone, |log, node| name(log, node, "a name")).map(values)
}

fn targets(log: &mut Log, node: &Node) -> Option<Targets> {
    let fields = Fields::keyed(log, node, "`targets`".to_owned(), node.span, keys::TARGETS)?;
    let on = fields.optional(log, "on", Vec::new(), |log, node| names(log, node, MAX_TARGETS));
    let off = fields.optional(log, "off", Vec::new(), |log, node| names(log, node, MAX_TARGETS));
    Some(Targets::new(on?.value, off?.value))
}

fn stages(log: &mut Log, node: &Node) -> Option<Vec<DraftStage>> {
    let nodes = items(log, node, MAX_STAGES, "a list of stages such as `{ percent: 5, soak: 1h }`")?;
    if nodes.is_empty() {
        log.add(node.span, Wrong::new("there are no stages").expected(format!("1 to {MAX_STAGES} stages")));
        return None;
    }
    Some(nodes.iter().enumerate().map(|(index, node)| stage(log, node, index + 1)).collect())
}

fn stage(log: &mut Log, node: &Node, number: usize) -> DraftStage {
    let Some(fields) = Fields::keyed(log, node, format!("stage {number}"), node.span, keys::STAGE) else {
        return DraftStage::default();
    };
    DraftStage {
        percent: fields.required(log, "percent", "a number such as `5` or `0.5%`", a_percent),
        soak: fields.required(log, "soak", "a duration such as `1h`", |log, node| {
            length(log, node, MIN_DURATION, MAX_DURATION)
        }),
        min_requests: fields.optional(log, "min_requests", DEFAULT_MIN_REQUESTS, a_count),
        evidence: fields.optional(log, "evidence", None, |log, node| evidence(log, node).map(Some)),
    }
}

fn a_percent(log: &mut Log, node: &Node) -> Option<Percent> {
    value(log, node, "a percent such as `5` or `0.5%`", percent)
}

pub(super) fn a_count(log: &mut Log, node: &Node) -> Option<u64> {
    value(log, node, "a whole number", count)
}

fn gate(log: &mut Log, node: &Node) -> Option<Gate> {
    let fields = Fields::keyed(log, node, "`gate`".to_owned(), node.span, keys::GATE)?;
    let require = fields.optional(log, "require", Vec::new(), gate_items);
    let recommend = fields.optional(log, "recommend", Vec::new(), gate_items);
    let max_age = fields
        .optional(log, "max_age", DEFAULT_GATE_MAX_AGE, |log, node| length(log, node, MIN_GATE_AGE, MAX_GATE_AGE));
    let (require, recommend) = (require?.value, recommend?.value);
    let in_both = |item: &&At<GateItem>| require.iter().any(|required| required.value == item.value);
    for item in recommend.iter().filter(in_both) {
        let wrong = Wrong::new(format!("`{}` is required and recommended", item.value.name()));
        log.add(item.span.unwrap_or(node.span), wrong.expected("every item in one of the two lists"));
    }
    Some(Gate { require: values(require), recommend: values(recommend), max_age: max_age?.value })
}

fn gate_items(log: &mut Log, node: &Node) -> Option<Vec<At<GateItem>>> {
    let choices = GateItem::ALL.map(|item| (item.name(), item));
    // Doubled items are told one by one, so the list itself may be somewhat longer.
    let nodes = items(log, node, GateItem::ALL.len() * 2, "a list of proofs such as `[acceptance]`")?;
    distinct(log, nodes, |item: &GateItem| item.name(), |log, node| one_of(log, node, "proof of the gate", &choices))
}

fn approvals(log: &mut Log, node: &Node) -> Option<DraftApprovals> {
    let fields = Fields::keyed(log, node, "`approvals`".to_owned(), node.span, keys::APPROVALS)?;
    let by = fields.optional(log, "by", (), |log, node| one_of(log, node, "role that approves", &words::APPROVERS));
    let before = fields.required(log, "before", "percents of stages, such as `[100]`", |log, node| {
        let nodes = items(log, node, MAX_STAGES, "a list of percents of stages, such as `[100]`")?;
        if nodes.is_empty() {
            log.add(node.span, Wrong::new("`before` names no stage").expected("percents of stages, such as `[100]`"));
            return None;
        }
        distinct(log, nodes, |percent| *percent, a_percent)
    });
    let two_person = fields
        .optional(log, "two_person", false, |log, node| one_of(log, node, "answer to `two_person`", &words::TRUTHS));
    by?;
    Some(DraftApprovals { before: before?.value, two_person: two_person?.value })
}
