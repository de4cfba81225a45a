//! Lengths of time as callers write them: `90s`, `1h30m`, `PT15M`, a number of seconds. Knows no clock.

use std::borrow::Cow;

use jiff::SignedDuration;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de::Error};

use super::text::{Text, shown};

/// A length of time, above zero and at most a hundred years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TimeSpan(SignedDuration);

const SECOND: i128 = 1_000_000_000;
const LONGEST: i128 = 100 * 366 * 86_400 * SECOND;

impl TimeSpan {
    /// What would be read as a length of time, for error messages.
    pub const EXAMPLES: &'static str = "`500ms`, `2s`, `5m`, `1h30m`, `7d`, `PT15M`, or a number of seconds";

    /// What the error for any other text says.
    pub(super) const REFUSED: &'static str = "is no length of time";

    /// A length in whole seconds; none when it is zero or above a hundred years.
    pub fn from_seconds(seconds: i64) -> Option<Self> {
        Self::from_nanoseconds(i128::from(seconds) * SECOND)
    }

    /// The length.
    pub fn duration(self) -> SignedDuration {
        self.0
    }

    /// The length in milliseconds.
    pub fn milliseconds(self) -> f64 {
        self.0.as_secs_f64() * 1e3
    }

    /// Reads `1h30m`, `1.5 hours`, `PT15M`, or a number of seconds.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(seconds) = decimal(text) {
            return Self::from_nanoseconds(seconds.scaled(9)?);
        }
        if text.starts_with(['P', 'p']) {
            return Self::from_nanoseconds(text.parse::<SignedDuration>().ok()?.as_nanos());
        }
        let mut rest = text;
        let mut total = 0_i128;
        while !rest.is_empty() {
            let (amount, unit, after) = amount_and_unit(rest)?;
            total = total.checked_add(amount.times(unit_nanoseconds(unit)?)?)?;
            rest = after;
        }
        Self::from_nanoseconds(total)
    }

    fn from_nanoseconds(nanoseconds: i128) -> Option<Self> {
        (1..=LONGEST).contains(&nanoseconds).then(|| Self(SignedDuration::from_nanos_i128(nanoseconds)))
    }
}

/// The number and the unit at the beginning of a text, and what follows them.
pub(super) fn amount_and_unit(text: &str) -> Option<(Decimal, &str, &str)> {
    let text = text.trim_start();
    let unit_at = text.find(|char: char| !char.is_ascii_digit() && char != '.')?;
    let (amount, rest) = text.split_at(unit_at);
    let rest = rest.trim_start();
    let unit_end = rest.find(|char: char| !char.is_alphabetic()).unwrap_or(rest.len());
    let (unit, after) = rest.split_at(unit_end);
    Some((decimal(amount)?, unit, after.trim_start()))
}

fn unit_nanoseconds(unit: &str) -> Option<i128> {
    // `M` means months in date math: a length of time has no calendar.
    if unit == "M" {
        return None;
    }
    let seconds = match unit.to_ascii_lowercase().as_str() {
        "ns" | "nanos" | "nanosecond" | "nanoseconds" => return Some(1),
        "us" | "µs" | "μs" | "micros" | "microsecond" | "microseconds" => return Some(1_000),
        "ms" | "msec" | "millis" | "millisecond" | "milliseconds" => return Some(1_000_000),
        "s" | "sec" | "secs" | "second" | "seconds" => 1,
        "m" | "min" | "mins" | "minute" | "minutes" => 60,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3_600,
        "d" | "day" | "days" => 86_400,
        "w" | "week" | "weeks" => 7 * 86_400,
        _ => return None,
    };
    Some(seconds * SECOND)
}

/// A decimal number, exact: `digits` times ten to the power `exponent`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decimal {
    digits: i128,
    exponent: i32,
}

impl Decimal {
    pub(super) fn is_zero(self) -> bool {
        self.digits == 0
    }

    /// The number times ten to the power `power`, cut to an integer.
    pub(super) fn scaled(self, power: i32) -> Option<i128> {
        let exponent = self.exponent + power;
        let factor = 10_i128.checked_pow(exponent.unsigned_abs());
        if exponent >= 0 { self.digits.checked_mul(factor?) } else { Some(factor.map_or(0, |factor| self.digits / factor)) }
    }

    /// The number times `factor`, cut to an integer.
    pub(super) fn times(self, factor: i128) -> Option<i128> {
        Decimal { digits: self.digits.checked_mul(factor)?, exponent: self.exponent }.scaled(0)
    }
}

/// Reads `1774450377`, `1774450377.125`, `1.7E12`; at most 38 digits. No sign: a moment or a length below zero is none.
pub(super) fn decimal(text: &str) -> Option<Decimal> {
    // A date, as most moments are, is refused at its first colon or letter.
    if !text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-')) {
        return None;
    }
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok().filter(|exponent| exponent.abs() <= 30)?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole, fraction].concat();
    if digits.is_empty() || digits.len() > 38 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(Decimal { digits: digits.parse().ok()?, exponent: exponent - i32::try_from(fraction.len()).ok()? })
}

impl<'de> Deserialize<'de> for TimeSpan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Text::deserialize(deserializer)?;
        Self::parse(text.as_str())
            .ok_or_else(|| D::Error::custom(format_args!("`{}` {}; write {}", shown(text.as_str()), Self::REFUSED, Self::EXAMPLES)))
    }
}

impl JsonSchema for TimeSpan {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "TimeSpan".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_is_read_in_many_spellings() {
        for (text, milliseconds) in [
            ("2s", 2_000.0),
            ("5m", 300_000.0),
            ("1h30m", 5_400_000.0),
            ("1h 30m", 5_400_000.0),
            ("500ms", 500.0),
            ("250us", 0.25),
            ("1d", 86_400_000.0),
            ("7 days", 604_800_000.0),
            ("1.5h", 5_400_000.0),
            ("PT15M", 900_000.0),
            ("30", 30_000.0),
            ("0.5", 500.0),
            ("2 minutes", 120_000.0),
        ] {
            assert_eq!(TimeSpan::parse(text).map(TimeSpan::milliseconds), Some(milliseconds), "{text}");
        }
    }

    #[test]
    fn what_is_no_length_of_time_is_refused() {
        for text in ["", "0", "-5m", "5M", "m", "5x", "1e40", "9999999999999999999999999999999999999999s", "200000d", "now", "5m ago"] {
            assert_eq!(TimeSpan::parse(text), None, "{text}");
        }
    }
}
