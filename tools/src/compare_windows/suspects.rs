//! Who did it, and how sure that is: the lenses joined to one order, and its strength against quiet windows. Knows no search.

use std::collections::BTreeMap;

use super::{
    ablation::{Part, is_off},
    latency_lens::{LatencyTable, Shift},
    named::{self, Blame},
    patterns_lens::{self, PatternShift, PatternTable},
    sample::Sample,
    slow::{self, Slow},
    windows::Windows,
};

/// A strength that a tenth of quiet windows reaches: measured on 450 pairs of quiet minutes of a system of 28 services (7 % on a second one).
const SIGNIFICANT: f64 = 3.2;

/// A strength that a fifth of them reaches.
const WEAK: f64 = 1.8;

/// A lens score that chance alone gives: both lenses are on the scale of a standard normal deviate, so quiet windows that look more alike
/// than that are few rather than quiet.
pub(super) const CHANCE: f64 = 1.0;

/// A service with what speaks against it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Suspect {
    pub(super) service: String,
    pub(super) score: f64,
    pub(super) evidence: Evidence,
}

/// The lens that weighs most.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Evidence {
    Pattern(PatternShift),
    Latency(Slow),
}

/// How much the change exceeds what the windows of the baseline show among themselves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Strength {
    pub(super) value: f64,
    /// What quiet windows reach: mean over the baseline's windows of the largest score of the lens.
    pub(super) quiet_pattern: f64,
    pub(super) quiet_latency: f64,
    /// The window of the baseline that stands out against the others as a significant incident would, counted from 1.
    pub(super) disturbed: Option<usize>,
}

/// What is said of a strength.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    Significant,
    Weak,
    None,
}

impl Word {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Significant => "significant",
            Self::Weak => "weak",
            Self::None => "none",
        }
    }
}

impl Strength {
    pub(super) fn word(&self) -> Word {
        match self.value {
            value if value >= SIGNIFICANT => Word::Significant,
            value if value >= WEAK => Word::Weak,
            _ => Word::None,
        }
    }

    /// The share of quiet windows that reach the bound of the word; none below all bounds.
    pub(super) fn quiet_rate(&self) -> Option<f64> {
        match self.word() {
            Word::Significant => Some(0.1),
            Word::Weak => Some(0.2),
            Word::None => None,
        }
    }
}

/// What the comparison found.
#[derive(Debug)]
pub(super) struct Verdict {
    /// Worst first.
    pub(super) suspects: Vec<Suspect>,
    /// Every compared item of the latency lens.
    pub(super) shifts: Vec<Shift>,
    /// Every compared pattern, the largest shift first.
    pub(super) patterns: Vec<PatternShift>,
    pub(super) strength: Strength,
    /// Whom error lines of others name clearly more often than before.
    pub(super) blamed: BTreeMap<String, Blame>,
}

/// Holds the incident against its baseline.
pub(super) fn judge(sample: &Sample, windows: &Windows) -> Verdict {
    let blamed = named::blamed(sample, windows);
    let patterns = PatternTable::of(sample, windows.count + 1, named::silenced(sample, &blamed));
    let latency = LatencyTable::of(&sample.traces, windows.count + 1);
    let split = windows.split();
    let mut all_shifts = latency.all_shifts(windows).into_iter();
    let shifts = all_shifts.next().unwrap_or_default();
    let mut by_pattern = patterns_lens::by_service(sample, patterns.shifts(&split));
    let mut by_latency = slow::by_service(sample, &shifts);
    if is_off(Part::Pattern) {
        by_pattern.clear();
    }
    if is_off(Part::Latency) {
        by_latency.clear();
    }
    let most_pattern = by_pattern.values().map(|against| against.score).fold(0.0, f64::max);
    let most_latency = by_latency.values().map(|slow| slow.score).fold(0.0, f64::max);

    let quiet: Vec<(f64, f64)> = windows
        .quiet_splits()
        .zip(all_shifts)
        .map(|(split, shifts)| {
            let pattern =
                patterns_lens::by_service(sample, patterns.shifts(&split)).values().map(|against| against.score).fold(0.0, f64::max);
            let slow = slow::by_service(sample, &shifts);
            (pattern, slow.values().map(|slow| slow.score).fold(0.0, f64::max))
        })
        .collect();
    let strength = strength((most_pattern, most_latency), &quiet);

    let mut ranked: BTreeMap<String, Suspect> = BTreeMap::new();
    for (service, against) in by_pattern {
        let service = sample.service(service).to_owned();
        let suspect = Suspect { service: service.clone(), score: against.score, evidence: Evidence::Pattern(against.shown) };
        ranked.insert(service, suspect);
    }
    for (service, slow) in by_latency {
        if ranked.get(&service).is_none_or(|known| slow.score > known.score) {
            let suspect = Suspect { service: service.clone(), score: slow.score, evidence: Evidence::Latency(slow) };
            ranked.insert(service, suspect);
        }
    }
    let mut suspects: Vec<Suspect> = ranked.into_values().collect();
    suspects.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.service.cmp(&b.service)));
    let mut patterns: Vec<PatternShift> = patterns.shifts(&split).filter(|shift| shift.score > 0.0).collect();
    let key = |shift: &PatternShift| sample.patterns.get(shift.pattern).map(|pattern| (sample.service(pattern.service), &pattern.key));
    patterns.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| key(a).cmp(&key(b))));
    Verdict { suspects, shifts, patterns, strength, blamed }
}

/// How far the largest score of a lens exceeds what it reaches in quiet windows.
fn strength(most: (f64, f64), quiet: &[(f64, f64)]) -> Strength {
    let mean = |values: &dyn Fn(&(f64, f64)) -> f64, without: Option<usize>| {
        let kept = quiet.iter().enumerate().filter(|(at, _)| Some(*at) != without);
        let (sum, count) = kept.fold((0.0, 0_u32), |(sum, count), (_, pair)| (sum + values(pair), count + 1));
        (sum / f64::from(count.max(1))).max(CHANCE)
    };
    let (quiet_pattern, quiet_latency) = (mean(&|pair| pair.0, None), mean(&|pair| pair.1, None));
    let disturbed = quiet.iter().enumerate().map(|(at, pair)| {
        let ratio = (pair.0 / mean(&|pair| pair.0, Some(at))).max(pair.1 / mean(&|pair| pair.1, Some(at)));
        (ratio, at + 1)
    });
    let disturbed = disturbed.filter(|(ratio, _)| *ratio >= SIGNIFICANT).max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, at)| at);
    Strength { value: (most.0 / quiet_pattern).max(most.1 / quiet_latency), quiet_pattern, quiet_latency, disturbed }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strength_is_measured_in_what_quiet_windows_reach() {
        let quiet = [(2.0, 4.0), (4.0, 4.0)];
        let found = strength((9.0, 20.0), &quiet);
        assert_eq!((found.value, found.quiet_pattern, found.quiet_latency), (5.0, 3.0, 4.0));
        assert_eq!((found.word(), found.quiet_rate(), found.disturbed), (Word::Significant, Some(0.1), None));
        assert_eq!(strength((3.0, 8.0), &quiet).word(), Word::Weak);
        assert_eq!(strength((3.0, 4.0), &quiet).word(), Word::None);
    }

    #[test]
    fn windows_without_anything_do_not_make_a_change_infinite() {
        assert_eq!(strength((2.0, 0.0), &[(0.0, 0.0); 5]).value, 2.0);
        assert_eq!(strength((2.0, 0.0), &[]).value, 2.0);
    }

    #[test]
    fn a_window_of_the_baseline_that_stands_out_is_told() {
        let quiet = [(2.0, 2.0), (2.0, 9.0), (2.0, 2.0)];
        assert_eq!(strength((3.0, 3.0), &quiet).disturbed, Some(2));
    }
}
