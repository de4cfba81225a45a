//! The answer, but for the sample of traces. Knows no engine.

use std::collections::HashSet;

use jiff::Timestamp;

use super::{
    Overall, Wanted,
    groups::{Groups, Rows, rough},
    population::Population,
    shared::Shared,
    slowness::{self, Moved, Slowness},
};
use crate::{
    answer::{Answer, Cell, Hint, Section, Table},
    look::{Bucket, Field, Found, Hit, Key, Results, Total},
    mining::{onset, statistics::mann_whitney_z},
    schema::Role,
    spans::short,
    tool::Context,
};

/// What is fetched of the slowest documents.
pub(super) const SLOWEST: [Role; 6] = [Role::Service, Role::Path, Role::SpanName, Role::Status, Role::Duration, Role::TraceId];

/// Steps of the trend on each side of a change.
const SIDE: usize = 3;

/// |z| of the Mann–Whitney statistic from which on a change is told, besides the likelihood: six steps that are all above six others
/// have 2.9, and one split in 80 without a change reaches 2.5.
const CLEAR: f64 = 2.5;

/// The least factor between the medians before and after a change that is told.
const NOTABLE: f64 = 1.25;

/// What is told of a population but for its slow documents.
pub(super) struct Report {
    words: &'static str,
    overall: Overall,
    total: Total,
    /// The names of what documents are grouped by.
    groups: Vec<String>,
    rows: Rows,
    trend: Table,
    change: Option<Change>,
    slowest: Table,
    slowest_id: Option<String>,
}

/// When the 95th percentile moved: between `earliest` and `latest`, with 95 %.
pub(super) struct Change {
    pub(super) time: Timestamp,
    pub(super) earliest: Timestamp,
    pub(super) latest: Timestamp,
    pub(super) before_ms: f64,
    pub(super) after_ms: f64,
    z: f64,
}

impl Change {
    /// How far it moved, up or down.
    pub(super) fn factor(&self) -> f64 {
        (self.after_ms.max(f64::MIN_POSITIVE) / self.before_ms.max(f64::MIN_POSITIVE)).ln().abs()
    }

    /// In words.
    pub(super) fn told(&self, what: &str) -> String {
        let moved = if self.after_ms > self.before_ms { "rose" } else { "fell" };
        let (before, after) = (short(self.before_ms), short(self.after_ms));
        let (earliest, latest) = (self.earliest.strftime("%H:%M:%S"), self.latest.strftime("%H:%M:%SZ"));
        format!("{what} {moved} from {before} to {after} ms at {} ({earliest}–{latest})", self.time)
    }

    pub(super) fn section(&self) -> Section {
        Section::object(
            "change_point",
            [
                ("time", Cell::from(self.time)),
                ("earliest", Cell::from(self.earliest)),
                ("latest", Cell::from(self.latest)),
                ("before_ms", Cell::from(rough(self.before_ms))),
                ("after_ms", Cell::from(rough(self.after_ms))),
                ("z", Cell::from((self.z * 100.0).round() / 100.0)),
            ],
        )
    }
}

impl Report {
    pub(super) fn read(wanted: &Wanted, population: &Population, overall: &Overall, groups: &Groups, found: &Found<'_>) -> Self {
        let (trend, change) = trend(found);
        Self {
            words: population.words,
            overall: overall.clone(),
            total: found.total,
            groups: groups.fields.iter().map(|field| field.name().to_owned()).collect(),
            rows: groups.rows(&found.results, overall.count, &wanted.percents),
            trend,
            change,
            slowest: slowest(found, wanted.top as usize),
            slowest_id: found.hits.first().and_then(|hit| hit.text(Role::TraceId)).map(std::borrow::Cow::into_owned),
        }
    }

    /// The answer, with what the slow documents told.
    pub(super) fn answer(self, wanted: &Wanted, slowness: &Slowness, moved: &[Moved], shared: Shared, context: &Context) -> Answer {
        let mut answer = Answer::new(self.summary(wanted, moved))
            .window(wanted.window)
            .matched(self.total)
            .section(self.overall_section(wanted, slowness, shared.slow))
            .section(Section::table("trend", self.trend))
            .section(Section::table("change_points", slowness::table(moved)))
            .section(Section::table("slowest", self.slowest));
        let like = if slowness.is_relative() { self.groups.join(" and ") } else { String::new() };
        let (told, shared) = shared.table(&like);
        answer = answer.note(told).section(Section::table("shared", shared));
        if !self.groups.is_empty() {
            answer = answer.table(self.rows.table);
        }
        if self.rows.other > 0 {
            answer = answer.note(format!("{} documents are in smaller groups or have no {}", self.rows.other, self.groups.join(" or ")));
        }
        if let Some(change) = &self.change {
            answer = answer.section(change.section());
        }
        if let Some(change) = self.change.as_ref().or(moved.first().map(|moved| &moved.change)) {
            let hint = Hint::new("compare_windows", "what else changed then");
            answer = answer.hint(hint.with("start", change.time.to_string()).with("end", wanted.window.end().to_string()));
        }
        if let Some(id) = self.slowest_id {
            answer = answer.hint(Hint::new("search_by_trace_id", "the slowest trace").with("trace_id", id));
        }
        for (role, field) in context.schema.shown(&[Role::Duration]) {
            answer = answer.field(role, field);
        }
        answer
    }

    fn summary(&self, wanted: &Wanted, moved: &[Moved]) -> String {
        let overall = &self.overall;
        let percentiles = overall.percentiles.iter().filter(|(percent, _)| wanted.percents.contains(percent));
        let figures: Vec<String> = percentiles.map(|(percent, ms)| format!("p{percent} {} ms", short(*ms))).collect();
        let max = overall.max_ms.map_or_else(String::new, |ms| format!(", max {} ms", short(ms)));
        let mut summary = format!("{}{max} over {} {}", figures.join(", "), overall.count, self.words);
        match (&self.change, moved) {
            (Some(change), []) => summary += &format!("; {}", change.told("p95")),
            (Some(change), [most, ..]) => summary += &format!("; {}, most in {}", change.told("p95"), most.told()),
            (None, [most, ..]) => summary += &format!("; {}", most.change.told(&format!("p95 of {}", most.name))),
            (None, []) => summary += "; no change over time",
        }
        if let Some(slowest) = &self.rows.slowest {
            summary += &format!("; slowest: {slowest}");
        }
        summary
    }

    fn overall_section(&self, wanted: &Wanted, slowness: &Slowness, slow: u64) -> Section {
        let overall = &self.overall;
        let mut pairs: Vec<(String, Cell)> = vec![("count".to_owned(), Cell::from(overall.count))];
        let percentiles = overall.percentiles.iter().filter(|(percent, _)| wanted.percents.contains(percent));
        pairs.extend(percentiles.map(|(percent, ms)| (format!("p{percent}_ms"), Cell::from(rough(*ms)))));
        pairs.push(("max_ms".to_owned(), Cell::from(overall.max_ms)));
        if !slowness.is_relative() {
            pairs.push(("threshold_ms".to_owned(), Cell::from(rough(slowness.threshold_ms))));
        }
        pairs.push(("slow".to_owned(), Cell::from(slow)));
        pairs.push(("of".to_owned(), Cell::from(self.words)));
        Section::object("overall", pairs)
    }
}

fn trend(found: &Found<'_>) -> (Table, Option<Change>) {
    let mut table = Table::new(["time", "count", "p95_ms"]);
    for bucket in found.results.buckets("trend") {
        let Key::Time(time) = bucket.key else { continue };
        let p95 = bucket.results.percentile("p95", 95.0).filter(|_| bucket.count > 0);
        table.push(vec![Cell::from(time), Cell::from(bucket.count), Cell::from(p95.map(rough))]);
    }
    (if table.len() > 1 { table } else { Table::default() }, change(&series(&found.results, "trend"), onset::CLEAR))
}

/// The 95th percentile step by step, of steps that have documents.
pub(super) fn series(results: &Results<'_>, name: &str) -> Vec<(Timestamp, f64)> {
    let step = |bucket: &Bucket<'_>| match bucket.key {
        Key::Time(time) if bucket.count > 0 => Some((time, bucket.results.percentile("p95", 95.0)?)),
        _ => None,
    };
    results.buckets(name).iter().filter_map(step).collect()
}

fn slowest(found: &Found<'_>, top: usize) -> Table {
    let has = |role: Role| found.hits.iter().any(|hit| hit.text(role).is_some());
    let operation = if has(Role::Path) { Role::Path } else { Role::SpanName };
    let columns: Vec<Role> =
        [Role::Service, operation, Role::Status, Role::Duration, Role::TraceId].into_iter().filter(|role| has(*role)).collect();
    let mut table = Table::new(["time"].into_iter().chain(columns.iter().map(|role| role.name())));
    // Of the spans of one trace the slowest is enough.
    let mut seen = HashSet::new();
    let first_of_trace = |hit: &&Hit<'_>| hit.text(Role::TraceId).is_none_or(|id| seen.insert(id.into_owned()));
    for hit in found.hits.iter().filter(first_of_trace).take(top) {
        let cells = columns.iter().map(|role| value(hit, *role));
        table.push([Cell::from(hit.time)].into_iter().chain(cells).collect());
    }
    table
}

/// Where a series moved for good, if it clearly did: by the likelihood ratio of a shift of its logarithms, and by ranks, which
/// a few wild steps cannot move.
///
/// `clear` is the least likelihood ratio.
pub(super) fn change(series: &[(Timestamp, f64)], clear: f64) -> Option<Change> {
    let values: Vec<f64> = series.iter().map(|(_, p95)| *p95).collect();
    let found = onset::level_shift(&values, SIDE).filter(|found| found.g2 >= clear)?;
    let (before, after) = values.split_at_checked(found.at)?;
    let z = mann_whitney_z(after, before);
    let (less, more) = (found.before.min(found.after), found.before.max(found.after));
    if z.abs() < CLEAR || more < less * NOTABLE {
        return None;
    }
    let time = |step: usize| series.get(step).map(|(time, _)| *time);
    let (at, latest) = (time(found.at)?, time(found.latest)?);
    // The change lies within the first step that shows it.
    let latest = time(found.latest + 1).unwrap_or(latest);
    Some(Change { time: at, earliest: time(found.earliest)?, latest, before_ms: found.before, after_ms: found.after, z })
}

fn value(hit: &Hit<'_>, role: Role) -> Cell {
    hit.values(&Field::Role(role)).first().map_or(Cell::Null, Cell::from)
}
