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
mod reading;
pub mod render;
mod signs;
mod spans;
mod statistics;
#[cfg(test)]
mod tests;
mod timeline;

use std::time::Duration;

use elk_mcp_tools::{Toolbox, error::ToolError};

pub(crate) use clue::tidy;
pub use clue::{Clue, DEFAULT_WINDOW, WINDOWS};
pub use findings::{
    Call, ClueTold, Confidence, Cost, Event, EventKind, Evidence, Findings, Link, LinkRole, NextStep, Onset, RuledOut, Sure, Suspect,
    Verdict, Window,
};

/// Asks the tools, at most for `time_limit` each, and tells what their answers amount to.
///
/// # Errors
/// What the first call was refused with, when every call was refused.
pub async fn run(toolbox: &Toolbox, clue: &Clue, time_limit: Duration) -> Result<Findings, ToolError> {
    let answers = asking::ask(toolbox, clue, time_limit).await?;
    Ok(conclude::conclude(clue, &answers))
}

/// The published schema of [`Findings`].
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Findings).to_value()
}
