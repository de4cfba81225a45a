//! From a look to the searches that a cluster understands: one for each group of indices that name their fields alike.

use std::{borrow::Cow, collections::BTreeSet};

use super::{Agg, Field, Look, Order, lower_filter::Lowering};
use crate::{
    dsl::{Aggregation, AggregationKind, Aggregations, FetchField, IndexExpression, Query, Scalar, Search, Sort, Source},
    error::ToolError,
    schema::{EpochUnit, FieldInfo, Group, Kind, Role, Schema},
};

/// A look as searches.
#[derive(Debug)]
pub struct Lowered {
    /// One for each group that can have matching documents.
    pub searches: Vec<Search>,
    /// Which group each search is for.
    pub groups: Vec<usize>,
    /// What was not searched though it is there, for the reader of the answer.
    pub notes: BTreeSet<String>,
    /// Each search returns what it would have skipped, since only the merged documents can be counted off.
    pub skips_merged: bool,
}

/// Up to so many distinct values of each group are counted exactly across groups; beyond, the number is a lower bound.
pub(crate) const EXACT_CARDINALITY: u32 = 1_000;

/// Names of helper aggregations, beside the one they help: no caller's name has this character.
pub(super) const COUNT_SUFFIX: &str = "\u{1f}count";
/// See [`COUNT_SUFFIX`].
pub(super) const TERMS_SUFFIX: &str = "\u{1f}terms";

/// Lowers a look.
///
/// # Errors
/// `unknown_field` when a condition names a field that no group has, `bad_argument` when a value fits the field's type
/// in no group.
pub fn lower(look: &Look, schema: &Schema) -> Result<Lowered, ToolError> {
    let concerned: Vec<(usize, Cow<'_, Group>, Option<Query>)> =
        concerned(look, schema).into_iter().flat_map(|(number, group)| readings(look, number, group)).collect();
    let several = concerned.len() > 1;
    let several_groups = schema.groups.len() > 1;
    let mut lowered = Lowered { searches: Vec::new(), groups: Vec::new(), notes: BTreeSet::new(), skips_merged: several };
    let mut unknown: Option<Vec<Field>> = None;
    let mut mismatches = Vec::new();
    if look.window.is_some() && !schema.groups.iter().any(Group::has_time) {
        return Err(schema.timeless());
    }
    for (number, group, part) in &concerned {
        let mut lowering = Lowering::new(group);
        let mut parts: Vec<Query> = part.iter().cloned().collect();
        if several && several_groups {
            parts.push(only(group, schema));
        }
        if let Some(window) = look.window {
            parts.push(lowering.time(&window));
        }
        parts.push(lowering.filter(&look.filter));
        let query = Query::all_of(parts);
        unknown = Some(match unknown {
            None => lowering.unknown,
            Some(fields) => fields.into_iter().filter(|field| lowering.unknown.contains(field)).collect(),
        });
        mismatches.extend(lowering.mismatch);
        lowered.notes.append(&mut lowering.notes);
        if query == Query::Nothing {
            continue;
        }
        lowered.searches.push(search(look, schema, group, query, several));
        lowered.groups.push(*number);
    }
    if let Some(field) = unknown.unwrap_or_default().first() {
        return Err(schema.unknown(field));
    }
    if mismatches.len() == concerned.len()
        && let Some(error) = mismatches.into_iter().next()
    {
        return Err(error);
    }
    Ok(lowered)
}

/// How a group is to be read. Where durations lie in either of two fields (an APM span's or a transaction's) and are computed
/// with, the documents of each are searched apart, since only one field can be aggregated; unless the tool has chosen.
fn readings<'g>(look: &Look, number: usize, group: &'g Group) -> Vec<(usize, Cow<'g, Group>, Option<Query>)> {
    let whole = || vec![(number, Cow::Borrowed(group), None)];
    let [one, other] = group.fields(&Field::Role(Role::Duration)) else { return whole() };
    if look.schema.is_some() || one.to_ms != other.to_ms || !look.aggs.iter().any(|(_, agg)| computes_durations(agg)) {
        return whole();
    }
    let preferring = |field: &FieldInfo| {
        let mut changed = group.clone();
        let prefix = field.name.split_inclusive('.').next().unwrap_or_default();
        for role in [Role::Duration, Role::SpanName, Role::SpanId] {
            changed.roles.entry(role).and_modify(|fields| fields.sort_by_key(|field| !field.name.starts_with(prefix)));
        }
        Cow::Owned(changed)
    };
    let has_one = Query::Exists { field: one.name.clone() };
    vec![(number, preferring(one), Some(has_one.clone())), (number, preferring(other), Some(has_one.negated()))]
}

fn computes_durations(agg: &Agg) -> bool {
    let is_duration = |field: &Field| *field == Field::Role(Role::Duration);
    match agg {
        Agg::Terms { field, inner, .. } => is_duration(field) || inner.iter().any(|(_, agg)| computes_durations(agg)),
        Agg::TimeHistogram { inner, .. } | Agg::Filter(_, inner) | Agg::Filters(_, inner) => {
            inner.iter().any(|(_, agg)| computes_durations(agg))
        }
        Agg::Composite { fields, inner, .. } => fields.iter().any(is_duration) || inner.iter().any(|(_, agg)| computes_durations(agg)),
        Agg::Min(field) | Agg::Max(field) | Agg::Sum(field) | Agg::Avg(field) | Agg::Count(field) | Agg::Cardinality(field) => {
            is_duration(field)
        }
        Agg::Percentiles(field, _) => is_duration(field),
        Agg::Top { .. } => false,
    }
}

/// The groups that a look concerns: all of them, or those of the indices that it names itself.
fn concerned<'s>(look: &Look, schema: &'s Schema) -> Vec<(usize, &'s Group)> {
    let all = || schema.groups.iter().enumerate();
    let Some(index) = &look.index else { return all().collect() };
    let named: Vec<_> = all().filter(|(_, group)| group.indices.iter().any(|name| is_named(index, name))).collect();
    // An alias says nothing about where it leads.
    if named.is_empty() { all().collect() } else { named }
}

/// Whether a concrete index, or the data stream that it backs, is named by an expression.
fn is_named(index: &IndexExpression, name: &str) -> bool {
    // Backing indices are called `.ds-STREAM-yyyy.MM.dd-000001`.
    let stream = name.strip_prefix(".ds-").and_then(|rest| rest.rsplitn(3, '-').nth(2));
    index.patterns().iter().any(|pattern| pattern.matches(stream.unwrap_or(name)))
}

/// The indices of one group, said in the shorter way.
fn only(group: &Group, schema: &Schema) -> Query {
    let terms = |indices: &mut dyn Iterator<Item = &String>| Query::Terms {
        field: "_index".to_owned(),
        values: indices.map(|name| Scalar::from(name.as_str())).collect(),
    };
    if group.indices.len() * 2 > schema.indices.len() {
        let mut others = schema.indices.iter().filter(|name| group.indices.binary_search(name).is_err());
        terms(&mut others).negated()
    } else {
        terms(&mut group.indices.iter())
    }
}

fn search(look: &Look, schema: &Schema, group: &Group, query: Query, several: bool) -> Search {
    let index = look.index.as_ref().unwrap_or(&schema.expression).clone();
    let (from, size) = if several { (0, if look.size == 0 { 0 } else { look.skip + look.size }) } else { (look.skip, look.size) };
    let mut search =
        Search::new(index, query).page(from, size).track_total(look.total).aggregations(aggregations(&look.aggs, group, several));
    if look.size > 0 {
        search = search.sort(sort(&look.order, group)).fields(fetch(&look.fetch, &look.order, group));
        if look.source {
            search = search.source(Source::Whole);
        }
    }
    if let Some(documents) = look.sample {
        search = search.terminate_after(documents);
    }
    search
}

fn time_field(group: &Group) -> Option<&FieldInfo> {
    group.field(&Field::Role(Role::Time))
}

fn time_sort(group: &Group, descending: bool) -> Vec<Sort> {
    let time = time_field(group).map(|field| Sort { field: field.name.clone(), descending, is_time: field.kind == Kind::Date });
    let tie = Sort { field: "_seq_no".to_owned(), descending, is_time: false };
    time.into_iter().chain([tie]).collect()
}

fn sort(order: &Order, group: &Group) -> Vec<Sort> {
    match order {
        Order::Any => Vec::new(),
        Order::Newest => time_sort(group, true),
        Order::Oldest => time_sort(group, false),
        Order::By { field, descending } => {
            let by = group.field(field).and_then(|info| info.groupable().map(|name| (name.to_owned(), info.kind == Kind::Date)));
            let by = by.map(|(name, is_time)| Sort { field: name, descending: *descending, is_time });
            by.into_iter().chain(time_sort(group, true)).collect()
        }
    }
}

/// The physical fields to fetch: the time always, each wanted field in every place where its value may lie.
fn fetch(wanted: &[Field], order: &Order, group: &Group) -> Vec<FetchField> {
    let mut fields: Vec<FetchField> = Vec::new();
    let mut push = |info: &FieldInfo| {
        if fields.iter().all(|known| known.name != info.name) {
            fields.push(FetchField { name: info.name.clone(), is_time: info.kind == Kind::Date });
        }
    };
    time_field(group).into_iter().for_each(&mut push);
    for field in wanted {
        group.fields(field).iter().for_each(&mut push);
    }
    if let Order::By { field, .. } = order {
        group.fields(field).iter().for_each(&mut push);
    }
    fields
}

fn aggregations(aggs: &[(String, Agg)], group: &Group, several: bool) -> Aggregations {
    let mut lowered = Aggregations::new();
    for (name, agg) in aggs {
        aggregation(name, agg, group, several, &mut lowered);
    }
    lowered
}

fn aggregation(name: &str, agg: &Agg, group: &Group, several: bool, into: &mut Aggregations) {
    let inner = |inner: &[(String, Agg)]| aggregations(inner, group, several);
    let groupable = |field: &Field| group.field(field).and_then(FieldInfo::groupable).map(str::to_owned);
    let mut push = |kind: AggregationKind, inner: Aggregations| into.push((name.to_owned(), Aggregation { kind, inner }));
    match agg {
        Agg::Terms { field, size, order, include, inner: inside } => {
            if let Some(field) = groupable(field) {
                let kind = AggregationKind::Terms { field, size: *size, shard_size: None, order: order.clone(), include: include.clone() };
                push(kind, inner(inside));
            }
        }
        Agg::TimeHistogram { interval_ms, window, inner: inside } => {
            let Some(time) = time_field(group) else { return };
            let (start, end) =
                (window.start().as_millisecond(), window.end().as_millisecond().max(window.start().as_millisecond() + 1) - 1);
            let offset = start.rem_euclid(*interval_ms);
            let kind = match time.epoch {
                None => AggregationKind::DateHistogram {
                    field: time.name.clone(),
                    interval_ms: *interval_ms,
                    offset_ms: offset,
                    bounds_ms: Some((start, end)),
                },
                #[expect(clippy::cast_precision_loss, reason = "milliseconds since the epoch are exact in f64")]
                Some(unit) => AggregationKind::Histogram {
                    field: time.name.clone(),
                    interval: *interval_ms as f64 * unit.per_millisecond(),
                    offset: offset as f64 * unit.per_millisecond(),
                    bounds: Some((start as f64 * unit.per_millisecond(), end as f64 * unit.per_millisecond())),
                },
            };
            push(kind, inner(inside));
        }
        Agg::Filter(filter, inside) => {
            let query = Lowering::new(group).filter(filter);
            push(AggregationKind::Filter(query), inner(inside));
        }
        Agg::Filters(filters, inside) => {
            let queries = filters.iter().map(|(key, filter)| (key.clone(), Lowering::new(group).filter(filter))).collect();
            push(AggregationKind::Filters(queries), inner(inside));
        }
        Agg::Composite { fields, size, after, inner: inside } => {
            let sources: Option<Vec<(String, String)>> =
                fields.iter().enumerate().map(|(number, field)| Some((number.to_string(), groupable(field)?))).collect();
            let Some(sources) = sources else { return };
            let after = after.as_ref().map(|parts| {
                let values = fields.iter().zip(parts).map(|(field, part)| {
                    let part = part.as_deref()?;
                    let is_number = group.field(field).is_some_and(|info| info.kind.is_number());
                    Some(if is_number { part.parse::<i64>().map_or_else(|_| Scalar::from(part), Scalar::Int) } else { Scalar::from(part) })
                });
                values.collect()
            });
            push(AggregationKind::Composite { sources, size: *size, after }, inner(inside));
        }
        Agg::Min(field) => metric(field, group, AggregationKind::Min).into_iter().for_each(|kind| push(kind, Vec::new())),
        Agg::Max(field) => metric(field, group, AggregationKind::Max).into_iter().for_each(|kind| push(kind, Vec::new())),
        Agg::Sum(field) => metric(field, group, AggregationKind::Sum).into_iter().for_each(|kind| push(kind, Vec::new())),
        Agg::Count(field) => groupable(field).map(AggregationKind::ValueCount).into_iter().for_each(|kind| push(kind, Vec::new())),
        Agg::Avg(field) => {
            if let Some(kind) = metric(field, group, AggregationKind::Avg) {
                push(kind, Vec::new());
                count_beside(name, field, group, several, into);
            }
        }
        Agg::Cardinality(field) => {
            if let Some(field) = groupable(field) {
                push(AggregationKind::Cardinality(field.clone()), Vec::new());
                if several {
                    let kind = AggregationKind::Terms {
                        field,
                        size: EXACT_CARDINALITY,
                        shard_size: None,
                        order: crate::dsl::TermsOrder::Count,
                        include: None,
                    };
                    into.push((format!("{name}{TERMS_SUFFIX}"), Aggregation::new(kind)));
                }
            }
        }
        Agg::Percentiles(field, percents) => {
            if let Some(kind) = metric(field, group, |field| AggregationKind::Percentiles { field, percents: grid(percents, several) }) {
                push(kind, Vec::new());
                count_beside(name, field, group, several, into);
            }
        }
        Agg::Top { size, order, fetch: wanted } => {
            let kind = AggregationKind::TopHits { size: *size, sort: sort(order, group), fields: fetch(wanted, order, group) };
            push(kind, Vec::new());
        }
    }
}

fn metric(field: &Field, group: &Group, kind: impl FnOnce(String) -> AggregationKind) -> Option<AggregationKind> {
    let info = group.field(field)?;
    info.groupable().filter(|_| info.kind.is_quantity()).map(|name| kind(name.to_owned()))
}

fn count_beside(name: &str, field: &Field, group: &Group, several: bool, into: &mut Aggregations) {
    if several && let Some(kind) = metric(field, group, AggregationKind::ValueCount) {
        into.push((format!("{name}{COUNT_SUFFIX}"), Aggregation::new(kind)));
    }
}

/// Percentiles of several groups are merged from a fine grid of each: every percent, and finer towards the end.
fn grid(percents: &[f64], several: bool) -> Vec<f64> {
    let mut grid = percents.to_vec();
    if several {
        grid.extend((0..=100).map(f64::from));
        grid.extend([99.5, 99.9]);
    }
    grid.sort_by(f64::total_cmp);
    grid.dedup();
    grid
}

/// How a number of the group's time field is read.
pub(super) fn epoch(group: &Group) -> Option<EpochUnit> {
    time_field(group).and_then(|field| field.epoch)
}
