//! The answers that a conclusion is drawn from, each with what it was asked for. Knows neither how they are asked nor what they mean.

use elk_mcp_tools::error::ToolError;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::{
    clue::Clue,
    findings::Onset,
    reading::{number_at, rows},
};

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
    /// From when to when there is data.
    Freshness,
    /// What was asked of another window than the one that was settled on.
    Tried,
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

/// From when to when there is data. The start is included, the end is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) oldest: Timestamp,
    pub(super) end: Timestamp,
}

impl Extent {
    /// A small index beside the others (an audit log of a year) does not say how far back they reach.
    const MUCH: f64 = 0.1;

    /// Of the indices that `list_indices` lists. Those that end before `start` count where others are no older.
    pub(super) fn of(listed: &Value, start: Timestamp) -> Option<Self> {
        let indices: Vec<(f64, Timestamp, Timestamp)> =
            rows(listed).filter_map(|row| Some((row.number("docs")?, row.time("oldest")?, row.time("newest")?))).collect();
        let newest = indices.iter().map(|(.., newest)| *newest).max()?;
        let reaching = indices.iter().filter(|(.., to)| *to >= start.min(newest));
        let most = reaching.map(|(docs, ..)| *docs).fold(0.0, f64::max);
        let oldest = indices.iter().filter(|(docs, ..)| *docs >= Self::MUCH * most).map(|(_, oldest, _)| *oldest).min()?;
        Some(Self { oldest, end: newest.checked_add(SignedDuration::from_secs(1)).ok()? })
    }
}

/// Everything a conclusion is drawn from.
#[derive(Debug, Clone)]
pub(super) struct Answers {
    /// Where the incident was looked for.
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    pub(super) onset: Option<Onset>,
    /// Whether the data ends before now, so that its end was taken for now.
    pub(super) is_past: bool,
    /// From when to when there is data, where that was asked.
    pub(super) extent: Option<Extent>,
    /// What was looked at before a shorter window was settled on.
    pub(super) looked: Option<(Timestamp, Timestamp)>,
    /// How many windows were compared, of which the one that differs most counts.
    pub(super) compared: usize,
    /// In the order in which they are numbered, from 1.
    pub(super) made: Vec<Made>,
    pub(super) elapsed_ms: u64,
}

impl Answers {
    /// Nothing asked yet. The window reaches a sixth beyond the clue's time, as far as there is time: effects go on after an alert.
    pub(super) fn new(now: Timestamp, clue: &Clue) -> Self {
        let noticed = clue.time.unwrap_or(now);
        let end = match (clue.time, clue.start) {
            (Some(time), None) => time.saturating_add(clue.window / 6).unwrap_or(time).min(now.max(time)),
            (_, Some(_)) | (None, None) => noticed,
        };
        let start = clue.start.unwrap_or_else(|| noticed.saturating_sub(clue.window).unwrap_or(noticed));
        let (onset, extent, looked) = (None, None, None);
        Self { start, end: end.max(start), onset, is_past: false, extent, looked, compared: 0, made: Vec::new(), elapsed_ms: 0 }
    }

    /// Where the data ends before the window that leads to now, its end is taken for now.
    pub(super) fn end_with_data(&mut self, now: Timestamp, clue: &Clue) {
        let Some(extent) = self.extent.filter(|extent| extent.end < now) else { return };
        self.is_past = extent.end <= self.start;
        let start = if self.is_past { extent.end.saturating_sub(clue.window).unwrap_or(extent.end) } else { self.start };
        (self.start, self.end) = (start, extent.end);
    }

    /// Whether there is nothing, or next to nothing, that the window could be held against: the data begins in it or shortly before.
    pub(super) fn has_no_past(&self) -> bool {
        if self.of(Purpose::Health).is_some() {
            let (now, before) = self.exposure();
            return before < now / 4.0;
        }
        self.extent.is_some_and(|extent| self.start.duration_since(extent.oldest) < self.end.duration_since(self.start) / 4)
    }

    /// Whether no document lies in the window.
    pub(super) fn is_empty(&self) -> bool {
        self.of(Purpose::Health).is_some_and(|(_, health)| number_at(health, &["totals", "matched"]) == Some(0.0))
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
