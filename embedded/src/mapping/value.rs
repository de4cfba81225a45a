//! Values: as JSON has them, and as a field's type reads them.

use std::borrow::Cow;

/// A leaf of a document, or a value in a query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Raw<'a> {
    Text(Cow<'a, str>),
    Int(i64),
    Unsigned(u64),
    Float(f64),
    Bool(bool),
}

/// A value of a field's type. Dates are integers: nanoseconds since the epoch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value<'a> {
    Text(Cow<'a, str>),
    Int(i64),
    Unsigned(u64),
    Float(f64),
    Bool(bool),
}

impl<'a> Raw<'a> {
    /// A number written as text.
    pub(crate) fn number(text: &str) -> Option<Raw<'static>> {
        let text = text.trim();
        if let Ok(value) = text.parse::<i64>() {
            return Some(Raw::Int(value));
        }
        if let Ok(value) = text.parse::<u64>() {
            return Some(Raw::Unsigned(value));
        }
        // Rust reads `inf` and `nan` too; JSON has no such numbers.
        text.parse::<f64>().ok().filter(|value| value.is_finite()).map(Raw::Float)
    }

    pub(crate) fn to_text(&'a self) -> Cow<'a, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text.as_ref()),
            Self::Int(value) => value.to_string().into(),
            Self::Unsigned(value) => value.to_string().into(),
            Self::Float(value) => serde_json::Number::from_f64(*value).map(|value| value.to_string()).unwrap_or_default().into(),
            Self::Bool(value) => value.to_string().into(),
        }
    }

    /// Cuts a fraction, as Elasticsearch's `coerce` does.
    pub(crate) fn to_integer(&self) -> Option<i64> {
        match self {
            Self::Text(text) => Self::number(text)?.to_integer(),
            Self::Int(value) => Some(*value),
            Self::Unsigned(value) => i64::try_from(*value).ok(),
            Self::Float(value) => whole(*value),
            Self::Bool(_) => None,
        }
    }

    pub(crate) fn to_unsigned(&self) -> Option<u64> {
        match self {
            Self::Text(text) => Self::number(text)?.to_unsigned(),
            Self::Int(value) => u64::try_from(*value).ok(),
            Self::Unsigned(value) => Some(*value),
            Self::Float(value) => u64::try_from(whole(*value)?).ok(),
            Self::Bool(_) => None,
        }
    }

    pub(crate) fn to_float(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "a double field holds no more")]
        match self {
            Self::Text(text) => Self::number(text)?.to_float(),
            Self::Int(value) => Some(*value as f64),
            Self::Unsigned(value) => Some(*value as f64),
            Self::Float(value) => Some(*value),
            Self::Bool(_) => None,
        }
    }
}

/// The whole part of a float within 64 bits.
pub(crate) fn whole(value: f64) -> Option<i64> {
    let value = value.trunc();
    #[expect(clippy::cast_possible_truncation, reason = "within range: checked")]
    (-9.223_372_036_854_775e18..=9.223_372_036_854_775e18).contains(&value).then_some(value as i64)
}
