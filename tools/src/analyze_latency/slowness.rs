//! Which documents are slow for what they do: slower than the p95 of their own group, so that what is always slow does not hide what became
//! slow. When each group became slower, and which traces show it. Knows no engine.

use std::collections::HashSet;

use jiff::Timestamp;

use super::{
    Overall, SLOW_TRACES, Wanted,
    groups::{Groups, Operation, rough},
    report::{Change, change, series},
    shared,
};
use crate::{
    answer::{Cell, Table},
    dsl::{Range, Scalar, TrackTotal},
    look::{Agg, Field, Filter, Found, Hit, Look, Order, Results, Value},
    mining::onset::CLEAR,
    params::Window,
    schema::{Role, Schema},
    spans::short,
};

/// Slow documents, and others, that are read whole for what they share.
const READ: u32 = 400;

/// Steps of the series of a group.
const STEPS: i64 = 20;

/// Groups that are shown as having become slower or faster.
const MOST: usize = 5;

/// What counts as slow.
pub(super) struct Slowness {
    /// What documents are grouped by.
    fields: Vec<Field>,
    /// Groups whose documents are held against their own p95; none where there is one limit for all.
    operations: Vec<Operation>,
    /// The limit for all.
    pub(super) threshold_ms: f64,
    /// The caller's own.
    is_given: bool,
}

/// A group whose p95 moved.
pub(super) struct Moved {
    pub(super) name: String,
    pub(super) change: Change,
}

fn slower(ms: f64, is_included: bool) -> Filter {
    let limit = Some(Scalar::Float(ms));
    let range = if is_included { Range { gte: limit, ..Range::default() } } else { Range { gt: limit, ..Range::default() } };
    Filter::Range(Role::Duration.into(), range)
}

impl Moved {
    /// Which group, and how far it moved.
    pub(super) fn told(&self) -> String {
        format!("{} ({} → {} ms)", self.name, short(self.change.before_ms), short(self.change.after_ms))
    }
}

impl Slowness {
    pub(super) fn of(wanted: &Wanted, groups: &Groups, results: &Results<'_>, overall: &Overall) -> Self {
        Self {
            fields: groups.fields.clone(),
            operations: groups.operations(results),
            threshold_ms: wanted.threshold_ms.unwrap_or(overall.p95_ms),
            is_given: wanted.threshold_ms.is_some(),
        }
    }

    /// Whether documents are held against the others of their own group.
    pub(super) fn is_relative(&self) -> bool {
        !self.is_given && !self.operations.is_empty()
    }

    /// The documents that are compared, and the slow ones among them.
    fn filters(&self) -> (Filter, Filter) {
        if !self.is_relative() {
            return (Filter::All, slower(self.threshold_ms, true));
        }
        let any = self.operations.iter().map(|operation| operation.filter.clone()).collect();
        let slow = self.operations.iter().map(|operation| operation.filter.clone().and(slower(operation.p95_ms, false))).collect();
        (Filter::Or(any), Filter::Or(slow))
    }

    /// The searches: what slow documents share and how each group went; slow documents; others. Of the documents that `look` finds.
    pub(super) fn looks(&self, look: &Look, extent: Window, schema: &Schema) -> Vec<Look> {
        let (any, slow) = self.filters();
        let of = |filter: Filter| Look { filter: look.filter.clone().and(filter), ..look.clone() };
        let mut compared = of(any.clone()).agg("shared", shared::agg(slow.clone(), schema));
        if !self.operations.is_empty() {
            let steps = Agg::TimeHistogram { interval_ms: extent.step_ms(STEPS), window: extent, inner: Vec::new() }
                .with("p95", Agg::Percentiles(Role::Duration.into(), vec![95.0]));
            let filters = self.operations.iter().enumerate().map(|(at, operation)| (at.to_string(), operation.filter.clone())).collect();
            compared = compared.agg("operations", Agg::Filters(filters, vec![("steps".to_owned(), steps)]));
        }
        let whole = |filter: Filter| {
            let fields = [Role::Duration, Role::TraceId].map(Field::Role).into_iter().chain(self.fields.iter().cloned());
            let look = of(filter).page(Order::Newest, 0, READ).total(TrackTotal::UpTo(1)).fetch(fields);
            Look { source: true, ..look }
        };
        vec![compared, whole(slow.clone()), whole(any.and(slow.negated()))]
    }

    /// Counts the values of fields among the slow requests and all of them: requests, not documents, where those have traces.
    pub(super) fn counted(&self, look: &Look, fields: &[Field]) -> Look {
        let (any, slow) = self.filters();
        let look = Look { filter: look.filter.clone().and(any), ..look.clone() };
        look.agg("shared", shared::count_agg(slow, fields))
    }

    /// The ids of slow traces, and of others taken at random, together no more than can be read.
    pub(super) fn traces(&self, found: &[Found<'_>], random: Vec<String>, most: u64) -> (HashSet<String>, Vec<String>) {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let hits = found.get(1).map_or(&[][..], |found| &found.hits);
        let mut ids: Vec<(f64, String)> = hits.iter().filter_map(|hit| Some((self.excess_ms(hit)?, trace(hit)?))).collect();
        ids.sort_by(|(a, of_a), (b, of_b)| b.total_cmp(a).then_with(|| of_a.cmp(of_b)));
        let all_slow: HashSet<&str> = ids.iter().map(|(_, id)| id.as_str()).collect();
        let random = random.into_iter().filter(|id| !id.is_empty() && !all_slow.contains(id.as_str())).collect::<Vec<_>>();
        let mut slow = HashSet::new();
        for (_, id) in &ids {
            if slow.len() < SLOW_TRACES.min(most.div_ceil(4)) {
                slow.insert(id.clone());
            }
        }
        let rest = most.saturating_sub(slow.len());
        (slow, random.into_iter().take(rest).collect())
    }

    /// How much longer a document took than the middle of its group.
    fn excess_ms(&self, hit: &Hit<'_>) -> Option<f64> {
        let own = hit.number(Role::Duration)?;
        if !self.is_relative() {
            return Some(own);
        }
        let keys: Option<Vec<_>> = self.fields.iter().map(|field| hit.values(field).first().map(Value::text)).collect();
        let name = keys?.join(" ");
        self.operations.iter().find(|operation| operation.name == name).map(|operation| own - operation.p50_ms)
    }

    /// The groups whose p95 moved, those that moved most first.
    pub(super) fn moved(&self, found: &[Found<'_>]) -> Vec<Moved> {
        let Some(found) = found.first() else { return Vec::new() };
        // Of so many series one reaches by chance what one in a hundred of each does: the bound rises by 2 ln m (Bonferroni).
        #[expect(clippy::cast_precision_loss, reason = "some tens")]
        let clear = CLEAR + 2.0 * (self.operations.len().max(1) as f64).ln();
        let moved = |(at, operation): (usize, &Operation)| {
            let bucket = found.results.bucket("operations", &at.to_string())?;
            let series: Vec<(Timestamp, f64)> = series(&bucket.results, "steps");
            Some(Moved { name: operation.name.clone(), change: change(&series, clear)? })
        };
        let mut moved: Vec<Moved> = self.operations.iter().enumerate().filter_map(moved).collect();
        moved.sort_by(|a, b| b.change.factor().total_cmp(&a.change.factor()).then_with(|| a.name.cmp(&b.name)));
        moved
    }
}

fn trace(hit: &Hit<'_>) -> Option<String> {
    hit.text(Role::TraceId).filter(|id| !id.is_empty()).map(std::borrow::Cow::into_owned)
}

/// The groups that moved, as a table.
pub(super) fn table(moved: &[Moved]) -> Table {
    let mut table = Table::new(["group", "time", "earliest", "latest", "before_ms", "after_ms"]);
    for Moved { name, change } in moved.iter().take(MOST) {
        let times = [change.time, change.earliest, change.latest].map(Cell::from);
        let levels = [change.before_ms, change.after_ms].map(|ms| Cell::from(rough(ms)));
        table.push([Cell::from(name.as_str())].into_iter().chain(times).chain(levels).collect());
    }
    table.truncated(moved.len().saturating_sub(MOST) as u64, "top")
}
