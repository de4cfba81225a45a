//! `histogram` and `date_histogram`.

use std::collections::HashMap;

use elk_mcp_tools::dsl::Aggregations;

use super::{
    MOST_BUCKETS, Slice, Slices, compute,
    outcome::{Bucket, Key, Outcome},
    too_many_buckets,
};
use crate::{clock::Clock, failure::Stop, ingest::Column, mapping::Kind, time};

/// Buckets of a fixed number of milliseconds.
pub(super) fn date<'a>(
    field: &str,
    interval: i64,
    offset: i64,
    bounds: Option<(i64, i64)>,
    inner: &Aggregations,
    slices: &[Slice<'a>],
    clock: &Clock,
) -> Result<Outcome, Stop> {
    let interval = interval.max(1);
    let place = |millis: i64| millis.saturating_sub(offset).div_euclid(interval);
    // Elasticsearch shifts the bounds of dates by the offset after it has rounded them.
    let bounds = bounds.map(|(low, high)| (low.div_euclid(interval), high.div_euclid(interval)));
    // Numbers can be grouped so too, and stay numbers.
    let output = slices.iter().find_map(|slice| match slice.shard.target().mapping.field(field).map(|field| &field.kind) {
        Some(Kind::Date(format)) => Some(format.output),
        _ => None,
    });
    let is_mapped = slices.iter().any(|slice| slice.shard.target().mapping.field(field).is_some());
    let key = |place: i64| {
        let millis = place.saturating_mul(interval).saturating_add(offset);
        match output {
            None if is_mapped => Key::Int(millis),
            output => Key::Date(millis, output.unwrap_or_default()),
        }
    };
    #[expect(clippy::cast_possible_truncation, reason = "a number of milliseconds, cut to whole ones")]
    let of_float = |value: f64| place(value.floor() as i64);
    build(field, bounds, inner, slices, clock, key, place, of_float)
}

/// Buckets of a fixed width of a number.
pub(super) fn number<'a>(
    field: &str,
    interval: f64,
    offset: f64,
    bounds: Option<(f64, f64)>,
    inner: &Aggregations,
    slices: &[Slice<'a>],
    clock: &Clock,
) -> Result<Outcome, Stop> {
    #[expect(clippy::cast_possible_truncation, reason = "a place beyond 64 bits saturates")]
    let place = |value: f64| ((value - offset) / interval).floor() as i64;
    let bounds = bounds.map(|(low, high)| (place(low), place(high)));
    #[expect(clippy::cast_precision_loss, reason = "the key is a double")]
    let key = |number: i64| Key::Float(number as f64 * interval + offset);
    #[expect(clippy::cast_precision_loss, reason = "histograms count in doubles")]
    let of_int = |value: i64| place(value as f64);
    build(field, bounds, inner, slices, clock, key, of_int, place)
}

#[expect(clippy::too_many_arguments, reason = "two callers, each argument of its own type")]
fn build<'a>(
    field: &str,
    bounds: Option<(i64, i64)>,
    inner: &Aggregations,
    slices: &[Slice<'a>],
    clock: &Clock,
    key: impl Fn(i64) -> Key,
    of_int: impl Fn(i64) -> i64,
    of_float: impl Fn(f64) -> i64,
) -> Result<Outcome, Stop> {
    let mut counts: HashMap<i64, u64> = HashMap::new();
    let mut within: HashMap<i64, Slices<'a>> = HashMap::new();
    let mut own: Vec<i64> = Vec::new();
    for slice in slices {
        clock.check()?;
        let target = slice.shard.target();
        let Some(found) = target.mapping.field(field) else { continue };
        let is_date = matches!(found.kind, Kind::Date(_));
        let column = slice.part.column(&found.key)?;
        let mut documents: HashMap<i64, Vec<u32>> = HashMap::new();
        let mut last: Option<(i64, u64)> = None;
        for document in &slice.documents {
            own.clear();
            match &*column {
                Column::Int(column) if is_date => own.extend(column.values_for_doc(*document).map(|value| of_int(time::to_millis(value)))),
                Column::Int(column) => own.extend(column.values_for_doc(*document).map(&of_int)),
                #[expect(clippy::cast_precision_loss, reason = "histograms count in doubles")]
                Column::Unsigned(column) => own.extend(column.values_for_doc(*document).map(|value| of_float(value as f64))),
                Column::Float(column) => own.extend(column.values_for_doc(*document).map(&of_float)),
                Column::Bool(column) => own.extend(column.values_for_doc(*document).map(|value| of_int(i64::from(value)))),
                Column::Absent | Column::Text(_) => {}
            }
            own.sort_unstable();
            own.dedup();
            for place in &own {
                // Neighbours in a log are neighbours in time: most documents fall into the bucket of the one before.
                match &mut last {
                    Some((known, count)) if known == place => *count += 1,
                    _ => {
                        if let Some((known, count)) = last.replace((*place, 1)) {
                            *counts.entry(known).or_default() += count;
                        }
                    }
                }
                if !inner.is_empty() {
                    documents.entry(*place).or_default().push(*document);
                }
            }
        }
        if let Some((known, count)) = last {
            *counts.entry(known).or_default() += count;
        }
        for (place, documents) in documents {
            within.entry(place).or_default().push(Slice { documents, ..slice.clone_empty() });
        }
    }
    let mut places: Vec<i64> = counts.keys().copied().collect();
    places.sort_unstable();
    if let Some((low, high)) = bounds {
        let low = places.first().map_or(low, |first| low.min(*first));
        let high = places.last().map_or(high, |last| high.max(*last));
        if high.saturating_sub(low) >= MOST_BUCKETS as i64 {
            return Err(too_many_buckets());
        }
        places = (low..=high).collect();
    }
    if places.len() > MOST_BUCKETS {
        return Err(too_many_buckets());
    }
    let mut buckets = Vec::with_capacity(places.len());
    for place in places {
        let inner = compute(inner, within.get(&place).map_or(&[], Vec::as_slice), clock)?;
        buckets.push(Bucket { key: key(place), documents: counts.get(&place).copied().unwrap_or(0), inner });
    }
    Ok(Outcome::Buckets(buckets))
}
