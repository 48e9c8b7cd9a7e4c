//! From text to policy.

use super::log::{Log, Wrong};
use super::mistakes::Mistakes;
use super::model::Policy;
use super::span::Span;
use super::yaml::MAX_BYTES;
use super::{lint, read, yaml};

/// Reads a policy. `file` is only for messages. All mistakes are told at once; only where the
/// text is no YAML is that told alone.
pub fn parse(file: &str, text: &str) -> Result<Policy, Mistakes> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut log = Log::default();
    if text.len() > MAX_BYTES {
        let wrong = Wrong::new(format!("the policy is {} bytes long", text.len()));
        log.add(Span::START, wrong.expected(format!("at most {MAX_BYTES} bytes")));
        // Not a word of it is shown, so that a wrong file is not held and printed.
        return Err(Mistakes::new(file, "", log.into_findings()));
    }
    let policy = draft(&mut log, text);
    let findings = log.into_findings();
    match policy {
        Some(policy) if findings.is_empty() => Ok(policy),
        Some(_) | None => Err(Mistakes::new(file, text, findings)),
    }
}

fn draft(log: &mut Log, text: &str) -> Option<Policy> {
    let root = yaml::tree(log, text);
    let Some(root) = root else {
        if log.is_empty() {
            log.add(Span::START, Wrong::new("the policy is empty").expected("`flag`, `stages` and `checks`"));
        }
        return None;
    };
    let draft = read::policy(log, &root)?;
    lint::policy(log, &draft);
    draft.policy()
}
