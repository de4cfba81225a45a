//! When each value of a field was first and last seen, and whether it came or went in a window. Knows no tool.

use jiff::{SignedDuration, Timestamp};

use crate::{
    look::{Bucket, Results},
    params::Window,
};

/// A value and the documents that carry it, from a while before the window to a while after.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sighting {
    pub(super) value: String,
    /// The service that most of its documents are of.
    pub(super) service: Option<String>,
    pub(super) count: u64,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
}

impl Sighting {
    /// Reads a bucket that has `first` and `last`, and perhaps `service`.
    pub(super) fn read(value: String, bucket: &Bucket<'_>) -> Option<Self> {
        let service = bucket.results.buckets("service").first().map(|service| service.key.text().into_owned());
        let (first, last) = span(&bucket.results)?;
        Some(Self { value, service, count: bucket.count, first, last })
    }

    /// Joins the sightings of what is one and the same.
    pub(super) fn join(&mut self, other: &Sighting) {
        self.count += other.count;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }

    /// How long it must be silent to be called gone, or the data be there without it to be called new: eight times the
    /// mean time between its documents (at random arrivals, one silence in three thousand is as long), and at least two
    /// minutes. None for a single document: it has no rate.
    fn patience(&self) -> Option<SignedDuration> {
        let gaps = i32::try_from(self.count).ok()?.checked_sub(1).filter(|gaps| *gaps > 0)?;
        let mean = self.last.duration_since(self.first) / gaps;
        Some((mean * 8).max(SignedDuration::from_mins(2)))
    }

    /// How long it was seen.
    pub(super) fn lived(&self) -> SignedDuration {
        self.last.duration_since(self.first)
    }
}

fn span(results: &Results<'_>) -> Option<(Timestamp, Timestamp)> {
    Some((results.time("first")?, results.time("last")?))
}

/// What happened to a value in the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fate {
    pub(super) appeared: bool,
    pub(super) vanished: bool,
}

/// What the data covers: no value can come before its beginning or go after its end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Coverage {
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
}

impl Coverage {
    /// From the earliest to the latest of some sightings.
    pub(super) fn of(sightings: &[Sighting]) -> Option<Self> {
        let first = sightings.iter().map(|sighting| sighting.first).min()?;
        let last = sightings.iter().map(|sighting| sighting.last).max()?;
        Some(Self { first, last })
    }

    /// Whether a value came or went in the window; not where silence alone could explain it.
    pub(super) fn fate(self, seen: &Sighting, window: Window) -> Fate {
        let alone = SignedDuration::from_mins(10);
        let appeared = window.contains(seen.first) && seen.first.duration_since(self.first) > seen.patience().unwrap_or(alone);
        let vanished = window.contains(seen.last) && seen.patience().is_some_and(|patience| self.last.duration_since(seen.last) > patience);
        Fate { appeared, vanished }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATA: (i64, i64) = (0, 7_200);

    /// The fate, in a window from 3,600 s to 7,200 s, of a value seen so often between two seconds.
    fn check(count: u64, first: i64, last: i64, appeared: bool, vanished: bool) {
        let at = |second| Timestamp::from_second(second).unwrap();
        let coverage = Coverage { first: at(DATA.0), last: at(DATA.1) };
        let seen = Sighting { value: "a".to_owned(), service: None, count, first: at(first), last: at(last) };
        let fate = coverage.fate(&seen, Window::new(at(3_600), at(7_200)).unwrap());
        assert_eq!(fate, Fate { appeared, vanished }, "{count} from {first} to {last}");
    }

    #[test]
    fn a_busy_value_that_falls_silent_is_gone() {
        check(200, 0, 5_000, false, true);
    }

    #[test]
    fn a_quiet_value_is_not_gone() {
        check(6, 60, 6_600, false, false);
        check(1, 5_000, 5_000, true, false);
    }

    #[test]
    fn what_comes_and_goes_inside_is_both() {
        check(8, 5_000, 5_040, true, true);
    }

    #[test]
    fn what_was_there_before_is_not_new() {
        check(100, 3_000, 7_190, false, false);
    }

    #[test]
    fn what_went_before_the_window_is_not_told() {
        check(100, 100, 3_000, false, false);
    }

    #[test]
    fn a_value_as_old_as_the_data_is_not_new() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let coverage = Coverage { first: at(4_000), last: at(7_200) };
        let seen = Sighting { value: "a".to_owned(), service: None, count: 300, first: at(4_010), last: at(7_190) };
        assert!(!coverage.fate(&seen, Window::new(at(3_600), at(7_200)).unwrap()).appeared);
    }
}
