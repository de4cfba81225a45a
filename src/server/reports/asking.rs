//! The tools as the sender of an alert may use them: those that it has, at its own pace. Knows no alert and no HTTP.

use std::{net::IpAddr, time::Duration};

use elk_mcp_tools::{
    answer::Rendered,
    error::{Code, ToolError},
};
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::{
    investigate::Tools,
    server::{
        mcp::{Call, Mcp, Narrowing, Refused},
        sign_in::Caller,
    },
};

/// How often a call waits that comes too fast: nobody waits for the report, and others may have taken the rate.
const WAITS: u32 = 8;
/// How long the first wait is; each is longer by as much.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// Who sent an alert, and what it may use.
pub(super) struct AsCaller {
    pub(super) mcp: Mcp,
    pub(super) caller: Caller,
    pub(super) client: Option<IpAddr>,
    pub(super) narrowing: Narrowing,
}

impl Tools for AsCaller {
    fn now(&self) -> Timestamp {
        self.mcp.toolbox().now(Timestamp::now())
    }

    fn has(&self, tool: &str) -> bool {
        self.mcp.shows(tool, &self.narrowing)
    }

    /// As a client's call: it stands in the log, and counts against the caller's limits. Its time limit is the server's.
    async fn call(&self, tool: &str, arguments: &Map<String, Value>, _: Duration) -> Result<Rendered, ToolError> {
        let mut waits: u32 = 0;
        loop {
            let call = Call {
                tool,
                arguments,
                caller: &self.caller.name,
                client: self.client,
                narrowing: &self.narrowing,
                trace: None,
                progress: None,
                retry_after: None,
            };
            match self.mcp.call(call).await {
                Ok(rendered) => return Ok(rendered),
                Err(Refused::Tool(error)) if error.code == Code::RateLimited && waits < WAITS => {
                    waits += 1;
                    tokio::time::sleep(FIRST_WAIT.saturating_mul(waits)).await;
                }
                Err(Refused::Tool(error)) => return Err(error),
                Err(Refused::UnknownTool(tools)) => {
                    return Err(ToolError::new(Code::BadArgument, "this tool is not offered here", format!("the tools are {tools}")));
                }
            }
        }
    }
}
