//! `terms` and `composite`: documents grouped by the values of fields.

use std::{cmp::Ordering, collections::HashMap};

use elk_mcp_tools::dsl::{AggregationKind, Aggregations, Include, Scalar, TermsOrder};

use super::{
    Slice, Slices, bucket, compute,
    keys::{self, Keys, Reader},
    outcome::{Bucket, Key, Outcome},
};
use crate::{clock::Clock, failure::Stop};

/// What a `terms` aggregation asks.
pub(super) struct Terms<'a> {
    pub(super) field: &'a str,
    pub(super) size: u32,
    pub(super) order: &'a TermsOrder,
    pub(super) include: Option<&'a Include>,
}

/// Computes `terms`.
pub(super) fn terms<'a>(asked: &Terms<'_>, inner: &Aggregations, slices: &[Slice<'a>], clock: &Clock) -> Result<Outcome, Stop> {
    let (keys, readers) = keys::readers(asked.field, slices)?;
    let mut counts = vec![0_u64; keys.list.len()];
    let mut own = Vec::new();
    for (slice, reader) in slices.iter().zip(&readers) {
        clock.check()?;
        for document in &slice.documents {
            reader.read(*document, &mut own);
            for key in &own {
                if let Some(count) = counts.get_mut(*key as usize) {
                    *count += 1;
                }
            }
        }
    }
    let mut groups: Vec<(u32, &Key, u64)> = (0_u32..)
        .zip(keys.list.iter().zip(counts))
        .filter(|(_, (key, count))| *count > 0 && is_included(key, asked.include))
        .map(|(number, (key, count))| (number, key, count))
        .collect();
    match asked.order {
        TermsOrder::Count => groups.sort_unstable_by(|a, b| b.2.cmp(&a.2).then_with(|| a.1.cmp(b.1))),
        TermsOrder::Key => groups.sort_unstable_by(|a, b| a.1.cmp(b.1)),
        TermsOrder::Metric { name, descending } => {
            let metric: Aggregations = inner.iter().filter(|(inner, _)| inner == name).cloned().collect();
            // What Elasticsearch keeps for a bucket without a value.
            let without = match metric.first().map(|(_, aggregation)| &aggregation.kind) {
                Some(AggregationKind::Min(_)) => Some(f64::INFINITY),
                Some(AggregationKind::Max(_)) => Some(f64::NEG_INFINITY),
                _ => None,
            };
            let all: Vec<u32> = groups.iter().map(|(number, ..)| *number).collect();
            let values = split(&all, keys.list.len(), slices, &readers)
                .iter()
                .map(|slices| Ok(compute(&metric, slices, clock)?.0.first().and_then(|(_, outcome)| outcome.order_value()).or(without)))
                .collect::<Result<Vec<_>, Stop>>()?;
            let mut ranked: Vec<_> = groups.into_iter().zip(values).collect();
            ranked.sort_by(|(a, left), (b, right)| by_metric(*left, *right, *descending).then_with(|| a.1.cmp(b.1)));
            groups = ranked.into_iter().map(|(group, _)| group).collect();
        }
    }
    let other = groups.iter().skip(asked.size as usize).map(|(.., count)| count).sum();
    groups.truncate(asked.size as usize);
    let chosen: Vec<u32> = groups.iter().map(|(number, ..)| *number).collect();
    let within = if inner.is_empty() { Vec::new() } else { split(&chosen, keys.list.len(), slices, &readers) };
    let mut buckets = Vec::with_capacity(groups.len());
    for (position, (_, key, documents)) in groups.into_iter().enumerate() {
        let inner = compute(inner, within.get(position).map_or(&[], Vec::as_slice), clock)?;
        buckets.push(Bucket { key: key.clone(), documents, inner });
    }
    Ok(Outcome::Terms { buckets, other })
}

/// The order of two metrics; one without a value comes last.
fn by_metric(left: Option<f64>, right: Option<f64>, descending: bool) -> Ordering {
    match (left, right) {
        (Some(left), Some(right)) if descending => right.total_cmp(&left),
        (Some(left), Some(right)) => left.total_cmp(&right),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}

fn is_included(key: &Key, include: Option<&Include>) -> bool {
    match include {
        None => true,
        Some(Include::Values(values)) => {
            let text = key.to_text();
            values.contains(&text)
        }
        Some(Include::Partition { partition, of }) => partition_of(&key.to_text(), *of) == *partition,
    }
}

/// FNV-1a: a hash that is the same in every run.
fn partition_of(text: &str, of: u32) -> u32 {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    u32::try_from((hash >> 32) % u64::from(of.max(1))).unwrap_or(0)
}

/// The documents of each chosen key, in the order of `chosen`.
fn split<'a>(chosen: &[u32], keys: usize, slices: &[Slice<'a>], readers: &[Reader]) -> Vec<Slices<'a>> {
    let mut place = vec![None; keys];
    for (position, key) in chosen.iter().enumerate() {
        if let Some(place) = place.get_mut(*key as usize) {
            *place = Some(position);
        }
    }
    let mut within: Vec<Slices<'a>> = vec![Vec::new(); chosen.len()];
    let mut own = Vec::new();
    for (slice, reader) in slices.iter().zip(readers) {
        let mut parts: Vec<Vec<u32>> = vec![Vec::new(); chosen.len()];
        for document in &slice.documents {
            reader.read(*document, &mut own);
            for key in &own {
                if let Some(part) = place.get(*key as usize).copied().flatten().and_then(|position| parts.get_mut(position)) {
                    part.push(*document);
                }
            }
        }
        for (within, documents) in within.iter_mut().zip(parts) {
            if !documents.is_empty() {
                within.push(Slice { documents, ..slice.clone_empty() });
            }
        }
    }
    within
}

/// Computes `composite` over `terms` sources with `missing_bucket`.
pub(super) fn composite<'a>(
    sources: &[(String, String)],
    size: u32,
    after: Option<&[Option<Scalar>]>,
    inner: &Aggregations,
    slices: &[Slice<'a>],
    clock: &Clock,
) -> Result<Outcome, Stop> {
    let read = sources.iter().map(|(_, field)| keys::readers(field, slices)).collect::<Result<Vec<(Keys, Vec<Reader>)>, _>>()?;
    // Each source's keys in order; place 0 is the null key.
    let orders: Vec<Vec<u32>> = read.iter().map(|(keys, _)| ranks(&keys.list)).collect();
    let mut groups: HashMap<Vec<u32>, Vec<(usize, u32)>> = HashMap::new();
    let mut counts: HashMap<Vec<u32>, u64> = HashMap::new();
    let keep = !inner.is_empty();
    let (mut own, mut combination) = (vec![Vec::new(); sources.len()], Vec::with_capacity(sources.len()));
    for (number, slice) in slices.iter().enumerate() {
        clock.check()?;
        for document in &slice.documents {
            read_places(&read, &orders, number, *document, &mut own);
            each_combination(&own, &mut combination, &mut |combination| {
                if keep {
                    match groups.get_mut(combination) {
                        Some(group) => group.push((number, *document)),
                        None => drop(groups.insert(combination.to_vec(), vec![(number, *document)])),
                    }
                }
                match counts.get_mut(combination) {
                    Some(count) => *count += 1,
                    None => drop(counts.insert(combination.to_vec(), 1)),
                }
            });
        }
    }
    let sorted: Vec<Vec<Key>> = read.iter().map(|(keys, _)| sorted(&keys.list)).collect();
    let mut list: Vec<(Vec<u32>, u64)> = counts.into_iter().collect();
    list.sort_unstable();
    let mut buckets = Vec::new();
    for (combination, documents) in list {
        let key: Vec<Key> = combination
            .iter()
            .zip(&sorted)
            .map(|(rank, keys)| (*rank as usize).checked_sub(1).and_then(|rank| keys.get(rank)).cloned().unwrap_or(Key::Null))
            .collect();
        if after.is_some_and(|after| !is_after(&key, after)) {
            continue;
        }
        if buckets.len() >= size as usize {
            break;
        }
        let within = split_pairs(groups.get(&combination).map_or(&[], Vec::as_slice), slices);
        let mut made = bucket(Key::Null, &within, inner, clock)?;
        made.documents = documents;
        made.key = Key::Parts(sources.iter().map(|(name, _)| name.clone()).zip(key).collect());
        buckets.push(made);
    }
    Ok(Outcome::Composite(buckets))
}

fn sorted(keys: &[Key]) -> Vec<Key> {
    let mut sorted = keys.to_vec();
    sorted.sort_unstable();
    sorted
}

/// The place of each key among all, from 1.
fn ranks(keys: &[Key]) -> Vec<u32> {
    let mut order: Vec<(usize, &Key)> = keys.iter().enumerate().collect();
    order.sort_unstable_by(|a, b| a.1.cmp(b.1));
    let mut ranks = vec![0; keys.len()];
    for (rank, (number, _)) in (1_u32..).zip(order) {
        if let Some(place) = ranks.get_mut(number) {
            *place = rank;
        }
    }
    ranks
}

/// Puts the places of a document's values into `own`, one list a source; 0 for a source without a value.
fn read_places(read: &[(Keys, Vec<Reader>)], orders: &[Vec<u32>], slice: usize, document: u32, own: &mut [Vec<u32>]) {
    for ((own, (_, readers)), order) in own.iter_mut().zip(read).zip(orders) {
        own.clear();
        if let Some(reader) = readers.get(slice) {
            reader.read(document, own);
        }
        for key in own.iter_mut() {
            *key = order.get(*key as usize).copied().unwrap_or(0);
        }
        if own.is_empty() {
            own.push(0);
        }
    }
}

/// Calls `call` with every combination of one place from each list.
fn each_combination(lists: &[Vec<u32>], combination: &mut Vec<u32>, call: &mut dyn FnMut(&[u32])) {
    let Some((first, rest)) = lists.split_first() else { return call(combination) };
    for place in first {
        combination.push(*place);
        each_combination(rest, combination, call);
        combination.pop();
    }
}

/// Documents given with their slice, as slices.
fn split_pairs<'a>(pairs: &[(usize, u32)], slices: &[Slice<'a>]) -> Slices<'a> {
    let mut within = Vec::new();
    for group in pairs.chunk_by(|a, b| a.0 == b.0) {
        if let Some(slice) = group.first().and_then(|(number, _)| slices.get(*number)) {
            within.push(Slice { documents: group.iter().map(|(_, document)| *document).collect(), ..slice.clone_empty() });
        }
    }
    within
}

/// Whether a key comes after the last one of the page before.
fn is_after(key: &[Key], after: &[Option<Scalar>]) -> bool {
    for (key, after) in key.iter().zip(after) {
        match key.compare(after.as_ref()) {
            Ordering::Equal => {}
            other => return other.is_gt(),
        }
    }
    false
}
