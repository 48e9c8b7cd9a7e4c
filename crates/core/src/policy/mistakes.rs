//! Everything that is wrong with a policy, told at once.

use super::excerpt::{Excerpt, Place};
use super::log::Finding;
use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};
use std::fmt;
use std::sync::Arc;

/// The most mistakes that are told; the rest is only counted.
pub const MAX_MISTAKES: usize = 100;

/// All mistakes of one policy, in the order of the text; at least one.
///
/// `Display` is the whole report in plain text. To draw it in colour, hand each [`Mistake`] of
/// [`Mistakes::iter`] to a miette handler: a handler that is given the whole prints the plain
/// text as its headline and then every mistake again.
#[derive(Clone, Debug)]
pub struct Mistakes {
    told: Vec<Mistake>,
    /// How many were found beyond [`MAX_MISTAKES`].
    untold: usize,
}

/// One mistake: where, what, what was expected, and what may have been meant.
#[derive(Clone, Debug)]
pub struct Mistake {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What would have been right.
    pub expected: Option<String>,
    /// What may have been meant.
    pub hint: Option<String>,
    excerpt: Excerpt,
    place: Place,
    source: Arc<NamedSource<String>>,
}

impl Mistakes {
    /// Sorts `findings` by their place in `text` and tells as many as are allowed.
    pub(super) fn new(file: &str, text: &str, mut findings: Vec<Finding>) -> Self {
        findings.sort_by_key(|finding| finding.span);
        let untold = findings.len().saturating_sub(MAX_MISTAKES);
        let source = Arc::new(NamedSource::new(file, text.to_owned()));
        let told = findings.into_iter().take(MAX_MISTAKES).map(|finding| Mistake::new(finding, &source)).collect();
        Self { told, untold }
    }

    /// The mistakes that are told, in the order of the text.
    pub fn iter(&self) -> impl Iterator<Item = &Mistake> {
        self.told.iter()
    }

    /// How many more there are.
    pub const fn untold(&self) -> usize {
        self.untold
    }
}

impl Mistake {
    fn new(finding: Finding, source: &Arc<NamedSource<String>>) -> Self {
        let Finding { span, wrong } = finding;
        let place = Place::of(span, source.inner());
        Self {
            line: place.line,
            column: place.column,
            message: wrong.message,
            expected: wrong.expected,
            hint: wrong.hint,
            excerpt: Excerpt::of(&place, source.inner()),
            place,
            source: Arc::clone(source),
        }
    }

    /// Name of the file, as it was handed to [`super::parse`].
    pub fn file(&self) -> &str {
        self.source.name()
    }

    fn help_lines(&self) -> impl Iterator<Item = String> {
        let expected = self.expected.iter().map(|expected| format!("expected {expected}"));
        expected.chain(self.hint.iter().map(|hint| format!("hint: {hint}")))
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.told.iter().enumerate() {
            if index > 0 {
                f.write_str("\n\n")?;
            }
            write!(f, "{}:{}:{}: {mistake}", mistake.file(), mistake.line, mistake.column)?;
            write!(f, "{}", mistake.excerpt)?;
            for line in mistake.help_lines() {
                write!(f, "\n{line}")?;
            }
        }
        match self.untold {
            0 => Ok(()),
            untold => write!(f, "\n\nand {untold} more"),
        }
    }
}

impl std::error::Error for Mistakes {}

impl Diagnostic for Mistakes {
    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(self.told.iter().map(|mistake| mistake as &dyn Diagnostic)))
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Mistake {}

impl Diagnostic for Mistake {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let help: Vec<String> = self.help_lines().collect();
        if help.is_empty() { None } else { Some(Box::new(help.join("\n"))) }
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = LabeledSpan::new_with_span(Some("here".to_owned()), self.place.start..self.place.end);
        Some(Box::new(std::iter::once(label)))
    }
}
