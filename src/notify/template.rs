//! The wording of a target: a text with names in braces, `{text}` being what everybody else is told.

use super::letter::Letter;
use serde_json::Value;
use std::borrow::Cow;

/// The longest template, in characters.
const MAX_LEN: usize = 1000;

/// What may stand in braces.
const FIELDS: [(&str, Field); 8] = [
    ("text", Field::Text),
    ("flag", Field::Flag),
    ("kind", Field::Kind),
    ("phase", Field::Phase),
    ("percent", Field::Percent),
    ("cause", Field::Cause),
    ("at", Field::At),
    ("link", Field::Link),
];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Field {
    Text,
    Flag,
    Kind,
    Phase,
    Percent,
    Cause,
    At,
    Link,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Part {
    Plain(String),
    Field(Field),
}

/// A wording. What a letter does not have (a test has no flag) is left empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Template(Vec<Part>);

impl Template {
    /// Reads a template; the error says what was expected. `{{` and `}}` stand for the braces themselves.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let names = || FIELDS.map(|(name, _)| format!("{{{name}}}")).join(", ");
        if text.is_empty() || text.chars().count() > MAX_LEN {
            return Err(format!("a text of 1 to {MAX_LEN} characters with {}", names()));
        }
        let (mut parts, mut plain, mut rest) = (Vec::new(), String::new(), text);
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            plain.push_str(before);
            if let Some(after) = from.strip_prefix("{{").or_else(|| from.strip_prefix("}}")) {
                plain.extend(from.chars().next());
                rest = after;
                continue;
            }
            let named = from.strip_prefix('{').and_then(|inside| inside.split_once('}'));
            let found = named.and_then(|(name, after)| {
                FIELDS.iter().find(|(known, _)| *known == name).map(|(_, field)| (*field, after))
            });
            let Some((field, after)) = found else {
                return Err(format!("in braces one of {}, or {{{{ and }}}} for braces", names()));
            };
            parts.extend([Part::Plain(std::mem::take(&mut plain)), Part::Field(field)]);
            rest = after;
        }
        plain.push_str(rest);
        parts.push(Part::Plain(plain));
        parts.retain(|part| *part != Part::Plain(String::new()));
        Ok(Self(parts))
    }

    /// The letter in this wording. `encode` is applied to what the letter says, and not to the template's own words: a
    /// chat lets them call somebody.
    pub(super) fn word(&self, letter: &Letter, encode: impl Fn(&str) -> String) -> String {
        let worded = self.0.iter().map(|part| match part {
            Part::Plain(plain) => plain.clone(),
            Part::Field(field) => encode(&field.of(letter)),
        });
        worded.collect()
    }
}

impl Field {
    fn of(self, letter: &Letter) -> Cow<'_, str> {
        let member = |name: &str| letter.body.get(name).and_then(Value::as_str).unwrap_or_default();
        match self {
            Field::Text => letter.text.as_str().into(),
            Field::Flag => letter.flag.as_str().into(),
            Field::Kind => letter.kind.replace('_', " ").into(),
            Field::Phase => member("phase").replace('_', " ").into(),
            Field::Percent => {
                let percent = letter.body.get("percent").and_then(Value::as_f64);
                percent.map(|percent| format!("{percent} %")).unwrap_or_default().into()
            }
            Field::Cause => member("cause").into(),
            Field::At => letter.at.format("%Y-%m-%d %H:%M:%S UTC").to_string().into(),
            Field::Link => letter.link.as_deref().unwrap_or_default().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;
    use serde_json::json;

    #[test]
    fn names_in_braces_become_what_the_letter_has() {
        let mut letter = Letter::test("somebody", clock::wall(), None);
        letter.flag = "part_lens_v2".to_owned();
        letter.kind = "rolled_back".to_owned();
        letter.text = "it broke".to_owned();
        letter.body = json!({ "percent": 0, "phase": "rolled_back", "cause": "3 of 0", "text": "it broke" });
        let worded = |template: &str| Template::parse(template).expect(template).word(&letter, str::to_uppercase);
        assert_eq!(worded("{flag} {kind} at {percent}: {cause}"), "PART_LENS_V2 ROLLED BACK at 0 %: 3 OF 0");
        assert_eq!(worded("<!here> {text}{link}"), "<!here> IT BROKE", "what is not known is left empty");
        assert_eq!(worded("{{{phase}}} }}"), "{ROLLED BACK} }");
    }

    #[test]
    fn a_template_that_cannot_be_filled_says_what_could_stand_there() {
        for wrong in ["", "{flagg}", "{", "}", "{flag", "{}", "{ flag }", &"x".repeat(MAX_LEN + 1)] {
            let expected = Template::parse(wrong).expect_err(wrong);
            assert!(expected.contains("{flag}") && expected.contains("{cause}"), "{wrong:?}: {expected}");
        }
        assert!(Template::parse(&"é".repeat(MAX_LEN)).is_ok());
    }
}
