//! Logical searches: tools speak of roles (`service`, `trace_id`), this module lowers them to the fields of each group
//! of indices, and merges the replies as if there were one index with one schema. Knows no tool.

mod aggregation;
mod filter;
mod fit;
mod found;
mod lower;
mod lower_filter;
mod merge;
mod merge_aggs;
mod moments;
mod read;

pub use aggregation::Agg;
pub use filter::{Field, Filter};
pub use found::{Bucket, Found, Hit, Key, Outcome, Partial, Results, ShardFailure, Total, Value};
pub(crate) use lower::EXACT_CARDINALITY;
pub use lower::{Lowered, lower};
pub use merge::merge;

use std::sync::Arc;

use crate::{
    dsl::{IndexExpression, TrackTotal},
    params::Window,
    schema::Schema,
};

/// A search in terms of roles. One look becomes one search for each group of indices that name their fields alike.
#[derive(Debug, Clone)]
pub struct Look {
    /// Where, when not in the call's own index expression.
    pub index: Option<IndexExpression>,
    /// The roles of the fields there, when not those of the call's own indices.
    pub schema: Option<Arc<Schema>>,
    /// What.
    pub filter: Filter,
    /// When; all time when none.
    pub window: Option<Window>,
    /// How many documents to pass over.
    pub skip: u32,
    /// How many documents to return.
    pub size: u32,
    /// In which order.
    pub order: Order,
    /// What to fetch of each document. Time, index and id always come along.
    pub fetch: Vec<Field>,
    /// Whether to fetch the whole document as it was sent.
    pub source: bool,
    /// How exactly to count.
    pub total: TrackTotal,
    /// Stop each shard after this many documents: totals become lower bounds.
    pub sample: Option<u32>,
    /// What to compute.
    pub aggs: Vec<(String, Agg)>,
}

/// The order of documents.
#[derive(Debug, Clone, PartialEq)]
pub enum Order {
    /// As they come.
    Any,
    /// Newest first; ties in the order of indexing.
    Newest,
    /// Oldest first; ties in the order of indexing.
    Oldest,
    /// By a field, then newest first.
    By {
        /// The field.
        field: Field,
        /// Largest first.
        descending: bool,
    },
}

impl Look {
    /// A look at what matches `filter` in `window`: no documents, counted exactly up to 10,000.
    pub fn new(filter: Filter, window: Option<Window>) -> Self {
        Self {
            index: None,
            schema: None,
            filter,
            window,
            skip: 0,
            size: 0,
            order: Order::Any,
            fetch: Vec::new(),
            source: false,
            total: TrackTotal::UpTo(10_000),
            sample: None,
            aggs: Vec::new(),
        }
    }

    /// Returns documents.
    #[must_use]
    pub fn page(mut self, order: Order, skip: u32, size: u32) -> Self {
        (self.order, self.skip, self.size) = (order, skip, size);
        self
    }

    /// Fetches these fields of each document.
    #[must_use]
    pub fn fetch(mut self, fields: impl IntoIterator<Item = impl Into<Field>>) -> Self {
        self.fetch = fields.into_iter().map(Into::into).collect();
        self
    }

    /// How exactly to count.
    #[must_use]
    pub fn total(mut self, total: TrackTotal) -> Self {
        self.total = total;
        self
    }

    /// Computes an aggregation under a name.
    #[must_use]
    pub fn agg(mut self, name: impl Into<String>, agg: Agg) -> Self {
        self.aggs.push((name.into(), agg));
        self
    }
}
