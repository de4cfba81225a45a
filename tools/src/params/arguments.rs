//! From the arguments of a call to a tool's type, with errors that name the argument, its value and what would work.
//! Knows no tool.

use schemars::JsonSchema;
use serde::de::{DeserializeOwned, value::MapDeserializer};
use serde_json::{Map, Value};

use super::{TimeSpan, schema::input_schema, text::shown};
use crate::error::{Code, ToolError};

/// What callers write for arguments that have another name here.
const OTHER_NAMES: &[(&str, &[&str])] = &[
    ("after", &["start"]),
    ("before", &["end"]),
    ("fields", &["filters", "group_by"]),
    ("filter", &["filters"]),
    ("from", &["start"]),
    ("indices", &["index"]),
    ("limit", &["size", "top"]),
    ("log_level", &["level"]),
    ("message_id", &["id"]),
    ("page", &["cursor"]),
    ("q", &["query"]),
    ("search", &["query"]),
    ("severity", &["level"]),
    ("since", &["start"]),
    ("size", &["top"]),
    ("time", &["around"]),
    ("timestamp", &["around"]),
    ("to", &["end"]),
    ("top", &["size"]),
    ("until", &["end"]),
];

/// Checks that every argument, also of nested objects, is one that the schema knows.
///
/// # Errors
/// `bad_argument` that names the argument, the nearest valid one, and all valid ones.
pub fn check_keys(arguments: &Map<String, Value>, schema: &Map<String, Value>) -> Result<(), ToolError> {
    let Some(Value::Object(properties)) = schema.get("properties") else { return Ok(()) };
    check_object(arguments, properties, "")
}

fn check_object(object: &Map<String, Value>, properties: &Map<String, Value>, path: &str) -> Result<(), ToolError> {
    for (name, value) in object {
        let Some(schema) = properties.get(name) else { return Err(unknown(name, properties, path)) };
        // Only what holds something needs its path.
        if value.is_object() || value.is_array() {
            check_value(value, schema, &format!("{path}{name}"))?;
        }
    }
    Ok(())
}

/// As deep as the schema goes, which is not deep.
fn check_value(value: &Value, schema: &Value, path: &str) -> Result<(), ToolError> {
    match value {
        Value::Object(object) => match properties_of(schema) {
            Some(properties) => check_object(object, properties, &format!("{path}.")),
            None => Ok(()),
        },
        Value::Array(members) => {
            let Some(items) = schema.get("items") else { return Ok(()) };
            members.iter().enumerate().try_for_each(|(position, member)| check_value(member, items, &format!("{path}[{position}]")))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

fn properties_of(schema: &Value) -> Option<&Map<String, Value>> {
    let own = schema.get("properties");
    let found = own.or_else(|| schema.get("anyOf")?.as_array()?.iter().find_map(|alternative| alternative.get("properties")));
    found?.as_object()
}

fn unknown(name: &str, properties: &Map<String, Value>, path: &str) -> ToolError {
    let valid: Vec<&str> = properties.keys().map(String::as_str).collect();
    let meant = nearest(name, &valid).map_or(String::new(), |nearest| format!("; did you mean `{path}{nearest}`?"));
    ToolError::new(
        Code::BadArgument,
        format!("unknown argument `{path}{}`{meant}", shown(name)),
        format!("valid {} {}", if path.is_empty() { "arguments are" } else { "keys are" }, valid.join(", ")),
    )
}

/// The valid name that is most likely meant: another name for it, or the one with the fewest differing letters.
pub fn nearest<'a>(name: &str, valid: &[&'a str]) -> Option<&'a str> {
    let name = name.to_ascii_lowercase();
    let other = OTHER_NAMES.iter().find(|(other, _)| *other == name).map_or(&[][..], |(_, names)| names);
    let meant = other.iter().find_map(|meant| valid.iter().copied().find(|valid| valid == meant));
    meant.or_else(|| {
        // Any two short names are few letters apart.
        let limit = match name.chars().count() {
            0..=2 => 0,
            3..=4 => 1,
            5..=8 => 2,
            _ => 3,
        };
        let near = valid.iter().map(|valid| (distance(&name, valid), *valid)).filter(|(distance, _)| *distance <= limit);
        // Of equally near ones, letters that only changed places are the likelier slip.
        near.min_by_key(|(distance, valid)| (*distance, sorted(valid) != sorted(&name))).map(|(_, valid)| valid)
    })
}

fn sorted(name: &str) -> Vec<char> {
    let mut letters: Vec<char> = name.chars().collect();
    letters.sort_unstable();
    letters
}

/// Levenshtein's distance: how many letters to insert, remove or replace. Names beyond 64 letters are far from all.
fn distance(one: &str, other: &str) -> usize {
    if one.len() > 64 || other.len() > 64 {
        return usize::MAX;
    }
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (above, letter) in one.chars().enumerate() {
        let mut next = Vec::with_capacity(row.len());
        next.push(above + 1);
        for ((same, removed), expected) in row.iter().zip(row.iter().skip(1)).zip(&other) {
            let replaced = same + usize::from(letter != *expected);
            let inserted = next.last().copied().unwrap_or_default() + 1;
            next.push(replaced.min(removed + 1).min(inserted));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

/// Reads a tool's type from checked arguments. An argument that is `null` is absent.
///
/// # Errors
/// `bad_argument` (`bad_time` for a length of time) that names the argument, what is wrong with its value, and what
/// would work.
pub fn from_arguments<T: DeserializeOwned + JsonSchema>(arguments: &Map<String, Value>) -> Result<T, ToolError> {
    let given = || arguments.iter().filter(|(_, value)| !value.is_null());
    T::deserialize(MapDeserializer::new(given().map(|(name, value)| (name.as_str(), value)))).map_err(|error: serde_json::Error| {
        let given = given().map(|(name, value)| (name.clone(), value.clone())).collect();
        refused::<T>(&given, &error.to_string())
    })
}

fn refused<T: DeserializeOwned + JsonSchema>(given: &Map<String, Value>, why: &str) -> ToolError {
    let schema = input_schema::<T>();
    let described = |name: &str| schema.get("properties")?.get(name).and_then(|property| what_works(name, property));
    if let Some(name) = missing(why) {
        return ToolError::new(
            Code::BadArgument,
            format!("`{name}` is required"),
            described(name).unwrap_or_else(|| format!("give `{name}`")),
        );
    }
    let code = if why.contains(TimeSpan::REFUSED) { Code::BadTime } else { Code::BadArgument };
    match culprit::<T>(given, why) {
        Some(name) => ToolError::new(
            code,
            format!("`{name}`: {}", shown_reason(why)),
            described(name).unwrap_or_else(|| format!("correct `{name}`, or leave it out")),
        ),
        None => ToolError::new(code, shown_reason(why), "correct the argument, or leave it out"),
    }
}

/// What an argument takes, from its published schema.
fn what_works(name: &str, property: &Value) -> Option<String> {
    if let Some(words) = property.get("enum").and_then(Value::as_array) {
        let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
        return Some(format!("`{name}` is one of {}", words.join(", ")));
    }
    if let (Some(least), Some(most)) = (property.get("minimum"), property.get("maximum")) {
        let default = property.get("default").map_or(String::new(), |default| format!("; {default} when left out"));
        return Some(format!("`{name}` is a whole number from {least} to {most}{default}"));
    }
    let description = property.get("description")?.as_str()?;
    Some(format!("`{name}`: {description}"))
}

/// The required argument that serde misses.
fn missing(why: &str) -> Option<&str> {
    why.strip_prefix("missing field `")?.strip_suffix('`')
}

/// The argument without which the error is another one, or none: serde tells only what is wrong, not where.
fn culprit<'a, T: DeserializeOwned>(given: &'a Map<String, Value>, why: &str) -> Option<&'a str> {
    given.keys().map(String::as_str).find(|name| {
        let mut rest = given.clone();
        rest.remove(*name);
        match T::deserialize(Value::Object(rest)) {
            Ok(_) => true,
            // Taking a required argument away is no proof against it, unless nothing else is wrong.
            Err(error) => {
                let error = error.to_string();
                error != why && (missing(&error) != Some(*name) || is_alone::<T>(given, name, why))
            }
        }
    })
}

/// Whether a required argument alone fails in the same way.
fn is_alone<T: DeserializeOwned>(given: &Map<String, Value>, name: &str, why: &str) -> bool {
    let only: Map<String, Value> =
        given.iter().filter(|(other, _)| *other == name).map(|(name, value)| (name.clone(), value.clone())).collect();
    T::deserialize(Value::Object(only)).is_err_and(|error| error.to_string() == why)
}

/// The reason on one line, at most 300 characters: it may quote the caller.
fn shown_reason(why: &str) -> String {
    why.chars().take(300).map(|char| if char.is_control() { ' ' } else { char }).collect()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;
    use crate::params::{Baseline, OneOrMany, Scope, Text, Top};

    #[derive(Debug, Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "what is read is not looked at")]
    struct Sample {
        #[serde(flatten)]
        scope: Scope,
        /// Any id
        id: Text,
        /// How many
        #[serde(default)]
        top: Top,
        #[serde(default)]
        baseline: Baseline,
        kinds: Option<OneOrMany<Kind>>,
    }

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        Pod,
        Image,
    }

    fn read(arguments: Value) -> Result<Sample, ToolError> {
        let arguments = arguments.as_object().unwrap();
        check_keys(arguments, &input_schema::<Sample>())?;
        from_arguments(arguments)
    }

    #[test]
    fn numbers_strings_lists_and_their_texts_are_accepted_alike() {
        for arguments in [
            json!({"id": 5}),
            json!({"id": "a", "top": "7", "explain": "true", "max_tokens": "900", "start": 1_774_450_377, "index": null}),
            json!({"id": "a", "kinds": "pod"}),
            json!({"id": "a", "kinds": ["pod", "image"]}),
            json!({"id": "a", "kinds": "pod, image"}),
            json!({"id": "a", "filters": []}),
            json!({"id": "a", "filters": {"field": "a", "value": 1}}),
            json!({"id": "a", "filters": "[{\"field\": \"a\", \"value\": 1}]"}),
            json!({"id": "a", "filters": [{"field": "a", "op": "one_of", "value": [1, "b", true, 2.5]}]}),
            json!({"id": "a", "baseline": {"start": "now-2d", "end": "now-1d"}}),
        ] {
            assert!(read(arguments.clone()).is_ok(), "{arguments} {:?}", read(arguments.clone()).err());
        }
    }

    #[test]
    fn an_unknown_argument_names_the_nearest_and_all_valid_ones() {
        for (arguments, message) in [
            (json!({"id": 1, "servce": "a"}), "unknown argument `servce`; did you mean `service`?"),
            (json!({"id": 1, "from": "a"}), "unknown argument `from`; did you mean `start`?"),
            (json!({"id": 1, "limit": 5}), "unknown argument `limit`; did you mean `top`?"),
            (json!({"id": 1, "Top": 5}), "unknown argument `Top`; did you mean `top`?"),
            (json!({"id": 1, "zzzzzz": 5}), "unknown argument `zzzzzz`"),
            (json!({"id": 1, "filters": [{"field": "a", "operator": "is"}]}), "unknown argument `filters[0].operator`"),
            (json!({"id": 1, "xy": 5}), "unknown argument `xy`"),
            (json!({"id": 1, "filters": [{"feld": "a"}]}), "unknown argument `filters[0].feld`; did you mean `filters[0].field`?"),
            (json!({"id": 1, "baseline": {"strat": "a"}}), "unknown argument `baseline.strat`; did you mean `baseline.start`?"),
        ] {
            let error = read(arguments).unwrap_err();
            assert_eq!((error.code, error.message.as_str()), (Code::BadArgument, message));
            assert!(error.next_step.starts_with("valid "));
        }
        let error = read(json!({"nonsense": 1})).unwrap_err();
        assert!(error.next_step.contains("service") && error.next_step.contains("kinds"), "{}", error.next_step);
    }

    #[test]
    fn a_value_of_the_wrong_type_or_size_names_its_argument() {
        for (arguments, argument, code) in [
            (json!({}), "`id` is required", Code::BadArgument),
            (json!({"id": null}), "`id` is required", Code::BadArgument),
            (json!({"id": ""}), "`id`: it is empty", Code::BadArgument),
            (json!({"id": {"a": 1}}), "`id`: invalid type: map", Code::BadArgument),
            (json!({"id": 1, "top": 0}), "`top`: 0 is below the least, 1", Code::BadArgument),
            (json!({"id": 1, "top": 101, "service": "a"}), "`top`: 101 is above the cap, 100", Code::BadArgument),
            (json!({"id": 1, "service": ["a", {}]}), "`service`: invalid type: map", Code::BadArgument),
            (json!({"id": 1, "level": []}), "`level`: it is empty", Code::BadArgument),
            (json!({"id": 1, "start": ["a"]}), "`start`: invalid type: sequence", Code::BadArgument),
            (json!({"id": 1, "query": "x".repeat(5_000)}), "`query`: it is longer than 4,096 bytes", Code::BadArgument),
            (json!({"id": 1, "kinds": "node"}), "`kinds`: unknown variant `node`, expected `pod` or `image`", Code::BadArgument),
            (json!({"id": 1, "filters": [{"field": "a", "op": "like"}]}), "`filters`: unknown variant `like`", Code::BadArgument),
            (json!({"id": 1, "filters": [{"op": "is"}]}), "`filters`: a condition has no `field`", Code::BadArgument),
            (json!({"id": 1, "filters": "a"}), "`filters`: ", Code::BadArgument),
            (json!({"id": 1, "filters": [{"field": "a", "value": {"b": 1}}]}), "`filters`: a value is a string", Code::BadArgument),
            (json!({"id": 1, "max_tokens": 10}), "`max_tokens`: 10 is below the least, 500", Code::BadArgument),
            (json!({"id": 1, "explain": "maybe"}), "`explain`: `maybe` is neither", Code::BadArgument),
            (json!({"id": 1, "window": "soon"}), "`window`: `soon` is no length of time", Code::BadTime),
            (json!({"id": 1, "baseline": "before"}), "`baseline`: `before` is none of", Code::BadArgument),
            (json!({"id": 1, "baseline": {"start": "now"}}), "`baseline`: a range has `start` and `end`", Code::BadArgument),
        ] {
            let error = read(arguments.clone()).unwrap_err();
            assert!(error.message.starts_with(argument), "{arguments}: {}", error.message);
            assert_eq!(error.code, code, "{arguments}");
            assert!(!error.next_step.is_empty() && error.message.len() < 500);
        }
    }

    #[test]
    fn the_next_step_says_what_the_argument_takes() {
        for (arguments, next_step) in [
            (json!({"id": 1, "top": 0}), "`top` is a whole number from 1 to 100; 10 when left out"),
            (json!({}), "`id`: Any id"),
            (json!({"id": 1, "service": {}}), "correct `service`, or leave it out"),
        ] {
            assert_eq!(read(arguments).unwrap_err().next_step, next_step);
        }
    }

    #[test]
    fn of_equally_near_names_the_one_with_the_same_letters_is_meant() {
        assert_eq!(nearest("strat", &["sort", "start"]), Some("start"));
        assert_eq!(nearest("srot", &["start", "sort"]), None);
    }

    #[test]
    fn the_distance_of_names_counts_letters() {
        for (one, other, expected) in [("", "", 0), ("a", "", 1), ("servce", "service", 1), ("tpo", "top", 2), ("kitten", "sitting", 3)] {
            assert_eq!(distance(one, other), expected);
        }
    }
}
