//! The place where a page of documents ended: stateless, exact, at most 120 characters. Knows no engine.
//!
//! Documents are sorted by time, ties in the order of indexing. The next page asks for the documents not beyond the last
//! time given, and passes over as many at that very time as were already given: each document comes exactly once. The
//! window is kept absolute, because `now` moves between pages.

use jiff::Timestamp;

use super::{Scope, Window, text::shown};
use crate::{
    bytes::{FNV_SEED, fnv1a},
    error::{Code, ToolError},
};

/// The first character of a cursor: its version.
const VERSION: char = '1';

/// The longest cursor that is written, in characters.
const MAX_LENGTH: usize = 120;

/// Where a page ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// Newest documents first.
    pub is_newest_first: bool,
    /// The window of the whole search.
    pub window: Window,
    /// The time of the last document given, at the precision stored.
    pub last: Timestamp,
    /// How many documents at exactly that time were given.
    pub given: u32,
}

impl Cursor {
    /// The cursor as text, for the search with this fingerprint ([`Scope::fingerprint`]).
    pub fn encode(&self, search: u64) -> String {
        let mut text = String::with_capacity(80);
        text.push(VERSION);
        text.push(if self.is_newest_first { 'n' } else { 'o' });
        for moment in [self.last, self.window.start(), self.window.end()] {
            push_base36(&mut text, zigzag(moment.as_nanosecond()));
            text.push('-');
        }
        push_base36(&mut text, u128::from(self.given));
        text.push('-');
        let seal = seal(&text, search);
        push_base36(&mut text, u128::from(seal));
        text
    }

    /// Reads a cursor of the search with this fingerprint.
    ///
    /// # Errors
    /// `bad_cursor` when it is none of ours, was changed, or belongs to another search.
    pub fn decode(text: &str, search: u64) -> Result<Self, ToolError> {
        let bad = || {
            ToolError::new(
                Code::BadCursor,
                format!("`cursor` is `{}`, which does not belong to this search", shown(text)),
                "repeat the call that gave the cursor with the very same arguments; or leave `cursor` out to begin anew",
            )
        };
        if text.len() > MAX_LENGTH {
            return Err(bad());
        }
        let (body, sealed) = text.rsplit_once('-').ok_or_else(bad)?;
        let body_with_dash = text.get(..=body.len()).ok_or_else(bad)?;
        if base36(sealed) != Some(u128::from(seal(body_with_dash, search))) {
            return Err(bad());
        }
        Self::read(body).ok_or_else(bad)
    }

    fn read(body: &str) -> Option<Self> {
        let body = body.strip_prefix(VERSION)?;
        let is_newest_first = body.starts_with('n');
        let mut parts = body.strip_prefix(['n', 'o'])?.split('-').map(base36);
        let mut moment = || Timestamp::from_nanosecond(unzigzag(parts.next()??)).ok();
        let (last, start, end) = (moment()?, moment()?, moment()?);
        let given = u32::try_from(parts.next()??).ok()?;
        let window = Window::new(start, end)?;
        parts.next().is_none().then_some(Self { is_newest_first, window, last, given })
    }
}

impl Scope {
    /// A fingerprint of the search as it was written: where, when, which documents. A cursor is bound to it.
    ///
    /// `own` are the arguments of the tool that change which documents are given or in which order, its name among them.
    pub fn fingerprint(&self, own: &[&str]) -> u64 {
        let search = Scope { max_tokens: None, cursor: None, explain: super::Flag(false), ..self.clone() };
        own.iter().fold(fnv1a(FNV_SEED, format!("{search:?}").as_bytes()), |state, own| fnv1a(fnv1a(state, &[0]), own.as_bytes()))
    }

    /// Where the page before ended; none when this is the first.
    ///
    /// # Errors
    /// As [`Cursor::decode`].
    pub fn cursor(&self, own: &[&str]) -> Result<Option<Cursor>, ToolError> {
        self.cursor.as_ref().map(|text| Cursor::decode(text.as_str(), self.fingerprint(own))).transpose()
    }
}

/// The hash detects mistakes, not forgery: a forged cursor shows nothing that its caller may not ask for anyway.
fn seal(text: &str, search: u64) -> u64 {
    fnv1a(fnv1a(FNV_SEED, &search.to_le_bytes()), text.as_bytes())
}

fn zigzag(number: i128) -> u128 {
    (number << 1 ^ number >> 127).cast_unsigned()
}

fn unzigzag(number: u128) -> i128 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

fn push_base36(text: &mut String, mut number: u128) {
    let start = text.len();
    loop {
        let digit = u32::try_from(number % 36).unwrap_or_default();
        text.insert(start, char::from_digit(digit, 36).unwrap_or('0'));
        number /= 36;
        if number == 0 {
            break;
        }
    }
}

fn base36(text: &str) -> Option<u128> {
    // Only what `push_base36` writes: one spelling a number.
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase());
    (is_plain && !text.is_empty()).then(|| u128::from_str_radix(text, 36).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{from_value, json};

    use super::*;

    fn moments() -> impl Strategy<Value = Timestamp> {
        prop_oneof![
            (Timestamp::MIN.as_nanosecond()..=Timestamp::MAX.as_nanosecond()),
            (1_700_000_000_000_000_000_i128..1_900_000_000_000_000_000),
        ]
        .prop_map(|nanosecond| Timestamp::from_nanosecond(nanosecond).unwrap())
    }

    fn cursors() -> impl Strategy<Value = Cursor> {
        (any::<bool>(), moments(), moments(), moments(), any::<u32>()).prop_map(|(is_newest_first, one, other, last, given)| Cursor {
            is_newest_first,
            window: Window::new(one.min(other), one.max(other)).unwrap(),
            last,
            given,
        })
    }

    proptest! {
        #[test]
        fn a_cursor_is_read_back_as_it_was(cursor in cursors(), search: u64) {
            let text = cursor.encode(search);
            prop_assert!(text.len() <= MAX_LENGTH, "{} characters", text.len());
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
            prop_assert_eq!(Cursor::decode(&text, search), Ok(cursor));
        }

        #[test]
        fn a_cursor_of_another_search_is_refused(cursor in cursors(), search: u64, other: u64) {
            prop_assume!(search != other);
            prop_assert_eq!(Cursor::decode(&cursor.encode(search), other).unwrap_err().code, Code::BadCursor);
        }

        #[test]
        fn a_changed_cursor_is_refused(cursor in cursors(), search: u64, at in any::<prop::sample::Index>(), letter in "[a-z0-9-]") {
            let text = cursor.encode(search);
            let at = at.index(text.len());
            let mut changed = text.clone();
            changed.replace_range(at..=at, &letter);
            prop_assume!(changed != text);
            prop_assert_eq!(Cursor::decode(&changed, search).unwrap_err().code, Code::BadCursor);
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,130}", like in "1[no]([0-9a-z]{0,14}-){0,5}[0-9a-z]{0,14}") {
            prop_assert!(Cursor::decode(&text, 1).is_err());
            prop_assert!(Cursor::decode(&like, 1).is_err());
        }
    }

    #[test]
    fn a_fingerprint_is_of_what_is_searched_only() {
        let fingerprint = |arguments| from_value::<Scope>(arguments).unwrap().fingerprint(&["search_logs", "dedupe"]);
        let one = fingerprint(json!({"query": "a", "start": "now-2h"}));
        assert_eq!(one, fingerprint(json!({"query": "a", "start": "now-2h", "cursor": "x", "max_tokens": 900, "explain": true})));
        assert_ne!(one, fingerprint(json!({"query": "b", "start": "now-2h"})));
        assert_ne!(one, fingerprint(json!({"query": "a", "start": "now-3h"})));
        assert_ne!(one, from_value::<Scope>(json!({"query": "a", "start": "now-2h"})).unwrap().fingerprint(&["search_logs"]));
    }

    #[test]
    fn the_error_tells_how_to_go_on() {
        let scope: Scope = from_value(json!({"cursor": "nonsense"})).unwrap();
        let error = scope.cursor(&["search_logs"]).unwrap_err();
        assert_eq!(error.code, Code::BadCursor);
        assert!(error.message.contains("nonsense"));
        assert_eq!(Scope::default().cursor(&[]), Ok(None));
    }
}
