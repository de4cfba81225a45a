//! Moments as engines write them, RFC 3339 in UTC: those of one minute after the other cost little. Knows no field.

use std::cell::Cell;

use jiff::Timestamp;

/// Bytes of a moment down to its minute: `2026-03-25T14:52:`.
const HEAD: usize = 17;

/// Reads moments.
#[derive(Debug, Default)]
pub(super) struct Moments {
    /// The minute of the moment read last: how it reads, and its first second since the epoch.
    minute: Cell<Option<([u8; HEAD], i64)>>,
}

impl Moments {
    /// Reads a moment as jiff does.
    pub(super) fn read(&self, text: &str) -> Option<Timestamp> {
        if let Some(time) = self.of_known_minute(text.as_bytes()) {
            return Some(time);
        }
        let time: Timestamp = text.parse().ok()?;
        // Before the epoch seconds are rounded up.
        let is_usual = |head: &&[u8; HEAD]| time >= Timestamp::UNIX_EPOCH && is_head(head) && text.ends_with('Z');
        if let Some(head) = text.as_bytes().first_chunk().filter(is_usual) {
            self.minute.set(Some((*head, time.as_second() / 60 * 60)));
        }
        Some(time)
    }

    /// A moment of the minute that was read last; none of what is written in another way than engines do.
    fn of_known_minute(&self, text: &[u8]) -> Option<Timestamp> {
        let (head, rest) = text.split_first_chunk()?;
        let (_, minute) = self.minute.get().filter(|(known, _)| known == head)?;
        let [tens @ b'0'..=b'5', ones @ b'0'..=b'9', fraction @ .., b'Z'] = rest else { return None };
        let nanoseconds = match fraction {
            [] => 0,
            [b'.', digits @ ..] if (1..=9).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit) => {
                let padded = digits.iter().chain(std::iter::repeat(&b'0')).take(9);
                padded.fold(0, |number, digit| 10 * number + i32::from(digit - b'0'))
            }
            _ => return None,
        };
        Timestamp::new(minute + i64::from(10 * (tens - b'0') + (ones - b'0')), nanoseconds).ok()
    }
}

fn is_head(head: &[u8; HEAD]) -> bool {
    let form = b"0000-00-00T00:00:";
    head.iter().zip(form).all(|(byte, form)| if *form == b'0' { byte.is_ascii_digit() } else { byte == form })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::moments;

    #[track_caller]
    fn check(texts: &[&str]) {
        let moments = Moments::default();
        for text in texts {
            assert_eq!(moments.read(text), text.parse().ok(), "{text} of {texts:?}");
        }
    }

    #[test]
    fn what_follows_a_known_minute_is_read_as_ever() {
        for minute in ["2026-03-25T14:52:", "1969-12-31T23:59:", "2016-12-31T23:59:", "0001-01-01T00:00:", "9999-12-31T23:59:"] {
            for rest in ["07Z", "59.999999999Z", "60Z", "60.5Z", "61Z", "00.0Z", "0Z", "07.Z", "07.1234567891Z", "07,5Z", "07+01:00"] {
                check(&[&format!("{minute}00Z"), &format!("{minute}{rest}"), &format!("{minute}01.25Z")]);
                check(&[&format!("{minute}{rest}"), &format!("{minute}01.25Z")]);
            }
            for rest in ["07z", "07", "", "Z", "-1Z", "+1Z", "07.-5Z", "07.5", "07Z[UTC]", "07.5\u{661}Z", "\u{661}7Z"] {
                check(&[&format!("{minute}00Z"), &format!("{minute}{rest}")]);
            }
        }
        check(&["2026-03-25 14:52:00Z", "2026-03-25 14:52:01Z"]);
        check(&["2026-03-25T14:52:00+01:00", "2026-03-25T14:52:01Z", "2026-03-25T14:52:01+01:00"]);
    }

    proptest! {
        #[test]
        fn moments_are_read_as_ever(times in moments()) {
            let moments = Moments::default();
            for time in times {
                prop_assert_eq!(moments.read(&time.to_string()), Some(time));
            }
        }
    }
}
