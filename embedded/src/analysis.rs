//! The standard analyzer: words by UAX #29, lower-cased, at most 255 characters long. Knows no index.

use tantivy::tokenizer::{Token, TokenStream, Tokenizer};
use unicode_segmentation::UnicodeSegmentation;

/// The name under which the text field finds this analyzer.
pub(crate) const NAME: &str = "standard";

/// `max_token_length` of the standard analyzer: a longer word is cut into pieces of this length.
const LONGEST: usize = 255;

/// Calls `each` with every word of a text, in order. What it is given may not be lower case yet.
fn words<'a>(text: &'a str, mut each: impl FnMut(&'a str)) {
    let mut whole = |word: &'a str| {
        if word.len() <= LONGEST {
            each(word);
            return;
        }
        let mut rest = word;
        while let Some((end, _)) = rest.char_indices().nth(LONGEST) {
            let (piece, tail) = rest.split_at(end);
            each(piece);
            rest = tail;
        }
        if !rest.is_empty() {
            each(rest);
        }
    };
    if text.is_ascii() {
        ascii_words(text, whole);
    } else {
        for word in text.split_word_bounds().filter(|word| word.chars().any(|c| c.is_alphanumeric() || is_pictograph(c))) {
            whole(word);
        }
    }
}

/// UAX #29 on ASCII, where it is a small automaton: letters, digits and `_` stay together; `.` and `'` join letters to
/// letters and digits to digits, `:` letters, `,` and `;` digits.
fn ascii_words<'a>(text: &'a str, mut each: impl FnMut(&'a str)) {
    let bytes = text.as_bytes();
    let at = |position: usize| bytes.get(position).copied().unwrap_or(b' ');
    let mut position = 0;
    while position < bytes.len() {
        if !is_word_byte(at(position)) {
            position += 1;
            continue;
        }
        let start = position;
        let mut meaningful = false;
        while position < bytes.len() {
            let byte = at(position);
            if is_word_byte(byte) {
                meaningful |= byte != b'_';
                position += 1;
                continue;
            }
            let (before, after) = (if position > start { at(position - 1) } else { b' ' }, at(position + 1));
            let letters = before.is_ascii_alphabetic() && after.is_ascii_alphabetic();
            let digits = before.is_ascii_digit() && after.is_ascii_digit();
            let joins = match byte {
                b'.' | b'\'' => letters || digits,
                b':' => letters,
                b',' | b';' => digits,
                _ => false,
            };
            if !joins {
                break;
            }
            position += 1;
        }
        if meaningful && let Some(word) = text.get(start..position) {
            each(word);
        }
    }
}

fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Symbols that the standard tokenizer keeps as words of their own: the emoji blocks.
fn is_pictograph(c: char) -> bool {
    matches!(u32::from(c), 0x1F300..=0x1FAFF | 0x2600..=0x27BF)
}

/// Lower case as the engine folds it: character by character, without regard to language or position.
pub(crate) fn lower_case(word: &str) -> String {
    if word.is_ascii() {
        return word.to_ascii_lowercase();
    }
    let mut lower = String::with_capacity(word.len());
    append_lower(word, &mut lower);
    lower
}

fn append_lower(word: &str, to: &mut String) {
    if word.is_ascii() {
        let start = to.len();
        to.push_str(word);
        if let Some(added) = to.get_mut(start..) {
            added.make_ascii_lowercase();
        }
        return;
    }
    for c in word.chars() {
        // One character for one: `İ` has a lower case of two, of which the engine takes the first.
        to.push(c.to_lowercase().next().unwrap_or(c));
    }
}

/// The tokens of a text.
pub(crate) fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    words(text, |word| tokens.push(lower_case(word)));
    tokens
}

/// The analyzer as the index writer wants it.
#[derive(Clone, Default)]
pub(crate) struct Standard {
    lower: String,
    ends: Vec<usize>,
}

impl Tokenizer for Standard {
    type TokenStream<'a> = Words<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Words<'a> {
        self.lower.clear();
        self.ends.clear();
        let (lower, ends) = (&mut self.lower, &mut self.ends);
        words(text, |word| {
            append_lower(word, lower);
            ends.push(lower.len());
        });
        Words { lower: &self.lower, ends: &self.ends, next: 0, start: 0, token: Token::default() }
    }
}

/// The words of one text.
pub(crate) struct Words<'a> {
    lower: &'a str,
    ends: &'a [usize],
    next: usize,
    start: usize,
    token: Token,
}

impl TokenStream for Words<'_> {
    fn advance(&mut self) -> bool {
        let Some(&end) = self.ends.get(self.next) else { return false };
        self.token.text.clear();
        self.token.text.push_str(self.lower.get(self.start..end).unwrap_or_default());
        self.token.position = self.next;
        (self.start, self.next) = (end, self.next + 1);
        true
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_as_uax_29_says() {
        for (text, expected) in [
            ("", vec![]),
            (" - _ __ !", vec![]),
            ("[query][Query TripResponse]", vec!["query", "query", "tripresponse"]),
            ("t.c.TravelController#122", vec!["t.c.travelcontroller", "122"]),
            ("a.1 1.2 1,000 a,b x_y it's", vec!["a", "1", "1.2", "1,000", "a", "b", "x_y", "it's"]),
            ("end. 10.0.0.1:8080 /api/v1?x=1", vec!["end", "10.0.0.1", "8080", "api", "v1", "x", "1"]),
            ("ts-gateway-service", vec!["ts", "gateway", "service"]),
            ("Größe ÉTÉ", vec!["größe", "été"]),
            ("中文 字", vec!["中", "文", "字"]),
            ("ok 🚀 done", vec!["ok", "🚀", "done"]),
        ] {
            assert_eq!(tokens(text), expected, "{text}");
        }
    }

    #[test]
    fn ascii_and_unicode_rules_agree_on_ascii() {
        for text in ["a.b 1.2 a.1 1.a a..b a'b a'1 1'2 a:b 1:2 a;b 1;2 1,2 _a a_ a_b .a a.", "key=value {\"a\":1} x-y/z (q) 1_000.5e3"] {
            let general: Vec<&str> = text.split_word_bounds().filter(|word| word.chars().any(char::is_alphanumeric)).collect();
            let mut ascii = Vec::new();
            ascii_words(text, |word| ascii.push(word));
            assert_eq!(ascii, general, "{text}");
        }
    }

    #[test]
    fn a_long_word_is_cut() {
        let lengths: Vec<usize> = tokens(&"x".repeat(600)).iter().map(String::len).collect();
        assert_eq!(lengths, [255, 255, 90]);
    }
}
