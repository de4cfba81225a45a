//! What a client gets from `tools/list`: a snapshot of each tool, and what must hold for all of them. A change here is a
//! change of the interface: read it as such, then accept it with `cargo insta test --accept -p elk-mcp-tools --test catalogue`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use elk_mcp_tools::{Entry, catalogue};
use serde_json::{Map, Value, json};

/// The most that the catalogue may cost a model that reads no output schemas, in bytes: 6,000 tokens.
const MOST_BYTES: usize = 18_000;
/// The most that it may cost with output schemas, in bytes.
const MOST_BYTES_WITH_OUTPUT: usize = 28_000;
/// The longest description of a tool or an argument, in bytes.
const LONGEST_DESCRIPTION: usize = 400;

/// A tool as `tools/list` serialises it.
fn published(tool: &Entry, with_output: bool) -> Value {
    let mut published = json!({
        "name": tool.name,
        "title": tool.title,
        "description": tool.description,
        "inputSchema": tool.input_schema,
        "annotations": {"readOnlyHint": true},
    });
    if with_output {
        published["outputSchema"] = tool.output_schema.clone().into();
    }
    published
}

fn catalogue_bytes(with_output: bool) -> usize {
    let tools: Vec<Value> = catalogue().iter().map(|tool| published(tool, with_output)).collect();
    serde_json::to_string(&tools).unwrap().len()
}

/// Calls `check` with every schema in a schema, itself among them, and the path to it.
fn visit(schema: &Map<String, Value>, path: &str, check: &mut dyn FnMut(&str, &Map<String, Value>)) {
    check(path, schema);
    if let Some(Value::Object(properties)) = schema.get("properties") {
        for (name, property) in properties {
            visit(property.as_object().unwrap_or_else(|| panic!("{path}.{name} is no schema")), &format!("{path}.{name}"), check);
        }
    }
    for alternatives in ["anyOf", "oneOf", "allOf"] {
        for (number, alternative) in schema.get(alternatives).and_then(Value::as_array).into_iter().flatten().enumerate() {
            visit(alternative.as_object().unwrap(), &format!("{path}.{alternatives}[{number}]"), check);
        }
    }
    if let Some(items) = schema.get("items") {
        visit(items.as_object().unwrap_or_else(|| panic!("{path}.items is no schema")), &format!("{path}[]"), check);
    }
}

/// Calls `check` with every schema that is published.
fn visit_all(check: &mut dyn FnMut(&str, &Map<String, Value>)) {
    for tool in catalogue() {
        visit(&tool.input_schema, tool.name, check);
        visit(&tool.output_schema, &format!("{} (output)", tool.name), check);
    }
}

#[test]
fn each_tool_is_published_as_its_snapshot_says() {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for tool in catalogue() {
            insta::assert_snapshot!(tool.name, serde_json::to_string_pretty(&published(tool, true)).unwrap());
        }
    });
}

#[test]
fn the_catalogue_costs_a_model_little() {
    let (bare, whole) = (catalogue_bytes(false), catalogue_bytes(true));
    assert!(bare <= MOST_BYTES, "{bare} bytes without output schemas, {} above the limit", bare - MOST_BYTES);
    assert!(whole <= MOST_BYTES_WITH_OUTPUT, "{whole} bytes with output schemas, {} above the limit", whole - MOST_BYTES_WITH_OUTPUT);
}

#[test]
fn names_are_short_words_and_unique() {
    let mut names: Vec<&str> = catalogue().iter().map(|tool| tool.name).collect();
    for name in &names {
        assert!(!name.is_empty() && name.len() < 40, "{name}");
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
    }
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), catalogue().len());
}

#[test]
fn every_tool_and_argument_says_what_it_is_in_few_words() {
    for tool in catalogue() {
        assert!(!tool.title.is_empty() && !tool.description.is_empty(), "{}", tool.name);
        assert!(tool.description.len() <= LONGEST_DESCRIPTION, "{}: {} bytes", tool.name, tool.description.len());
        assert!(!tool.description.contains('\n'), "{}", tool.name);
    }
    visit_all(&mut |path, schema| {
        if let Some(description) = schema.get("description") {
            let description = description.as_str().unwrap();
            assert!(!description.is_empty() && description.len() <= LONGEST_DESCRIPTION, "{path}: {} bytes", description.len());
        }
    });
}

#[test]
fn schemas_hold_nothing_that_clients_choke_on() {
    visit_all(&mut |path, schema| {
        for key in ["$ref", "$defs", "$schema", "format", "title", "nullable", "not", "patternProperties"] {
            assert!(!schema.contains_key(key), "{path} has `{key}`");
        }
        let is_typed = schema.get("type").is_some_and(Value::is_string);
        let has_alternatives = schema.contains_key("anyOf") || schema.contains_key("oneOf");
        assert!(is_typed || has_alternatives, "{path} has neither one type nor alternatives");
        assert_ne!(schema.get("type"), Some(&json!("null")), "{path}");
        if let Some(words) = schema.get("enum") {
            assert!(words.as_array().unwrap().iter().all(Value::is_string), "{path} has a choice that is no word");
        }
    });
}

#[test]
fn unknown_arguments_are_refused_by_every_schema() {
    for tool in catalogue() {
        assert_eq!(tool.input_schema["type"], "object", "{}", tool.name);
        assert_eq!(tool.input_schema["additionalProperties"], false, "{}", tool.name);
        assert_eq!(tool.output_schema["type"], "object", "{}", tool.name);
    }
}
