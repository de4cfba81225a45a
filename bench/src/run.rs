//! One incident through the tools: `compare_windows`, then at most the one trace that it points to. Knows no file.

use std::{
    fmt,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow};
use elk_mcp_tools::Toolbox;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::corpus::Incident;

/// What a call may take: no figure, only an end for one that hangs.
const LIMIT: Duration = Duration::from_secs(600);

/// What it took to name the culprit.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcome {
    /// The culprit's place among the suspects; none where it is not among those shown.
    pub(crate) rank: Option<usize>,
    /// `significant`, `weak` or `none`.
    pub(crate) word: String,
    pub(crate) calls: u32,
    /// Bytes of arguments and of the text that a model reads, divided by three.
    pub(crate) tokens: usize,
    /// Time in the tools.
    pub(crate) seconds: f64,
    /// What the tools answered.
    pub(crate) text: String,
    /// The first suspect.
    pub(crate) first: String,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rank = self.rank.map_or_else(|| "-".to_owned(), |rank| rank.to_string());
        let Self { word, calls, tokens, seconds, first, .. } = self;
        write!(f, "rank {rank}, first {first}, {word}, {calls} calls, {tokens} tokens, {seconds:.2} s")
    }
}

/// Solves an incident as a client would: it asks what differs, and reads the request that the answer names.
pub(crate) async fn solve(toolbox: &Toolbox, incident: &Incident) -> Result<Outcome> {
    let [start, end] = &incident.incident;
    let mut outcome = Outcome::default();
    let compared = call(toolbox, "compare_windows", json!({"start": start, "end": end}), &mut outcome).await?;
    let suspects = services(compared.get("suspects").unwrap_or(&Value::Null));
    outcome.rank = suspects.iter().position(|service| *service == incident.root_cause_service).map(|at| at + 1);
    outcome.first = suspects.first().cloned().unwrap_or_default();
    outcome.word = compared.pointer("/strength/word").and_then(Value::as_str).unwrap_or("none").to_owned();
    let hint = compared.pointer("/hints/0").filter(|hint| hint.get("tool").and_then(Value::as_str) == Some("search_by_trace_id"));
    if let Some(arguments) = hint.and_then(|hint| hint.get("arguments")) {
        call(toolbox, "search_by_trace_id", arguments.clone(), &mut outcome).await?;
    }
    Ok(outcome)
}

/// Calls a tool and counts what that costs; returns its structured answer.
async fn call(toolbox: &Toolbox, tool: &str, arguments: Value, outcome: &mut Outcome) -> Result<Value> {
    let written = arguments.to_string();
    let arguments: Map<String, Value> = arguments.as_object().cloned().unwrap_or_default();
    let started = Instant::now();
    let answer = toolbox.call(tool, &arguments, Timestamp::now(), LIMIT).await;
    outcome.seconds += started.elapsed().as_secs_f64();
    let answer = answer.map_err(|error| anyhow!("{tool} {written}: {} [{}]", error.text(), error.detail))?;
    outcome.calls += 1;
    outcome.tokens += (written.len() + answer.text.len()).div_ceil(3);
    outcome.text.push_str(&format!("{tool} {written}\n{}\n", answer.text));
    Ok(serde_json::from_str(answer.structured.get())?)
}

/// The services of a list of suspects, in its order.
fn services(suspects: &Value) -> Vec<String> {
    let rows = suspects.get("rows").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let constant = suspects.pointer("/constants/service").and_then(Value::as_str);
    let columns = suspects.get("columns").and_then(Value::as_array);
    let at = columns.and_then(|columns| columns.iter().position(|column| column == "service"));
    let service = |row: &Value| at.and_then(|at| row.get(at)).and_then(Value::as_str).or(constant).unwrap_or_default().to_owned();
    rows.iter().map(service).collect()
}
