//! Asks the tools what a conclusion needs: independent questions side by side, later ones from earlier answers. Concludes nothing.

use std::time::{Duration, Instant};

use elk_mcp_tools::error::{Code, ToolError};
use futures_util::future::{OptionFuture, join, join_all, join4};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::{
    Tools,
    answers::{Answers, Extent, Made, Purpose},
    clue::Clue,
    conclude,
    findings::{Onset, Sure},
    hosts, onset, reading,
    signs::Strength,
    spans::{self, Span},
};

/// Tokens that one answer may have: five of them stay within ten thousand.
const TOKENS: u32 = 1_900;

/// The furthest that an id without a time is looked for: what one search may cover.
const FURTHEST: SignedDuration = SignedDuration::from_hours(7 * 24);

/// One investigation's questions, and what was answered so far.
struct Desk<'t, T> {
    tools: &'t T,
    clue: Clue,
    time_limit: Duration,
    answers: Answers,
}

/// Asks until the answers are enough.
///
/// # Errors
/// The first call's error when no call was answered.
pub(super) async fn ask<T: Tools>(tools: &T, clue: &Clue, time_limit: Duration) -> Result<Answers, ToolError> {
    let began = Instant::now();
    let now = tools.now();
    // The clock of whoever raised an alert may be ahead of ours.
    let clue = Clue { time: clue.time.map(|time| time.min(now)), ..clue.clone() };
    let answers = Answers::new(now, &clue);
    let mut desk = Desk { tools, clue, time_limit, answers };
    desk.all(now).await;
    let mut answers = desk.answers;
    answers.elapsed_ms = milliseconds(began.elapsed());
    match answers.made.iter().all(|made| made.result.is_err()).then(|| answers.made.first().and_then(|made| made.result.as_ref().err())) {
        Some(Some(error)) => Err(error.clone()),
        _ => Ok(answers),
    }
}

impl<T: Tools> Desk<'_, T> {
    async fn all(&mut self, now: Timestamp) {
        let Clue { time, id, trace_id, .. } = &self.clue;
        if time.is_none() && (id.is_some() || trace_id.is_some()) {
            self.first(false).await;
            let made = std::mem::take(&mut self.answers.made);
            let seen = Clue { time: located(&made), ..self.clue.clone() };
            self.answers = Answers { made, ..Answers::new(now, &seen) };
            self.look().await;
        } else {
            if time.is_none() {
                // A bundle may be of last year: its end is what counts as now.
                self.extent().await;
                self.answers.end_with_data(now, &self.clue);
            }
            self.first(true).await;
        }
        if self.answers.has_no_past() && self.answers.extent.is_none() && self.tools.has("list_indices") {
            self.extent().await;
        }
        // Beside an id they are asked only where the cause is not certain without them.
        if self.clue.id.is_none() && self.clue.trace_id.is_none() && !self.answers.has_no_past() {
            let errors = self.call(Purpose::Errors, "get_error_summary", errors(&self.answers)).await;
            self.answers.made.push(errors);
        }
        self.answers.onset = onset::onset(&self.answers);
        self.compare().await;
        self.finish().await;
    }

    /// What the clue names, and with `look` what happened around it.
    async fn first(&mut self, look: bool) {
        let Self { clue, answers, .. } = &*self;
        let (id, trace_id) = (clue.id.as_deref(), clue.trace_id.as_deref());
        let locate = OptionFuture::from(id.map(|id| self.call(Purpose::Locate, "correlate_id", locate(id, clue, answers))));
        let trace = OptionFuture::from(trace_id.map(|id| self.call(Purpose::Trace, "search_by_trace_id", trace(id))));
        let changes = OptionFuture::from(look.then(|| self.call(Purpose::Changes, "find_changes", changes(answers))));
        // Where the data only begins there is nothing to hold figures against before a shorter window is settled on.
        let is_told = look && !answers.has_no_past();
        let health = OptionFuture::from(is_told.then(|| self.call(Purpose::Health, "get_service_overview", health(answers))));
        let (a, b, c, d) = join4(locate, trace, changes, health).await;
        self.answers.made.extend([a, b, c, d].into_iter().flatten());
    }

    /// What happened around the time that is now known.
    async fn look(&mut self) {
        let health = self.call(Purpose::Health, "get_service_overview", health(&self.answers));
        let changes = self.call(Purpose::Changes, "find_changes", changes(&self.answers));
        let (changes, health) = join(changes, health).await;
        self.answers.made.extend([changes, health]);
    }

    /// From when to when there is data, of the indices that have as much of it as others and reach into what is looked at.
    async fn extent(&mut self) {
        let indices = self.call(Purpose::Freshness, "list_indices", Map::new()).await;
        self.answers.extent = indices.result.as_ref().ok().and_then(|answer| Extent::of(answer, self.answers.start));
        self.answers.made.push(indices);
    }

    /// The comparison of whole requests with those before them, and the request that the clue leads to. Where the onset is known and
    /// what came after it differs for sure, that is all; otherwise windows of several lengths are compared, and the one that differs most
    /// counts. Where only that tells when it was, what fails and what is written is asked again of that window.
    async fn compare(&mut self) {
        let (first, others) = spans::spans(&self.clue, &self.answers);
        let found = self.clue.trace_id.is_none().then(|| located_trace(&self.answers.made)).flatten();
        let trace = OptionFuture::from(found.map(|id| self.call(Purpose::Trace, "search_by_trace_id", trace(&id))));
        let (mut compared, trace) = join(self.compare_all(&first), trace).await;
        self.answers.made.extend(trace);
        if !compared.iter().any(|(_, made)| strength_of(made) == Strength::Significant) {
            compared.extend(self.compare_all(&others).await);
        }
        self.answers.compared = compared.len();
        let best = spans::clearest(compared.iter().map(|(_, made)| (strength_of(made), score_of(made))));
        let mut focus = None;
        for (at, (span, mut made)) in compared.into_iter().enumerate() {
            if at == best {
                focus = Some((span, strength_of(&made)));
            } else {
                made.purpose = Purpose::Tried;
            }
            self.answers.made.push(made);
        }
        if let Some((span, strength)) = focus {
            self.focus(span, strength).await;
        }
    }

    async fn compare_all(&self, spans: &[Span]) -> Vec<(Span, Made)> {
        let one = |span: Span| async move { (span, self.call(Purpose::Compare, "compare_windows", compare(span)).await) };
        join_all(spans.iter().map(|span| one(*span))).await
    }

    /// Looks closer where a short window differs for sure and what was looked at tells too little: there is nothing before it, or it is much
    /// longer. What is weak is found in one quiet window of several: two calls more would seldom tell anything.
    async fn focus(&mut self, span: Span, strength: Strength) {
        let answers = &mut self.answers;
        let (has_no_past, is_shorter, is_dated) = (answers.has_no_past(), spans::is_much_shorter(span, answers), answers.onset.is_some());
        if !has_no_past && (is_dated || strength < Strength::Significant || !is_shorter) {
            return;
        }
        for made in &mut answers.made {
            if matches!(made.purpose, Purpose::Health | Purpose::Errors) {
                made.purpose = Purpose::Tried;
            }
        }
        (answers.looked, answers.start, answers.end) = (Some((answers.start, answers.end)), span.start, span.end);
        let health = self.call(Purpose::Health, "get_service_overview", health(&self.answers));
        let errors = self.call(Purpose::Errors, "get_error_summary", errors(&self.answers));
        let (health, errors) = join(health, errors).await;
        self.answers.made.extend([health, errors]);
        self.answers.onset = onset::onset(&self.answers);
        if self.answers.onset.is_none() && strength > Strength::None {
            let basis = "start of the window that differs most from those before it".to_owned();
            self.answers.onset = Some(Onset { time: span.start, earliest: None, latest: None, basis });
        }
    }

    /// What is still open: the errors where the cause is not certain without them, and the hosts that they have in common.
    async fn finish(&mut self) {
        let answers = &self.answers;
        let (draft, spreads) = (conclude::conclude(&self.clue, answers), hosts::spreads(answers));
        let has = |purpose: Purpose| answers.made.iter().any(|made| made.purpose == purpose);
        let is_open = draft.confidence.as_ref().is_none_or(|confidence| confidence.word < Sure::High);
        let ask_errors = is_open && !has(Purpose::Errors);
        // Errors of their own in several services at once have something in common below them.
        let ask_hosts = has(Purpose::Errors) && spreads;
        let errors = OptionFuture::from(ask_errors.then(|| self.call(Purpose::Errors, "get_error_summary", errors(answers))));
        let hosts = OptionFuture::from(ask_hosts.then(|| self.call(Purpose::Hosts, "get_error_summary", by_host(answers))));
        let (errors, hosts) = join(errors, hosts).await;
        self.answers.made.extend([errors, hosts].into_iter().flatten());
    }

    async fn call(&self, purpose: Purpose, tool: &'static str, mut arguments: Map<String, Value>) -> Made {
        if !self.tools.has(tool) {
            let error = ToolError::new(Code::BadArgument, "this tool is not offered here", "ask whoever runs the server for it");
            return Made { purpose, tool, arguments, result: Err(error), tokens: 0, elapsed_ms: 0 };
        }
        arguments.insert("max_tokens".to_owned(), Value::from(TOKENS));
        let began = Instant::now();
        let result = self.tools.call(tool, &arguments, self.time_limit).await;
        let elapsed_ms = milliseconds(began.elapsed());
        let bytes = result.as_ref().map_or(0, |answer| answer.structured.get().len());
        let tokens = (bytes + serde_json::to_string(&arguments).map_or(0, |text| text.len())).div_ceil(3);
        let result = result.map(|answer| serde_json::from_str(answer.structured.get()).unwrap_or_default());
        arguments.remove("max_tokens");
        Made { purpose, tool, arguments, result, tokens, elapsed_ms }
    }
}

fn locate(id: &str, clue: &Clue, answers: &Answers) -> Map<String, Value> {
    let reach = if clue.time.is_some() { clue.window * 6 } else { FURTHEST };
    let start = answers.end.saturating_sub(reach.min(FURTHEST)).unwrap_or(answers.end);
    object(json!({"id": id, "start": start.to_string(), "end": answers.end.to_string()}))
}

fn trace(id: &str) -> Map<String, Value> {
    object(json!({"trace_id": id, "size": 60}))
}

/// Changes come before what they lead to: twice the window is looked at.
fn changes(answers: &Answers) -> Map<String, Value> {
    let start = answers.start.saturating_sub(answers.end.duration_since(answers.start)).unwrap_or(answers.start);
    let kinds = ["deployment", "service", "version", "image", "endpoint", "event"];
    object(json!({"start": start.to_string(), "end": answers.end.to_string(), "kinds": kinds}))
}

fn health(answers: &Answers) -> Map<String, Value> {
    object(json!({"group_by": "service", "start": answers.start.to_string(), "end": answers.end.to_string()}))
}

/// Warnings too: what breaks slowly warns first.
fn errors(answers: &Answers) -> Map<String, Value> {
    object(json!({"level": "warn+", "start": answers.start.to_string(), "end": answers.end.to_string(), "top": 14}))
}

fn by_host(answers: &Answers) -> Map<String, Value> {
    object(json!({"group_by": "host", "start": answers.start.to_string(), "end": answers.end.to_string()}))
}

fn compare(span: Span) -> Map<String, Value> {
    object(json!({"start": span.start.to_string(), "end": span.end.to_string(), "top": 6}))
}

fn strength_of(made: &Made) -> Strength {
    made.result.as_ref().map_or(Strength::None, Strength::of)
}

/// The largest score of a suspect.
fn score_of(made: &Made) -> f64 {
    let suspects = made.result.iter().flat_map(|answer| reading::section(answer, "suspects"));
    suspects.filter_map(|row| row.number("score")).fold(0.0, f64::max)
}

/// When what the clue names was seen last.
fn located(made: &[Made]) -> Option<Timestamp> {
    let answered = |purpose: Purpose| made.iter().find(|made| made.purpose == purpose).and_then(|made| made.result.as_ref().ok());
    let by_id = answered(Purpose::Locate).and_then(|answer| reading::rows(answer).filter_map(|row| row.time("last_seen")).max());
    let by_trace = answered(Purpose::Trace).and_then(|answer| reading::rows(answer).filter_map(|row| row.time("time")).max());
    by_id.max(by_trace)
}

/// The trace that the id leads to.
fn located_trace(made: &[Made]) -> Option<String> {
    let locate = made.iter().find(|made| made.purpose == Purpose::Locate)?;
    reading::rows(locate.result.as_ref().ok()?).find_map(|row| row.text("trace_ids"))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
