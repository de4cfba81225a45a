//! The incident's window, and the baseline cut into windows to compare it with. Knows times only.

use jiff::{SignedDuration, Timestamp};

use crate::{
    error::{Code, ToolError},
    params::{Baseline, Window},
    spans::nanoseconds,
};

/// The number of the incident's window; those of the baseline follow.
pub(super) const INCIDENT: usize = 0;

/// Windows that a baseline has at most: as many as the method was measured with.
const MOST: i32 = 10;

/// Windows that a baseline is cut into at least, however short they become.
const LEAST: i32 = 5;

/// A window and its baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Windows {
    pub(super) incident: Window,
    pub(super) baseline: Window,
    /// Windows that the baseline is cut into.
    pub(super) count: usize,
}

impl Windows {
    /// The baseline that was asked for: the ten windows right before, or the ten that end where the window does an earlier day.
    ///
    /// # Errors
    /// `bad_argument` where there is no baseline or it overlaps the window, and what [`Baseline::of`] refuses.
    pub(super) fn of_call(incident: Window, asked: &Baseline, now: Timestamp, max_window_s: u64) -> Result<Self, ToolError> {
        let overlap = || {
            ToolError::new(
                Code::BadArgument,
                "the `baseline` overlaps the window",
                "give a baseline that ends where the window starts, or earlier",
            )
        };
        let Some(last) = asked.of(incident, now, max_window_s)? else {
            return Err(ToolError::new(
                Code::BadArgument,
                "`baseline` is none, which leaves nothing to compare with",
                "use previous, 1d, 7d, or {start, end}; get_log_patterns tells what one window says",
            ));
        };
        let baseline = match asked {
            Baseline::Between { .. } => last,
            Baseline::Previous | Baseline::Earlier(_) | Baseline::Absent => {
                let length = incident.end().duration_since(incident.start());
                let limit = SignedDuration::from_secs(i64::try_from(max_window_s).unwrap_or(i64::MAX));
                let whole = length.checked_mul(MOST).unwrap_or(SignedDuration::MAX).min(limit.max(length));
                let start = last.end().checked_sub(whole).unwrap_or(Timestamp::MIN);
                Window::new(start, last.end()).ok_or_else(overlap)?
            }
        };
        if baseline.end() > incident.start() {
            return Err(overlap());
        }
        Ok(Self { incident, baseline, count: 0 }.cut())
    }

    /// The same with a baseline that begins where its documents do.
    pub(super) fn from(self, oldest: Timestamp) -> Self {
        let start = oldest.clamp(self.baseline.start(), self.baseline.end());
        let baseline = Window::new(start, self.baseline.end()).unwrap_or(self.baseline);
        Self { baseline, ..self }.cut()
    }

    /// Cuts the baseline into windows as long as the incident, but neither too many nor too few.
    fn cut(self) -> Self {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a few")]
        let count = self.times().round().clamp(f64::from(LEAST), f64::from(MOST)) as usize;
        Self { count, ..self }
    }

    /// How many times the incident's length the baseline is.
    pub(super) fn times(&self) -> f64 {
        self.baseline.seconds() / self.incident.seconds().max(f64::MIN_POSITIVE)
    }

    /// Whether the baseline is too short for windows of the incident's own length.
    pub(super) fn is_short(&self) -> bool {
        self.times() < f64::from(LEAST)
    }

    /// Whether the incident begins where the baseline ends.
    pub(super) fn adjoin(&self) -> bool {
        self.baseline.end() == self.incident.start()
    }

    /// The window that a moment lies in, in nanoseconds since the epoch.
    pub(super) fn of(&self, time_ns: i64) -> Option<usize> {
        let within = |window: &Window| nanoseconds(window.start()) <= time_ns && time_ns < nanoseconds(window.end());
        if within(&self.incident) {
            return Some(INCIDENT);
        }
        if !within(&self.baseline) {
            return None;
        }
        let (start, end) = (i128::from(nanoseconds(self.baseline.start())), i128::from(nanoseconds(self.baseline.end())));
        let share = (i128::from(time_ns) - start) * self.count as i128 / (end - start).max(1);
        usize::try_from(share).ok().map(|at| at + 1)
    }

    /// The incident against the whole baseline.
    pub(super) fn split(&self) -> Split {
        Split { here: INCIDENT, there: (1..=self.count).collect() }
    }

    /// Each window of the baseline against the others.
    pub(super) fn quiet_splits(&self) -> impl Iterator<Item = Split> {
        let count = self.count;
        (1..=count).map(move |here| Split { here, there: (1..=count).filter(|window| *window != here).collect() })
    }
}

/// One window held against others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Split {
    pub(super) here: usize,
    pub(super) there: Vec<usize>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(start: &str, end: &str) -> Window {
        Window::new(start.parse().unwrap(), end.parse().unwrap()).unwrap()
    }

    fn check(baseline: &str, expected: Result<&str, Code>) {
        let incident = window("2026-03-25T14:50:00Z", "2026-03-25T14:55:00Z");
        let asked: Baseline = serde_json::from_value(serde_json::json!(baseline)).unwrap();
        let found = Windows::of_call(incident, &asked, incident.end(), 7 * 86_400)
            .map(|windows| format!("{} {} {}", windows.baseline.start(), windows.baseline.end(), windows.count));
        assert_eq!(found.map_err(|error| error.code), expected.map(str::to_owned), "{baseline}");
    }

    #[test]
    fn a_baseline_is_ten_windows_where_it_may_be() {
        check("previous", Ok("2026-03-25T14:00:00Z 2026-03-25T14:50:00Z 10"));
        check("1d", Ok("2026-03-24T14:05:00Z 2026-03-24T14:55:00Z 10"));
        check(r#"{"start": "2026-03-25T14:10:00Z", "end": "2026-03-25T14:40:00Z"}"#, Ok("2026-03-25T14:10:00Z 2026-03-25T14:40:00Z 6"));
        check(r#"{"start": "2026-03-25T14:40:00Z", "end": "2026-03-25T14:50:00Z"}"#, Ok("2026-03-25T14:40:00Z 2026-03-25T14:50:00Z 5"));
        check(r#"{"start": "2026-03-25T14:40:00Z", "end": "2026-03-25T14:51:00Z"}"#, Err(Code::BadArgument));
        check("none", Err(Code::BadArgument));
        check("1m", Err(Code::BadArgument));
    }

    #[test]
    fn each_moment_lies_in_one_window_or_in_none() {
        let windows = Windows {
            incident: window("2026-03-25T14:50:00Z", "2026-03-25T14:55:00Z"),
            baseline: window("2026-03-25T14:00:00Z", "2026-03-25T14:50:00Z"),
            count: 10,
        };
        let of = |time: &str| windows.of(nanoseconds(time.parse().unwrap()));
        assert_eq!(of("2026-03-25T13:59:59.999999999Z"), None);
        assert_eq!(of("2026-03-25T14:00:00Z"), Some(1));
        assert_eq!(of("2026-03-25T14:04:59.999999999Z"), Some(1));
        assert_eq!(of("2026-03-25T14:05:00Z"), Some(2));
        assert_eq!(of("2026-03-25T14:49:59.999999999Z"), Some(10));
        assert_eq!(of("2026-03-25T14:50:00Z"), Some(0));
        assert_eq!(of("2026-03-25T14:55:00Z"), None);
    }

    #[test]
    fn a_baseline_that_begins_late_is_cut_again() {
        let windows = Windows {
            incident: window("2026-03-25T14:50:00Z", "2026-03-25T14:55:00Z"),
            baseline: window("2026-03-25T14:00:00Z", "2026-03-25T14:50:00Z"),
            count: 10,
        };
        let late = windows.from("2026-03-25T14:20:00Z".parse().unwrap());
        assert_eq!((late.count, late.is_short()), (6, false));
        assert!(windows.from("2026-03-25T14:40:00Z".parse().unwrap()).is_short());
    }

    #[test]
    fn every_quiet_window_is_held_against_the_others() {
        let windows = Windows {
            incident: window("2026-03-25T14:50:00Z", "2026-03-25T14:55:00Z"),
            baseline: window("2026-03-25T14:40:00Z", "2026-03-25T14:50:00Z"),
            count: 3,
        };
        assert_eq!(windows.split(), Split { here: 0, there: vec![1, 2, 3] });
        let quiet: Vec<Split> = windows.quiet_splits().collect();
        assert_eq!(quiet[1], Split { here: 2, there: vec![1, 3] });
        assert_eq!(quiet.len(), 3);
    }
}
