//! One call of a tool, whatever carried it here: from a name and arguments to an answer and one line in the log. Knows no
//! transport and no type of the protocol.

use std::net::IpAddr;

use elk_mcp_tools::{Progress, answer::Rendered, error::ToolError};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Mcp, Narrowing};
use crate::{
    call_log::{self, CallRecord},
    server::limits::RetryAfter,
    trace_context::TraceContext,
};

/// A call as a transport hands it over.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// The tool's name, as the client wrote it.
    pub tool: &'a str,
    /// Its arguments.
    pub arguments: &'a Map<String, Value>,
    /// Who calls.
    pub caller: &'a str,
    /// From where, if over a network.
    pub client: Option<IpAddr>,
    /// The tools that the caller wants to see.
    pub narrowing: &'a Narrowing,
    /// The trace that the call is part of; one of its own where there is none.
    pub trace: Option<&'a TraceContext>,
    /// Who hears how far it has come.
    pub progress: Option<&'a dyn Progress>,
    /// Where the transport learns when a call that is not made may be made.
    pub retry_after: Option<&'a RetryAfter>,
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
        if !self.shows(call.tool, call.narrowing) {
            let tools = shared.tools.tools.iter().map(|tool| tool.name.as_ref());
            let names: Vec<&str> = tools.filter(|name| call.narrowing.has(name)).collect();
            return Err(Refused::UnknownTool(names.join(", ")));
        }
        let trace_id = call.trace.map(TraceContext::trace_id);
        let origin = call_log::Origin { caller: call.caller, client: call.client, trace_id: trace_id.as_deref() };
        let record = CallRecord::begin(call.tool, origin);
        // What a call holds while it waits is large: in a box, the futures around it need not move it and fit any stack.
        let work = Box::pin(shared.toolbox.call_telling(call.tool, call.arguments, Timestamp::now(), shared.call_timeout, call.progress));
        let work = shared.limits.around(call.caller, call.retry_after, work);
        let result = record.scope(call.trace.cloned().unwrap_or_else(TraceContext::random), work).await;
        record.end(&result);
        Ok(result?)
    }

    /// Whether a caller sees a tool.
    pub(in crate::server) fn shows(&self, tool: &str, narrowing: &Narrowing) -> bool {
        narrowing.has(tool) && self.0.tools.tools.iter().any(|known| known.name == tool)
    }
}
