//! Whether a text is one JSON value that every reader understands alike: not too deep, and no key twice. Builds nothing.

use std::{borrow::Cow, cell::Cell, collections::HashSet, fmt};

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};

/// So many levels of objects and lists may lie in each other.
const DEEPEST: u8 = 64;
/// So many keys of an object are compared one by one; more are hashed.
const FEW: usize = 16;

/// What a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    List,
    Scalar,
}

/// Why a text is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("the body is no JSON: {0}")]
    Malformed(String),
    #[error("the body has more than {DEEPEST} levels of objects and lists")]
    TooDeep,
    #[error("the body has a key twice in one object: {0}")]
    Twice(String),
}

/// Reads a whole text, and tells what it is.
pub(super) fn check(text: &str) -> Result<Kind, Fault> {
    let fault = Cell::new(None);
    let mut reader = serde_json::Deserializer::from_str(text);
    let kind = Strict { left: DEEPEST, fault: &fault }.deserialize(&mut reader).and_then(|kind| reader.end().map(|()| kind));
    kind.map_err(|error| fault.take().unwrap_or_else(|| Fault::Malformed(error.to_string())))
}

/// A value at some depth. The reader's own error type has no room for ours, so that a fault lies beside it.
#[derive(Clone, Copy)]
struct Strict<'f> {
    left: u8,
    fault: &'f Cell<Option<Fault>>,
}

impl Strict<'_> {
    fn fault<E: de::Error>(self, fault: Fault) -> E {
        self.fault.set(Some(fault));
        E::custom("refused")
    }

    fn inner<E: de::Error>(self) -> Result<Self, E> {
        match self.left.checked_sub(1) {
            Some(left) => Ok(Self { left, ..self }),
            None => Err(self.fault(Fault::TooDeep)),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Kind;

    fn deserialize<D: de::Deserializer<'de>>(self, reader: D) -> Result<Kind, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Kind;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Kind, E> {
        Ok(Kind::Scalar)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Kind, E> {
        Ok(Kind::Scalar)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Kind, E> {
        Ok(Kind::Scalar)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Kind, E> {
        Ok(Kind::Scalar)
    }

    fn visit_str<E>(self, _: &str) -> Result<Kind, E> {
        Ok(Kind::Scalar)
    }

    fn visit_unit<E>(self) -> Result<Kind, E> {
        Ok(Kind::Scalar)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Kind, A::Error> {
        let inner = self.inner()?;
        while items.next_element_seed(inner)?.is_some() {}
        Ok(Kind::List)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Kind, A::Error> {
        let inner = self.inner()?;
        let mut keys = Keys::default();
        while let Some(key) = entries.next_key_seed(Key)? {
            if let Err(key) = keys.insert(key) {
                return Err(self.fault(Fault::Twice(key.chars().take(40).flat_map(char::escape_default).collect())));
            }
            entries.next_value_seed(inner)?;
        }
        Ok(Kind::Object)
    }
}

/// The keys of one object.
#[derive(Default)]
struct Keys<'de> {
    few: Vec<Cow<'de, str>>,
    more: HashSet<Cow<'de, str>>,
}

impl<'de> Keys<'de> {
    /// The key itself, if it is there already.
    fn insert(&mut self, key: Cow<'de, str>) -> Result<(), Cow<'de, str>> {
        if self.few.contains(&key) || self.more.contains(&key) {
            return Err(key);
        }
        if self.few.len() < FEW {
            self.few.push(key);
        } else {
            self.more.insert(key);
        }
        Ok(())
    }
}

/// A key, borrowed unless it is written with escapes.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: de::Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_told_by_its_kind() {
        for (text, kind) in [
            ("{}", Kind::Object),
            (r#" {"a": [1, -2, 3.5, "x", true, null, {"a": 1}], "b": {"a": 1}} "#, Kind::Object),
            ("[]", Kind::List),
            (r#"[{"a":1},{"a":1}]"#, Kind::List),
            ("1", Kind::Scalar),
            (r#""{}""#, Kind::Scalar),
        ] {
            assert_eq!(check(text), Ok(kind), "{text}");
        }
    }

    #[test]
    fn what_is_no_json_is_malformed() {
        for text in ["", " ", "{", "{}{}", "{} x", "[1,]", "{\"a\":1,}", "{a:1}", "nul", "\u{feff}{}", "'a'", "1e999", "\"\u{1}\"", "{1:2}"]
        {
            assert!(matches!(check(text), Err(Fault::Malformed(_))), "{text}");
        }
        assert!(matches!(check(&"[".repeat(60)), Err(Fault::Malformed(_))));
    }

    #[test]
    fn a_key_is_there_once_however_it_is_written() {
        for text in [r#"{"a":1,"a":1}"#, r#"{"a":1,"\u0061":2}"#, r#"[{"x":{"b":1,"c":2,"b":3}}]"#, r#"{"":1,"":2}"#] {
            assert!(matches!(check(text), Err(Fault::Twice(_))), "{text}");
        }
        let many = |last: &str| format!("{{{}\"{last}\":1}}", (0..100).map(|number| format!("\"k{number}\":1,")).collect::<String>());
        assert_eq!(check(&many("k100")), Ok(Kind::Object));
        for again in ["k0", "k50", "k99"] {
            assert_eq!(check(&many(again)), Err(Fault::Twice(again.to_owned())));
        }
    }

    #[test]
    fn depth_counts_lists_and_objects() {
        let lists = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        let objects = |depth: usize| "{\"a\":".repeat(depth) + "1" + &"}".repeat(depth);
        for text in [lists(64), objects(64)] {
            assert!(check(&text).is_ok());
        }
        for text in [lists(65), objects(65), lists(100_000), "[".repeat(100_000)] {
            assert_eq!(check(&text), Err(Fault::TooDeep));
        }
    }
}
