//! Random numbers of the distributions that traffic has. The same seed gives the same numbers.

use std::f64::consts::TAU;

/// A source of random numbers.
pub(super) struct Random(fastrand::Rng);

impl Random {
    /// The source of one incident: those of different kinds and numbers have nothing in common.
    pub(super) fn of(seed: u64, kind: u64, number: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed.wrapping_mul(1_000_003) ^ (kind << 40) ^ (number << 8)))
    }

    /// From 0 to 1.
    pub(super) fn unit(&mut self) -> f64 {
        self.0.f64()
    }

    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// From `low` to `high`, both included.
    pub(super) fn count(&mut self, low: usize, high: usize) -> usize {
        self.0.usize(low..=high)
    }

    pub(super) fn happens(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    pub(super) fn one_of<'l, T>(&mut self, list: &'l [T]) -> Option<&'l T> {
        self.0.choice(list)
    }

    /// Standard normal (Box and Muller 1958).
    pub(super) fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.unit()).ln()).sqrt() * (TAU * self.unit()).cos()
    }

    /// What takes time: log-normal around a median.
    pub(super) fn around(&mut self, median: f64, spread: f64) -> f64 {
        median * (spread * self.normal()).exp()
    }

    /// Time to the next of events that come at a rate.
    pub(super) fn until_next(&mut self, rate: f64) -> f64 {
        -(1.0 - self.unit()).ln() / rate
    }

    /// An id of so many hexadecimal digits.
    pub(super) fn hex(&mut self, digits: usize) -> String {
        (0..digits).map(|_| char::from_digit(self.0.u32(0..16), 16).unwrap_or('0')).collect()
    }
}
