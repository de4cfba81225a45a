//! `search_by_trace_id`: one trace as a tree. Knows the looks; knows no engine and no protocol.

mod compare;
mod healthy;
mod rows;
mod story;
#[cfg(test)]
mod tests;
mod trace;

use std::collections::HashSet;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    answer::{Answer, Hint, Section},
    dsl::Range,
    error::{Code, ToolError},
    look::{Field, Filter, Found, Hit, Look, Order, Total},
    params::{Bounded, Flag, OneOrMany, Scope, Text, Window},
    schema::Role,
    tool::{Context, Output, Step, Tool},
};
use compare::Comparison;
use healthy::Entry;
use story::Story;
use trace::{Node, Trace};

/// Shows one trace: spans and log lines as a tree, critical path, first error, largest gap. Takes any notation of the id
/// (traceparent, X-Ray, Datadog, 64-bit) and finds it at any time when no time is given. For other ids use
/// `correlate_id`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct SearchByTraceId {
    #[serde(flatten)]
    scope: Scope,
    trace_id: Text,
    /// Only this span's subtree
    focus_span_id: Option<Text>,
    /// With a healthy trace of the same entry
    #[serde(default)]
    compare: Flag,
    /// Default both
    include: Option<OneOrMany<Include>>,
    /// Rows at most
    #[serde(default)]
    size: Bounded<MOST_DOCUMENTS, MOST_DOCUMENTS>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Include {
    Logs,
    Spans,
}

/// Documents of a trace that are read.
const MOST_DOCUMENTS: u32 = 1_000;

/// Failures that are read beyond them, to know the first one that is not of the same moment.
const LATER_FAILURES: u32 = 100;

/// A trace whose first document lies this close to the beginning of a window that nobody asked for may begin before it.
const EDGE_SHARE: f64 = 0.1;

/// One part in so many of the rows' room is left to them beside a comparison.
const COMPARED_SHARE: usize = 3;

/// Bytes of an answer that are not rows: summary, facts, notes, next calls.
const FRAME_BYTES: usize = 2_400;

impl Tool for SearchByTraceId {
    const NAME: &'static str = "search_by_trace_id";
    const TITLE: &'static str = "Search by trace id";
    const OUTPUT: Output = Output {
        columns: &["depth", "time", "service", "pod", "level", "status", "duration_ms", "self_ms", "message", "span_id", "count"],
        sections: &["trace", "services", "healthy", "differences", "time"],
    };

    fn scope(&self) -> &Scope {
        &self.scope
    }

    fn ask(self, context: &Context) -> Result<Step, ToolError> {
        if self.trace_id.as_str().trim().is_empty() {
            return Err(ToolError::new(
                Code::BadArgument,
                "`trace_id` is empty",
                "give the id; correlate_id finds the trace of another id",
            ));
        }
        context.schema.need(&Field::Role(Role::TraceId))?;
        let window = self.scope.window(context.now, context.settings.max_window_s)?;
        let look = self.trace_look(context, Some(window))?;
        Step::look(vec![look], move |found, context| {
            let found = found.into_iter().next().unwrap_or_default();
            if self.is_timeless() && may_lie_before(&found, window) {
                let look = self.trace_look(context, None)?;
                return Step::look(vec![look], move |found, context| {
                    self.answer(None, &found.into_iter().next().unwrap_or_default(), context)
                });
            }
            self.answer(Some(window), &found, context)
        })
    }
}

/// Whether a trace is not, or not surely whole, in a window that nobody asked for.
fn may_lie_before(found: &Found<'_>, window: Window) -> bool {
    let first = found.hits.first().and_then(|hit| hit.time);
    first.is_none_or(|first| first.duration_since(window.start()).as_secs_f64() < window.seconds() * EDGE_SHARE)
}

impl SearchByTraceId {
    /// Whether the caller said nothing about time.
    fn is_timeless(&self) -> bool {
        let scope = &self.scope;
        scope.start.is_none() && scope.end.is_none() && scope.around.is_none() && scope.window.is_none()
    }

    fn clauses(&self, context: &Context) -> Result<Vec<(String, Filter)>, ToolError> {
        let id = self.trace_id.as_str();
        let mut clauses = vec![(format!("trace_id {id}"), Filter::is(Role::TraceId, id))];
        clauses.extend(self.scope.clauses(context.now)?);
        let members = self.include.as_ref().map(|include| include.members()).unwrap_or_default();
        let (logs, spans) = (members.contains(&Include::Logs), members.contains(&Include::Spans));
        if logs != spans {
            if spans {
                context.schema.need(&Field::Role(Role::SpanName))?;
                context.schema.need(&Field::Role(Role::Duration))?;
            }
            let is_span = is_span(context);
            clauses.push(if spans { ("include spans".to_owned(), is_span) } else { ("include logs".to_owned(), is_span.negated()) });
        }
        Ok(clauses)
    }

    fn trace_look(&self, context: &Context, window: Option<Window>) -> Result<Look, ToolError> {
        let filter = self.clauses(context)?.into_iter().fold(Filter::All, |all, (_, clause)| all.and(clause));
        Ok(Look::new(filter, window).page(Order::Oldest, 0, MOST_DOCUMENTS).fetch(trace::roles()))
    }

    /// `window` is none when all time was searched.
    fn answer(self, window: Option<Window>, found: &Found<'_>, context: &Context) -> Result<Step, ToolError> {
        let id = self.trace_id.as_str();
        if found.hits.is_empty() {
            let answer = Answer::new(format!("no document of trace {id}")).window(window).matched(found.total);
            let answer =
                answer.hint(Hint::new("correlate_id", "looks for the id in every identifying field and in messages").with("id", id));
            return Step::empty(Self::NAME, answer, window, self.clauses(context)?);
        }
        let trace = Trace::read(&found.hits);
        let entry = Entry::of(&trace, &found.hits);
        let read = Read { window, total: found.total, hits: found.hits.len() as u64, later: Later::default() };
        let last = found.hits.iter().rev().find_map(|hit| hit.time).filter(|_| read.total.value > read.hits);
        let Some(last) = last else { return self.read(trace, read, entry, context) };
        let look = self.later_failures(last, window, context)?;
        let seen: HashSet<(String, String)> = found.hits.iter().filter(|hit| hit.time == Some(last)).map(identity).collect();
        Step::look(vec![look], move |found, context| {
            let later = found.first().map(|found| Later::read(found, &seen)).unwrap_or_default();
            self.read(trace, Read { later, ..read }, entry, context)
        })
    }

    /// What failed of a trace from the last document on that was read, where a trace has more than are read.
    fn later_failures(&self, last: Timestamp, window: Option<Window>, context: &Context) -> Result<Look, ToolError> {
        let from = Range { gte: Some(last.to_string().into()), ..Range::default() };
        let look = self.trace_look(context, window)?;
        let filter = look.filter.clone().and(Filter::Failed).and(Filter::Range(Role::Time.into(), from));
        Ok(Look { filter, ..look }.page(Order::Oldest, 0, LATER_FAILURES))
    }

    /// Goes on with what was read of a trace.
    fn read(self, trace: Trace, read: Read, entry: Option<Entry>, context: &Context) -> Result<Step, ToolError> {
        if !self.compare.0 {
            return self.told(&trace, &read, None, context);
        }
        let Some(entry) = entry else {
            return self.told(&trace, &read, Some(Err("nothing names where it entered".to_owned())), context);
        };
        context.schema.need_groupable(&Field::Role(Role::TraceId))?;
        self.compared(trace, read, entry, context)
    }

    /// Looks for a healthy trace of the same entry, and compares.
    fn compared(self, trace: Trace, read: Read, entry: Entry, context: &Context) -> Result<Step, ToolError> {
        let looks = entry.looks(&context.schema, context.settings.max_window_s);
        Step::look(looks, move |found, context| {
            let candidates = entry.traces(&found, &trace.ids);
            if candidates.is_empty() {
                let why = format!("no other trace of {} within a day", entry.told());
                return self.told(&trace, &read, Some(Err(why)), context);
            }
            Step::look(vec![healthy::look(&candidates)], move |found, context| {
                let (chosen, healthy) = found.first().map_or((None, 0), |found| healthy::choose(&candidates, found));
                let Some(chosen) = chosen else {
                    let why = format!("none of {} traces of {} is without an error", candidates.len(), entry.told());
                    return self.told(&trace, &read, Some(Err(why)), context);
                };
                let of = compare::chosen(&entry.told(), healthy, candidates.len());
                let other = Self { trace_id: Text::new(&chosen.id).unwrap_or_else(|_| self.trace_id.clone()), ..self.clone() };
                let look = other.trace_look(context, None)?;
                Step::look(vec![look], move |found, context| {
                    let healthy = found.first().map(|found| Trace::read(&found.hits)).unwrap_or_default();
                    let comparison = compare::compare(&trace, &healthy, &of);
                    self.told(&trace, &read, Some(Ok(comparison)), context)
                })
            })
        })
    }

    /// Tells a trace. `compared` is none where no comparison was asked for, and a reason where none was possible.
    fn told(&self, trace: &Trace, read: &Read, compared: Option<Result<Comparison, String>>, context: &Context) -> Result<Step, ToolError> {
        let id = self.trace_id.as_str();
        let Read { window, total, hits, ref later } = *read;
        let story = Story::of(trace, later.first.as_ref());
        let focus = self.focus_span_id.as_ref().map(|focus| find(trace, focus.as_str())).transpose()?;
        let max_tokens = self.scope.max_tokens(context.settings.max_tokens) as usize;
        let room = (max_tokens * 3).saturating_sub(FRAME_BYTES);
        let room = if matches!(compared, Some(Ok(_))) { room / COMPARED_SHARE } else { room };
        let rows = rows::rows(trace, &story.legs, focus, self.size.value() as usize, room);
        let left = (rows.left as u64).saturating_add(if focus.is_none() { total.value.saturating_sub(hits) } else { 0 });
        let why = if rows.table.len() < self.size.value() as usize { "max_tokens" } else { "size" };
        let shown = [Role::TraceId, Role::SpanId, Role::ParentSpanId, Role::Duration].map(|role| (role, context.schema.has(role)));
        let shown: Vec<Role> = shown.into_iter().filter(|(_, there)| *there).map(|(role, _)| role).collect();
        let (comparison, why_not) = match compared {
            Some(Ok(comparison)) => (Some(comparison), None),
            Some(Err(why)) => (None, Some(why)),
            None => (None, None),
        };
        let mut summary = story.summary(trace, trace.ids.first().map_or(id, String::as_str));
        if let Some(comparison) = &comparison {
            summary = format!("{summary}; {}", comparison.words);
        }
        let mut answer = Answer::new(summary)
            .window(window.or_else(|| lived(trace)))
            .matched(total)
            .table(rows.table.truncated(left, why))
            .section(story.section(trace));
        answer = comparison.into_iter().flat_map(|comparison| comparison.sections).fold(answer, Answer::section);
        answer = why_not.into_iter().fold(answer, |answer, why| answer.note(format!("not compared: {why}")));
        for (role, field) in context.schema.shown(&shown) {
            answer = answer.field(role, field);
        }
        if trace.spans.is_empty() {
            answer = answer.section(Section::table("services", story::services(trace)));
        }
        if window.is_none() {
            answer = answer.note("no time was given: all time was searched");
        }
        if total.value > hits {
            let failed = if later.failed.value == 0 { String::new() } else { format!("; of the others {} failed", later.failed) };
            answer = answer.note(format!("of {total} documents the earliest {hits} are read: figures are of these{failed}"));
        }
        if trace.ids.len() > 1 {
            answer = answer.note(format!("stored under {} ids: {}", trace.ids.len(), trace.ids.join(", ")));
        }
        if rows.folded {
            answer = answer.note("count: siblings alike; the slowest stands for them, with what is under it");
        }
        for oddity in story::oddities(trace) {
            answer = answer.note(oddity);
        }
        if let Some((service, time)) = story.failure() {
            let hint = Hint::new("get_logs_in_window", "what else the service did at the first error");
            answer = answer.hint(hint.with("around", time.to_string()).with("window", "10s").with("service", service));
        }
        if let Some(span) = rows.closed.and_then(|node| trace.span(node)) {
            let hint = Hint::new(Self::NAME, "a subtree that is not shown whole");
            answer = answer.hint(hint.with("trace_id", id).with("focus_span_id", span.id.as_str()));
        }
        Step::done(answer)
    }
}

/// What of a trace was read.
#[derive(Debug, Clone)]
struct Read {
    /// None when all time was searched.
    window: Option<Window>,
    total: Total,
    hits: u64,
    later: Later,
}

/// What failed of a trace after the documents that are read: a trace is not said to be without an error for its first part.
#[derive(Debug, Clone, Default)]
struct Later {
    failed: Total,
    first: Option<Node>,
}

impl Later {
    /// `seen` are the documents of the first moment that were read.
    fn read(found: &Found<'_>, seen: &HashSet<(String, String)>) -> Self {
        let (known, new): (Vec<&Hit<'_>>, Vec<&Hit<'_>>) = found.hits.iter().partition(|hit| seen.contains(&identity(hit)));
        let value = found.total.value.saturating_sub(known.len() as u64);
        Self { failed: Total { value, ..found.total }, first: new.into_iter().find_map(Node::read) }
    }
}

fn identity(hit: &Hit<'_>) -> (String, String) {
    (hit.index.to_string(), hit.id.to_string())
}

/// A document with a span's name and duration and without a message, as far as the indices have these fields.
fn is_span(context: &Context) -> Filter {
    let (name, duration, message) = (Role::SpanName, Role::Duration, Role::Message);
    if !context.schema.has(name) || !context.schema.has(duration) {
        return Filter::Nothing;
    }
    let is_span = Filter::Exists(name.into()).and(Filter::Exists(duration.into()));
    if context.schema.has(message) { is_span.and(Filter::Exists(message.into()).negated()) } else { is_span }
}

fn find(trace: &Trace, id: &str) -> Result<usize, ToolError> {
    trace.find(id.trim()).ok_or_else(|| {
        let known: Vec<&str> = trace.spans.iter().take(3).map(|span| span.id.as_str()).collect();
        let next = if known.is_empty() {
            "this trace has no spans here: leave `focus_span_id` out".to_owned()
        } else {
            format!("leave `focus_span_id` out, or take one of the {} there are, such as {}", trace.spans.len(), known.join(", "))
        };
        ToolError::new(Code::BadArgument, format!("no span `{}` in this trace", id.chars().take(80).collect::<String>()), next)
    })
}

/// From the first to the last moment of a trace.
fn lived(trace: &Trace) -> Option<Window> {
    let (first, last) = trace.extent()?;
    Window::new(story::moment(first)?, story::moment(last.saturating_add(1))?)
}
