//! Places in the text of a policy.

use std::ops::Range;

/// From byte `start` up to, not including, byte `end`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Span {
    /// The very beginning, for what is wrong with a text as a whole.
    pub(super) const START: Span = Span { start: 0, end: 0 };
}

impl From<Range<usize>> for Span {
    fn from(range: Range<usize>) -> Self {
        Self { start: range.start, end: range.end }
    }
}

/// A sound value, and where it was written.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct At<T> {
    pub(super) value: T,
    /// Nothing where the value is a default.
    pub(super) span: Option<Span>,
}

impl<T> At<T> {
    pub(super) fn written(value: T, span: Span) -> Self {
        Self { value, span: Some(span) }
    }

    pub(super) fn default(value: T) -> Self {
        Self { value, span: None }
    }
}
