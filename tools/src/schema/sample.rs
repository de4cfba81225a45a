//! A look at documents of each group: which candidates have values, and how large numbers are. Knows no tool.

use std::{borrow::Cow, time::Duration};

use super::{EpochUnit, FieldInfo, Group, Role, detect::bad_reply};
use crate::{
    dsl::{
        Aggregation, AggregationKind, IndexExpression, Inner, ItemReply, Key, MsearchReply, Query, Request, Scalar, Search, TermsOrder,
        Text, TrackTotal,
    },
    engine::Engine,
    error::ToolError,
    params::Level,
    schema::Kind,
};

/// More kinds of indices than this are not sampled one by one: the rest go by the order of candidates alone.
const MAX_SAMPLED: usize = 24;

/// Documents that a shard looks at for a sample.
const SAMPLE_DOCUMENTS: u32 = 2_000;

/// Of a large group, this many of its last indices (by name: the newest of dated families) are sampled.
const SAMPLED_INDICES: usize = 4;

/// Looks at documents of each group: which candidates have values, and how large numbers are.
pub(super) async fn sample(
    engine: &dyn Engine,
    expression: &IndexExpression,
    groups: &mut [Group],
    index_count: usize,
    time_limit: Duration,
) -> Result<(), ToolError> {
    let searches: Vec<Search> = groups.iter().take(MAX_SAMPLED).map(|group| sample_search(expression, group, index_count)).collect();
    let request = Request::Msearch(searches);
    let reply = engine.send(&request, time_limit).await?;
    let reply: MsearchReply<'_> = serde_json::from_slice(&reply.body).map_err(|error| bad_reply(&error))?;
    for (group, item) in groups.iter_mut().zip(reply.responses) {
        // A group whose sample fails goes by the order of its candidates.
        let ItemReply::Answered(found) = ItemReply::read(item).map_err(|error| bad_reply(&error))? else { continue };
        let total = found.hits.total.as_ref().map_or(0, |total| total.value);
        for fields in group.roles.values_mut() {
            for field in fields {
                apply_sample(field, &found.aggregations, total);
            }
        }
        let unreliable = |field: &FieldInfo| {
            field.name == "status"
                && found.aggregations.get(&key("words")).is_some_and(|words| {
                    !words.buckets.iter().any(|bucket| matches!(&bucket.key, Key::Text(text) if Level::parse(text).is_some()))
                })
        };
        if let Some(levels) = group.roles.get_mut(&Role::Level) {
            levels.retain(|field| !unreliable(field));
        }
    }
    Ok(())
}

fn key(name: &str) -> Text<'_> {
    Text(Cow::Borrowed(name))
}

fn sample_search(expression: &IndexExpression, group: &Group, index_count: usize) -> Search {
    let last = group.indices.iter().rev().take(SAMPLED_INDICES);
    let query = if index_count == 1 {
        Query::All
    } else {
        Query::Terms { field: "_index".to_owned(), values: last.map(|name| Scalar::from(name.as_str())).collect() }
    };
    let mut exists: Vec<(String, Query)> = Vec::new();
    let mut search = Vec::new();
    for field in group.roles.values().flatten() {
        if exists.iter().all(|(name, _)| *name != field.name) {
            exists.push((field.name.clone(), Query::Exists { field: field.name.clone() }));
        }
        if field.epoch == Some(EpochUnit::Auto) || field.to_ms == Some(0.0) {
            search.push((format!("max {}", field.name), Aggregation::new(AggregationKind::Max(field.name.clone()))));
        }
        if field.name == "status"
            && let Some(name) = field.groupable()
            && field.kind.is_words()
        {
            let terms =
                AggregationKind::Terms { field: name.to_owned(), size: 5, shard_size: None, order: TermsOrder::Count, include: None };
            search.push(("words".to_owned(), Aggregation::new(terms)));
        }
    }
    search.push(("filled".to_owned(), Aggregation::new(AggregationKind::Filters(exists))));
    Search::new(expression.clone(), query).terminate_after(SAMPLE_DOCUMENTS).track_total(TrackTotal::Exact).aggregations(search)
}

#[expect(clippy::cast_precision_loss, reason = "counts of a small sample")]
fn apply_sample(field: &mut FieldInfo, found: &Inner<'_>, total: u64) {
    let bucket = found
        .get(&key("filled"))
        .and_then(|filled| filled.buckets.iter().find(|bucket| matches!(&bucket.key, Key::Text(name) if **name == *field.name)));
    field.filled = bucket.filter(|_| total > 0).map(|bucket| bucket.doc_count as f64 / total as f64);
    let max = found.get(&key(&format!("max {}", field.name))).and_then(|max| max.value);
    if field.epoch == Some(EpochUnit::Auto) {
        field.epoch = Some(max.map_or(EpochUnit::Millis, EpochUnit::of));
    }
    if field.to_ms == Some(0.0) {
        field.to_ms = Some(duration_unit(field, max, found));
    }
}

/// The unit of a field called just `duration`: nanoseconds beside OpenTelemetry's span fields, microseconds beside
/// Jaeger's, seconds where it has fractions, otherwise milliseconds unless the values are far too large for that.
fn duration_unit(field: &FieldInfo, max: Option<f64>, found: &Inner<'_>) -> f64 {
    let has = |name: &str| {
        found.get(&key("filled")).is_some_and(|filled| {
            filled.buckets.iter().any(|bucket| bucket.doc_count > 0 && matches!(&bucket.key, Key::Text(text) if **text == *name))
        })
    };
    if has("span_id") || has("parent_span_id") || has("resource.attributes.service.name") {
        1e-6
    } else if has("spanID") || has("traceID") {
        1e-3
    } else if field.kind == Kind::Float {
        1e3
    } else if max.is_some_and(|max| max > 1e9) {
        1e-6
    } else {
        1.0
    }
}
