//! A window of time, absolute.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::error::{Code, ToolError};

/// What a `date_nanos` field can hold: 2^63 nanoseconds from 1970. A search beyond is refused where one index has such a field.
const STORED_SECONDS: std::ops::Range<i64> = 0..i64::MAX / 1_000_000_000;

/// From `start` (included) to `end` (not included). The start is never after the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Window {
    start: Timestamp,
    end: Timestamp,
}

impl Window {
    /// A window; none when the start is after the end.
    pub fn new(start: Timestamp, end: Timestamp) -> Option<Self> {
        (start <= end).then_some(Self { start, end })
    }

    /// Its first moment.
    pub fn start(&self) -> Timestamp {
        self.start
    }

    /// The first moment after it.
    pub fn end(&self) -> Timestamp {
        self.end
    }

    /// Its length in seconds.
    pub fn seconds(&self) -> f64 {
        self.end.duration_since(self.start).as_secs_f64()
    }

    /// Whether a moment lies in it.
    pub fn contains(&self, time: Timestamp) -> bool {
        self.start <= time && time < self.end
    }

    /// How long a step of a series is, in milliseconds, so that at most about so many cover the window: 1, 2, 5, 10, 15 or 30
    /// seconds, minutes or hours.
    pub fn step_ms(&self, steps: i64) -> i64 {
        const STEPS_S: [i64; 18] = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400];
        let wanted_ms = self.end.duration_since(self.start).as_millis() / i128::from(steps.max(1));
        let step = STEPS_S.iter().map(|step| step * 1_000).find(|step| i128::from(*step) >= wanted_ms);
        step.unwrap_or_else(|| i64::try_from(wanted_ms).unwrap_or(i64::MAX))
    }

    /// Equal parts, in the order of time.
    pub fn parts(&self, number: u32) -> Vec<Window> {
        let length = self.end.duration_since(self.start);
        let count = i32::try_from(number).unwrap_or(i32::MAX).max(1);
        let edge = |part: i32| {
            let passed = length.checked_mul(part).map(|span| span / count);
            passed.filter(|_| part < count).and_then(|span| self.start.checked_add(span).ok()).unwrap_or(self.end)
        };
        (0..count).filter_map(|part| Window::new(edge(part), edge(part + 1))).collect()
    }

    /// A window that is neither empty nor longer than `max_window_s` seconds; `prefix` stands before the names of the
    /// arguments in the error.
    pub(super) fn checked(prefix: &str, start: Timestamp, end: Timestamp, max_window_s: u64) -> Result<Window, ToolError> {
        let window = Window::new(start, end).filter(|_| start < end).ok_or_else(|| {
            let fault = if start == end { "is also" } else { "is after" };
            let message = format!("`{prefix}start` ({start}) {fault} `{prefix}end` ({end})");
            ToolError::new(Code::BadTime, message, "give a start before the end; the end is now unless given")
        })?;
        if let Some(moment) = [start, end].into_iter().find(|moment| !STORED_SECONDS.contains(&moment.as_second())) {
            let message = format!("{moment} is outside the times that an index can hold");
            return Err(ToolError::new(Code::BadTime, message, "give times between 1970 and 2262"));
        }
        let limit = SignedDuration::try_from(std::time::Duration::from_secs(max_window_s)).unwrap_or(SignedDuration::MAX);
        if end.duration_since(start) > limit {
            let days = |seconds: f64| (seconds / 86_400.0 * 10.0).round() / 10.0;
            #[expect(clippy::cast_precision_loss, reason = "shown only")]
            let (asked, limit) = (days(window.seconds()), days(max_window_s as f64));
            return Err(ToolError::new(
                Code::WindowTooLarge,
                format!("from {start} to {end} are {asked} days; the limit is {limit} days"),
                "ask for a shorter range, or for several one after the other",
            ));
        }
        Ok(window)
    }
}
