//! Dates as Elasticsearch reads and writes them, as nanoseconds since the epoch. Knows no field and no query.

/// Nanoseconds in a millisecond.
pub(crate) const MILLI: i64 = 1_000_000;
const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// The instants that a date text stands for: the first, and the last when it is rounded up as Elasticsearch rounds: what is
/// left out of a time to its end, a month or a day that is left out to the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// Nanoseconds since the epoch.
    pub(crate) first: i64,
    /// Nanoseconds since the epoch, included.
    pub(crate) last: i64,
}

/// Reads `strict_date_optional_time_nanos`: a date of which everything after the year may be left out, up to nine digits
/// of a second, an offset or `Z`. `None` for anything else, and for what does not fit 64 bits of nanoseconds (before
/// 1677, after 2262).
pub(crate) fn parse_iso(text: &str) -> Option<Span> {
    let mut cursor = Cursor(text.as_bytes());
    let year = i64::from(cursor.digits(4)?);
    if cursor.0.is_empty() {
        let first = days(year, 1, 1)?;
        return span(first, first + 1, 0);
    }
    cursor.expect(b'-')?;
    let month = i64::from(cursor.digits(2)?);
    if !(1..=12).contains(&month) {
        return None;
    }
    if cursor.0.is_empty() {
        let first = days(year, month, 1)?;
        return span(first, first + 1, 0);
    }
    cursor.expect(b'-')?;
    let day = i64::from(cursor.digits(2)?);
    if day < 1 || day > month_length(year, month) {
        return None;
    }
    let date = days(year, month, day)?;
    if cursor.0.is_empty() {
        return span(date, date + 1, 0);
    }
    cursor.expect(b'T')?;
    if cursor.0.is_empty() {
        return span(date, date + 1, 0);
    }
    let (time, unit) = cursor.time_of_day()?;
    let offset = cursor.offset()?;
    instant(date, time, unit, offset)
}

/// Reads `yyyy/MM/dd HH:mm:ss`, with an offset or without, and `yyyy/MM/dd`: the other format that dynamic mapping knows.
pub(crate) fn parse_slashes(text: &str) -> Option<Span> {
    let mut cursor = Cursor(text.as_bytes());
    let year = i64::from(cursor.digits(4)?);
    cursor.expect(b'/')?;
    let month = i64::from(cursor.digits(2)?);
    cursor.expect(b'/')?;
    let day = i64::from(cursor.digits(2)?);
    if !(1..=12).contains(&month) || day < 1 || day > month_length(year, month) {
        return None;
    }
    let date = days(year, month, day)?;
    if cursor.0.is_empty() {
        return span(date, date + 1, 0);
    }
    cursor.expect(b' ')?;
    let (time, unit) = cursor.time_of_day()?;
    if cursor.peek() == Some(b' ') {
        cursor.expect(b' ')?;
    }
    let offset = cursor.offset()?;
    instant(date, time, unit, offset)
}

/// Whether dynamic mapping takes a string for a date. Plain numbers are none, though `2023` is a valid date.
pub(crate) fn looks_like_date(text: &str) -> Option<Span> {
    let first = text.as_bytes().first()?;
    if !first.is_ascii_digit() || text.len() > 40 || !text.bytes().any(|byte| matches!(byte, b'-' | b'/' | b':')) {
        return None;
    }
    parse_iso(text).or_else(|| parse_slashes(text))
}

/// Milliseconds to nanoseconds; `None` outside 64 bits.
pub(crate) fn from_millis(millis: i64) -> Option<i64> {
    millis.checked_mul(MILLI)
}

/// Whole milliseconds of an instant, rounded down.
pub(crate) fn to_millis(nanos: i64) -> i64 {
    nanos.div_euclid(MILLI)
}

/// `2026-03-25T14:52:57.123Z`: the default format of `date`.
pub(crate) fn format_millis(millis: i64) -> String {
    format(i128::from(millis) * i128::from(MILLI), 3)
}

/// As above with up to nine digits: `strict_date_optional_time_nanos`, the default format of `date_nanos`.
pub(crate) fn format_nanos(nanos: i64) -> String {
    format(i128::from(nanos), 9)
}

fn format(nanos: i128, digits: usize) -> String {
    let second = i128::from(SECOND);
    let (seconds, fraction) = (nanos.div_euclid(second), nanos.rem_euclid(second));
    let (day, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, date) = civil(i64::try_from(day).unwrap_or(i64::MAX / 1_000_000));
    let fraction = format!("{fraction:09}");
    let mut fraction = fraction.get(..digits).unwrap_or(&fraction);
    while fraction.len() > 3 && fraction.ends_with('0') {
        fraction = fraction.get(..fraction.len() - 1).unwrap_or(fraction);
    }
    format!("{year:04}-{month:02}-{date:02}T{:02}:{:02}:{:02}.{fraction}Z", rest / 3_600, rest / 60 % 60, rest % 60)
}

fn span(first_day: i64, end_day: i64, offset: i64) -> Option<Span> {
    let first = first_day.checked_mul(DAY)?.checked_sub(offset)?;
    let last = end_day.checked_mul(DAY)?.checked_sub(offset)?.checked_sub(1)?;
    Some(Span { first, last })
}

fn instant(date: i64, time: i64, unit: i64, offset: i64) -> Option<Span> {
    let first = date.checked_mul(DAY)?.checked_add(time)?.checked_sub(offset)?;
    Some(Span { first, last: first.checked_add(unit - 1)? })
}

/// Days since the epoch of a date of the proleptic Gregorian calendar: Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms".
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

/// The inverse of [`days`], from the same source.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

fn month_length(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        let (first, rest) = self.0.split_first()?;
        (*first == byte).then(|| self.0 = rest)
    }

    fn digits(&mut self, count: usize) -> Option<u32> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        let mut value = 0_u32;
        for digit in digits {
            value = value * 10 + u32::from(digit.is_ascii_digit().then(|| digit - b'0')?);
        }
        self.0 = rest;
        Some(value)
    }

    /// Nanoseconds since midnight, and the length of the unit the text stops at.
    fn time_of_day(&mut self) -> Option<(i64, i64)> {
        let hour = i64::from(self.digits(2)?);
        if hour > 23 {
            return None;
        }
        let mut time = hour * HOUR;
        if self.peek() != Some(b':') {
            return Some((time, HOUR));
        }
        self.expect(b':')?;
        let minute = i64::from(self.digits(2)?);
        if minute > 59 {
            return None;
        }
        time += minute * MINUTE;
        if self.peek() != Some(b':') {
            return Some((time, MINUTE));
        }
        self.expect(b':')?;
        let second = i64::from(self.digits(2)?);
        if second > 59 {
            return None;
        }
        time += second * SECOND;
        if !matches!(self.peek(), Some(b'.' | b',')) {
            return Some((time, SECOND));
        }
        self.0 = self.0.get(1..)?;
        let mut unit = SECOND;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            if unit == 1 {
                return None;
            }
            unit /= 10;
            time += i64::from(digit - b'0') * unit;
            self.0 = self.0.get(1..)?;
        }
        // Digits that are left out after the first are zeros to the engine, not open.
        (unit < SECOND).then_some((time, 1))
    }

    /// The offset from UTC in nanoseconds; the text must end after it.
    fn offset(&mut self) -> Option<i64> {
        let sign = match self.peek() {
            None => return Some(0),
            Some(b'Z') => return (self.0.len() == 1).then_some(0),
            Some(b'+') => 1,
            Some(b'-') => -1,
            Some(_) => return None,
        };
        self.0 = self.0.get(1..)?;
        let hours = i64::from(self.digits(2)?);
        if self.peek() == Some(b':') {
            self.expect(b':')?;
        }
        let minutes = if self.0.is_empty() { 0 } else { i64::from(self.digits(2)?) };
        (self.0.is_empty() && hours <= 18 && minutes <= 59).then_some(sign * (hours * HOUR + minutes * MINUTE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn iso(text: &str) -> Option<String> {
        parse_iso(text).map(|span| format!("{} {}", format_nanos(span.first), format_nanos(span.last)))
    }

    #[test]
    fn a_date_is_read_with_the_precision_it_has() {
        for (text, expected) in [
            ("2023", "2023-01-01T00:00:00.000Z 2023-01-01T23:59:59.999999999Z"),
            ("2024-02", "2024-02-01T00:00:00.000Z 2024-02-01T23:59:59.999999999Z"),
            ("2023-12-31", "2023-12-31T00:00:00.000Z 2023-12-31T23:59:59.999999999Z"),
            ("2023-01-29T08", "2023-01-29T08:00:00.000Z 2023-01-29T08:59:59.999999999Z"),
            ("2023-01-29T08:36:18Z", "2023-01-29T08:36:18.000Z 2023-01-29T08:36:18.999999999Z"),
            ("2023-01-29T08:36:18.536636Z", "2023-01-29T08:36:18.536636Z 2023-01-29T08:36:18.536636Z"),
            ("2023-01-29T08:36:18.123456789+02:00", "2023-01-29T06:36:18.123456789Z 2023-01-29T06:36:18.123456789Z"),
            ("2023-01-29T00:36:18,5-0130", "2023-01-29T02:06:18.500Z 2023-01-29T02:06:18.500Z"),
            ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z 1969-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(iso(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "23",
            "2023-13",
            "2023-02-29",
            "2023-01-29 08:36",
            "2023-01-29T24:00",
            "2023-01-29T08:36:18.Z",
            "2023-01-29T08:36:18.1234567890Z",
            "2023-01-29T08:36:18Zx",
            "9999-12-31",
            "0001-01-01",
            "2023-01-29T08:36:60Z",
            "2023-1-2",
            "abcd-01-01",
            "２023-01-01",
        ] {
            assert_eq!(parse_iso(text), None, "{text}");
        }
    }

    #[test]
    fn dynamic_mapping_takes_dates_and_no_plain_numbers() {
        for (text, is_date) in [
            ("2023-01-29", true),
            ("2023/01/29", true),
            ("2023/01/29 08:36:18", true),
            ("2023/01/29 08:36:18 +0100", true),
            ("2023", false),
            ("10:30", false),
            ("1-2", false),
            ("v2023-01-01", false),
        ] {
            assert_eq!(looks_like_date(text).is_some(), is_date, "{text}");
        }
    }

    #[test]
    fn dates_are_written_with_three_to_nine_digits() {
        assert_eq!(format_millis(1_674_981_378_536), "2023-01-29T08:36:18.536Z");
        assert_eq!(format_nanos(1_674_981_378_536_000_000), "2023-01-29T08:36:18.536Z");
        assert_eq!(format_nanos(1_674_981_378_536_636_000), "2023-01-29T08:36:18.536636Z");
        assert_eq!(format_nanos(-1), "1969-12-31T23:59:59.999999999Z");
        assert_eq!(format_millis(-1), "1969-12-31T23:59:59.999Z");
    }
}
