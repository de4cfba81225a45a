//! Results of aggregations and their JSON, as Elasticsearch writes it.

use std::{
    cmp::Ordering,
    hash::{Hash, Hasher},
    net::Ipv6Addr,
};

use elk_mcp_tools::dsl::Scalar;
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::{
    hits::Hit,
    mapping::{Output, canonical},
    time,
};

/// A bucket's key. Ordered as Elasticsearch orders keys: null first, then by value.
#[derive(Debug, Clone)]
pub(crate) enum Key {
    Null,
    Bool(bool),
    Int(i64),
    Unsigned(u64),
    Float(f64),
    /// Milliseconds since the epoch, and how the field writes them.
    Date(i64, Output),
    /// An address, as 128 bits: the older kind is mapped into the newer.
    Address(u128),
    Text(Box<str>),
    /// Of a `composite`.
    Parts(Vec<(String, Key)>),
}

impl Key {
    /// As a request would write it.
    pub(super) fn to_text(&self) -> String {
        match self {
            Self::Null | Self::Parts(_) => String::new(),
            Self::Bool(value) => value.to_string(),
            Self::Int(value) => value.to_string(),
            Self::Unsigned(value) => value.to_string(),
            Self::Float(value) => value.to_string(),
            Self::Date(millis, output) => output.write(*millis),
            Self::Address(bits) => canonical(Ipv6Addr::from_bits(*bits).into()),
            Self::Text(text) => text.to_string(),
        }
    }

    fn class(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Bool(_) => 1,
            Self::Int(_) | Self::Unsigned(_) | Self::Float(_) | Self::Date(..) => 2,
            Self::Text(_) | Self::Address(_) => 3,
            Self::Parts(_) => 4,
        }
    }

    /// Compares with a key that a caller sends back; a date may come back as a number or as text.
    pub(super) fn compare(&self, sent: Option<&Scalar>) -> Ordering {
        let sent = match (self, sent) {
            (_, None) => Self::Null,
            (Self::Date(_, output), Some(Scalar::Text(text))) => match time::parse_iso(text) {
                Some(span) => Self::Date(time::to_millis(span.first), *output),
                None => Self::Text(text.as_str().into()),
            },
            (Self::Bool(_), Some(Scalar::Text(text))) if text == "true" || text == "false" => Self::Bool(text == "true"),
            (_, Some(Scalar::Text(text))) => Self::Text(text.as_str().into()),
            (_, Some(Scalar::Int(value))) => Self::Int(*value),
            (_, Some(Scalar::Unsigned(value))) => Self::Unsigned(*value),
            (_, Some(Scalar::Float(value))) => Self::Float(*value),
            (_, Some(Scalar::Bool(value))) => Self::Bool(*value),
        };
        self.cmp(&sent)
    }

    #[expect(clippy::cast_precision_loss, reason = "only where one of the two is a double already")]
    fn as_float(&self) -> f64 {
        match self {
            Self::Int(value) | Self::Date(value, _) => *value as f64,
            Self::Unsigned(value) => *value as f64,
            Self::Float(value) => *value,
            _ => 0.0,
        }
    }

    fn as_whole(&self) -> Option<i128> {
        match self {
            Self::Int(value) | Self::Date(value, _) => Some((*value).into()),
            Self::Unsigned(value) => Some((*value).into()),
            _ => None,
        }
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Address(a), Self::Address(b)) => a.cmp(b),
            (Self::Text(_) | Self::Address(_), Self::Text(_) | Self::Address(_)) => self.to_text().cmp(&other.to_text()),
            _ => self.class().cmp(&other.class()).then_with(|| match (self.as_whole(), other.as_whole()) {
                (Some(a), Some(b)) => a.cmp(&b),
                _ => self.as_float().total_cmp(&other.as_float()),
            }),
        }
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.class().hash(state);
        match self {
            Self::Bool(value) => value.hash(state),
            Self::Text(text) => text.hash(state),
            Self::Address(_) => (*self.to_text()).hash(state),
            // Equal numbers of different types hash alike.
            _ => self.as_float().to_bits().hash(state),
        }
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Int(value) | Self::Date(value, _) => serializer.serialize_i64(*value),
            Self::Unsigned(value) => serializer.serialize_u64(*value),
            Self::Float(value) => serializer.serialize_f64(*value),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Address(_) => serializer.serialize_str(&self.to_text()),
            Self::Parts(parts) => serializer.collect_map(parts.iter().map(|(name, key)| (name, key))),
        }
    }
}

/// Results by name.
#[derive(Debug)]
pub(crate) struct Named(pub(crate) Vec<(String, Outcome)>);

impl Named {
    fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        self.0.iter().try_for_each(|(name, outcome)| map.serialize_entry(name, outcome))
    }
}

impl Serialize for Named {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        self.write(&mut map)?;
        map.end()
    }
}

/// A bucket.
#[derive(Debug)]
pub(crate) struct Bucket {
    pub(crate) key: Key,
    pub(crate) documents: u64,
    pub(crate) inner: Named,
}

impl Serialize for Bucket {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match &self.key {
            Key::Null => {}
            Key::Date(millis, output) => {
                map.serialize_entry("key_as_string", &output.write(*millis))?;
                map.serialize_entry("key", millis)?;
            }
            Key::Bool(value) => {
                map.serialize_entry("key", &u8::from(*value))?;
                map.serialize_entry("key_as_string", if *value { "true" } else { "false" })?;
            }
            key => map.serialize_entry("key", key)?,
        }
        map.serialize_entry("doc_count", &self.documents)?;
        self.inner.write(&mut map)?;
        map.end()
    }
}

/// How a metric's value reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Number,
    Date(Output),
    Boolean,
}

impl Format {
    #[expect(clippy::cast_possible_truncation, reason = "milliseconds that came from whole ones")]
    fn write(self, value: f64) -> Option<String> {
        match self {
            Self::Number => None,
            Self::Date(output) => Some(output.write(value.floor() as i64)),
            Self::Boolean => Some((value != 0.0).to_string()),
        }
    }
}

/// The result of one aggregation.
#[derive(Debug)]
pub(crate) enum Outcome {
    Terms { buckets: Vec<Bucket>, other: u64 },
    Composite(Vec<Bucket>),
    Buckets(Vec<Bucket>),
    Single(Bucket),
    Keyed(Vec<(String, Bucket)>),
    Metric { value: Option<f64>, format: Format },
    Count(u64),
    Percentiles { values: Vec<(f64, Option<f64>)>, format: Format },
    Hits { total: u64, hits: Vec<Hit> },
}

impl Outcome {
    /// The value that buckets are ordered by.
    #[expect(clippy::cast_precision_loss, reason = "an order of counts")]
    pub(super) fn order_value(&self) -> Option<f64> {
        match self {
            Self::Metric { value, .. } => *value,
            Self::Count(count) => Some(*count as f64),
            _ => None,
        }
    }
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::Terms { buckets, other } => {
                map.serialize_entry("doc_count_error_upper_bound", &0)?;
                map.serialize_entry("sum_other_doc_count", other)?;
                map.serialize_entry("buckets", buckets)?;
            }
            Self::Composite(buckets) => {
                if let Some(last) = buckets.last() {
                    map.serialize_entry("after_key", &last.key)?;
                }
                map.serialize_entry("buckets", buckets)?;
            }
            Self::Buckets(buckets) => map.serialize_entry("buckets", buckets)?,
            Self::Single(bucket) => {
                map.serialize_entry("doc_count", &bucket.documents)?;
                bucket.inner.write(&mut map)?;
            }
            Self::Keyed(buckets) => map.serialize_entry("buckets", &ByName(buckets))?,
            Self::Metric { value, format } => {
                map.serialize_entry("value", value)?;
                if let Some(text) = value.and_then(|value| format.write(value)) {
                    map.serialize_entry("value_as_string", &text)?;
                }
            }
            Self::Count(count) => map.serialize_entry("value", count)?,
            Self::Percentiles { values, format } => {
                let values: Vec<_> = values
                    .iter()
                    .map(|(key, value)| Percentile {
                        key: *key,
                        value: *value,
                        value_as_string: value.and_then(|value| format.write(value)),
                    })
                    .collect();
                map.serialize_entry("values", &values)?;
            }
            Self::Hits { total, hits } => {
                map.serialize_entry("hits", &Hits { total: Total { value: *total, relation: "eq" }, max_score: None, hits })?;
            }
        }
        map.end()
    }
}

struct ByName<'a>(&'a [(String, Bucket)]);

impl Serialize for ByName<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, bucket)| (name, bucket)))
    }
}

#[derive(serde::Serialize)]
struct Percentile {
    key: f64,
    value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_as_string: Option<String>,
}

#[derive(serde::Serialize)]
struct Hits<'a> {
    total: Total,
    max_score: Option<f64>,
    hits: &'a [Hit],
}

#[derive(serde::Serialize)]
struct Total {
    value: u64,
    relation: &'static str,
}
