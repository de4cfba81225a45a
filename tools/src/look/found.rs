//! What a look found: documents and results in terms of roles, merged over all groups of indices.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use jiff::Timestamp;
use serde_json::value::RawValue;

use crate::{look::Field, params::Level, schema::Role};

/// The merged reply to one look.
#[derive(Debug, Default)]
pub struct Found<'a> {
    /// How many documents match.
    pub total: Total,
    /// The documents asked for.
    pub hits: Vec<Hit<'a>>,
    /// What was computed, by name.
    pub results: Results<'a>,
    /// What is missing from all of the above.
    pub partial: Partial,
    /// Milliseconds that the slowest engine call took by its own account.
    pub took_ms: u64,
}

/// A number of documents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Total {
    /// The number.
    pub value: u64,
    /// It is a lower bound: there are at least this many.
    pub at_least: bool,
}

/// As it is told: a lower bound as one.
impl fmt::Display for Total {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}{}", if self.at_least { "at least " } else { "" }, self.value)
    }
}

/// What could not be searched. Anything but the default means that totals are lower bounds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Partial {
    /// The engine stopped at its time limit.
    pub timed_out: bool,
    /// Shards that failed, one entry an index and reason.
    pub failed_shards: Vec<ShardFailure>,
}

/// A shard that did not answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ShardFailure {
    /// Its index.
    pub index: String,
    /// A short class such as `illegal_argument_exception`, never the engine's own sentence.
    pub reason: String,
}

impl Partial {
    /// Whether something is missing.
    pub fn is_partial(&self) -> bool {
        self.timed_out || !self.failed_shards.is_empty()
    }

    /// Joins two accounts of what is missing.
    pub fn join(&mut self, other: &Partial) {
        self.timed_out |= other.timed_out;
        self.failed_shards.extend(other.failed_shards.iter().cloned());
        self.failed_shards.sort();
        self.failed_shards.dedup();
    }
}

/// One document.
#[derive(Debug, Clone)]
pub struct Hit<'a> {
    /// Concrete index.
    pub index: Cow<'a, str>,
    /// Document id.
    pub id: Cow<'a, str>,
    /// When, at the precision stored.
    pub time: Option<Timestamp>,
    /// The fetched fields that have a value, in the order they were asked for.
    pub values: Vec<(Field, Vec<Value<'a>>)>,
    /// The document as it was sent, where asked for.
    pub source: Option<&'a RawValue>,
    /// The index holds spans rather than log lines.
    pub is_span: bool,
}

/// A value of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// A string.
    Text(Cow<'a, str>),
    /// A number. Durations are already milliseconds.
    Number(f64),
    /// An integer.
    Int(i64),
    /// A boolean.
    Bool(bool),
}

impl Value<'_> {
    /// The value as text.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Number(number) => Cow::Owned(number.to_string()),
            Self::Int(number) => Cow::Owned(number.to_string()),
            Self::Bool(value) => Cow::Borrowed(if *value { "true" } else { "false" }),
        }
    }

    /// The value as a number, also from a string of digits.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Text(text) => text.trim().parse().ok(),
            Self::Number(number) => Some(*number),
            #[expect(clippy::cast_precision_loss, reason = "integers beyond 2^53 are ids, not quantities")]
            Self::Int(number) => Some(*number as f64),
            Self::Bool(_) => None,
        }
    }
}

impl Hit<'_> {
    /// All values of a field.
    pub fn values(&self, field: &Field) -> &[Value<'_>] {
        self.values.iter().find(|(name, _)| name == field).map_or(&[], |(_, values)| values)
    }

    /// The first value of a role, as text.
    pub fn text(&self, role: Role) -> Option<Cow<'_, str>> {
        self.values(&Field::Role(role)).first().map(Value::text)
    }

    /// The first value of a role, as a number (durations in milliseconds).
    pub fn number(&self, role: Role) -> Option<f64> {
        self.values(&Field::Role(role)).first().and_then(Value::number)
    }

    /// The level, where it is one of the known words.
    pub fn level(&self) -> Option<Level> {
        self.text(Role::Level).and_then(|word| Level::parse(&word))
    }

    /// Whether it says that what was asked for was not done: an HTTP status of 500 or above, or an outcome of failure. Both roles must have
    /// been fetched.
    pub fn answers_failure(&self) -> bool {
        let status = self.text(Role::Status).and_then(|status| status.parse::<u16>().ok());
        let is_failure = || self.text(Role::Outcome).is_some_and(|word| is_failure(&word, self.is_span));
        status.is_some_and(|status| (500..600).contains(&status)) || is_failure()
    }

    /// `index/id`: how a caller refers to this document.
    pub fn reference(&self) -> String {
        format!("{}/{}", self.index, self.id)
    }
}

/// Whether an outcome means failure: ECS, OpenTelemetry in words, as Data Prepper stores its enumeration (2), and the
/// results of Elastic APM's transactions (`HTTP 5xx`).
fn is_failure(outcome: &str, is_span: bool) -> bool {
    let word = outcome.to_ascii_lowercase();
    matches!(word.as_str(), "failure" | "failed" | "error" | "status_code_error" | "http 5xx") || (is_span && word == "2")
}

/// Results by name.
#[derive(Debug, Default, Clone)]
pub struct Results<'a>(pub BTreeMap<String, Outcome<'a>>);

/// The result of one aggregation.
#[derive(Debug, Clone)]
pub enum Outcome<'a> {
    /// Buckets.
    Buckets {
        /// In the order asked for.
        buckets: Vec<Bucket<'a>>,
        /// Documents outside the returned buckets.
        other: u64,
        /// By how much a bucket's count may be too low.
        error_bound: u64,
        /// Where a composite continues; none at its end.
        after: Option<Vec<Option<String>>>,
    },
    /// A metric; none where no document has a value. Times are milliseconds since the epoch.
    Number(Option<f64>),
    /// Percent and value, in the order asked for; empty where no document has a value.
    Percentiles(Vec<(f64, f64)>),
    /// Documents.
    Hits(Vec<Hit<'a>>),
}

/// Documents that share a key.
#[derive(Debug, Clone)]
pub struct Bucket<'a> {
    /// What they share.
    pub key: Key,
    /// How many they are.
    pub count: u64,
    /// What was computed in it.
    pub results: Results<'a>,
}

/// What the documents of a bucket share.
#[derive(Debug, Clone, PartialEq)]
pub enum Key {
    /// A value, or the name of a filter.
    Text(String),
    /// A number.
    Number(f64),
    /// An integer.
    Int(i64),
    /// A moment: the start of a time bucket.
    Time(Timestamp),
    /// The parts of a composite key.
    Parts(Vec<Option<String>>),
}

impl Key {
    /// The key as text. Parts are joined by a tab.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Number(number) => Cow::Owned(number.to_string()),
            Self::Int(number) => Cow::Owned(number.to_string()),
            Self::Time(time) => Cow::Owned(time.to_string()),
            Self::Parts(parts) => Cow::Owned(parts.iter().map(|part| part.as_deref().unwrap_or("")).collect::<Vec<_>>().join("\t")),
        }
    }
}

impl<'a> Results<'a> {
    /// The buckets under a name; none where nothing was found.
    pub fn buckets(&self, name: &str) -> &[Bucket<'a>] {
        match self.0.get(name) {
            Some(Outcome::Buckets { buckets, .. }) => buckets,
            _ => &[],
        }
    }

    /// The bucket of a named filter under a name.
    pub fn bucket(&self, name: &str, key: &str) -> Option<&Bucket<'a>> {
        self.buckets(name).iter().find(|bucket| bucket.key.text() == key)
    }

    /// Documents outside the returned buckets, and by how much a bucket's count may be too low.
    pub fn other(&self, name: &str) -> (u64, u64) {
        match self.0.get(name) {
            Some(Outcome::Buckets { other, error_bound, .. }) => (*other, *error_bound),
            _ => (0, 0),
        }
    }

    /// Where a composite continues.
    pub fn after(&self, name: &str) -> Option<&[Option<String>]> {
        match self.0.get(name) {
            Some(Outcome::Buckets { after, .. }) => after.as_deref(),
            _ => None,
        }
    }

    /// Documents in the single bucket of a [`Agg::Filter`](super::Agg::Filter).
    pub fn count(&self, name: &str) -> u64 {
        self.buckets(name).first().map_or(0, |bucket| bucket.count)
    }

    /// What was computed inside the single bucket of a [`Agg::Filter`](super::Agg::Filter).
    pub fn inside(&self, name: &str) -> Option<&Results<'a>> {
        self.buckets(name).first().map(|bucket| &bucket.results)
    }

    /// A metric.
    pub fn number(&self, name: &str) -> Option<f64> {
        match self.0.get(name) {
            Some(Outcome::Number(number)) => *number,
            _ => None,
        }
    }

    /// A metric over the role `time`, as a moment.
    pub fn time(&self, name: &str) -> Option<Timestamp> {
        #[expect(clippy::cast_possible_truncation, reason = "times of documents are far inside the range of i64 milliseconds")]
        self.number(name).and_then(|ms| Timestamp::from_millisecond(ms.round() as i64).ok())
    }

    /// Percent and value.
    pub fn percentiles(&self, name: &str) -> &[(f64, f64)] {
        match self.0.get(name) {
            Some(Outcome::Percentiles(list)) => list,
            _ => &[],
        }
    }

    /// One percentile.
    pub fn percentile(&self, name: &str, percent: f64) -> Option<f64> {
        self.percentiles(name).iter().find(|(key, _)| (key - percent).abs() < 1e-9).map(|(_, value)| *value)
    }

    /// Documents.
    pub fn hits(&self, name: &str) -> &[Hit<'a>] {
        match self.0.get(name) {
            Some(Outcome::Hits(hits)) => hits,
            _ => &[],
        }
    }
}
