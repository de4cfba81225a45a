//! Counts the patterns of lines, each part of a sample speaking for all its lines, with the error that this brings. Knows no search.

use std::{
    borrow::Cow,
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
};

use crate::{
    line_key::{self, KeyKind},
    look::Hit,
    mining::{Templates, headline},
    schema::Role,
};

/// 95 % of a normal distribution lie within this many standard deviations.
const Z_95: f64 = 1.96;

/// A log line.
pub(super) struct Line<'h> {
    message: Cow<'h, str>,
    level: Cow<'h, str>,
    service: Cow<'h, str>,
    trace_id: Option<Cow<'h, str>>,
    hit: &'h Hit<'h>,
}

/// What the lines of a stratum were chosen by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Drawn {
    /// One by one, or all of them.
    Lines,
    /// Whole traces.
    Traces,
}

/// A part of the lines: some of them, and how many there are in all.
pub(super) struct Stratum<'h> {
    pub(super) total: u64,
    pub(super) drawn: Drawn,
    pub(super) lines: Vec<Line<'h>>,
}

/// Lines of one kind.
#[derive(Debug)]
pub(super) struct Pattern {
    pub(super) text: String,
    pub(super) key: Option<(KeyKind, String)>,
    /// Lines in the whole window; an estimate where only a sample was seen.
    pub(super) count: f64,
    /// The true count is within so many of it, with 95 %.
    pub(super) margin: f64,
    /// Words and services with the lines that have them, most frequent first.
    pub(super) levels: Vec<(String, u64)>,
    pub(super) services: Vec<(String, u64)>,
    /// A trace id, or else `index/id` of the newest line.
    pub(super) example: Option<String>,
    pub(super) has_trace: bool,
}

/// What makes lines one pattern.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Group<'l> {
    Given(KeyKind, &'l str),
    Mined(usize),
}

#[derive(Default)]
struct Seen<'l> {
    count: f64,
    variance: f64,
    templates: BTreeMap<usize, u64>,
    levels: BTreeMap<&'l str, u64>,
    services: BTreeMap<&'l str, u64>,
    traced: Option<&'l Line<'l>>,
    newest: Option<&'l Line<'l>>,
}

impl<'h> Line<'h> {
    pub(super) fn read(hit: &'h Hit<'_>) -> Self {
        let text = |role| hit.text(role).unwrap_or(Cow::Borrowed(""));
        Line {
            message: text(Role::Message),
            level: text(Role::Level),
            service: text(Role::Service),
            trace_id: hit.text(Role::TraceId).filter(|id| !id.is_empty()),
            hit,
        }
    }
}

/// The patterns of all strata, most frequent first, then by text.
pub(super) fn tally(strata: &[Stratum<'_>]) -> Vec<Pattern> {
    let lines = || strata.iter().flat_map(|stratum| &stratum.lines);
    let templates = Templates::mine(lines().map(|line| &*line.message));
    let ids = line_key::ids(lines().map(|line| line.hit));
    let keys: Vec<Option<(KeyKind, String)>> = lines().map(|line| line_key::key(line.hit, &ids)).collect();
    let mut seen: BTreeMap<Group<'_>, Seen<'_>> = BTreeMap::new();
    let mut number = 0;
    for stratum in strata {
        let mut drawn: BTreeMap<Group<'_>, Vec<&Line<'_>>> = BTreeMap::new();
        for line in &stratum.lines {
            let template = templates.of(number);
            let group = match keys.get(number) {
                Some(Some((kind, key))) => Group::Given(*kind, key),
                _ => Group::Mined(template),
            };
            drawn.entry(group.clone()).or_default().push(line);
            seen.entry(group).or_default().add(line, template);
            number += 1;
        }
        let sizes = sizes(stratum);
        for (group, lines) in drawn {
            let (count, variance) = estimate(stratum, &sizes, &lines);
            if let Some(seen) = seen.get_mut(&group) {
                seen.count += count;
                seen.variance += variance;
            }
        }
    }
    let mut patterns: Vec<Pattern> = seen.into_iter().map(|(group, seen)| seen.pattern(&group, &templates)).collect();
    sort(&mut patterns);
    patterns
}

pub(super) fn sort(patterns: &mut [Pattern]) {
    patterns.sort_by(|a, b| b.count.total_cmp(&a.count).then_with(|| (&a.text, &a.key).cmp(&(&b.text, &b.key))));
}

/// The lines of each trace of a stratum.
fn sizes<'l>(stratum: &'l Stratum<'_>) -> HashMap<&'l str, f64> {
    let mut sizes = HashMap::new();
    if stratum.drawn == Drawn::Traces {
        for line in &stratum.lines {
            *sizes.entry(line.trace_id.as_deref().unwrap_or("")).or_default() += 1.0;
        }
    }
    sizes
}

/// How many lines of a stratum some of its drawn lines stand for, and the variance of that.
///
/// Lines: `N p` with `p = a / n` and `N² (1 − n/N) p (1 − p) / (n − 1)`. Whole traces are clusters of unequal size: with `aᵢ` of the `mᵢ`
/// lines of trace i, `p = Σ aᵢ / Σ mᵢ` and `N² (1 − f) k / (k − 1) Σ (aᵢ − p mᵢ)² / (Σ mᵢ)²` over k traces (Cochran, Sampling
/// Techniques, 3rd edition 1977, sections 3.2 and 3.12).
fn estimate(stratum: &Stratum<'_>, sizes: &HashMap<&str, f64>, lines: &[&Line<'_>]) -> (f64, f64) {
    let (total, drawn, of_these) = (whole(stratum.total), count(stratum.lines.len()), count(lines.len()));
    if drawn <= 0.0 {
        return (0.0, 0.0);
    }
    let total = total.max(drawn);
    let share = of_these / drawn;
    let left = 1.0 - drawn / total;
    let spread = match stratum.drawn {
        Drawn::Lines => share * (1.0 - share) / (drawn - 1.0).max(1.0),
        Drawn::Traces => {
            let mut here: HashMap<&str, f64> = HashMap::new();
            for line in lines {
                *here.entry(line.trace_id.as_deref().unwrap_or("")).or_default() += 1.0;
            }
            // Traces without such a line differ from what is expected by p mᵢ.
            let all: f64 = sizes.values().map(|size| (share * size).powi(2)).sum();
            let with: f64 = here
                .iter()
                .map(|(trace, own)| {
                    let expected = share * sizes.get(trace).copied().unwrap_or_default();
                    (own - expected).powi(2) - expected.powi(2)
                })
                .sum();
            let traces = count(sizes.len());
            (all + with).max(0.0) * traces / (traces - 1.0).max(1.0) / (drawn * drawn)
        }
    };
    (total * share, total * total * left * spread)
}

pub(super) fn whole(number: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts of documents")]
    let number = number as f64;
    number
}

fn count(number: usize) -> f64 {
    whole(number as u64)
}

impl<'l> Seen<'l> {
    fn add(&mut self, line: &'l Line<'l>, template: usize) {
        *self.templates.entry(template).or_default() += 1;
        for (names, name) in [(&mut self.levels, &line.level), (&mut self.services, &line.service)] {
            if !name.is_empty() {
                *names.entry(name).or_default() += 1;
            }
        }
        let newest = |known: Option<&Line<'_>>| known.is_none_or(|known| line.hit.time > known.hit.time);
        if line.trace_id.is_some() && newest(self.traced) {
            self.traced = Some(line);
        }
        if newest(self.newest) {
            self.newest = Some(line);
        }
    }

    fn pattern(self, group: &Group<'_>, templates: &Templates) -> Pattern {
        let trace_id = self.traced.and_then(|line| line.trace_id.as_ref());
        let text = match group {
            Group::Given(KeyKind::Template, template) => headline(template),
            Group::Given(..) | Group::Mined(_) => {
                let most = self.templates.iter().max_by_key(|(template, lines)| (**lines, Reverse(**template)));
                most.map_or("", |(template, _)| templates.template(*template))
            }
        };
        Pattern {
            text: text.to_owned(),
            key: match group {
                Group::Given(kind, key) => Some((*kind, (*key).to_owned())),
                Group::Mined(_) => None,
            },
            count: self.count,
            margin: Z_95 * self.variance.sqrt(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::look::{Field, Value};

    /// Numbers that look random and are the same in every run.
    fn noise(seed: u64) -> impl FnMut(u64) -> u64 {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        move |below| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        }
    }

    fn line(trace: usize, message: &str) -> Hit<'static> {
        let text = |text: &str| vec![Value::Text(Cow::Owned(text.to_owned()))];
        let values = vec![(Field::Role(Role::Message), text(message)), (Field::Role(Role::TraceId), text(&trace.to_string()))];
        Hit { index: "logs".into(), id: "1".into(), time: None, values, source: None, is_span: false }
    }

    /// How often, of 200 samples, the true number of retries lies in the interval: traces have 1 to 12 lines, and those that retry at all
    /// do so several times.
    fn covered(drawn: Drawn) -> usize {
        let mut random = noise(7);
        let population: Vec<Vec<Hit<'_>>> = (0..4_000)
            .map(|trace| {
                let retries = if random(5) == 0 { 1 + random(6) } else { 0 };
                let mut lines: Vec<Hit<'_>> = (0..=random(6)).map(|_| line(trace, "done")).collect();
                lines.extend((0..retries).map(|_| line(trace, "retry of call")));
                lines
            })
            .collect();
        let all = population.iter().map(Vec::len).sum::<usize>();
        let truth = population.iter().flatten().filter(|hit| hit.text(Role::Message).unwrap() == "retry of call").count();
        let is_covered = |seed: &u64| {
            let mut random = noise(*seed + 1);
            let sample: Vec<&Hit<'_>> = population.iter().filter(|_| random(20) == 0).flatten().collect();
            let strata = [Stratum { total: all as u64, drawn, lines: sample.into_iter().map(Line::read).collect() }];
            let patterns = tally(&strata);
            let found = patterns.iter().find(|pattern| pattern.text == "retry of call").unwrap();
            (found.count - count(truth)).abs() <= found.margin
        };
        (0..200).filter(is_covered).count()
    }

    #[test]
    fn the_interval_of_a_count_holds_the_truth_in_about_95_of_100_samples() {
        let covered = covered(Drawn::Traces);
        assert!((182..=198).contains(&covered), "{covered}");
    }

    #[test]
    fn lines_of_one_trace_are_not_independent() {
        let covered = covered(Drawn::Lines);
        assert!(covered < 170, "{covered}");
    }

    #[test]
    fn what_was_read_whole_has_no_error() {
        let hits = [line(1, "a b"), line(1, "c d"), line(2, "a b")];
        let patterns = tally(&[Stratum { total: 3, drawn: Drawn::Lines, lines: hits.iter().map(Line::read).collect() }]);
        let counts: Vec<(f64, f64)> = patterns.iter().map(|pattern| (pattern.count, pattern.margin)).collect();
        assert_eq!(counts, [(2.0, 0.0), (1.0, 0.0)]);
    }

    #[test]
    fn a_key_that_each_line_has_for_itself_is_no_kind() {
        let hits: Vec<Hit<'_>> = (0..60)
            .map(|n| {
                let mut hit = line(n, "done");
                hit.values.push((Field::Role(Role::EventCode), vec![Value::Text(format!("e{n}").into())]));
                hit
            })
            .collect();
        let patterns = |lines: usize| {
            let lines = hits.iter().take(lines).map(Line::read).collect();
            tally(&[Stratum { total: 60, drawn: Drawn::Lines, lines }]).len()
        };
        assert_eq!((patterns(60), patterns(20)), (1, 20));
    }
}
