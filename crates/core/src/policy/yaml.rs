//! From text to tree: the part of YAML that a policy may use, and its limits.
//!
//! A policy is one document. Anchors, aliases and tags are refused: a reader of the file should
//! see what it says where it says it, and nothing can grow beyond what is written.

use super::log::{Log, Wrong};
use super::node::{Kind, Node, Open};
use super::span::Span;
use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError};

/// The longest policy, in bytes.
pub const MAX_BYTES: usize = 64 * 1024;
/// The most lists and mappings inside one another.
pub const MAX_DEPTH: usize = 8;

/// YAML takes a bare `>` for the beginning of a text over several lines.
const QUOTE_IT: &str = "a condition that begins with `>` needs quotes: `rollback_if: \"> 0\"`";

/// The tree of `text`; nothing where it is no YAML at all or beyond a limit.
pub(super) fn tree(log: &mut Log, text: &str) -> Option<Node> {
    let options = granit_parser::options! {
        disallow_directives: true,
        emit_comments: false,
        emit_anchor_events: true,
        emit_unresolved_aliases: true,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut builder = Builder { log, open: Vec::new(), root: None, documents: 0 };
    for next in Parser::new_from_str_with_options(text, options) {
        let (event, span) = match next {
            Ok(read) => read,
            Err(error) => {
                broken(builder.log, text, &error);
                return None;
            }
        };
        builder.tag(event.tag().and(span.tag_span()));
        if !builder.take(event, span.byte_range().map_or(Span::START, Span::from)) {
            return None;
        }
    }
    builder.root
}

struct Builder<'l> {
    log: &'l mut Log,
    open: Vec<Open>,
    root: Option<Node>,
    documents: usize,
}

impl Builder<'_> {
    /// Takes one event; false where reading on makes no sense.
    fn take(&mut self, event: Event<'_>, span: Span) -> bool {
        match event {
            Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => true,
            Event::DocumentStart(..) => self.document(span),
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                self.refuse(span, "an alias (`*name`) is not part of the policy language");
                self.place(Node { span, kind: Kind::Refused });
                true
            }
            Event::Anchor(..) => {
                self.refuse(span, "an anchor (`&name`) is not part of the policy language");
                true
            }
            Event::Scalar(text, style, ..) => {
                let kind = match style {
                    ScalarStyle::Plain => Kind::Text { text: text.into_owned(), bare: true },
                    ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => {
                        Kind::Text { text: text.into_owned(), bare: false }
                    }
                    ScalarStyle::Literal | ScalarStyle::Folded => {
                        let wrong =
                            Wrong::new("a text over several lines (`|` or `>`) is not part of the policy language");
                        self.log.add(span, wrong.expected("a value on one line").hint(Some(QUOTE_IT)));
                        Kind::Refused
                    }
                };
                self.place(Node { span, kind });
                true
            }
            Event::SequenceStart(..) => self.push(Open::list(span), span),
            Event::MappingStart(..) => self.push(Open::map(span), span),
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(finished) = self.open.pop() {
                    self.place(finished.close(span));
                }
                true
            }
            // Comments are switched off, and later versions of the parser may know other events.
            _ => true,
        }
    }

    fn document(&mut self, span: Span) -> bool {
        self.documents += 1;
        if self.documents > 1 {
            self.log.add(span, Wrong::new("a second document begins here").expected("one policy in a file"));
        }
        self.documents == 1
    }

    fn push(&mut self, node: Open, span: Span) -> bool {
        let fits = self.open.len() < MAX_DEPTH;
        if fits {
            self.open.push(node);
        } else {
            self.log.add(span, too_deep());
        }
        fits
    }

    fn place(&mut self, node: Node) {
        match self.open.last_mut() {
            Some(open) => open.take(self.log, node),
            None => self.root = Some(node),
        }
    }

    fn tag(&mut self, span: Option<granit_parser::Span>) {
        if let Some(span) = span.and_then(|span| span.byte_range()) {
            self.refuse(span.into(), "a tag (`!name`) is not part of the policy language");
        }
    }

    fn refuse(&mut self, span: Span, what: &str) {
        self.log.add(span, Wrong::new(what).expected("the value itself, written where it is used"));
    }
}

fn too_deep() -> Wrong {
    Wrong::new("nested too deeply").expected(format!("lists and mappings at most {MAX_DEPTH} deep"))
}

/// A text that is no YAML. The parser stops at the first such place, so it is told alone.
fn broken(log: &mut Log, text: &str, error: &ScanError) {
    let marker = error.marker();
    let counted = || text.char_indices().nth(marker.index()).map_or(text.len(), |(at, _)| at);
    // An error at the very end is told at the last thing written.
    let written = text.trim_end().len();
    let start = text.floor_char_boundary(marker.byte_offset().unwrap_or_else(counted).min(written.saturating_sub(1)));
    let span = Span { start, end: start + 1 };
    if matches!(error.kind(), ErrorKind::RecursionLimitExceeded) {
        return log.add(span, too_deep());
    }
    let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[line_start..].lines().next().unwrap_or_default();
    let hint = if line.split("_if:").skip(1).any(|after| after.trim_start().starts_with('>')) {
        Some(QUOTE_IT)
    } else if line.trim_start_matches(' ').starts_with('\t') {
        Some("indent with spaces, not with tabs")
    } else {
        None
    };
    log.add(span, Wrong::new(format!("not valid YAML: {}", error.info())).hint(hint));
}
