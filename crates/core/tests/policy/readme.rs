//! The language is documented whole, and its examples are sound.

use super::sound;
use rampart_core::policy::schema;
use serde_json::Value;
use std::collections::BTreeSet;

const README: &str = include_str!("../../../../policies/README.md");

/// Every key of the language, however deep.
fn keys(schema: &Value, found: &mut BTreeSet<String>) {
    match schema {
        Value::Object(map) => {
            if let Some(Value::Object(properties)) = map.get("properties") {
                found.extend(properties.keys().cloned());
            }
            map.values().for_each(|value| keys(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| keys(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_key_is_documented() {
    let mut all = BTreeSet::new();
    keys(&schema(), &mut all);
    assert!(all.len() > 50, "{all:?}");
    let missing: Vec<&String> =
        all.iter().filter(|key| !README.contains(&format!("`{key}")) && !README.contains(&format!("{key}:"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_example_is_sound() {
    let examples: Vec<&str> = README.split("```yaml\n").skip(1).filter_map(|block| block.split("```").next()).collect();
    assert_eq!(examples.len(), 4);
    sound(examples[0]);
    let stages = "flag: f\nstages: [{ percent: 5, soak: 1h }, { percent: 100, soak: 1h }]\n";
    let checks = "checks:\n  error_rate: { signal: live.error_rate, rollback_if: \"> 1%\" }\n  \
                  p95_latency: { signal: live.p95, advance_if: \"< 500ms\" }\n";
    for example in &examples[1..] {
        let checks = if example.starts_with("checks:") { "" } else { checks };
        sound(&format!("{stages}{checks}{example}"));
    }
}
