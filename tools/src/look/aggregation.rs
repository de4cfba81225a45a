//! What is computed over documents, in terms of roles.

use crate::{
    dsl::{Include, TermsOrder},
    look::{Field, Filter, Order},
    params::Window,
};

/// An aggregation. A group of indices without the field contributes nothing.
///
/// Values of the role `duration_ms` are milliseconds whatever unit is stored, keys of `level` are words.
#[derive(Debug, Clone, PartialEq)]
pub enum Agg {
    /// Buckets by value.
    Terms {
        /// A field that can be grouped by.
        field: Field,
        /// How many buckets.
        size: u32,
        /// Which first.
        order: TermsOrder,
        /// Which values at all.
        include: Option<Include>,
        /// In each bucket.
        inner: Vec<(String, Agg)>,
    },
    /// Buckets of equal length in time, empty ones included, over a window.
    TimeHistogram {
        /// In milliseconds.
        interval_ms: i64,
        /// From where to where; the first bucket begins at its start.
        window: Window,
        /// In each bucket.
        inner: Vec<(String, Agg)>,
    },
    /// One bucket.
    Filter(Filter, Vec<(String, Agg)>),
    /// A bucket for each named filter.
    Filters(Vec<(String, Filter)>, Vec<(String, Agg)>),
    /// Every combination of values, ascending, page by page.
    Composite {
        /// The fields. A document without a value has the key `None`.
        fields: Vec<Field>,
        /// How many combinations.
        size: u32,
        /// Continue after this combination.
        after: Option<Vec<Option<String>>>,
        /// In each bucket.
        inner: Vec<(String, Agg)>,
    },
    /// Smallest value. Of the role `time`: the earliest.
    Min(Field),
    /// Largest value. Of the role `time`: the latest.
    Max(Field),
    /// Sum.
    Sum(Field),
    /// Mean.
    Avg(Field),
    /// Number of values.
    Count(Field),
    /// Number of distinct values, approximate above 3,000.
    Cardinality(Field),
    /// Percentiles (0 to 100).
    Percentiles(Field, Vec<f64>),
    /// Documents of the bucket.
    Top {
        /// How many.
        size: u32,
        /// In which order.
        order: Order,
        /// What to fetch of each.
        fetch: Vec<Field>,
    },
}

impl Agg {
    /// The `size` most frequent values.
    pub fn terms(field: impl Into<Field>, size: u32) -> Self {
        Self::Terms { field: field.into(), size, order: TermsOrder::Count, include: None, inner: Vec::new() }
    }

    /// Adds an aggregation inside each bucket. Metrics have no inside and are returned as they are.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, agg: Agg) -> Self {
        match &mut self {
            Self::Terms { inner, .. }
            | Self::TimeHistogram { inner, .. }
            | Self::Filter(_, inner)
            | Self::Filters(_, inner)
            | Self::Composite { inner, .. } => inner.push((name.into(), agg)),
            Self::Min(_)
            | Self::Max(_)
            | Self::Sum(_)
            | Self::Avg(_)
            | Self::Count(_)
            | Self::Cardinality(_)
            | Self::Percentiles(..)
            | Self::Top { .. } => {
                debug_assert!(false, "a metric has no inner aggregation");
            }
        }
        self
    }
}
