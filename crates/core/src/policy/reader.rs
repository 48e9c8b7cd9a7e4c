//! The reader of policies, for other files that are written in the same YAML: the same limits, the same units, and
//! mistakes told all at once with their places.

use super::duration::{duration, written};
use super::fields::{self, Fields, one_of, value};
use super::log::{Log, Wrong, listed, nearest, quoted};
use super::mistakes::Mistakes;
use super::node::{Kind, Node};
use super::number::{Decimal, count, percent};
use super::span::Span;
use super::yaml::{self, MAX_BYTES};
use crate::{Millis, Percent};

/// Notes what is wrong, and reads on.
#[derive(Debug, Default)]
pub struct Reader {
    log: Log,
}

/// One value of the file.
#[derive(Clone, Copy, Debug)]
pub struct Value<'n>(&'n Node);

/// A mapping whose keys are known.
pub struct Keys<'n>(Fields<'n>);

/// A name of a mapping whose keys are not known beforehand.
#[derive(Clone, Copy, Debug)]
pub struct Name<'n> {
    /// The name.
    pub text: &'n str,
    span: Span,
}

/// Reads `text`. `file` and `what` (`scenario`) are only for messages. The answer is that of `build`, where nothing was
/// noted on the way.
pub fn read<T>(
    file: &str,
    text: &str,
    what: &str,
    build: impl FnOnce(&mut Reader, Value<'_>) -> Option<T>,
) -> Result<T, Mistakes> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader::default();
    if text.len() > MAX_BYTES {
        let wrong = Wrong::new(format!("the {what} is {} bytes long", text.len()));
        reader.log.add(Span::START, wrong.expected(format!("at most {MAX_BYTES} bytes")));
        return Err(Mistakes::new(file, "", reader.log.into_findings()));
    }
    let built = match yaml::tree(&mut reader.log, text) {
        Some(root) => build(&mut reader, Value(&root)),
        None => {
            if reader.log.is_empty() {
                reader.log.add(Span::START, Wrong::new(format!("the {what} is empty")).expected("a mapping"));
            }
            None
        }
    };
    let findings = reader.log.into_findings();
    match built {
        Some(built) if findings.is_empty() => Ok(built),
        Some(_) | None => Err(Mistakes::new(file, text, findings)),
    }
}

impl Reader {
    /// Notes that `value` is wrong.
    pub fn refuse(&mut self, value: Value<'_>, message: impl Into<String>, expected: impl Into<String>) {
        self.log.add(value.0.span, Wrong::new(message).expected(expected));
    }

    /// Notes that a name is none of the `known` ones.
    pub fn unknown<'k>(&mut self, name: Name<'_>, what: &str, known: impl IntoIterator<Item = &'k str> + Clone) {
        let wrong = Wrong::new(format!("{} is no {what}", quoted(name.text)))
            .expected(format!("one of {}", listed(known.clone())))
            .did_you_mean(nearest(name.text, known));
        self.log.add(name.span, wrong);
    }

    /// A mapping; keys that are not `known` are mistakes. `what` is how messages call it.
    pub fn keys<'n>(&mut self, value: Value<'n>, what: &str, known: &[&str]) -> Option<Keys<'n>> {
        Fields::of(&mut self.log, value.0, what.to_owned(), value.0.span, known).map(Keys)
    }

    /// The entries of a mapping whose keys are not known beforehand.
    pub fn entries<'n>(
        &mut self,
        value: Value<'n>,
        what: &str,
        expected: &str,
    ) -> Option<impl Iterator<Item = (Name<'n>, Value<'n>)>> {
        let entries = fields::entries(&mut self.log, value.0, what, expected)?;
        Some(entries.iter().map(|entry| (Name { text: &entry.name, span: entry.name_span }, Value(&entry.value))))
    }

    /// The items of a list with no more than `most` of them.
    pub fn items<'n>(
        &mut self,
        value: Value<'n>,
        most: usize,
        expected: &str,
    ) -> Option<impl Iterator<Item = Value<'n>>> {
        Some(fields::items(&mut self.log, value.0, most, expected)?.iter().map(Value))
    }

    /// A text.
    pub fn text<'n>(&mut self, value: Value<'n>, expected: &str) -> Option<&'n str> {
        fields::text(&mut self.log, value.0, expected).map(str::trim)
    }

    /// A text that `read` turns into something; its error says what would have been right.
    pub fn parsed<T>(
        &mut self,
        node: Value<'_>,
        expected: &str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        value(&mut self.log, node.0, expected, |text| {
            read(text).map_err(|expected| Wrong::new(format!("{} does not fit here", quoted(text))).expected(expected))
        })
    }

    /// One of a few words.
    pub fn word<T: Clone>(&mut self, value: Value<'_>, what: &str, choices: &[(&str, T)]) -> Option<T> {
        one_of(&mut self.log, value.0, what, choices)
    }

    /// A length of time from `least` to `most`.
    pub fn length(&mut self, node: Value<'_>, least: Millis, most: Millis) -> Option<Millis> {
        let expected = format!("a duration from {} to {}", written(least), written(most));
        value(&mut self.log, node.0, &expected, |text| match text {
            // Zero is a length like any other where a scale begins with it.
            "0" | "0s" if least == Millis::ZERO => Ok(Millis::ZERO),
            text => duration(text, least, most),
        })
    }

    /// A percent of the subjects.
    pub fn percent(&mut self, node: Value<'_>) -> Option<Percent> {
        value(&mut self.log, node.0, "a percent such as `5` or `0.5%`", percent)
    }

    /// A whole number.
    pub fn count(&mut self, node: Value<'_>) -> Option<u64> {
        value(&mut self.log, node.0, "a whole number", count)
    }

    /// A number up to `most`, with decimals or without.
    pub fn number(&mut self, node: Value<'_>, most: f64) -> Option<f64> {
        let expected = format!("a number up to {most}");
        self.parsed(node, &expected.clone(), |text| {
            let number = Decimal::parse(text).map(|number| number.in_unit(1, 0));
            number.filter(|number| *number <= most).ok_or(expected)
        })
    }

    /// A share of something, 0..=1, written as a percent.
    pub fn share(&mut self, node: Value<'_>) -> Option<f64> {
        let expected = "a share from 0% to 100%, such as `0.5%`";
        self.parsed(node, expected, |text| {
            let number = text.strip_suffix('%').map(str::trim_end).and_then(Decimal::parse);
            let share = number.map(|number| number.in_unit(1, 2)).or_else(|| (text == "0").then_some(0.0));
            share.filter(|share| *share <= 1.0).ok_or_else(|| expected.to_owned())
        })
    }
}

impl<'n> Keys<'n> {
    /// The value of a key, where it is written.
    pub fn get(&self, key: &str) -> Option<Value<'n>> {
        self.0.get(key).map(|entry| Value(&entry.value))
    }

    /// The value of a key that may not be left out; `expected` says what belongs there.
    pub fn required(&self, reader: &mut Reader, key: &str, expected: &str) -> Option<Value<'n>> {
        self.0.required(&mut reader.log, key, expected, |_, node| Some(Value(node))).map(|at| at.value)
    }

    /// The value of a key, read; `Some(None)` where it is left out, nothing where it is wrong.
    pub fn optional<T>(&self, key: &str, read: impl FnOnce(Value<'n>) -> Option<T>) -> Option<Option<T>> {
        self.get(key).map_or(Some(None), |value| read(value).map(Some))
    }
}

impl std::fmt::Debug for Keys<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Keys").finish_non_exhaustive()
    }
}

impl Value<'_> {
    /// Whether it is a list.
    pub const fn is_list(self) -> bool {
        matches!(self.0.kind, Kind::List(_))
    }

    /// Whether it is a mapping.
    pub const fn is_map(self) -> bool {
        matches!(self.0.kind, Kind::Map(_))
    }
}

/// A length of time that stands inside a longer text.
pub fn length(text: &str) -> Option<Millis> {
    duration(text, Millis(1), super::MAX_DURATION).ok()
}
