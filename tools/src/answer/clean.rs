//! Untrusted text made safe to show: no control, escape, bidirectional or invisible characters. Knows no answer.

use std::{borrow::Cow, fmt, ops::Deref, sync::Arc};

use crate::{answer::suspicion::reads_like_instructions, bytes};

/// Text without characters that could hide, reorder or forge what a reader sees. Line feeds and tabs stay.
#[derive(Debug, Clone, Default)]
pub struct Clean {
    text: Arc<str>,
    removed: u32,
    is_suspicious: bool,
}

impl Clean {
    /// Cleans a text and remembers how many characters were removed.
    pub fn new(text: impl AsRef<str>) -> Self {
        let (cleaned, removed) = clean(text.as_ref());
        Self { removed, is_suspicious: reads_like_instructions(&cleaned), text: cleaned.into() }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether cleaning this text comes to the same: a text that nothing was removed from is clean as it is.
    pub(super) fn is_of(&self, text: &str) -> bool {
        self.removed == 0 && *self.text == *text
    }

    /// Characters that were removed.
    pub fn removed(&self) -> u32 {
        self.removed
    }

    /// Whether it reads like instructions to a model.
    pub(super) fn is_suspicious(&self) -> bool {
        self.is_suspicious
    }

    /// Replaces the text, for example by a redacted one.
    pub(super) fn set(&mut self, text: String) {
        let replaced = Self::new(text);
        (self.text, self.is_suspicious) = (replaced.text, replaced.is_suspicious);
        self.removed = self.removed.saturating_add(replaced.removed);
    }
}

impl Deref for Clean {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Clean {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

/// Equal when they read equal, whatever was removed.
impl PartialEq for Clean {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Clean {}

impl PartialOrd for Clean {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Clean {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.text.cmp(&other.text)
    }
}

impl From<&str> for Clean {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Clean {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&String> for Clean {
    fn from(text: &String) -> Self {
        Self::new(text.as_str())
    }
}

impl From<Cow<'_, str>> for Clean {
    fn from(text: Cow<'_, str>) -> Self {
        Self::new(text)
    }
}

/// The text without dangerous characters, and how many were removed. Borrows when there is nothing to remove.
///
/// Removed are the C0 and C1 controls, terminal escape sequences as a whole, bidirectional controls, zero-width and other
/// default-ignorable characters, tag characters, variation selectors, private use and noncharacters. `\r\n`, `\r` and the Unicode
/// line separators become `\n`, uncounted.
pub fn clean(text: &str) -> (Cow<'_, str>, u32) {
    // Looked for are controls other than these two, and what is beyond ASCII.
    let is = |byte: u8, other: u8| 1_u8.saturating_sub(byte ^ other);
    let distance = |byte: u8| 0x5f_u8.saturating_sub(byte.wrapping_sub(b' ')) | is(byte, b'\n') | is(byte, b'\t');
    if !bytes::any(text.as_bytes(), distance) {
        return (Cow::Borrowed(text), 0);
    }
    let Some(first) = text.find(|c| !is_plain(c)) else {
        return (Cow::Borrowed(text), 0);
    };
    let (head, tail) = text.split_at(first);
    let mut kept = String::with_capacity(text.len());
    kept.push_str(head);
    let mut removed = 0u32;
    let mut rest = tail;
    while let Some(c) = rest.chars().next() {
        let after = rest.get(c.len_utf8()..).unwrap_or("");
        rest = match c {
            _ if is_plain(c) => {
                kept.push(c);
                after
            }
            '\r' => {
                kept.push('\n');
                after.strip_prefix('\n').unwrap_or(after)
            }
            '\u{2028}' | '\u{2029}' | '\u{85}' => {
                kept.push('\n');
                after
            }
            _ => {
                let length = escape_length(rest).max(c.len_utf8());
                let (escape, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
                removed = removed.saturating_add(u32::try_from(escape.chars().count()).unwrap_or(u32::MAX));
                after
            }
        };
    }
    (Cow::Owned(kept), removed)
}

/// Whether a character may be shown as it is.
fn is_plain(c: char) -> bool {
    match c {
        ' '..='~' | '\n' | '\t' => true,
        '\0'..='\u{9f}' => false,
        // Soft hyphen, combining grapheme joiner, Arabic letter mark, Hangul and Khmer fillers, Mongolian selectors.
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' => false,
        // Zero width, bidirectional marks, embeddings, isolates, line separators, invisible operators.
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => false,
        // Fillers, variation selectors, byte order mark, interlinear annotations.
        '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' => false,
        // Private use and noncharacters.
        '\u{e000}'..='\u{f8ff}' | '\u{fdd0}'..='\u{fdef}' | '\u{f0000}'..='\u{10ffff}' => false,
        // Shorthand format controls, musical format controls, tags and selectors of plane 14.
        '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}' => false,
        _ => (c as u32) & 0xfffe != 0xfffe,
    }
}

/// The bytes of the terminal escape sequence (ECMA-48) that the text begins with; 0 when it begins with none. A string sequence that
/// never ends counts as its introducer only, so that it cannot hide the rest of a line.
fn escape_length(text: &str) -> usize {
    let (introducer, kind) = match text.strip_prefix('\u{1b}') {
        Some(after) => match after.chars().next() {
            Some(c @ ('[' | ']' | 'P' | 'X' | '^' | '_')) => (2, c),
            Some(' '..='~') => return 2,
            _ => return 1,
        },
        None => match text.chars().next() {
            Some('\u{9b}') => (2, '['),
            Some('\u{9d}') => (2, ']'),
            Some('\u{90}' | '\u{98}' | '\u{9e}' | '\u{9f}') => (2, 'P'),
            _ => return 0,
        },
    };
    let body = text.get(introducer..).unwrap_or("");
    if kind == '[' {
        let parameters = body.bytes().take_while(|byte| matches!(byte, 0x20..=0x3f)).count();
        return match body.as_bytes().get(parameters) {
            Some(0x40..=0x7e) => introducer + parameters + 1,
            _ => introducer,
        };
    }
    let line = body.split('\n').next().unwrap_or("");
    ["\u{7}", "\u{1b}\\", "\u{9c}"]
        .iter()
        .filter_map(|end| line.find(end).map(|at| introducer + at + end.len()))
        .min()
        .unwrap_or(introducer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str, removed: u32) {
        let (cleaned, count) = clean(text);
        assert_eq!((cleaned.as_ref(), count), (expected, removed), "{text:?}");
        assert_eq!(clean(expected), (Cow::Borrowed(expected), 0), "clean twice is clean once");
    }

    #[test]
    fn plain_text_is_borrowed() {
        for text in ["", "GET /health 200", "line\n\tat x", "naïve – 漢字 🚀"] {
            assert!(matches!(clean(text), (Cow::Borrowed(_), 0)), "{text:?}");
        }
    }

    #[test]
    fn controls_and_invisible_characters_are_removed_and_counted() {
        check("a\0b\u{7f}c\u{8}", "abc", 3);
        check("zero\u{200b}width\u{feff}", "zerowidth", 2);
        check("\u{202e}gnp.exe\u{2069}", "gnp.exe", 2);
        check("hi\u{e0041}\u{e0042}", "hi", 2);
        check("private\u{e000}\u{10fffd}\u{ffff}", "private", 3);
        check("v\u{fe0f}\u{e0100}", "v", 2);
    }

    #[test]
    fn line_ends_of_every_kind_become_line_feeds() {
        check("a\r\nb\rc\u{2028}d\u{2029}e", "a\nb\nc\nd\ne", 0);
    }

    #[test]
    fn escape_sequences_go_as_a_whole() {
        check("\u{1b}[31mred\u{1b}[0m", "red", 9);
        check("\u{9b}1;31mred", "red", 6);
        check("\u{1b}]0;title\u{7}text", "text", 10);
        check("\u{1b}]8;;http://x\u{1b}\\link", "link", 15);
        check("\u{1b}cclear", "clear", 2);
    }

    #[test]
    fn an_escape_sequence_without_an_end_hides_nothing() {
        check("\u{1b}]0;the rest", "0;the rest", 2);
        check("\u{1b}[12", "12", 2);
        check("end\u{1b}", "end", 1);
    }
}
