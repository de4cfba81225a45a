//! The investigation of the sample incident, call by call: each call's arguments come from the answers before it, and
//! the cause from all of them. Knows the tools' answers; knows nothing of the sample but the alert.

use std::{
    fmt::Write as _,
    io::Write,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use elk_mcp_tools::Toolbox;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use crate::investigate::reading::{Row, rows, text_at};

/// No call on the sample takes longer.
const TIME_LIMIT: Duration = Duration::from_secs(25);

/// What the alert says: when, and which message was lost.
pub(super) struct Alert<'a> {
    pub(super) time: Timestamp,
    pub(super) message_id: &'a str,
}

/// The investigation under way.
pub(super) struct Story<'a, W> {
    toolbox: &'a Toolbox,
    out: W,
    now: Timestamp,
    calls: usize,
    tokens: usize,
    spent: Duration,
}

impl<'a, W: Write> Story<'a, W> {
    pub(super) fn new(toolbox: &'a Toolbox, out: W, now: Timestamp) -> Self {
        Self { toolbox, out, now, calls: 0, tokens: 0, spent: Duration::ZERO }
    }

    /// Tells the investigation and its result.
    ///
    /// # Errors
    /// When a call fails, or nothing can be written any more.
    pub(super) async fn tell(mut self, alert: &Alert<'_>) -> Result<()> {
        let before = |duration: SignedDuration| alert.time.saturating_sub(duration).unwrap_or(alert.time).to_string();
        let end = alert.time.to_string();
        writeln!(self.out, "{}  an alert, with one clue: message {} was never delivered\n", clock(&end), alert.message_id)?;

        let near = json!({"id": alert.message_id, "start": before(SignedDuration::from_mins(15)), "end": end});
        let found = self.call("correlate_id", near, |found| vec![summary(found)]).await?;
        let trace_id = rows(&found).find_map(|row| row.text("trace_ids")).unwrap_or_default();

        let whole = json!({"trace_id": trace_id, "start": before(SignedDuration::from_mins(15)), "end": end});
        let trace = self.call("search_by_trace_id", whole, trace_lines).await?;
        let service = rows(&trace).last().map(|row| told(row, "service")).unwrap_or_default();

        let hour = before(SignedDuration::from_hours(1));
        let paths = json!({"group_by": "path", "start": hour, "end": end});
        let overview = self.call("get_service_overview", paths, overview_lines).await?;

        let hours = json!({"start": before(SignedDuration::from_hours(2)), "end": end});
        let changes = self.call("find_changes", hours, |found| change_lines(found, &service)).await?;

        let errors = json!({"start": hour, "end": end});
        let errors = self.call("get_error_summary", errors, |found| vec![summary(found)]).await?;

        self.conclude(&service, &overview, &changes, &errors)
    }

    /// Calls a tool and tells the call and a line or two of its answer.
    async fn call(&mut self, tool: &str, arguments: Value, lines: impl FnOnce(&Value) -> Vec<String>) -> Result<Value> {
        let arguments: Map<String, Value> = arguments.as_object().cloned().unwrap_or_default();
        let started = Instant::now();
        let answer =
            self.toolbox.call(tool, &arguments, self.now, TIME_LIMIT).await.with_context(|| format!("{tool} failed on the sample"))?;
        let took = started.elapsed();
        self.calls += 1;
        self.tokens += answer.tokens();
        self.spent += took;
        let shown = arguments.iter().filter(|(name, _)| !matches!(name.as_str(), "start" | "end"));
        let shown = shown.fold(tool.to_owned(), |text, (name, value)| text + &format!(" {name}={}", value.as_str().unwrap_or_default()));
        writeln!(self.out, "{}  {:<72} {:>5} ms {:>6} tokens", self.calls, short(&shown, 72), took.as_millis(), answer.tokens())?;
        let answer: Value = serde_json::from_str(answer.structured.get())?;
        for line in lines(&answer) {
            writeln!(self.out, "   {}", short(&line, 132))?;
        }
        writeln!(self.out)?;
        Ok(answer)
    }

    /// Names the cause and what was ruled out, from the answers alone.
    fn conclude(mut self, service: &str, overview: &Value, changes: &Value, errors: &Value) -> Result<()> {
        let failing = rows(overview).find(|&row| told(row, "finding").starts_with("never succeeded"));
        let onset = failing.map(|row| told(row, "first_seen")).unwrap_or_default();
        let deployment = deployments(changes).into_iter().rfind(|&row| told(row, "value").contains(service));
        let push = pushes(changes)
            .into_iter()
            .rfind(|&row| told(row, "evidence").contains(service) && (onset.is_empty() || told(row, "time") < onset));
        let count = failing.and_then(|row| row.number("count")).unwrap_or_default();
        match (failing, deployment, push) {
            (Some(failing), Some(deployment), Some(push)) => {
                writeln!(
                    self.out,
                    "Cause      {} {} at {}, rolled out {}; since {} every call of {} answers {} ({} of {}): the message is dropped without an error",
                    told(push, "value"),
                    told(push, "evidence"),
                    clock(&told(push, "time")),
                    told(deployment, "evidence").split(": ").next().unwrap_or_default(),
                    clock(&onset),
                    told(failing, "path"),
                    told(failing, "status"),
                    count,
                    count,
                )?;
            }
            _ => writeln!(
                self.out,
                "Cause      not found: an endpoint that never succeeded, a deployment and an image push do not come together"
            )?,
        }
        for line in ruled_out(service, overview, changes, errors) {
            writeln!(self.out, "Ruled out  {}", short(&line, 132))?;
        }
        writeln!(self.out, "{} calls · {} tokens · {} ms", self.calls, self.tokens, self.spent.as_millis())?;
        Ok(())
    }
}

/// How the trace ends, and whether anything in it says error.
fn trace_lines(trace: &Value) -> Vec<String> {
    let last = rows(trace).last().map(|row| {
        let mut line = format!("ends at {} in {}: {}", clock(&told(row, "time")), told(row, "service"), told(row, "message"));
        let _ = write!(line, "; level {}", told(row, "level"));
        line
    });
    [Some(summary(trace)), last].into_iter().flatten().collect()
}

fn overview_lines(overview: &Value) -> Vec<String> {
    let healthy: Vec<String> = rows(overview).filter(|&row| told(row, "finding") == "ok").map(|row| told(row, "path")).collect();
    let mut lines = vec![summary(overview)];
    if !healthy.is_empty() {
        lines.push(format!("healthy: {}", healthy.join(" ")));
    }
    lines
}

fn change_lines(changes: &Value, service: &str) -> Vec<String> {
    let own = deployments(changes).into_iter().filter(|&row| told(row, "value").contains(service));
    let pushes = pushes(changes).into_iter().filter(|&row| told(row, "evidence").contains(service));
    let line =
        |row: Row<'_>| format!("{}  {} {}: {}", clock(&told(row, "time")), told(row, "kind"), told(row, "value"), told(row, "evidence"));
    own.chain(pushes).map(line).collect()
}

fn deployments(changes: &Value) -> Vec<Row<'_>> {
    rows(changes).filter(|&row| told(row, "kind") == "deployment").collect()
}

fn pushes(changes: &Value) -> Vec<Row<'_>> {
    rows(changes).filter(|&row| told(row, "value") == "PutImage").collect()
}

/// What also stands out, and why it is not the cause.
fn ruled_out(service: &str, overview: &Value, changes: &Value, errors: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    for row in deployments(changes).into_iter().filter(|&row| !told(row, "value").contains(service)) {
        lines.push(format!(
            "the deployment of {} at {}: another service, before the first failure",
            told(row, "value"),
            clock(&told(row, "time"))
        ));
    }
    for row in rows(overview).filter(|&row| told(row, "finding") == "failing as before") {
        lines.push(format!("{}: fails as it did in the hour before ({})", told(row, "path"), told(row, "status")));
    }
    let most = rows(errors).find(|&row| told(row, "is_new") == "false");
    if let Some(row) = most {
        let rates = format!("{:.1} a minute now, {:.1} before", rate(row, "rate_per_min"), rate(row, "baseline_rate_per_min"));
        lines.push(format!("{} of {}: {rates}", told(row, "pattern"), told(row, "service")));
    }
    lines
}

/// The one-line finding of an answer.
fn summary(answer: &Value) -> String {
    text_at(answer, &["summary"]).unwrap_or_default().to_owned()
}

/// A cell as text; nothing where there is none.
fn told(row: Row<'_>, column: &str) -> String {
    row.text(column).unwrap_or_default()
}

/// A cell as a rate; 0 where there is none.
fn rate(row: Row<'_>, column: &str) -> f64 {
    row.number(column).unwrap_or_default()
}

/// The time of day of a moment, to the second.
fn clock(time: &str) -> String {
    let of_day = time.split('T').nth(1).unwrap_or(time);
    format!("{}Z", of_day.get(..8).unwrap_or(of_day.trim_end_matches('Z')))
}

/// At most so many characters, with a mark where some are left out.
fn short(text: &str, characters: usize) -> String {
    if text.chars().count() <= characters {
        return text.to_owned();
    }
    text.chars().take(characters.saturating_sub(1)).chain(['…']).collect()
}
