//! Error lines of a window, mined for patterns, against those of a baseline. Knows no search.

use std::{
    borrow::Cow,
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
};

use jiff::Timestamp;

use super::change::{Change, Events, Exposure, changes};
use crate::{
    look::{Found, Hit},
    mining::Templates,
    schema::Role,
};

/// What is fetched of a line.
pub(super) const FETCH: [Role; 8] =
    [Role::Message, Role::ErrorMessage, Role::ErrorType, Role::SpanName, Role::Path, Role::Service, Role::Level, Role::TraceId];

/// An error line, and how many it stands for.
pub(super) struct Line<'h> {
    pub(super) hit: &'h Hit<'h>,
    pub(super) text: Cow<'h, str>,
    pub(super) weight: f64,
}

/// The lines of some searches, each of a part of the window: each line stands for as many as its part has of them.
#[expect(clippy::cast_precision_loss, reason = "counts of documents")]
pub(super) fn lines<'h>(parts: &'h [Found<'h>]) -> Vec<Line<'h>> {
    let mut lines = Vec::new();
    for part in parts {
        let weight = part.total.value as f64 / part.hits.len().max(1) as f64;
        lines.extend(part.hits.iter().map(|hit| Line { hit, text: text(hit), weight }));
    }
    lines
}

/// What a document says: its message, or else what says most about its failure.
fn text<'h>(hit: &'h Hit<'h>) -> Cow<'h, str> {
    let roles = [Role::Message, Role::ErrorMessage, Role::ErrorType, Role::SpanName, Role::Path];
    roles.into_iter().find_map(|role| hit.text(role).filter(|text| !text.trim().is_empty())).unwrap_or(Cow::Borrowed("(no message)"))
}

/// Error lines that read alike and are of one type.
#[derive(Debug, Clone, Default)]
pub(super) struct Pattern {
    pub(super) text: String,
    pub(super) error_type: Option<String>,
    pub(super) count: f64,
    pub(super) before: f64,
    /// How it changed against the baseline, beyond chance.
    pub(super) change: Option<Change>,
    /// Traces in which one of these was the first error; none where no line has a trace.
    pub(super) first_in: Option<usize>,
    pub(super) first_seen: Option<Timestamp>,
    pub(super) last_seen: Option<Timestamp>,
    pub(super) services: Vec<String>,
    pub(super) level: Option<String>,
    pub(super) trace_id: Option<String>,
    /// `index/id` of the newest line.
    pub(super) id: String,
}

/// The patterns of a window.
pub(super) struct Patterns {
    /// Most frequent first, each with its lines in the baseline.
    pub(super) list: Vec<Pattern>,
    /// Traces that have an error.
    pub(super) traces: usize,
}

/// How many events some lines tell of: what fails in one trace, however often it is said, is one.
pub(super) fn events<'l>(lines: impl IntoIterator<Item = &'l Line<'l>>) -> u64 {
    let mut traces: HashSet<Cow<'_, str>> = HashSet::new();
    let mut events = 0;
    for line in lines {
        let trace = line.hit.text(Role::TraceId).filter(|trace| !trace.is_empty());
        events += u64::from(trace.is_none_or(|trace| traces.insert(trace)));
    }
    events
}

/// Mines the patterns of a window, and holds them against a baseline that was observed for so long.
pub(super) fn patterns(now: &[Line<'_>], before: &[Line<'_>], exposure: Option<Exposure>) -> Patterns {
    let templates = Templates::mine(now.iter().chain(before).map(|line| &*line.text));
    let kind = |line: &Line<'_>| line.hit.text(Role::ErrorType).filter(|kind| !kind.is_empty()).map(Cow::into_owned);
    let key_of_line: Vec<(usize, Option<String>)> =
        now.iter().chain(before).enumerate().map(|(number, line)| (templates.of(number), kind(line))).collect();
    let (keys_now, keys_before) = key_of_line.split_at(now.len().min(key_of_line.len()));
    let mut members: BTreeMap<&(usize, Option<String>), Vec<&Line<'_>>> = BTreeMap::new();
    for (line, key) in now.iter().zip(keys_now) {
        members.entry(key).or_default().push(line);
    }
    let mut earlier: BTreeMap<&(usize, Option<String>), Vec<&Line<'_>>> = BTreeMap::new();
    for (line, key) in before.iter().zip(keys_before) {
        earlier.entry(key).or_default().push(line);
    }
    let keys: BTreeSet<&(usize, Option<String>)> = members.keys().chain(earlier.keys()).copied().collect();
    let count = |lines: Option<&Vec<&Line<'_>>>| events(lines.into_iter().flatten().copied());
    let tested: Vec<Events> = keys.iter().map(|key| Events { now: count(members.get(key)), before: count(earlier.get(key)) }).collect();
    let changed = exposure.map_or_else(Vec::new, |exposure| changes(&tested, exposure));
    let changed: BTreeMap<_, _> = keys.into_iter().zip(changed).collect();
    let firsts = firsts(now);
    let mut first_in: HashMap<&(usize, Option<String>), usize> = HashMap::new();
    for key in firsts.iter().filter_map(|number| keys_now.get(*number)) {
        *first_in.entry(key).or_default() += 1;
    }
    let has_traces = !firsts.is_empty();
    let mut patterns: Vec<Pattern> = members
        .into_iter()
        .map(|(key, lines)| Pattern {
            error_type: key.1.clone(),
            before: earlier.get(key).map_or(0.0, |lines| lines.iter().map(|line| line.weight).sum()),
            change: changed.get(key).copied().flatten(),
            first_in: has_traces.then(|| first_in.get(key).copied().unwrap_or_default()),
            ..pattern(templates.template(key.0), &lines)
        })
        .collect();
    patterns.sort_by(|a, b| b.count.total_cmp(&a.count).then_with(|| a.text.cmp(&b.text)).then_with(|| a.error_type.cmp(&b.error_type)));
    Patterns { list: patterns, traces: firsts.len() }
}

/// The first error of each trace, as the number of its line. Lines come newest first: of lines at the same moment the
/// last one here was indexed first.
fn firsts(lines: &[Line<'_>]) -> Vec<usize> {
    let mut firsts: BTreeMap<Cow<'_, str>, (Timestamp, usize)> = BTreeMap::new();
    for (number, line) in lines.iter().enumerate() {
        let (Some(trace), Some(time)) = (line.hit.text(Role::TraceId).filter(|trace| !trace.is_empty()), line.hit.time) else { continue };
        let first = firsts.entry(trace).or_insert((time, number));
        if time <= first.0 {
            *first = (time, number);
        }
    }
    firsts.into_values().map(|(_, number)| number).collect()
}

fn pattern(text: &str, lines: &[&Line<'_>]) -> Pattern {
    let newest = lines.iter().max_by_key(|line| line.hit.time);
    Pattern {
        text: text.to_owned(),
        count: lines.iter().map(|line| line.weight).sum(),
        first_seen: lines.iter().filter_map(|line| line.hit.time).min(),
        last_seen: newest.and_then(|line| line.hit.time),
        services: ranked(lines.iter().filter_map(|line| line.hit.text(Role::Service))),
        level: ranked(lines.iter().filter_map(|line| line.hit.text(Role::Level))).into_iter().next(),
        trace_id: lines.iter().rev().find_map(|line| line.hit.text(Role::TraceId)).map(Cow::into_owned),
        id: newest.map(|line| line.hit.reference()).unwrap_or_default(),
        ..Pattern::default()
    }
}

/// Values, most frequent first.
fn ranked<'v>(values: impl Iterator<Item = Cow<'v, str>>) -> Vec<String> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for value in values {
        *counts.entry(value.into_owned()).or_default() += 1;
    }
    let mut ranked: Vec<(String, u64)> = counts.into_iter().collect();
    ranked.sort_by_key(|(_, count)| Reverse(*count));
    ranked.into_iter().map(|(value, _)| value).collect()
}
