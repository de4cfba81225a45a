//! The answer of a call that went well, as bytes. Knows the envelope of a result; knows no tool.

use serde_json::value::RawValue;

/// The envelope of JSON-RPC around a tool's answer, with what `resultType` says, where the revision has it.
pub(super) fn answer(id: &RawValue, result_type: Option<&str>, text: &str, structured: &RawValue) -> Vec<u8> {
    // A tenth is room for escapes: lines end, and cells are told apart, by one of two bytes each.
    let mut out = Vec::with_capacity(text.len() + text.len() / 10 + structured.get().len() + id.get().len() + 256);
    out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"id\":");
    out.extend_from_slice(id.get().as_bytes());
    out.extend_from_slice(b",\"result\":{");
    if let Some(result_type) = result_type {
        out.extend_from_slice(b"\"resultType\":");
        string(&mut out, result_type);
        out.push(b',');
    }
    out.extend_from_slice(b"\"content\":[{\"type\":\"text\",\"text\":");
    string(&mut out, text);
    out.extend_from_slice(b"}],\"structuredContent\":");
    out.extend_from_slice(structured.get().as_bytes());
    out.extend_from_slice(b",\"isError\":false}}");
    out
}

/// A text as JSON writes it. What `serde_json` does byte by byte is done in words of eight here: answers are long, and few of their bytes
/// need an escape.
fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some((plain, [special, after @ ..])) = rest.split_at_checked(plain_length(rest)) {
        out.extend_from_slice(plain);
        match special {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            other => out.extend_from_slice(format!("\\u{other:04x}").as_bytes()),
        }
        rest = after;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// How many bytes from the start need no escape.
fn plain_length(bytes: &[u8]) -> usize {
    let (words, tail) = bytes.as_chunks::<8>();
    for (position, word) in words.iter().enumerate() {
        let special = special(u64::from_le_bytes(*word));
        if special != 0 {
            return 8 * position + special.trailing_zeros() as usize / 8;
        }
    }
    let is_special = |byte: &u8| *byte < 0x20 || matches!(byte, b'"' | b'\\');
    8 * words.len() + tail.iter().position(is_special).unwrap_or(tail.len())
}

/// Marks the highest bit of the first byte that needs an escape: a control character, a quote or a backslash. Bytes after it may be marked
/// without need. (`x - n` borrows from a byte's highest bit where the byte is below `n`; `!x` leaves out bytes that had it set.)
fn special(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 0xff;
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word & (ONES << 7);
    let equals = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    below(word, 0x20) | equals(b'"') | equals(b'\\')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        string(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_character_is_written_as_serde_json_does_at_every_place() {
        for character in (0..0x180).filter_map(char::from_u32).chain(['\u{2028}', '\u{1f600}']) {
            for place in 0..17 {
                let text = format!("{}{character}{}", "x".repeat(place), "y".repeat(9));
                assert_eq!(written(&text), serde_json::to_string(&text).unwrap());
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_is_written_as_serde_json_does(text in "(\\PC|[\\x00-\\x7f]){0,80}") {
            prop_assert_eq!(written(&text), serde_json::to_string(&text).unwrap());
        }
    }

    #[test]
    fn the_envelope_is_the_protocols() {
        let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
        let bytes = answer(&raw("\"a\\\"b\""), Some("complete"), "one\n\"two\"", &raw(r#"{"rows":[1]}"#));
        let expected = json!({"jsonrpc": "2.0", "id": "a\"b", "result": {"resultType": "complete",
            "content": [{"type": "text", "text": "one\n\"two\""}], "structuredContent": {"rows": [1]}, "isError": false}});
        assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), expected);
        let older = answer(&raw("7"), None, "", &raw("{}"));
        assert!(older.starts_with(br#"{"jsonrpc":"2.0","id":7,"result":{"content":"#), "{}", String::from_utf8_lossy(&older));
    }
}
