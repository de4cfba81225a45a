//! The answers that a conclusion is drawn from, each with what it was asked for. Knows neither how they are asked nor what they mean.

use elk_mcp_tools::error::ToolError;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::{clue::Clue, findings::Onset, reading::rows};

/// What a call was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Where the clue's id stands.
    Locate,
    /// The request that the clue is about.
    Trace,
    /// What was changed.
    Changes,
    /// What fails, service by service.
    Health,
    /// What the errors say.
    Errors,
    /// On which hosts the errors are written.
    Hosts,
    /// What requests do differently.
    Compare,
    /// A request that shows the difference.
    Example,
    /// How new the data is.
    Freshness,
}

/// A call and how it ended.
#[derive(Debug, Clone)]
pub(super) struct Made {
    pub(super) purpose: Purpose,
    pub(super) tool: &'static str,
    pub(super) arguments: Map<String, Value>,
    pub(super) result: Result<Value, ToolError>,
    pub(super) tokens: usize,
    pub(super) elapsed_ms: u64,
}

/// Everything a conclusion is drawn from.
#[derive(Debug, Clone)]
pub(super) struct Answers {
    /// Where the incident was looked for.
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    pub(super) onset: Option<Onset>,
    /// Whether the data ends before now, so that its last hour was taken for the last hour.
    pub(super) is_past: bool,
    /// In the order in which they are numbered, from 1.
    pub(super) made: Vec<Made>,
    pub(super) elapsed_ms: u64,
}

impl Answers {
    /// Nothing asked yet. The window reaches a sixth beyond the clue's time, as far as there is time: effects go on after an alert.
    pub(super) fn new(now: Timestamp, clue: &Clue) -> Self {
        let noticed = clue.time.unwrap_or(now);
        let end = match clue.time {
            Some(time) => time.saturating_add(clue.window / 6).unwrap_or(time).min(now.max(time)),
            None => now,
        };
        let start = noticed.saturating_sub(clue.window).unwrap_or(noticed);
        Self { start, end: end.max(start), onset: None, is_past: false, made: Vec::new(), elapsed_ms: 0 }
    }

    /// The answer of a purpose and its number.
    pub(super) fn of(&self, purpose: Purpose) -> Option<(usize, &Value)> {
        let answered = self.made.iter().enumerate().filter(|(_, made)| made.purpose == purpose);
        answered.filter_map(|(at, made)| Some((at + 1, made.result.as_ref().ok()?))).next_back()
    }

    /// Documents now and in the time before, in thousands: what lines of a kind are held against. More traffic has more errors, and where
    /// the data only begins, nothing was missing before. Equal where nothing tells.
    pub(super) fn exposure(&self) -> (f64, f64) {
        let Some((_, health)) = self.of(Purpose::Health) else { return (1.0, 1.0) };
        let sum = |column: &str| rows(health).filter_map(|row| row.number(column)).sum::<f64>();
        let (now, before) = (sum("count"), sum("baseline_rate_per_min") * self.minutes());
        if now > 0.0 { (now / 1e3, before / 1e3) } else { (1.0, 1.0) }
    }

    /// The length of the window in minutes.
    pub(super) fn minutes(&self) -> f64 {
        self.end.duration_since(self.start).as_secs_f64() / 60.0
    }

    /// When it began, as far as is known: the start of the window otherwise.
    pub(super) fn began(&self) -> Timestamp {
        self.onset.as_ref().map_or(self.start, |onset| onset.time)
    }

    /// How long before a time another lies, in words.
    pub(super) fn before(earlier: Timestamp, later: Timestamp) -> String {
        let span: SignedDuration = later.duration_since(earlier);
        match span.as_secs() {
            seconds @ ..120 => format!("{seconds} s"),
            seconds @ 120..7_200 => format!("{} min", seconds / 60),
            seconds => format!("{} h", seconds / 3_600),
        }
    }
}
