//! What documents are wanted, in terms of roles.

use crate::{
    dsl::{Range, Scalar},
    params::{Level, Window},
    schema::Role,
};

/// A field as a tool names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// Whatever field has this role in a group of indices.
    Role(Role),
    /// A field by its own name.
    Named(String),
}

impl Field {
    /// Reads a name that a caller gave: the name of a role, or of a field.
    pub fn parse(name: &str) -> Self {
        Role::parse(name).map_or_else(|| Self::Named(name.to_owned()), Self::Role)
    }

    /// The name as a caller would write it.
    pub fn name(&self) -> &str {
        match self {
            Self::Role(role) => role.name(),
            Self::Named(name) => name,
        }
    }
}

impl From<Role> for Field {
    fn from(role: Role) -> Self {
        Self::Role(role)
    }
}

/// A condition on documents. A group of indices without a field that a condition names has no document that meets it.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// Every document.
    All,
    /// No document.
    Nothing,
    /// The field has one of these exact values. On the role `level`: words in any case and spelling; on `trace_id`: every
    /// form of the id (dashes, X-Ray, Datadog decimal); on `duration_ms`: milliseconds; on text: all words of the value.
    Is(Field, Vec<Scalar>),
    /// The field has an id in one of these forms. A form that the field's type cannot hold is no condition.
    Id(Field, Vec<String>),
    /// The level is one of these.
    Levels(Vec<Level>),
    /// The field (analysed text) has every word of the text, in any order.
    Words(Field, String),
    /// Message, error message or stack trace have every word of the text, in any order.
    AnyText(String),
    /// Message, error message or stack trace have the words in this order; with `prefix`, the last one may go on.
    AnyPhrase {
        /// The words.
        text: String,
        /// The last word is a prefix.
        prefix: bool,
    },
    /// The field has the words in this order.
    Phrase {
        /// Analysed text.
        field: Field,
        /// The words.
        text: String,
        /// The last word is a prefix.
        prefix: bool,
    },
    /// The field, which has to be text, has the words in this order.
    Contains(Field, String),
    /// The field has a value that begins with this.
    Prefix(Field, String),
    /// The field has a value in the range. `duration_ms` in milliseconds; times as RFC 3339 text.
    Range(Field, Range),
    /// The time is in the window (start included, end not).
    Time(Window),
    /// The field has a value.
    Exists(Field),
    /// Each field has a value that documents can be grouped by.
    Groupable(Vec<Field>),
    /// The document is in one of these concrete indices.
    Indices(Vec<String>),
    /// The document with this id in this concrete index.
    Document {
        /// Concrete index.
        index: String,
        /// Document id.
        id: String,
    },
    /// Something failed: level error or worse, HTTP status 500 or above, or an outcome of failure; whichever of these
    /// the indices have.
    Failed,
    /// All of these.
    And(Vec<Filter>),
    /// At least one of these.
    Or(Vec<Filter>),
    /// Not this.
    Not(Box<Filter>),
}

impl Filter {
    /// One exact value.
    pub fn is(field: impl Into<Field>, value: impl Into<Scalar>) -> Self {
        Self::Is(field.into(), vec![value.into()])
    }

    /// Both.
    #[must_use]
    pub fn and(self, other: Filter) -> Self {
        match (self, other) {
            (Self::All, other) => other,
            (this, Self::All) => this,
            (Self::And(mut list), other) => {
                list.push(other);
                Self::And(list)
            }
            (this, other) => Self::And(vec![this, other]),
        }
    }

    /// What this does not match.
    #[must_use]
    pub fn negated(self) -> Self {
        match self {
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    /// Calls `visit` with every field that the filter names.
    pub fn visit_fields(&self, visit: &mut dyn FnMut(&Field)) {
        match self {
            Self::Is(field, _)
            | Self::Id(field, _)
            | Self::Words(field, _)
            | Self::Phrase { field, .. }
            | Self::Contains(field, _)
            | Self::Prefix(field, _)
            | Self::Range(field, _)
            | Self::Exists(field) => visit(field),
            Self::And(list) | Self::Or(list) => list.iter().for_each(|filter| filter.visit_fields(visit)),
            Self::Not(inner) => inner.visit_fields(visit),
            Self::Groupable(fields) => fields.iter().for_each(visit),
            Self::Levels(_) => visit(&Field::Role(Role::Level)),
            Self::All
            | Self::Nothing
            | Self::AnyText(_)
            | Self::AnyPhrase { .. }
            | Self::Time(_)
            | Self::Indices(_)
            | Self::Document { .. }
            | Self::Failed => {}
        }
    }
}
