//! Asks the tools what a conclusion needs: independent questions side by side, later ones from earlier answers. Concludes nothing.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use elk_mcp_tools::{Toolbox, error::ToolError};
use futures_util::future::{OptionFuture, join, join5};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::{
    answers::{Answers, Made, Purpose},
    clue::Clue,
    conclude,
    findings::{Sure, Verdict},
    hosts, onset, reading,
};

/// More calls than this are not made of one's own accord.
const CALLS: usize = 5;

/// Tokens that one answer may have: five of them stay within ten thousand.
const TOKENS: u32 = 1_900;

/// The furthest that an id without a time is looked for: what one search may cover.
const FURTHEST: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The time before a comparison's end that is compared at least, however late the onset is.
const SHORTEST_COMPARED: SignedDuration = SignedDuration::from_mins(2);

/// One investigation's questions.
struct Desk<'t> {
    toolbox: &'t Toolbox,
    time_limit: Duration,
    made: Vec<Made>,
}

/// Asks until the answers are enough, or a call more than [`CALLS`] would be needed.
///
/// # Errors
/// The first call's error when no call was answered.
pub(super) async fn ask(toolbox: &Toolbox, clue: &Clue, time_limit: Duration) -> Result<Answers, ToolError> {
    let began = Instant::now();
    let now = toolbox.now(Timestamp::now());
    let mut desk = Desk { toolbox, time_limit, made: Vec::new() };
    let located_first = clue.time.is_none() && (clue.id.is_some() || clue.trace_id.is_some());
    // The clock of whoever raised an alert may be ahead of ours.
    let clue = &Clue { time: clue.time.map(|time| time.min(now)), ..clue.clone() };
    let mut answers = Answers::new(now, clue);
    if located_first {
        desk.first(clue, &answers, false).await;
        let seen = located(&desk.made);
        answers = Answers::new(now, &Clue { time: seen, ..clue.clone() });
        desk.look(&answers, false).await;
    } else {
        desk.first(clue, &answers, true).await;
        if let Some(newest) = desk.newest_if_nothing(clue, now).await {
            desk.made.retain(|made| made.purpose == Purpose::Freshness);
            answers = Answers::new(newest, clue);
            answers.is_past = true;
            desk.look(&answers, true).await;
        }
    }
    answers.made = std::mem::take(&mut desk.made);
    answers.onset = onset::onset(&answers);
    desk.made = std::mem::take(&mut answers.made);
    desk.compare(clue, &answers).await;
    desk.finish(clue, &mut answers).await;
    answers.made = desk.made;
    answers.elapsed_ms = milliseconds(began.elapsed());
    match answers.made.iter().all(|made| made.result.is_err()).then(|| answers.made.first().and_then(|made| made.result.as_ref().err())) {
        Some(Some(error)) => Err(error.clone()),
        _ => Ok(answers),
    }
}

impl Desk<'_> {
    /// What the clue names, and with `look` what happened around it.
    async fn first(&mut self, clue: &Clue, answers: &Answers, look: bool) {
        let trace_id = clue.trace_id.as_deref();
        let id = clue.id.as_deref();
        let locate = OptionFuture::from(id.map(|id| self.call(Purpose::Locate, "correlate_id", locate(id, clue, answers))));
        let trace = OptionFuture::from(trace_id.map(|id| self.call(Purpose::Trace, "search_by_trace_id", trace(id))));
        let changes = OptionFuture::from(look.then(|| self.call(Purpose::Changes, "find_changes", changes(answers))));
        let health = OptionFuture::from(look.then(|| self.call(Purpose::Health, "get_service_overview", health(answers))));
        let errors = (look && id.is_none() && trace_id.is_none()).then(|| self.call(Purpose::Errors, "get_error_summary", errors(answers)));
        let (a, b, c, d, e) = join5(locate, trace, changes, health, OptionFuture::from(errors)).await;
        self.made.extend([a, b, c, d, e].into_iter().flatten());
    }

    /// What happened around the time that is now known.
    async fn look(&mut self, answers: &Answers, with_errors: bool) {
        let health = self.call(Purpose::Health, "get_service_overview", health(answers));
        let changes = self.call(Purpose::Changes, "find_changes", changes(answers));
        let errors = OptionFuture::from(with_errors.then(|| self.call(Purpose::Errors, "get_error_summary", errors(answers))));
        let ((changes, health), errors) = join(join(changes, health), errors).await;
        self.made.extend([Some(changes), Some(health), errors].into_iter().flatten());
    }

    /// Where the window is empty and the clue has no time, the time of the newest document: a bundle may be of last year.
    async fn newest_if_nothing(&mut self, clue: &Clue, now: Timestamp) -> Option<Timestamp> {
        let health = self.made.iter().find(|made| made.purpose == Purpose::Health)?;
        let matched = reading::number_at(health.result.as_ref().ok()?, &["totals", "matched"]);
        if clue.time.is_some() || matched.is_some_and(|matched| matched > 0.0) {
            return None;
        }
        let indices = self.call(Purpose::Freshness, "list_indices", Map::new()).await;
        let newest = indices.result.as_ref().ok().and_then(|answer| reading::rows(answer).filter_map(|row| row.time("newest")).max());
        self.made.push(indices);
        newest?.checked_add(SignedDuration::from_secs(1)).ok().filter(|newest| *newest < now)
    }

    /// The comparison of whole requests since the onset with those before it, and the request that the clue leads to.
    async fn compare(&mut self, clue: &Clue, answers: &Answers) {
        let latest = answers.end.saturating_sub(SHORTEST_COMPARED).unwrap_or(answers.end);
        let start = answers.onset.as_ref().map_or(answers.start, |onset| onset.time.min(latest).max(answers.start));
        let arguments = object(json!({"start": start.to_string(), "end": answers.end.to_string(), "top": 6}));
        let compare = self.call(Purpose::Compare, "compare_windows", arguments);
        let found = clue.trace_id.is_none().then(|| located_trace(&self.made)).flatten();
        let trace = OptionFuture::from(found.map(|id| self.call(Purpose::Trace, "search_by_trace_id", trace(&id))));
        let (compare, trace) = join(compare, trace).await;
        self.made.extend([trace, Some(compare)].into_iter().flatten());
    }

    /// What is still open: the errors where the cause is not certain without them, a request that shows it.
    async fn finish(&mut self, clue: &Clue, answers: &mut Answers) {
        answers.made = std::mem::take(&mut self.made);
        let (draft, spreads) = (conclude::conclude(clue, answers), hosts::spreads(answers));
        self.made = std::mem::take(&mut answers.made);
        let has = |purpose: Purpose| self.made.iter().any(|made| made.purpose == purpose);
        let is_open = draft.confidence.as_ref().is_none_or(|confidence| confidence.word < Sure::High);
        let ask_errors = is_open && !has(Purpose::Errors);
        // Errors of their own in several services at once have something in common below them.
        let ask_hosts = has(Purpose::Errors) && spreads;
        let room = self.made.len() + usize::from(ask_errors) + usize::from(ask_hosts) < CALLS;
        let example = draft.suspects.first().and_then(|suspect| suspect.trace_id.clone());
        let example = example.filter(|_| room && !has(Purpose::Trace) && draft.verdict != Verdict::NothingSignificant);
        let errors = OptionFuture::from(ask_errors.then(|| self.call(Purpose::Errors, "get_error_summary", errors(answers))));
        let example = OptionFuture::from(example.map(|id| self.call(Purpose::Example, "search_by_trace_id", trace(&id))));
        let hosts = OptionFuture::from(ask_hosts.then(|| self.call(Purpose::Hosts, "get_error_summary", by_host(answers))));
        let ((errors, hosts), example) = join(join(errors, hosts), example).await;
        self.made.extend([errors, hosts, example].into_iter().flatten());
    }

    fn call(&self, purpose: Purpose, tool: &'static str, mut arguments: Map<String, Value>) -> impl Future<Output = Made> + use<'_> {
        arguments.insert("max_tokens".to_owned(), Value::from(TOKENS));
        let (toolbox, time_limit) = (self.toolbox, self.time_limit);
        async move {
            let began = Instant::now();
            let result = toolbox.call(tool, &arguments, Timestamp::now(), time_limit).await;
            let elapsed_ms = milliseconds(began.elapsed());
            let bytes = result.as_ref().map_or(0, |answer| answer.structured.get().len());
            let tokens = (bytes + serde_json::to_string(&arguments).map_or(0, |text| text.len())).div_ceil(3);
            let result = result.map(|answer| serde_json::from_str(answer.structured.get()).unwrap_or_default());
            arguments.remove("max_tokens");
            Made { purpose, tool, arguments, result, tokens, elapsed_ms }
        }
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
