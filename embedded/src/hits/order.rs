//! Sorting: the first documents of many by the values of fields, exact to the nanosecond. Ties go by index, then by
//! `_seq_no`.

use std::{cmp::Ordering, sync::Arc};

use elk_mcp_tools::dsl::Sort;
use tantivy::columnar::Column as Numbers;

use crate::{
    aggregation::Slice,
    failure::{Failure, Stop},
    ingest::{Column, Part},
    mapping::{Field, Kind},
    query::Target,
};

/// A document that was chosen.
#[derive(Debug)]
pub(crate) struct Chosen {
    /// Among the slices.
    pub(crate) slice: usize,
    pub(crate) document: u32,
    /// One a sort key.
    pub(crate) values: Vec<SortValue>,
    sequence: u64,
}

/// The value a document is sorted by.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum SortValue {
    Missing,
    Int(i64),
    Unsigned(u64),
    Float(f64),
    Text(String),
}

/// Whether an index can sort so.
pub(crate) fn check(sort: &[Sort], target: &Target<'_>) -> Result<(), Failure> {
    for key in sort {
        match target.mapping.field(&key.field) {
            Some(field) if !field.is_aggregatable() => {
                return Err(Failure::illegal(format!(
                    "Fielddata is disabled on [{}]: a field of type [{}] cannot be sorted or aggregated. Please use a keyword field instead.",
                    field.name, field.type_name
                )));
            }
            Some(field) if key.is_time && !field.is_numeric() => {
                return Err(Failure::illegal(format!(
                    "[numeric_type] option cannot be set on a non-numeric field, got [{}]",
                    field.type_name
                )));
            }
            None if key.field == "_id" => return Err(Failure::illegal("Fielddata access on the _id field is disallowed")),
            _ => {}
        }
    }
    Ok(())
}

/// How one part reads one sort key.
enum Reader {
    Missing,
    /// The same for all of the index.
    Constant(String),
    Sequence,
    Values(Arc<Column>),
}

impl Reader {
    fn open(key: &Sort, slice: &Slice<'_>) -> Result<Self, Stop> {
        Ok(match key.field.as_str() {
            "_seq_no" | "_doc" => Self::Sequence,
            "_index" => Self::Constant(slice.shard.name().to_owned()),
            name => match slice.shard.target().mapping.field(name) {
                Some(field) => Self::Values(slice.part.column(&field.key)?),
                None => Self::Missing,
            },
        })
    }

    /// A number whose order within this part is that of the values, smallest first; the largest of several values when
    /// the order is descending, else the smallest.
    fn rank(&self, document: u32, descending: bool) -> Option<u64> {
        match self {
            Self::Missing => None,
            Self::Constant(_) => Some(0),
            Self::Sequence => Some(document.into()),
            Self::Values(column) => match &**column {
                Column::Absent => None,
                Column::Text(column) => extreme(column.ords(), document, descending),
                Column::Int(column) => extreme(column, document, descending).map(tantivy::i64_to_u64),
                Column::Unsigned(column) => extreme(column, document, descending),
                Column::Float(column) => extreme(column, document, descending).map(tantivy::f64_to_u64),
                Column::Bool(column) => extreme(column, document, descending).map(u64::from),
            },
        }
    }

    fn value(&self, rank: Option<u64>, part: &Part, document: u32) -> Result<SortValue, Stop> {
        let Some(rank) = rank else { return Ok(SortValue::Missing) };
        Ok(match self {
            Self::Missing => SortValue::Missing,
            Self::Constant(text) => SortValue::Text(text.clone()),
            Self::Sequence => SortValue::Unsigned(part.sequence(document)?),
            Self::Values(column) => match &**column {
                Column::Absent => SortValue::Missing,
                Column::Text(column) => {
                    let mut text = String::new();
                    column.ord_to_str(rank, &mut text)?;
                    SortValue::Text(text)
                }
                Column::Int(_) => SortValue::Int(tantivy::u64_to_i64(rank)),
                Column::Unsigned(_) => SortValue::Unsigned(rank),
                Column::Float(_) => SortValue::Float(tantivy::u64_to_f64(rank)),
                Column::Bool(_) => SortValue::Unsigned(rank),
            },
        })
    }
}

fn extreme<T: PartialOrd + Copy + std::fmt::Debug + Send + Sync + 'static>(
    column: &Numbers<T>,
    document: u32,
    descending: bool,
) -> Option<T> {
    column.values_for_doc(document).reduce(|best, value| if (value > best) == descending { value } else { best })
}

/// Missing last, then by rank.
fn key(rank: Option<u64>, descending: bool) -> (bool, u64) {
    match rank {
        None => (true, 0),
        Some(rank) => (false, if descending { !rank } else { rank }),
    }
}

/// The first `count` documents.
pub(crate) fn top(slices: &[Slice<'_>], sort: &[Sort], count: usize) -> Result<Vec<Chosen>, Stop> {
    let mut chosen = Vec::new();
    for (number, slice) in slices.iter().enumerate() {
        if count == 0 || slice.documents.is_empty() {
            continue;
        }
        let readers = sort.iter().map(|key| Ok((key, Reader::open(key, slice)?))).collect::<Result<Vec<_>, Stop>>()?;
        let first = readers.first();
        let mut candidates: Vec<((bool, u64), u32)> = slice
            .documents
            .iter()
            .map(|document| {
                (first.map_or((false, 0), |(sort, reader)| key(reader.rank(*document, sort.descending), sort.descending)), *document)
            })
            .collect();
        // Only ties of the first key look at the others.
        let compare = |a: &((bool, u64), u32), b: &((bool, u64), u32)| {
            a.0.cmp(&b.0)
                .then_with(|| {
                    readers
                        .iter()
                        .skip(1)
                        .map(|(sort, reader)| {
                            let of = |document: u32| key(reader.rank(document, sort.descending), sort.descending);
                            of(a.1).cmp(&of(b.1))
                        })
                        .find(|order| order.is_ne())
                        .unwrap_or(Ordering::Equal)
                })
                .then_with(|| a.1.cmp(&b.1))
        };
        if candidates.len() > count {
            candidates.select_nth_unstable_by(count - 1, compare);
            candidates.truncate(count);
        }
        for (_, document) in candidates {
            let values = readers
                .iter()
                .map(|(sort, reader)| reader.value(reader.rank(document, sort.descending), slice.part, document))
                .collect::<Result<_, _>>()?;
            chosen.push(Chosen { slice: number, document, values, sequence: slice.part.sequence(document)? });
        }
    }
    let shard = |chosen: &Chosen| slices.get(chosen.slice).map(|slice| slice.shard.number());
    chosen.sort_by(|a, b| {
        sort.iter()
            .zip(a.values.iter().zip(&b.values))
            .map(|(sort, (left, right))| compare_values(left, right, sort.descending))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
            .then_with(|| shard(a).cmp(&shard(b)))
            .then_with(|| a.sequence.cmp(&b.sequence))
    });
    chosen.truncate(count);
    Ok(chosen)
}

fn compare_values(left: &SortValue, right: &SortValue, descending: bool) -> Ordering {
    use SortValue::{Float, Int, Missing, Text, Unsigned};
    #[expect(clippy::cast_precision_loss, reason = "only where one of the two is a double already")]
    let float = |value: &SortValue| match value {
        Int(value) => *value as f64,
        Unsigned(value) => *value as f64,
        Float(value) => *value,
        Missing | Text(_) => f64::INFINITY,
    };
    let order = match (left, right) {
        (Missing, Missing) => return Ordering::Equal,
        (Missing, _) => return Ordering::Greater,
        (_, Missing) => return Ordering::Less,
        (Text(left), Text(right)) => left.cmp(right),
        (Int(left), Int(right)) => left.cmp(right),
        (Unsigned(left), Unsigned(right)) => left.cmp(right),
        (Int(left), Unsigned(right)) => i128::from(*left).cmp(&i128::from(*right)),
        (Unsigned(left), Int(right)) => i128::from(*left).cmp(&i128::from(*right)),
        (left, right) => float(left).total_cmp(&float(right)),
    };
    if descending { order.reverse() } else { order }
}

/// What stands for a missing value: the number that comes last, and null for strings.
fn missing(field: Option<&Arc<Field>>, sort: &Sort) -> serde_json::Value {
    let last = |least: i64, most: i64| if sort.descending { least } else { most };
    match field.map(|field| (&field.kind, field.type_name)) {
        Some((Kind::Keyword | Kind::Constant(_) | Kind::Ip, _)) => serde_json::Value::Null,
        _ if sort.is_time => last(0, i64::MAX).into(),
        Some((Kind::Float | Kind::Scaled(_), _)) => (if sort.descending { "-Infinity" } else { "Infinity" }).into(),
        Some((Kind::Integer, "integer" | "short" | "byte")) => last(i32::MIN.into(), i32::MAX.into()).into(),
        _ => last(i64::MIN, i64::MAX).into(),
    }
}

/// How the engine writes a sort value of this index.
pub(super) fn written(value: &SortValue, sort: &Sort, slice: &Slice<'_>) -> serde_json::Value {
    let target = slice.shard.target();
    let field = target.mapping.field(&sort.field);
    match value {
        SortValue::Missing => missing(field, sort),
        SortValue::Int(value) => match field.map(|field| &field.kind) {
            Some(Kind::Date(format)) if !sort.is_time && !format.nanos => crate::time::to_millis(*value).into(),
            _ => (*value).into(),
        },
        SortValue::Unsigned(value) => (*value).into(),
        SortValue::Float(value) => (*value).into(),
        SortValue::Text(text) => text.clone().into(),
    }
}
