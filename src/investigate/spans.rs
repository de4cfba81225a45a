//! Which windows are compared: those after a known onset, or of several lengths where nothing tells when it began. Asks nothing.

use jiff::{SignedDuration, Timestamp};

use super::{answers::Answers, clue::Clue, signs::Strength};

/// The time before a comparison's end that is compared at least, however late the onset is.
const SHORTEST_DATED: SignedDuration = SignedDuration::from_mins(2);

/// A shorter window has fewer than the hundred requests that a comparison needs, at two requests a second.
const SHORTEST: SignedDuration = SignedDuration::from_mins(1);

/// The shortest length that is tried of a long window.
const PARTS: i32 = 30;

/// Each length that is tried is at most this part of the next longer one: one that is six times as long as what happened still differs.
const STEP: f64 = 6.0;

/// A comparison holds a window against ten windows of its length before it, and against five at least: where data goes back no further, the
/// window is the last of eleven parts of it, or the last of six.
const FEW: [i32; 2] = [6, 11];

/// From a start, which is included, to an end, which is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
}

impl Span {
    /// Of whole seconds, which can be read and typed.
    fn last(length: SignedDuration, end: Timestamp) -> Self {
        let length = SignedDuration::from_secs(length.as_secs().max(1));
        Self { start: end.saturating_sub(length).unwrap_or(end), end }
    }

    fn length(self) -> SignedDuration {
        self.end.duration_since(self.start)
    }
}

/// The windows to compare at once, and those to compare as well where none of the first differs for sure.
pub(super) fn spans(clue: &Clue, answers: &Answers) -> (Vec<Span>, Vec<Span>) {
    let looked = Span { start: answers.start, end: answers.end };
    if clue.start.is_some() {
        return (vec![looked], Vec::new());
    }
    let end = answers.extent.map_or(looked.end, |extent| extent.end.min(looked.end)).max(looked.start);
    let noticed = clue.time.map_or(end, |time| time.min(end));
    // All reach to the end: what was noticed goes on, or began only then, where the time is that of a rollout.
    let lengths = match answers.extent.filter(|_| answers.has_no_past()) {
        Some(extent) => FEW.iter().map(|parts| end.duration_since(extent.oldest) / *parts).collect(),
        None => lengths(noticed.duration_since(looked.start), end.duration_since(noticed)),
    };
    let mut tried: Vec<Span> = lengths.into_iter().map(|length| Span::last(length, end)).collect();
    let dated = answers.onset.as_ref().filter(|_| !answers.has_no_past()).map(|onset| {
        let latest = end.saturating_sub(SHORTEST_DATED).unwrap_or(end);
        Span { start: onset.time.min(latest).max(looked.start), end }
    });
    match dated {
        Some(dated) => {
            tried.retain(|span| *span != dated);
            (vec![dated], tried)
        }
        None => (tried, Vec::new()),
    }
}

/// Lengths from the whole down to a thirtieth of the time before it was noticed and all of the time `after`, each the same part of the one
/// before.
fn lengths(before: SignedDuration, after: SignedDuration) -> Vec<SignedDuration> {
    let whole = before + after;
    let shortest = (before / PARTS).max(SHORTEST).min(before) + after;
    let ratio = whole.as_secs_f64() / shortest.as_secs_f64().max(1.0);
    let (mut lengths, mut steps) = (vec![whole], 1);
    while ratio > STEP.powi(steps) {
        steps += 1;
    }
    for step in 1..=steps {
        let part = ratio.powf(f64::from(step) / f64::from(steps));
        lengths.push(SignedDuration::try_from_secs_f64(whole.as_secs_f64() / part).unwrap_or(whole));
    }
    lengths.dedup();
    lengths
}

/// The place of the window that differs most, the first of equals: of those whose strength has the surest word the one with the largest
/// score, as the largest likelihood ratio finds the place of a cluster (Kulldorff 1997, *A spatial scan statistic*). The number behind the
/// word will not do: it is relative to each length's own unrest, which is known worse the shorter the window is.
pub(super) fn clearest(compared: impl Iterator<Item = (Strength, f64)>) -> usize {
    let mut best = (0, (Strength::None, f64::NEG_INFINITY));
    for (at, one) in compared.enumerate() {
        if one > best.1 {
            best = (at, one);
        }
    }
    best.0
}

/// Whether a window is less than half of what was looked at.
pub(super) fn is_much_shorter(span: Span, answers: &Answers) -> bool {
    span.length() * 2 < answers.end.duration_since(answers.start)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::investigate::answers::{Extent, Made, Purpose};

    fn at(clock: &str) -> Timestamp {
        format!("2026-03-25T{clock}Z").parse().unwrap()
    }

    fn answers(clue: &Clue, baseline_rate_per_min: f64) -> Answers {
        let mut answers = Answers::new(at("15:00:00"), clue);
        let health = json!({"columns": ["service", "count", "baseline_rate_per_min"], "rows": [["a", 6000, baseline_rate_per_min]]});
        let result = Ok(health);
        let made = Made {
            purpose: Purpose::Health,
            tool: "get_service_overview",
            arguments: serde_json::Map::new(),
            result,
            tokens: 1,
            elapsed_ms: 1,
        };
        answers.made.push(made);
        answers
    }

    fn noticed(time: &str) -> Clue {
        Clue { time: Some(at(time)), ..Clue::default() }
    }

    #[track_caller]
    fn check(spans: &[Span], expected: &[(&str, &str)]) {
        let told: Vec<(String, String)> =
            spans.iter().map(|span| (span.start.strftime("%H:%M:%S").to_string(), span.end.strftime("%H:%M:%S").to_string())).collect();
        let expected: Vec<(String, String)> = expected.iter().map(|(start, end)| ((*start).to_owned(), (*end).to_owned())).collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn without_an_onset_windows_of_a_few_lengths_up_to_the_end_are_compared() {
        let clue = noticed("14:30:00");
        let (first, others) = spans(&clue, &answers(&clue, 100.0));
        check(&first, &[("13:30:00", "14:40:00"), ("14:28:00", "14:40:00")]);
        assert!(others.is_empty());
        let (first, _) = spans(&Clue::default(), &answers(&Clue::default(), 100.0));
        check(&first, &[("14:00:00", "15:00:00"), ("14:49:03", "15:00:00"), ("14:58:00", "15:00:00")]);
    }

    #[test]
    fn where_the_data_only_begins_a_window_leaves_five_or_ten_of_its_length_before_it() {
        let clue = noticed("14:30:00");
        let mut answers = answers(&clue, 0.0);
        answers.extent = Some(Extent { oldest: at("14:19:00"), end: at("14:30:01") });
        let (first, others) = spans(&clue, &answers);
        check(&first, &[("14:28:11", "14:30:01"), ("14:29:01", "14:30:01")]);
        assert!(others.is_empty());
    }

    #[test]
    fn a_known_onset_comes_first_and_a_given_window_is_taken_as_it_is() {
        let clue = noticed("15:00:00");
        let mut answers = answers(&clue, 100.0);
        answers.onset = Some(crate::investigate::Onset { time: at("14:41:11"), earliest: None, latest: None, basis: String::new() });
        let (first, others) = spans(&clue, &answers);
        check(&first, &[("14:41:11", "15:00:00")]);
        assert_eq!(others.len(), 3);
        let given = Clue { start: Some(at("14:50:00")), ..noticed("14:52:00") };
        let (first, others) = spans(&given, &Answers::new(at("15:00:00"), &given));
        check(&first, &[("14:50:00", "14:52:00")]);
        assert!(others.is_empty());
    }

    #[test]
    fn the_clearest_has_the_surest_word_then_the_largest_score_and_is_the_first_of_equals() {
        assert_eq!(clearest([(Strength::None, 9.0), (Strength::Weak, 3.0), (Strength::Weak, 4.0), (Strength::Weak, 4.0)].into_iter()), 2);
        assert_eq!(clearest([(Strength::None, 0.0), (Strength::None, 0.0)].into_iter()), 0);
    }
}
