//! The published JSON schema of an answer: small, without references and without nullable types.

use serde_json::{Map, Value};

/// The output schema of a tool whose main table can have these columns, and that has these sections beside it.
pub fn output_schema(columns: &[&str], sections: &[&str]) -> Map<String, Value> {
    let mut properties = Map::new();
    let mut add = |name: &str, schema: Map<String, Value>| properties.insert(name.to_owned(), Value::Object(schema));
    add("summary", of_type("string"));
    for name in ["window", "totals", "partial", "fields"] {
        add(name, of_type("object"));
    }
    if !columns.is_empty() {
        let mut names = list_of("string");
        names.insert("description".to_owned(), Value::String(columns.join(" ")));
        add("columns", names);
        add("rows", list_of("array"));
        for name in ["constants", "truncated"] {
            add(name, of_type("object"));
        }
        add("next_cursor", of_type("string"));
    }
    for name in sections {
        add(name, of_type("object"));
    }
    add("hints", list_of("object"));
    add("notes", list_of("string"));
    let mut schema = of_type("object");
    schema.insert("properties".to_owned(), Value::Object(properties));
    schema.insert("required".to_owned(), Value::Array(vec![Value::String("summary".to_owned())]));
    schema
}

fn of_type(name: &str) -> Map<String, Value> {
    Map::from_iter([("type".to_owned(), Value::String(name.to_owned()))])
}

fn list_of(name: &str) -> Map<String, Value> {
    let mut list = of_type("array");
    list.insert("items".to_owned(), Value::Object(of_type(name)));
    list
}
