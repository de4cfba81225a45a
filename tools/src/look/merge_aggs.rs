//! Aggregation results of all groups, merged name by name.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;

use super::{
    Agg, Bucket, Field, Key, Outcome, Results,
    lower::{COUNT_SUFFIX, EXACT_CARDINALITY, TERMS_SUFFIX, epoch},
    merge::{hits, interleave},
    read::level_word,
};
use crate::{
    dsl::{self, Computed, Inner, TermsOrder, Text},
    schema::{EpochUnit, FieldInfo, Group, Kind, Role},
};

/// Merges the results of a list of aggregations.
pub(super) fn results<'a>(aggs: &[(String, Agg)], groups: &[(&Group, Inner<'a>)]) -> Results<'a> {
    nested(aggs, groups.iter().map(|(group, inner)| (*group, inner)))
}

fn key(name: &str) -> Text<'_> {
    Text(std::borrow::Cow::Borrowed(name))
}

fn outcome<'a>(name: &str, agg: &Agg, parts: &[(&Group, &Computed<'a>, &Inner<'a>)]) -> Outcome<'a> {
    match agg {
        Agg::Terms { field, size, order, inner, .. } => terms(field, *size as usize, order, inner, parts),
        Agg::TimeHistogram { inner, .. } => time_histogram(inner, parts),
        Agg::Filter(_, inner) => {
            let count = parts.iter().filter_map(|(_, computed, _)| computed.doc_count).sum();
            let results = nested(inner, parts.iter().map(|(group, computed, _)| (*group, &computed.inner)));
            Outcome::Buckets {
                buckets: vec![Bucket { key: Key::Text(String::new()), count, results }],
                other: 0,
                error_bound: 0,
                after: None,
            }
        }
        Agg::Filters(filters, inner) => {
            let buckets = filters
                .iter()
                .map(|(name, _)| {
                    let named = parts.iter().filter_map(|(group, computed, _)| {
                        let bucket = computed.buckets.iter().find(|bucket| matches!(&bucket.key, dsl::Key::Text(key) if key == name))?;
                        Some((*group, bucket))
                    });
                    let named: Vec<_> = named.collect();
                    let count = named.iter().map(|(_, bucket)| bucket.doc_count).sum();
                    let results = nested(inner, named.iter().map(|(group, bucket)| (*group, &bucket.inner)));
                    Bucket { key: Key::Text(name.clone()), count, results }
                })
                .collect();
            Outcome::Buckets { buckets, other: 0, error_bound: 0, after: None }
        }
        Agg::Composite { size, inner, .. } => composite(*size as usize, inner, parts),
        Agg::Min(field) => Outcome::Number(scaled(field, parts).reduce(f64::min)),
        Agg::Max(field) => Outcome::Number(scaled(field, parts).reduce(f64::max)),
        Agg::Sum(field) => Outcome::Number(Some(scaled(field, parts).sum())),
        Agg::Count(_) => Outcome::Number(Some(parts.iter().filter_map(|(_, computed, _)| computed.value).sum())),
        Agg::Avg(field) => average(name, field, parts),
        Agg::Cardinality(_) => Outcome::Number(Some(cardinality(name, parts))),
        Agg::Percentiles(field, percents) => Outcome::Percentiles(percentiles(name, field, percents, parts)),
        Agg::Top { size, order, fetch } => {
            let pages =
                parts.iter().filter_map(|(group, computed, _)| computed.hits.as_ref().map(|reply| hits(&reply.hits, order, fetch, group)));
            let mut merged = interleave(pages.collect(), order);
            merged.truncate(*size as usize);
            Outcome::Hits(merged)
        }
    }
}

/// Results inside one bucket, over the groups that have it.
fn nested<'g, 'a: 'g>(aggs: &[(String, Agg)], groups: impl Iterator<Item = (&'g Group, &'g Inner<'a>)>) -> Results<'a> {
    let mut merged = Results::default();
    if aggs.is_empty() {
        return merged;
    }
    let groups: Vec<(&Group, &Inner<'a>)> = groups.collect();
    for (name, agg) in aggs {
        let parts: Vec<(&Group, &Computed<'a>, &Inner<'a>)> =
            groups.iter().filter_map(|(group, inner)| Some((*group, inner.get(&key(name))?, *inner))).collect();
        let outcome = if parts.is_empty() { Outcome::empty(agg) } else { outcome(name, agg, &parts) };
        merged.0.insert(name.clone(), outcome);
    }
    merged
}

/// What turns a stored number of the field into the answer's unit: milliseconds for durations and for moments.
fn factor(field: &Field, group: &Group) -> f64 {
    match field {
        Field::Role(Role::Time) => epoch(group).map_or(1.0, |unit: EpochUnit| 1.0 / unit.per_millisecond()),
        _ => group.field(field).and_then(|info| info.to_ms).unwrap_or(1.0),
    }
}

fn scaled<'p>(field: &'p Field, parts: &'p [(&Group, &Computed<'_>, &Inner<'_>)]) -> impl Iterator<Item = f64> + 'p {
    parts.iter().filter_map(|(group, computed, _)| computed.value.map(|value| value * factor(field, group)))
}

fn count_of(name: &str, inner: &Inner<'_>) -> Option<f64> {
    inner.get(&key(&format!("{name}{COUNT_SUFFIX}"))).and_then(|count| count.value)
}

fn average<'a>(name: &str, field: &Field, parts: &[(&Group, &Computed<'a>, &Inner<'a>)]) -> Outcome<'a> {
    let (mut sum, mut weight) = (0.0, 0.0);
    for (group, computed, inner) in parts {
        if let Some(value) = computed.value {
            let count = count_of(name, inner).unwrap_or(1.0);
            sum += value * factor(field, group) * count;
            weight += count;
        }
    }
    Outcome::Number((weight > 0.0).then(|| sum / weight))
}

/// Exact over several groups up to a thousand values each; the largest group's number beyond that.
#[expect(clippy::cast_precision_loss, reason = "at most a few thousand")]
fn cardinality(name: &str, parts: &[(&Group, &Computed<'_>, &Inner<'_>)]) -> f64 {
    if let [(_, computed, _)] = parts {
        return computed.value.unwrap_or(0.0);
    }
    let mut values: BTreeSet<String> = BTreeSet::new();
    let mut largest: f64 = 0.0;
    for (_, computed, inner) in parts {
        largest = largest.max(computed.value.unwrap_or(0.0));
        if let Some(terms) = inner.get(&key(&format!("{name}{TERMS_SUFFIX}"))) {
            values.extend(terms.buckets.iter().map(|bucket| plain(&bucket.key)));
        }
    }
    if largest <= f64::from(EXACT_CARDINALITY) { values.len() as f64 } else { largest.max(values.len() as f64) }
}

fn plain(key: &dsl::Key<'_>) -> String {
    match key {
        dsl::Key::Null => String::new(),
        dsl::Key::Bool(value) => value.to_string(),
        dsl::Key::Int(value) => value.to_string(),
        dsl::Key::Unsigned(value) => value.to_string(),
        dsl::Key::Float(value) => value.to_string(),
        dsl::Key::Text(value) => value.to_string(),
        dsl::Key::Parts(parts) => parts.iter().map(|(_, part)| plain(part)).collect::<Vec<_>>().join("\t"),
    }
}

/// Whether the keys of a field's buckets are written in the engine's words rather than as they are.
fn is_respelled(info: &FieldInfo) -> bool {
    matches!(info.kind, Kind::Boolean | Kind::Date)
}

/// A bucket's key as answers write it.
fn bucket_key(bucket: &dsl::Bucket<'_>, field: &Field, info: Option<&FieldInfo>) -> Key {
    if *field == Field::Role(Role::Level) {
        if let (Some(scale), dsl::Key::Int(number)) = (info.and_then(|info| info.level_scale), &bucket.key)
            && let Some(level) = scale.level(*number)
        {
            return Key::Text(level.as_str().to_owned());
        }
        return Key::Text(level_word(&plain(&bucket.key)));
    }
    if info.is_some_and(is_respelled)
        && let Some(text) = &bucket.key_as_string
    {
        return Key::Text(text.to_string());
    }
    match &bucket.key {
        dsl::Key::Int(number) => Key::Int(*number),
        #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and in range")]
        dsl::Key::Float(number) if number.fract() == 0.0 && number.abs() < 9e15 => Key::Int(*number as i64),
        dsl::Key::Float(number) => Key::Number(*number),
        other => Key::Text(plain(other)),
    }
}

/// The buckets of one key, one a group.
type Shares<'g, 'a> = Vec<(&'g Group, &'g dsl::Bucket<'a>)>;

fn terms<'a>(
    field: &Field,
    size: usize,
    order: &TermsOrder,
    inner: &[(String, Agg)],
    parts: &[(&Group, &Computed<'a>, &Inner<'a>)],
) -> Outcome<'a> {
    let mut merged: Vec<(Key, Shares<'_, 'a>)> = Vec::with_capacity(parts.first().map_or(0, |(_, computed, _)| computed.buckets.len()));
    let mut places: HashMap<String, usize> = HashMap::new();
    let (mut other, mut error_bound) = (0, 0);
    for (group, computed, _) in parts {
        other += computed.other;
        error_bound += u64::try_from(computed.error_bound).unwrap_or(0);
        let info = group.field(field);
        // An engine tells each value once, unless values that differ are written alike.
        let is_apart = parts.len() == 1 && *field != Field::Role(Role::Level) && !info.is_some_and(is_respelled);
        for bucket in &computed.buckets {
            let key = bucket_key(bucket, field, info);
            let known = if is_apart { None } else { places.get(&*key.text()).and_then(|at| merged.get_mut(*at)) };
            match known {
                Some((_, shares)) => shares.push((group, bucket)),
                None => {
                    if !is_apart {
                        places.insert(key.text().into_owned(), merged.len());
                    }
                    merged.push((key, vec![(group, bucket)]));
                }
            }
        }
    }
    if parts.len() > 1 {
        // A value that one group left out may have up to its smallest returned count there.
        for (_, computed, _) in parts.iter().filter(|(_, computed, _)| computed.other > 0) {
            error_bound += computed.buckets.iter().map(|bucket| bucket.doc_count).min().unwrap_or(0);
        }
    }
    let mut buckets: Vec<Bucket<'a>> = merged
        .into_iter()
        .map(|(key, buckets)| Bucket {
            key,
            count: buckets.iter().map(|(_, bucket)| bucket.doc_count).sum(),
            results: nested(inner, buckets.iter().map(|(group, bucket)| (*group, &bucket.inner))),
        })
        .collect();
    match order {
        TermsOrder::Count => buckets.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.key.text().cmp(&b.key.text()))),
        TermsOrder::Key => buckets.sort_by(|a, b| a.key.text().cmp(&b.key.text())),
        TermsOrder::Metric { name, descending } => buckets.sort_by(|a, b| {
            let (a, b) = (a.results.number(name).unwrap_or(f64::NEG_INFINITY), b.results.number(name).unwrap_or(f64::NEG_INFINITY));
            if *descending { b.total_cmp(&a) } else { a.total_cmp(&b) }
        }),
    }
    for dropped in buckets.drain(size.min(buckets.len())..) {
        other += dropped.count;
    }
    Outcome::Buckets { buckets, other, error_bound, after: None }
}

fn time_histogram<'a>(inner: &[(String, Agg)], parts: &[(&Group, &Computed<'a>, &Inner<'a>)]) -> Outcome<'a> {
    let mut by_time: BTreeMap<Timestamp, Shares<'_, 'a>> = BTreeMap::new();
    for (group, computed, _) in parts {
        for bucket in &computed.buckets {
            #[expect(clippy::cast_precision_loss, reason = "milliseconds since the epoch are exact in f64")]
            let number = match &bucket.key {
                dsl::Key::Int(number) => *number as f64,
                dsl::Key::Float(number) => *number,
                _ => continue,
            };
            let milliseconds = number * factor(&Field::Role(Role::Time), group);
            #[expect(clippy::cast_possible_truncation, reason = "out of range is refused by the timestamp")]
            if let Ok(time) = Timestamp::from_millisecond(milliseconds.round() as i64) {
                by_time.entry(time).or_default().push((group, bucket));
            }
        }
    }
    let buckets = by_time
        .into_iter()
        .map(|(time, buckets)| Bucket {
            key: Key::Time(time),
            count: buckets.iter().map(|(_, bucket)| bucket.doc_count).sum(),
            results: nested(inner, buckets.iter().map(|(group, bucket)| (*group, &bucket.inner))),
        })
        .collect();
    Outcome::Buckets { buckets, other: 0, error_bound: 0, after: None }
}

fn composite<'a>(size: usize, inner: &[(String, Agg)], parts: &[(&Group, &Computed<'a>, &Inner<'a>)]) -> Outcome<'a> {
    let mut by_key: BTreeMap<Vec<Option<String>>, Shares<'_, 'a>> = BTreeMap::new();
    let mut complete_to: Option<Vec<Option<String>>> = None;
    for (group, computed, _) in parts {
        for bucket in &computed.buckets {
            by_key.entry(composite_key(&bucket.key)).or_default().push((group, bucket));
        }
        // A full page ends at its last key: another group's later keys wait for the next page.
        if computed.buckets.len() >= size
            && let Some(last) = computed.buckets.last().map(|bucket| composite_key(&bucket.key))
        {
            complete_to = Some(match complete_to {
                Some(known) => known.min(last),
                None => last,
            });
        }
    }
    if let Some(limit) = &complete_to {
        by_key.retain(|key, _| key <= limit);
    }
    let buckets = by_key
        .into_iter()
        .map(|(key, buckets)| Bucket {
            key: Key::Parts(key),
            count: buckets.iter().map(|(_, bucket)| bucket.doc_count).sum(),
            results: nested(inner, buckets.iter().map(|(group, bucket)| (*group, &bucket.inner))),
        })
        .collect();
    Outcome::Buckets { buckets, other: 0, error_bound: 0, after: complete_to }
}

fn composite_key(key: &dsl::Key<'_>) -> Vec<Option<String>> {
    match key {
        dsl::Key::Parts(parts) => parts.iter().map(|(_, part)| (*part != dsl::Key::Null).then(|| plain(part))).collect(),
        other => vec![Some(plain(other))],
    }
}

/// Percentiles of one group are the engine's own; those of several are read from the weighted sum of their distribution
/// functions, which the fine grid of [`super::lower`] gives to within a percent of rank.
fn percentiles(name: &str, field: &Field, percents: &[f64], parts: &[(&Group, &Computed<'_>, &Inner<'_>)]) -> Vec<(f64, f64)> {
    let mut curves: Vec<(f64, Vec<(f64, f64)>)> = Vec::new();
    for (group, computed, inner) in parts {
        let scale = factor(field, group);
        let curve: Vec<(f64, f64)> =
            computed.values.iter().filter_map(|(percent, value)| value.map(|value| (*percent, value * scale))).collect();
        if !curve.is_empty() {
            curves.push((count_of(name, inner).unwrap_or(1.0), curve));
        }
    }
    match curves.as_slice() {
        [] => Vec::new(),
        [(_, curve)] => {
            percents.iter().filter_map(|percent| curve.iter().find(|(known, _)| (known - percent).abs() < 1e-9).copied()).collect()
        }
        curves => percents.iter().map(|percent| (*percent, invert(curves, *percent))).collect(),
    }
}

/// The value below which `percent` of all documents lie, by bisection.
fn invert(curves: &[(f64, Vec<(f64, f64)>)], percent: f64) -> f64 {
    let values = || curves.iter().flat_map(|(_, curve)| curve.iter().map(|(_, value)| *value));
    let (mut low, mut high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
    let weight: f64 = curves.iter().map(|(weight, _)| weight).sum();
    for _ in 0..64 {
        let middle = f64::midpoint(low, high);
        let rank: f64 = curves.iter().map(|(weight, curve)| weight * rank_of(curve, middle)).sum::<f64>() / weight;
        if rank < percent { low = middle } else { high = middle }
    }
    high
}

/// The percentage of a group's documents at or below a value, linear between the points of its curve.
fn rank_of(curve: &[(f64, f64)], value: f64) -> f64 {
    let mut below = None;
    for (percent, at) in curve {
        if *at > value {
            return match below {
                None => 0.0,
                Some((low_percent, low)) => low_percent + (percent - low_percent) * (value - low) / (at - low),
            };
        }
        below = Some((*percent, *at));
    }
    100.0
}
