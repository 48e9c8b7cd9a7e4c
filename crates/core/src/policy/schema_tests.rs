//! The schema says of a policy what the reader says, as far as shapes go.
//!
//! It is held against policies by a small judge of our own that knows the words the schema uses,
//! and stops at any other.

use super::schema;
use crate::policy::log::Log;
use crate::policy::node::{Kind, Node};
use crate::policy::{parse, yaml};
use regex::Regex;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A policy as an editor sees it: a bare word may be a number or a truth.
fn value(node: &Node) -> Value {
    match &node.kind {
        Kind::Text { text, bare: true } => serde_json::from_str(text)
            .ok()
            .filter(|value: &Value| value.is_number() || value.is_boolean())
            .unwrap_or_else(|| json!(text)),
        Kind::Text { text, .. } => json!(text),
        Kind::List(items) => items.iter().map(value).collect(),
        Kind::Map(entries) => entries.iter().map(|entry| (entry.name.clone(), value(&entry.value))).collect(),
        Kind::Refused => Value::Null,
    }
}

/// Why `value` does not fit the schema.
fn misfit(schema: &Value, value: &Value, at: &str) -> Option<String> {
    let wrong = |why: String| Some(format!("{at}: {why}"));
    for (word, said) in schema.as_object().unwrap() {
        let found = match word.as_str() {
            "$schema" | "$comment" | "title" | "description" => None,
            "properties" | "additionalProperties" | "propertyNames" if !value.is_object() => None,
            "type" => {
                let fits = match said.as_str().unwrap() {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "boolean" => value.is_boolean(),
                    "integer" => value.is_u64(),
                    "number" => value.is_number(),
                    other => panic!("{other}"),
                };
                if fits { None } else { wrong(format!("{value} is no {said}")) }
            }
            "enum" if said.as_array().unwrap().contains(value) => None,
            "enum" => wrong(format!("{value} is none of {said}")),
            "anyOf" => {
                let all: Option<Vec<String>> =
                    said.as_array().unwrap().iter().map(|one| misfit(one, value, at)).collect();
                all.map(|all| all.join(" and "))
            }
            "required" => said
                .as_array()
                .unwrap()
                .iter()
                .find(|key| value.is_object() && value.get(key.as_str().unwrap()).is_none())
                .and_then(|key| wrong(format!("{key} is missing"))),
            "properties" => said.as_object().unwrap().iter().find_map(|(key, schema)| {
                value.get(key).and_then(|value| misfit(schema, value, &format!("{at}/{key}")))
            }),
            "additionalProperties" => {
                let others =
                    value.as_object().unwrap().iter().filter(|(key, _)| schema["properties"].get(key).is_none());
                others.into_iter().find_map(|(key, value)| {
                    let unknown = *said == json!(false);
                    if unknown {
                        wrong(format!("{key} is unknown"))
                    } else {
                        misfit(said, value, &format!("{at}/{key}"))
                    }
                })
            }
            "propertyNames" => value.as_object().unwrap().keys().find_map(|key| misfit(said, &json!(key), at)),
            "items" => value.as_array().and_then(|items| items.iter().find_map(|item| misfit(said, item, at))),
            "pattern" => {
                let fits = |text: &str| Regex::new(said.as_str().unwrap()).unwrap().is_match(text);
                value
                    .as_str()
                    .filter(|text| !fits(text))
                    .and_then(|text| wrong(format!("{text} does not match {said}")))
            }
            limit => {
                let size = match (limit, value) {
                    ("minimum" | "maximum", Value::Number(number)) => number.as_f64().unwrap(),
                    ("minLength" | "maxLength", Value::String(text)) => text.chars().count() as f64,
                    ("minItems" | "maxItems", Value::Array(items)) => items.len() as f64,
                    ("minProperties" | "maxProperties", Value::Object(map)) => map.len() as f64,
                    ("minimum" | "maximum" | "minLength" | "maxLength" | "minItems" | "maxItems", _) => continue,
                    other => panic!("{other:?}"),
                };
                let edge = said.as_f64().unwrap();
                let fits = if limit.starts_with("min") { size >= edge } else { size <= edge };
                if fits { None } else { wrong(format!("{size} is beyond {limit} {edge}")) }
            }
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

fn judged(text: &str) -> Option<String> {
    let tree = yaml::tree(&mut Log::default(), text)?;
    misfit(&schema(), &value(&tree), "")
}

#[test]
fn the_committed_schema_is_the_one_the_reader_goes_by() {
    let file = root().join("policies/schema.json");
    let committed: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(committed, schema(), "make it again: rampart policy schema > policies/schema.json");
}

#[test]
fn sound_policies_fit_the_schema() {
    for file in ["policies/part_lens_v2.yaml", "crates/core/tests/policy/every_key.yaml"] {
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        assert!(parse(file, &text).is_ok(), "{file}");
        assert_eq!(judged(&text), None, "{file}");
    }
}

#[test]
fn what_an_editor_can_see_does_not_fit_the_schema() {
    let shipped = std::fs::read_to_string(root().join("policies/part_lens_v2.yaml")).unwrap();
    for (sound, wrong, said) in [
        ("flag: part_lens_v2", "flag: part lens", "/flag: part lens does not match"),
        ("flag: part_lens_v2\n", "", "\"flag\" is missing"),
        ("soak: 1h", "soak: 1 h", "/stages/soak: 1 h does not match"),
        ("percent: 5,", "percent: 500,", "500 is beyond maximum 100"),
        ("min_requests: 100", "min_requests: many", "\"many\" is no \"integer\""),
        ("tick: 5s", "tock: 5s", "tock is unknown"),
        ("signal: live.p95", "signal: live.p59", "\"live.p59\" is none of"),
        ("rollback_if: \"> 1000ms\"", "rollback_if: \"1000ms\"", "1000ms does not match"),
        ("min_samples: 200", "min_sample: 200", "min_sample is unknown"),
        ("no_worse, p95", "no_better, p95", "\"no_better\" is none of"),
        ("notify: [ops]", "notify: ops", "\"ops\" is no \"array\""),
        ("[acceptance,", "[aceptance,", "\"aceptance\" is none of"),
    ] {
        assert!(shipped.contains(sound), "{sound}");
        let text = shipped.replacen(sound, wrong, 1);
        assert!(parse("wrong", &text).is_err(), "{wrong}");
        let told = judged(&text).unwrap_or_else(|| panic!("{wrong} fits"));
        assert!(told.contains(said), "{wrong}: {told}");
    }
}
