//! Onsets that were planted, and series without any: how often the truth lies in the interval that is told.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    slow,
    trouble::{self, Trouble},
};
use crate::{
    dsl::IndexExpression,
    look::{Bucket, Key, Outcome, Results},
    mining::statistics::quantile,
    params::Window,
    schema::Schema,
};

/// 13:00 to 15:00, of which the second hour is the window.
const SECONDS: u64 = 7_200;
const HALF: u64 = 3_600;

fn start() -> Timestamp {
    "2026-03-25T13:00:00Z".parse().unwrap()
}

fn after(seconds: u64) -> Timestamp {
    Timestamp::from_second(start().as_second() + i64::try_from(seconds).unwrap()).unwrap()
}

fn window() -> Window {
    Window::new(after(HALF), after(SECONDS)).unwrap()
}

fn covered() -> Window {
    Window::new(start(), after(SECONDS)).unwrap()
}

/// Numbers that look random and are the same in every run.
struct Random(u64);

impl Random {
    fn of(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        random.share();
        random
    }

    /// From 0 to 1.
    fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from(self.0 >> 33).unwrap()) / f64::from(1_u32 << 31)
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + self.share() * (high - low)
    }

    /// Milliseconds around 100, with a long tail.
    fn duration(&mut self) -> f64 {
        let normal = (0..12).map(|_| self.share()).sum::<f64>() - 6.0;
        100.0 * (0.5 * normal).exp()
    }
}

/// The moments of requests, about so many a minute.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of two hours")]
fn moments(per_minute: f64, random: &mut Random) -> Vec<u64> {
    let all = (per_minute * 120.0) as usize;
    (0..all).map(|_| random.between(0.0, 7_200.0) as u64).collect()
}

fn results(name: &str, outcome: Outcome<'static>) -> Results<'static> {
    Results([(name.to_owned(), outcome)].into_iter().collect())
}

fn buckets(buckets: Vec<Bucket<'static>>) -> Outcome<'static> {
    Outcome::Buckets { buckets, other: 0, error_bound: 0, after: None }
}

/// A step for each minute: all, and those in it that are told apart.
fn steps(events: &[(u64, bool)]) -> BTreeMap<u64, (u64, u64)> {
    let step = u64::try_from(trouble::step_ms(covered())).unwrap() / 1_000;
    let mut steps: BTreeMap<u64, (u64, u64)> = (0..SECONDS / step).map(|at| (at * step, (0, 0))).collect();
    for (second, is_bad) in events {
        let counts = steps.entry(second / step * step).or_default();
        counts.0 += 1;
        counts.1 += u64::from(*is_bad);
    }
    steps
}

fn of_errors(events: &[(u64, bool)]) -> Option<Trouble> {
    let step = |(second, (all, bad)): (u64, (u64, u64))| {
        let errors = buckets(vec![Bucket { key: Key::Text(String::new()), count: bad, results: Results::default() }]);
        Bucket { key: Key::Time(after(second)), count: all, results: results("errors", errors) }
    };
    trouble::read(&results("steps", buckets(steps(events).into_iter().map(step).collect())), window())
}

fn of_durations(events: &[(u64, f64)]) -> Option<Trouble> {
    let before: Vec<f64> = events.iter().filter(|(second, _)| *second < HALF).map(|(_, duration)| *duration).collect();
    let p95 = || Outcome::Percentiles(vec![(95.0, quantile(&before, 0.95).unwrap())]);
    let mut inside = results("p95", p95());
    let part = Bucket { key: Key::Text(String::new()), count: before.len() as u64, results: results("p95", p95()) };
    inside.0.insert("before".to_owned(), buckets(vec![part]));
    let survey = results("slow ", buckets(vec![Bucket { key: Key::Text(String::new()), count: events.len() as u64, results: inside }]));
    let schema = Schema::unread(IndexExpression::parse("logs-a").unwrap());
    let kinds = slow::requests(&survey, &schema);
    let limit = quantile(&before, 0.95).unwrap() * 1.25;
    let steps = steps(&events.iter().map(|(second, duration)| (*second, *duration > limit)).collect::<Vec<_>>());
    let series = |pick: fn(&(u64, u64)) -> u64| {
        let step = |(second, counts): (&u64, &(u64, u64))| Bucket {
            key: Key::Time(after(*second)),
            count: pick(counts),
            results: Results::default(),
        };
        results("steps", buckets(steps.iter().map(step).collect()))
    };
    let of = |key: &str, results| Bucket { key: Key::Text(key.to_owned()), count: 1, results };
    let found = buckets(vec![of("0", series(|(all, _)| *all)), of("0 slow", series(|(_, slow)| *slow))]);
    slow::read(&results("kinds", found), &kinds, window())
}

/// How many of 200 are told, and of those how many hold the true onset.
fn coverage(told: impl Fn(u64, u64, &mut Random) -> Option<Trouble>) -> (usize, usize) {
    let (mut all, mut right) = (0, 0);
    for seed in 0..200 {
        let mut random = Random::of(seed);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of two hours")]
        let onset = random.between(3_000.0, 6_600.0) as u64;
        if let Some(trouble) = told(onset, seed, &mut random) {
            all += 1;
            right += usize::from((trouble.earliest..=trouble.latest).contains(&after(onset)));
        }
    }
    (all, right)
}

#[test]
fn the_true_onset_of_errors_lies_in_the_interval() {
    let (all, right) = coverage(|onset, _, random| {
        let (per_minute, before, then) = (random.between(20.0, 300.0), random.between(0.0, 0.03), random.between(0.06, 0.6));
        // Some end before the window does.
        let end = if random.share() < 0.3 { onset + 600 } else { SECONDS };
        let moments = moments(per_minute, random);
        let rate = |second: u64| if (onset..end).contains(&second) { before + then } else { before };
        let events: Vec<(u64, bool)> = moments.into_iter().map(|second| (second, random.share() < rate(second))).collect();
        of_errors(&events)
    });
    println!("errors: {right} of {all}");
    assert!(all >= 180 && right * 100 >= all * 90, "{right} of {all}");
}

#[test]
fn the_true_onset_of_slowness_lies_in_the_interval() {
    let (all, right) = coverage(|onset, _, random| {
        let (per_minute, factor) = (random.between(20.0, 300.0), random.between(1.8, 5.0));
        let moments = moments(per_minute, random);
        let slower = |second: u64| if second >= onset { factor } else { 1.0 };
        let events: Vec<(u64, f64)> = moments.into_iter().map(|second| (second, random.duration() * slower(second))).collect();
        of_durations(&events)
    });
    println!("slowness: {right} of {all}");
    assert!(all >= 180 && right * 100 >= all * 90, "{right} of {all}");
}

#[test]
fn a_few_errors_and_none_are_no_onset() {
    let told = |seed: &u64| {
        let mut random = Random::of(*seed);
        let few = usize::try_from(seed % 6).unwrap();
        let moments = moments(60.0, &mut random);
        let events: Vec<(u64, bool)> = moments.into_iter().enumerate().map(|(at, second)| (second, at < few)).collect();
        of_errors(&events).is_some()
    };
    let false_alarms = (0..200).filter(told).count();
    println!("few errors: {false_alarms}");
    assert!(false_alarms <= 4, "{false_alarms}");
    assert_eq!(of_errors(&[]), None);
}

#[test]
fn requests_as_slow_as_before_are_no_onset() {
    let told = |seed: &u64| {
        let mut random = Random::of(*seed);
        let per_minute = random.between(20.0, 300.0);
        let events: Vec<(u64, f64)> = moments(per_minute, &mut random).into_iter().map(|second| (second, random.duration())).collect();
        of_durations(&events).is_some()
    };
    let false_alarms = (0..200).filter(told).count();
    println!("as slow as before: {false_alarms}");
    assert!(false_alarms <= 4, "{false_alarms}");
}
