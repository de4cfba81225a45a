//! The facts of the samples, read from the documents as a stranger would.

mod bad_deploy;
mod scenarios;

use serde_json::Value;

fn text<'a>(document: &'a Value, pointer: &str) -> &'a str {
    document.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn time(document: &Value) -> &str {
    text(document, "/@timestamp")
}

fn status(document: &Value) -> u64 {
    document.pointer("/http/response/status_code").and_then(Value::as_u64).unwrap_or_default()
}

/// Checks that every field of a document is in the mapping.
fn check_mapped(value: &Value, mapping: &Value, path: &str) {
    for (name, member) in value.as_object().unwrap() {
        let path = format!("{path}.{name}");
        let field = mapping.pointer("/properties").and_then(|all| all.get(name)).unwrap_or_else(|| panic!("{path} is not mapped"));
        if member.is_object() {
            check_mapped(member, field, &path);
        } else {
            assert!(field.get("type").is_some(), "{path} is an object in the mapping");
        }
    }
}
