//! The lists that clients ask for, built once. Knows the protocol's types; knows no call.

use std::sync::Arc;

use elk_mcp_tools::catalogue;
use rmcp::model::{CacheScope, ListToolsResult, Tool, ToolAnnotations};

use crate::config::ToolSelection;

/// How long a client may keep a list, in milliseconds: they change only with a restart.
pub(super) const TTL_MS: u64 = 300_000;
/// Lists may depend on who asks, so no shared cache may hold them.
pub(super) const SCOPE: CacheScope = CacheScope::Private;

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

/// The answer to `tools/list`.
pub(super) fn tool_list(selection: &ToolSelection) -> ListToolsResult {
    let mut tools = ListToolsResult::with_all_items(tools(selection));
    (tools.ttl_ms, tools.cache_scope) = (Some(TTL_MS), Some(SCOPE));
    tools
}
