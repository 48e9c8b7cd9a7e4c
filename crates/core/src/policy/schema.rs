//! A JSON Schema of the policy language, for editors: completion, hints, and most mistakes while
//! they are typed. What makes sense is told by [`super::parse`] alone.

use super::duration::written;
use super::keys::{Key, POLICY, Shape};
use super::number::MAX_COUNT;
use super::read_check::MAX_CHECK_NAME_LEN;
use crate::FlagKey;
use serde_json::{Map, Value, json};

/// The schema as it is committed: JSON Schema 2020-12.
pub fn schema() -> Value {
    let mut schema = mapping(POLICY);
    let head = [
        ("$schema", json!("https://json-schema.org/draft/2020-12/schema")),
        ("title", json!("Rampart policy")),
        ("description", json!("How one flag is rolled out, and what pulls it back.")),
    ];
    if let Value::Object(schema) = &mut schema {
        schema.extend(head.map(|(name, value)| (name.to_owned(), value)));
    }
    schema
}

fn mapping(keys: &[Key]) -> Value {
    let properties: Map<String, Value> = keys.iter().map(|key| (key.name.to_owned(), property(key))).collect();
    let required: Vec<&str> = keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn property(key: &Key) -> Value {
    let mut schema = of(&key.shape);
    if let Value::Object(schema) = &mut schema {
        let default = key.default.map(|written| format!(" Default: {written}.")).unwrap_or_default();
        schema.insert("description".to_owned(), json!(format!("{}{default}", key.about)));
    }
    schema
}

fn of(shape: &Shape) -> Value {
    match shape {
        Shape::Text(longest) => json!({ "type": "string", "minLength": 1, "maxLength": longest }),
        Shape::FlagName => {
            json!({ "type": "string", "pattern": "^[A-Za-z0-9_.-]+$", "minLength": 1, "maxLength": FlagKey::MAX_LEN })
        }
        Shape::Percent => json!({ "anyOf": [
            { "type": "number", "minimum": 0, "maximum": 100 },
            { "type": "string", "pattern": "^[0-9]{1,3}(\\.[0-9]{1,2})? ?%$" },
        ] }),
        Shape::Condition => {
            json!({ "type": "string", "pattern": "^ *(<=|>=|==|<|>) *[0-9]+(\\.[0-9]+)? *(%|ms|s)? *$" })
        }
        Shape::Cron => json!({ "type": "string", "pattern": "^ *([^ ]+ +){4,5}[^ ]+ *$" }),
        Shape::Date => json!({ "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" }),
        Shape::Count(least) => json!({ "type": "integer", "minimum": least, "maximum": MAX_COUNT }),
        Shape::Truth => json!({ "type": "boolean" }),
        Shape::Duration(least, most) => json!({
            "type": "string",
            "pattern": "^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$",
            "minLength": 2,
            "$comment": format!("from {} to {}", written(*least), written(*most)),
        }),
        Shape::Words(words) => json!({ "enum": words() }),
        Shape::List(item, least, most) => {
            json!({ "type": "array", "items": of(item), "minItems": least, "maxItems": most })
        }
        Shape::Map(keys) => mapping(keys),
        Shape::ByCheck(value, most, keys) => {
            let mut schema = mapping(keys);
            if let Value::Object(schema) = &mut schema {
                schema.insert("additionalProperties".to_owned(), of(value));
                let name = format!("^[A-Za-z0-9_-]{{1,{MAX_CHECK_NAME_LEN}}}$");
                schema.insert("propertyNames".to_owned(), json!({ "pattern": name }));
                schema.insert("minProperties".to_owned(), json!(1));
                schema.insert("maxProperties".to_owned(), json!(most + keys.len()));
            }
            schema
        }
        Shape::AnyOf(shapes) => {
            let shapes: Vec<Value> = shapes.iter().map(of).collect();
            json!({ "anyOf": shapes })
        }
    }
}

#[cfg(test)]
#[path = "schema_tests.rs"]
mod tests;
