//! JSON written straight into one text. Knows no answer.

use crate::{
    answer::moment::{Moments, push_int},
    bytes,
};

/// JSON that was written here: nobody has to check it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonText(String);

impl JsonText {
    /// The text.
    pub fn get(&self) -> &str {
        &self.0
    }
}

/// JSON that grows.
#[derive(Debug, Default)]
pub(super) struct Json {
    pub(super) text: String,
    pub(super) moments: Moments,
    /// Whether something was written where it stands, so that a comma comes next.
    is_begun: bool,
}

impl Json {
    /// Nothing yet, with room for so many bytes.
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes), ..Self::default() }
    }

    /// An object.
    pub(super) fn object(&mut self, members: impl FnOnce(&mut Self)) {
        self.nested('{', members, '}');
    }

    /// A list.
    pub(super) fn list(&mut self, items: impl FnOnce(&mut Self)) {
        self.nested('[', items, ']');
    }

    fn nested(&mut self, open: char, inside: impl FnOnce(&mut Self), close: char) {
        self.next();
        self.text.push(open);
        self.is_begun = false;
        inside(self);
        self.text.push(close);
        self.is_begun = true;
    }

    /// The name of the member that is written next.
    pub(super) fn key(&mut self, name: &str) {
        self.string(name);
        self.text.push(':');
        self.is_begun = false;
    }

    /// A string.
    pub(super) fn string(&mut self, text: &str) {
        self.string_of(&[text]);
    }

    /// A string in parts.
    pub(super) fn string_of(&mut self, parts: &[&str]) {
        self.next();
        self.text.push('"');
        parts.iter().for_each(|part| escape(&mut self.text, part));
        self.text.push('"');
    }

    /// Something that is JSON as it is written.
    pub(super) fn raw(&mut self, json: impl std::fmt::Display) {
        use std::fmt::Write;
        self.next();
        let _ = write!(self.text, "{json}");
    }

    /// Whatever serde writes.
    pub(super) fn value<T: serde::Serialize>(&mut self, value: &T) {
        match serde_json::to_string(value) {
            Ok(json) => self.raw(json),
            Err(_) => self.raw("null"),
        }
    }

    /// A whole number.
    pub(super) fn int(&mut self, number: i64) {
        self.next();
        push_int(&mut self.text, number);
    }

    /// Between quotation marks, a moment.
    pub(super) fn moment(&mut self, time: jiff::Timestamp) {
        self.next();
        self.text.push('"');
        self.moments.write(&mut self.text, time);
        self.text.push('"');
    }

    /// The whole.
    pub(super) fn finish(self) -> JsonText {
        debug_assert!(serde_json::from_str::<serde::de::IgnoredAny>(&self.text).is_ok(), "{}", self.text);
        JsonText(self.text)
    }

    fn next(&mut self) {
        if std::mem::replace(&mut self.is_begun, true) {
            self.text.push(',');
        }
    }
}

/// Writes a text as it stands between JSON's quotation marks.
pub fn escape(out: &mut String, text: &str) {
    let needs_escape = |byte: u8| bytes::beyond(byte, 0, 0x1f).min(byte ^ b'"').min(byte ^ b'\\');
    let mut from = 0;
    while let Some(at) = bytes::position(text.as_bytes(), from, needs_escape) {
        out.push_str(text.get(from..at).unwrap_or(""));
        match text.as_bytes().get(at).copied().unwrap_or_default() {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x08 => out.push_str("\\b"),
            0x0c => out.push_str("\\f"),
            other => out.push_str(&format!("\\u{other:04x}")),
        }
        from = at + 1;
    }
    out.push_str(text.get(from..).unwrap_or(""));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn strings_are_escaped_as_serde_does(text: String, control in "[\\x00-\\x7f]{0,40}") {
            for text in [text, control] {
                let mut json = Json::default();
                json.string(&text);
                prop_assert_eq!(json.text, serde_json::to_string(&text).unwrap());
            }
        }
    }

    #[test]
    fn every_character_is_escaped_as_serde_does_at_every_place() {
        for character in (0..0x180).filter_map(char::from_u32).chain(['\u{2028}', '\u{1f600}']) {
            for place in 0..17 {
                let text = format!("{}{character}{}", "x".repeat(place), "y".repeat(9));
                let mut json = Json::default();
                json.string(&text);
                assert_eq!(json.text, serde_json::to_string(&text).unwrap());
            }
        }
    }

    #[test]
    fn commas_stand_between_what_is_written() {
        let mut json = Json::default();
        json.object(|json| {
            json.key("a");
            json.list(|json| {
                json.raw(1);
                json.list(|_| {});
                json.string_of(&["x", "y"]);
            });
            json.key("b");
            json.object(|_| {});
        });
        assert_eq!(json.finish().get(), r#"{"a":[1,[],"xy"],"b":{}}"#);
    }
}
