//! Aggregations: the part of Elasticsearch's that every supported engine answers alike.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{FetchField, One, Query, Scalar, Sort};

/// Named aggregations, in the order they are sent.
pub type Aggregations = Vec<(String, Aggregation)>;

/// `precision_threshold` of `cardinality`: up to so many distinct values an engine counts them, beyond it estimates (HyperLogLog++).
pub const EXACT_DISTINCT: u32 = 3_000;

/// One aggregation and what is computed inside each of its buckets.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregation {
    /// What is computed.
    pub kind: AggregationKind,
    /// Inside each bucket. Empty for metrics.
    pub inner: Aggregations,
}

/// The order of `terms` buckets. Ties go by key, ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TermsOrder {
    /// Most documents first (Elasticsearch's default).
    Count,
    /// By key, ascending.
    Key,
    /// By a single-valued metric among the inner aggregations.
    Metric {
        /// Its name.
        name: String,
        /// Largest first.
        descending: bool,
    },
}

/// Which terms get a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Include {
    /// These values only.
    Values(Vec<String>),
    /// One hash partition of all values: Elasticsearch's `{partition, num_partitions}`. Which value falls into which
    /// partition is the engine's own affair; the partitions are disjoint and complete.
    Partition {
        /// From 0.
        partition: u32,
        /// How many there are.
        of: u32,
    },
}

/// What an aggregation computes.
#[derive(Debug, Clone, PartialEq)]
pub enum AggregationKind {
    /// `terms`.
    Terms {
        /// A field with doc values.
        field: String,
        /// How many buckets.
        size: u32,
        /// How many each shard offers; the engine's default (`size * 1.5 + 10`) when none.
        shard_size: Option<u32>,
        /// Which come first.
        order: TermsOrder,
        /// Which terms may come at all.
        include: Option<Include>,
    },
    /// `date_histogram` with a fixed interval in UTC.
    DateHistogram {
        /// A date field.
        field: String,
        /// Interval in milliseconds.
        interval_ms: i64,
        /// Shift of the bucket edges in milliseconds, not negative and below the interval.
        offset_ms: i64,
        /// Empty buckets are returned from the first to the second, in milliseconds since the epoch (`extended_bounds`
        /// and `min_doc_count: 0`); with none, only buckets with documents (`min_doc_count: 1`).
        bounds_ms: Option<(i64, i64)>,
    },
    /// `histogram` over a number.
    Histogram {
        /// A numeric field.
        field: String,
        /// Interval in the field's unit.
        interval: f64,
        /// Shift of the bucket edges.
        offset: f64,
        /// As in `DateHistogram`.
        bounds: Option<(f64, f64)>,
    },
    /// `filter`.
    Filter(Query),
    /// `filters`, keyed.
    Filters(Vec<(String, Query)>),
    /// `composite` over `terms` sources, ascending.
    Composite {
        /// Name and field of each source; a document without a value has a `null` key (`missing_bucket`).
        sources: Vec<(String, String)>,
        /// How many buckets.
        size: u32,
        /// Continue after this key, one value a source (`None` is the null key).
        after: Option<Vec<Option<Scalar>>>,
    },
    /// `min`.
    Min(String),
    /// `max`.
    Max(String),
    /// `sum`.
    Sum(String),
    /// `avg`.
    Avg(String),
    /// `value_count`.
    ValueCount(String),
    /// `cardinality` with `precision_threshold` [`EXACT_DISTINCT`].
    Cardinality(String),
    /// `percentiles` by t-digest with compression 1,000.
    Percentiles {
        /// A numeric field.
        field: String,
        /// Which, from 0 to 100.
        percents: Vec<f64>,
    },
    /// `top_hits`.
    TopHits {
        /// How many documents, at most 100.
        size: u32,
        /// Their order.
        sort: Vec<Sort>,
        /// What is fetched of each.
        fields: Vec<FetchField>,
    },
}

impl Aggregation {
    /// An aggregation with nothing inside.
    pub fn new(kind: AggregationKind) -> Self {
        Self { kind, inner: Vec::new() }
    }

    /// Adds an aggregation inside each bucket.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, inner: Aggregation) -> Self {
        self.inner.push((name.into(), inner));
        self
    }
}

pub(super) struct Named<'a>(pub(super) &'a Aggregations);

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, aggregation) in self.0 {
            map.serialize_entry(name, aggregation)?;
        }
        map.end()
    }
}

impl Serialize for Aggregation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let body = Body(&self.kind);
        match &self.kind {
            AggregationKind::Terms { .. } => map.serialize_entry("terms", &body)?,
            AggregationKind::DateHistogram { .. } => map.serialize_entry("date_histogram", &body)?,
            AggregationKind::Histogram { .. } => map.serialize_entry("histogram", &body)?,
            AggregationKind::Filter(query) => map.serialize_entry("filter", query)?,
            AggregationKind::Filters(_) => map.serialize_entry("filters", &body)?,
            AggregationKind::Composite { .. } => map.serialize_entry("composite", &body)?,
            AggregationKind::Min(field) => map.serialize_entry("min", &One("field", field))?,
            AggregationKind::Max(field) => map.serialize_entry("max", &One("field", field))?,
            AggregationKind::Sum(field) => map.serialize_entry("sum", &One("field", field))?,
            AggregationKind::Avg(field) => map.serialize_entry("avg", &One("field", field))?,
            AggregationKind::ValueCount(field) => map.serialize_entry("value_count", &One("field", field))?,
            AggregationKind::Cardinality(_) => map.serialize_entry("cardinality", &body)?,
            AggregationKind::Percentiles { .. } => map.serialize_entry("percentiles", &body)?,
            AggregationKind::TopHits { .. } => map.serialize_entry("top_hits", &body)?,
        }
        if !self.inner.is_empty() {
            map.serialize_entry("aggs", &Named(&self.inner))?;
        }
        map.end()
    }
}

struct Body<'a>(&'a AggregationKind);

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self.0 {
            AggregationKind::Terms { field, size, shard_size, order, include } => {
                map.serialize_entry("field", field)?;
                map.serialize_entry("size", size)?;
                if let Some(shard_size) = shard_size {
                    map.serialize_entry("shard_size", shard_size)?;
                }
                match order {
                    TermsOrder::Count => {}
                    TermsOrder::Key => map.serialize_entry("order", &One("_key", "asc"))?,
                    TermsOrder::Metric { name, descending } => {
                        map.serialize_entry("order", &One(name, if *descending { "desc" } else { "asc" }))?;
                    }
                }
                match include {
                    None => {}
                    Some(Include::Values(values)) => map.serialize_entry("include", values)?,
                    Some(Include::Partition { partition, of }) => {
                        map.serialize_entry("include", &Partition { partition: *partition, num_partitions: *of })?;
                    }
                }
            }
            AggregationKind::DateHistogram { field, interval_ms, offset_ms, bounds_ms } => {
                map.serialize_entry("field", field)?;
                map.serialize_entry("fixed_interval", &format_args!("{interval_ms}ms"))?;
                if *offset_ms != 0 {
                    map.serialize_entry("offset", &format_args!("{offset_ms}ms"))?;
                }
                bounds(&mut map, bounds_ms.as_ref())?;
            }
            AggregationKind::Histogram { field, interval, offset, bounds: limits } => {
                map.serialize_entry("field", field)?;
                map.serialize_entry("interval", interval)?;
                if *offset != 0.0 {
                    map.serialize_entry("offset", offset)?;
                }
                bounds(&mut map, limits.as_ref())?;
            }
            AggregationKind::Filters(filters) => map.serialize_entry("filters", &Keyed(filters))?,
            AggregationKind::Composite { sources, size, after } => {
                let list: Vec<_> =
                    sources.iter().map(|(name, field)| One(name, One("terms", TermsSource { field, missing_bucket: true }))).collect();
                map.serialize_entry("sources", &list)?;
                map.serialize_entry("size", size)?;
                if let Some(after) = after {
                    map.serialize_entry("after", &After(sources, after))?;
                }
            }
            AggregationKind::Cardinality(field) => {
                map.serialize_entry("field", field)?;
                map.serialize_entry("precision_threshold", &EXACT_DISTINCT)?;
            }
            AggregationKind::Percentiles { field, percents } => {
                map.serialize_entry("field", field)?;
                map.serialize_entry("percents", percents)?;
                map.serialize_entry("keyed", &false)?;
                map.serialize_entry("tdigest", &One("compression", 1_000))?;
            }
            AggregationKind::TopHits { size, sort, fields } => {
                map.serialize_entry("size", size)?;
                map.serialize_entry("sort", sort)?;
                map.serialize_entry("_source", &false)?;
                map.serialize_entry("fields", fields)?;
            }
            AggregationKind::Filter(_)
            | AggregationKind::Min(_)
            | AggregationKind::Max(_)
            | AggregationKind::Sum(_)
            | AggregationKind::Avg(_)
            | AggregationKind::ValueCount(_) => {}
        }
        map.end()
    }
}

fn bounds<M: SerializeMap, T: Serialize>(map: &mut M, bounds: Option<&(T, T)>) -> Result<(), M::Error> {
    match bounds {
        None => map.serialize_entry("min_doc_count", &1),
        Some((min, max)) => {
            map.serialize_entry("min_doc_count", &0)?;
            map.serialize_entry("extended_bounds", &Bounds { min, max })
        }
    }
}

#[derive(serde::Serialize)]
struct Bounds<'a, T> {
    min: &'a T,
    max: &'a T,
}

#[derive(serde::Serialize)]
struct Partition {
    partition: u32,
    num_partitions: u32,
}

#[derive(serde::Serialize)]
struct TermsSource<'a> {
    field: &'a str,
    missing_bucket: bool,
}

struct Keyed<'a>(&'a [(String, Query)]);

impl Serialize for Keyed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, query)| (name, query)))
    }
}

struct After<'a>(&'a [(String, String)], &'a [Option<Scalar>]);

impl Serialize for After<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, _)| name).zip(self.1))
    }
}
