//! An investigation without a model: asks the tools from a clue on, and concludes from their answers alone. Knows no engine, no
//! command line and no server.

pub mod alert;
mod answers;
mod asking;
mod chain;
mod changes;
mod clue;
mod compared;
mod conclude;
mod findings;
mod hosts;
mod onset;
mod open;
mod ranking;
pub(crate) mod reading;
pub mod render;
mod signs;
mod spans;
mod statistics;
#[cfg(test)]
mod tests;
mod timeline;

use std::{future::Future, time::Duration};

use elk_mcp_tools::{Toolbox, answer::Rendered, error::ToolError};
use jiff::Timestamp;
use serde_json::{Map, Value};

pub(crate) use clue::tidy;
pub use clue::{Clue, DEFAULT_WINDOW, WINDOWS};
pub use findings::{
    Call, ClueTold, Confidence, Cost, Event, EventKind, Evidence, Findings, Link, LinkRole, NextStep, Onset, RuledOut, Sure, Suspect,
    Verdict, Window,
};

/// The tools that an investigation is begun from and may leave out, but not all of them.
pub(crate) const ASKED: [&str; 7] =
    ["correlate_id", "search_by_trace_id", "get_service_overview", "find_changes", "get_error_summary", "compare_windows", "list_indices"];

/// The tools as whoever asks for an investigation may use them.
pub trait Tools: Sync {
    /// What counts as now.
    fn now(&self) -> Timestamp;

    /// Whether a tool may be called at all.
    fn has(&self, tool: &str) -> bool;

    /// Calls a tool; it may take `time_limit`, or less.
    fn call(
        &self,
        tool: &str,
        arguments: &Map<String, Value>,
        time_limit: Duration,
    ) -> impl Future<Output = Result<Rendered, ToolError>> + Send;
}

/// All tools, without limits: for whoever runs the program.
impl Tools for Toolbox {
    fn now(&self) -> Timestamp {
        Self::now(self, Timestamp::now())
    }

    fn has(&self, _: &str) -> bool {
        true
    }

    async fn call(&self, tool: &str, arguments: &Map<String, Value>, time_limit: Duration) -> Result<Rendered, ToolError> {
        Self::call(self, tool, arguments, Timestamp::now(), time_limit).await
    }
}

/// Asks the tools, at most for `time_limit` each, and tells what their answers amount to.
///
/// # Errors
/// What the first call was refused with, when every call was refused.
pub async fn run<T: Tools>(tools: &T, clue: &Clue, time_limit: Duration) -> Result<Findings, ToolError> {
    let answers = asking::ask(tools, clue, time_limit).await?;
    Ok(conclude::conclude(clue, &answers))
}

/// The published schema of [`Findings`].
pub fn schema() -> Value {
    schemars::schema_for!(Findings).to_value()
}
