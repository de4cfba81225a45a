//! What slow documents share: values that are more frequent among them than among the fast ones. Knows no engine.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{
    groups::rough,
    values::{self, Pair},
};
use crate::{
    answer::{Cell, Table},
    look::{Agg, Bucket, Field, Filter, Found},
    mining::statistics::signed_g2_of_table,
    schema::{Role, Schema},
};

/// Roles whose values are compared.
const ROLES: [Role; 8] = [Role::Service, Role::Pod, Role::Host, Role::Path, Role::SpanName, Role::Version, Role::Status, Role::Method];

/// Values of a role that are compared.
const VALUES: u32 = 100;

/// Rows that are shown.
const MOST: usize = 10;

/// The G² in a sample from which on a value's documents are counted: one in twenty without a difference reaches it.
const SUPPOSED: f64 = 3.84;

/// Values of fields that are counted.
const MOST_SUPPOSED: usize = 12;

/// The name of the number of traces.
const TRACES: &str = "traces";

/// Slow documents that have a value at least.
const LEAST: u64 = 3;

/// The comparison of slow documents with all. Read by [`Shared::read`].
pub(super) fn agg(slow: Filter, schema: &Schema) -> Agg {
    let mut agg = Agg::Filters(vec![("slow".to_owned(), slow), ("all".to_owned(), Filter::All)], Vec::new());
    for role in roles(schema) {
        agg = agg.with(role.name(), Agg::terms(role, VALUES));
    }
    agg
}

fn roles(schema: &Schema) -> impl Iterator<Item = Role> + '_ {
    let usable = |role: &Role| schema.need_groupable(&Field::Role(*role)).is_ok() && schema.is_filled(*role);
    // A transaction's name is both path and name of a span: once is enough.
    ROLES.into_iter().filter(usable).filter(|role| *role != Role::SpanName || !same_fields(schema, Role::Path, Role::SpanName))
}

fn same_fields(schema: &Schema, one: Role, other: Role) -> bool {
    let name = |role| schema.groups.iter().map(move |group| group.field(&Field::Role(role)).map(|field| field.name.as_str()));
    name(one).eq(name(other))
}

/// Counts the values of fields among slow requests and all; read by [`Shared::count`].
pub(super) fn count_agg(slow: Filter, fields: &[Field]) -> Agg {
    let traces = || Agg::Cardinality(Role::TraceId.into());
    let filters = Agg::Filters(vec![("slow".to_owned(), slow), ("all".to_owned(), Filter::All)], Vec::new()).with(TRACES, traces());
    let terms = |(at, field): (usize, &Field)| (at.to_string(), Agg::terms(field.clone(), VALUES).with(TRACES, traces()));
    fields.iter().enumerate().map(terms).fold(filters, |agg, (name, terms)| agg.with(name, terms))
}

/// What slow documents share.
pub(super) struct Shared {
    /// Values that stand out.
    rows: Vec<Tested>,
    /// Values of fields that a sample of requests lets suppose.
    supposed: Vec<Tested>,
    /// Values that were compared.
    tested: usize,
    /// Documents that are slow.
    pub(super) slow: u64,
    /// Documents that were compared with them.
    all: u64,
    /// Requests that were read whole: slow ones, others.
    read: (usize, usize),
}

/// A value with the documents, or requests, that have it.
struct Tested {
    g2: f64,
    field: String,
    value: String,
    slow: u64,
    /// None where only a sample was compared.
    all: Option<u64>,
    /// Among slow ones, among all.
    shares: (f64, f64),
}

impl Shared {
    /// Reads counts of roles' values (first), and compares the values of all other fields in slow documents (second) with those in others
    /// (third).
    pub(super) fn read(found: &[Found<'_>], schema: &Schema) -> Self {
        let results = found.first().map(|found| &found.results);
        let bucket = |name: &str| results.and_then(|results| results.bucket("shared", name));
        let (slow, all) = (bucket("slow"), bucket("all"));
        let (slow_total, all_total) = (slow.map_or(0, |slow| slow.count), all.map_or(0, |all| all.count));
        let mut rows = Vec::new();
        if let (Some(slow), Some(all)) = (slow, all)
            && slow_total > 0
            && all_total > slow_total
        {
            rows = of_roles(slow, all, schema);
        }
        let hits = |at: usize| found.get(at).map_or(&[][..], |found| &found.hits);
        let (of_slow, of_others) = values::sets(hits(1), hits(2), schema);
        let slow_part = real(slow_total) / real(all_total.max(1));
        let mut supposed = of_fields(&of_slow, &of_others, slow_part);
        let tested = rows.len() + supposed.len();
        rows.retain(|row| row.g2 >= bound(tested));
        supposed.retain(|row| row.g2 >= SUPPOSED);
        supposed.sort_by(|a, b| b.g2.total_cmp(&a.g2).then_with(|| (&a.field, &a.value).cmp(&(&b.field, &b.value))));
        supposed.truncate(MOST_SUPPOSED);
        Self { rows, supposed, tested, slow: slow_total, all: all_total, read: (of_slow.len(), of_others.len()) }
    }

    /// The fields whose values are worth counting.
    pub(super) fn fields(&self) -> Vec<Field> {
        let names: BTreeSet<&str> = self.supposed.iter().map(|row| row.field.as_str()).collect();
        names.into_iter().map(|name| Field::Named(name.to_owned())).collect()
    }

    /// Takes counts of these fields' values in place of what a sample let suppose.
    pub(super) fn count(&mut self, fields: &[Field], found: &Found<'_>) {
        let (Some(slow), Some(all)) = (found.results.bucket("shared", "slow"), found.results.bucket("shared", "all")) else { return };
        let (slow_total, all_total) = (requests(slow), requests(all));
        for row in &mut self.supposed {
            let Some(at) = fields.iter().position(|field| field.name() == row.field) else { continue };
            let count = |bucket: &Bucket<'_>| {
                let values = bucket.results.buckets(&at.to_string());
                values.iter().find(|value| value.key.text() == row.value).map(requests)
            };
            let (Some(of_slow), Some(of_all)) = (count(slow), count(all)) else { continue };
            (row.slow, row.all) = (of_slow, Some(of_all));
            row.shares = (real(of_slow) / real(slow_total.max(1)), real(of_all) / real(all_total.max(1)));
            let (others, others_total) = (of_all.saturating_sub(of_slow), all_total.saturating_sub(slow_total));
            row.g2 = signed_g2_of_table(real(of_slow), real(slow_total), real(others), real(others_total.max(1)));
        }
    }

    /// How the comparison was made, and whether it showed anything, with what it showed.
    pub(super) fn table(mut self, groups: &str) -> (String, Table) {
        self.supposed.retain(|row| row.g2 >= bound(self.tested));
        self.rows.append(&mut self.supposed);
        self.rows.sort_by(|a, b| b.g2.total_cmp(&a.g2));
        // A service's only pod is no news beside the service: values with equal counts are shown once.
        let mut seen = HashSet::new();
        self.rows.retain(|row| seen.insert((row.slow, row.all)));
        let told = self.told(groups);
        let mut table = Table::new(["field", "value", "slow", "all", "slow_share", "share", "g2"]);
        let left = self.rows.len().saturating_sub(MOST) as u64;
        for row in self.rows.into_iter().take(MOST) {
            let counts = [Cell::from(row.slow), row.all.map_or(Cell::Null, Cell::from)];
            let shares = [row.shares.0, row.shares.1].map(|share| Cell::from(rough(share)));
            let names = [Cell::from(row.field), Cell::from(row.value)];
            table.push(names.into_iter().chain(counts).chain(shares).chain([Cell::from(row.g2.round())]).collect());
        }
        (told, table.truncated(left, "top"))
    }

    fn told(&self, groups: &str) -> String {
        let Self { slow, all, read: (slow_requests, others), .. } = self;
        let limit = if groups.is_empty() { String::new() } else { format!(" (above the p95 of their own {groups})") };
        let read = if slow_requests + others > 0 {
            format!("; fields beyond the roles as {slow_requests} slow requests and {others} others have them")
        } else {
            String::new()
        };
        let nothing = if self.rows.is_empty() { "nothing stands out among " } else { "" };
        format!("shared: {nothing}{slow} slow documents{limit} of {all}{read}")
    }
}

/// The traces of a bucket, or its documents where they have none.
fn requests(bucket: &Bucket<'_>) -> u64 {
    let traces = bucket.results.number(TRACES).filter(|traces| *traces >= 1.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of traces")]
    let traces = traces.map(|traces| traces as u64);
    traces.unwrap_or(bucket.count)
}

/// From this G² on, what stands out is more than chance: of calls about alike documents, one in a hundred shows any. The bound of one test
/// (6.63, of χ² with one degree of freedom) rises by 2 ln m for m tests, since its tail falls as exp(−G²/2).
fn bound(tests: usize) -> f64 {
    6.63 + 2.0 * real(tests.max(1) as u64).ln()
}

fn of_roles(slow: &Bucket<'_>, all: &Bucket<'_>, schema: &Schema) -> Vec<Tested> {
    let (slow_total, all_total) = (real(slow.count), real(all.count));
    let mut tested = Vec::new();
    for role in roles(schema) {
        for bucket in slow.results.buckets(role.name()).iter().filter(|bucket| bucket.count >= LEAST) {
            let among_all = all.results.buckets(role.name()).iter().find(|other| other.key == bucket.key).map(|other| other.count);
            // A value beyond the listed ones of all is at most as frequent as the last of them; its own count is a bound.
            let count_of_all = among_all.unwrap_or(bucket.count);
            let (count, others) = (real(bucket.count), real(count_of_all.saturating_sub(bucket.count)));
            tested.push(Tested {
                g2: signed_g2_of_table(count, slow_total, others, all_total - slow_total),
                slow: bucket.count,
                all: among_all,
                field: role.name().to_owned(),
                value: bucket.key.text().into_owned(),
                shares: (count / slow_total, real(count_of_all) / all_total),
            });
        }
    }
    tested
}

/// `slow_part` is the share of all documents that are slow.
fn of_fields(slow: &[BTreeSet<Pair>], others: &[BTreeSet<Pair>], slow_part: f64) -> Vec<Tested> {
    let count = |sets: &[BTreeSet<Pair>]| {
        let mut counts: HashMap<Pair, u64> = HashMap::new();
        sets.iter().flatten().for_each(|pair| *counts.entry(pair.clone()).or_default() += 1);
        counts
    };
    let (slow_total, others_total) = (real(slow.len() as u64), real(others.len() as u64));
    let of_others = count(others);
    let mut found: Vec<(Pair, u64)> = count(slow).into_iter().filter(|(_, count)| *count >= LEAST).collect();
    found.sort();
    let tested = |(pair, slow_count): (Pair, u64)| {
        let other_count = of_others.get(&pair).copied().unwrap_or_default();
        let (slow_share, other_share) = (real(slow_count) / slow_total.max(1.0), real(other_count) / others_total.max(1.0));
        Tested {
            g2: signed_g2_of_table(real(slow_count), slow_total, real(other_count), others_total),
            slow: slow_count,
            all: None,
            field: pair.0,
            value: pair.1,
            shares: (slow_share, slow_share * slow_part + other_share * (1.0 - slow_part)),
        }
    };
    found.into_iter().map(tested).collect()
}

#[expect(clippy::cast_precision_loss, reason = "counts of documents")]
fn real(number: u64) -> f64 {
    number as f64
}
