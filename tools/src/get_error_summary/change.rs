//! Whether errors are more or fewer than in the baseline, beyond chance. Knows counts; knows no line.

use crate::mining::statistics::{excess_chance, family_bound};

/// Of so many comparisons of alike windows, one tells any change.
pub(super) const ONE_IN: u32 = 20;

/// The share of comparisons of alike windows that tell any change.
const ALPHA: f64 = 1.0 / 20.0;

/// Rates that differ by a lower factor are about the same, however many errors there are.
const NOTABLE: f64 = 1.25;

/// Where the errors of two windows differ by less than this factor for certain, they are as before.
const DOUBLED: f64 = 2.0;

/// Events that happen each for itself: the lines of one trace are one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Events {
    pub(super) now: u64,
    pub(super) before: u64,
}

/// How long both windows were observed, sampled parts counted as such; any unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Exposure {
    pub(super) now: f64,
    pub(super) before: f64,
}

/// What became of the errors of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// There was none before.
    New,
    Rose,
    Fell,
}

impl Change {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Rose => "rose",
            Self::Fell => "fell",
        }
    }
}

/// What became of all errors together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    More,
    Fewer,
    /// Neither doubled nor halved, with 95 %.
    AsBefore,
    /// Too few to tell.
    Unclear,
}

impl Exposure {
    fn swapped(self) -> Self {
        Self { now: self.before, before: self.now }
    }

    fn ratio(self, events: Events) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "counts of events")]
        let rate = |events: u64, exposure: f64| events as f64 / exposure;
        rate(events.now, self.now) / rate(events.before, self.before)
    }

    /// The chance of as many events now or more, if nothing changed.
    fn rise(self, events: Events) -> f64 {
        excess_chance(events.now, self.now, events.before, self.before)
    }
}

impl Events {
    fn swapped(self) -> Self {
        Self { now: self.before, before: self.now }
    }

    fn all(self) -> Self {
        Self { now: self.now + self.before, before: 0 }
    }
}

/// What changed clearly in each of some groups, each by the exact test of two Poisson rates, together no more often than the share of
/// comparisons that may err. All groups are needed, also those that were there before alone.
pub(super) fn changes(groups: &[Events], exposure: Exposure) -> Vec<Option<Change>> {
    let bound = |exposure: Exposure| {
        let least: Vec<f64> = groups.iter().map(|events| exposure.rise(events.all())).collect();
        family_bound(&least, ALPHA / 2.0)
    };
    let (bound_of_rise, bound_of_fall) = (bound(exposure), bound(exposure.swapped()));
    let change = |events: &Events| {
        let ratio = exposure.ratio(*events);
        if ratio >= NOTABLE && exposure.rise(*events) <= bound_of_rise {
            Some(if events.before == 0 { Change::New } else { Change::Rose })
        } else if ratio * NOTABLE <= 1.0 && exposure.swapped().rise(events.swapped()) <= bound_of_fall {
            Some(Change::Fell)
        } else {
            None
        }
    };
    groups.iter().map(change).collect()
}

/// What became of all errors together.
pub(super) fn level(events: Events, exposure: Exposure) -> Level {
    let ratio = exposure.ratio(events);
    // How likely as few were had they doubled, and as many had they halved.
    let doubled = Exposure { now: exposure.now * DOUBLED, ..exposure };
    let halved = Exposure { now: exposure.now / DOUBLED, ..exposure };
    let is_about = doubled.swapped().rise(events.swapped()) <= ALPHA && halved.rise(events) <= ALPHA;
    let is_near = ratio < NOTABLE && ratio * NOTABLE > 1.0;
    match (exposure.rise(events) <= ALPHA / 2.0, exposure.swapped().rise(events.swapped()) <= ALPHA / 2.0) {
        _ if is_about && is_near => Level::AsBefore,
        (true, _) => Level::More,
        (_, true) => Level::Fewer,
        _ if is_about => Level::AsBefore,
        _ => Level::Unclear,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Change::{Fell, New, Rose};

    const ALIKE: Exposure = Exposure { now: 60.0, before: 60.0 };

    fn check(groups: &[(u64, u64)], exposure: Exposure, expected: &[Option<Change>]) {
        let groups: Vec<Events> = groups.iter().map(|(now, before)| Events { now: *now, before: *before }).collect();
        assert_eq!(changes(&groups, exposure), expected, "{groups:?}");
    }

    #[test]
    fn a_single_line_is_not_new_and_many_are() {
        check(&[(1, 0)], ALIKE, &[None]);
        check(&[(5, 0)], ALIKE, &[None]);
        check(&[(6, 0)], ALIKE, &[Some(New)]);
    }

    #[test]
    fn the_longer_the_baseline_the_fewer_lines_it_takes() {
        check(&[(2, 0)], Exposure { now: 60.0, before: 600.0 }, &[Some(New)]);
        check(&[(1, 0)], Exposure { now: 60.0, before: 600.0 }, &[None]);
        // As many lines in ten times the time are a tenth of the rate.
        check(&[(20, 20)], Exposure { now: 60.0, before: 600.0 }, &[Some(Rose)]);
        check(&[(20, 20)], ALIKE, &[None]);
    }

    #[test]
    fn what_was_there_before_rose_or_fell() {
        check(&[(40, 10), (10, 40), (0, 40)], ALIKE, &[Some(Rose), Some(Fell), Some(Fell)]);
    }

    #[test]
    fn many_rare_groups_do_not_raise_the_bar_and_many_frequent_ones_do() {
        let rare = |count: usize| std::iter::repeat_n((1, 0), count);
        let groups: Vec<(u64, u64)> = rare(200).chain([(6, 0)]).collect();
        let expected: Vec<Option<Change>> = std::iter::repeat_n(None, 200).chain([Some(New)]).collect();
        check(&groups, ALIKE, &expected);
        let groups: Vec<(u64, u64)> = std::iter::repeat_n((10, 10), 200).chain([(6, 0)]).collect();
        assert_eq!(
            changes(&groups.iter().map(|(now, before)| Events { now: *now, before: *before }).collect::<Vec<_>>(), ALIKE)[200],
            None
        );
    }

    #[test]
    fn a_tenth_more_of_many_is_as_before() {
        check(&[(110_000, 100_000)], ALIKE, &[None]);
        assert_eq!(level(Events { now: 110_000, before: 100_000 }, ALIKE), Level::AsBefore);
    }

    #[test]
    fn all_errors_are_more_fewer_as_before_or_too_few_to_tell() {
        let check = |now: u64, before: u64, expected: Level| assert_eq!(level(Events { now, before }, ALIKE), expected, "{now} {before}");
        check(300, 100, Level::More);
        check(100, 300, Level::Fewer);
        check(100, 100, Level::AsBefore);
        check(3, 1, Level::Unclear);
        check(1, 0, Level::Unclear);
        check(0, 20, Level::Fewer);
        check(0, 0, Level::Unclear);
    }

    #[test]
    fn of_comparisons_of_alike_windows_one_in_twenty_tells_anything() {
        let mut state = 11_u64;
        let mut random = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as f64 / (1_u64 << 31) as f64
        };
        let exposure = Exposure { now: 60.0, before: 180.0 };
        let mut telling = 0;
        for _ in 0..600 {
            // From frequent groups to rare ones; each event falls into the window with a quarter of chance.
            let groups: Vec<Events> = (0..40)
                .map(|group| {
                    let all = 400 / (group + 1);
                    let now = (0..all).filter(|_| random() < 0.25).count() as u64;
                    Events { now, before: all - now }
                })
                .collect();
            telling += usize::from(changes(&groups, exposure).iter().any(Option::is_some));
        }
        assert!(telling <= 30, "{telling} of 600");
        assert!(telling >= 2, "{telling} of 600: too careful to tell anything");
    }
}
