//! A document as the list of its leaves, read in one pass without building a tree. Knows no mapping.

use std::{collections::HashMap, fmt};

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::mapping::Raw;

/// Numbers for paths, so that each is looked up by name once.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    by_name: HashMap<Box<str>, u32>,
    names: Vec<Box<str>>,
    buffer: String,
}

/// One value of a document.
#[derive(Debug)]
pub(crate) struct Leaf<'a> {
    pub(crate) path: u32,
    pub(crate) value: Raw<'a>,
}

impl Paths {
    /// The number of a path.
    pub(crate) fn number(&mut self, path: &str) -> u32 {
        if let Some(number) = self.by_name.get(path) {
            return *number;
        }
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.by_name.insert(path.into(), number);
        self.names.push(path.into());
        number
    }

    /// The path of a number.
    pub(crate) fn name(&self, number: u32) -> &str {
        self.names.get(number as usize).map_or("", |name| name)
    }

    /// Appends the leaves of a JSON object to `leaves`; on an error what was appended is taken back.
    pub(crate) fn read<'a>(&mut self, json: &'a str, leaves: &mut Vec<Leaf<'a>>) -> Result<(), serde_json::Error> {
        let before = leaves.len();
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let walk = Walk { paths: self, buffer: &mut buffer, leaves, is_root: true };
        let result = walk.deserialize(&mut deserializer).and_then(|()| deserializer.end());
        self.buffer = buffer;
        if result.is_err() {
            leaves.truncate(before);
        }
        result
    }
}

struct Walk<'s, 'a> {
    paths: &'s mut Paths,
    buffer: &'s mut String,
    leaves: &'s mut Vec<Leaf<'a>>,
    is_root: bool,
}

impl<'a> Walk<'_, 'a> {
    fn leaf<E: de::Error>(self, value: Raw<'a>) -> Result<(), E> {
        if self.is_root {
            return Err(E::custom("a document is a JSON object"));
        }
        let path = self.paths.number(self.buffer);
        self.leaves.push(Leaf { path, value });
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a document")
    }
    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        if self.is_root { Err(E::custom("a document is a JSON object")) } else { Ok(()) }
    }
    fn visit_bool<E: de::Error>(self, value: bool) -> Result<(), E> {
        self.leaf(Raw::Bool(value))
    }
    fn visit_i64<E: de::Error>(self, value: i64) -> Result<(), E> {
        self.leaf(Raw::Int(value))
    }
    fn visit_u64<E: de::Error>(self, value: u64) -> Result<(), E> {
        self.leaf(i64::try_from(value).map_or(Raw::Unsigned(value), Raw::Int))
    }
    fn visit_f64<E: de::Error>(self, value: f64) -> Result<(), E> {
        self.leaf(Raw::Float(value))
    }
    fn visit_borrowed_str<E: de::Error>(self, value: &'de str) -> Result<(), E> {
        self.leaf(Raw::Text(value.into()))
    }
    fn visit_str<E: de::Error>(self, value: &str) -> Result<(), E> {
        self.leaf(Raw::Text(value.to_owned().into()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        if self.is_root {
            return Err(de::Error::custom("a document is a JSON object"));
        }
        while list
            .next_element_seed(Walk { paths: &mut *self.paths, buffer: &mut *self.buffer, leaves: &mut *self.leaves, is_root: false })?
            .is_some()
        {}
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let length = self.buffer.len();
        while map.next_key_seed(Key(self.buffer))?.is_some() {
            map.next_value_seed(Walk { paths: &mut *self.paths, buffer: &mut *self.buffer, leaves: &mut *self.leaves, is_root: false })?;
            self.buffer.truncate(length);
        }
        Ok(())
    }
}

/// Appends a key to the path.
struct Key<'s>(&'s mut String);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }
    fn visit_str<E>(self, key: &str) -> Result<(), E> {
        if !self.0.is_empty() {
            self.0.push('.');
        }
        self.0.push_str(key);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(json: &str) -> Option<Vec<String>> {
        let mut paths = Paths::default();
        let mut leaves = Vec::new();
        paths.read(json, &mut leaves).ok()?;
        Some(leaves.iter().map(|leaf| format!("{}={}", paths.name(leaf.path), leaf.value.to_text())).collect())
    }

    #[test]
    fn objects_and_dotted_keys_are_the_same() {
        for (json, expected) in [
            (r#"{"a":{"b":1},"a.c":"x"}"#, vec!["a.b=1", "a.c=x"]),
            (r#"{"a":[1,{"b":[true,null]},"\n"]}"#, vec!["a=1", "a.b=true", "a=\n"]),
            (r#"{"n":18446744073709551615,"f":0.5,"m":-3}"#, vec!["n=18446744073709551615", "f=0.5", "m=-3"]),
            ("{}", vec![]),
            (r#"{"a":null,"b":[],"c":{}}"#, vec![]),
        ] {
            assert_eq!(leaves(json).unwrap(), expected, "{json}");
        }
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for json in ["", "1", "null", "[]", "\"a\"", "{", "{}{}", "{\"a\":}", "{\"a\":1} x", &"{\"a\":".repeat(200_000)] {
            assert_eq!(leaves(json), None, "{json:.20}");
        }
    }
}
