//! Moments as callers write them: RFC 3339, epochs in any unit, `now-15m`, `2h ago`. The present is passed in.

use std::borrow::Cow;

use jiff::{Timestamp, ToSpan, Unit, ZonedRound, civil, tz::TimeZone};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

use super::{
    span::{TimeSpan, amount_and_unit, decimal},
    text::{Text, shown},
};
use crate::error::{Code, ToolError};

/// A moment, as it was written: what it means depends on the present.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Moment(Text);

impl Moment {
    /// What would be read as a moment, for error messages.
    pub const EXAMPLES: &'static str =
        "write 2026-03-25T14:52:57Z, 2026-03-25, an epoch such as 1774450377 (s, ms, µs or ns), now-15m, now/d, or 2h ago";

    /// As it was written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// What it means at the time `now`. `argument` names it in the error.
    ///
    /// # Errors
    /// `bad_time` when it is no moment, or lies outside the years -9999 to 9999.
    pub fn resolve(&self, argument: &str, now: Timestamp) -> Result<Timestamp, ToolError> {
        parse(self.as_str(), now).ok_or_else(|| {
            ToolError::new(Code::BadTime, format!("`{argument}` is `{}`, which is no time", shown(self.as_str())), Self::EXAMPLES)
        })
    }
}

impl From<Text> for Moment {
    fn from(text: Text) -> Self {
        Self(text)
    }
}

/// Reads a moment.
pub(super) fn parse(text: &str, now: Timestamp) -> Option<Timestamp> {
    let text = text.trim();
    match text.to_ascii_lowercase().as_str() {
        "now" => return Some(now),
        "today" => return floor(now, "d"),
        "yesterday" => return floor(now.checked_sub(24.hours()).ok()?, "d"),
        _ => {}
    }
    if let Some(math) = strip_word(text, "now") {
        return date_math(math, now);
    }
    if let Some(length) = strip_word(text, "last ").or_else(|| strip_word(text, "past ")) {
        let span = TimeSpan::parse(length).or_else(|| TimeSpan::parse(&format!("1 {}", length.trim())))?;
        return now.checked_sub(span.duration()).ok();
    }
    if let Some(back) = text.strip_suffix("ago") {
        return now.checked_sub(TimeSpan::parse(back)?.duration()).ok();
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) && text.len() == 8 {
        return at(text.parse().ok()?);
    }
    if let Some(moment) = epoch(text) {
        return moment;
    }
    if let Some(moment) = absolute(text) {
        return Some(moment);
    }
    let (forward, span) = match text.strip_prefix('+') {
        Some(span) => (true, span),
        None => (false, text.strip_prefix('-').unwrap_or(text)),
    };
    // A bare number has been taken for an epoch, or refused as one.
    if decimal(span).is_some() {
        return None;
    }
    let span = TimeSpan::parse(span)?.duration();
    if forward { now.checked_add(span).ok() } else { now.checked_sub(span).ok() }
}

/// Reads a date of a document, which no `now` is part of, into a form that engines know as `strict_date_optional_time_nanos`.
/// What a text leaves open stays open: `2026-03-25` is the whole day.
pub(crate) fn date(text: &str) -> Option<String> {
    let text = text.trim();
    let first_of = |rest: &str| format!("{text}{rest}").parse::<civil::Date>().is_ok();
    let is_open = match text.len() {
        4 => first_of("-01-01"),
        7 => first_of("-01"),
        10 => text.parse::<civil::Date>().is_ok(),
        16 => text.get(10..11) == Some("T") && text.parse::<civil::DateTime>().is_ok(),
        _ => false,
    };
    if is_open {
        return Some(text.to_owned());
    }
    epoch(text).unwrap_or_else(|| absolute(text)).map(|moment| moment.to_string())
}

fn strip_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let head = text.get(..word.len())?;
    if head.eq_ignore_ascii_case(word) { text.get(word.len()..) } else { None }
}

/// An epoch in the unit that its magnitude tells: up to 1e11 seconds, 1e14 milliseconds, 1e17 microseconds, then
/// nanoseconds. Numbers from 1 to 1e8 (1973) are refused: they are years or typing errors. The outer `Option` tells
/// whether the text is a number at all.
fn epoch(text: &str) -> Option<Option<Timestamp>> {
    let number = decimal(text)?;
    let moment = || {
        let power = match number.scaled(0)? {
            _ if number.is_zero() => 0,
            ..100_000_000 => return None,
            100_000_000..100_000_000_000 => 9,
            100_000_000_000..100_000_000_000_000 => 6,
            100_000_000_000_000..100_000_000_000_000_000 => 3,
            _ => 0,
        };
        Timestamp::from_nanosecond(number.scaled(power)?).ok()
    };
    Some(moment())
}

/// A date, with a time and an offset where given; without an offset it is UTC.
fn absolute(text: &str) -> Option<Timestamp> {
    let text = text.strip_suffix("UTC").or_else(|| text.strip_suffix("GMT")).unwrap_or(text).trim_end();
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(moment);
    }
    // jiff wants no space before the offset.
    if let Some((local, offset)) = text.rsplit_once(' ')
        && offset.starts_with(['+', '-', 'Z', 'z'])
        && let Ok(moment) = [local, offset].concat().parse::<Timestamp>()
    {
        return Some(moment);
    }
    at(text.parse::<civil::DateTime>().ok()?)
}

fn at(local: civil::DateTime) -> Option<Timestamp> {
    TimeZone::UTC.to_timestamp(local).ok()
}

/// What follows `now`: any number of `-15m`, `+1h30m`, `/d`, from left to right.
fn date_math(mut rest: &str, now: Timestamp) -> Option<Timestamp> {
    let mut moment = now;
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return Some(moment);
        }
        let (operator, after) = (rest.chars().next()?, rest.get(1..)?);
        let end = after.find(['+', '-', '/']).unwrap_or(after.len());
        let (operand, after) = after.split_at(end);
        moment = match operator {
            '/' => floor(moment, operand.trim())?,
            '+' => shift(moment, operand, 1)?,
            '-' => shift(moment, operand, -1)?,
            _ => return None,
        };
        rest = after;
    }
}

fn shift(moment: Timestamp, operand: &str, sign: i64) -> Option<Timestamp> {
    // Months and years have no fixed length: they go by the calendar.
    if let Some((amount, unit @ ("M" | "month" | "months" | "y" | "year" | "years"), "")) = amount_and_unit(operand) {
        let amount = i64::try_from(amount.scaled(0)?).ok()?.checked_mul(sign)?;
        let zoned = moment.to_zoned(TimeZone::UTC);
        let span = jiff::Span::new();
        let span = if unit.starts_with(['M', 'm']) { span.try_months(amount) } else { span.try_years(amount) };
        return zoned.checked_add(span.ok()?).ok().map(|zoned| zoned.timestamp());
    }
    // Nothing but a number would be seconds, which is not what date math means by it.
    if decimal(operand.trim()).is_some() {
        return None;
    }
    let span = TimeSpan::parse(operand)?.duration();
    if sign < 0 { moment.checked_sub(span).ok() } else { moment.checked_add(span).ok() }
}

/// The beginning of the unit that a moment lies in, in UTC. A week begins on Monday.
fn floor(moment: Timestamp, unit: &str) -> Option<Timestamp> {
    let zoned = moment.to_zoned(TimeZone::UTC);
    let floor = match unit {
        "s" => Unit::Second,
        "m" => Unit::Minute,
        "h" | "H" => Unit::Hour,
        "d" => Unit::Day,
        "w" => {
            let back = i64::from(zoned.weekday().to_monday_zero_offset());
            return zoned.start_of_day().ok()?.checked_sub(back.days()).ok().map(|zoned| zoned.timestamp());
        }
        "M" => return zoned.first_of_month().ok()?.start_of_day().ok().map(|zoned| zoned.timestamp()),
        "y" => return zoned.first_of_year().ok()?.start_of_day().ok().map(|zoned| zoned.timestamp()),
        _ => return None,
    };
    let round = ZonedRound::new().smallest(floor).mode(jiff::RoundMode::Floor);
    zoned.round(round).ok().map(|zoned| zoned.timestamp())
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Text::deserialize(deserializer).map(Self)
    }
}

impl JsonSchema for Moment {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Moment".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: &str = "2026-03-25T14:52:57.5Z";

    fn check(text: &str, expected: Option<&str>) {
        let moment = parse(text, NOW.parse().unwrap());
        assert_eq!(moment.map(|moment| moment.to_string()).as_deref(), expected, "{text}");
    }

    #[test]
    fn a_date_with_or_without_time_and_offset_is_a_moment() {
        check("2026-03-25T14:52:57Z", Some("2026-03-25T14:52:57Z"));
        check("2026-03-25 14:52:57Z", Some("2026-03-25T14:52:57Z"));
        check("2026-03-25 14:52:57 UTC", Some("2026-03-25T14:52:57Z"));
        check("2026-03-25 16:52:57 +0200", Some("2026-03-25T14:52:57Z"));
        check("2026-03-25T16:52:57+02:00", Some("2026-03-25T14:52:57Z"));
        check("2026-03-25T14:52:57.123456789Z", Some("2026-03-25T14:52:57.123456789Z"));
        check("2026-03-25T14:52:57,123Z", Some("2026-03-25T14:52:57.123Z"));
        check("2026-03-25t14:52:57z", Some("2026-03-25T14:52:57Z"));
        check("2026-03-25T14:52:57", Some("2026-03-25T14:52:57Z"));
        check("2026-03-25T14:52", Some("2026-03-25T14:52:00Z"));
        check("2026-03-25", Some("2026-03-25T00:00:00Z"));
        check("20260325", Some("2026-03-25T00:00:00Z"));
    }

    #[test]
    fn the_magnitude_of_an_epoch_tells_its_unit() {
        check("1774450377", Some("2026-03-25T14:52:57Z"));
        check("1774450377000", Some("2026-03-25T14:52:57Z"));
        check("1774450377000000", Some("2026-03-25T14:52:57Z"));
        check("1774450377123456789", Some("2026-03-25T14:52:57.123456789Z"));
        check("1774450377.125", Some("2026-03-25T14:52:57.125Z"));
        check("1774450377125.5", Some("2026-03-25T14:52:57.1255Z"));
        check("1.774450377E9", Some("2026-03-25T14:52:57Z"));
        check("1.7E12", Some("2023-11-14T22:13:20Z"));
        check("0", Some("1970-01-01T00:00:00Z"));
    }

    #[test]
    fn the_present_moves_by_date_math() {
        check("now", Some("2026-03-25T14:52:57.5Z"));
        check("now-15m", Some("2026-03-25T14:37:57.5Z"));
        check("now - 1h30m", Some("2026-03-25T13:22:57.5Z"));
        check("now+1h", Some("2026-03-25T15:52:57.5Z"));
        check("NOW-1d/d", Some("2026-03-24T00:00:00Z"));
        check("now/d", Some("2026-03-25T00:00:00Z"));
        check("now/h", Some("2026-03-25T14:00:00Z"));
        check("now/w", Some("2026-03-23T00:00:00Z"));
        check("now/M", Some("2026-03-01T00:00:00Z"));
        check("now/y", Some("2026-01-01T00:00:00Z"));
        check("now-1M", Some("2026-02-25T14:52:57.5Z"));
        check("now/d-1h+30m", Some("2026-03-24T23:30:00Z"));
    }

    #[test]
    fn words_are_moments() {
        check("2h ago", Some("2026-03-25T12:52:57.5Z"));
        check("last 15 minutes", Some("2026-03-25T14:37:57.5Z"));
        check("past hour", Some("2026-03-25T13:52:57.5Z"));
        check("90 minutes ago", Some("2026-03-25T13:22:57.5Z"));
        check("-15m", Some("2026-03-25T14:37:57.5Z"));
        check("15m", Some("2026-03-25T14:37:57.5Z"));
        check("+15m", Some("2026-03-25T15:07:57.5Z"));
        check("today", Some("2026-03-25T00:00:00Z"));
        check("Yesterday", Some("2026-03-24T00:00:00Z"));
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "soon",
            "2026",
            "-1",
            "-5",
            "12345",
            "1e30",
            "1e-30",
            "99999999999999999999999999999999999999999",
            "2026-13-01",
            "2026-02-30",
            "2026-03-25T25:00:00Z",
            "2026-03-25T14:52:57.1234567890Z",
            "now-",
            "now-5",
            "now-15x",
            "nowish",
            "now/q",
            "now-999999999999d",
            "ago",
            "now-é",
            "nowé",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn the_error_names_the_argument_the_value_and_what_would_work() {
        let error = Moment::from(Text::new("soon").unwrap()).resolve("start", NOW.parse().unwrap()).unwrap_err();
        assert_eq!(error.code, Code::BadTime);
        assert_eq!(error.message, "`start` is `soon`, which is no time");
        assert!(error.next_step.contains("now-15m"));
    }

    proptest! {
        #[test]
        fn every_moment_is_read_back_as_it_is_written(nanosecond in -30_000_000_000_000_000_000_i128..200_000_000_000_000_000_000) {
            let moment = Timestamp::from_nanosecond(nanosecond).unwrap();
            prop_assert_eq!(parse(&moment.to_string(), Timestamp::UNIX_EPOCH), Some(moment));
        }

        #[test]
        fn an_epoch_means_the_same_in_every_unit(second in 100_000_000_i64..99_999_999_999) {
            let moment = Timestamp::from_second(second).unwrap();
            for (written, unit) in [(second.to_string(), "s"), (format!("{second}000"), "ms"), (format!("{second}000000"), "us"), (format!("{second}000000000"), "ns")] {
                prop_assert_eq!(parse(&written, Timestamp::UNIX_EPOCH), Some(moment), "{} {}", written, unit);
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}", math in "(now)?[-+/0-9a-zA-Z. :é]{0,20}") {
            let now = NOW.parse().unwrap();
            let _ = (parse(&text, now), parse(&math, now));
        }
    }
}
