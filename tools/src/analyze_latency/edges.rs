//! Where the time of sampled traces goes: self time of operations, and gaps of the calls between services; and where slow traces lose
//! more of it than others. Knows no engine.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    hash::Hash,
};

use super::{MOST_SPANS, MOST_TRACES, Wanted, groups::rough, population::Population};
use crate::{
    answer::{Answer, Cell, Section, Table},
    dsl::Scalar,
    error::ToolError,
    look::{Field, Filter, Found, Look, Order},
    mining::statistics::{median, quantile},
    schema::Role,
    spans::{Forest, SPAN_ROLES, Span, milliseconds, short},
    tool::{Ask, Context, Step, Told},
};

/// Rows that are shown of each.
const MOST: usize = 10;

/// Operations and calls that are named as those in which slow traces lose time.
const NAMED: usize = 3;

/// The least part of all that slow traces lose that an operation or call is named for.
const NOTABLE: f64 = 0.1;

/// The spans of sampled traces, trace by trace.
#[derive(Debug, Default)]
pub(super) struct Sample {
    traces: BTreeMap<String, Vec<Span>>,
    /// Traces whose entry was slow.
    slow: HashSet<String>,
}

/// Values of one operation or call: of the random traces, and of the slow ones.
#[derive(Debug, Default)]
pub(super) struct Values {
    random: Vec<f64>,
    slow: Vec<f64>,
}

impl Values {
    fn in_all(&self) -> f64 {
        self.random.iter().sum::<f64>() + self.slow.iter().sum::<f64>()
    }

    /// How much more than usual it took in a slow trace, on average over so many of them; none where it is not known what is usual.
    fn extra_ms(&self, slow_traces: usize) -> Option<f64> {
        let usual = median(&self.random)?;
        #[expect(clippy::cast_precision_loss, reason = "at most some tens")]
        let traces = slow_traces as f64;
        (!self.slow.is_empty()).then(|| self.slow.iter().map(|value| value - usual).sum::<f64>() / traces.max(1.0))
    }

    fn cells(&self, slow_traces: usize) -> [Cell; 5] {
        [
            Cell::from(self.random.len()),
            Cell::from(median(&self.random).map(rough)),
            Cell::from(quantile(&self.random, 0.95).map(rough)),
            Cell::from(median(&self.slow).map(rough)),
            Cell::from(self.extra_ms(slow_traces).map(|ms| rough((ms * 100.0).round() / 100.0))),
        ]
    }
}

impl Sample {
    /// A sample in which these traces are the slow ones; every other one was chosen at random.
    pub(super) fn new(slow: HashSet<String>) -> Self {
        Self { slow, ..Self::default() }
    }

    /// Adds a span to its trace.
    pub(super) fn push(&mut self, trace_id: &str, span: Span) {
        match self.traces.get_mut(trace_id) {
            Some(spans) => spans.push(span),
            None => {
                self.traces.insert(trace_id.to_owned(), vec![span]);
            }
        }
    }

    /// Drops a trace that was not read whole.
    pub(super) fn drop_trace(&mut self, trace_id: &str) {
        self.traces.remove(trace_id);
    }

    /// Traces chosen at random, slow ones, and spans of both.
    pub(super) fn sizes(&self) -> (usize, usize, usize) {
        let slow = self.traces.keys().filter(|id| self.slow.contains(*id)).count();
        (self.traces.len() - slow, slow, self.traces.values().map(Vec::len).sum())
    }

    /// Self time (`service span_name`) and gaps of calls (`caller callee`).
    ///
    /// The gap of a call is the duration of the span that calls less that of the span called, not below 0: network,
    /// queues, serialisation. Self time is the duration less the union of the children's intervals; a span that calls
    /// another service has none, since what it waits for is a gap.
    pub(super) fn places(&self) -> (Places<&str>, Places<&str>) {
        let (mut own, mut gaps): (Places<&str>, Places<&str>) = Default::default();
        for (id, spans) in &self.traces {
            let is_slow = self.slow.contains(id);
            let forest = Forest::grow(spans);
            for (index, span) in spans.iter().enumerate() {
                let mut calls_out = false;
                for child in forest.children_of(index).iter().filter_map(|child| spans.get(*child)) {
                    if child.service != span.service {
                        calls_out = true;
                        let gap = milliseconds((span.duration_ns - child.duration_ns).max(0));
                        add(gaps.entry((&span.service, &child.service)).or_default(), gap, is_slow);
                    }
                }
                if !calls_out {
                    let own_ms = milliseconds(forest.self_ns(spans, index));
                    add(own.entry((&span.service, &span.name)).or_default(), own_ms, is_slow);
                }
            }
        }
        (own, gaps)
    }
}

/// What was measured of operations (service, name) or of calls (caller, callee).
pub(super) type Places<K> = HashMap<(K, K), Values>;

pub(super) fn add(values: &mut Values, value: f64, is_slow: bool) {
    if is_slow { &mut values.slow } else { &mut values.random }.push(value);
}

/// Where slow traces lose most time, then what took the most time in all. Columns: count, median and p95 in the random traces, median in
/// the slow ones, and how much more a slow trace spent there.
pub(super) fn table<K: AsRef<str> + Ord + Hash>(keys: [&'static str; 2], places: &Places<K>, slow_traces: usize) -> Table {
    let mut table = Table::new(keys.into_iter().chain(["count", "p50_ms", "p95_ms", "slow_p50_ms", "extra_ms"]));
    let mut rows: Vec<(&(K, K), &Values, f64)> =
        places.iter().map(|(key, values)| (key, values, values.extra_ms(slow_traces).unwrap_or(0.0).max(0.0))).collect();
    rows.sort_by(|(a, of_a, extra_a), (b, of_b, extra_b)| {
        extra_b.total_cmp(extra_a).then_with(|| of_b.in_all().total_cmp(&of_a.in_all())).then_with(|| a.cmp(b))
    });
    let left = rows.len().saturating_sub(MOST) as u64;
    for ((first, second), values, _) in rows.into_iter().take(MOST) {
        table.push([Cell::from(first.as_ref()), Cell::from(second.as_ref())].into_iter().chain(values.cells(slow_traces)).collect());
    }
    table.truncated(left, "top")
}

/// In words where slow traces lose most time; nothing where they lose none, or it is not known what is usual.
pub(super) fn lost<K: AsRef<str> + Ord + Hash>(own: &Places<K>, gaps: &Places<K>, slow_traces: usize) -> Option<String> {
    let extra = |values: &Values| values.extra_ms(slow_traces).filter(|ms| *ms > 0.0);
    let inside =
        own.iter().filter_map(|((service, name), values)| Some((extra(values)?, format!("in {} {}", service.as_ref(), name.as_ref()))));
    let between =
        gaps.iter().filter_map(|((from, to), values)| Some((extra(values)?, format!("from {} to {}", from.as_ref(), to.as_ref()))));
    let mut places: Vec<(f64, String)> = inside.chain(between).collect();
    places.sort_by(|(a, of_a), (b, of_b)| b.total_cmp(a).then_with(|| of_a.cmp(of_b)));
    let all: f64 = places.iter().map(|(ms, _)| ms).sum();
    let named = places.iter().take(NAMED).filter(|(ms, _)| *ms >= all * NOTABLE).map(|(ms, place)| format!("{} ms {place}", short(*ms)));
    let named: Vec<String> = named.collect();
    (!named.is_empty()).then(|| format!("a slow trace loses most against the others: {} (of {} ms in all)", named.join(", "), short(all)))
}

impl Wanted {
    /// Reads the spans of these traces, and adds where their time goes.
    pub(super) fn with_spans(&self, answer: Answer, slow: HashSet<String>, random: Vec<String>) -> Result<Step, ToolError> {
        if slow.is_empty() && random.is_empty() {
            return Step::done(answer);
        }
        let look = self.spans_look(slow.iter().chain(&random));
        Step::ask(vec![Ask::Look(Box::new(look))], move |told, _| match told.into_iter().next().map(Told::found) {
            Some(Ok(found)) => Step::done(with_sample(answer, &found, slow)),
            Some(Err(error)) => Step::done(answer.note(format!("edges and self time could not be read: {}", error.message))),
            None => Step::done(answer),
        })
    }

    /// Every span of these traces, trace by trace, also just outside the window.
    fn spans_look<'i>(&self, ids: impl Iterator<Item = &'i String>) -> Look {
        let filter = Filter::Is(Role::TraceId.into(), ids.map(|id| Scalar::from(id.as_str())).collect())
            .and(Filter::Exists(Role::SpanName.into()))
            .and(Filter::Exists(Role::Duration.into()));
        Look::new(filter, self.around())
            .page(Order::By { field: Role::TraceId.into(), descending: false }, 0, MOST_SPANS)
            .fetch(SPAN_ROLES.into_iter().chain([Role::TraceId]))
    }
}

/// Whether spans can be put into a tree.
pub(super) fn has_tree(population: &Population, context: &Context) -> bool {
    let schema = &context.schema;
    population.are_spans
        && schema.need_groupable(&Field::Role(Role::TraceId)).is_ok()
        && schema.has(Role::SpanId)
        && schema.has(Role::ParentSpanId)
}

/// How many traces of this mean size can be read.
pub(super) fn affordable(spans_per_trace: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 5,000")]
    let traces = (f64::from(MOST_SPANS) / spans_per_trace) as u64;
    traces.min(MOST_TRACES)
}

fn with_sample(mut answer: Answer, found: &Found<'_>, slow: HashSet<String>) -> Answer {
    let mut sample = Sample::new(slow);
    for hit in &found.hits {
        if let (Some(id), Some(span)) = (hit.text(Role::TraceId), Span::read(hit)) {
            sample.push(&id, span);
        }
    }
    // Spans come trace by trace: only the last trace can lack some.
    if found.total.value > found.hits.len() as u64
        && let Some(id) = found.hits.last().and_then(|hit| hit.text(Role::TraceId))
    {
        sample.drop_trace(&id);
    }
    let (random, slow, spans) = sample.sizes();
    if spans == 0 {
        return answer;
    }
    let (own, gaps) = sample.places();
    answer = lost(&own, &gaps, slow).into_iter().fold(answer, Answer::note);
    let (own, gaps) = (table(["service", "span_name"], &own, slow), table(["caller", "callee"], &gaps, slow));
    answer.section(Section::table("self_time", own)).section(Section::table("edges", gaps)).note(format!(
        "self_time, edges: {spans} spans of {random} random traces (count, p50_ms, p95_ms) and {slow} slow (slow_p50_ms; extra_ms: above the \
         median of the others, a trace); an edge is the caller's span less the callee's"
    ))
}
