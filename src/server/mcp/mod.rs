//! The tools as MCP: what a client of the protocol sees of them. Knows the protocol's types; knows no transport and no tool.

mod call;
mod catalogue;

use std::{sync::Arc, time::Duration};

use elk_mcp_tools::{Toolbox, answer::Rendered, engine::Engine, error::ToolError};
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, DiscoverResult, Implementation, ListToolsResult,
        PaginatedRequestParams, ServerCapabilities, ServerConfig,
    },
    service::RequestContext,
};

use crate::config::ToolSelection;

pub use call::{Call, Refused};
pub use catalogue::tools;

const INSTRUCTIONS: &str = "Reads logs and traces; changes nothing. Start with list_indices to see what can be searched, or \
    get_service_overview to see what fails. With an id from an alert, start with correlate_id and follow the trace ids it finds with \
    search_by_trace_id. find_changes and compare_windows tell what changed. Times without a zone are UTC; answers end with the next call to make.";

/// The tools for MCP clients. Cheap to clone; holds nothing of a client.
#[derive(Clone)]
pub struct Mcp(Arc<Shared>);

struct Shared {
    toolbox: Toolbox,
    tools: ListToolsResult,
    call_timeout: Duration,
}

impl Mcp {
    /// The selected tools of a box.
    pub fn new(toolbox: Toolbox, selection: &ToolSelection, call_timeout: Duration) -> Self {
        Self(Arc::new(Shared { toolbox, tools: catalogue::tool_list(selection), call_timeout }))
    }

    /// What answers the tools.
    pub(super) fn engine(&self) -> &Arc<dyn Engine> {
        self.0.toolbox.engine()
    }

    fn config() -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("elk-mcp", env!("CARGO_PKG_VERSION")))
            .with_instructions(INSTRUCTIONS)
    }
}

impl ServerHandler for Mcp {
    fn get_info(&self) -> ServerConfig {
        Self::config()
    }

    async fn discover(&self, _: RequestContext<RoleServer>) -> Result<DiscoverResult, ErrorData> {
        let mut discovered = DiscoverResult::from_server_info(self.supported_protocol_versions().into_owned(), Self::config());
        (discovered.ttl_ms, discovered.cache_scope) = (catalogue::TTL_MS, catalogue::SCOPE);
        Ok(discovered)
    }

    async fn list_tools(&self, _: Option<PaginatedRequestParams>, _: RequestContext<RoleServer>) -> Result<ListToolsResult, ErrorData> {
        Ok(self.0.tools.clone())
    }

    async fn call_tool(&self, request: CallToolRequestParams, context: RequestContext<RoleServer>) -> Result<CallToolResponse, ErrorData> {
        let arguments = request.arguments.unwrap_or_default();
        let call = self.call(Call { tool: &request.name, arguments: &arguments, caller: None });
        // Whoever is not there any more gets no answer: the searches end with the call.
        let result = tokio::select! {
            biased;
            () = context.ct.cancelled() => return Err(ErrorData::internal_error("cancelled", None)),
            result = call => result,
        };
        match result {
            Ok(rendered) => answer(rendered).map(Into::into),
            Err(Refused::Tool(error)) => Ok(refusal(&error).into()),
            Err(unknown @ Refused::UnknownTool(_)) => Err(ErrorData::invalid_params(unknown.to_string(), None)),
        }
    }
}

/// An answer as the protocol has it.
fn answer(rendered: Rendered) -> Result<CallToolResult, ErrorData> {
    let structured = serde_json::from_str(rendered.structured.get()).map_err(|error| {
        tracing::error!(%error, "an answer's structure could not be read");
        ErrorData::internal_error("a fault of the server; its log has the cause", None)
    })?;
    let mut result = CallToolResult::success(vec![ContentBlock::text(rendered.text)]);
    result.structured_content = Some(structured);
    Ok(result)
}

/// What the model can mend is text, not structure: older clients check the structure of errors against the answer's
/// schema.
fn refusal(error: &ToolError) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(error.text())])
}
