//! Reading a mapping key by key, and the values every key may have.

use super::keys::Key;
use super::log::{Log, Wrong, listed, nearest, quoted};
use super::node::{Entry, Kind, Node};
use super::span::{At, Span};
use std::collections::BTreeSet;

/// A mapping whose keys are known.
pub(super) struct Fields<'n> {
    /// What it is, as messages say it: ``check `p95` ``.
    what: String,
    /// Where a missing key is told.
    span: Span,
    entries: &'n [Entry],
}

impl<'n> Fields<'n> {
    /// The mapping `node`, which has no other keys than these.
    pub(super) fn keyed(log: &mut Log, node: &'n Node, what: String, span: Span, keys: &[Key]) -> Option<Self> {
        let names: Vec<&str> = keys.iter().map(|key| key.name).collect();
        Self::of(log, node, what, span, &names)
    }

    /// The mapping `node`; keys that are not `known` are mistakes.
    pub(super) fn of(log: &mut Log, node: &'n Node, what: String, span: Span, known: &[&str]) -> Option<Self> {
        let entries = entries(log, node, &what, &format!("a mapping with the keys {}", listed(known.iter().copied())))?;
        for entry in entries.iter().filter(|entry| !known.contains(&entry.name.as_str())) {
            let names = listed(known.iter().copied());
            let wrong = Wrong::new(format!("unknown key {} in {what}", quoted(&entry.name)))
                .expected(if known.len() == 1 { names } else { format!("one of {names}") })
                .did_you_mean(nearest(&entry.name, known.iter().copied()));
            log.add(entry.name_span, wrong);
        }
        Some(Self { what, span, entries })
    }

    pub(super) fn get(&self, name: &str) -> Option<&'n Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Every key that was written.
    pub(super) fn names(&self) -> impl Iterator<Item = &'n str> {
        self.entries.iter().map(|entry| entry.name.as_str())
    }

    /// The value of a key that may be left out.
    pub(super) fn optional<T>(
        &self,
        log: &mut Log,
        name: &str,
        default: T,
        read: impl FnOnce(&mut Log, &'n Node) -> Option<T>,
    ) -> Option<At<T>> {
        match self.get(name) {
            None => Some(At::default(default)),
            Some(entry) => read(log, &entry.value).map(|value| At::written(value, entry.value.span)),
        }
    }

    /// The value of a key that may not be left out; `expected` says what belongs there.
    pub(super) fn required<T>(
        &self,
        log: &mut Log,
        name: &str,
        expected: &str,
        read: impl FnOnce(&mut Log, &'n Node) -> Option<T>,
    ) -> Option<At<T>> {
        let Some(entry) = self.get(name) else {
            let nearly = self.entries.iter().any(|entry| nearest(&entry.name, [name]).is_some());
            let wrong =
                Wrong::new(format!("{} has no `{name}`", self.what)).expected(format!("`{name}:` with {expected}"));
            // A misspelt key has been told as such, with the right one as its hint.
            if !nearly {
                log.add(self.span, wrong);
            }
            return None;
        };
        read(log, &entry.value).map(|value| At::written(value, entry.value.span))
    }
}

/// The entries of a mapping.
pub(super) fn entries<'n>(log: &mut Log, node: &'n Node, what: &str, expected: &str) -> Option<&'n [Entry]> {
    match &node.kind {
        Kind::Map(entries) => return Some(entries),
        Kind::Refused => {}
        Kind::Text { .. } if node.is_empty() => {
            log.add(node.span, Wrong::new(format!("{what} is empty")).expected(expected))
        }
        Kind::Text { .. } | Kind::List(_) => {
            log.add(node.span, Wrong::new(format!("{what} cannot be {}", node.what())).expected(expected));
        }
    }
    None
}

/// The items of a list with no more than `most` of them.
pub(super) fn items<'n>(log: &mut Log, node: &'n Node, most: usize, expected: &str) -> Option<&'n [Node]> {
    match &node.kind {
        Kind::List(items) if items.len() <= most => return Some(items),
        Kind::List(items) => {
            let wrong = Wrong::new(format!("{} items are too many", items.len()))
                .expected(format!("{expected}, at most {most}"));
            log.add(node.span, wrong);
        }
        Kind::Refused => {}
        Kind::Text { .. } | Kind::Map(_) => misfit(log, node, expected),
    }
    None
}

/// A text.
pub(super) fn text<'n>(log: &mut Log, node: &'n Node, expected: &str) -> Option<&'n str> {
    match &node.kind {
        Kind::Text { text, .. } if !node.is_empty() => return Some(text),
        Kind::Refused => {}
        Kind::Text { .. } | Kind::List(_) | Kind::Map(_) => misfit(log, node, expected),
    }
    None
}

fn misfit(log: &mut Log, node: &Node, expected: &str) {
    let message =
        if node.is_empty() { "no value is given".to_owned() } else { format!("{} does not fit here", node.what()) };
    log.add(node.span, Wrong::new(message).expected(expected));
}

/// A text that `read` turns into a value.
pub(super) fn value<T>(
    log: &mut Log,
    node: &Node,
    expected: &str,
    read: impl FnOnce(&str) -> Result<T, Wrong>,
) -> Option<T> {
    let text = text(log, node, expected)?;
    let outcome = read(text.trim());
    log.keep(node.span, outcome)
}

/// One of a few words.
pub(super) fn one_of<T: Clone>(log: &mut Log, node: &Node, what: &str, choices: &[(&str, T)]) -> Option<T> {
    let names = || choices.iter().map(|(name, _)| *name);
    let expected = if choices.len() == 1 { listed(names()) } else { format!("one of {}", listed(names())) };
    value(log, node, &expected, |text| {
        choices.iter().find(|(name, _)| *name == text).map(|(_, choice)| choice.clone()).ok_or_else(|| {
            let wrong = Wrong::new(format!("{} is no {what}", quoted(text)));
            wrong.expected(expected.clone()).did_you_mean(nearest(text, names()))
        })
    })
}

/// A list, read item by item; nothing where any of them is wrong. `key` tells doubled items apart.
pub(super) fn distinct<T, K: Ord>(
    log: &mut Log,
    nodes: &[Node],
    key: impl Fn(&T) -> K,
    mut read: impl FnMut(&mut Log, &Node) -> Option<T>,
) -> Option<Vec<At<T>>> {
    let mut seen = BTreeSet::new();
    let mut list = Vec::with_capacity(nodes.len());
    for node in nodes {
        let Some(value) = read(log, node) else { continue };
        if seen.insert(key(&value)) {
            list.push(At::written(value, node.span));
        } else {
            log.add(node.span, Wrong::new(format!("{} is listed twice", node.what())).expected("every item once"));
        }
    }
    (list.len() == nodes.len()).then_some(list)
}

/// The values of a list, without their places.
pub(super) fn values<T>(list: Vec<At<T>>) -> Vec<T> {
    list.into_iter().map(|item| item.value).collect()
}
