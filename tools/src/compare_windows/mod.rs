//! `compare_windows`: what is different now, and who did it. Knows the looks; knows no engine and no protocol.

#[doc(hidden)]
pub mod ablation;
mod failures;
mod kinds;
mod latency_lens;
mod named;
mod patterns_lens;
mod plan;
mod report;
mod sample;
mod slow;
mod suspects;
#[cfg(test)]
mod tests;
mod values;
mod windows;

use std::collections::{BTreeSet, VecDeque};

use schemars::JsonSchema;
use serde::Deserialize;

use self::{
    plan::{Batch, Counted, Means, Plan, STEPS},
    report::Report,
    sample::{ROLES, Reading},
    windows::{INCIDENT, Windows},
};
use crate::{
    answer::{Answer, Section, Table},
    dsl::TrackTotal,
    error::ToolError,
    look::{Agg, Filter, Found, Key, Look, Order, Results},
    params::{Baseline, Bounded, Scope, Window},
    schema::Role,
    tool::{Context, Output, Step, Tool},
};

/// What is different now and which service did it: ranked suspects with evidence (log patterns NEW, UP, DOWN, GONE, self
/// time, call edges), field values that moved, and how sure that is. Compares whole traces with a baseline. Use it once
/// you know when; `find_changes` for deployments, `get_error_summary` for errors alone.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct CompareWindows {
    #[serde(flatten)]
    scope: Scope,
    /// previous (ten windows before), 1d, 7d, {start, end}
    #[serde(default)]
    baseline: Baseline,
    /// Suspects; the other lists have half as many rows
    #[serde(default)]
    top: Bounded<5, 100>,
}

/// Stretches of each window from whose beginnings documents are measured: lines and spans in the mixture that they come in there.
const MEASURED_PARTS: u32 = 3;

/// Documents of each stretch by whose size the replies are reckoned.
const MEASURED: u32 = 40;

/// Below this share of documents with a trace id, stretches of time stand in for traces.
const LEAST_TRACED: f64 = 0.1;

/// Fewer traces in a window than this are a thin sample.
const THIN: usize = 100;

impl Tool for CompareWindows {
    const NAME: &'static str = "compare_windows";
    const TITLE: &'static str = "Compare windows";
    const OUTPUT: Output = Output { columns: &[], sections: &["strength", "suspects", "patterns", "edges", "values"] };

    fn scope(&self) -> &Scope {
        &self.scope
    }

    fn ask(self, context: &Context) -> Result<Step, ToolError> {
        context.schema.need(&Role::Service.into())?;
        let limit = context.settings.max_window_s;
        let window = self.scope.window(context.now, limit)?;
        let windows = Windows::of_call(window, &self.baseline, context.now, limit)?;
        let filter = self.scope.filter(context.now)?;
        let has_trace = context.schema.need_groupable(&Role::TraceId.into()).is_ok();
        let roles = values::roles(&context.schema);
        let survey = |window: Window| values::count(survey(filter.clone(), window, has_trace), &roles);
        let mut looks = vec![survey(windows.incident), survey(windows.baseline)];
        let parts = [windows.incident, windows.baseline].into_iter().flat_map(|window| window.parts(MEASURED_PARTS));
        looks.extend(parts.map(|part| Look::new(filter.clone(), Some(part)).page(Order::Oldest, 0, MEASURED).fetch(ROLES)));
        Step::look(looks, move |found, context| self.surveyed(windows, filter, &roles, &found, context))
    }
}

/// Counts the documents of a window by time.
fn survey(filter: Filter, window: Window, has_trace: bool) -> Look {
    #[expect(clippy::cast_possible_truncation, reason = "a window is at most days long")]
    let interval_ms = ((window.seconds() * 1_000.0 / STEPS as f64).ceil() as i64).max(1);
    let steps = Agg::TimeHistogram { interval_ms, window, inner: Vec::new() };
    let look =
        Look::new(filter, Some(window)).total(TrackTotal::Exact).agg("oldest", Agg::Min(Role::Time.into())).agg("steps", steps.clone());
    if !has_trace {
        return look;
    }
    let traced = Agg::Filter(Filter::Exists(Role::TraceId.into()), Vec::new())
        .with("steps", steps)
        .with("traces", Agg::Cardinality(Role::TraceId.into()));
    look.agg("traced", traced)
}

/// What the survey of one window counted.
fn counted(found: &Found<'_>, window: Window, traced: bool) -> Counted {
    let none = Results::default();
    let results = if traced { found.results.inside("traced").unwrap_or(&none) } else { &found.results };
    let steps = results.buckets("steps").iter().filter_map(|bucket| match bucket.key {
        Key::Time(time) => Some((time, bucket.count)),
        Key::Text(_) | Key::Number(_) | Key::Int(_) | Key::Parts(_) => None,
    });
    Counted { window, steps: steps.collect(), traces: results.number("traces").unwrap_or(0.0) }
}

impl CompareWindows {
    /// Decides what to fetch.
    fn surveyed(self, windows: Windows, filter: Filter, roles: &[Role], found: &[Found<'_>], context: &Context) -> Result<Step, ToolError> {
        let [incident, baseline, measured @ ..] = found else { return Step::done(Answer::new("nothing was asked")) };
        let top = self.top.value() as usize;
        if incident.total.value == 0 {
            let answer = Answer::new("nothing to compare: no document matches in the window").window(windows.incident);
            return Step::empty(Self::NAME, answer.matched(incident.total), Some(windows.incident), self.scope.clauses(context.now)?);
        }
        let Some(oldest) = baseline.results.time("oldest").filter(|_| baseline.total.value > 0) else {
            let answer = Answer::new(format!(
                "nothing to compare with: no document of the baseline {} to {} matches",
                windows.baseline.start(),
                windows.baseline.end()
            ));
            return Step::done(answer.window(windows.incident).matched(incident.total));
        };
        let asked = windows.baseline;
        let windows = windows.from(oldest);
        let all = incident.total.value + baseline.total.value;
        let with_id = incident.results.count("traced") + baseline.results.count("traced");
        #[expect(clippy::cast_precision_loss, reason = "counts of documents")]
        let traced = with_id as f64 >= LEAST_TRACED * all as f64 && with_id > 0;
        let filter = if traced { filter.and(Filter::Exists(Role::TraceId.into())) } else { filter };
        let counted = [counted(incident, windows.incident, traced), counted(baseline, asked, traced)];
        let job = Job {
            windows,
            traced,
            top,
            reading: Reading::new(!traced, measured.iter().flat_map(|found| &found.hits)),
            chosen: None,
            notes: Vec::new(),
            short: 0,
            values: values::moved(roles, incident, baseline, top.div_ceil(2)),
            matched: incident.total,
        };
        job.fetch(counted, Means::of(measured), filter, if traced { all - with_id } else { 0 })
    }
}

/// A comparison under way.
struct Job {
    windows: Windows,
    traced: bool,
    top: usize,
    reading: Reading,
    /// The traces chosen of the incident and of the baseline; none where all are read.
    chosen: Option<[BTreeSet<String>; 2]>,
    notes: Vec<String>,
    /// Documents that a reply had no room for.
    short: u64,
    values: Table,
    matched: crate::look::Total,
}

impl Job {
    fn fetch(mut self, counted: [Counted; 2], means: Means, filter: Filter, without_id: u64) -> Result<Step, ToolError> {
        if without_id > 0 {
            self.notes.push(format!("{without_id} documents without a trace id are not compared"));
        }
        if !self.traced {
            self.notes.push("no trace ids: ten seconds of one pod or host stand in for a trace".to_owned());
        }
        match plan::plan(&self.windows, &counted, means, &filter, self.traced) {
            Plan::Whole(batches) => self.next(batches.into()),
            Plan::Stretches(batches) => {
                self.notes.push("a sample: stretches of ten seconds, evenly spread over both windows".to_owned());
                self.next(batches.into())
            }
            Plan::Traces(one_in) => {
                let looks = counted.iter().zip(one_in).map(|(counted, one_in)| plan::choose(counted, one_in, &filter)).collect();
                Step::look(looks, move |found, _| {
                    let ids = |found: Option<&Found<'_>>| -> Vec<String> {
                        let buckets = found.map_or(&[][..], |found| found.results.buckets("traces"));
                        buckets.iter().map(|bucket| bucket.key.text().into_owned()).collect()
                    };
                    let chosen = [ids(found.first()), ids(found.get(1))];
                    let [incident, baseline] = one_in;
                    self.notes
                        .push(format!("a sample of whole traces: one in {incident} of the window, one in {baseline} of the baseline"));
                    let mut batches = plan::of_traces(&self.windows, &counted, &chosen, means, &filter);
                    let left = batches.len().saturating_sub(plan::MOST_BATCHES);
                    if left > 0 {
                        batches.truncate(plan::MOST_BATCHES);
                        self.notes.push(format!("the last {left} parts of the sample were left out: it is larger than was reckoned"));
                    }
                    self.chosen = Some(chosen.map(|ids| ids.into_iter().collect()));
                    self.next(batches.into())
                })
            }
        }
    }

    /// Reads one batch of documents after the other: a reply is let go before the next is asked for.
    fn next(mut self, mut batches: VecDeque<Batch>) -> Result<Step, ToolError> {
        let Some(batch) = batches.pop_front() else { return self.done() };
        Step::look(batch, move |found, _| {
            for found in found {
                self.short += found.total.value.saturating_sub(found.hits.len() as u64);
                found.hits.into_iter().for_each(|hit| self.reading.read(&hit));
            }
            self.next(batches)
        })
    }

    fn done(mut self) -> Result<Step, ToolError> {
        let (lines, spans) = (self.reading.lines, self.reading.spans);
        let chosen = self.chosen.take();
        let keep = |id: &str, window: usize| {
            let Some([incident, baseline]) = &chosen else { return true };
            if window == INCIDENT { incident.contains(id) } else { baseline.contains(id) }
        };
        let sample = std::mem::take(&mut self.reading).finish(&self.windows, keep);
        let verdict = suspects::judge(&sample, &self.windows);
        let report = Report { sample: &sample, verdict: &verdict, top: self.top, traced: self.traced, spans };
        let (here, there) = sample.sizes();
        let what = if self.traced { "traces" } else { "stand-ins for traces" };
        let Windows { baseline, count, .. } = self.windows;
        let mut answer = Answer::new(report.summary()).window(self.windows.incident).matched(self.matched).note(format!(
            "compared {here} {what} with {there} of the baseline {:.0} to {:.0} ({count} windows); {lines} log lines, {spans} spans",
            baseline.start(),
            baseline.end()
        ));
        answer = report.write(answer).section(Section::table("values", self.values));
        if self.windows.is_short() {
            let times = self.windows.times();
            answer = answer.note(format!("short baseline: {times:.1} times the window"));
        }
        if here < THIN || there < THIN {
            answer = answer.note("thin: fewer than 100 traces on a side");
        }
        if self.short > 0 {
            answer =
                answer.note(format!("{} documents of the chosen traces or stretches did not fit into a reply and are missing", self.short));
        }
        Step::done(self.notes.into_iter().fold(answer, Answer::note))
    }
}
