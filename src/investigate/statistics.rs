//! When a count or a share is more than chance: the likelihood-ratio statistic G², on whose root all signs are weighed. Knows no answer.

/// √G² that chance reaches once in a thousand times with one degree of freedom (χ² 10.83).
pub(super) const CERTAIN: f64 = 3.29;

/// √G² of a count in a time against a count in another time, where the first is the higher rate; 0 where it is not.
/// `2 Σ n ln(n / expected)`, with both expected at the pooled rate.
pub(super) fn rate_excess(now: f64, minutes: f64, before: f64, minutes_before: f64) -> f64 {
    if minutes <= 0.0 || minutes_before <= 0.0 || now / minutes <= before / minutes_before {
        return 0.0;
    }
    let rate = (now + before) / (minutes + minutes_before);
    (2.0 * (term(now, rate * minutes) + term(before, rate * minutes_before))).max(0.0).sqrt()
}

/// √G² of a share against another, where the first is the higher; 0 where it is not.
pub(super) fn share_excess(part: f64, whole: f64, part_before: f64, whole_before: f64) -> f64 {
    if whole <= 0.0 || whole_before <= 0.0 || part / whole <= part_before / whole_before {
        return 0.0;
    }
    let share = (part + part_before) / (whole + whole_before);
    let cells = [
        (part, whole * share),
        (whole - part, whole * (1.0 - share)),
        (part_before, whole_before * share),
        (whole_before - part_before, whole_before * (1.0 - share)),
    ];
    (2.0 * cells.iter().map(|(seen, expected)| term(*seen, *expected)).sum::<f64>()).max(0.0).sqrt()
}

fn term(seen: f64, expected: f64) -> f64 {
    if seen > 0.0 && expected > 0.0 { seen * (seen / expected).ln() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_against_none_in_the_same_time_are_no_chance_and_seven_may_be() {
        assert!(rate_excess(8.0, 60.0, 0.0, 60.0) > CERTAIN);
        assert!(rate_excess(7.0, 60.0, 0.0, 60.0) < CERTAIN);
        assert!(rate_excess(4.0, 6.0, 0.0, 60.0) > CERTAIN);
    }

    #[test]
    fn what_stays_or_falls_is_no_excess() {
        assert_eq!(rate_excess(5.0, 10.0, 50.0, 100.0), 0.0);
        assert_eq!(share_excess(5.0, 100.0, 6.0, 100.0), 0.0);
        assert!(share_excess(27.0, 454.0, 26.0, 450.0) < CERTAIN);
        assert!(share_excess(94.0, 1660.0, 0.0, 1600.0) > CERTAIN);
        assert_eq!(share_excess(1.0, 0.0, 1.0, 1.0), 0.0);
    }
}
