//! Patterns as the rows of an answer, and what a reader must know of how they were counted. Knows no search.

use super::{
    GetLogPatterns,
    keys::Counted,
    sample::Draw,
    tally::{Drawn, Line, Pattern, Stratum, tally, whole},
};
use crate::{
    answer::{Answer, Cell, Hint, Table},
    line_key::KeyKind,
    look::{Found, Results, Total},
    params::{Level, Window},
    schema::{Role, Schema},
    tool::Tool,
};

/// Characters of a pattern that are shown.
const SHOWN: usize = 200;

/// What was counted, and how.
pub(super) struct Report<'r> {
    pub(super) window: Window,
    pub(super) total: Total,
    /// Most frequent first.
    pub(super) patterns: Vec<Pattern>,
    /// Lines of each further pattern, of which nothing else is known.
    pub(super) unshown: Vec<u64>,
    /// Lines that the engine counted by their keys.
    pub(super) counted: u64,
    pub(super) kinds: &'r [KeyKind],
    /// Lines whose key is not indexed.
    pub(super) unread: u64,
    pub(super) is_sample: bool,
    pub(super) draw: &'r Draw,
    pub(super) strata: &'r [Stratum<'r>],
    pub(super) top: usize,
    pub(super) least: u32,
}

/// The patterns of the keys that the engine counted, as some of their lines tell them.
pub(super) fn keyed(keys: &[Counted], found: &Found<'_>) -> Vec<Pattern> {
    let none = Results::default();
    let pattern = |(at, key): (usize, &Counted)| {
        let results = found.results.bucket("keys", &at.to_string()).map_or(&none, |bucket| &bucket.results);
        let lines = results.hits("newest").iter().map(Line::read).collect();
        let told = tally(&[Stratum { total: key.count, drawn: Drawn::Lines, lines }]).into_iter().next();
        let names = |name: &str, told: Vec<(String, u64)>| {
            let counted: Vec<(String, u64)> =
                results.buckets(name).iter().map(|bucket| (bucket.key.text().into_owned(), bucket.count)).collect();
            if counted.is_empty() { told } else { counted }
        };
        let (text, levels, services, example, has_trace) =
            told.map_or_else(Default::default, |told| (told.text, told.levels, told.services, told.example, told.has_trace));
        #[expect(clippy::cast_precision_loss, reason = "counts of documents")]
        let count = key.count as f64;
        Pattern {
            text,
            key: Some((key.kind, key.key.clone())),
            count,
            margin: 0.0,
            levels: names("level", levels),
            services: names("service", services),
            example,
            has_trace,
        }
    };
    keys.iter().enumerate().map(pattern).collect()
}

impl Report<'_> {
    pub(super) fn answer(self, schema: &Schema) -> Answer {
        let all = self.patterns.len() + self.unshown.len();
        let least = f64::from(self.least);
        let rare = self.unshown.iter().filter(|count| **count < u64::from(self.least)).count();
        let kept: Vec<&Pattern> = self.patterns.iter().filter(|pattern| pattern.count.round() >= least).collect();
        let kept_all = kept.len() + self.unshown.len() - rare;
        let whole = whole(self.total.value).max(1.0);
        let has_key = kept.iter().take(self.top).any(|pattern| key(pattern).is_some());
        let columns = GetLogPatterns::OUTPUT.columns.iter();
        let mut table = Table::new(columns.filter(|name| (**name != "margin" || self.is_sample) && (**name != "key" || has_key)));
        for pattern in kept.iter().take(self.top) {
            table.push(self.row(pattern, whole, has_key));
        }
        let shown: f64 = kept.iter().take(self.top).map(|pattern| pattern.count).sum();
        let left = kept_all.saturating_sub(self.top);
        let about = if self.is_sample { "about " } else { "" };
        let mut summary = format!("{about}{all} patterns in {} log lines", self.total);
        if left > 0 {
            summary.push_str(&format!("; the first {} are {:.0} % of the lines", table.len(), 100.0 * shown / whole));
        }
        if kept_all < all {
            summary.push_str(&format!("; {} rarer than {least} left out", all - kept_all));
        }
        let mut answer = Answer::new(summary).window(self.window).matched(self.total).hint(hint(&kept, self.top));
        answer = self.notes(schema).into_iter().fold(answer, Answer::note);
        let mut roles = vec![Role::Message, Role::Service];
        let used = |kind: KeyKind| self.patterns.iter().any(|pattern| pattern.key.as_ref().is_some_and(|(known, _)| *known == kind));
        roles.extend(KeyKind::ALL.into_iter().filter(|kind| used(*kind)).flat_map(KeyKind::roles).copied());
        roles.dedup();
        for (role, field) in schema.shown(&roles) {
            answer = answer.field(role, field);
        }
        answer.table(table.truncated(left as u64, "top"))
    }

    fn row(&self, pattern: &Pattern, whole: f64, has_key: bool) -> Vec<Cell> {
        let names = |names: &[(String, u64)]| Cell::List(names.iter().map(|(name, _)| Cell::from(name)).collect());
        let mut row = vec![Cell::from(pattern.count.round())];
        if self.is_sample {
            row.push(Cell::from(pattern.margin.ceil()));
        }
        row.push(Cell::from((pattern.count / whole * 1e4).round() / 1e4));
        row.extend([names(&pattern.levels), names(&pattern.services)]);
        if has_key {
            row.push(Cell::from(key(pattern)));
        }
        row.extend([Cell::from(shortened(&pattern.text)), Cell::from(pattern.example.as_deref())]);
        row
    }

    /// How the lines were counted, and by how much a count may be off.
    fn notes(&self, schema: &Schema) -> Vec<String> {
        let mut notes = Vec::new();
        if self.counted > 0 {
            let roles: Vec<Role> = self.kinds.iter().flat_map(|kind| kind.roles()).copied().collect();
            let fields: Vec<String> = schema.shown(&roles).into_values().collect();
            notes.push(format!("{} lines are counted exactly, by {}", self.counted, fields.join(", ")));
        }
        if self.unread > 0 {
            notes.push(format!("{} lines are not shown: their key is too long to be indexed", self.unread));
        }
        if self.is_sample {
            notes.push(self.sampling());
        }
        if self.draw.too_large > 0 {
            notes.push(format!("{} very large traces are not in the sample: counts of their lines are too low", self.draw.too_large));
        }
        notes
    }

    fn sampling(&self) -> String {
        let read = |drawn: Drawn| -> usize {
            self.strata.iter().filter(|stratum| stratum.drawn == drawn).map(|stratum| stratum.lines.len()).sum()
        };
        let total: u64 = self.strata.iter().map(|stratum| stratum.total).sum();
        let (of_traces, of_lines) = (read(Drawn::Traces), read(Drawn::Lines));
        let sampled = of_traces + of_lines;
        let how = match (of_traces, of_lines) {
            (0, _) => "the newest of each tenth of the window".to_owned(),
            (_, 0) => format!("those of {} whole traces", self.draw.traces),
            _ => format!("those of {} whole traces, and of lines without a trace the newest of each tenth of the window", self.draw.traces),
        };
        // The rule of three: with 95 % confidence, what n draws did not show has a share below 3 / n. A trace is one draw.
        let draws = if of_traces > 0 { self.draw.traces + of_lines } else { of_lines };
        let missing = (3.0 * whole(total) / whole(draws as u64).max(1.0)).ceil();
        format!(
            "counts are estimated from a sample: {sampled} of {total} lines, {how}; ± `margin` is the 95 % interval of a count; a pattern of \
             fewer than {missing} lines may be missing"
        )
    }
}

fn key(pattern: &Pattern) -> Option<&str> {
    pattern.key.as_ref().and_then(|(kind, key)| kind.shown(key))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
        None => text.to_owned(),
    }
}

/// The next call: one request that ran into the most frequent error shown.
fn hint(patterns: &[&Pattern], top: usize) -> Option<Hint> {
    let is_error =
        |pattern: &&&Pattern| pattern.levels.first().and_then(|(word, _)| Level::parse(word)).is_some_and(|level| level >= Level::Error);
    let pattern = patterns.iter().take(top).find(is_error)?;
    let example = pattern.example.clone()?;
    Some(if pattern.has_trace {
        Hint::new("search_by_trace_id", "a request with the most frequent error").with("trace_id", example)
    } else {
        Hint::new("get_logs_in_window", "what surrounds the most frequent error").with("around", example)
    })
}
