//! Aggregations over the documents a search found, exact in every number. Works top down: the documents of a bucket are
//! known before anything inside it is computed, so nothing is ever estimated or merged.

mod check;
mod grouping;
mod histogram;
mod keys;
mod metric;
mod outcome;

use elk_mcp_tools::dsl::{Aggregation, AggregationKind, Aggregations};

pub(crate) use check::check;
pub(crate) use outcome::{Bucket, Named, Outcome};

use crate::{
    clock::Clock,
    failure::{Failure, Stop},
    hits,
    ingest::Part,
    query::compile,
    search::Shard,
};

/// The most buckets of one request: Elasticsearch's `search.max_buckets`.
const MOST_BUCKETS: usize = 65_536;

/// Documents of one part, ascending.
#[derive(Clone)]
pub(crate) struct Slice<'a> {
    pub(crate) shard: &'a Shard<'a>,
    pub(crate) part: &'a Part,
    pub(crate) documents: Vec<u32>,
}

/// Documents, by part.
pub(crate) type Slices<'a> = Vec<Slice<'a>>;

/// Computes all aggregations over the same documents.
pub(crate) fn compute<'a>(aggregations: &Aggregations, slices: &[Slice<'a>], clock: &Clock) -> Result<Named, Stop> {
    let computed = aggregations.iter().map(|(name, aggregation)| Ok((name.clone(), one(aggregation, slices, clock)?)));
    Ok(Named(computed.collect::<Result<_, Stop>>()?))
}

fn one<'a>(aggregation: &Aggregation, slices: &[Slice<'a>], clock: &Clock) -> Result<Outcome, Stop> {
    clock.check()?;
    let inner = &aggregation.inner;
    match &aggregation.kind {
        AggregationKind::Terms { field, size, order, include, shard_size: _ } => {
            grouping::terms(&grouping::Terms { field, size: *size, order, include: include.as_ref() }, inner, slices, clock)
        }
        AggregationKind::Composite { sources, size, after } => grouping::composite(sources, *size, after.as_deref(), inner, slices, clock),
        AggregationKind::DateHistogram { field, interval_ms, offset_ms, bounds_ms } => {
            histogram::date(field, *interval_ms, *offset_ms, *bounds_ms, inner, slices, clock)
        }
        AggregationKind::Histogram { field, interval, offset, bounds } => {
            histogram::number(field, *interval, *offset, *bounds, inner, slices, clock)
        }
        AggregationKind::Filter(query) => {
            let within = filter(query, slices)?;
            Ok(Outcome::Single(bucket(outcome::Key::Null, &within, inner, clock)?))
        }
        AggregationKind::Filters(queries) => {
            let buckets = queries.iter().map(|(name, query)| {
                let within = filter(query, slices)?;
                Ok((name.clone(), bucket(outcome::Key::Null, &within, inner, clock)?))
            });
            Ok(Outcome::Keyed(buckets.collect::<Result<_, Stop>>()?))
        }
        AggregationKind::Min(field) => metric::min(field, slices),
        AggregationKind::Max(field) => metric::max(field, slices),
        AggregationKind::Sum(field) => metric::sum(field, slices),
        AggregationKind::Avg(field) => metric::avg(field, slices),
        AggregationKind::ValueCount(field) => metric::value_count(field, slices),
        AggregationKind::Cardinality(field) => metric::cardinality(field, slices),
        AggregationKind::Percentiles { field, percents } => metric::percentiles(field, percents, slices),
        AggregationKind::TopHits { size, sort, fields } => {
            let total = slices.iter().map(|slice| slice.documents.len() as u64).sum();
            let found = hits::top(slices, sort, *size as usize)?;
            let hits = hits::fetch(found, slices, sort, fields, false)?;
            Ok(Outcome::Hits { total, hits })
        }
    }
}

/// A bucket of these documents.
fn bucket<'a>(key: outcome::Key, slices: &[Slice<'a>], inner: &Aggregations, clock: &Clock) -> Result<Bucket, Stop> {
    let documents = slices.iter().map(|slice| slice.documents.len() as u64).sum();
    Ok(Bucket { key, documents, inner: compute(inner, slices, clock)? })
}

/// The documents that also match a query.
fn filter<'a>(query: &elk_mcp_tools::dsl::Query, slices: &[Slice<'a>]) -> Result<Slices<'a>, Stop> {
    slices
        .iter()
        .map(|slice| {
            let found = compile(query, &slice.shard.target())?.documents(slice.part)?;
            let documents = slice.documents.iter().copied().filter(|document| found.has(*document)).collect();
            Ok(Slice { documents, ..slice.clone_empty() })
        })
        .collect()
}

impl<'a> Slice<'a> {
    /// The same part, no document.
    fn clone_empty(&self) -> Self {
        Self { shard: self.shard, part: self.part, documents: Vec::new() }
    }
}

fn too_many_buckets() -> Stop {
    Stop::Failed(Failure {
        kind: "too_many_buckets_exception",
        reason: format!("Trying to create too many buckets. Must be less than or equal to: [{MOST_BUCKETS}]"),
    })
}
