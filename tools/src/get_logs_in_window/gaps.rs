//! Silences between lines. Knows only times.

use jiff::Timestamp;

use crate::{
    answer::{Cell, Section, Table},
    mining::statistics::median,
};

/// No shorter silence is a gap, in seconds.
const LEAST_S: f64 = 5.0;

/// A gap is this many times as long as lines are usually apart.
const FACTOR: f64 = 10.0;

/// Gaps that are shown, the longest ones.
const MAX_GAPS: usize = 10;

/// The silences between lines in order of time: far longer than lines are usually apart, and at least five seconds.
pub(super) fn gaps(times: &[Timestamp]) -> Vec<(Timestamp, Timestamp, f64)> {
    let mut between: Vec<(Timestamp, Timestamp, f64)> = times
        .iter()
        .zip(times.iter().skip(1))
        .map(|(earlier, later)| (*earlier, *later, later.duration_since(*earlier).as_secs_f64()))
        .collect();
    let spacing: Vec<f64> = between.iter().map(|(.., seconds)| *seconds).collect();
    let least = LEAST_S.max(median(&spacing).unwrap_or(0.0) * FACTOR);
    between.retain(|(.., seconds)| *seconds >= least);
    between.sort_by(|a, b| b.2.total_cmp(&a.2));
    between.truncate(MAX_GAPS);
    between.sort_by_key(|(start, ..)| *start);
    between
}

/// The gaps as a part of an answer.
pub(super) fn section(gaps: &[(Timestamp, Timestamp, f64)]) -> Section {
    let mut table = Table::new(["start", "end", "seconds"]);
    gaps.iter().for_each(|(start, end, seconds)| table.push(vec![Cell::from(*start), Cell::from(*end), Cell::from(*seconds)]));
    Section::table("gaps", table)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(seconds: &[i64], expected: &[(i64, i64)]) {
        let times: Vec<Timestamp> = seconds.iter().map(|second| Timestamp::from_second(*second).unwrap()).collect();
        let found: Vec<_> = gaps(&times).iter().map(|(start, end, _)| (start.as_second(), end.as_second())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_gap_is_long_for_these_lines_and_at_least_five_seconds() {
        check(&[0, 1, 2, 3, 15, 16, 17], &[(3, 15)]);
        check(&[0, 0, 0, 4, 4], &[]);
        check(&[0, 0, 0, 6, 6], &[(0, 6)]);
        check(&[0, 60, 120, 180, 500], &[]);
        check(&[0, 60, 120, 180, 900], &[(180, 900)]);
    }

    #[test]
    fn a_single_line_has_no_gap() {
        check(&[], &[]);
        check(&[7], &[]);
    }
}
