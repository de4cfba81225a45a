//! The one line in the log that a call leaves: who, which tool, how long, how much, and how it ended. Knows no argument, no
//! transport and no form of a log.
//!
//! The names are ECS's, and `elk_mcp.*` for what ECS has no name for.

use std::{future::Future, net::IpAddr, time::Duration};

use elk_mcp_tools::{
    answer::Rendered,
    error::{Code, ToolError},
};
use tokio::time::Instant;

use crate::{
    call_id::{CallId, ClusterTime},
    trace_context::TraceContext,
};

/// Where a call comes from.
#[derive(Debug, Clone, Copy, Default)]
pub struct Origin<'a> {
    /// The caller's name.
    pub caller: &'a str,
    /// The client's address, where there is a network between.
    pub client: Option<IpAddr>,
    /// The trace that the client says the call is part of: 32 hexadecimal digits.
    pub trace_id: Option<&'a str>,
}

/// A call under way. Its line is written by [`Self::end`], or when it is dropped: then the call was cancelled.
#[derive(Debug)]
pub struct CallRecord<'a> {
    id: CallId,
    tool: &'a str,
    origin: Origin<'a>,
    began: Instant,
    cluster: ClusterTime,
    is_written: bool,
}

/// How a call ended.
#[derive(Clone, Copy)]
enum Outcome<'a> {
    Answered(&'a Rendered),
    Refused(&'a ToolError),
    Cancelled,
}

impl<'a> CallRecord<'a> {
    /// Starts the clock.
    pub fn begin(tool: &'a str, origin: Origin<'a>) -> Self {
        Self { id: CallId::random(), tool, origin, began: Instant::now(), cluster: ClusterTime::default(), is_written: false }
    }

    /// The call's id, which its requests to the cluster carry.
    pub fn id(&self) -> CallId {
        self.id
    }

    /// Runs the call's work: what it awaits carries the id and the trace, and the time it spends in the cluster is counted.
    pub async fn scope<F: Future>(&self, trace: TraceContext, work: F) -> F::Output {
        self.id.scope_counting(trace, &self.cluster, work).await
    }

    /// Writes the line of a call that ended by itself.
    pub fn end(mut self, result: &Result<Rendered, ToolError>) {
        self.write(match result {
            Ok(rendered) => Outcome::Answered(rendered),
            Err(error) => Outcome::Refused(error),
        });
    }

    /// `event.duration` is in nanoseconds, as ECS has it.
    fn write(&mut self, outcome: Outcome<'_>) {
        self.is_written = true;
        let (call, tool) = (tracing::field::display(self.id), self.tool);
        let Origin { caller, client, trace_id } = self.origin;
        let client = client.map(tracing::field::display);
        let duration = nanoseconds(self.began.elapsed());
        let cluster_ms = milliseconds(self.cluster.total());
        let (is_good, bytes, tokens, code, detail) = match outcome {
            Outcome::Answered(rendered) => ("success", Some(rendered.text.len()), Some(rendered.tokens()), None, None),
            Outcome::Refused(error) => ("failure", None, None, Some(error.code.as_str()), telling(error)),
            Outcome::Cancelled => ("unknown", None, None, Some(Code::Cancelled.as_str()), None),
        };
        tracing::info!(
            user.name = caller,
            elk_mcp.tool = tool,
            event.action = "tools/call",
            event.outcome = is_good,
            event.duration = duration,
            elk_mcp.cluster_ms = cluster_ms,
            elk_mcp.bytes = bytes,
            elk_mcp.tokens = tokens,
            elk_mcp.code = code,
            client.address = client,
            trace.id = trace_id,
            elk_mcp.call = call,
            error.message = detail,
            "call"
        );
        if let Outcome::Refused(error) = outcome
            && detail.is_none()
            && !error.detail.is_empty()
        {
            tracing::debug!(elk_mcp.call = call, error.message = error.detail, "call refused");
        }
    }
}

impl Drop for CallRecord<'_> {
    fn drop(&mut self) {
        if !self.is_written {
            self.write(Outcome::Cancelled);
        }
    }
}

/// What the engine said, where its words are about itself. About a request's content they may repeat arguments, which are
/// for the debug log.
fn telling(error: &ToolError) -> Option<&str> {
    let is_about_the_cluster = matches!(
        error.code,
        Code::ClusterUnreachable
            | Code::ClusterBusy
            | Code::ClusterUnavailable
            | Code::QueryTimeout
            | Code::UpstreamInterrupted
            | Code::UpstreamTlsError
            | Code::UpstreamUnauthorized
            | Code::UpstreamForbidden
            | Code::Internal
    );
    (is_about_the_cluster && !error.detail.is_empty()).then_some(error.detail.as_str())
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Tenths are enough, and short.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10_000.0).round() / 10.0
}
