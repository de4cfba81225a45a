//! The pattern lens: in how many traces of each type a pattern occurs, here against there. Knows traces; knows no search.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    sample::{PatternId, Sample, Trace},
    windows::Split,
};
use crate::mining::statistics::signed_g2;

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
    /// Root of the summed G², on the scale of a standard normal deviate.
    pub(super) score: f64,
    pub(super) change: Change,
    /// Traces with the pattern, and traces, here and there.
    pub(super) here: (f64, f64),
    pub(super) there: (f64, f64),
    /// The type of request that tells most of it.
    pub(super) kind: PatternId,
}

/// Traces by pattern, type and window: the sparse table from which every window is scored.
#[derive(Debug, Default)]
pub(super) struct PatternTable {
    windows: usize,
    of_kind: BTreeMap<PatternId, Vec<u32>>,
    with: BTreeMap<PatternId, BTreeMap<PatternId, Vec<u32>>>,
}

impl PatternTable {
    /// Counts each pattern once a trace. `windows` counts the incident and those of the baseline.
    pub(super) fn of(traces: &[Trace], windows: usize) -> Self {
        let mut table = Self { windows, ..Self::default() };
        for trace in traces {
            count(table.of_kind.entry(trace.kind).or_insert_with(|| vec![0; windows]), trace.window);
            let distinct: BTreeSet<PatternId> = trace.lines.iter().map(|(_, pattern)| *pattern).collect();
            for pattern in distinct {
                let kinds = table.with.entry(pattern).or_default();
                count(kinds.entry(trace.kind).or_insert_with(|| vec![0; table.windows]), trace.window);
            }
        }
        table
    }

    /// Every pattern that occurs in a type of request seen on both sides.
    ///
    /// `g = Σ over types of sign(a/A − b/B) · G²`, so that a type that was asked for more often says nothing by itself.
    pub(super) fn shifts<'t>(&'t self, split: &'t Split) -> impl Iterator<Item = PatternShift> + 't {
        self.with.iter().filter_map(move |(pattern, kinds)| {
            let (mut g, mut here, mut there) = (0.0, (0.0, 0.0), (0.0, 0.0));
            let mut most: Option<(f64, PatternId)> = None;
            for (kind, counts) in kinds {
                let Some(all) = self.of_kind.get(kind) else { continue };
                let (a, a_all) = (at(counts, split.here), at(all, split.here));
                let (b, b_all) = (sum(counts, &split.there), sum(all, &split.there));
                if a_all == 0.0 || b_all == 0.0 || a + b == 0.0 {
                    continue;
                }
                let own = signed_g2(a, a_all, b, b_all);
                g += own;
                here = (here.0 + a, here.1 + a_all);
                there = (there.0 + b, there.1 + b_all);
                if most.is_none_or(|(known, _)| own.abs() > known) {
                    most = Some((own.abs(), *kind));
                }
            }
            let (_, kind) = most?;
            let change = match (here.0 > 0.0, there.0 > 0.0) {
                (true, false) => Change::New,
                (false, _) => Change::Gone,
                _ if g > 0.0 => Change::Up,
                _ => Change::Down,
            };
            Some(PatternShift { pattern: *pattern, score: g.abs().sqrt(), change, here, there, kind })
        })
    }
}

/// The largest shift of each service's patterns.
pub(super) fn by_service(sample: &Sample, shifts: impl Iterator<Item = PatternShift>) -> BTreeMap<usize, PatternShift> {
    let mut best: BTreeMap<usize, PatternShift> = BTreeMap::new();
    for shift in shifts.filter(|shift| shift.score > 0.0) {
        let Some(service) = sample.patterns.get(shift.pattern).map(|pattern| pattern.service) else { continue };
        let known = best.get(&service);
        let text = |shift: &PatternShift| sample.patterns.get(shift.pattern).map(|pattern| pattern.key.as_str());
        let wins = known.is_none_or(|known| shift.score > known.score || (shift.score >= known.score && text(&shift) < text(known)));
        if wins {
            best.insert(service, shift);
        }
    }
    best
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
    use super::*;

    /// `window kind patterns…` for each trace.
    fn traces(list: &[(usize, usize, &[usize], usize)]) -> Vec<Trace> {
        let trace = |window: usize, kind: usize, patterns: &[usize]| Trace {
            window,
            kind,
            lines: patterns.iter().map(|pattern| (0, *pattern)).collect(),
            ..Trace::default()
        };
        list.iter().flat_map(|(window, kind, patterns, times)| vec![trace(*window, *kind, patterns); *times]).collect()
    }

    fn shifts(list: &[(usize, usize, &[usize], usize)]) -> Vec<PatternShift> {
        let table = PatternTable::of(&traces(list), 3);
        table.shifts(&Split { here: 0, there: vec![1, 2] }).collect()
    }

    #[test]
    fn a_pattern_counts_once_a_trace() {
        let found = shifts(&[(0, 1, &[1, 2, 2, 2], 10), (1, 1, &[1], 5), (2, 1, &[1], 5)]);
        assert_eq!(found[1].here, (10.0, 10.0));
        assert_eq!(found[1].change, Change::New);
        // r = 1/2: 2 · 10 ln 2
        assert!((found[1].score - (20.0 * 2f64.ln()).sqrt()).abs() < 1e-9);
        assert!(found[0].score < 1e-9);
    }

    #[test]
    fn rise_and_vanish_count_alike() {
        let found = shifts(&[(0, 1, &[1], 10), (1, 1, &[1, 2], 10)]);
        assert_eq!(found[1].change, Change::Gone);
        assert!((found[1].score - (20.0 * 2f64.ln()).sqrt()).abs() < 1e-9);
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
    fn opposite_changes_of_two_types_weigh_against_each_other() {
        let found = shifts(&[(0, 1, &[1, 9], 10), (0, 5, &[5], 10), (1, 1, &[1], 10), (1, 5, &[5, 9], 10)]);
        let nine = found.iter().find(|shift| shift.pattern == 9).unwrap();
        assert!(nine.score < 1e-6, "{nine:?}");
    }
}
