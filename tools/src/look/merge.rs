//! The replies of all groups, merged as if one index with one schema had answered.

use std::{borrow::Borrow, collections::BTreeSet};

use super::{Agg, Bucket, Field, Found, Hit, Key, Look, Lowered, Order, Outcome, Partial, Results, ShardFailure, Total, merge_aggs, read};
use crate::{
    dsl::{HitReply, Inner, SearchReply, ShardsReply},
    schema::{Group, Schema},
};

/// Merges the replies to the searches of a look, in the order of [`Lowered::searches`].
pub fn merge<'a>(look: &Look, lowered: &Lowered, schema: &Schema, replies: Vec<SearchReply<'a>>) -> Found<'a> {
    let mut found = Found::default();
    let mut pages: Vec<Page<'a>> = Vec::with_capacity(replies.len());
    let mut inners: Vec<(&Group, Inner<'a>)> = Vec::with_capacity(replies.len());
    for (reply, number) in replies.into_iter().zip(&lowered.groups) {
        let Some(group) = schema.groups.get(*number) else { continue };
        if let Some(total) = &reply.hits.total {
            found.total.value += total.value;
            found.total.at_least |= &*total.relation == "gte";
        }
        // OpenSearch 3 calls a search that it answered from an index structure terminated early, though it is whole.
        let is_sample = look.sample.is_some() && reply.terminated_early;
        let partial = partial(reply.timed_out, &reply.shards, &|index| schema.is_of_another_group(index, *number));
        found.total.at_least |= is_sample || partial.is_partial();
        found.partial.join(&partial);
        found.took_ms = found.took_ms.max(reply.took);
        pages.push(hits(reply.hits.hits, &look.order, &look.fetch, group));
        inners.push((group, reply.aggregations));
    }
    let skip = if lowered.skips_merged { look.skip as usize } else { 0 };
    found.hits = interleave(pages, &look.order).into_iter().skip(skip).take(look.size as usize).collect();
    found.results = merge_aggs::results(&look.aggs, &inners);
    found
}

/// What a reply lacks. Reasons are reduced to the class of the exception.
///
/// A search goes to all indices of the expression and asks for the documents of one group. Some engines (Elasticsearch 7, OpenSearch 2) run it
/// on the shards of the others, too, and fail there where a field has another type. Nothing is lost by that: their own search tells.
fn partial(timed_out: bool, shards: &ShardsReply<'_>, is_foreign: &dyn Fn(&str) -> bool) -> Partial {
    let mut failed: BTreeSet<ShardFailure> = BTreeSet::new();
    let is_own = |index: Option<&str>| index.is_none_or(|index| !is_foreign(index));
    for failure in shards.failures.iter().filter(|failure| is_own(failure.index.as_deref())) {
        let class = failure.reason.as_ref().and_then(|reason| {
            let root = reason.caused_by.as_deref().and_then(|cause| cause.kind.as_ref());
            root.or(reason.kind.as_ref())
        });
        let class: String =
            class.map_or("unknown", |class| &**class).chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(60).collect();
        failed.insert(ShardFailure { index: failure.index.as_ref().map_or_else(String::new, |index| index.to_string()), reason: class });
    }
    // Engines list each index with a failure once a reason. A shard that is assigned to no node may be in no list.
    let untold = if shards.failures.is_empty() { shards.lacking() } else { shards.lacking().saturating_sub(shards.failed) };
    if failed.is_empty() && untold > 0 {
        failed.insert(ShardFailure { index: String::new(), reason: "unknown".to_owned() });
    }
    Partial { timed_out, failed_shards: failed.into_iter().collect() }
}

type Page<'a> = Vec<(Option<f64>, Hit<'a>)>;

/// The hits of one reply with the number they are ordered by. Replies that are given away are let go one by one.
pub(super) fn hits<'a, R: Borrow<HitReply<'a>>>(
    replies: impl IntoIterator<Item = R>,
    order: &Order,
    fetch: &[Field],
    group: &Group,
) -> Page<'a> {
    let to_ms = match order {
        Order::By { field, .. } => group.field(field).and_then(|info| info.to_ms).unwrap_or(1.0),
        Order::Any | Order::Newest | Order::Oldest => 1.0,
    };
    let reading = read::Reading::new(fetch, group);
    let read = |reply: R| {
        let reply = reply.borrow();
        let key = match order {
            Order::By { .. } => reply.sort_number().map(|number| number * to_ms),
            Order::Any | Order::Newest | Order::Oldest => None,
        };
        (key, reading.hit(reply))
    };
    replies.into_iter().map(read).collect()
}

/// Merges ordered pages into one ordered list. Ties keep the order of the groups, and of each page.
pub(super) fn interleave<'a>(pages: Vec<Page<'a>>, order: &Order) -> Vec<Hit<'a>> {
    // One page is in order as it is.
    let order = if pages.len() > 1 { order } else { &Order::Any };
    let mut all: Vec<(Option<f64>, Hit<'a>)> = pages.into_iter().flatten().collect();
    match order {
        Order::Any => {}
        // A document without the field comes last, as in every engine.
        Order::Newest => all.sort_by(|(_, a), (_, b)| (a.time.is_none()).cmp(&b.time.is_none()).then_with(|| b.time.cmp(&a.time))),
        Order::Oldest => all.sort_by(|(_, a), (_, b)| (a.time.is_none()).cmp(&b.time.is_none()).then_with(|| a.time.cmp(&b.time))),
        Order::By { descending, .. } => all.sort_by(|(a, _), (b, _)| match (a, b) {
            (Some(a), Some(b)) if *descending => b.total_cmp(a),
            (Some(a), Some(b)) => a.total_cmp(b),
            (a, b) => a.is_none().cmp(&b.is_none()),
        }),
    }
    all.into_iter().map(|(_, hit)| hit).collect()
}

impl Total {
    /// A number that is exact.
    pub fn exactly(value: u64) -> Self {
        Self { value, at_least: false }
    }
}

impl Bucket<'_> {
    /// A bucket without a name: the single one of a filter.
    pub(super) fn nameless(count: u64) -> Self {
        Self { key: Key::Text(String::new()), count, results: Results::default() }
    }
}

impl Outcome<'_> {
    /// What an aggregation yields where no group has its field.
    pub(super) fn empty(agg: &Agg) -> Self {
        match agg {
            Agg::Terms { .. } | Agg::TimeHistogram { .. } | Agg::Composite { .. } => {
                Self::Buckets { buckets: Vec::new(), other: 0, error_bound: 0, after: None }
            }
            Agg::Filter(..) => Self::Buckets { buckets: vec![Bucket::nameless(0)], other: 0, error_bound: 0, after: None },
            Agg::Filters(filters, _) => Self::Buckets {
                buckets: filters
                    .iter()
                    .map(|(name, _)| Bucket { key: Key::Text(name.clone()), count: 0, results: Results::default() })
                    .collect(),
                other: 0,
                error_bound: 0,
                after: None,
            },
            Agg::Min(_) | Agg::Max(_) | Agg::Sum(_) | Agg::Avg(_) => Self::Number(None),
            Agg::Count(_) | Agg::Cardinality(_) => Self::Number(Some(0.0)),
            Agg::Percentiles(..) => Self::Percentiles(Vec::new()),
            Agg::Top { .. } => Self::Hits(Vec::new()),
        }
    }
}
