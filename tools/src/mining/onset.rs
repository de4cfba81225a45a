//! When a trouble began, with an interval: likelihood ratios over every place of a change in a series. Pure; knows numbers only.

use super::statistics::median;

/// From this likelihood ratio on a change is told. Of series without a change, 60 to 240 steps long, of counts and of clumps of
/// counts, about one in a hundred reaches it somewhere (simulated; for a single break Andrews, Econometrica 1993, has 12.35 at 1 %).
pub const CLEAR: f64 = 18.0;

/// How far below the largest likelihood ratio the true place of a change can lie: in 95 of 100 cases no further (Hansen, Econometrica
/// 2000, table I: where the change is small; for a large one the interval is wider than it had to be).
const INTERVAL: f64 = 7.35;

/// The relative error of a percentile: a series that is constant is not known to be better than that.
const PERCENTILE_ERROR: f64 = 0.01;

/// Where a series changes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Onset {
    /// The first step after the change.
    pub at: usize,
    /// The earliest step that may be the first after the change, with 95 %.
    pub earliest: usize,
    /// The latest.
    pub latest: usize,
    /// The first step after the end of what began; the length of the series where it has not ended.
    pub end: usize,
    /// The likelihood ratio, twice its logarithm, divided by the dispersion: at least [`CLEAR`] where something changed.
    pub g2: f64,
    /// Level outside.
    pub before: f64,
    /// Level from the change to its end.
    pub after: f64,
}

/// When `failed` of `total` rose: the stretch of at least `side` steps in which the rate is higher than outside, by the likelihood
/// ratio of binomial counts (Worsley, Biometrika 1983; of a stretch instead of one change: Levin and Kline, Statistics in Medicine
/// 1985), divided by Pearson's dispersion where failures come in clumps (McCullagh and Nelder 1989, section 4.5). None where nothing
/// rose.
pub fn rate_onset(failed: &[f64], total: &[f64], side: usize) -> Option<Onset> {
    let steps = failed.len().min(total.len());
    let (failed_until, total_until) = (sums(failed), sums(total));
    let (all_failed, all) = (failed_until.last().copied()?, total_until.last().copied()?);
    let part = |until: &[f64], from: usize, to: usize| Some(until.get(to)? - until.get(from)?);
    let together = likelihood(all_failed, all);
    let ratio = |from: usize, to: usize| {
        let (inside, inside_of) = (part(&failed_until, from, to)?, part(&total_until, from, to)?);
        let (outside, outside_of) = (all_failed - inside, all - inside_of);
        let rises = inside_of > 0.0 && outside_of > 0.0 && inside / inside_of > outside / outside_of;
        rises.then(|| 2.0 * (likelihood(inside, inside_of) + likelihood(outside, outside_of) - together))
    };
    let best = stretches(steps, side, ratio)?;
    let (from, to) = (best.at, best.end);
    let (inside, inside_of) = (part(&failed_until, from, to)?, part(&total_until, from, to)?);
    let (after, before) = (inside / inside_of, (all_failed - inside) / (all - inside_of));
    let mut pearson = 0.0;
    let mut counted = 0_u32;
    for (step, (failed, total)) in failed.iter().zip(total).enumerate() {
        let rate = if (from..to).contains(&step) { after } else { before };
        let variance = total * rate * (1.0 - rate);
        if variance > 0.0 {
            pearson += (failed - total * rate).powi(2) / variance;
            counted += 1;
        }
    }
    // Two rates and two places are estimated.
    let dispersion = if counted > 4 { (pearson / f64::from(counted - 4)).max(1.0) } else { 1.0 };
    Some(best.onset(dispersion, before, after))
}

/// Where a level changed, up or down, for good: the logarithms of everything before against everything after, by the likelihood ratio of
/// normal values of unknown variance, with at least `side` steps on each side (Hawkins, J. Am. Stat. Assoc. 1977). None for a series
/// shorter than two sides.
pub fn level_shift(values: &[f64], side: usize) -> Option<Onset> {
    let logs: Vec<f64> = values.iter().map(|value| value.max(f64::MIN_POSITIVE).ln()).collect();
    let steps = logs.len();
    let until = sums(&logs);
    let length = count(steps);
    let sum = until.last().copied()?;
    let mean = sum / length;
    let squares: f64 = logs.iter().map(|log| (log - mean).powi(2)).sum();
    let floor = length * PERCENTILE_ERROR * PERCENTILE_ERROR;
    let ratio = |from: usize, to: usize| {
        let inside_of = count(to - from);
        let outside_of = length - inside_of;
        if to != steps || from < side || to - from < side {
            return None;
        }
        let inside = until.get(to)? - until.get(from)?;
        let rise = inside / inside_of - (sum - inside) / outside_of;
        let explained = inside_of * outside_of / length * rise * rise;
        Some(length * ((squares + floor) / ((squares - explained).max(0.0) + floor)).ln())
    };
    let best = stretches(steps, 1, ratio)?;
    let (from, to) = (best.at, best.end);
    let inside = values.get(from..to)?;
    let outside: Vec<f64> = values.get(..from)?.iter().chain(values.get(to..)?).copied().collect();
    Some(best.onset(1.0, median(&outside)?, median(inside)?))
}

/// The stretch with the largest ratio, and for each first step the largest ratio of any end.
struct Best {
    at: usize,
    end: usize,
    profile: Vec<f64>,
}

impl Best {
    fn onset(&self, dispersion: f64, before: f64, after: f64) -> Onset {
        let largest = self.profile.get(self.at).copied().unwrap_or(0.0) / dispersion;
        let is_likely = |ratio: &f64| ratio / dispersion >= largest - INTERVAL;
        let earlier = self.profile.iter().take(self.at).rev().take_while(|ratio| is_likely(ratio)).count();
        let later = self.profile.iter().skip(self.at + 1).take_while(|ratio| is_likely(ratio)).count();
        Onset { at: self.at, earliest: self.at - earlier, latest: self.at + later, end: self.end, g2: largest, before, after }
    }
}

fn stretches(steps: usize, side: usize, ratio: impl Fn(usize, usize) -> Option<f64>) -> Option<Best> {
    let mut best: Option<(f64, usize, usize)> = None;
    let mut profile = Vec::with_capacity(steps);
    for from in 0..steps {
        let mut of_start = f64::NEG_INFINITY;
        for to in from + side.max(1)..=steps {
            // What began before the first step cannot be dated.
            let Some(ratio) = ratio(from, to).filter(|_| from > 0) else { continue };
            of_start = of_start.max(ratio);
            if best.is_none_or(|(known, ..)| ratio > known + 1e-9) {
                best = Some((ratio, from, to));
            }
        }
        profile.push(of_start);
    }
    best.map(|(_, at, end)| Best { at, end, profile })
}

/// The logarithm of the likelihood of so many of so many at their own rate.
fn likelihood(of_these: f64, all: f64) -> f64 {
    let term = |part: f64| if part > 0.0 { part * (part / all).ln() } else { 0.0 };
    term(of_these) + term(all - of_these)
}

/// Sums of the first 0, 1, … values.
fn sums(values: &[f64]) -> Vec<f64> {
    let running = values.iter().scan(0.0, |sum, value| {
        *sum += value;
        Some(*sum)
    });
    std::iter::once(0.0).chain(running).collect()
}

#[expect(clippy::cast_precision_loss, reason = "steps of a series")]
fn count(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A series of counts: so many steps of each.
    fn series(parts: &[(usize, f64)]) -> Vec<f64> {
        parts.iter().flat_map(|(steps, value)| std::iter::repeat_n(*value, *steps)).collect()
    }

    /// Numbers from 0 to 1 that look random and are the same in every run.
    fn noise(seed: u64) -> impl Iterator<Item = f64> {
        let mut state = seed;
        std::iter::repeat_with(move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            f64::from(u32::try_from(state >> 33).unwrap()) / f64::from(1_u32 << 31)
        })
    }

    /// Failures of 50 a step at a rate.
    fn failures(rates: &[f64], seed: u64) -> Vec<f64> {
        let mut random = noise(seed);
        rates.iter().map(|rate| count(random.by_ref().take(50).filter(|value| value < rate).count())).collect()
    }

    #[test]
    fn an_onset_lies_where_the_rate_rises_and_its_end_where_it_falls() {
        let total = vec![50.0; 60];
        let found = rate_onset(&series(&[(30, 1.0), (20, 20.0), (10, 1.0)]), &total, 2).unwrap();
        assert_eq!((found.at, found.earliest, found.latest, found.end), (30, 30, 30, 50));
        assert!(found.g2 > CLEAR && (found.before - 0.02).abs() < 1e-9 && (found.after - 0.4).abs() < 1e-9, "{found:?}");
        let found = rate_onset(&series(&[(45, 0.0), (15, 5.0)]), &total, 2).unwrap();
        assert_eq!((found.at, found.end), (45, 60));
    }

    #[test]
    fn the_interval_holds_the_true_place_in_about_95_of_100_series() {
        let rates = series(&[(40, 0.02), (40, 0.10)]);
        let total = vec![50.0; 80];
        let (mut covered, mut told) = (0, 0);
        for seed in 0..200 {
            let Some(found) = rate_onset(&failures(&rates, seed), &total, 2).filter(|found| found.g2 >= CLEAR) else { continue };
            told += 1;
            covered += usize::from((found.earliest..=found.latest).contains(&40));
        }
        assert!(told > 180 && covered * 100 >= told * 93, "{covered} of {told}");
    }

    #[test]
    fn of_series_without_a_change_few_are_said_to_have_one() {
        let total = vec![50.0; 120];
        let said = |seed: &u64| rate_onset(&failures(&[0.05; 120], *seed), &total, 2).is_some_and(|found| found.g2 >= CLEAR);
        assert!((0..100).filter(said).count() <= 4);
        assert_eq!(rate_onset(&[], &[], 2), None);
        assert_eq!(rate_onset(&[0.0; 9], &[0.0; 9], 2), None);
        assert_eq!(rate_onset(&[5.0; 9], &[5.0; 9], 2), None);
    }

    #[test]
    fn clumps_are_no_onset() {
        let total = vec![200.0; 60];
        let clumps: Vec<f64> = (0..60).map(|step| if step % 9 == 4 { 40.0 } else { 1.0 }).collect();
        assert!(rate_onset(&clumps, &total, 2).is_none_or(|found| found.g2 < CLEAR));
    }

    #[test]
    fn a_level_that_rises_or_falls_is_dated() {
        let wavy = |parts: &[(usize, f64)]| series(parts).into_iter().zip(noise(7)).map(|(value, shake)| value * (1.0 + 0.2 * shake));
        let found = level_shift(&wavy(&[(12, 40.0), (8, 10.0)]).collect::<Vec<_>>(), 3).unwrap();
        assert_eq!((found.at, found.end), (12, 20));
        assert!(found.after < found.before && found.g2 >= CLEAR, "{found:?}");
        assert!(level_shift(&wavy(&[(20, 10.0)]).collect::<Vec<_>>(), 3).unwrap().g2 < CLEAR);
        assert_eq!(level_shift(&[1.0, 2.0, 3.0], 3), None);
        assert_eq!(level_shift(&[], 3), None);
    }

    #[test]
    fn a_constant_series_does_not_change() {
        assert!(level_shift(&[5.0; 20], 3).is_none_or(|found| found.g2 < CLEAR));
        assert!(level_shift(&[0.0; 20], 3).is_none_or(|found| found.g2 < CLEAR));
    }
}
