//! What a physical field can do: be searched, phrased, grouped by, sorted. Covers every type of Elasticsearch's and
//! OpenSearch's own log templates.

use super::unit::{EpochUnit, LevelScale};

/// The types of fields, by what can be done with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// `keyword`, `constant_keyword`, `wildcard`, `version`, keys of `flattened` and `flat_object`.
    Keyword,
    /// `text`, `match_only_text`.
    Text,
    /// Whole numbers.
    Integer,
    /// Numbers.
    Float,
    /// `date` and `date_nanos`.
    Date,
    /// `boolean`.
    Boolean,
    /// `ip`.
    Ip,
    /// Whatever lies in nested objects: not searched, since each of them is a document of its own to the engine.
    Nested,
    /// Objects and everything else: can only be asked for existence.
    Other,
}

impl Kind {
    /// Reads a type's name as `_field_caps` writes it.
    pub fn of(type_name: &str) -> Self {
        match type_name {
            "keyword"
            | "constant_keyword"
            | "wildcard"
            | "version"
            | "flattened"
            | "flat_object"
            | "counted_keyword"
            | "icu_collation_keyword" => Self::Keyword,
            "text" | "match_only_text" | "search_as_you_type" | "annotated_text" | "pattern_text" => Self::Text,
            "long" | "integer" | "short" | "byte" | "unsigned_long" => Self::Integer,
            "double" | "float" | "half_float" | "scaled_float" => Self::Float,
            "date" | "date_nanos" => Self::Date,
            "boolean" => Self::Boolean,
            "ip" => Self::Ip,
            "nested" => Self::Nested,
            _ => Self::Other,
        }
    }

    /// The kind in words, for messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Keyword => "a keyword",
            Self::Text => "analysed text",
            Self::Integer | Self::Float => "a number",
            Self::Date => "a date",
            Self::Boolean => "a boolean",
            Self::Ip => "an IP address",
            Self::Nested => "part of nested objects",
            Self::Other => "an object",
        }
    }

    /// Whether its values are strings.
    pub fn is_words(self) -> bool {
        matches!(self, Self::Keyword | Self::Text | Self::Ip)
    }

    /// Whether its values can be computed with.
    pub fn is_quantity(self) -> bool {
        self.is_number() || self == Self::Date
    }

    /// Whether its values are numbers.
    pub fn is_number(self) -> bool {
        matches!(self, Self::Integer | Self::Float)
    }
}

/// A field of a group of indices.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldInfo {
    /// Its name.
    pub name: String,
    /// What can be done with it.
    pub kind: Kind,
    /// Its type as the engine names it.
    pub type_name: String,
    /// It has doc values: can be grouped by and sorted.
    pub aggregatable: bool,
    /// The keyword form beside a text field (`message.keyword`).
    pub keyword: Option<String>,
    /// The analysed form beside a keyword field (`error.stack_trace.text`).
    pub text: Option<String>,
    /// A moment stored as a number.
    pub epoch: Option<EpochUnit>,
    /// A duration: what turns a stored number into milliseconds.
    pub to_ms: Option<f64>,
    /// A severity stored as a number.
    pub level_scale: Option<LevelScale>,
    /// The share of sampled documents that have it, from 0 to 1.
    pub filled: Option<f64>,
}

impl FieldInfo {
    /// A field without a reading.
    pub fn new(name: impl Into<String>, type_name: impl Into<String>, aggregatable: bool) -> Self {
        let type_name = type_name.into();
        Self {
            name: name.into(),
            kind: Kind::of(&type_name),
            type_name,
            aggregatable,
            keyword: None,
            text: None,
            epoch: None,
            to_ms: None,
            level_scale: None,
            filled: None,
        }
    }

    /// The field to group and sort by; none for analysed text without a keyword form.
    pub fn groupable(&self) -> Option<&str> {
        match self.kind {
            Kind::Text => self.keyword.as_deref(),
            Kind::Nested | Kind::Other => None,
            Kind::Keyword | Kind::Integer | Kind::Float | Kind::Date | Kind::Boolean | Kind::Ip => {
                if self.aggregatable {
                    Some(&self.name)
                } else {
                    self.keyword.as_deref()
                }
            }
        }
    }

    /// The field to compare whole values with; none for analysed text without a keyword form.
    pub fn exact(&self) -> Option<&str> {
        match self.kind {
            Kind::Text => self.keyword.as_deref(),
            Kind::Keyword | Kind::Integer | Kind::Float | Kind::Date | Kind::Boolean | Kind::Ip | Kind::Nested | Kind::Other => {
                Some(&self.name)
            }
        }
    }

    /// The field to search words in; none for a keyword without an analysed form.
    pub fn analysed(&self) -> Option<&str> {
        match self.kind {
            Kind::Text => Some(&self.name),
            Kind::Keyword | Kind::Integer | Kind::Float | Kind::Date | Kind::Boolean | Kind::Ip | Kind::Nested | Kind::Other => {
                self.text.as_deref()
            }
        }
    }

    /// What must be equal for numbers to be sorted together, and to be compared with the same bounds; the kind of all else.
    pub(super) fn class(&self) -> &str {
        match self.type_name.as_str() {
            "byte" | "short" | "integer" => "integer",
            _ if self.kind.is_number() => &self.type_name,
            _ => self.kind.word(),
        }
    }

    /// Whether numbers of the field are sorted by: moments and durations are.
    pub(super) fn is_sorted_by(&self) -> bool {
        self.epoch.is_some() || self.to_ms.is_some()
    }

    /// Whether a search on this field and one on the other can be the same search.
    pub fn is_like(&self, other: &FieldInfo) -> bool {
        let both_numbers = self.kind.is_number() && other.kind.is_number();
        let kinds_agree = if both_numbers { !self.is_sorted_by() || self.class() == other.class() } else { self.kind == other.kind };
        self.name == other.name
            && kinds_agree
            && self.groupable() == other.groupable()
            && self.epoch == other.epoch
            && self.to_ms == other.to_ms
            && self.level_scale == other.level_scale
    }
}
