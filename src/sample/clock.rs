//! The times of the sample incident, in milliseconds since 1970. Never the time of the machine.

/// 2026-03-25T00:00:00Z.
const MIDNIGHT: i64 = 1_774_396_800_000;

pub(super) const SECOND: i64 = 1000;
pub(super) const MINUTE: i64 = 60 * SECOND;

/// A time of day on 2026-03-25, UTC.
pub(super) const fn at(hour: i64, minute: i64, second: i64) -> i64 {
    MIDNIGHT + (hour * 60 + minute) * MINUTE + second * SECOND
}

/// The first and the last instant that documents are made for.
pub(super) const BEGIN: i64 = at(12, 0, 0);
pub(super) const END: i64 = at(15, 0, 0);

/// As Filebeat writes it: RFC 3339, UTC, always three digits of a second.
pub(super) fn rfc3339(milliseconds: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(milliseconds).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::{at, rfc3339};

    #[test]
    fn times_are_written_with_milliseconds() {
        assert_eq!(rfc3339(at(14, 52, 57)), "2026-03-25T14:52:57.000Z");
        assert_eq!(rfc3339(at(0, 0, 0) + 7), "2026-03-25T00:00:00.007Z");
    }
}
