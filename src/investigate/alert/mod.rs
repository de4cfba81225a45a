//! Alerts as monitoring systems post them, read as clues. Knows no server and no tool.

mod scan;
mod shapes;
#[cfg(test)]
mod tests;

use std::fmt;

use serde_json::Value;

use super::clue::Clue;

/// An alert that calls for an investigation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// What is known from it.
    pub clue: Clue,
    /// Equal for the same alert posted again: its system, its id there, and when it was raised.
    pub key: String,
}

/// Why a payload cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It is no JSON object.
    NoJson,
    /// It tells neither when nor where nor of what.
    NoClue,
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self {
            Self::NoJson => "is no JSON object",
            Self::NoClue => "names no time, no service and no id",
        };
        write!(
            out,
            "{what}; send a payload of Alertmanager (version 4), PagerDuty (v3), Datadog or AWS DevOps Agent \
             ({{\"eventType\": \"incident\", \"incidentId\": …}}), or any JSON object with at least one of timestamp, service, message_id, \
             trace_id"
        )
    }
}

impl std::error::Error for Refusal {}

/// Reads a payload. None of its alerts is told where all are over.
///
/// # Errors
/// When it is no JSON object, or names nothing that could be looked for.
pub fn parse(body: &[u8]) -> Result<Vec<Alert>, Refusal> {
    let payload: Value = serde_json::from_slice(body).map_err(|_| Refusal::NoJson)?;
    if !payload.is_object() {
        return Err(Refusal::NoJson);
    }
    let known = [shapes::alertmanager, shapes::pager_duty, shapes::incident].iter().find_map(|shape| shape(&payload));
    match known {
        Some(alerts) => Ok(alerts),
        None => scan::unknown(&payload).map(|alert| vec![alert]).ok_or(Refusal::NoClue),
    }
}
