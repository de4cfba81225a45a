//! Log lines and spans grouped to traces, each in the window it began in. Knows documents; knows no search and no statistics.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;

use super::{
    ablation::{Part, is_off},
    failures::FirstFailure,
    kinds,
    named::Complaints,
    windows::{INCIDENT, Windows},
};
use crate::{
    line_key::{self, KeyKind},
    look::Hit,
    mining::{Templates, headline, mask},
    params::Level,
    schema::Role,
    spans::{Span, nanoseconds},
};

/// What must be fetched of a document.
pub(super) const ROLES: [Role; 16] = [
    Role::Service,
    Role::Level,
    Role::TraceId,
    Role::Message,
    Role::EventCode,
    Role::Template,
    Role::Logger,
    Role::Line,
    Role::SpanId,
    Role::ParentSpanId,
    Role::SpanName,
    Role::Duration,
    Role::Pod,
    Role::Host,
    Role::Status,
    Role::Outcome,
];

/// Where there are no trace ids, the documents of one pod or host in so many seconds stand in for a trace.
const STAND_IN_SECONDS: i64 = 10;

/// A pattern: a kind of event of one service. A number in [`Sample::patterns`].
pub(super) type PatternId = usize;

/// A kind of event of one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    /// Number in [`Sample::services`].
    pub(super) service: usize,
    /// What tells it apart: an event code, a template, logger and line, the name of a span.
    pub(super) key: String,
    /// How it reads: the template of one of its lines.
    pub(super) text: String,
    /// Most of its lines are errors.
    pub(super) is_error: bool,
}

/// A request, or what stands in for one.
#[derive(Debug, Clone, Default)]
pub(super) struct Trace {
    pub(super) id: String,
    /// 0 is the incident, from 1 on the windows of the baseline.
    pub(super) window: usize,
    /// The pattern it began with: its type of request.
    pub(super) kind: PatternId,
    /// When and what, by time; with spans, which service called which too.
    pub(super) lines: Vec<(i64, PatternId)>,
    /// Patterns that are no line: that a template came more than once, and who failed first.
    pub(super) marks: Vec<PatternId>,
    pub(super) spans: Vec<Span>,
    /// The services that wrote any of it, in the order of their numbers.
    pub(super) reached: Vec<usize>,
    /// Whom error lines of others name.
    pub(super) named: Vec<String>,
}

impl Trace {
    /// Its patterns, some of them more than once.
    pub(super) fn patterns(&self) -> impl Iterator<Item = PatternId> {
        self.lines.iter().map(|(_, pattern)| *pattern).chain(self.marks.iter().copied())
    }
}

/// All that the lenses look at.
#[derive(Debug, Default)]
pub(super) struct Sample {
    /// Their names.
    pub(super) services: Vec<String>,
    pub(super) patterns: Vec<Pattern>,
    pub(super) traces: Vec<Trace>,
    /// Some of the documents are log lines.
    pub(super) has_lines: bool,
}

/// What tells the pattern of a line, as far as the document says.
enum Key {
    Given(String),
    /// Nothing but the message does: the place of its line among those to mine.
    Mined(usize),
}

struct Line {
    time_ns: i64,
    service: usize,
    key: Key,
    is_error: bool,
}

/// A trace whose documents are still being read.
#[derive(Default)]
struct Open {
    lines: Vec<Line>,
    spans: Vec<Span>,
    complaints: Vec<usize>,
    failure: FirstFailure,
}

/// Reads documents, in the order of time within each reply.
#[derive(Default)]
pub(super) struct Reading {
    services: Vec<String>,
    number_of: HashMap<String, usize>,
    open: HashMap<String, Open>,
    messages: Vec<String>,
    complaints: Complaints,
    /// A message for each key that documents give.
    example_of: HashMap<(usize, String), String>,
    /// Traces have no ids.
    stand_in: bool,
    /// Keys that lines have each for itself.
    ids: BTreeSet<KeyKind>,
    /// Log lines read.
    pub(super) lines: u64,
    /// Spans read.
    pub(super) spans: u64,
}

impl Reading {
    /// Begins; `stand_in` where traces have no ids. Some lines of both windows tell which keys are ids.
    pub(super) fn new<'h>(stand_in: bool, lines: impl Iterator<Item = &'h Hit<'h>>) -> Self {
        let ids = line_key::ids(lines.filter(|line| !line.is_span));
        Self { stand_in, ids, ..Self::default() }
    }

    /// Reads one document.
    pub(super) fn read(&mut self, hit: &Hit<'_>) {
        let Some(time) = hit.time else { return };
        let name = hit.text(Role::Service).filter(|name| !name.is_empty());
        let service = self.service(name.as_deref().unwrap_or("?"));
        let trace = if self.stand_in { stand_in_of(hit, time) } else { hit.text(Role::TraceId).map(|id| id.into_owned()) };
        let Some(trace) = trace.filter(|id| !id.is_empty()) else { return };
        if hit.is_span {
            if let Some(span) = Span::read(hit) {
                let open = self.open.entry(trace).or_default();
                open.failure.note(hit, service, Some(&span));
                open.spans.push(span);
                self.spans += 1;
            }
            return;
        }
        let Some(key) = self.key(hit, service) else { return };
        let level = hit.level().unwrap_or(Level::Info);
        let message = hit.text(Role::Message).filter(|_| level >= Level::Warn);
        let complaint = message.and_then(|message| self.complaints.note(service, &message));
        let open = self.open.entry(trace).or_default();
        open.complaints.extend(complaint);
        open.failure.note(hit, service, None);
        open.lines.push(Line { time_ns: nanoseconds(time), service, key, is_error: level >= Level::Error });
        self.lines += 1;
    }

    fn service(&mut self, name: &str) -> usize {
        if let Some(number) = self.number_of.get(name) {
            return *number;
        }
        let number = self.services.len();
        self.services.push(name.to_owned());
        self.number_of.insert(name.to_owned(), number);
        number
    }

    /// The most telling key that a line has: a code, a template, the place in the source, or its message.
    fn key(&mut self, hit: &Hit<'_>, service: usize) -> Option<Key> {
        let message = hit.text(Role::Message);
        if let Some((kind, key)) = line_key::key(hit, &self.ids) {
            let given = kind.shown(&key).unwrap_or(&key).to_owned();
            if let Some(message) = &message {
                let example = || if kind == KeyKind::Template { given.clone() } else { mask(headline(message)) };
                self.example_of.entry((service, given.clone())).or_insert_with(example);
            }
            return Some(Key::Given(given));
        }
        self.messages.push(message?.into_owned());
        Some(Key::Mined(self.messages.len() - 1))
    }

    /// Groups what was read to traces. One that began in no window is left out, and so is one that `keep` refuses.
    pub(super) fn finish(mut self, windows: &Windows, keep: impl Fn(&str, usize) -> bool) -> Sample {
        let templates = Templates::mine(self.messages.iter().map(String::as_str));
        let mut patterns = Patterns::default();
        let mut open: Vec<(String, Open)> = std::mem::take(&mut self.open).into_iter().collect();
        open.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let names = self.complaints.names(&self.services);
        let mut traces = Vec::with_capacity(open.len());
        for (id, trace) in open {
            let Some(start) = trace.start() else { continue };
            let Some(window) = windows.of(start).filter(|window| keep(&id, *window)) else { continue };
            let mut lines: Vec<(i64, PatternId)> = trace
                .lines
                .iter()
                .map(|line| {
                    let pattern = match &line.key {
                        Key::Given(key) => patterns
                            .number(line.service, key, || self.example_of.get(&(line.service, key.clone())).cloned().unwrap_or_default()),
                        Key::Mined(at) => {
                            let template = templates.template(templates.of(*at));
                            patterns.number(line.service, template, || template.to_owned())
                        }
                    };
                    patterns.saw(pattern, line.is_error);
                    (line.time_ns, pattern)
                })
                .collect();
            let mined = trace.lines.iter().zip(&lines).filter(|(line, _)| matches!(line.key, Key::Mined(_)));
            let mut marks = patterns.repeated(mined.map(|(_, (_, pattern))| *pattern));
            if let Some((service, key)) = trace.failure.pattern() {
                let pattern = patterns.number(service, &key, || key.clone());
                patterns.saw(pattern, true);
                marks.push(pattern);
            }
            // Stable: lines of one moment stay in the order they were written.
            lines.sort_by_key(|(time, _)| *time);
            let named = trace.complaints.iter().filter_map(|number| names.get(*number)).flatten().cloned().collect();
            traces.push(Trace { id, window, kind: 0, lines, marks, spans: trace.spans, reached: Vec::new(), named });
        }
        let number_of = |service: &str| self.number_of.get(service).copied().unwrap_or_default();
        kinds::tell(&mut traces, &mut patterns, self.stand_in, &number_of);
        if is_off(Part::Types) {
            traces.iter_mut().for_each(|trace| trace.kind = 0);
        }
        let has_lines = traces.iter().any(|trace| !trace.lines.is_empty());
        for trace in &mut traces {
            if !has_lines {
                let name = |span: &Span| (span.start_ns, patterns.number(number_of(&span.service), &span.name, || span.name.clone()));
                trace.lines = trace.spans.iter().map(name).collect();
            }
            for call in kinds::calls(&trace.spans) {
                let mut tell = |service: &str, key: String| {
                    trace.lines.push((call.start_ns, patterns.number(number_of(service), &key, || key.clone())));
                };
                if call.is_last && !has_lines && !is_off(Part::Last) {
                    tell(call.callee, format!("last call of {}", call.caller));
                }
                if !is_off(Part::Calls) {
                    tell(call.caller, format!("calls {}", call.callee));
                }
            }
            trace.lines.sort_by_key(|(time, _)| *time);
            let of_lines = trace.lines.iter().filter_map(|(_, pattern)| patterns.list.get(*pattern)).map(|pattern| pattern.service);
            trace.reached = of_lines.chain(trace.spans.iter().map(|span| number_of(&span.service))).collect();
            trace.reached.sort_unstable();
            trace.reached.dedup();
        }
        patterns.judge_levels();
        Sample { services: self.services, patterns: patterns.list, traces, has_lines }
    }
}

impl Open {
    /// When its earliest document happened, in nanoseconds since the epoch.
    fn start(&self) -> Option<i64> {
        let lines = self.lines.iter().map(|line| line.time_ns);
        lines.chain(self.spans.iter().map(|span| span.start_ns)).min()
    }
}

impl Sample {
    /// Traces in the incident and in the baseline.
    pub(super) fn sizes(&self) -> (usize, usize) {
        let incident = self.traces.iter().filter(|trace| trace.window == INCIDENT).count();
        (incident, self.traces.len() - incident)
    }

    /// The name of a service.
    pub(super) fn service(&self, number: usize) -> &str {
        self.services.get(number).map_or("?", String::as_str)
    }

    /// A trace's id.
    pub(super) fn trace_id(&self, number: usize) -> Option<&str> {
        self.traces.get(number).map(|trace| trace.id.as_str())
    }
}

/// Patterns by number.
#[derive(Default)]
pub(super) struct Patterns {
    list: Vec<Pattern>,
    number_of: BTreeMap<usize, HashMap<String, PatternId>>,
    /// Lines of each, and those of them that are errors.
    levels: Vec<(u32, u32)>,
    /// Patterns that say of another one that it came more than once.
    repeats: BTreeMap<PatternId, PatternId>,
}

impl Patterns {
    pub(super) fn number(&mut self, service: usize, key: &str, text: impl FnOnce() -> String) -> PatternId {
        let known = self.number_of.entry(service).or_default();
        if let Some(number) = known.get(key) {
            return *number;
        }
        let number = self.list.len();
        known.insert(key.to_owned(), number);
        self.list.push(Pattern { service, key: key.to_owned(), text: text(), is_error: false });
        self.levels.push((0, 0));
        number
    }

    /// For each of some patterns of one trace that comes more than once, the pattern that says so. Places in the source that write the same
    /// text share a template: where one of them falls silent, the template still comes, but only once.
    fn repeated(&mut self, of_trace: impl Iterator<Item = PatternId>) -> Vec<PatternId> {
        let mut times: BTreeMap<PatternId, u32> = BTreeMap::new();
        of_trace.for_each(|pattern| *times.entry(pattern).or_default() += 1);
        let often = times.into_iter().filter(|(_, times)| *times > 1 && !is_off(Part::Repeated)).map(|(pattern, _)| pattern);
        let mut said = Vec::new();
        for pattern in often {
            let Some(Pattern { service, text, .. }) = self.list.get(pattern).cloned() else { continue };
            let key = format!("more than once: {text}");
            let number = self.number(service, &key, || key.clone());
            self.repeats.insert(number, pattern);
            said.push(number);
        }
        said
    }

    /// The service that writes a pattern.
    pub(super) fn service_of(&self, pattern: PatternId) -> usize {
        self.list.get(pattern).map_or(0, |pattern| pattern.service)
    }

    fn saw(&mut self, pattern: PatternId, is_error: bool) {
        if let Some((lines, errors)) = self.levels.get_mut(pattern) {
            *lines += 1;
            *errors += u32::from(is_error);
        }
    }

    fn judge_levels(&mut self) {
        for (pattern, (lines, errors)) in self.list.iter_mut().zip(&self.levels) {
            pattern.is_error = errors * 2 > *lines;
        }
        for (number, repeated) in &self.repeats {
            let is_error = self.list.get(*repeated).is_some_and(|pattern| pattern.is_error);
            self.list.iter_mut().skip(*number).take(1).for_each(|pattern| pattern.is_error = is_error);
        }
    }
}

/// What stands in for a trace: the pod, host or service that wrote a document, and the ten seconds it lies in.
fn stand_in_of(hit: &Hit<'_>, time: Timestamp) -> Option<String> {
    let place = [Role::Pod, Role::Host, Role::Service].into_iter().find_map(|role| hit.text(role).filter(|name| !name.is_empty()));
    let bucket = time.as_second().div_euclid(STAND_IN_SECONDS) * STAND_IN_SECONDS;
    Some(format!("{} {}", place.as_deref().unwrap_or("?"), Timestamp::from_second(bucket).ok()?))
}
