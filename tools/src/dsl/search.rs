//! One search: where, what, in which order, and how much it may cost.

use std::time::Duration;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{Aggregations, IndexExpression, One, Query, aggregation::Named};

/// A search of documents. Private fields: a value built here is one that may reach a cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    index: IndexExpression,
    query: Query,
    from: u32,
    size: u32,
    sort: Vec<Sort>,
    fields: Vec<FetchField>,
    source: Source,
    track_total: TrackTotal,
    timeout: Option<Duration>,
    terminate_after: Option<u32>,
    aggregations: Aggregations,
}

/// How one sort key orders documents. A document without the field comes last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort {
    /// A field with doc values, or `_seq_no` (the order of indexing), or `_doc`.
    pub field: String,
    /// Largest first.
    pub descending: bool,
    /// A date: compared in nanoseconds whether the field is `date` or `date_nanos` (`numeric_type: date_nanos`).
    pub is_time: bool,
}

/// A field to fetch through `fields`, so that aliases and multi-fields work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchField {
    /// Name, or a pattern with `*`.
    pub name: String,
    /// A date: returned as RFC 3339 with the precision stored (`strict_date_optional_time_nanos`).
    pub is_time: bool,
}

/// Whether a hit carries `_source`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Source {
    /// No.
    #[default]
    No,
    /// Whole.
    Whole,
}

/// How exactly the number of matching documents is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrackTotal {
    /// Not at all: the reply has no total.
    No,
    /// Exact up to this many, a lower bound above.
    UpTo(u32),
    /// Exact.
    Exact,
}

impl Search {
    /// A search of `index` for `query` that returns no documents and counts exactly up to 10,000.
    pub fn new(index: IndexExpression, query: Query) -> Self {
        Self {
            index,
            query,
            from: 0,
            size: 0,
            sort: Vec::new(),
            fields: Vec::new(),
            source: Source::No,
            track_total: TrackTotal::UpTo(10_000),
            timeout: None,
            terminate_after: None,
            aggregations: Vec::new(),
        }
    }

    /// Returns `size` documents after skipping `from`. The guard refuses `from + size` above 10,000.
    #[must_use]
    pub fn page(mut self, from: u32, size: u32) -> Self {
        (self.from, self.size) = (from, size);
        self
    }

    /// Orders the documents.
    #[must_use]
    pub fn sort(mut self, sort: Vec<Sort>) -> Self {
        self.sort = sort;
        self
    }

    /// Fetches these fields of each document.
    #[must_use]
    pub fn fields(mut self, fields: Vec<FetchField>) -> Self {
        self.fields = fields;
        self
    }

    /// Whether hits carry `_source`.
    #[must_use]
    pub fn source(mut self, source: Source) -> Self {
        self.source = source;
        self
    }

    /// How exactly to count.
    #[must_use]
    pub fn track_total(mut self, track_total: TrackTotal) -> Self {
        self.track_total = track_total;
        self
    }

    /// The time the engine may take; set for every search by the guard.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Stops each shard after this many documents: for samples only, since totals become lower bounds.
    #[must_use]
    pub fn terminate_after(mut self, documents: u32) -> Self {
        self.terminate_after = Some(documents);
        self
    }

    /// Adds aggregations.
    #[must_use]
    pub fn aggregations(mut self, aggregations: Aggregations) -> Self {
        self.aggregations = aggregations;
        self
    }

    /// Sends the search elsewhere: for the guard, which narrows an expression to what is allowed.
    #[must_use]
    pub fn with_index(mut self, index: IndexExpression) -> Self {
        self.index = index;
        self
    }

    /// Where it searches.
    pub fn index(&self) -> &IndexExpression {
        &self.index
    }

    /// What it searches for.
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// How many documents it skips.
    pub fn from(&self) -> u32 {
        self.from
    }

    /// How many documents it returns.
    pub fn size(&self) -> u32 {
        self.size
    }

    /// In which order; index order when empty.
    pub fn sort_keys(&self) -> &[Sort] {
        &self.sort
    }

    /// What it fetches of each document.
    pub fn fetch_fields(&self) -> &[FetchField] {
        &self.fields
    }

    /// Whether hits carry `_source`.
    pub fn source_mode(&self) -> Source {
        self.source
    }

    /// How exactly it counts.
    pub fn total_mode(&self) -> TrackTotal {
        self.track_total
    }

    /// The time the engine may take.
    pub fn time_limit(&self) -> Option<Duration> {
        self.timeout
    }

    /// After how many documents a shard stops.
    pub fn stop_after(&self) -> Option<u32> {
        self.terminate_after
    }

    /// What it computes.
    pub fn aggregation_list(&self) -> &Aggregations {
        &self.aggregations
    }
}

impl Serialize for Search {
    /// The body of a search; the index goes into the path or the header line.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match &self.query {
            // Without `should` a `bool` computes no score of its own.
            // As it stands, an engine answers a count and the first and last time from metadata.
            Query::All => map.serialize_entry("query", &self.query)?,
            Query::Bool { should, .. } if should.is_empty() => map.serialize_entry("query", &self.query)?,
            query => map.serialize_entry("query", &One("bool", One("filter", [query])))?,
        }
        map.serialize_entry("size", &self.size)?;
        if self.from > 0 {
            map.serialize_entry("from", &self.from)?;
        }
        if !self.sort.is_empty() {
            map.serialize_entry("sort", &self.sort)?;
        }
        if self.size > 0 {
            map.serialize_entry("_source", &(self.source == Source::Whole))?;
            if !self.fields.is_empty() {
                map.serialize_entry("fields", &self.fields)?;
            }
        }
        match self.track_total {
            TrackTotal::No => map.serialize_entry("track_total_hits", &false)?,
            TrackTotal::UpTo(limit) => map.serialize_entry("track_total_hits", &limit)?,
            TrackTotal::Exact => map.serialize_entry("track_total_hits", &true)?,
        }
        if let Some(timeout) = self.timeout {
            map.serialize_entry("timeout", &format_args!("{}ms", timeout.as_millis()))?;
        }
        if let Some(documents) = self.terminate_after {
            map.serialize_entry("terminate_after", &documents)?;
        }
        if !self.aggregations.is_empty() {
            map.serialize_entry("aggs", &Named(&self.aggregations))?;
        }
        map.end()
    }
}

impl Serialize for Sort {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let order = if self.descending { "desc" } else { "asc" };
        if self.field.starts_with('_') {
            One(&self.field, One("order", order)).serialize(serializer)
        } else {
            One(&self.field, SortBody { order, is_time: self.is_time }).serialize(serializer)
        }
    }
}

struct SortBody {
    order: &'static str,
    is_time: bool,
}

impl Serialize for SortBody {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("order", self.order)?;
        map.serialize_entry("missing", "_last")?;
        if self.is_time {
            map.serialize_entry("numeric_type", "date_nanos")?;
            map.serialize_entry("unmapped_type", "date_nanos")?;
        } else {
            map.serialize_entry("unmapped_type", "long")?;
        }
        map.end()
    }
}

impl Serialize for FetchField {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_time {
            let mut map = serializer.serialize_map(Some(2))?;
            map.serialize_entry("field", &self.name)?;
            map.serialize_entry("format", "strict_date_optional_time_nanos")?;
            map.end()
        } else {
            serializer.serialize_str(&self.name)
        }
    }
}
