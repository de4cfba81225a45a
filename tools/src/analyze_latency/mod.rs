//! `analyze_latency`: how slow, since when, where, and what the slow ones share. Knows the looks; knows no engine and no
//! protocol.

mod edges;
mod groups;
mod lines;
mod population;
mod report;
mod shared;
mod slowness;
#[cfg(test)]
mod tests;
mod values;

use std::collections::HashSet;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    answer::Answer,
    dsl::{Include, TrackTotal},
    error::{Code, ToolError},
    look::{Agg, Field, Filter, Found, Look, Order},
    params::{OneOrMany, Scope, Text, Top, Window},
    schema::Role,
    tool::{Ask, Context, Output, Step, Told, Tool},
};
use edges::{affordable, has_tree};
use groups::Groups;
use population::{Population, candidates, without_durations};
use report::Report;
use shared::Shared;
use slowness::{Moved, Slowness};

/// How slow requests are: percentiles by endpoint, change point, slowest traces, what they share, self time and gaps
/// between services; from entry spans, request lines, or traces of lines. One slow trace: `search_by_trace_id`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct AnalyzeLatency {
    #[serde(flatten)]
    scope: Scope,
    /// Roles or fields, up to three, or none. Default service and path or span_name
    group_by: Option<OneOrMany<Text>>,
    /// Default 50,90,95,99
    percentiles: Option<OneOrMany<Text>>,
    /// Slow from here on. Default p95
    threshold_ms: Option<Text>,
    /// Rows a table
    #[serde(default)]
    top: Top,
}

/// Spans that are read for edges and self time: about 500 bytes each.
const MOST_SPANS: u32 = 5_000;

/// Traces that are sampled for edges and self time. An id is asked for in up to eight notations, and 1,024 conditions are
/// what an engine takes (`indices.query.bool.max_clause_count`).
const MOST_TRACES: u64 = 120;

/// Steps of the trend, about.
const STEPS: i64 = 20;

/// Slow traces among them.
const SLOW_TRACES: usize = 10;

/// Spans of one trace that are among the slowest together, at most: who waits for a slow service is slow too.
const SPANS_OF_A_SLOW_TRACE: u32 = 4;

/// What was asked, checked.
#[derive(Debug, Clone)]
struct Wanted {
    scope: Scope,
    groups: Option<Vec<Field>>,
    percents: Vec<f64>,
    threshold_ms: Option<f64>,
    top: u32,
    window: Window,
    filter: Filter,
}

impl Tool for AnalyzeLatency {
    const NAME: &'static str = "analyze_latency";
    const TITLE: &'static str = "Analyze latency";
    const OUTPUT: Output = Output {
        columns: &["service", "path", "span_name", "pattern", "count", "p50_ms", "p90_ms", "p95_ms", "p99_ms", "max_ms"],
        sections: &["overall", "trend", "change_point", "change_points", "slowest", "shared", "edges", "self_time"],
    };

    fn scope(&self) -> &Scope {
        &self.scope
    }

    fn fields(&self) -> Vec<Field> {
        self.groups().unwrap_or_default()
    }

    fn ask(self, context: &Context) -> Result<Step, ToolError> {
        let wanted = self.wanted(context)?;
        let schema = &context.schema;
        if let Err(error) = schema.need(&Field::Role(Role::Duration)) {
            if lines::can(schema) {
                return wanted.by_lines();
            }
            return Err(lines::nothing_to_time(&error));
        }
        let populations = candidates(&wanted.scope, context);
        let mut looks: Vec<Look> = populations.iter().map(|population| wanted.overall(population)).collect();
        looks.push(wanted.all_spans(context));
        Step::look(looks, move |found, context| {
            let Some((population, overall)) = chosen(populations, &found) else { return wanted.nothing(context) };
            let spans_per_trace = found.last().map_or(1.0, spans_per_trace);
            wanted.second(population, overall, spans_per_trace, context)
        })
    }
}

impl AnalyzeLatency {
    /// What to group by; none for the default.
    fn groups(&self) -> Option<Vec<Field>> {
        let names = self.group_by.as_ref()?.members();
        Some(names.iter().map(Text::as_str).filter(|name| *name != "none").map(Field::parse).collect())
    }

    fn wanted(self, context: &Context) -> Result<Wanted, ToolError> {
        let groups = self.groups();
        for field in groups.iter().flatten() {
            context.schema.need_groupable(field)?;
        }
        if groups.as_ref().is_some_and(|groups| groups.len() > 3) {
            return Err(ToolError::new(Code::BadArgument, "`group_by` names more than three fields", "name at most three"));
        }
        let mut percents = match &self.percentiles {
            None => vec![50.0, 90.0, 95.0, 99.0],
            Some(list) => list.members().iter().map(percent).collect::<Result<Vec<_>, _>>()?,
        };
        percents.sort_by(f64::total_cmp);
        percents.dedup();
        if percents.len() > 10 {
            return Err(ToolError::new(Code::BadArgument, "`percentiles` has more than ten", "ask for at most ten"));
        }
        let threshold_ms = self.threshold_ms.as_ref().map(|text| number("threshold_ms", text, 0.0, f64::MAX)).transpose()?;
        Ok(Wanted {
            groups,
            percents,
            threshold_ms,
            top: self.top.value(),
            window: self.scope.window(context.now, context.settings.max_window_s)?,
            filter: self.scope.filter(context.now)?,
            scope: self.scope,
        })
    }
}

fn percent(text: &Text) -> Result<f64, ToolError> {
    let written = text.as_str();
    let bare = Text::new(written.trim_start_matches(['p', 'P'])).unwrap_or_else(|_| text.clone());
    number("percentiles", &bare, 0.0, 100.0)
}

fn number(argument: &str, text: &Text, least: f64, most: f64) -> Result<f64, ToolError> {
    text.as_str().parse().ok().filter(|number| (least..=most).contains(number)).ok_or_else(|| {
        let most = if most == f64::MAX { String::new() } else { format!(" to {most}") };
        let written: String = text.as_str().chars().take(40).collect();
        ToolError::new(
            Code::BadArgument,
            format!("`{argument}`: `{written}` is no number from {least}{most}"),
            "write a number, such as 95",
        )
    })
}

/// The first population that has documents; of those that differ only in how they are read, the larger one.
fn chosen(populations: Vec<Population>, found: &[Found<'_>]) -> Option<(Population, Overall)> {
    let mut best: Option<(Population, Overall)> = None;
    for (population, found) in populations.into_iter().zip(found) {
        let overall = Overall::read(found);
        let better = match &best {
            None => overall.count > 0,
            Some((known, of_known)) => known.words == population.words && overall.count > of_known.count,
        };
        if better {
            best = Some((population, overall));
        }
    }
    best
}

fn spans_per_trace(found: &Found<'_>) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts of documents")]
    let spans = found.total.value as f64;
    (spans / found.results.number("traces").unwrap_or(0.0).max(1.0)).max(1.0)
}

/// A population as a whole.
#[derive(Debug, Clone, Default)]
struct Overall {
    count: u64,
    percentiles: Vec<(f64, f64)>,
    p95_ms: f64,
    max_ms: Option<f64>,
    traces: f64,
    /// From its first to its last document.
    extent: Option<Window>,
}

impl Overall {
    fn read(found: &Found<'_>) -> Self {
        let results = &found.results;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of documents")]
        let count = results.number("count").unwrap_or(0.0) as u64;
        let (first, last) = (results.time("first"), results.time("last"));
        Self {
            count,
            percentiles: results.percentiles("overall").to_vec(),
            p95_ms: results.percentile("overall", 95.0).unwrap_or(0.0),
            max_ms: results.number("max"),
            traces: results.number("traces").unwrap_or(0.0),
            extent: first
                .zip(last)
                .and_then(|(first, last)| Window::new(first, last.saturating_add(jiff::SignedDuration::from_millis(1)).unwrap_or(last))),
        }
    }
}

impl Wanted {
    /// The percentiles that are computed: those asked for, the middle, and the 95th.
    fn computed(&self) -> Vec<f64> {
        let mut computed = self.percents.clone();
        computed.extend([50.0, 95.0].into_iter().filter(|percent| !self.percents.contains(percent)));
        computed
    }

    fn look(&self, population: &Population) -> Look {
        let mut look = Look::new(self.filter.clone().and(population.filter.clone()), Some(self.window));
        look.schema = Some(population.schema.clone());
        look
    }

    fn overall(&self, population: &Population) -> Look {
        let look = self
            .look(population)
            .agg("count", Agg::Count(Role::Duration.into()))
            .agg("overall", Agg::Percentiles(Role::Duration.into(), self.computed()))
            .agg("max", Agg::Max(Role::Duration.into()))
            .agg("first", Agg::Min(Role::Time.into()))
            .agg("last", Agg::Max(Role::Time.into()));
        if population.are_spans { look.agg("traces", Agg::Cardinality(Role::TraceId.into())) } else { look }
    }

    /// How many spans there are of how many traces, whoever wrote them.
    fn all_spans(&self, context: &Context) -> Look {
        let has_spans = context.schema.has(Role::SpanName) && context.schema.has(Role::TraceId);
        let filter = if has_spans { Filter::Exists(Role::SpanName.into()) } else { Filter::Nothing };
        Look::new(filter, Some(self.window)).total(TrackTotal::Exact).agg("traces", Agg::Cardinality(Role::TraceId.into()))
    }

    fn nothing(self, context: &Context) -> Result<Step, ToolError> {
        let mut clauses = self.scope.clauses(context.now)?;
        clauses.push(("a duration".to_owned(), Filter::Exists(Role::Duration.into())));
        let answer = self.told_indices(Answer::new("no document with a duration").window(self.window), context);
        Step::empty(AnalyzeLatency::NAME, answer, Some(self.window), clauses)
    }

    fn told_indices(&self, answer: Answer, context: &Context) -> Answer {
        let (lacking, all) = without_durations(&context.schema);
        if lacking.is_empty() {
            return answer;
        }
        let names = lacking.iter().take(3).copied().collect::<Vec<_>>().join(", ");
        let more = if lacking.len() > 3 { ", …" } else { "" };
        answer.note(format!("no durations in {} of {all} indices: {names}{more}", lacking.len()))
    }

    /// Groups, trend, slowest documents, and which traces to read.
    fn second(self, population: Population, overall: Overall, spans_per_trace: f64, context: &Context) -> Result<Step, ToolError> {
        let groups = Groups::new(self.groups.clone(), &population, self.top);
        let extent = overall.extent.unwrap_or(self.window);
        let trend = Agg::TimeHistogram { interval_ms: extent.step_ms(STEPS), window: extent, inner: Vec::new() }
            .with("p95", Agg::Percentiles(Role::Duration.into(), vec![95.0]));
        let mut look = self
            .look(&population)
            .total(TrackTotal::Exact)
            .page(Order::By { field: Role::Duration.into(), descending: true }, 0, self.top * SPANS_OF_A_SLOW_TRACE)
            .fetch(report::SLOWEST)
            .agg("trend", trend);
        look.aggs.extend(groups.agg(&self.computed()));
        let by_spans = has_tree(&population, context);
        let traces = match by_spans {
            true => affordable(spans_per_trace),
            false if lines::can(&context.schema) => MOST_TRACES,
            false => 0,
        };
        if traces > 0 {
            look = look.agg("traces", random_traces(overall.traces, traces));
        }
        Step::look(vec![look], move |found, _| {
            let found = found.into_iter().next().unwrap_or_default();
            let slowness = Slowness::of(&self, &groups, &found.results, &overall);
            let report = Report::read(&self, &population, &overall, &groups, &found);
            let random = found.results.buckets("traces").iter().map(|bucket| bucket.key.text().into_owned()).collect();
            let looks = slowness.looks(&self.look(&population), extent, &population.schema);
            Step::look(looks, move |found, context| {
                let (slow, random) = slowness.traces(&found, random, traces);
                let (moved, shared) = (slowness.moved(&found), Shared::read(&found, &population.schema));
                let fields = shared.fields();
                let draft = Draft { wanted: self, population, report, slowness, moved, shared, slow, random, by_spans };
                if fields.is_empty() { draft.done(context) } else { draft.counted(fields, context) }
            })
        })
    }

    /// The window with a minute on either side: a trace may begin before it.
    fn around(&self) -> Option<Window> {
        let minute = jiff::SignedDuration::from_mins(1);
        let start = self.window.start().saturating_sub(minute).unwrap_or(self.window.start());
        Window::new(start, self.window.end().saturating_add(minute).unwrap_or(self.window.end()))
    }
}

/// An answer that lacks what sampled traces tell.
struct Draft {
    wanted: Wanted,
    population: Population,
    report: Report,
    slowness: Slowness,
    moved: Vec<Moved>,
    shared: Shared,
    /// Ids of traces.
    slow: HashSet<String>,
    random: Vec<String>,
    by_spans: bool,
}

impl Draft {
    /// Counts the values of fields that a sample of slow requests seems to share.
    fn counted(mut self, fields: Vec<Field>, context: &Context) -> Result<Step, ToolError> {
        Step::ask(vec![Ask::Schema(context.index.clone(), fields.clone())], move |told, context| {
            let Some(Ok(read)) = told.into_iter().next().map(Told::schema) else { return self.done(context) };
            let fields: Vec<Field> = fields.into_iter().filter(|field| read.need_groupable(field).is_ok()).collect();
            if fields.is_empty() {
                return self.done(context);
            }
            let schema = population::naming(&self.population.schema, &read);
            let look = Look { schema: Some(schema), ..self.slowness.counted(&self.wanted.look(&self.population), &fields) };
            Step::look(vec![look], move |found, context| {
                if let Some(found) = found.first() {
                    self.shared.count(&fields, found);
                }
                self.done(context)
            })
        })
    }

    fn done(self, context: &Context) -> Result<Step, ToolError> {
        let Self { wanted, report, slowness, moved, shared, slow, random, by_spans, .. } = self;
        let answer = wanted.told_indices(report.answer(&wanted, &slowness, &moved, shared, context), context);
        if by_spans { wanted.with_spans(answer, slow, random) } else { wanted.with_lines(answer, slow, random) }
    }
}

/// Traces by the hash of their id: a random sample of whole ones.
fn random_traces(all: f64, wanted: u64) -> Agg {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "counts of traces")]
    let of = (all / wanted.max(1) as f64).ceil().clamp(1.0, 1e9) as u32;
    let include = (of > 1).then_some(Include::Partition { partition: 0, of });
    let size = u32::try_from(wanted).unwrap_or(u32::MAX);
    Agg::Terms { field: Role::TraceId.into(), size, order: crate::dsl::TermsOrder::Key, include, inner: Vec::new() }
}
