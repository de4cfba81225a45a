//! The answer of a call that went well, as bytes. Knows the envelope of a result; knows no tool.

use elk_mcp_tools::answer::{JsonText, escape};
use serde_json::value::RawValue;

/// The envelope of JSON-RPC around a tool's answer, with what `resultType` says, where the revision has it.
pub(super) fn answer(id: &RawValue, result_type: Option<&'static str>, text: &str, structured: &JsonText) -> String {
    // A tenth is room for escapes: lines end, and cells are told apart, by one of two bytes each.
    let mut out = String::with_capacity(text.len() + text.len() / 10 + structured.get().len() + id.get().len() + 256);
    out.push_str("{\"jsonrpc\":\"2.0\",\"id\":");
    out.push_str(id.get());
    out.push_str(",\"result\":{");
    if let Some(result_type) = result_type {
        out.push_str("\"resultType\":\"");
        out.push_str(result_type);
        out.push_str("\",");
    }
    out.push_str("\"content\":[{\"type\":\"text\",\"text\":\"");
    escape(&mut out, text);
    out.push_str("\"}],\"structuredContent\":");
    out.push_str(structured.get());
    out.push_str(",\"isError\":false}}");
    out
}

#[cfg(test)]
mod tests {
    use elk_mcp_tools::answer::Answer;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_envelope_is_the_protocols() {
        let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
        let rendered = Answer::new("one\n\"two\"").fit(500);
        let written = answer(&raw("\"a\\\"b\""), Some("complete"), &rendered.text, &rendered.structured);
        let expected = json!({"jsonrpc": "2.0", "id": "a\"b", "result": {"resultType": "complete",
            "content": [{"type": "text", "text": rendered.text}], "structuredContent": {"summary": "one\n\"two\""}, "isError": false}});
        assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), expected);
        let older = answer(&raw("7"), None, &rendered.text, &rendered.structured);
        assert!(older.starts_with(r#"{"jsonrpc":"2.0","id":7,"result":{"content":"#), "{older}");
    }
}
