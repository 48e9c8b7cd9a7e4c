//! The line a mistake is on, and the underline below it.

use super::span::Span;
use std::fmt;

/// The widest part of a line that is shown, in characters.
const MAX_WIDTH: usize = 160;
/// How much of a longer line is shown before the mistake.
const LEAD: usize = 60;

/// Where a span begins, as people count, and the part of it on that line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// From 1.
    pub(super) line: usize,
    /// In characters, from 1.
    pub(super) column: usize,
    /// In bytes; on one line, and on the borders of characters.
    pub(super) start: usize,
    pub(super) end: usize,
    line_start: usize,
}

impl Place {
    pub(super) fn of(span: Span, text: &str) -> Self {
        let start = text.floor_char_boundary(span.start);
        let end = text.ceil_char_boundary(span.end.max(start));
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let on_this_line = text[start..end].lines().next().unwrap_or_default().trim_end();
        Self {
            line: text[..start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            start,
            end: start + on_this_line.len(),
            line_start,
        }
    }
}

/// One line of the policy with carets below the text in question; nothing where the line is blank.
#[derive(Clone, Debug)]
pub(super) struct Excerpt {
    number: usize,
    line: String,
    underline: String,
}

impl Excerpt {
    pub(super) fn of(place: &Place, text: &str) -> Self {
        let line = text[place.line_start..].lines().next().unwrap_or_default();
        let before = place.column - 1;
        let skipped = if line.chars().count() > MAX_WIDTH { before.saturating_sub(LEAD) } else { 0 };
        let shown: String = line.chars().skip(skipped).take(MAX_WIDTH).map(printable).collect();
        let padding = shown.chars().take(before - skipped).map(|c| if c == '\t' { '\t' } else { ' ' });
        let carets = text[place.start..place.end].chars().count().clamp(1, MAX_WIDTH - LEAD);
        Self { number: place.line, underline: padding.chain(std::iter::repeat_n('^', carets)).collect(), line: shown }
    }
}

/// What a terminal would obey is not shown to it.
pub(super) fn printable(c: char) -> char {
    if c.is_control() && c != '\t' { '\u{fffd}' } else { c }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line.trim().is_empty() {
            return Ok(());
        }
        let number = self.number.to_string();
        let blank = " ".repeat(number.len());
        write!(f, "\n {number} | {}\n {blank} | {}", self.line, self.underline)
    }
}
