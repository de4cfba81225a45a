//! Which lines to read where not all can be: whole traces chosen by hash, and of lines without one the newest of each part of the window.
//! Knows counts; sends nothing.

use super::{keys::is_groupable, lines, tally::Drawn};
use crate::{
    bytes::{FNV_SEED, fnv1a},
    dsl::{Include, TermsOrder, TrackTotal},
    look::{Agg, Bucket, Filter, Found, Hit, Key, Look},
    params::Window,
    schema::{Role, Schema},
};

/// Equal parts of the window that lines are taken from, so that they are not of the last minutes alone.
const SLICES: f64 = 10.0;

/// Below this share of lines with a trace id, traces say little of the rest.
const LEAST_TRACED: f64 = 0.1;

/// Traces that are read at most: five searches by a list of ids.
const MOST_TRACES: u32 = 5_000;

/// With fewer traces than this the error of a count is not known well enough: lines are drawn instead.
const LEAST_TRACES: usize = 30;

/// Ids of one condition at most, under the 1,024 clauses that every engine takes.
const MOST_IDS: usize = 1_000;

/// A trace with more than this part of all lines that can be read is left out: the sample would be of it alone.
const LARGEST_TRACE: u64 = 4;

/// What the first look told of the lines without a key that can be counted.
pub(super) struct Survey {
    /// Lines.
    pub(super) lines: u64,
    /// Parts of the window, with their lines and those of them that have a trace id.
    steps: Vec<(Window, u64, u64)>,
    /// Lines that can be read.
    most: u32,
    /// Traces a line, at most.
    traces_per_line: f64,
    has_trace: bool,
}

/// Some searches for the lines of one stratum or more.
#[derive(Default)]
pub(super) struct Draw {
    pub(super) looks: Vec<Look>,
    /// For each stratum: how it was drawn, all its lines where that is known already, and how many of the looks are its.
    pub(super) strata: Vec<(Drawn, Option<u64>, usize)>,
    /// Traces that were too large to be read.
    pub(super) too_large: u64,
    /// Traces that are read.
    pub(super) traces: usize,
}

/// Counts lines by time, and those of them that have a trace id.
pub(super) fn steps(filter: Filter, window: Window) -> Agg {
    let traced = ("traced".to_owned(), Agg::Filter(Filter::Exists(Role::TraceId.into()), Vec::new()));
    let steps = Agg::TimeHistogram { interval_ms: step_ms(window), window, inner: vec![traced] };
    Agg::Filter(filter, vec![("steps".to_owned(), steps)])
}

/// The length of a part of a window.
#[expect(clippy::cast_possible_truncation, reason = "a window is at most days long")]
fn step_ms(window: Window) -> i64 {
    ((window.seconds() * 1_000.0 / SLICES).ceil() as i64).max(1)
}

impl Survey {
    pub(super) fn read(window: Window, found: &Found<'_>, most: u32, schema: &Schema) -> Self {
        let buckets = found.results.inside("rest").map_or(&[][..], |rest| rest.buckets("steps"));
        let start = |bucket: &Bucket<'_>| match bucket.key {
            Key::Time(time) => Some(time.max(window.start())),
            Key::Text(_) | Key::Number(_) | Key::Int(_) | Key::Parts(_) => None,
        };
        let step = |(at, bucket): (usize, &Bucket<'_>)| {
            let end = buckets.get(at + 1).and_then(start).unwrap_or(window.end());
            Some((Window::new(start(bucket)?, end)?, bucket.count, bucket.results.count("traced")))
        };
        let steps = buckets.iter().enumerate().filter(|(_, bucket)| bucket.count > 0).filter_map(step).collect();
        Self {
            lines: found.results.count("rest"),
            steps,
            most,
            traces_per_line: traces_per_line(&found.hits),
            has_trace: is_groupable(schema, Role::TraceId),
        }
    }

    fn traced(&self) -> u64 {
        self.steps.iter().map(|(.., traced)| traced).sum()
    }

    /// Lines that may be read of those with a trace id.
    fn wanted_traced(&self) -> u64 {
        u64::from(self.most) * self.traced() / self.lines.max(1)
    }

    /// A look that names the traces of one hash partition; none where lines are drawn one by one, or all can be read.
    pub(super) fn choose(&self, filter: &Filter, window: Window) -> Option<Look> {
        let traced = self.traced();
        #[expect(clippy::cast_precision_loss, reason = "counts of documents")]
        let (lines, with_id) = (self.lines as f64, traced as f64);
        if !self.has_trace || self.lines <= u64::from(self.most) || with_id < LEAST_TRACED * lines {
            return None;
        }
        let by_lines = traced.div_ceil(self.wanted_traced().max(1));
        // The partitions of a hash differ by chance: a third more must fit.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most the number of lines")]
        let by_traces = (with_id * self.traces_per_line * 1.3 / f64::from(MOST_TRACES)).ceil() as u64;
        let agg = Agg::Terms {
            field: Role::TraceId.into(),
            size: MOST_TRACES,
            order: TermsOrder::Key,
            include: Some(Include::Partition { partition: 0, of: u32::try_from(by_lines.max(by_traces)).unwrap_or(u32::MAX).max(1) }),
            inner: Vec::new(),
        };
        Some(Look::new(filter.clone().and(Filter::Exists(Role::TraceId.into())), Some(window)).total(TrackTotal::Exact).agg("traces", agg))
    }

    /// The searches for the lines, by traces where some were named.
    pub(super) fn draw(&self, filter: &Filter, window: Window, named: Option<&Found<'_>>) -> Draw {
        let mut draw = Draw::default();
        if self.lines == 0 {
            return draw;
        }
        if self.lines <= u64::from(self.most) {
            draw.push(Drawn::Lines, None, vec![lines(filter.clone(), window, self.most)]);
            return draw;
        }
        if let Some(named) = named {
            self.draw_traces(filter, window, named, &mut draw);
        }
        let by_traces = draw.traces > 0;
        let filter = if by_traces { filter.clone().and(Filter::Exists(Role::TraceId.into()).negated()) } else { filter.clone() };
        let all = |(_, lines, traced): &(Window, u64, u64)| if by_traces { lines - traced.min(lines) } else { *lines };
        let sum: u64 = self.steps.iter().map(all).sum();
        let most = if by_traces { u64::from(self.most).saturating_sub(self.wanted_traced()) } else { u64::from(self.most) };
        for step in self.steps.iter().filter(|step| all(step) > 0) {
            let size = u32::try_from(most * all(step) / sum.max(1)).unwrap_or(self.most).clamp(1, self.most);
            draw.push(Drawn::Lines, None, vec![lines(filter.clone(), step.0, size)]);
        }
        draw
    }

    /// The lines of the traces of a partition, as many as can be read.
    fn draw_traces(&self, filter: &Filter, window: Window, named: &Found<'_>, draw: &mut Draw) {
        let most = self.wanted_traced();
        let mut ids: Vec<(String, u64)> =
            named.results.buckets("traces").iter().map(|bucket| (bucket.key.text().into_owned(), bucket.count)).collect();
        let before = ids.len();
        ids.retain(|(_, lines)| *lines <= most / LARGEST_TRACE);
        draw.too_large = (before - ids.len()) as u64;
        // Ids may begin with a time: what does not fit is left out by hash.
        ids.sort_by_cached_key(|(id, _)| fnv1a(FNV_SEED, id.as_bytes()));
        let mut sum = 0;
        // A fifth more than was reckoned still fits into the replies.
        let fits = |(_, lines): &&(String, u64)| {
            sum += lines;
            sum <= most + most / 5
        };
        let ids: Vec<&(String, u64)> = ids.iter().take_while(fits).collect();
        if ids.len() < LEAST_TRACES {
            draw.too_large = 0;
            return;
        }
        draw.traces = ids.len();
        let look = |part: &[&(String, u64)]| {
            let condition = Filter::Id(Role::TraceId.into(), part.iter().map(|(id, _)| id.clone()).collect());
            let size = part.iter().map(|(_, lines)| lines).sum::<u64>();
            lines(filter.clone().and(condition), window, u32::try_from(size).unwrap_or(self.most))
        };
        draw.push(Drawn::Traces, Some(named.total.value), ids.chunks(MOST_IDS).map(look).collect());
    }
}

impl Draw {
    fn push(&mut self, drawn: Drawn, total: Option<u64>, looks: Vec<Look>) {
        self.strata.push((drawn, total, looks.len()));
        self.looks.extend(looks);
    }
}

/// Distinct traces a line among the newest lines, of which the first and last traces are cut: no fewer in all lines.
fn traces_per_line(hits: &[Hit<'_>]) -> f64 {
    let ids: Vec<_> = hits.iter().filter_map(|hit| hit.text(Role::TraceId)).filter(|id| !id.is_empty()).collect();
    let lines = ids.len().max(1);
    let distinct = ids.into_iter().collect::<std::collections::BTreeSet<_>>().len();
    #[expect(clippy::cast_precision_loss, reason = "at most some thousands")]
    let ratio = distinct.max(1) as f64 / lines as f64;
    ratio
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::look::{Outcome, Results, Total};

    #[test]
    fn slices_begin_where_steps_do_and_end_with_the_window() {
        let time = |text: &str| text.parse().unwrap();
        let window = Window::new(time("2026-03-25T14:00:05Z"), time("2026-03-25T15:00:00Z")).unwrap();
        let results = |name: &str, buckets: Vec<Bucket<'static>>| {
            let outcome = Outcome::Buckets { buckets, other: 0, error_bound: 0, after: None };
            Results([(name.to_owned(), outcome)].into_iter().collect())
        };
        let step = |start: &str, count: u64| Bucket { key: Key::Time(time(start)), count, results: Results::default() };
        let buckets = vec![step("2026-03-25T14:00:00Z", 300), step("2026-03-25T14:20:00Z", 0), step("2026-03-25T14:40:00Z", 100)];
        let rest = Bucket { key: Key::Text(String::new()), count: 400, results: results("steps", buckets) };
        let found = Found { total: Total { value: 400, at_least: false }, results: results("rest", vec![rest]), ..Found::default() };
        let survey = Survey::read(window, &found, 100, &Schema::unread(crate::dsl::IndexExpression::parse("logs-a").unwrap()));
        let draw = survey.draw(&Filter::All, window, None);
        let slice = |look: &Look| look.window.map(|slice| format!("{} {} {}", slice.start(), slice.end(), look.size)).unwrap();
        let slices: Vec<String> = draw.looks.iter().map(slice).collect();
        assert_eq!(slices, ["2026-03-25T14:00:05Z 2026-03-25T14:20:00Z 75", "2026-03-25T14:40:00Z 2026-03-25T15:00:00Z 25"]);
    }
}
