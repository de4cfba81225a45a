//! Groups of errors as an answer: the summary, the table, whom others blame, the next call. Knows no look.

use super::lines::{Blamed, Pattern};
use crate::{
    answer::{Answer, Cell, Hint, Section, Table},
    look::Total,
    params::Window,
    schema::{Role, Schema},
};

/// Named services shown.
const BLAMED: usize = 10;

/// Everything that is known, most frequent first.
pub(super) struct Report<'r> {
    /// What the groups are of: `pattern`, or a field.
    pub(super) by: &'r str,
    pub(super) window: Window,
    pub(super) before: Option<Window>,
    pub(super) total: Total,
    pub(super) total_before: Total,
    /// Exact counts of the services, where the groups are others.
    pub(super) services: Vec<(String, u64)>,
    pub(super) groups: Vec<(Cell, Pattern)>,
    pub(super) blamed: Vec<Blamed>,
}

impl Report<'_> {
    /// The answer, with at most `top` groups.
    pub(super) fn answer(&self, top: usize, schema: &Schema) -> Answer {
        let mut named = Table::new(["service", "count", "by"]);
        for one in self.blamed.iter().take(BLAMED) {
            named.push(vec![Cell::from(one.service.as_str()), count(one.count), Cell::from(one.by.clone())]);
        }
        let answer = Answer::new(self.summary()).window(self.window).matched(self.total).table(self.table(top));
        let answer = answer.section(Section::table("blamed", named)).hint(self.hint());
        let shown = schema.shown(&[Role::Level, Role::Message, Role::Service, Role::Status, Role::Outcome]);
        shown.into_iter().fold(answer, |answer, (role, field)| answer.field(role, field))
    }

    /// The groups that the baseline does not have.
    fn newcomers(&self) -> Vec<&Pattern> {
        let is_new = |group: &&(Cell, Pattern)| self.before.is_some() && group.1.before == 0.0;
        self.groups.iter().filter(is_new).map(|(_, pattern)| pattern).collect()
    }

    fn summary(&self) -> String {
        let more = if self.total.at_least { "at least " } else { "" };
        let mut summary = format!("{more}{} errors", self.total.value);
        if self.before.is_some() {
            summary.push_str(&format!(" ({} in the baseline)", self.total_before.value));
        }
        if !self.services.is_empty() {
            let shown: Vec<String> = self.services.iter().take(5).map(|(service, count)| format!("{service} {count}")).collect();
            let rest = if self.services.len() > 5 { format!(" and {} more", self.services.len() - 5) } else { String::new() };
            summary.push_str(&format!(", by service: {}{rest}", shown.join(", ")));
        }
        if let [new, others @ ..] = self.newcomers().as_slice() {
            let since = new.first_seen.map_or(String::new(), |time| format!(" since {time}"));
            let text: String = new.text.chars().take(120).collect();
            let more = if others.is_empty() { "" } else { ", …" };
            summary.push_str(&format!("; {} new: {text}{since}{more}", others.len() + 1));
        }
        if let Some(most) = self.blamed.first() {
            summary.push_str(&format!("; most blamed by others: {}", most.service));
        }
        summary
    }

    fn table(&self, top: usize) -> Table {
        let compares = self.before.is_some();
        let rest = [
            ("count", true),
            ("rate_per_min", true),
            ("baseline_rate_per_min", compares),
            ("is_new", compares),
            ("first_seen", true),
            ("last_seen", true),
            ("service", !self.is_by_service()),
            ("level", true),
            ("trace_id", true),
            ("id", true),
        ];
        let columns = rest.into_iter().filter(|(_, shown)| *shown).map(|(name, _)| name.to_owned());
        let mut table = Table::new(std::iter::once(self.by.to_owned()).chain(columns));
        for (key, pattern) in self.groups.iter().take(top) {
            table.push(self.row(key.clone(), pattern));
        }
        table.truncated(u64::try_from(self.groups.len().saturating_sub(top)).unwrap_or(u64::MAX), "top")
    }

    fn is_by_service(&self) -> bool {
        self.by == Role::Service.name()
    }

    fn row(&self, key: Cell, pattern: &Pattern) -> Vec<Cell> {
        let mut row = vec![key, count(pattern.count), rate(pattern.count, self.window)];
        if let Some(before) = self.before {
            row.extend([rate(pattern.before, before), Cell::from(pattern.before == 0.0)]);
        }
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

    /// The next call: one request that ran into the first new error, or else into the most frequent one.
    fn hint(&self) -> Option<Hint> {
        let new = self.newcomers().first().copied();
        let pattern = new.or(self.groups.first().map(|(_, pattern)| pattern))?;
        let why = if new.is_some() { "a request with a new error" } else { "a request with the most frequent error" };
        Some(match &pattern.trace_id {
            Some(trace_id) => Hint::new("search_by_trace_id", why).with("trace_id", trace_id.as_str()),
            None => Hint::new("get_logs_in_window", "what surrounds it").with("around", pattern.id.as_str()),
        })
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a count of documents")]
fn count(count: f64) -> Cell {
    Cell::Int(count.round() as i64)
}

fn rate(count: f64, window: Window) -> Cell {
    let rate = count * 60.0 / window.seconds().max(f64::MIN_POSITIVE);
    Cell::from((rate * 1e3).round() / 1e3)
}
