//! The published schema of a tool's arguments: derived from its type, then reduced to what every client understands.
//! Knows no tool.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value};

/// The schema of the arguments of `T`, with the description of `T` in it: one object without references, nullable types,
/// formats or titles.
pub fn input_schema<T: JsonSchema>() -> Map<String, Value> {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    settings.meta_schema = None;
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    reduce(&mut schema);
    match schema {
        Value::Object(mut schema) => {
            schema.insert("type".to_owned(), "object".into());
            schema.insert("additionalProperties".to_owned(), false.into());
            schema.entry("properties").or_insert_with(|| Map::new().into());
            schema
        }
        _ => Map::new(),
    }
}

fn reduce(schema: &mut Value) {
    let Value::Object(object) = schema else { return };
    for noise in ["title", "format", "$schema", "unevaluatedProperties"] {
        object.remove(noise);
    }
    if object.get("default").is_some_and(|default| default.is_null() || *default == Value::Bool(false)) {
        object.remove("default");
    }
    if let Some(Value::String(description)) = object.get_mut("description") {
        // A comment is wrapped in the source, not for its readers.
        *description = description.split_whitespace().collect::<Vec<_>>().join(" ");
    }
    for alternatives in ["anyOf", "oneOf"] {
        reduce_alternatives(object, alternatives);
    }
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(values)) = object.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    if let Some(Value::Object(properties)) = object.get_mut("properties") {
        properties.values_mut().for_each(reduce);
    }
    if let Some(items) = object.get_mut("items") {
        reduce(items);
        // The list has a description of its own.
        if let Value::Object(items) = items {
            items.remove("description");
        }
    }
}

/// Leaves `null` out, makes one list of words that have a description each, and unwraps what is left alone.
fn reduce_alternatives(object: &mut Map<String, Value>, key: &str) {
    let Some(Value::Array(mut alternatives)) = object.remove(key) else { return };
    alternatives.retain(|alternative| alternative.get("type").is_none_or(|name| name != "null"));
    alternatives.iter_mut().for_each(reduce);
    let words: Option<Vec<Value>> = alternatives.iter().map(words_of).collect::<Option<Vec<_>>>().map(|words| words.concat());
    if let Some(words) = words.filter(|words| !words.is_empty()) {
        object.insert("type".to_owned(), "string".into());
        object.insert("enum".to_owned(), words.into());
        return;
    }
    if let [Value::Object(only)] = alternatives.as_slice() {
        for (name, value) in only {
            object.entry(name.as_str()).or_insert_with(|| value.clone());
        }
        return;
    }
    object.insert(key.to_owned(), alternatives.into());
}

/// The words that a schema consists of, if it is nothing but words.
fn words_of(schema: &Value) -> Option<Vec<Value>> {
    match (schema.get("const"), schema.get("enum")) {
        (Some(word @ Value::String(_)), None) => Some(vec![word.clone()]),
        (None, Some(Value::Array(words))) => Some(words.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::params::{Baseline, Moment, OneOrMany, Scope, Size, Text, Top};

    /// Does
    /// something.
    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Sample {
        #[serde(flatten)]
        scope: Scope,
        /// The id
        id: Text,
        at: Option<Moment>,
        #[serde(default)]
        top: Top,
        #[serde(default)]
        size: Size,
        #[serde(default)]
        baseline: Baseline,
        kinds: Option<OneOrMany<Kind>>,
        kind: Option<Kind>,
        small: Option<u8>,
    }

    #[derive(Deserialize, JsonSchema)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        /// With a description.
        Pod,
        Image,
    }

    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Shared {
        #[serde(flatten)]
        scope: Scope,
    }

    fn text<T: JsonSchema>() -> String {
        serde_json::to_string(&input_schema::<T>()).unwrap()
    }

    #[test]
    fn what_clients_choke_on_is_gone() {
        let text = text::<Sample>();
        for noise in ["$ref", "$defs", "null", "format", "title", "$schema", "oneOf", "\"type\":["] {
            assert!(!text.contains(noise), "{noise} in {text}");
        }
        assert!(text.contains("\"description\":\"Does something.\""), "{text}");
        insta::assert_snapshot!(serde_json::to_string_pretty(&input_schema::<Sample>()).unwrap());
    }

    #[test]
    fn every_property_says_what_it_takes() {
        let schema = input_schema::<Sample>();
        assert_eq!(schema.get("additionalProperties"), Some(&Value::Bool(false)));
        assert_eq!(schema.get("required"), Some(&serde_json::json!(["id"])));
        for (name, property) in schema["properties"].as_object().unwrap() {
            assert!(["type", "enum", "anyOf"].iter().any(|key| property.get(key).is_some()), "{name}");
        }
    }

    #[test]
    fn the_shared_arguments_are_short() {
        let text = text::<Shared>();
        assert!(text.len() <= 790, "{} bytes: {text}", text.len());
    }
}
