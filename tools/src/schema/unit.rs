//! Units of stored numbers: moments since the epoch, and severity numbers.

use jiff::Timestamp;

use crate::params::Level;

/// The unit of a moment stored as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EpochUnit {
    /// To be told from the magnitude.
    Auto,
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Millis,
    /// Microseconds.
    Micros,
    /// Nanoseconds.
    Nanos,
}

impl EpochUnit {
    /// Tells the unit of a moment between 1973 and 5138 from its magnitude.
    pub fn of(value: f64) -> Self {
        match value.abs() {
            value if value < 1e11 => Self::Seconds,
            value if value < 1e14 => Self::Millis,
            value if value < 1e17 => Self::Micros,
            _ => Self::Nanos,
        }
    }

    /// How many of the unit make a millisecond.
    pub fn per_millisecond(self) -> f64 {
        match self {
            Self::Seconds => 1e-3,
            Self::Auto | Self::Millis => 1.0,
            Self::Micros => 1e3,
            Self::Nanos => 1e6,
        }
    }

    /// The moment that a number means.
    pub fn read(self, value: f64) -> Option<Timestamp> {
        let unit = if self == Self::Auto { Self::of(value) } else { self };
        let nanoseconds = match unit {
            Self::Auto | Self::Millis => value * 1e6,
            Self::Seconds => value * 1e9,
            Self::Micros => value * 1e3,
            Self::Nanos => value,
        };
        #[expect(clippy::cast_possible_truncation, reason = "out of range is refused by the timestamp")]
        Timestamp::from_nanosecond(nanoseconds as i128).ok()
    }

    /// The moment that an integer means, exactly.
    pub fn read_int(self, value: i64) -> Option<Timestamp> {
        #[expect(clippy::cast_precision_loss, reason = "only the magnitude counts")]
        let unit = if self == Self::Auto { Self::of(value as f64) } else { self };
        match unit {
            Self::Seconds => Timestamp::from_second(value).ok(),
            Self::Auto | Self::Millis => Timestamp::from_millisecond(value).ok(),
            Self::Micros => Timestamp::from_microsecond(value).ok(),
            Self::Nanos => Timestamp::from_nanosecond(i128::from(value)).ok(),
        }
    }

    /// The least floating-point number that is read as this moment or a later one: comparing numbers with it is comparing
    /// what is read from them.
    pub fn fraction_from(self, time: Timestamp) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a float field holds no more")]
        let milliseconds = time.as_nanosecond() as f64 / 1e6;
        let mut number = milliseconds * self.per_millisecond();
        let is_before = |number: f64| self.read(number).is_some_and(|read| read < time);
        // A rounding error is a step or two; the limit is for numbers that are no moments.
        for _ in 0..8 {
            if is_before(number) {
                number = number.next_up();
            } else if is_before(number.next_down()) {
                break;
            } else {
                number = number.next_down();
            }
        }
        number
    }

    /// A moment as a number of this unit, rounded up: `x >= number` holds exactly for the moments not before it.
    pub fn number_from(self, time: Timestamp) -> i64 {
        let per = match self {
            Self::Seconds => 1_000_000_000,
            Self::Auto | Self::Millis => 1_000_000,
            Self::Micros => 1_000,
            Self::Nanos => 1,
        };
        let nanoseconds = time.as_nanosecond();
        let number = nanoseconds.div_euclid(per) + i128::from(nanoseconds.rem_euclid(per) != 0);
        i64::try_from(number).unwrap_or(i64::MAX)
    }
}

/// How severity is written as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LevelScale {
    /// OpenTelemetry: 1–4 trace, 5–8 debug, 9–12 info, 13–16 warn, 17–20 error, 21–24 fatal (logs data model).
    OpenTelemetry,
    /// RFC 5424: 0 emergency … 7 debug.
    Syslog,
    /// Pino and bunyan: 10 trace, 20 debug, 30 info, 40 warn, 50 error, 60 fatal.
    Pino,
    /// Logback: 5000 trace, 10000 debug, 20000 info, 30000 warn, 40000 error.
    Logback,
}

impl LevelScale {
    /// The numbers, both ends included, that mean a level; none where the scale has no such level.
    pub fn range(self, level: Level) -> Option<(i64, i64)> {
        match (self, level) {
            (Self::OpenTelemetry, Level::Trace) => Some((1, 4)),
            (Self::OpenTelemetry, Level::Debug) => Some((5, 8)),
            (Self::OpenTelemetry, Level::Info) => Some((9, 12)),
            (Self::OpenTelemetry, Level::Warn) => Some((13, 16)),
            (Self::OpenTelemetry, Level::Error) => Some((17, 20)),
            (Self::OpenTelemetry, Level::Fatal) => Some((21, 24)),
            (Self::Syslog, Level::Trace) => None,
            (Self::Syslog, Level::Debug) => Some((7, 7)),
            (Self::Syslog, Level::Info) => Some((5, 6)),
            (Self::Syslog, Level::Warn) => Some((4, 4)),
            (Self::Syslog, Level::Error) => Some((3, 3)),
            (Self::Syslog, Level::Fatal) => Some((0, 2)),
            (Self::Pino, Level::Trace) => Some((1, 10)),
            (Self::Pino, Level::Debug) => Some((11, 20)),
            (Self::Pino, Level::Info) => Some((21, 30)),
            (Self::Pino, Level::Warn) => Some((31, 40)),
            (Self::Pino, Level::Error) => Some((41, 50)),
            (Self::Pino, Level::Fatal) => Some((51, 1_000)),
            (Self::Logback, Level::Trace) => Some((1, 5_000)),
            (Self::Logback, Level::Debug) => Some((5_001, 10_000)),
            (Self::Logback, Level::Info) => Some((10_001, 20_000)),
            (Self::Logback, Level::Warn) => Some((20_001, 30_000)),
            (Self::Logback, Level::Error) => Some((30_001, 40_000)),
            (Self::Logback, Level::Fatal) => Some((40_001, 100_000)),
        }
    }

    /// The level that a number means.
    pub fn level(self, number: i64) -> Option<Level> {
        Level::ALL.into_iter().find(|level| self.range(*level).is_some_and(|(low, high)| (low..=high).contains(&number)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_bound_on_seconds_with_a_fraction_parts_exactly_what_is_read(seconds in 1.6e9_f64..1.9e9, milliseconds in -1_i64..2) {
            let unit = EpochUnit::Seconds;
            let bound = Timestamp::from_millisecond(unit.read(seconds).unwrap().as_millisecond() + milliseconds).unwrap();
            for number in [seconds, seconds.next_up(), seconds.next_down(), unit.fraction_from(bound), unit.fraction_from(bound).next_down()] {
                prop_assert_eq!(number >= unit.fraction_from(bound), unit.read(number).unwrap() >= bound, "{} {}", number, bound);
            }
        }
    }
}
