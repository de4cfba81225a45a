//! Latency from the lines of traces alone: how long traces take from their first line to their last, and between which lines
//! the time passes. Knows no engine.

use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;

use super::{
    AnalyzeLatency, MOST_TRACES, SLOW_TRACES, Wanted,
    edges::{Places, add, lost, table},
    groups::rough,
    random_traces, report,
};
use crate::{
    answer::{Answer, Cell, Hint, Section, Table},
    dsl::{Scalar, TrackTotal},
    error::{Code, ToolError},
    look::{Agg, Field, Filter, Found, Hit, Look, Order},
    mining::{mask, onset, statistics::quantile},
    schema::{Role, Schema},
    spans::short,
    tool::{Ask, Context, Step, Told},
};

/// Traces whose first and last line are asked for.
const TIMED_TRACES: u64 = 1_000;

/// Lines that are read of sampled traces.
const MOST_LINES: u32 = 5_000;

/// Characters of a line that stand for it.
const QUOTE: usize = 100;

/// Whether lines can be put together to traces.
pub(super) fn can(schema: &Schema) -> bool {
    schema.need_groupable(&Field::Role(Role::TraceId)).is_ok() && schema.has(Role::Service) && schema.has(Role::Message)
}

/// The error where there are neither durations nor traces.
pub(super) fn nothing_to_time(error: &ToolError) -> ToolError {
    let next = "compare_windows reads what it can without; where durations are in a field of another name, aggregate_logs metric=p95 field=… \
                reads it";
    ToolError::new(Code::UnknownField, format!("neither spans nor durations, nor traces of lines: {}", error.message), next)
}

/// A trace by its lines.
struct Timed {
    id: String,
    start: Timestamp,
    ms: f64,
    service: String,
    /// The first line, masked.
    entry: String,
}

impl Wanted {
    /// How long traces took, where nothing has a duration.
    pub(super) fn by_lines(self) -> Result<Step, ToolError> {
        let traced = self.traced().total(TrackTotal::Exact).agg("traces", Agg::Cardinality(Role::TraceId.into()));
        Step::look(vec![traced], move |found, context| {
            let all = found.first().and_then(|found| found.results.number("traces")).unwrap_or(0.0);
            if all < 1.0 {
                let mut clauses = self.scope.clauses(context.now)?;
                clauses.push(("a trace id".to_owned(), Filter::Exists(Role::TraceId.into())));
                let answer = Answer::new("neither a duration nor a line of a trace").window(self.window);
                return Step::empty(<AnalyzeLatency as crate::tool::Tool>::NAME, answer, Some(self.window), clauses);
            }
            let first_line = Agg::Top { size: 1, order: Order::Oldest, fetch: [Role::Service, Role::Message].map(Field::from).to_vec() };
            let traces = random_traces(all, TIMED_TRACES)
                .with("first", Agg::Min(Role::Time.into()))
                .with("last", Agg::Max(Role::Time.into()))
                .with("line", first_line);
            Step::look(vec![self.traced().agg("traces", traces)], move |found, context| {
                let traces = found.first().map(timed).unwrap_or_default();
                self.timed_answer(traces, all, context)
            })
        })
    }

    fn traced(&self) -> Look {
        Look::new(self.filter.clone().and(Filter::Exists(Role::TraceId.into())), Some(self.window))
    }

    fn timed_answer(self, mut traces: Vec<Timed>, all: f64, context: &Context) -> Result<Step, ToolError> {
        let lengths: Vec<f64> = traces.iter().map(|trace| trace.ms).collect();
        let threshold_ms = self.threshold_ms.or_else(|| quantile(&lengths, 0.95)).unwrap_or_default();
        let is_slow = |trace: &Timed| trace.ms >= threshold_ms && trace.ms > 0.0;
        let (series, trend) = self.trend_of(&traces);
        let change = report::change(&series, onset::CLEAR);
        let mut slowest = Table::new(["time", "service", "pattern", "duration_ms", "trace_id"]);
        traces.sort_by(|a, b| b.ms.total_cmp(&a.ms).then_with(|| a.id.cmp(&b.id)));
        for trace in traces.iter().take(self.top as usize) {
            let (service, entry, id) =
                (Cell::from(trace.service.as_str()), Cell::from(trace.entry.as_str()), Cell::from(trace.id.as_str()));
            slowest.push(vec![Cell::from(trace.start), service, entry, Cell::from(trace.ms), id]);
        }
        let slow: HashSet<String> = traces.iter().filter(|trace| is_slow(trace)).take(SLOW_TRACES).map(|trace| trace.id.clone()).collect();
        let mut random: Vec<String> = traces.iter().map(|trace| trace.id.clone()).filter(|id| !slow.contains(id)).collect();
        random.sort_unstable();
        random.truncate(usize::try_from(MOST_TRACES).unwrap_or(usize::MAX).saturating_sub(slow.len()));

        let figure = |percent: f64| Some((percent, quantile(&lengths, percent / 100.0)?));
        let figures: Vec<(f64, f64)> = self.percents.iter().filter_map(|percent| figure(*percent)).collect();
        let words: Vec<String> = figures.iter().map(|(percent, ms)| format!("p{percent} {} ms", short(*ms))).collect();
        let of = "traces, from their first line to their last (nothing has a duration)";
        let mut summary = format!("{} over {} {of}", words.join(", "), lengths.len());
        if let Some(change) = &change {
            summary += &format!("; {}", change.told("p95"));
        }
        let mut overall: Vec<(String, Cell)> = vec![("count".to_owned(), Cell::from(lengths.len()))];
        overall.extend(figures.iter().map(|(percent, ms)| (format!("p{percent}_ms"), Cell::from(rough(*ms)))));
        overall.push(("max_ms".to_owned(), Cell::from(traces.first().map(|trace| trace.ms))));
        overall.push(("threshold_ms".to_owned(), Cell::from(rough(threshold_ms))));
        overall.push(("slow".to_owned(), Cell::from(traces.iter().filter(|trace| is_slow(trace)).count())));
        overall.push(("of".to_owned(), Cell::from(of)));
        let mut answer = Answer::new(summary)
            .window(self.window)
            .table(self.entries(&traces))
            .section(Section::object("overall", overall))
            .section(Section::table("trend", trend))
            .section(Section::table("slowest", slowest));
        if let Some(change) = &change {
            answer = answer.section(change.section());
        }
        if all > lengths.len() as f64 * 1.05 {
            answer = answer.note(format!("a random sample of {} of about {all} traces", lengths.len()));
        }
        if self.groups.is_some() {
            answer = answer.note("group_by needs durations: the groups are of the first lines");
        }
        if let Some(trace) = traces.first() {
            answer = answer.hint(Hint::new("search_by_trace_id", "the slowest trace").with("trace_id", trace.id.as_str()));
        }
        for (role, field) in context.schema.shown(&[Role::TraceId, Role::Service]) {
            answer = answer.field(role, field);
        }
        self.with_lines(answer, slow, random)
    }

    /// The 95th percentile step by step, of traces by their start.
    fn trend_of(&self, traces: &[Timed]) -> (Vec<(Timestamp, f64)>, Table) {
        let step_ms = self.window.step_ms(super::STEPS).max(1);
        let mut steps: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
        for trace in traces {
            let passed = trace.start.as_millisecond() - self.window.start().as_millisecond();
            steps.entry(passed.div_euclid(step_ms)).or_default().push(trace.ms);
        }
        let mut table = Table::new(["time", "count", "p95_ms"]);
        let mut series = Vec::new();
        for (step, lengths) in steps {
            let time = Timestamp::from_millisecond(self.window.start().as_millisecond() + step * step_ms);
            if let (Ok(time), Some(p95)) = (time, quantile(&lengths, 0.95)) {
                table.push(vec![Cell::from(time), Cell::from(lengths.len()), Cell::from(rough(p95))]);
                series.push((time, p95));
            }
        }
        (series, if table.len() > 1 { table } else { Table::default() })
    }

    /// Traces by where they entered, the slowest first.
    fn entries(&self, traces: &[Timed]) -> Table {
        let mut groups: BTreeMap<(&str, &str), Vec<f64>> = BTreeMap::new();
        for trace in traces {
            groups.entry((&trace.service, &trace.entry)).or_default().push(trace.ms);
        }
        let mut rows: Vec<_> =
            groups.into_iter().map(|(key, lengths)| (quantile(&lengths, 0.95).unwrap_or_default(), key, lengths)).collect();
        rows.sort_by(|(a, of_a, _), (b, of_b, _)| b.total_cmp(a).then(of_a.cmp(of_b)));
        let percents = self.percents.iter().map(|percent| format!("p{percent}_ms"));
        let names = ["service", "pattern", "count"].map(str::to_owned);
        let mut table = Table::new(names.into_iter().chain(percents).chain(["max_ms".to_owned()]));
        let left = rows.len().saturating_sub(self.top as usize) as u64;
        for (_, (service, entry), lengths) in rows.into_iter().take(self.top as usize) {
            let figures = self.percents.iter().map(|percent| Cell::from(quantile(&lengths, percent / 100.0).map(rough)));
            let keys = [Cell::from(service), Cell::from(entry), Cell::from(lengths.len())];
            table.push(keys.into_iter().chain(figures).chain([Cell::from(quantile(&lengths, 1.0))]).collect());
        }
        table.truncated(left, "top")
    }

    /// Reads the lines of these traces, and adds where their time passes.
    pub(super) fn with_lines(&self, answer: Answer, slow: HashSet<String>, random: Vec<String>) -> Result<Step, ToolError> {
        if slow.is_empty() && random.is_empty() {
            return Step::done(answer);
        }
        let ids = slow.iter().chain(&random).map(|id| Scalar::from(id.as_str())).collect();
        let filter = Filter::Is(Role::TraceId.into(), ids).and(Filter::Exists(Role::Message.into()));
        let look = Look::new(filter, self.around())
            .page(Order::By { field: Role::TraceId.into(), descending: false }, 0, MOST_LINES)
            .fetch([Role::TraceId, Role::Service, Role::Message]);
        Step::ask(vec![Ask::Look(Box::new(look))], move |told, _| match told.into_iter().next().map(Told::found) {
            Some(Ok(found)) => Step::done(with_gaps(answer, &found, &slow)),
            Some(Err(error)) => Step::done(answer.note(format!("edges and self time could not be read: {}", error.message))),
            None => Step::done(answer),
        })
    }
}

fn timed(found: &Found<'_>) -> Vec<Timed> {
    let read = |bucket: &crate::look::Bucket<'_>| {
        let (first, last) = (bucket.results.time("first")?, bucket.results.time("last")?);
        let line = bucket.results.hits("line").first();
        let text = |role| line.and_then(|line| line.text(role)).map(|text| text.into_owned()).unwrap_or_default();
        let ms = last.duration_since(first).as_secs_f64() * 1e3;
        Some(Timed {
            id: bucket.key.text().into_owned(),
            start: first,
            ms,
            service: text(Role::Service),
            entry: headline(&text(Role::Message)),
        })
    };
    found.results.buckets("traces").iter().filter(|bucket| !bucket.key.text().is_empty()).filter_map(read).collect()
}

fn headline(message: &str) -> String {
    mask(message).chars().take(QUOTE).collect()
}

/// Time between consecutive lines: inside a service it is the service's own, between two it is the call's or the answer's.
fn with_gaps(answer: Answer, found: &Found<'_>, slow: &HashSet<String>) -> Answer {
    let mut traces: BTreeMap<String, Vec<&Hit<'_>>> = BTreeMap::new();
    for hit in &found.hits {
        if let Some(id) = hit.text(Role::TraceId).filter(|_| hit.time.is_some() && !hit.is_span) {
            traces.entry(id.into_owned()).or_default().push(hit);
        }
    }
    // Lines come trace by trace: only the last trace can lack some.
    if found.total.value > found.hits.len() as u64
        && let Some(id) = found.hits.last().and_then(|hit| hit.text(Role::TraceId))
    {
        traces.remove(&*id);
    }
    let (mut own, mut gaps): (Places<String>, Places<String>) = Default::default();
    let service = |hit: &Hit<'_>| hit.text(Role::Service).map_or_else(|| "?".to_owned(), |service| service.into_owned());
    let (mut lines, mut slow_ones) = (0, 0);
    for (id, hits) in &mut traces {
        // Newest first as they come: of lines at the same moment the last one was indexed first.
        hits.reverse();
        hits.sort_by_key(|hit| hit.time);
        lines += hits.len();
        let is_slow = slow.contains(id);
        slow_ones += usize::from(is_slow);
        for (before, after) in hits.iter().zip(hits.iter().skip(1)) {
            let (Some(from), Some(to)) = (before.time, after.time) else { continue };
            let ms = to.duration_since(from).as_secs_f64() * 1e3;
            let (caller, callee) = (service(before), service(after));
            if caller == callee {
                let line = headline(&before.text(Role::Message).unwrap_or_default());
                add(own.entry((caller, line)).or_default(), ms, is_slow);
            } else {
                add(gaps.entry((caller, callee)).or_default(), ms, is_slow);
            }
        }
    }
    if lines == 0 {
        return answer;
    }
    let answer = lost(&own, &gaps, slow_ones).into_iter().fold(answer, Answer::note);
    let (own, gaps) = (table(["service", "after"], &own, slow_ones), table(["caller", "callee"], &gaps, slow_ones));
    answer.section(Section::table("self_time", own)).section(Section::table("edges", gaps)).note(format!(
        "self_time, edges: time between consecutive lines, in a service and from one to another, {lines} lines of {} random \
         traces (count, p50_ms, p95_ms) and {slow_ones} slow (slow_p50_ms; extra_ms: above the median of the others, a trace)",
        traces.len() - slow_ones
    ))
}
