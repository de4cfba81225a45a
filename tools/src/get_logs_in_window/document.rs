//! A whole document as pairs of field and value. Knows nothing of what the fields mean.

use serde_json::{Value, value::RawValue};

use crate::{
    answer::{Cell, Section},
    look::Hit,
};

/// Fields that are shown at most: how many were left out is told.
const MAX_FIELDS: usize = 150;

/// Levels of objects inside objects; what lies deeper is shown as JSON.
const MAX_DEPTH: usize = 20;

/// The document behind a hit: where it is, then every field by its full name, in the order of names.
pub(super) fn section(hit: &Hit<'_>) -> Section {
    let mut pairs = vec![("index".to_owned(), Cell::from(&*hit.index)), ("id".to_owned(), Cell::from(&*hit.id))];
    match hit.source.and_then(read) {
        Some(document) => flatten(String::new(), &document, 0, &mut pairs),
        // Without a source (it can be switched off) there is what the fields tell.
        None => pairs.extend(hit.values.iter().map(|(field, values)| (field.name().to_owned(), Cell::from(values.as_slice())))),
    }
    let left = pairs.len().saturating_sub(MAX_FIELDS);
    if left > 0 {
        pairs.truncate(MAX_FIELDS);
        pairs.push(("left out".to_owned(), Cell::from(format!("{left} fields"))));
    }
    Section::object("document", pairs)
}

fn read(source: &RawValue) -> Option<Value> {
    serde_json::from_str(source.get()).ok()
}

fn flatten(name: String, value: &Value, depth: usize, into: &mut Vec<(String, Cell)>) {
    match value {
        Value::Object(fields) if depth < MAX_DEPTH => {
            for (key, value) in fields {
                let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                flatten(name, value, depth + 1, into);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) && depth < MAX_DEPTH => {
            for (at, item) in items.iter().enumerate() {
                flatten(format!("{name}.{at}"), item, depth + 1, into);
            }
        }
        Value::Array(items) => into.push((name, Cell::List(items.iter().map(cell).collect()))),
        value => into.push((name, cell(value))),
    }
}

fn cell(value: &Value) -> Cell {
    match value {
        Value::Null => Cell::Null,
        Value::Bool(value) => Cell::Bool(*value),
        // As it was sent: digits of an id must not be rounded.
        Value::Number(number) => number.as_i64().map_or_else(|| Cell::from(number.to_string()), Cell::Int),
        Value::String(text) => Cell::from(text),
        Value::Array(_) | Value::Object(_) => Cell::from(value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(document: &str, expected: &[(&str, Cell)]) {
        let mut pairs = Vec::new();
        flatten(String::new(), &serde_json::from_str(document).unwrap(), 0, &mut pairs);
        let pairs: Vec<_> = pairs.iter().map(|(name, cell)| (name.as_str(), cell.clone())).collect();
        assert_eq!(pairs, expected);
    }

    #[test]
    fn each_field_has_its_full_name() {
        check(r#"{"b":{"c":1,"d.e":"x"},"a":null}"#, &[("a", Cell::Null), ("b.c", Cell::Int(1)), ("b.d.e", "x".into())]);
    }

    #[test]
    fn lists_of_values_stay_together_and_lists_of_objects_are_numbered() {
        check(r#"{"a":[1,"x"]}"#, &[("a", Cell::List(vec![Cell::Int(1), "x".into()]))]);
        check(r#"{"a":[{"b":1},{"b":2}]}"#, &[("a.0.b", Cell::Int(1)), ("a.1.b", Cell::Int(2))]);
    }

    #[test]
    fn digits_are_kept() {
        check(r#"{"a":18446744073709551615,"b":0.25}"#, &[("a", "18446744073709551615".into()), ("b", "0.25".into())]);
    }
}
