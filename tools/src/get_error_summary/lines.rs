//! Error lines of a window, mined for patterns, against those of a baseline. Knows no search.

use std::{borrow::Cow, cmp::Reverse, collections::BTreeMap};

use jiff::Timestamp;

use super::blame::Names;
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
    hit: &'h Hit<'h>,
    text: Cow<'h, str>,
    weight: f64,
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

/// Error lines that read alike.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    pub(super) text: String,
    pub(super) count: f64,
    pub(super) before: f64,
    pub(super) first_seen: Option<Timestamp>,
    pub(super) last_seen: Option<Timestamp>,
    pub(super) services: Vec<String>,
    pub(super) level: Option<String>,
    pub(super) trace_id: Option<String>,
    /// `index/id` of the newest line.
    pub(super) id: String,
}

/// The patterns of a window, most frequent first, each with its lines in the baseline.
pub(super) fn patterns(now: &[Line<'_>], before: &[Line<'_>]) -> Vec<Pattern> {
    let templates = Templates::mine(now.iter().chain(before).map(|line| &*line.text));
    let mut members: BTreeMap<usize, Vec<&Line<'_>>> = BTreeMap::new();
    for (number, line) in now.iter().enumerate() {
        members.entry(templates.of(number)).or_default().push(line);
    }
    let mut earlier: BTreeMap<usize, f64> = BTreeMap::new();
    for (number, line) in before.iter().enumerate() {
        *earlier.entry(templates.of(now.len() + number)).or_default() += line.weight;
    }
    let mut patterns: Vec<Pattern> = members
        .into_iter()
        .map(|(template, lines)| pattern(templates.template(template), &lines, earlier.get(&template).copied().unwrap_or_default()))
        .collect();
    patterns.sort_by(|a, b| b.count.total_cmp(&a.count).then_with(|| a.text.cmp(&b.text)));
    patterns
}

fn pattern(text: &str, lines: &[&Line<'_>], before: f64) -> Pattern {
    let newest = lines.iter().max_by_key(|line| line.hit.time);
    Pattern {
        text: text.to_owned(),
        count: lines.iter().map(|line| line.weight).sum(),
        before,
        first_seen: lines.iter().filter_map(|line| line.hit.time).min(),
        last_seen: newest.and_then(|line| line.hit.time),
        services: ranked(lines.iter().filter_map(|line| line.hit.text(Role::Service))),
        level: ranked(lines.iter().filter_map(|line| line.hit.text(Role::Level))).into_iter().next(),
        trace_id: lines.iter().rev().find_map(|line| line.hit.text(Role::TraceId)).map(Cow::into_owned),
        id: newest.map(|line| line.hit.reference()).unwrap_or_default(),
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

/// A service that others' error lines name.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Blamed {
    pub(super) service: String,
    pub(super) count: f64,
    pub(super) by: Vec<String>,
}

/// The services that error lines of other services name, most named first.
pub(super) fn blamed(lines: &[Line<'_>], names: &Names) -> Vec<Blamed> {
    let mut found: BTreeMap<String, (f64, Vec<String>)> = BTreeMap::new();
    for line in lines {
        let writer = line.hit.text(Role::Service).unwrap_or_default();
        let error = line.hit.text(Role::ErrorMessage).unwrap_or_default();
        let mut named = names.named(&line.text, &writer);
        named.extend(names.named(&error, &writer));
        for service in named {
            let (count, by) = found.entry(service).or_default();
            *count += line.weight;
            if !writer.is_empty() && !by.iter().any(|known| *known == *writer) {
                by.push(writer.to_string());
            }
        }
    }
    let mut blamed: Vec<Blamed> = found.into_iter().map(|(service, (count, by))| Blamed { service, count, by }).collect();
    blamed.sort_by(|a, b| b.count.total_cmp(&a.count).then_with(|| a.service.cmp(&b.service)));
    blamed
}
