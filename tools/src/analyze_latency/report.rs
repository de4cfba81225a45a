//! The answer, but for the sample of traces. Knows no engine.

use std::collections::HashSet;

use jiff::Timestamp;

use super::{
    Overall, Wanted,
    groups::{Groups, rough},
    population::Population,
    shared,
};
use crate::{
    answer::{Answer, Cell, Hint, Section, Table},
    look::{Field, Found, Hit, Key},
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

pub(super) struct Report<'r> {
    pub(super) wanted: &'r Wanted,
    pub(super) population: &'r Population,
    pub(super) overall: &'r Overall,
    pub(super) threshold_ms: f64,
    pub(super) groups: &'r Groups,
}

/// When the 95th percentile moved: between `earliest` and `latest`, with 95 %.
pub(super) struct Change {
    time: Timestamp,
    earliest: Timestamp,
    latest: Timestamp,
    before_ms: f64,
    after_ms: f64,
    z: f64,
}

impl Change {
    /// In words, after others.
    pub(super) fn told(&self) -> String {
        let moved = if self.after_ms > self.before_ms { "rose" } else { "fell" };
        let (before, after) = (short(self.before_ms), short(self.after_ms));
        let (earliest, latest) = (self.earliest.strftime("%H:%M:%S"), self.latest.strftime("%H:%M:%SZ"));
        format!("; p95 {moved} from {before} to {after} ms at {} ({earliest}–{latest})", self.time)
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

impl Report<'_> {
    pub(super) fn answer(&self, found: &Found<'_>, context: &Context) -> Answer {
        let Self { wanted, population, overall, groups, .. } = self;
        let rows = groups.rows(&found.results, overall.count, &wanted.percents);
        let (trend, change) = self.trend(found);
        let mut answer = Answer::new(self.summary(rows.slowest.as_deref(), change.as_ref()))
            .window(wanted.window)
            .matched(found.total)
            .section(self.overall_section(found))
            .section(Section::table("trend", trend))
            .section(Section::table("slowest", self.slowest(found)))
            .section(Section::table("shared", shared::table(&found.results, "shared", &population.schema)));
        if !groups.fields.is_empty() {
            answer = answer.table(rows.table);
        }
        if rows.other > 0 {
            let names = groups.fields.iter().map(Field::name).collect::<Vec<_>>().join(" or ");
            answer = answer.note(format!("{} documents are in smaller groups or have no {names}", rows.other));
        }
        if let Some(change) = &change {
            answer = answer.section(change.section());
            let hint = Hint::new("compare_windows", "what else changed then");
            answer = answer.hint(hint.with("start", change.time.to_string()).with("end", wanted.window.end().to_string()));
        }
        if let Some(id) = found.hits.first().and_then(|hit| hit.text(Role::TraceId)) {
            answer = answer.hint(Hint::new("search_by_trace_id", "the slowest trace").with("trace_id", id.into_owned()));
        }
        for (role, field) in context.schema.shown(&[Role::Duration]) {
            answer = answer.field(role, field);
        }
        answer
    }

    fn summary(&self, slowest: Option<&str>, change: Option<&Change>) -> String {
        let overall = self.overall;
        let percentiles = overall.percentiles.iter().filter(|(percent, _)| self.wanted.percents.contains(percent));
        let figures: Vec<String> = percentiles.map(|(percent, ms)| format!("p{percent} {} ms", short(*ms))).collect();
        let max = overall.max_ms.map_or_else(String::new, |ms| format!(", max {} ms", short(ms)));
        let mut summary = format!("{}{max} over {} {}", figures.join(", "), overall.count, self.population.words);
        if let Some(change) = change {
            summary += &change.told();
        }
        if let Some(slowest) = slowest {
            summary += &format!("; slowest: {slowest}");
        }
        summary
    }

    fn overall_section(&self, found: &Found<'_>) -> Section {
        let overall = self.overall;
        let slow = found.results.bucket("shared", "slow").map_or(0, |bucket| bucket.count);
        let mut pairs: Vec<(String, Cell)> = vec![("count".to_owned(), Cell::from(overall.count))];
        let percentiles = overall.percentiles.iter().filter(|(percent, _)| self.wanted.percents.contains(percent));
        pairs.extend(percentiles.map(|(percent, ms)| (format!("p{percent}_ms"), Cell::from(rough(*ms)))));
        pairs.push(("max_ms".to_owned(), Cell::from(overall.max_ms)));
        pairs.push(("threshold_ms".to_owned(), Cell::from(rough(self.threshold_ms))));
        pairs.push(("slow".to_owned(), Cell::from(slow)));
        pairs.push(("of".to_owned(), Cell::from(self.population.words)));
        Section::object("overall", pairs)
    }

    fn trend(&self, found: &Found<'_>) -> (Table, Option<Change>) {
        let mut table = Table::new(["time", "count", "p95_ms"]);
        let mut series: Vec<(Timestamp, f64)> = Vec::new();
        for bucket in found.results.buckets("trend") {
            let Key::Time(time) = bucket.key else { continue };
            let p95 = bucket.results.percentile("p95", 95.0).filter(|_| bucket.count > 0);
            table.push(vec![Cell::from(time), Cell::from(bucket.count), Cell::from(p95.map(rough))]);
            series.extend(p95.map(|p95| (time, p95)));
        }
        (if table.len() > 1 { table } else { Table::default() }, change(&series))
    }

    fn slowest(&self, found: &Found<'_>) -> Table {
        let has = |role: Role| found.hits.iter().any(|hit| hit.text(role).is_some());
        let operation = if has(Role::Path) { Role::Path } else { Role::SpanName };
        let columns: Vec<Role> =
            [Role::Service, operation, Role::Status, Role::Duration, Role::TraceId].into_iter().filter(|role| has(*role)).collect();
        let mut table = Table::new(["time"].into_iter().chain(columns.iter().map(|role| role.name())));
        // Of the spans of one trace the slowest is enough.
        let mut seen = HashSet::new();
        let first_of_trace = |hit: &&Hit<'_>| hit.text(Role::TraceId).is_none_or(|id| seen.insert(id.into_owned()));
        for hit in found.hits.iter().filter(first_of_trace).take(self.wanted.top as usize) {
            let cells = columns.iter().map(|role| value(hit, *role));
            table.push([Cell::from(hit.time)].into_iter().chain(cells).collect());
        }
        table
    }
}

/// Where a series moved for good, if it clearly did: by the likelihood ratio of a shift of its logarithms, and by ranks, which
/// a few wild steps cannot move.
pub(super) fn change(series: &[(Timestamp, f64)]) -> Option<Change> {
    let values: Vec<f64> = series.iter().map(|(_, p95)| *p95).collect();
    let found = onset::level_shift(&values, SIDE).filter(|found| found.g2 >= onset::CLEAR)?;
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
