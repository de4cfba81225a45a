//! One call of a tool, whatever carried it here: from a name and arguments to an answer and one line in the log. Knows no
//! transport and no type of the protocol.

use elk_mcp_tools::{answer::Rendered, error::ToolError};
use jiff::Timestamp;
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::Mcp;
use crate::call_id::CallId;

/// A call as a transport hands it over.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The tool's name, as the client wrote it.
    pub tool: &'a str,
    /// Its arguments.
    pub arguments: &'a Map<String, Value>,
    /// Who calls, where someone signed in.
    pub caller: Option<&'a str>,
}

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// There is no such tool for this caller: the only refusal that is an error of the protocol.
    #[error("unknown tool; the tools are {0}")]
    UnknownTool(String),
    /// What a model reads.
    #[error(transparent)]
    Tool(#[from] ToolError),
}

impl Mcp {
    /// Calls a tool. Whoever drops the future has cancelled the call: its searches end, and the log says so.
    ///
    /// # Errors
    /// When there is no such tool, or what the tool answers instead.
    pub async fn call(&self, call: Call<'_>) -> Result<Rendered, Refused> {
        let shared = &*self.0;
        if !shared.tools.tools.iter().any(|tool| tool.name == call.tool) {
            let names: Vec<&str> = shared.tools.tools.iter().map(|tool| tool.name.as_ref()).collect();
            return Err(Refused::UnknownTool(names.join(", ")));
        }
        let mut record = Record::begin(call);
        let work = shared.toolbox.call(call.tool, call.arguments, Timestamp::now(), shared.call_timeout);
        let result = record.id.scope(work).await;
        record.end(&result);
        Ok(result?)
    }
}

/// The one line in the log about a call, written when the call ends in whichever way.
struct Record<'a> {
    id: CallId,
    call: Call<'a>,
    began: Instant,
    is_written: bool,
}

impl<'a> Record<'a> {
    fn begin(call: Call<'a>) -> Self {
        Self { id: CallId::random(), call, began: Instant::now(), is_written: false }
    }

    fn end(&mut self, result: &Result<Rendered, ToolError>) {
        let (call, tool, caller, elapsed_ms) = (self.id, self.call.tool, self.call.caller, self.elapsed_ms());
        match result {
            Ok(rendered) => {
                let (bytes, tokens) = (rendered.text.len(), rendered.tokens());
                tracing::info!(%call, tool, caller, elapsed_ms, bytes, tokens, outcome = "answered", "call");
            }
            Err(error) => {
                let (code, detail) = (error.code.as_str(), &error.detail);
                tracing::info!(%call, tool, caller, elapsed_ms, outcome = "refused", code, %detail, "call");
            }
        }
        self.is_written = true;
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Drop for Record<'_> {
    fn drop(&mut self) {
        if !self.is_written {
            let (call, tool, caller, elapsed_ms) = (self.id, self.call.tool, self.call.caller, self.elapsed_ms());
            tracing::info!(%call, tool, caller, elapsed_ms, outcome = "cancelled", "call");
        }
    }
}
