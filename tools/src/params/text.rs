//! Single values and lists as callers write them: a number where a string is meant, a comma list where a list is meant.
//! Knows no argument's name.

use std::{borrow::Cow, fmt, marker::PhantomData};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error, IntoDeserializer, SeqAccess, Visitor},
};

/// The longest text that an argument may be, in bytes.
const MAX_BYTES: usize = 4_096;

/// The longest list that an argument may be.
const MAX_MEMBERS: usize = 1_000;

/// A value as an error message shows it: on one line, at most 80 characters.
pub(crate) fn shown(value: &str) -> String {
    let mut short: String = value.chars().take(80).map(|char| if char.is_control() { ' ' } else { char }).collect();
    if value.chars().nth(80).is_some() {
        short.push('…');
    }
    short
}

/// A string; a number or a boolean is taken as it is written. Neither empty nor longer than 4,096 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text(String);

impl Text {
    /// Checks a text.
    ///
    /// # Errors
    /// What is wrong with it, when it is empty or too long.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        if text.is_empty() {
            return Err("it is empty; leave the argument out instead");
        }
        if text.len() > MAX_BYTES {
            return Err("it is longer than 4,096 bytes");
        }
        Ok(Self(text.to_owned()))
    }

    /// The text, without space around it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;
        impl Visitor<'_> for Written {
            type Value = Text;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a number")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Text, E> {
                Text::new(text).map_err(E::custom)
            }
            fn visit_bool<E: Error>(self, value: bool) -> Result<Text, E> {
                Ok(Text(value.to_string()))
            }
            fn visit_i64<E: Error>(self, value: i64) -> Result<Text, E> {
                Ok(Text(value.to_string()))
            }
            fn visit_u64<E: Error>(self, value: u64) -> Result<Text, E> {
                Ok(Text(value.to_string()))
            }
            fn visit_f64<E: Error>(self, value: f64) -> Result<Text, E> {
                Ok(Text(value.to_string()))
            }
        }
        deserializer.deserialize_any(Written)
    }
}

impl JsonSchema for Text {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Text".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

/// A list, never empty: a JSON list, a single value, or a comma-separated string.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OneOrMany<T>(Vec<T>);

impl<T> OneOrMany<T> {
    /// Its members, in the order given.
    pub fn members(&self) -> &[T] {
        &self.0
    }

    /// Its members, in the order given.
    pub fn into_members(self) -> Vec<T> {
        self.0
    }
}

impl<T> From<Vec<T>> for OneOrMany<T> {
    fn from(members: Vec<T>) -> Self {
        Self(members)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Members(PhantomData)).map(Self)
    }
}

struct Members<T>(PhantomData<T>);

impl<'de, T: DeserializeOwned> Visitor<'de> for Members<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or a list of values")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Vec<T>, E> {
        if text.len() > MAX_BYTES {
            return Err(E::custom("it is longer than 4,096 bytes"));
        }
        let text = text.trim();
        // Some clients send a list as the text of its JSON.
        if text.starts_with('[')
            && let Ok(list) = serde_json::from_str::<Vec<serde_json::Value>>(text)
        {
            return list.into_iter().map(|member| T::deserialize(member).map_err(E::custom)).collect::<Result<_, E>>().and_then(checked);
        }
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(|part| T::deserialize(IntoDeserializer::<E>::into_deserializer(part))).collect::<Result<_, E>>().and_then(checked)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Vec<T>, E> {
        T::deserialize(IntoDeserializer::<E>::into_deserializer(value)).map(|member| vec![member])
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Vec<T>, E> {
        T::deserialize(IntoDeserializer::<E>::into_deserializer(value)).map(|member| vec![member])
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Vec<T>, E> {
        T::deserialize(IntoDeserializer::<E>::into_deserializer(value)).map(|member| vec![member])
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Vec<T>, E> {
        T::deserialize(IntoDeserializer::<E>::into_deserializer(value)).map(|member| vec![member])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = list.next_element()? {
            members.push(member);
            if members.len() > MAX_MEMBERS {
                break;
            }
        }
        checked(members)
    }
}

fn checked<T, E: Error>(members: Vec<T>) -> Result<Vec<T>, E> {
    match members.len() {
        0 => Err(E::custom("it is empty; leave the argument out instead")),
        1..=MAX_MEMBERS => Ok(members),
        _ => Err(E::custom("it has more than 1,000 members")),
    }
}

impl<T: JsonSchema> JsonSchema for OneOrMany<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("OneOrMany{}", T::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let items = T::json_schema(generator);
        json_schema!({ "type": "array", "items": items })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;

    fn list(written: Value) -> Result<Vec<String>, String> {
        let list = from_value::<OneOrMany<Text>>(written).map_err(|error| error.to_string())?;
        Ok(list.into_members().iter().map(Text::to_string).collect())
    }

    #[test]
    fn a_text_is_a_string_or_what_can_be_written_as_one() {
        for (written, text) in [(json!(" a b "), "a b"), (json!(5), "5"), (json!(-5), "-5"), (json!(1.5), "1.5"), (json!(true), "true")] {
            assert_eq!(from_value::<Text>(written).unwrap().as_str(), text);
        }
        for written in [json!(""), json!("  "), json!([]), json!({}), json!(null), json!("x".repeat(4_097))] {
            assert!(from_value::<Text>(written).is_err());
        }
    }

    #[test]
    fn a_list_is_a_list_a_value_or_values_between_commas() {
        for (written, members) in [
            (json!(["a", 5]), vec!["a", "5"]),
            (json!("a"), vec!["a"]),
            (json!("a, b,,c"), vec!["a", "b", "c"]),
            (json!("[\"a,b\", 1]"), vec!["a,b", "1"]),
            (json!("[a"), vec!["[a"]),
            (json!(7), vec!["7"]),
            (json!(["a,b"]), vec!["a,b"]),
        ] {
            assert_eq!(list(written).unwrap(), members);
        }
    }

    #[test]
    fn an_empty_or_endless_list_is_refused() {
        for written in [json!([]), json!(""), json!(","), json!("[]"), json!([""])] {
            assert!(list(written).unwrap_err().contains("empty"));
        }
        assert_eq!(list(json!(vec![1; 1_001])).unwrap_err(), "it has more than 1,000 members");
        assert!(list(json!([[]])).is_err());
    }

    #[test]
    fn a_value_is_shown_on_one_short_line() {
        assert_eq!(shown("a\nb"), "a b");
        assert_eq!(shown(&"é".repeat(100)), format!("{}…", "é".repeat(80)));
    }
}
