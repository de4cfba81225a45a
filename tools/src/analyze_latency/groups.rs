//! The groups of the main table: what they are by default, how they are asked for and read. Knows no engine.

use super::population::Population;
use crate::{
    answer::{Cell, Table},
    dsl::Scalar,
    look::{Agg, Field, Filter, Key, Results},
    schema::Role,
    spans::short,
};

/// Groups that are compared a level: the slowest need not be the most frequent. The first level has as many as `top`
/// where that is more; together no more than 5,000.
const COMPARED: [u32; 3] = [40, 10, 5];

/// What documents are grouped by.
#[derive(Debug)]
pub(super) struct Groups {
    pub(super) fields: Vec<Field>,
    top: u32,
}

/// Documents of a group from which on its p95 is known well enough to tell slow ones by.
const LEAST_OF_OPERATION: u64 = 40;

/// Groups whose documents are held against the others of the same group.
const MOST_OPERATIONS: usize = 40;

/// Documents that do the same.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) name: String,
    pub(super) filter: Filter,
    pub(super) p50_ms: f64,
    pub(super) p95_ms: f64,
}

/// The rows, and what they leave out.
pub(super) struct Rows {
    pub(super) table: Table,
    /// Documents in no group that was compared.
    pub(super) other: u64,
    /// The first row in words, where there are groups.
    pub(super) slowest: Option<String>,
}

impl Groups {
    /// The groups asked for, or service and path, or span name where spans have no path; as far as they can be grouped by.
    pub(super) fn new(wanted: Option<Vec<Field>>, population: &Population, top: u32) -> Self {
        let schema = &population.schema;
        let fields = wanted.unwrap_or_else(|| {
            let lies_in = |role: Role| {
                let fields = schema.groups.iter().filter(|group| !population.are_spans || group.is_spans());
                fields.filter_map(|group| group.field(&Field::Role(role))).any(|field| field.filled != Some(0.0))
            };
            let operation = if lies_in(Role::Path) || !population.are_spans { Role::Path } else { Role::SpanName };
            let usable = |role: &Role| schema.need_groupable(&Field::Role(*role)).is_ok();
            [Role::Service, operation].into_iter().filter(usable).map(Field::Role).collect()
        });
        Self { fields, top }
    }

    /// What is computed for them.
    pub(super) fn agg(&self, percents: &[f64]) -> Vec<(String, Agg)> {
        let mut inner = vec![
            ("percentiles".to_owned(), Agg::Percentiles(Role::Duration.into(), percents.to_vec())),
            ("max".to_owned(), Agg::Max(Role::Duration.into())),
        ];
        for (level, (field, most)) in self.fields.iter().zip(COMPARED).enumerate().rev() {
            let mut agg = Agg::terms(field.clone(), if level == 0 { self.top.max(most) } else { most });
            for (name, inside) in inner {
                agg = agg.with(name, inside);
            }
            inner = vec![("by".to_owned(), agg)];
        }
        if self.fields.is_empty() { Vec::new() } else { inner }
    }

    /// Every group with its keys and its documents.
    fn leaves<'r, 'a>(&self, results: &'r Results<'a>, total: u64) -> Vec<(&'r Results<'a>, Vec<&'r Key>, u64)> {
        let mut leaves = Vec::new();
        let mut open: Vec<(&'r Results<'a>, Vec<&'r Key>, u64)> = vec![(results, Vec::new(), total)];
        while let Some((inside, path, count)) = open.pop() {
            if path.len() >= self.fields.len() {
                leaves.push((inside, path, count));
                continue;
            }
            for bucket in inside.buckets("by") {
                let path = path.iter().copied().chain([&bucket.key]).collect();
                open.push((&bucket.results, path, bucket.count));
            }
        }
        leaves
    }

    /// Groups that are frequent enough to be held against their own past and p95, the most frequent first.
    pub(super) fn operations(&self, results: &Results<'_>) -> Vec<Operation> {
        let operation = |(inside, path, count): (&Results<'_>, Vec<&Key>, u64)| {
            let percentile = |percent| inside.percentile("percentiles", percent).filter(|_| count >= LEAST_OF_OPERATION);
            let (p50_ms, p95_ms) = (percentile(50.0)?, percentile(95.0)?);
            let condition = |(field, key): (&Field, &&Key)| match key {
                Key::Int(number) => Some(Filter::is(field.clone(), Scalar::Int(*number))),
                Key::Number(number) => Some(Filter::is(field.clone(), Scalar::Float(*number))),
                Key::Text(text) => Some(Filter::is(field.clone(), text.as_str())),
                Key::Time(_) | Key::Parts(_) => None,
            };
            let conditions: Option<Vec<Filter>> = self.fields.iter().zip(&path).map(condition).collect();
            let filter = conditions?.into_iter().fold(Filter::All, Filter::and);
            Some((count, Operation { name: name(&path), filter, p50_ms, p95_ms }))
        };
        let leaves = if self.fields.is_empty() { Vec::new() } else { self.leaves(results, 0) };
        let mut operations: Vec<(u64, Operation)> = leaves.into_iter().filter_map(operation).collect();
        operations.sort_by(|(a, of_a), (b, of_b)| b.cmp(a).then_with(|| of_a.name.cmp(&of_b.name)));
        operations.into_iter().map(|(_, operation)| operation).take(MOST_OPERATIONS).collect()
    }

    /// The slowest groups by their 95th percentile.
    pub(super) fn rows(&self, results: &Results<'_>, total: u64, percents: &[f64]) -> Rows {
        let columns = self.fields.iter().map(|field| field.name().to_owned());
        let percent_columns = percents.iter().map(|percent| format!("p{percent}_ms"));
        let mut table = Table::new(columns.chain(["count".to_owned()]).chain(percent_columns).chain(["max_ms".to_owned()]));
        let mut rows: Vec<(f64, String, u64, Vec<Cell>)> = Vec::new();
        for (inside, path, count) in self.leaves(results, total) {
            let Some(p95) = inside.percentile("percentiles", 95.0) else { continue };
            let name = name(&path);
            let mut cells: Vec<Cell> = path.iter().map(|key| cell(key)).collect();
            cells.push(Cell::from(count));
            cells.extend(percents.iter().map(|percent| Cell::from(inside.percentile("percentiles", *percent).map(rough))));
            cells.push(Cell::from(inside.number("max")));
            rows.push((p95, name, count, cells));
        }
        rows.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        let grouped: u64 = rows.iter().map(|(_, _, count, _)| count).sum();
        let slowest = rows.first().map(|(p95, name, count, _)| format!("{name} p95 {} ms of {count}", short(*p95)));
        let left = rows.len().saturating_sub(self.top as usize) as u64;
        rows.into_iter().take(self.top as usize).for_each(|(.., cells)| table.push(cells));
        let other = if self.fields.is_empty() { 0 } else { total.saturating_sub(grouped) };
        Rows { table: table.truncated(left, "top"), other, slowest }
    }
}

fn name(path: &[&Key]) -> String {
    path.iter().map(|key| key.text()).collect::<Vec<_>>().join(" ")
}

fn cell(key: &Key) -> Cell {
    match key {
        Key::Int(number) => Cell::Int(*number),
        Key::Number(number) => Cell::from(*number),
        Key::Time(time) => Cell::from(*time),
        Key::Text(_) | Key::Parts(_) => Cell::from(key.text()),
    }
}

/// Four significant digits: an estimate has no more.
pub(super) fn rough(number: f64) -> f64 {
    if number == 0.0 || !number.is_finite() {
        return number;
    }
    let scale = 10f64.powf(3.0 - number.abs().log10().floor());
    (number * scale).round() / scale
}
