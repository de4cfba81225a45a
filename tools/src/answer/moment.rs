//! Whole numbers as text, and moments, RFC 3339 in UTC: those of one minute after the other cost little. Knows no cell.

use std::fmt::Write;

use jiff::Timestamp;

/// Writes moments.
#[derive(Debug, Default)]
pub(super) struct Moments {
    /// The minute of the moment written last, since the epoch, and how it reads: `2026-03-25T14:52:`.
    minute: Option<(i64, String)>,
}

impl Moments {
    /// Writes a moment as jiff does.
    pub(super) fn write(&mut self, out: &mut String, time: Timestamp) {
        let (seconds, nanoseconds) = (time.as_second(), time.subsec_nanosecond());
        if seconds < 0 || nanoseconds < 0 {
            let _ = write!(out, "{time}");
            return;
        }
        let (minute, second) = (seconds / 60, seconds % 60);
        match &self.minute {
            Some((known, head)) if *known == minute => out.push_str(head),
            _ => {
                let Ok(whole) = Timestamp::from_second(minute * 60) else { return };
                let text = whole.to_string();
                let head = text.strip_suffix("00Z").unwrap_or(&text);
                out.push_str(head);
                self.minute = Some((minute, head.to_owned()));
            }
        }
        push_digits(out, second.unsigned_abs(), 2);
        if nanoseconds > 0 {
            let (mut fraction, mut digits) = (u64::from(nanoseconds.unsigned_abs()), 9);
            while fraction.is_multiple_of(10) {
                (fraction, digits) = (fraction / 10, digits - 1);
            }
            out.push('.');
            push_digits(out, fraction, digits);
        }
        out.push('Z');
    }
}

/// The last digits of a number, twenty at most.
pub(super) fn push_digits(out: &mut String, mut number: u64, digits: usize) {
    let mut written = [b'0'; 20];
    for digit in written.iter_mut().rev().take(digits) {
        *digit += u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
    }
    let (_, last) = written.split_at(written.len().saturating_sub(digits));
    out.push_str(std::str::from_utf8(last).unwrap_or_default());
}

/// Writes a whole number.
pub(super) fn push_int(out: &mut String, number: i64) {
    if number < 0 {
        out.push('-');
    }
    let size = number.unsigned_abs();
    match u8::try_from(size) {
        Ok(digit @ 0..=9) => out.push(char::from(b'0' + digit)),
        _ => push_digits(out, size, 1 + size.checked_ilog10().unwrap_or(0) as usize),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::moments;

    proptest! {
        #[test]
        fn whole_numbers_read_as_ever(number: i64, shift in 0..64) {
            for number in [number, number >> shift, i64::MIN, i64::MAX, 0] {
                let mut text = String::new();
                push_int(&mut text, number);
                prop_assert_eq!(text, number.to_string());
            }
        }

        #[test]
        fn moments_read_as_ever(times in moments()) {
            let mut moments = Moments::default();
            for time in times {
                let mut text = String::new();
                moments.write(&mut text, time);
                prop_assert_eq!(text, time.to_string());
            }
        }
    }
}
