//! Groups of errors as an answer: the summary, the table, whom others blame, the next call. Knows no look.

use super::{
    blame::Blamed,
    change::{Change, Level, ONE_IN},
    lines::Pattern,
};
use crate::{
    answer::{Answer, Cell, Hint, Section, Table},
    look::Total,
    mining::{mention::Naming, statistics::rate_change},
    params::Window,
    schema::{Role, Schema},
};

/// Named services shown, unless `top` is more than twice as many.
const BLAMED: usize = 5;

/// Everything that is known, most frequent first.
pub(super) struct Report<'r> {
    /// What the groups are of: `pattern`, or a field.
    pub(super) by: &'r str,
    pub(super) window: Window,
    pub(super) before: Option<Window>,
    pub(super) total: Total,
    pub(super) total_before: Total,
    /// What became of all errors; none without a baseline.
    pub(super) level: Option<Level>,
    /// Exact counts of the services, where the groups are others.
    pub(super) services: Vec<(String, u64)>,
    pub(super) groups: Vec<(Cell, Pattern)>,
    /// Traces with an error, where it is known which came first.
    pub(super) traces: usize,
    pub(super) blamed: Vec<Blamed>,
}

impl Report<'_> {
    /// The answer, with at most `top` groups.
    pub(super) fn answer(&self, top: usize, schema: &Schema) -> Answer {
        let answer = Answer::new(self.summary()).window(self.window).matched(self.total).table(self.table(top));
        let answer = answer.section(Section::table("blamed", self.named(BLAMED.max(top / 2)))).hint(self.hint());
        let answer = self.notes().into_iter().fold(answer, Answer::note);
        let shown = schema.shown(&[Role::Level, Role::Message, Role::Service, Role::Status, Role::Outcome]);
        shown.into_iter().fold(answer, |answer, (role, field)| answer.field(role, field))
    }

    /// What is to be known of `change`.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.groups.iter().any(|(_, pattern)| pattern.change.is_some()) {
            notes.push(format!("change: beyond chance; of {ONE_IN} comparisons of alike windows one tells any"));
        }
        let is_rare = |pattern: &Pattern| self.before.is_some() && pattern.before == 0.0 && pattern.change.is_none();
        match self.groups.iter().filter(|(_, pattern)| is_rare(pattern)).count() {
            0 => {}
            1 => notes.push("1 group was not in the baseline, but is too rare to be called new".to_owned()),
            rare => notes.push(format!("{rare} groups were not in the baseline, but are too rare to be called new")),
        }
        notes
    }

    /// Whom others blame.
    fn named(&self, most: usize) -> Table {
        let mut named = Table::new(["service", "count", "rate_per_min", "baseline_rate_per_min", "named_as", "by"]);
        for one in self.blamed.iter().take(most) {
            let word = match one.naming {
                Naming::Host => "host",
                Naming::Name => "name",
                Naming::Word => "word",
            };
            named.push(vec![
                Cell::from(one.service.as_str()),
                count(one.count),
                rate(one.count, self.window),
                self.before.map_or(Cell::Null, |before| rate(one.before, before)),
                Cell::from(word),
                Cell::from(one.by.clone()),
            ]);
        }
        named.truncated(self.blamed.len().saturating_sub(most) as u64, "top")
    }

    /// The group that came first in most traces.
    fn opener(&self) -> Option<&Pattern> {
        let patterns = || self.groups.iter().map(|(_, pattern)| pattern);
        // The more frequent one of equals.
        patterns().rev().filter(|pattern| pattern.first_in > Some(0)).max_by_key(|pattern| pattern.first_in)
    }

    /// The groups that changed so.
    fn changed(&self, change: Change) -> Vec<&Pattern> {
        self.groups.iter().map(|(_, pattern)| pattern).filter(|pattern| pattern.change == Some(change)).collect()
    }

    /// What became of the errors, in words.
    fn level(&self) -> &'static str {
        let is_same = self.groups.iter().all(|(_, pattern)| pattern.change.is_none());
        match self.level {
            None => "",
            Some(Level::More) => ", more than before",
            Some(Level::Fewer) => ", fewer than before",
            Some(Level::AsBefore) if is_same => ": errors are as before",
            Some(Level::AsBefore) => ", as many as before",
            Some(Level::Unclear) => ", no clear change",
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of documents")]
    fn summary(&self) -> String {
        let mut summary = format!("{} errors{}", self.total, self.level());
        if let Some(before) = self.before {
            let [here, there] = [&self.total, &self.total_before].map(|total| total.value as f64);
            let ratio = rate_change(here, self.window.seconds(), there, before.seconds()).ratio;
            let times = ratio.map_or_else(String::new, |ratio| format!(", {} times its rate", short(ratio)));
            summary.push_str(&format!(" ({} in the baseline{times})", self.total_before.value));
        }
        if !self.services.is_empty() {
            let shown: Vec<String> = self.services.iter().take(5).map(|(service, count)| format!("{service} {count}")).collect();
            let rest = if self.services.len() > 5 { format!(" and {} more", self.services.len() - 5) } else { String::new() };
            summary.push_str(&format!(", by service: {}{rest}", shown.join(", ")));
        }
        for change in [Change::New, Change::Rose] {
            let changed = self.changed(change);
            let [first, others @ ..] = changed.as_slice() else { continue };
            let since = first.first_seen.filter(|_| change == Change::New).map_or(String::new(), |time| format!(" since {time}"));
            let text: String = first.text.chars().take(120).collect();
            let more = if others.is_empty() { "" } else { ", …" };
            summary.push_str(&format!("; {} {}: {text}{since}{more}", others.len() + 1, change.word()));
        }
        if let Some(first) = self.opener() {
            let (traces, text) = (first.first_in.unwrap_or_default(), first.text.chars().take(80).collect::<String>());
            let service = first.services.first().map_or_else(String::new, |service| format!("{service}: "));
            summary.push_str(&format!("; first in {traces} of {} traces: {service}{text}", self.traces));
        }
        if let Some(most) = self.blamed.first().filter(|most| most.is_clear()) {
            let before = self.before.map_or_else(String::new, |_| format!(", {} in the baseline", most.before.round()));
            summary.push_str(&format!("; most blamed by others: {} ({}{before})", most.service, most.count.round()));
        }
        summary
    }

    fn table(&self, top: usize) -> Table {
        let compares = self.before.is_some();
        let rest = [
            ("error_type", true),
            ("count", true),
            ("rate_per_min", true),
            ("baseline_rate_per_min", compares),
            ("is_new", compares),
            ("change", compares),
            ("first_in_traces", true),
            ("first_seen", true),
            ("last_seen", true),
            ("service", !self.is_by_service()),
            ("level", true),
            ("trace_id", true),
            ("id", true),
        ];
        let columns = rest.into_iter().filter(|(_, shown)| *shown).map(|(name, _)| name.to_owned());
        let mut table = Table::new(std::iter::once(self.by.to_owned()).chain(columns));
        for (key, pattern) in self.shown(top) {
            table.push(self.row(key.clone(), pattern));
        }
        table.truncated(u64::try_from(self.groups.len().saturating_sub(top)).unwrap_or(u64::MAX), "top")
    }

    /// The groups that are shown, most frequent first: the most frequent half, and those that rose most against the
    /// baseline, so that what is new is not hidden behind what always fails.
    fn shown(&self, top: usize) -> Vec<&(Cell, Pattern)> {
        let Some(before) = self.before.filter(|_| self.groups.len() > top) else { return self.groups.iter().take(top).collect() };
        let (frequent, others) = self.groups.split_at(top.div_ceil(2).min(self.groups.len()));
        let rise = |pattern: &Pattern| rate_change(pattern.count, self.window.seconds(), pattern.before, before.seconds()).z;
        let mut risen: Vec<(usize, f64)> = others.iter().map(|(_, pattern)| rise(pattern)).enumerate().collect();
        risen.sort_by(|(a, of_a), (b, of_b)| of_b.total_cmp(of_a).then(a.cmp(b)));
        risen.truncate(top / 2);
        risen.sort_by_key(|(number, _)| *number);
        frequent.iter().chain(risen.into_iter().filter_map(|(number, _)| others.get(number))).collect()
    }

    fn is_by_service(&self) -> bool {
        self.by == Role::Service.name()
    }

    fn row(&self, key: Cell, pattern: &Pattern) -> Vec<Cell> {
        let mut row = vec![key, Cell::from(pattern.error_type.as_deref()), count(pattern.count), rate(pattern.count, self.window)];
        if let Some(before) = self.before {
            let is_new = pattern.change == Some(Change::New);
            row.extend([rate(pattern.before, before), Cell::from(is_new), Cell::from(pattern.change.map(Change::word))]);
        }
        row.push(Cell::from(pattern.first_in));
        row.extend([Cell::from(pattern.first_seen), Cell::from(pattern.last_seen)]);
        if !self.is_by_service() {
            row.push(match pattern.services.as_slice() {
                [only] => Cell::from(only),
                several => Cell::from(several.to_vec()),
            });
        }
        // One way to an example is enough.
        let id = if pattern.trace_id.is_some() { None } else { Some(pattern.id.as_str()) };
        row.extend([Cell::from(pattern.level.as_deref()), Cell::from(pattern.trace_id.as_deref()), Cell::from(id)]);
        row
    }

    /// The next call: one request that ran into the first new error, or one that rose, or else into the most frequent one.
    fn hint(&self) -> Option<Hint> {
        let first = |change: Change| self.changed(change).first().copied();
        let told = [(Change::New, "a request with a new error"), (Change::Rose, "a request with an error that rose")];
        let changed = told.into_iter().find_map(|(change, why)| Some((first(change)?, why)));
        let (pattern, why) = changed.or(self.groups.first().map(|(_, pattern)| (pattern, "a request with the most frequent error")))?;
        Some(match &pattern.trace_id {
            Some(trace_id) => Hint::new("search_by_trace_id", why).with("trace_id", trace_id.as_str()),
            None => Hint::new("get_logs_in_window", "what surrounds it").with("around", pattern.id.as_str()),
        })
    }
}

/// Two significant digits of a ratio.
fn short(ratio: f64) -> String {
    if ratio >= 10.0 { format!("{ratio:.0}") } else { format!("{}", (ratio * 10.0).round() / 10.0) }
}

#[expect(clippy::cast_possible_truncation, reason = "a count of documents")]
fn count(count: f64) -> Cell {
    Cell::Int(count.round() as i64)
}

fn rate(count: f64, window: Window) -> Cell {
    let rate = count * 60.0 / window.seconds().max(f64::MIN_POSITIVE);
    Cell::from((rate * 1e3).round() / 1e3)
}
