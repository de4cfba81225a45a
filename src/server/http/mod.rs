//! The routes and the layers in front of them. Knows HTTP; knows no tool.

pub(super) mod names;
mod probes;

use std::sync::Arc;

use axum::{Router, middleware, routing::any_service};
use elk_mcp_tools::engine::Engine;
use rmcp::{
    ServerHandler,
    transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager},
};
use tokio_util::sync::CancellationToken;

use super::sign_in::{self, Gate};

/// The largest request, in bytes.
const BODY_CAP: usize = 256 << 10;

/// The routes over one MCP handler. `ending` ends the streams that would otherwise stay open.
pub(super) fn router<H>(
    handler: H,
    engine: Arc<dyn Engine>,
    gate: Gate,
    hosts: &[String],
    keeps_sessions: bool,
    ending: CancellationToken,
) -> Router
where
    H: ServerHandler + Clone,
{
    // Each layer surrounds the routes and layers above it: the last is the outermost.
    Router::new()
        .route("/mcp", any_service(streamable(handler, hosts, keeps_sessions, ending)))
        .route_layer(middleware::from_fn_with_state(gate, sign_in::require))
        .merge(probes::routes(engine))
}

fn streamable<H>(
    handler: H,
    hosts: &[String],
    keeps_sessions: bool,
    ending: CancellationToken,
) -> StreamableHttpService<H, LocalSessionManager>
where
    H: ServerHandler + Clone,
{
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(keeps_sessions)
        .with_json_response(true)
        .with_max_request_body_bytes(BODY_CAP)
        .with_allowed_hosts(hosts)
        .with_allowed_origins(names::origins(hosts))
        .enforce_origin_validation()
        .with_cancellation_token(ending);
    StreamableHttpService::new(move || Ok(handler.clone()), Arc::new(LocalSessionManager::default()), config)
}
