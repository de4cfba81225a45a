//! Queries, all meant for filter context: nothing here computes a score.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::One;

/// A value in a query: what JSON can say without nesting.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
pub enum Scalar {
    /// A string.
    Text(String),
    /// A signed integer.
    Int(i64),
    /// An unsigned integer beyond `i64`.
    Unsigned(u64),
    /// A floating-point number, always finite.
    Float(f64),
    /// A boolean.
    Bool(bool),
}

impl Serialize for Scalar {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(value) => serializer.serialize_str(value),
            Self::Int(value) => serializer.serialize_i64(*value),
            Self::Unsigned(value) => serializer.serialize_u64(*value),
            Self::Float(value) => serializer.serialize_f64(*value),
            Self::Bool(value) => serializer.serialize_bool(*value),
        }
    }
}

impl std::fmt::Display for Scalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(value) => f.write_str(value),
            Self::Int(value) => write!(f, "{value}"),
            Self::Unsigned(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value}"),
            Self::Bool(value) => write!(f, "{value}"),
        }
    }
}

impl From<&str> for Scalar {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Scalar {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<i64> for Scalar {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

/// The bounds of a range query. At least one is set by every caller.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Range {
    /// Greater than.
    pub gt: Option<Scalar>,
    /// Greater than or equal.
    pub gte: Option<Scalar>,
    /// Less than.
    pub lt: Option<Scalar>,
    /// Less than or equal.
    pub lte: Option<Scalar>,
    /// The bounds are RFC 3339 times with up to nine digits (`strict_date_optional_time_nanos`).
    pub is_time: bool,
}

/// A query. Every variant exists under the same name in Elasticsearch 7.17 to 9 and OpenSearch 1 to 3.
#[derive(Debug, Clone, PartialEq)]
pub enum Query {
    /// `match_all`.
    All,
    /// `match_none`.
    Nothing,
    /// `term`: an exact value of a keyword, number, boolean, date or ip field.
    Term {
        /// Physical field name. `_index` is a field too.
        field: String,
        /// The value.
        value: Scalar,
        /// Ignore case (strings only).
        case_insensitive: bool,
    },
    /// `terms`: any of these exact values.
    Terms {
        /// Physical field name.
        field: String,
        /// The values.
        values: Vec<Scalar>,
    },
    /// `prefix`: on a text field it is compared with each token, so the value must be lower case there.
    Prefix {
        /// Physical field name.
        field: String,
        /// The prefix, never empty.
        value: String,
        /// Ignore case.
        case_insensitive: bool,
    },
    /// `match` with `operator: and`: a text field that has every token of the text, in any order.
    Match {
        /// Physical field name.
        field: String,
        /// The text to analyse.
        text: String,
    },
    /// `match_phrase`, or `match_phrase_prefix` with 1,000 expansions.
    Phrase {
        /// Physical field name.
        field: String,
        /// The text to analyse.
        text: String,
        /// The last token is a prefix.
        prefix: bool,
    },
    /// `range`.
    Range {
        /// Physical field name.
        field: String,
        /// The bounds.
        range: Range,
    },
    /// `exists`: the field has at least one value.
    Exists {
        /// Physical field name; an object's name matches any of its fields.
        field: String,
    },
    /// `ids`.
    Ids(Vec<String>),
    /// `bool`: all of `filter`, at least one of `should` unless it is empty, none of `must_not`.
    Bool {
        /// All of these.
        filter: Vec<Query>,
        /// At least one of these, unless empty.
        should: Vec<Query>,
        /// None of these.
        must_not: Vec<Query>,
    },
}

impl Query {
    /// An exact match of one value.
    pub fn term(field: impl Into<String>, value: impl Into<Scalar>) -> Self {
        Self::Term { field: field.into(), value: value.into(), case_insensitive: false }
    }

    /// All of these; flattens the trivial cases.
    pub fn all_of(mut queries: Vec<Query>) -> Self {
        queries.retain(|query| *query != Self::All);
        if queries.contains(&Self::Nothing) {
            return Self::Nothing;
        }
        match queries.len() {
            0 => Self::All,
            1 => queries.remove(0),
            _ => Self::Bool { filter: queries, should: Vec::new(), must_not: Vec::new() },
        }
    }

    /// At least one of these; none of an empty list.
    pub fn any_of(mut queries: Vec<Query>) -> Self {
        queries.retain(|query| *query != Self::Nothing);
        if queries.contains(&Self::All) {
            return Self::All;
        }
        match queries.len() {
            0 => Self::Nothing,
            1 => queries.remove(0),
            _ => Self::Bool { filter: Vec::new(), should: queries, must_not: Vec::new() },
        }
    }

    /// What this query does not match.
    #[must_use]
    pub fn negated(self) -> Self {
        match self {
            Self::All => Self::Nothing,
            Self::Nothing => Self::All,
            other => Self::Bool { filter: Vec::new(), should: Vec::new(), must_not: vec![other] },
        }
    }
}

impl Serialize for Query {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        match self {
            Self::All => map.serialize_entry("match_all", &Empty)?,
            Self::Nothing => map.serialize_entry("match_none", &Empty)?,
            Self::Term { field, value, case_insensitive: false } => map.serialize_entry("term", &One(field, One("value", value)))?,
            Self::Term { field, value, case_insensitive: true } => map.serialize_entry("term", &One(field, Folded(value)))?,
            Self::Terms { field, values } => map.serialize_entry("terms", &One(field, values))?,
            Self::Prefix { field, value, case_insensitive: false } => map.serialize_entry("prefix", &One(field, One("value", value)))?,
            Self::Prefix { field, value, case_insensitive: true } => map.serialize_entry("prefix", &One(field, Folded(value)))?,
            Self::Match { field, text } => map.serialize_entry("match", &One(field, AllTokens(text)))?,
            Self::Phrase { field, text, prefix: false } => map.serialize_entry("match_phrase", &One(field, One("query", text)))?,
            Self::Phrase { field, text, prefix: true } => map.serialize_entry("match_phrase_prefix", &One(field, Expanded(text)))?,
            Self::Range { field, range } => map.serialize_entry("range", &One(field, range))?,
            Self::Exists { field } => map.serialize_entry("exists", &One("field", field))?,
            Self::Ids(values) => map.serialize_entry("ids", &One("values", values))?,
            Self::Bool { filter, should, must_not } => map.serialize_entry("bool", &Clauses { filter, should, must_not })?,
        }
        map.end()
    }
}

impl Serialize for Range {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (key, bound) in [("gt", &self.gt), ("gte", &self.gte), ("lt", &self.lt), ("lte", &self.lte)] {
            if let Some(bound) = bound {
                map.serialize_entry(key, bound)?;
            }
        }
        if self.is_time {
            map.serialize_entry("format", "strict_date_optional_time_nanos")?;
        }
        map.end()
    }
}

struct Empty;

impl Serialize for Empty {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_map(Some(0))?.end()
    }
}

struct Folded<T>(T);

impl<T: Serialize> Serialize for Folded<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("value", &self.0)?;
        map.serialize_entry("case_insensitive", &true)?;
        map.end()
    }
}

struct AllTokens<'a>(&'a str);

impl Serialize for AllTokens<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("query", self.0)?;
        map.serialize_entry("operator", "and")?;
        map.end()
    }
}

struct Expanded<'a>(&'a str);

impl Serialize for Expanded<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("query", self.0)?;
        map.serialize_entry("max_expansions", &1_000)?;
        map.end()
    }
}

struct Clauses<'a> {
    filter: &'a [Query],
    should: &'a [Query],
    must_not: &'a [Query],
}

impl Serialize for Clauses<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if !self.filter.is_empty() {
            map.serialize_entry("filter", self.filter)?;
        }
        if !self.should.is_empty() {
            map.serialize_entry("should", self.should)?;
            map.serialize_entry("minimum_should_match", &1)?;
        }
        if !self.must_not.is_empty() {
            map.serialize_entry("must_not", self.must_not)?;
        }
        map.end()
    }
}
