//! Recorded requests: spans and lines read from documents with ECS names, and written back. Knows files' shape; knows no fault.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use serde_json::{Value, json};

/// A span, with the document it was read from.
#[derive(Debug, Clone)]
pub(super) struct Span {
    pub(super) id: String,
    pub(super) parent: Option<String>,
    pub(super) service: String,
    pub(super) start_us: i64,
    pub(super) duration_us: i64,
    /// It takes a request rather than making a step of one.
    pub(super) is_entry: bool,
    pub(super) source: Value,
}

/// A log line, with the document it was read from.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    pub(super) time_us: i64,
    pub(super) service: String,
    pub(super) logger: String,
    pub(super) number: i64,
    pub(super) level: String,
    pub(super) message: String,
    /// The span it was written in.
    pub(super) span: String,
    pub(super) source: Value,
}

/// A request.
#[derive(Debug, Clone, Default)]
pub(super) struct Trace {
    pub(super) id: String,
    pub(super) spans: Vec<Span>,
    pub(super) lines: Vec<Line>,
}

impl Span {
    pub(super) fn end_us(&self) -> i64 {
        self.start_us + self.duration_us
    }
}

impl Line {
    /// Logger and line of the source.
    pub(super) fn place(&self) -> (&str, i64) {
        (&self.logger, self.number)
    }
}

impl Trace {
    /// When its earliest document happened.
    pub(super) fn start_us(&self) -> i64 {
        self.spans.iter().map(|span| span.start_us).chain(self.lines.iter().map(|line| line.time_us)).min().unwrap_or(0)
    }

    pub(super) fn shift(&mut self, by_us: i64) {
        self.spans.iter_mut().for_each(|span| span.start_us += by_us);
        self.lines.iter_mut().for_each(|line| line.time_us += by_us);
    }

    pub(super) fn sort(&mut self) {
        self.spans.sort_by_key(|span| span.start_us);
        self.lines.sort_by_key(|line| line.time_us);
    }

    /// Takes a stretch of time out: what follows moves up, what contains it becomes shorter.
    pub(super) fn collapse(&mut self, from_us: i64, to_us: i64) {
        let moved = |time: i64| if time <= from_us { time } else { (time - (to_us - from_us)).max(from_us) };
        if to_us <= from_us {
            return;
        }
        for span in &mut self.spans {
            let end = moved(span.end_us());
            span.start_us = moved(span.start_us);
            span.duration_us = end - span.start_us;
        }
        self.lines.iter_mut().for_each(|line| line.time_us = moved(line.time_us));
    }

    /// Makes some spans longer at some moments: what begins later moves on.
    pub(super) fn delay(&mut self, delays: &[Delay]) {
        for span in &mut self.spans {
            let (mut later, mut longer) = (0, 0);
            for delay in delays {
                if delay.within.contains(&span.id) {
                    longer += delay.by_us;
                } else if span.start_us >= delay.at_us {
                    later += delay.by_us;
                }
            }
            span.start_us += later;
            span.duration_us += longer;
        }
        for line in &mut self.lines {
            line.time_us += delays.iter().filter(|delay| line.time_us >= delay.at_us).map(|delay| delay.by_us).sum::<i64>();
        }
    }
}

/// So much more time at a moment, in a span and all that wait for it.
pub(super) struct Delay {
    pub(super) at_us: i64,
    pub(super) by_us: i64,
    pub(super) within: Vec<String>,
}

/// Who caused whom in a request, and in which visit to a service each span lies.
pub(super) struct Tree {
    at: HashMap<String, usize>,
    parents: Vec<Option<usize>>,
    children: Vec<Vec<usize>>,
    /// The topmost span of the same service that each descends from.
    visits: Vec<usize>,
}

impl Tree {
    pub(super) fn of(trace: &Trace) -> Self {
        let at: HashMap<String, usize> = trace.spans.iter().enumerate().rev().map(|(at, span)| (span.id.clone(), at)).collect();
        let parent = |(own, span): (usize, &Span)| span.parent.as_ref().and_then(|id| at.get(id)).copied().filter(|at| *at != own);
        let parents: Vec<Option<usize>> = trace.spans.iter().enumerate().map(parent).collect();
        let mut children = vec![Vec::new(); parents.len()];
        for (own, parent) in parents.iter().enumerate() {
            if let Some(list) = parent.and_then(|parent| children.get_mut(parent)) {
                list.push(own);
            }
        }
        let service = |at: usize| trace.spans.get(at).map(|span| span.service.as_str());
        let top = |mut at: usize| {
            // A chain cannot be longer than there are spans.
            for _ in 0..parents.len() {
                match parents.get(at).copied().flatten() {
                    Some(parent) if service(parent) == service(at) => at = parent,
                    _ => break,
                }
            }
            at
        };
        let visits = (0..parents.len()).map(top).collect();
        Self { at, parents, children, visits }
    }

    pub(super) fn position(&self, id: &str) -> Option<usize> {
        self.at.get(id).copied()
    }

    pub(super) fn parent(&self, at: usize) -> Option<usize> {
        self.parents.get(at).copied().flatten()
    }

    pub(super) fn children(&self, at: usize) -> &[usize] {
        self.children.get(at).map_or(&[], Vec::as_slice)
    }

    pub(super) fn visit(&self, at: usize) -> usize {
        self.visits.get(at).copied().unwrap_or(at)
    }

    /// The visit that a line was written in.
    pub(super) fn visit_of(&self, line: &Line) -> Option<usize> {
        self.position(&line.span).map(|at| self.visit(at))
    }

    /// A span and all that wait for it, by id.
    pub(super) fn waiting(&self, trace: &Trace, at: usize) -> Vec<String> {
        let up = std::iter::successors(Some(at), |at| self.parent(*at)).take(trace.spans.len());
        up.filter_map(|at| trace.spans.get(at)).map(|span| span.id.clone()).collect()
    }

    /// A span and all that it caused.
    pub(super) fn below(&self, at: usize) -> Vec<usize> {
        let mut found = vec![at];
        let mut next = 0;
        while let Some(at) = found.get(next).copied() {
            next += 1;
            found.extend(self.children(at).iter().filter(|child| **child != at));
            if found.len() > self.parents.len() {
                break;
            }
        }
        found
    }
}

fn text(document: &Value, path: &str) -> String {
    document.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn micros(document: &Value) -> Result<i64> {
    let time: Timestamp = text(document, "/@timestamp").parse().context("a document has no @timestamp")?;
    Ok(time.as_microsecond())
}

/// Reads documents to requests, by id.
pub(super) fn read(spans: impl Iterator<Item = Value>, lines: impl Iterator<Item = Value>) -> Result<BTreeMap<String, Trace>> {
    let mut traces: BTreeMap<String, Trace> = BTreeMap::new();
    let of = |traces: &mut BTreeMap<String, Trace>, document: &Value| -> Option<String> {
        let id = text(document, "/trace/id");
        traces.entry(id.clone()).or_insert_with(|| Trace { id: id.clone(), ..Trace::default() });
        (!id.is_empty()).then_some(id)
    };
    for source in spans {
        let Some(id) = of(&mut traces, &source) else { continue };
        let kind = if source.get("transaction").is_some() { "transaction" } else { "span" };
        let parent = text(&source, "/parent/id");
        let span = Span {
            id: text(&source, &format!("/{kind}/id")),
            parent: (!parent.is_empty()).then_some(parent),
            service: text(&source, "/service/name"),
            start_us: micros(&source)?,
            duration_us: source.pointer(&format!("/{kind}/duration/us")).and_then(Value::as_i64).unwrap_or(0),
            is_entry: kind == "transaction",
            source,
        };
        traces.entry(id).or_default().spans.push(span);
    }
    for source in lines {
        let Some(id) = of(&mut traces, &source) else { continue };
        let line = Line {
            time_us: micros(&source)?,
            service: text(&source, "/service/name"),
            logger: text(&source, "/log/logger"),
            number: source.pointer("/log/origin/file/line").and_then(Value::as_i64).unwrap_or(0),
            level: text(&source, "/log/level"),
            message: text(&source, "/message"),
            span: text(&source, "/span/id"),
            source,
        };
        traces.entry(id).or_default().lines.push(line);
    }
    traces.remove("");
    traces.values_mut().for_each(Trace::sort);
    Ok(traces)
}

fn put(document: &mut Value, path: &str, value: Value) {
    if let Some(slot) = document.pointer_mut(path) {
        *slot = value;
    }
}

pub(super) fn written_span(span: &Span) -> Result<Value> {
    let kind = if span.is_entry { "transaction" } else { "span" };
    let mut document = span.source.clone();
    put(&mut document, "/@timestamp", json!(Timestamp::from_microsecond(span.start_us)?.to_string()));
    put(&mut document, "/timestamp/us", json!(span.start_us));
    put(&mut document, &format!("/{kind}/duration/us"), json!(span.duration_us));
    match &span.parent {
        Some(parent) => put(&mut document, "/parent/id", json!(parent)),
        None => {
            document.as_object_mut().and_then(|fields| fields.remove("parent"));
        }
    }
    Ok(document)
}

pub(super) fn written_line(line: &Line) -> Result<Value> {
    let mut document = line.source.clone();
    put(&mut document, "/@timestamp", json!(Timestamp::from_microsecond(line.time_us)?.to_string()));
    put(&mut document, "/log/logger", json!(line.logger));
    put(&mut document, "/log/origin/file/line", json!(line.number));
    put(&mut document, "/log/level", json!(line.level));
    put(&mut document, "/message", json!(line.message));
    Ok(document)
}
