//! Which healthy trace a trace is compared with: one that entered at the same place, without an error, of a usual length,
//! the nearest in time before. Knows no answer.

use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};

use super::{story::moment, trace::Trace};
use crate::{
    dsl::Scalar,
    look::{Agg, Field, Filter, Found, Hit, Look, Order},
    mining::{mask, statistics::quantile},
    params::{Level, Window},
    schema::{Role, Schema},
    spans::Span,
};

/// Documents of entries that are read on each side.
const ENTRIES: u32 = 200;

/// Traces among them that are looked at: an id is asked for in up to eight notations, and 1,024 conditions are what an engine
/// takes (`indices.query.bool.max_clause_count`).
const TRACES: usize = 100;

/// How far is looked.
const FAR: SignedDuration = SignedDuration::from_hours(24);

/// Words of a line that others like it are found by.
const WORDS: usize = 8;

/// What a root span may have in place of a parent.
const NO_PARENT: [&str; 2] = ["", "0000000000000000"];

/// Where a trace came in: a span, or its first line.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) service: String,
    role: Role,
    name: String,
    path: Option<String>,
    is_root: bool,
    start: Timestamp,
    end: Timestamp,
}

impl Entry {
    /// The entry of a trace that was read from these documents; none where nothing names it.
    pub(super) fn of(trace: &Trace, hits: &[Hit<'_>]) -> Option<Self> {
        let (first, last) = trace.extent()?;
        let (start, end) = (moment(first)?, moment(last)?);
        let text = |hit: &Hit<'_>, role| hit.text(role).map(|text| text.into_owned()).filter(|text| !text.is_empty());
        if let Some(span) = entry_span(trace, hits) {
            let path = hit_of(hits, span).and_then(|hit| text(hit, Role::Path)).filter(|path| *path != span.name);
            let (service, name) = (span.service.clone(), span.name.clone());
            return Some(Self { service, role: Role::SpanName, name, path, is_root: span.parent.is_none(), start, end });
        }
        // A line that tells of the failure is in no healthy trace.
        let calm = |hit: &&Hit<'_>| hit.time.is_some() && !hit.is_span && hit.level().is_none_or(|level| level < Level::Warn);
        let hit = hits.iter().filter(calm).min_by_key(|hit| hit.time)?;
        let service = text(hit, Role::Service)?;
        let path = text(hit, Role::Path).map(|path| (Role::Path, path));
        let (role, name) = path.or_else(|| Some((Role::Message, text(hit, Role::Message)?)))?;
        Some(Self { service, role, name, path: None, is_root: false, start, end })
    }

    /// What is asked for entries like it.
    fn filter(&self, schema: &Schema) -> Filter {
        let like = match self.role {
            // What varies from line to line is left out.
            Role::Message => {
                let masked = mask(&self.name);
                let words = masked
                    .split(|char: char| !char.is_alphanumeric())
                    .filter(|word| word.chars().all(char::is_alphabetic) && word.len() > 1);
                let words: Vec<&str> = words.take(WORDS).collect();
                Filter::Words(Role::Message.into(), words.join(" "))
            }
            role => reading(role, &self.name),
        };
        let mut filter = Filter::is(Role::Service, self.service.as_str()).and(like).and(Filter::Exists(Role::TraceId.into()));
        if let Some(path) = self.path.as_ref().filter(|_| schema.has(Role::Path)) {
            filter = filter.and(reading(Role::Path, path));
        }
        if self.is_root && schema.has(Role::ParentSpanId) {
            let parentless = Filter::Exists(Role::ParentSpanId.into()).negated();
            let empty = Filter::Is(Role::ParentSpanId.into(), NO_PARENT.map(Scalar::from).to_vec());
            filter = filter.and(Filter::Or(vec![parentless, empty]));
        }
        filter
    }

    /// Entries like it before the trace and after it.
    pub(super) fn looks(&self, schema: &Schema, max_window_s: u64) -> Vec<Look> {
        let limit = i64::try_from(max_window_s).map_or(FAR, SignedDuration::from_secs).min(FAR);
        let before = Window::new(self.start.saturating_sub(limit).unwrap_or(self.start), self.start);
        let after = Window::new(self.end, self.end.saturating_add(limit).unwrap_or(self.end));
        let look = |window, order| {
            let fetch = [Role::TraceId, Role::Duration, Role::Message, Role::SpanName, Role::Path];
            Look::new(self.filter(schema), window).page(order, 0, ENTRIES).fetch(fetch)
        };
        vec![look(before, Order::Newest), look(after, Order::Oldest)]
    }

    /// The traces that entered like it, nearest first, those before it first; this one left out.
    pub(super) fn traces(&self, found: &[Found<'_>], own: &[String]) -> Vec<Candidate> {
        let named = [(self.role, Some(&self.name)), (Role::Path, self.path.as_ref())];
        let masked: Vec<(Role, String)> = named.into_iter().filter_map(|(role, name)| Some((role, mask(name?)))).collect();
        let mut seen: HashSet<String> = own.iter().cloned().collect();
        let mut candidates = Vec::new();
        for (side, found) in found.iter().enumerate() {
            for hit in &found.hits {
                let reads_alike = masked.iter().all(|(role, masked)| hit.text(*role).is_none_or(|text| mask(&text) == *masked));
                let id = hit.text(Role::TraceId).filter(|id| !id.is_empty() && reads_alike);
                let Some(id) = id.filter(|id| !seen.contains(&**id)).map(|id| id.into_owned()) else { continue };
                seen.insert(id.clone());
                let duration_ms = if self.role == Role::SpanName { hit.number(Role::Duration) } else { None };
                candidates.push(Candidate { id, is_before: side == 0, duration_ms });
            }
        }
        candidates.truncate(TRACES);
        candidates
    }

    /// The entry in words.
    pub(super) fn told(&self) -> String {
        let name: String = mask(self.path.as_ref().unwrap_or(&self.name)).chars().take(80).collect();
        format!("{} {name}", self.service)
    }
}

/// Values of a field that read like this one: `/orders/123` like `/orders/456`. What they begin with alike is asked for; whether the rest reads
/// alike is seen when they are there.
fn reading(role: Role, value: &str) -> Filter {
    let masked = mask(value);
    let varies = masked != value;
    let alike: usize = value.chars().zip(masked.chars()).take_while(|(own, masked)| own == masked).map(|(own, _)| own.len_utf8()).sum();
    match value.get(..alike).filter(|start| varies && start.chars().any(char::is_alphabetic)) {
        Some(start) => Filter::Prefix(role.into(), start.to_owned()),
        None => Filter::is(role, value),
    }
}

/// The span by which traces that do the same are known: the root, or the first one called from another service, if its name
/// or path says what was asked for. `GET` and `/*` do not.
fn entry_span<'t>(trace: &'t Trace, hits: &[Hit<'_>]) -> Option<&'t Span> {
    let calls = trace.spans.iter().enumerate().filter(|(number, span)| {
        let parent = trace.forest.parent_of(*number).and_then(|parent| trace.span(parent));
        parent.is_some_and(|parent| parent.service != span.service)
    });
    let called = calls.map(|(_, span)| span).min_by_key(|span| span.start_ns);
    let is_telling = |span: &&Span| {
        let has_path = hit_of(hits, span).is_some_and(|hit| hit.text(Role::Path).is_some_and(|path| is_specific(&path)));
        has_path || is_specific(&span.name)
    };
    trace.root().and_then(|root| trace.span(root)).into_iter().chain(called).find(is_telling)
}

/// Whether a name has a word beside protocols and methods.
fn is_specific(name: &str) -> bool {
    const GENERAL: [&str; 12] = ["http", "https", "grpc", "get", "post", "put", "patch", "delete", "head", "options", "request", "server"];
    name.split(|char: char| !char.is_alphanumeric()).any(|word| !word.is_empty() && !GENERAL.contains(&word.to_ascii_lowercase().as_str()))
}

fn hit_of<'h, 'a>(hits: &'h [Hit<'a>], span: &Span) -> Option<&'h Hit<'a>> {
    hits.iter().find(|hit| hit.is_span && hit.text(Role::SpanId).is_some_and(|id| *id == span.id))
}

/// A trace that may be healthy.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) id: String,
    is_before: bool,
    duration_ms: Option<f64>,
}

/// What failed in each of some traces, and how long they took.
pub(super) fn look(candidates: &[Candidate]) -> Look {
    let ids = candidates.iter().map(|candidate| Scalar::from(candidate.id.as_str())).collect();
    let size = u32::try_from(candidates.len()).unwrap_or(u32::MAX);
    let by_trace = Agg::terms(Field::Role(Role::TraceId), size)
        .with("first", Agg::Min(Role::Time.into()))
        .with("last", Agg::Max(Role::Time.into()))
        .with("failed", Agg::Filter(Filter::Failed, Vec::new()));
    Look::new(Filter::Is(Role::TraceId.into(), ids), None).agg("traces", by_trace)
}

/// The one to compare with, and how many are without an error: of those whose length lies between the quartiles the nearest
/// before, or else the nearest after.
pub(super) fn choose(candidates: &[Candidate], found: &Found<'_>) -> (Option<Candidate>, usize) {
    let mut lengths: HashMap<String, f64> = HashMap::new();
    for bucket in found.results.buckets("traces").iter().filter(|bucket| bucket.results.count("failed") == 0) {
        let (Some(first), Some(last)) = (bucket.results.time("first"), bucket.results.time("last")) else { continue };
        lengths.insert(bucket.key.text().into_owned(), last.duration_since(first).as_secs_f64() * 1e3);
    }
    let healthy = |candidate: &&Candidate| lengths.contains_key(&candidate.id);
    let length = |candidate: &Candidate| candidate.duration_ms.or_else(|| lengths.get(&candidate.id).copied()).unwrap_or_default();
    let healthy: Vec<&Candidate> = candidates.iter().filter(healthy).collect();
    let before: Vec<&Candidate> = healthy.iter().filter(|candidate| candidate.is_before).copied().collect();
    let side = if before.is_empty() { &healthy } else { &before };
    let values: Vec<f64> = side.iter().map(|candidate| length(candidate)).collect();
    let (Some(low), Some(high)) = (quantile(&values, 0.25), quantile(&values, 0.75)) else { return (None, 0) };
    // They are in the order of nearness.
    let typical = side.iter().find(|candidate| (low..=high).contains(&length(candidate))).or(side.first());
    (typical.map(|candidate| (*candidate).clone()), healthy.len())
}
