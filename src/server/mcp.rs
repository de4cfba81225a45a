//! The tools as MCP: the catalogue, built once, and calls. Knows the protocol's types; knows no transport and no tool.

use std::{sync::Arc, time::Duration};

use elk_mcp_tools::{Toolbox, catalogue, engine::Engine, error::ToolError};
use jiff::Timestamp;
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, DiscoverResult, Implementation, ListToolsResult,
        PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool, ToolAnnotations,
    },
    service::RequestContext,
};
use tokio::time::Instant;

use crate::{call_id::CallId, config::ToolSelection};

/// How long a client may keep the catalogue, in milliseconds: it changes only with a restart.
const CATALOGUE_TTL_MS: u64 = 300_000;

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
        let mut tools = ListToolsResult::with_all_items(tools(selection));
        (tools.ttl_ms, tools.cache_scope) = (Some(CATALOGUE_TTL_MS), Some(CacheScope::Private));
        Self(Arc::new(Shared { toolbox, tools, call_timeout }))
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

/// The selected tools, as `tools/list` gives them.
pub fn tools(selection: &ToolSelection) -> Vec<Tool> {
    catalogue()
        .iter()
        .filter(|entry| selection.has(entry.name))
        .map(|entry| {
            Tool::new(entry.name, entry.description.as_str(), Arc::new(entry.input_schema.clone()))
                .with_title(entry.title)
                .with_raw_output_schema(Arc::new(entry.output_schema.clone()))
                .with_annotations(ToolAnnotations::new().read_only(true))
        })
        .collect()
}

impl ServerHandler for Mcp {
    fn get_info(&self) -> ServerConfig {
        Self::config()
    }

    async fn discover(&self, _: RequestContext<RoleServer>) -> Result<DiscoverResult, ErrorData> {
        let mut discovered = DiscoverResult::from_server_info(self.supported_protocol_versions().into_owned(), Self::config());
        (discovered.ttl_ms, discovered.cache_scope) = (CATALOGUE_TTL_MS, CacheScope::Private);
        Ok(discovered)
    }

    async fn list_tools(&self, _: Option<PaginatedRequestParams>, _: RequestContext<RoleServer>) -> Result<ListToolsResult, ErrorData> {
        Ok(self.0.tools.clone())
    }

    async fn call_tool(&self, request: CallToolRequestParams, context: RequestContext<RoleServer>) -> Result<CallToolResponse, ErrorData> {
        let shared = &*self.0;
        if !shared.tools.tools.iter().any(|tool| tool.name == request.name) {
            let names: Vec<&str> = shared.tools.tools.iter().map(|tool| tool.name.as_ref()).collect();
            return Err(ErrorData::invalid_params(format!("unknown tool; the tools are {}", names.join(", ")), None));
        }
        let id = CallId::random();
        let began = Instant::now();
        let arguments = request.arguments.unwrap_or_default();
        let call = id.scope(shared.toolbox.call(&request.name, &arguments, Timestamp::now(), shared.call_timeout));
        // Whoever is not there any more gets no answer: the searches end with the call.
        let result = tokio::select! {
            biased;
            () = context.ct.cancelled() => {
                tracing::info!(call = %id, tool = %request.name, "call cancelled");
                return Err(ErrorData::internal_error("cancelled", None));
            }
            result = call => result,
        };
        let elapsed_ms = began.elapsed().as_millis();
        match result {
            Ok(rendered) => {
                tracing::info!(call = %id, tool = %request.name, elapsed_ms, bytes = rendered.text.len(), "call answered");
                let mut result = CallToolResult::success(vec![ContentBlock::text(rendered.text)]);
                let structured = serde_json::from_str(rendered.structured.get()).map_err(|error| fault(id, &error))?;
                result.structured_content = Some(structured);
                Ok(result.into())
            }
            Err(error) => {
                tracing::info!(call = %id, tool = %request.name, elapsed_ms, code = error.code.as_str(), detail = %error.detail, "call refused");
                Ok(refusal(&error).into())
            }
        }
    }
}

/// What the model can mend is text, not structure: older clients check the structure of errors against the answer's
/// schema.
fn refusal(error: &ToolError) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(error.text())])
}

fn fault(id: CallId, error: &serde_json::Error) -> ErrorData {
    tracing::error!(call = %id, %error, "an answer's structure could not be read");
    ErrorData::internal_error(format!("a fault of the server; its log has the cause under call {id}"), None)
}
