//! The pattern lens: in how many traces of each type a pattern occurs, here against there. Knows traces; knows no search.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    ablation::{Part, is_off},
    sample::{Pattern, PatternId, Sample},
    windows::{INCIDENT, Split},
};
use crate::mining::statistics::{signed_g2, signed_g2_of_table};

/// How a pattern changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    New,
    Up,
    Down,
    Gone,
}

impl Change {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::New => "NEW",
            Self::Up => "UP",
            Self::Down => "DOWN",
            Self::Gone => "GONE",
        }
    }
}

/// A pattern here and there, over the types of request that occur in both.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PatternShift {
    pub(super) pattern: PatternId,
    /// Geometric mean of the roots of both sums of G², on the scale of a standard normal deviate.
    pub(super) score: f64,
    pub(super) change: Change,
    /// Traces with the pattern, and traces, here and there: of all types, or where these together say the opposite (the types' shares moved,
    /// Simpson's paradox), of the one that tells most.
    pub(super) here: (f64, f64),
    pub(super) there: (f64, f64),
    /// The type of request that tells most of it.
    pub(super) kind: PatternId,
}

/// A pattern in the requests of one type.
struct OfKind {
    kind: PatternId,
    /// G², with the sign of the change.
    own: f64,
    /// Traces with the pattern, and traces, here and there.
    here: (f64, f64),
    there: (f64, f64),
}

/// Traces by pattern, type and window: the sparse table from which every window is scored.
#[derive(Debug, Default)]
pub(super) struct PatternTable {
    windows: usize,
    of_kind: BTreeMap<PatternId, Vec<u32>>,
    /// Traces of a type in which a service has a part.
    reaching: BTreeMap<(PatternId, usize), Vec<u32>>,
    service_of: Vec<usize>,
    /// Services that no request reaches any more and that others blame for it.
    silenced: BTreeSet<usize>,
    /// Traces that lack a pattern count, too.
    lacking: bool,
    with: BTreeMap<PatternId, BTreeMap<PatternId, Vec<u32>>>,
}

impl PatternTable {
    /// Counts each pattern once a trace. `windows` counts the incident and those of the baseline.
    pub(super) fn of(sample: &Sample, windows: usize, silenced: BTreeSet<usize>) -> Self {
        let service_of = sample.patterns.iter().map(|pattern| pattern.service).collect();
        let lacking = sample.has_lines && !is_off(Part::Lacking);
        let mut table = Self { windows, service_of, silenced, lacking, ..Self::default() };
        for trace in &sample.traces {
            count(table.of_kind.entry(trace.kind).or_insert_with(|| vec![0; windows]), trace.window);
            for service in &trace.reached {
                count(table.reaching.entry((trace.kind, *service)).or_insert_with(|| vec![0; windows]), trace.window);
            }
            for pattern in trace.patterns().collect::<BTreeSet<PatternId>>() {
                let kinds = table.with.entry(pattern).or_default();
                count(kinds.entry(trace.kind).or_insert_with(|| vec![0; table.windows]), trace.window);
            }
        }
        table
    }

    /// Every pattern that occurs in a type of request seen on both sides.
    ///
    /// `g = Σ over types of sign(a/A − b/B) · G²`, so that a type that was asked for more often says nothing by itself: once with all traces
    /// of the type, once with those that reached the service. A service that is no longer called changes in the first alone, which its
    /// callers' patterns explain; the score `√(√|g₁| · √|g₂|)` is 0 where either sees no change, or they disagree.
    ///
    /// With log lines G² is that of the whole table: a line of every request that a fifth of them lacks is as surprising as one that a fifth
    /// has and none had. Of spans alone only what is there counts: a call that is not made follows from an answer more often than it tells of
    /// its caller, and is a symptom.
    pub(super) fn shifts<'t>(&'t self, split: &'t Split) -> impl Iterator<Item = PatternShift> + 't {
        let g2 = if self.lacking { signed_g2_of_table } else { signed_g2 };
        self.with.iter().filter_map(move |(pattern, kinds)| {
            let service = self.service_of.get(*pattern).copied()?;
            let (mut of_all, mut of_reaching, mut here, mut there) = (0.0, 0.0, (0.0, 0.0), (0.0, 0.0));
            // Those that tell most of a rise, and of a fall.
            let mut most: [Option<OfKind>; 2] = [None, None];
            for (kind, counts) in kinds {
                let Some(all) = self.of_kind.get(kind) else { continue };
                let (a, b) = (at(counts, split.here), sum(counts, &split.there));
                let (a_all, b_all) = (at(all, split.here), sum(all, &split.there));
                if a_all == 0.0 || b_all == 0.0 || a + b == 0.0 {
                    continue;
                }
                let own = g2(a, a_all, b, b_all);
                of_all += own;
                if is_off(Part::Reached) || split.here == INCIDENT && self.silenced.contains(&service) {
                    of_reaching += own;
                } else if let Some(reaching) = self.reaching.get(&(*kind, service)) {
                    of_reaching += g2(a, at(reaching, split.here), b, sum(reaching, &split.there));
                }
                here = (here.0 + a, here.1 + a_all);
                there = (there.0 + b, there.1 + b_all);
                let [rise, fall] = &mut most;
                let most = if own < 0.0 { fall } else { rise };
                if most.as_ref().is_none_or(|known| own.abs() > known.own.abs()) {
                    *most = Some(OfKind { kind: *kind, own, here: (a, a_all), there: (b, b_all) });
                }
            }
            let [rise, fall] = most;
            let most = if of_all < 0.0 { fall } else { rise }?;
            let change = match (here.0 > 0.0, there.0 > 0.0) {
                (true, false) => Change::New,
                (false, _) => Change::Gone,
                _ if of_all > 0.0 => Change::Up,
                _ => Change::Down,
            };
            let is_rise = here.0 * there.1 > there.0 * here.1;
            if is_rise != (of_all > 0.0) {
                (here, there) = (most.here, most.there);
            }
            let score = (of_all * of_reaching).max(0.0).sqrt().sqrt();
            Some(PatternShift { pattern: *pattern, score, change, here, there, kind: most.kind })
        })
    }
}

/// Within this part of the largest score nothing tells which of a service's patterns moved more.
const CLOSE: f64 = 0.9;

/// What the patterns of a service say against it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Against {
    /// The largest score of them.
    pub(super) score: f64,
    /// The one to show: of those close to the largest an error that came or rose, else what is new, else the largest.
    pub(super) shown: PatternShift,
}

/// The largest shift of each service's patterns. Errors that became fewer speak against nobody: a service recovers, or is no longer
/// reached; either way the fault is elsewhere.
///
/// Where requests take another way, "what comes instead" and "what no longer comes" have one score, and the first says more.
pub(super) fn by_service(sample: &Sample, shifts: impl Iterator<Item = PatternShift>) -> BTreeMap<usize, Against> {
    let mut moved: BTreeMap<usize, Vec<(&Pattern, PatternShift)>> = BTreeMap::new();
    for shift in shifts.filter(|shift| shift.score > 0.0) {
        let Some(pattern) = sample.patterns.get(shift.pattern) else { continue };
        let is_recovery = pattern.is_error && matches!(shift.change, Change::Down | Change::Gone);
        if !is_recovery || is_off(Part::Recovery) {
            moved.entry(pattern.service).or_default().push((pattern, shift));
        }
    }
    let against = |(service, moved): (usize, Vec<(&Pattern, PatternShift)>)| {
        let score = moved.iter().map(|(_, shift)| shift.score).fold(0.0, f64::max);
        let telling = |pattern: &Pattern, shift: &PatternShift| match shift.change {
            Change::New | Change::Up if pattern.is_error => 2,
            Change::New => 1,
            _ => 0,
        };
        let close = moved.into_iter().filter(|(_, shift)| shift.score >= CLOSE * score);
        let (_, shown) = close.max_by(|(a, of_a), (b, of_b)| {
            let order = telling(a, of_a).cmp(&telling(b, of_b)).then_with(|| of_a.score.total_cmp(&of_b.score));
            order.then_with(|| b.key.cmp(&a.key))
        })?;
        Some((service, Against { score, shown }))
    };
    moved.into_iter().filter_map(against).collect()
}

fn count(windows: &mut [u32], window: usize) {
    if let Some(slot) = windows.get_mut(window) {
        *slot += 1;
    }
}

fn at(windows: &[u32], window: usize) -> f64 {
    windows.get(window).copied().map_or(0.0, f64::from)
}

fn sum(windows: &[u32], of: &[usize]) -> f64 {
    of.iter().map(|window| at(windows, *window)).sum()
}

#[cfg(test)]
mod tests {
    use super::{super::sample::Trace, *};

    /// Who writes the patterns from 0 on.
    const SERVICES: [usize; 10] = [0, 0, 0, 0, 0, 0, 0, 1, 1, 0];

    /// `window kind patterns…` for each trace.
    fn traces(list: &[(usize, usize, &[usize], usize)]) -> Sample {
        let trace = |window: usize, kind: usize, patterns: &[usize]| Trace {
            window,
            kind,
            lines: patterns.iter().map(|pattern| (0, *pattern)).collect(),
            reached: patterns.iter().map(|pattern| SERVICES[*pattern]).collect::<BTreeSet<_>>().into_iter().collect(),
            ..Trace::default()
        };
        let pattern = |service: &usize| Pattern { service: *service, key: String::new(), text: String::new(), is_error: false };
        Sample {
            services: vec!["web".to_owned(), "pay".to_owned()],
            patterns: SERVICES.iter().map(pattern).collect(),
            has_lines: true,
            traces: list.iter().flat_map(|(window, kind, patterns, times)| vec![trace(*window, *kind, patterns); *times]).collect(),
        }
    }

    fn shifts(list: &[(usize, usize, &[usize], usize)]) -> Vec<PatternShift> {
        let table = PatternTable::of(&traces(list), 3, BTreeSet::new());
        table.shifts(&Split { here: 0, there: vec![1, 2] }).collect()
    }

    #[test]
    fn a_pattern_counts_once_a_trace() {
        let found = shifts(&[(0, 1, &[1, 2, 2, 2], 10), (1, 1, &[1], 5), (2, 1, &[1], 5)]);
        assert_eq!(found[1].here, (10.0, 10.0));
        assert_eq!(found[1].change, Change::New);
        // r = 1/2, with and without: 2 · (10 ln 2 + 10 ln 2)
        assert!((found[1].score - (40.0 * 2f64.ln()).sqrt()).abs() < 1e-9);
        assert!(found[0].score < 1e-9);
    }

    #[test]
    fn with_lines_what_traces_lack_counts_and_of_spans_alone_it_does_not() {
        let mut sample = traces(&[(0, 1, &[1, 2], 80), (0, 1, &[1], 20), (1, 1, &[1, 2], 100)]);
        let split = Split { here: 0, there: vec![1, 2] };
        let score = |sample: &Sample| PatternTable::of(sample, 3, BTreeSet::new()).shifts(&split).nth(1).unwrap().score;
        let counted = 80.0 * (8.0 / 9.0_f64).ln() + 100.0 * (10.0 / 9.0_f64).ln();
        assert!((score(&sample) - (2.0 * (counted + 20.0 * 2f64.ln())).sqrt()).abs() < 1e-9);
        sample.has_lines = false;
        assert!((score(&sample) - (2.0 * counted).sqrt()).abs() < 1e-9);
    }

    #[test]
    fn who_is_no_longer_called_is_not_to_blame() {
        // 7 and 8 are of another service, which half of the requests no longer reach; those that do find it as before.
        let found = shifts(&[(0, 1, &[1, 7, 8], 10), (0, 1, &[1, 2], 10), (1, 1, &[1, 7, 8], 40)]);
        let score = |pattern: usize| found.iter().find(|shift| shift.pattern == pattern).unwrap().score;
        assert!(score(7) < 1e-9 && score(8) < 1e-9 && score(2) > 3.0, "{found:?}");
    }

    #[test]
    fn who_is_silent_and_blamed_is_a_suspect() {
        let sample = traces(&[(0, 1, &[1], 10), (1, 1, &[1, 7], 40)]);
        let score = |silenced: &[usize]| {
            let table = PatternTable::of(&sample, 3, silenced.iter().copied().collect());
            let shifts: Vec<PatternShift> = table.shifts(&Split { here: 0, there: vec![1, 2] }).collect();
            shifts.iter().find(|shift| shift.pattern == 7).unwrap().score
        };
        assert!(score(&[]) < 1e-9);
        assert!(score(&[1]) > 4.0);
    }

    #[test]
    fn errors_that_become_fewer_speak_against_nobody() {
        let mut sample = traces(&[(0, 1, &[1], 20), (1, 1, &[1, 2], 20)]);
        let table = PatternTable::of(&sample, 3, BTreeSet::new());
        let split = Split { here: 0, there: vec![1, 2] };
        assert!(by_service(&sample, table.shifts(&split)).contains_key(&0));
        sample.patterns[2].is_error = true;
        assert!(by_service(&sample, table.shifts(&split)).is_empty());
    }

    #[test]
    fn rise_and_vanish_count_alike() {
        let found = shifts(&[(0, 1, &[1], 10), (1, 1, &[1, 2], 10)]);
        assert_eq!(found[1].change, Change::Gone);
        assert!((found[1].score - (40.0 * 2f64.ln()).sqrt()).abs() < 1e-9);
    }

    #[test]
    fn more_requests_of_one_type_are_no_change() {
        let found = shifts(&[(0, 1, &[1], 100), (0, 5, &[5], 10), (1, 1, &[1], 5), (2, 5, &[5], 200)]);
        assert!(found.iter().all(|shift| shift.score < 1e-9), "{found:?}");
    }

    #[test]
    fn a_type_seen_on_one_side_only_is_not_compared() {
        assert!(shifts(&[(0, 1, &[1, 2], 10), (1, 3, &[3], 10)]).is_empty());
    }

    #[test]
    fn counts_that_would_say_the_opposite_are_those_of_one_type() {
        // It rose from 1 of 100 to 20 of 100 and stayed at 9 of 10; but those that nearly always have it became few.
        let there = [(1, 1, &[1, 9][..], 1), (1, 1, &[1], 99), (1, 5, &[5, 9], 900), (1, 5, &[5], 100)];
        let found = shifts(&[&[(0, 1, &[1, 9][..], 20), (0, 1, &[1], 80), (0, 5, &[5, 9], 9), (0, 5, &[5], 1)], &there[..]].concat());
        let nine = found.iter().find(|shift| shift.pattern == 9).unwrap();
        assert_eq!((nine.change, nine.kind), (Change::Up, 1));
        assert_eq!((nine.there, nine.here), ((1.0, 100.0), (20.0, 100.0)));
    }

    #[test]
    fn opposite_changes_of_two_types_weigh_against_each_other() {
        let found = shifts(&[(0, 1, &[1, 9], 10), (0, 5, &[5], 10), (1, 1, &[1], 10), (1, 5, &[5, 9], 10)]);
        let nine = found.iter().find(|shift| shift.pattern == 9).unwrap();
        assert!(nine.score < 1e-6, "{nine:?}");
    }
}
