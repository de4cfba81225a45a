//! The statistics that compare windows: signed G², Mann–Whitney, quantiles, rates. Pure; knows numbers only.

/// The signed log-likelihood ratio of two proportions (Dunning 1993): how surprising it is that `a` of `a_total` here and `b` of `b_total`
/// there come from one rate. Positive when the rate here is higher. 0 when a total is 0.
///
/// `G² = 2 (a ln(a / (A r)) + b ln(b / (B r)))` with `r = (a + b) / (A + B)`; only the counts of what happened enter, so that pattern counts
/// per trace, which may exceed 1, are allowed. Its root is on the scale of a standard normal deviate.
pub fn signed_g2(a: f64, a_total: f64, b: f64, b_total: f64) -> f64 {
    if a_total <= 0.0 || b_total <= 0.0 || a + b <= 0.0 {
        return 0.0;
    }
    let rate = (a + b) / (a_total + b_total);
    let term = |count: f64, total: f64| if count > 0.0 { count * (count / (total * rate)).ln() } else { 0.0 };
    let g2 = (2.0 * (term(a, a_total) + term(b, b_total))).max(0.0);
    if a / a_total < b / b_total { -g2 } else { g2 }
}

/// The signed log-likelihood ratio of a two-by-two table (Dunning 1993): `a` of `a_total` here and `b` of `b_total` there have something, the
/// others lack it, and both count. [`signed_g2`] with what is lacking beside what is there: "all of a hundred, then eighty" is as surprising
/// as "none, then twenty". The counts must not exceed their totals.
pub fn signed_g2_of_table(a: f64, a_total: f64, b: f64, b_total: f64) -> f64 {
    let with = signed_g2(a, a_total, b, b_total);
    let without = signed_g2(a_total - a, a_total, b_total - b, b_total);
    with + with.signum() * without.abs()
}

/// The z of the Mann–Whitney U test of two samples, with mid-ranks and the variance corrected for ties; positive when `here` tends to be
/// larger than `there`. 0 when a sample is empty or all values are equal.
pub fn mann_whitney_z(here: &[f64], there: &[f64]) -> f64 {
    let mut all: Vec<(f64, bool)> = here.iter().map(|value| (*value, true)).chain(there.iter().map(|value| (*value, false))).collect();
    all.sort_unstable_by(|left, right| left.0.total_cmp(&right.0));
    let (mut rank_sum, mut ties, mut before) = (0.0, 0.0, 0.0);
    for group in all.chunk_by(|left, right| left.0 == right.0) {
        let size = count(group.len());
        let mine = count(group.iter().filter(|(_, is_here)| *is_here).count());
        rank_sum += mine * (before + (size + 1.0) / 2.0);
        ties += size * size * size - size;
        before += size;
    }
    let (m, n) = (count(here.len()), count(there.len()));
    let total = m + n;
    let variance = if total > 1.0 { m * n / 12.0 * (total + 1.0 - ties / (total * (total - 1.0))) } else { 0.0 };
    if variance <= 0.0 {
        return 0.0;
    }
    let u = rank_sum - m * (m + 1.0) / 2.0;
    (u - m * n / 2.0) / variance.sqrt()
}

/// How much later or longer `here` is than `there`: `max(0, z) · ln((median₀ + δ) / (median_B + δ))`, not below 0, with `δ` half a step of
/// the clock in the unit of the values. 0 with fewer than three values on a side.
pub fn latency_shift(here: &[f64], there: &[f64], delta: f64) -> f64 {
    if here.len() < 3 || there.len() < 3 {
        return 0.0;
    }
    let (Some(now), Some(before)) = (median(here), median(there)) else { return 0.0 };
    let ratio = (now + delta) / (before + delta);
    if ratio > 0.0 { (mann_whitney_z(here, there).max(0.0) * ratio.ln()).max(0.0) } else { 0.0 }
}

/// The middle of the values; none when there is none.
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// A quantile by linear interpolation between order statistics (type 7 of Hyndman and Fan 1996, the default of R and `NumPy`). `q` is from 0
/// to 1. None when there is no value.
pub fn quantile(values: &[f64], q: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    quantile_of_sorted(&sorted, q)
}

/// As [`quantile`], of values that are sorted already.
pub fn quantile_of_sorted(sorted: &[f64], q: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let at = count(last) * q.clamp(0.0, 1.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the last index")]
    let below = at.floor() as usize;
    let (low, high) = (sorted.get(below)?, sorted.get((below + 1).min(last))?);
    Some(low + (high - low) * (at - at.floor()))
}

/// The z from which on a rate is said to have moved: without a change one comparison in a thousand reaches it, up or down.
pub const CLEAR_Z: f64 = 3.3;

/// Whether a rate moved, and how far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateChange {
    /// The rate here divided by the rate there; none when there was nothing there.
    pub ratio: Option<f64>,
    /// Root of G² with the sign of the change: a standard normal deviate where nothing changed.
    pub z: f64,
}

/// Compares `a` events in a span of `a_span` with `b` events in a span of `b_span`; any unit of time, the same for both.
pub fn rate_change(a: f64, a_span: f64, b: f64, b_span: f64) -> RateChange {
    let ratio = (a_span > 0.0 && b_span > 0.0 && b > 0.0).then(|| (a / a_span) / (b / b_span));
    let g2 = signed_g2(a, a_span, b, b_span);
    RateChange { ratio, z: g2.signum() * g2.abs().sqrt() }
}

/// How likely chance alone gives `here` events or more in a span, where `there` were in another span and both have one rate; spans in any
/// unit, the same for both. Exact for independent events: of `here + there` each falls into the first span with the probability of its
/// share of both spans, so the tail is binomial (Przyborowski and Wilenski, Biometrika 1940). 1 where a span is empty.
pub fn excess_chance(here: u64, here_span: f64, there: u64, there_span: f64) -> f64 {
    let share = here_span / (here_span + there_span);
    if !(share > 0.0 && share < 1.0) || here == 0 {
        return 1.0;
    }
    let (all, odds) = (here + there, (share / (1.0 - share)).ln());
    let expected = real(all) * share;
    // Ten standard deviations below what is expected, the tail is 1 but for 1e-23.
    if real(here) < expected - 10.0 * (expected * (1.0 - share)).sqrt() {
        return 1.0;
    }
    let first = ln_factorial(all) - ln_factorial(here) - ln_factorial(there) + real(here) * share.ln() + real(there) * (1.0 - share).ln();
    // Beyond the most likely number the terms fall: what a term adds tells when to stop.
    let (mut term, mut sum) = (first, 0.0);
    for number in here..=all {
        let part = term.exp();
        sum += part;
        if real(number) > expected && part <= sum * 1e-12 {
            break;
        }
        term += (real(all - number) / real(number + 1)).ln() + odds;
    }
    sum.min(1.0)
}

/// The bound that a chance must not exceed to be told as more than chance, so that of `alpha` families of tests at most one tells anything
/// by chance. `least` are the smallest chances that each test can give: tests that could not be told in any case do not count (Tarone,
/// Biometrics 1990).
pub fn family_bound(least: &[f64], alpha: f64) -> f64 {
    let mut sorted = least.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let mut tests = 1;
    // The tests that can reach alpha / tests must be no more than that many.
    while sorted.get(tests).is_some_and(|chance| *chance <= alpha / count(tests)) {
        tests += 1;
    }
    alpha / count(tests)
}

/// The logarithm of a factorial: by Stirling's series above 16, which is exact to 1e-10 there.
fn ln_factorial(number: u64) -> f64 {
    if number <= 16 {
        return (2..=number).map(|factor| real(factor).ln()).sum();
    }
    let n = real(number);
    n * n.ln() - n + 0.5 * (std::f64::consts::TAU * n).ln() + 1.0 / (12.0 * n) - 1.0 / (360.0 * n.powi(3)) + 1.0 / (1260.0 * n.powi(5))
}

#[expect(clippy::cast_precision_loss, reason = "counts of events")]
fn real(number: u64) -> f64 {
    number as f64
}

/// A number of things, to calculate with.
#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn count(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
    }

    #[test]
    fn g2_is_zero_where_rates_are_equal_and_signed_where_they_are_not() {
        close(signed_g2(10.0, 100.0, 100.0, 1000.0), 0.0);
        // r = 10/200: 2 (10 ln(10/5)) = 20 ln 2
        close(signed_g2(10.0, 100.0, 0.0, 100.0), 20.0 * 2f64.ln());
        close(signed_g2(0.0, 100.0, 10.0, 100.0), -20.0 * 2f64.ln());
        // r = 40/200: 2 (30 ln 1.5 + 10 ln 0.5)
        close(signed_g2(30.0, 100.0, 10.0, 100.0), 2.0 * (30.0 * 1.5f64.ln() + 10.0 * 0.5f64.ln()));
        close(signed_g2(5.0, 0.0, 5.0, 10.0), 0.0);
        close(signed_g2(0.0, 10.0, 0.0, 10.0), 0.0);
    }

    #[test]
    fn what_is_lacking_counts_as_what_is_there() {
        // r = 180/200: 2 (80 ln(80/90) + 100 ln(100/90) + 20 ln(20/10))
        let lost = 2.0 * (80.0 * (8.0 / 9.0_f64).ln() + 100.0 * (10.0 / 9.0_f64).ln() + 20.0 * 2f64.ln());
        close(signed_g2_of_table(80.0, 100.0, 100.0, 100.0), -lost);
        close(signed_g2_of_table(20.0, 100.0, 0.0, 100.0), lost);
        close(signed_g2_of_table(10.0, 100.0, 100.0, 1000.0), 0.0);
        close(signed_g2_of_table(5.0, 5.0, 100.0, 100.0), 0.0);
        close(signed_g2_of_table(0.0, 0.0, 5.0, 10.0), 0.0);
    }

    #[test]
    fn mann_whitney_agrees_with_hand_computed_ranks() {
        // Ranks of here: 4, 5, 6; U = 15 - 6 = 9, mean 4.5, variance 3·3·7/12 = 5.25.
        close(mann_whitney_z(&[4.0, 5.0, 6.0], &[1.0, 2.0, 3.0]), 4.5 / 5.25f64.sqrt());
        close(mann_whitney_z(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0]), -4.5 / 5.25f64.sqrt());
        // Sorted 1 2 2 3: mid-ranks 1, 2.5, 2.5, 4. Here 2, 3: 6.5; U = 3.5, mean 2; ties 6: 4/12 (5 - 6/12) = 1.5.
        close(mann_whitney_z(&[2.0, 3.0], &[1.0, 2.0]), 1.5 / 1.5f64.sqrt());
    }

    #[test]
    fn mann_whitney_of_nothing_or_of_equals_is_zero() {
        for (here, there) in [(&[][..], &[1.0][..]), (&[1.0], &[]), (&[], &[]), (&[2.0, 2.0], &[2.0]), (&[1.0], &[1.0])] {
            close(mann_whitney_z(here, there), 0.0);
        }
    }

    #[test]
    fn a_latency_shift_needs_three_values_and_a_rise() {
        let z = 4.5 / 5.25f64.sqrt();
        close(latency_shift(&[4.0, 5.0, 6.0], &[1.0, 2.0, 3.0], 0.5), z * (5.5f64 / 2.5).ln());
        close(latency_shift(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0], 0.5), 0.0);
        close(latency_shift(&[4.0, 5.0], &[1.0, 2.0, 3.0], 0.5), 0.0);
        close(latency_shift(&[0.0, 0.0, 0.0], &[0.0, 0.0, 0.0], 0.0), 0.0);
    }

    #[test]
    fn quantiles_interpolate_between_order_statistics() {
        let values = [4.0, 1.0, 3.0, 2.0];
        let check = |q: f64, expected: f64| close(quantile(&values, q).unwrap(), expected);
        check(0.0, 1.0);
        check(0.25, 1.75);
        check(0.5, 2.5);
        check(0.95, 3.85);
        check(1.0, 4.0);
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(median(&[7.0]), Some(7.0));
    }

    #[test]
    fn a_rate_change_has_a_ratio_and_a_sign() {
        let up = rate_change(30.0, 100.0, 10.0, 100.0);
        close(up.ratio.unwrap(), 3.0);
        close(up.z, (2.0 * (30.0 * 1.5f64.ln() + 10.0 * 0.5f64.ln())).sqrt());
        let new = rate_change(10.0, 100.0, 0.0, 100.0);
        assert_eq!(new.ratio, None);
        assert!(new.z > 0.0);
        assert!(rate_change(0.0, 100.0, 10.0, 100.0).z < 0.0);
    }

    #[test]
    fn an_excess_is_as_likely_as_the_binomial_tail() {
        let check = |here: u64, here_span: f64, there: u64, there_span: f64, expected: f64| {
            let found = excess_chance(here, here_span, there, there_span);
            assert!((found - expected).abs() < 1e-9, "{here} {there}: {found} is not {expected}");
        };
        check(1, 60.0, 0, 60.0, 0.5);
        check(5, 60.0, 0, 60.0, 1.0 / 32.0);
        // A baseline ten times as long.
        check(1, 60.0, 0, 600.0, 1.0 / 11.0);
        // 8 or more of 10 at 1/2: (45 + 10 + 1) / 1024.
        check(8, 1.0, 2, 1.0, 56.0 / 1024.0);
        check(2, 1.0, 8, 1.0, 1013.0 / 1024.0);
        check(0, 1.0, 5, 1.0, 1.0);
        check(5, 1.0, 0, 0.0, 1.0);
        check(10_000, 1.0, 1_000_000_000, 1.0, 1.0);
        check(1_000_000_000, 1.0, 10_000, 1.0, 0.0);
        // By the normal distribution, with half a step for continuity: z = 99.5 / √5000.
        let large = excess_chance(10_100, 1.0, 9_900, 1.0);
        assert!((large - 0.079_7).abs() < 1e-3, "{large}");
    }

    #[test]
    fn tests_that_cannot_be_told_do_not_count() {
        close(family_bound(&[], 0.05), 0.05);
        close(family_bound(&[0.5; 40], 0.05), 0.05);
        close(family_bound(&[0.001, 0.5, 0.5], 0.05), 0.05);
        close(family_bound(&[0.001; 4], 0.05), 0.05 / 4.0);
        // Two reach 0.05 / 2, the third does not.
        close(family_bound(&[0.001, 0.02, 0.03, 0.5], 0.05), 0.05 / 2.0);
    }
}
