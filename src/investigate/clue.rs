//! What an investigation begins with: an id, a trace, a time, a service, an alert, or nothing. Knows no tool.

use elk_mcp_tools::answer::clean;
use jiff::{SignedDuration, Timestamp};

use super::findings::ClueTold;

/// The length of time that is looked at before the clue, unless it is said.
pub const DEFAULT_WINDOW: SignedDuration = SignedDuration::from_hours(1);
/// The shortest and the longest that can be said: baselines reach back ten times as far, and one search covers a week.
pub const WINDOWS: std::ops::RangeInclusive<SignedDuration> = SignedDuration::from_mins(2)..=SignedDuration::from_hours(14);

/// A text of a clue is kept up to this many characters: alerts carry whole log lines.
const LONGEST_TEXT: usize = 300;

/// What is known at the start. Everything may be missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clue {
    /// What an alert calls itself.
    pub title: Option<String>,
    /// The system that raised the alert.
    pub source: Option<String>,
    /// Id of a message, a request, an order: anything that lines carry.
    pub id: Option<String>,
    /// Id of a trace.
    pub trace_id: Option<String>,
    /// When it began, where that is known: then the time from there to `time` is looked at, and nothing else.
    pub start: Option<Timestamp>,
    /// When it was noticed.
    pub time: Option<Timestamp>,
    /// Where it was noticed.
    pub service: Option<String>,
    /// How much time before it is looked at.
    pub window: SignedDuration,
}

impl Default for Clue {
    fn default() -> Self {
        Self { title: None, source: None, id: None, trace_id: None, start: None, time: None, service: None, window: DEFAULT_WINDOW }
    }
}

impl Clue {
    /// Whether it names an id, a time or a service.
    pub fn says_something(&self) -> bool {
        self.id.is_some() || self.trace_id.is_some() || self.time.is_some() || self.service.is_some()
    }

    /// In one line, for people.
    pub(super) fn told(&self) -> ClueTold {
        let parts = [
            self.title.as_ref().map(|title| format!("alert “{}”", tidy(title))),
            self.id.as_ref().map(|id| format!("id {}", tidy(id))),
            self.trace_id.as_ref().map(|id| format!("trace {}", tidy(id))),
            self.service.as_ref().map(|service| format!("service {}", tidy(service))),
            self.start.zip(self.time).map(|(start, end)| format!("{start} to {end}")),
            self.time.filter(|_| self.start.is_none()).map(|time| format!("noticed at {time}")),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        let text = if parts.is_empty() { "none: the time before now was looked at".to_owned() } else { parts.join(", ") };
        ClueTold { text, source: self.source.clone() }
    }
}

/// A text from outside, on one line, without anything that could hide or forge what is read, and not long.
pub(crate) fn tidy(text: &str) -> String {
    let cleaned = clean(text).0;
    let mut words = cleaned.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = words.char_indices().nth(LONGEST_TEXT) {
        words.truncate(end);
        words.push('…');
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clue_is_told_in_one_clean_line() {
        let clue = Clue { title: Some("a\nb\u{202e}c".to_owned()), id: Some("7".to_owned()), ..Clue::default() };
        assert_eq!(clue.told().text, "alert “a bc”, id 7");
        assert_eq!(Clue::default().told().text, "none: the time before now was looked at");
        assert_eq!(tidy(&"x".repeat(400)).chars().count(), LONGEST_TEXT + 1);
    }
}
