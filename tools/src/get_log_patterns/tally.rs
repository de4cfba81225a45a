//! Counts the templates of sampled lines, each slice of the sample speaking for all its lines. Knows no search.

use std::{borrow::Cow, cmp::Reverse, collections::BTreeMap};

use crate::{look::Hit, mining::Templates};

/// A log line.
pub(super) struct Line<'h> {
    pub(super) message: Cow<'h, str>,
    pub(super) level: Cow<'h, str>,
    pub(super) service: Cow<'h, str>,
    pub(super) trace_id: Option<Cow<'h, str>>,
    pub(super) hit: &'h Hit<'h>,
}

/// A part of the window: some of its lines, and how many there are in all.
pub(super) struct Slice<'h> {
    pub(super) total: u64,
    pub(super) lines: Vec<Line<'h>>,
}

/// A template of lines.
#[derive(Debug)]
pub(super) struct Pattern {
    pub(super) text: String,
    /// Lines in the whole window; an estimate where only a sample was seen.
    pub(super) count: f64,
    /// Words and services with the sampled lines that have them, most frequent first.
    pub(super) levels: Vec<(String, u64)>,
    pub(super) services: Vec<(String, u64)>,
    /// A trace id, or else `index/id` of the newest line.
    pub(super) example: Option<String>,
    pub(super) has_trace: bool,
}

#[derive(Default)]
struct Seen<'l> {
    count: f64,
    levels: BTreeMap<&'l str, u64>,
    services: BTreeMap<&'l str, u64>,
    traced: Option<&'l Line<'l>>,
    newest: Option<&'l Line<'l>>,
}

/// The patterns of all slices, most frequent first, then by text.
pub(super) fn tally(slices: &[Slice<'_>]) -> Vec<Pattern> {
    let lines = || slices.iter().flat_map(|slice| slice.lines.iter().map(move |line| (slice, line)));
    let templates = Templates::mine(lines().map(|(_, line)| &*line.message));
    let mut seen: BTreeMap<usize, Seen<'_>> = BTreeMap::new();
    for (number, (slice, line)) in lines().enumerate() {
        let pattern = seen.entry(templates.of(number)).or_default();
        pattern.count += weight(slice);
        for (names, name) in [(&mut pattern.levels, &line.level), (&mut pattern.services, &line.service)] {
            if !name.is_empty() {
                *names.entry(name).or_default() += 1;
            }
        }
        let newest = |known: Option<&Line<'_>>| known.is_none_or(|known| line.hit.time > known.hit.time);
        if line.trace_id.is_some() && newest(pattern.traced) {
            pattern.traced = Some(line);
        }
        if newest(pattern.newest) {
            pattern.newest = Some(line);
        }
    }
    let mut patterns: Vec<Pattern> =
        seen.into_iter().map(|(template, seen)| seen.pattern(templates.template(template).to_owned())).collect();
    patterns.sort_by(|a, b| b.count.total_cmp(&a.count).then_with(|| a.text.cmp(&b.text)));
    patterns
}

/// How many lines each line of a slice stands for.
#[expect(clippy::cast_precision_loss, reason = "counts of documents")]
fn weight(slice: &Slice<'_>) -> f64 {
    slice.total as f64 / slice.lines.len().max(1) as f64
}

impl Seen<'_> {
    fn pattern(self, text: String) -> Pattern {
        let trace_id = self.traced.and_then(|line| line.trace_id.as_ref());
        Pattern {
            text,
            count: self.count,
            levels: ranked(self.levels),
            services: ranked(self.services),
            has_trace: trace_id.is_some(),
            example: trace_id.map(ToString::to_string).or_else(|| self.newest.map(|line| line.hit.reference())),
        }
    }
}

fn ranked(names: BTreeMap<&str, u64>) -> Vec<(String, u64)> {
    let mut names: Vec<(String, u64)> = names.into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
    names.sort_by_key(|(_, count)| Reverse(*count));
    names
}
