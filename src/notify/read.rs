//! From the file that RAMPART_NOTIFY names to targets. It is YAML, as policies are, and all mistakes are told at once.
//!
//! Mistakes are told without the line they stand in: addresses may be secrets.

use super::target::{self, Address, Kind, Target};
use super::template::Template;
use crate::config::SettingsError;
use rampart_core::policy::reader::{self, Keys, Reader, Value};
use rampart_core::policy::{MAX_NAME_LEN, Mistakes};
use std::path::Path;

/// What is written of a target.
const KEYS: &[&str] = &["name", "kind", "url", "url_file", "secret_file", "authorization_file", "text"];
/// The most targets.
const MAX_TARGETS: usize = 20;

/// The targets of a file.
pub(super) fn targets(file: &Path) -> Result<Vec<Target>, SettingsError> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file)
        .map_err(|error| SettingsError(format!("RAMPART_NOTIFY: cannot read {name}: {}", error.kind())))?;
    let folder = file.parent().unwrap_or_else(|| Path::new("."));
    parse(&name, &text, folder)
}

fn parse(file: &str, text: &str, folder: &Path) -> Result<Vec<Target>, SettingsError> {
    reader::read(file, text, "list of targets", |reader, root| {
        let keys = reader.keys(root, "the file", &["targets"])?;
        let expected = "a list such as `- { name: ops, kind: slack, url_file: slack-url }`";
        let list = keys.required(reader, "targets", expected)?;
        let items: Vec<Value<'_>> = reader.items(list, MAX_TARGETS, expected)?.collect();
        let mut targets: Vec<Target> = Vec::new();
        for item in items {
            let Some(target) = target(reader, item, folder) else { continue };
            if targets.iter().any(|other| other.name == target.name) {
                reader.refuse(item, format!("two targets have the name `{}`", target.name), "every name once");
            }
            targets.push(target);
        }
        Some(targets)
    })
    .map_err(|mistakes| SettingsError(told(&mistakes)))
}

fn told(mistakes: &Mistakes) -> String {
    let one = |mistake: &rampart_core::policy::Mistake| {
        let place = format!("RAMPART_NOTIFY: {}:{}:{}", mistake.file(), mistake.line, mistake.column);
        let expected = mistake.expected.as_ref().map(|expected| format!("\nexpected {expected}"));
        let hint = mistake.hint.as_ref().map(|hint| format!("\nhint: {hint}"));
        format!("{place}: {}{}{}", mistake.message, expected.unwrap_or_default(), hint.unwrap_or_default())
    };
    mistakes.iter().map(one).collect::<Vec<_>>().join("\n")
}

fn target(reader: &mut Reader, item: Value<'_>, folder: &Path) -> Option<Target> {
    let keys = reader.keys(item, "the target", KEYS)?;
    let name = keys.required(reader, "name", "a name that policies may have in `notify`");
    let name = name.and_then(|value| {
        let expected = format!("a name of at most {MAX_NAME_LEN} bytes");
        reader.parsed(value, &expected.clone(), |text| {
            let fits = !text.is_empty() && text.len() <= MAX_NAME_LEN;
            fits.then(|| text.to_owned()).ok_or(expected)
        })
    });
    let kind = keys.required(reader, "kind", "one of `webhook`, `slack`, `alertmanager`");
    let kind = kind.and_then(|value| reader.word(value, "kind of target", &Kind::ALL));
    let address = address(reader, item, &keys, folder);
    let secret = secret_file(reader, item, &keys, kind?, folder);
    let authorization_file = authorization_file(reader, &keys, kind?, folder);
    let template = template(reader, &keys, kind?);
    let (address, host) = address?;
    Some(Target {
        name: name?,
        kind: kind?,
        address,
        secret_file: secret?,
        authorization_file: authorization_file?,
        template: template?,
        host,
    })
}

/// The address, with its host.
fn address(reader: &mut Reader, item: Value<'_>, keys: &Keys<'_>, folder: &Path) -> Option<(Address, String)> {
    let expected = "an http or https URL";
    let (value, found) = match (keys.get("url"), keys.get("url_file")) {
        (Some(value), None) => {
            let text = reader.text(value, expected)?;
            (value, target::url(text).map(|url| (Address::Url(url.clone()), url)).map_err(str::to_owned))
        }
        (None, Some(value)) => {
            let file = folder.join(reader.text(value, "a file with an http or https URL")?);
            let url = target::text(&file).and_then(|text| target::url(text.trim()).map_err(str::to_owned));
            (value, url.map(|url| (Address::File(file), url)))
        }
        (Some(_), Some(_)) | (None, None) => {
            reader.refuse(item, "the target has no one address", "either `url:` or `url_file:`");
            return None;
        }
    };
    match found {
        Ok((address, url)) => Some((address, target::host(&url))),
        Err(wrong) => {
            reader.refuse(value, "this is no address", wrong.trim_start_matches("expected "));
            None
        }
    }
}

/// The file with the secret: webhooks need one, and nobody else has any use for it.
fn secret_file(
    reader: &mut Reader,
    item: Value<'_>,
    keys: &Keys<'_>,
    kind: Kind,
    folder: &Path,
) -> Option<Option<std::path::PathBuf>> {
    match (kind, keys.get("secret_file")) {
        (Kind::Webhook, Some(value)) => {
            let file = folder.join(reader.text(value, "a file with the secret")?);
            let expected = "a file with whsec_ and 24 to 64 bytes as base64, a line each";
            sound(reader, value, target::secrets(&file), expected).map(|_| Some(file))
        }
        (Kind::Webhook, None) => {
            reader.refuse(item, "the webhook has no `secret_file`", "`secret_file:` with a file that holds its secret");
            None
        }
        (Kind::Slack | Kind::Alertmanager, Some(value)) => {
            let message = format!("a target of kind `{}` is not signed", kind.name());
            reader.refuse(value, message, "no `secret_file`");
            None
        }
        (Kind::Slack | Kind::Alertmanager, None) => Some(None),
    }
}

/// The file with what goes into the header `Authorization`.
fn authorization_file(
    reader: &mut Reader,
    keys: &Keys<'_>,
    kind: Kind,
    folder: &Path,
) -> Option<Option<std::path::PathBuf>> {
    let Some(value) = keys.get("authorization_file") else { return Some(None) };
    if kind == Kind::Slack {
        reader.refuse(value, "Slack knows its callers by the address", "no `authorization_file`");
        return None;
    }
    let expected = "a file with one line such as `Bearer …`";
    let file = folder.join(reader.text(value, expected)?);
    sound(reader, value, target::authorization(&file), expected).map(|_| Some(file))
}

/// What a file holds, where it can be used.
fn sound<T>(reader: &mut Reader, value: Value<'_>, held: Result<T, String>, expected: &str) -> Option<T> {
    held.map_err(|wrong| reader.refuse(value, wrong, expected)).ok()
}

/// The wording.
fn template(reader: &mut Reader, keys: &Keys<'_>, kind: Kind) -> Option<Option<Template>> {
    let Some(value) = keys.get("text") else { return Some(None) };
    if kind == Kind::Alertmanager {
        reader.refuse(value, "Alertmanager words its notifications by templates of its own", "no `text`");
        return None;
    }
    reader.parsed(value, "a text such as `{flag}: {text}`", Template::parse).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> String {
        parse("notify.yaml", text, Path::new("/nowhere")).expect_err(text).to_string()
    }

    #[test]
    fn targets_are_read_with_what_may_be_shown_of_them() {
        let text = "targets:\n  - { name: ops, kind: slack, url: https://hooks.example.com/services/T0/B0/key }\n  \
                    - { name: pager, kind: alertmanager, url: 'http://am:9093/prefix/' }\n";
        let targets = parse("notify.yaml", text, Path::new("/nowhere")).expect("sound");
        assert_eq!(format!("{targets:?}"), "[ops (slack at hooks.example.com), pager (alertmanager at am:9093)]");
        assert_eq!(targets[1].url().map(String::from), Ok("http://am:9093/prefix/api/v2/alerts".to_owned()));
        assert!(parse("notify.yaml", "targets: []\n", Path::new("/nowhere")).expect("nobody").is_empty());
    }

    #[test]
    fn a_mistake_says_where_and_what_was_expected_and_never_shows_an_address() {
        let said = wrong("targets:\n  - { name: ops, kind: slak, url: 'https://h/secret' }\n");
        assert!(said.starts_with("RAMPART_NOTIFY: notify.yaml:2:24: "), "{said}");
        assert!(said.contains("did you mean `slack`?") && !said.contains("secret"), "{said}");
        let said = wrong("targets:\n  - { name: ops, kind: slack, url: 'htps://h/secret' }\n");
        assert!(said.contains("notify.yaml:2:36: this is no address\nexpected an http or https URL"), "{said}");
        assert!(!said.contains("secret"), "{said}");
        for (text, expected) in [
            ("targets:\n  - { name: a, kind: webhook, url: 'http://h' }\n", "has no `secret_file`"),
            (
                "targets:\n  - { name: a, kind: webhook, url: 'http://h', secret_file: s }\n",
                "cannot read /nowhere/s: entity not found",
            ),
            ("targets:\n  - { name: a, kind: slack, url: 'http://h', secret_file: s }\n", "is not signed"),
            ("targets:\n  - { name: a, kind: slack }\n", "either `url:` or `url_file:`"),
            ("targets:\n  - { name: a, kind: slack, url: 'http://u:p@h' }\n", "without user, password"),
            (
                "targets:\n  - { name: a, kind: slack, url: 'http://h' }\n  - { name: a, kind: slack, url: 'http://h' }\n",
                "two targets have the name `a`",
            ),
            ("target: []\n", "unknown key `target`"),
            (
                "targets:\n  - { name: a, kind: slack, url: 'http://h', text: 'see {lnik}' }\n",
                "expected in braces one of {text}, {flag}, {kind}, {phase}, {percent}, {cause}, {at}, {link}",
            ),
            (
                "targets:\n  - { name: a, kind: alertmanager, url: 'http://h', text: '{text}' }\n",
                "by templates of its own",
            ),
            (
                "targets:\n  - { name: a, kind: alertmanager, url: 'http://h', authorization_file: t }\n",
                "cannot read /nowhere/t",
            ),
            (
                "targets:\n  - { name: a, kind: slack, url: 'http://h', authorization_file: t }\n",
                "no `authorization_file`",
            ),
        ] {
            let said = wrong(text);
            assert!(said.contains(expected), "{expected}: {said}");
        }
    }
}
