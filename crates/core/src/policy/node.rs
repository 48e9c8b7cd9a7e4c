//! The tree of a policy: names, lists and texts, each with its place.

use super::log::{Log, Wrong, quoted};
use super::span::Span;
use std::collections::BTreeSet;

/// One value.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) span: Span,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    /// `bare` where it stands without quotes.
    Text {
        text: String,
        bare: bool,
    },
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// Something that has been refused already.
    Refused,
}

/// One `name: value`.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) name_span: Span,
    pub(super) value: Node,
}

impl Node {
    /// As a message says what was found.
    pub(super) fn what(&self) -> String {
        match &self.kind {
            Kind::Text { text, .. } => quoted(text),
            Kind::List(_) => "a list".to_owned(),
            Kind::Map(_) => "a mapping".to_owned(),
            Kind::Refused => "something else".to_owned(),
        }
    }

    /// Whether nothing was written where a value belongs.
    pub(super) fn is_empty(&self) -> bool {
        matches!(&self.kind, Kind::Text { text, bare: true } if matches!(text.as_str(), "" | "~" | "null"))
    }
}

/// A list or mapping whose end has not been seen.
#[derive(Debug)]
pub(super) enum Open {
    List { span: Span, items: Vec<Node> },
    Map { span: Span, entries: Vec<Entry>, seen: BTreeSet<String>, awaits: Awaits },
}

/// What comes next in an open mapping.
#[derive(Debug)]
pub(super) enum Awaits {
    Name,
    /// The value of this name; of nothing where the name was refused.
    Value(Option<(String, Span)>),
}

impl Open {
    pub(super) fn list(span: Span) -> Self {
        Self::List { span, items: Vec::new() }
    }

    pub(super) fn map(span: Span) -> Self {
        Self::Map { span, entries: Vec::new(), seen: BTreeSet::new(), awaits: Awaits::Name }
    }

    /// Takes the next node: an item, a name, or the value of the name before.
    pub(super) fn take(&mut self, log: &mut Log, node: Node) {
        match self {
            Open::List { items, .. } => items.push(node),
            Open::Map { entries, seen, awaits, .. } => {
                *awaits = match std::mem::replace(awaits, Awaits::Name) {
                    Awaits::Name => Awaits::Value(name(log, seen, node)),
                    Awaits::Value(named) => {
                        entries.extend(named.map(|(name, name_span)| Entry { name, name_span, value: node }));
                        Awaits::Name
                    }
                };
            }
        }
    }

    /// The finished node. One in brackets spans them both; an indented one is placed at its beginning.
    pub(super) fn close(self, end: Span) -> Node {
        let whole = |span: Span| if span.start < span.end { Span { start: span.start, end: end.end } } else { span };
        match self {
            Open::List { span, items } => {
                let span = items.first().filter(|_| span.start == span.end).map_or(whole(span), |first| first.span);
                Node { span, kind: Kind::List(items) }
            }
            Open::Map { span, entries, .. } => {
                let first = entries.first().filter(|_| span.start == span.end);
                Node { span: first.map_or(whole(span), |first| first.name_span), kind: Kind::Map(entries) }
            }
        }
    }
}

/// The name of an entry, unless it is no name or was there before.
fn name(log: &mut Log, seen: &mut BTreeSet<String>, node: Node) -> Option<(String, Span)> {
    let what = node.what();
    match node.kind {
        Kind::Refused => None,
        Kind::Text { text, .. } if seen.insert(text.clone()) => Some((text, node.span)),
        Kind::Text { .. } => {
            log.add(node.span, Wrong::new(format!("key {what} is written twice")).expected("every key once"));
            None
        }
        Kind::List(_) | Kind::Map(_) => {
            log.add(
                node.span,
                Wrong::new(format!("{what} stands where a key belongs")).expected("a name such as `stages`"),
            );
            None
        }
    }
}
