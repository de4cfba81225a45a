//! The routes and the layers in front of them. Knows HTTP; knows no tool.

mod access;
mod body;
mod client_address;
mod probes;

use std::sync::Arc;

use axum::{
    Router,
    http::StatusCode,
    middleware,
    routing::{any, post},
};
use elk_mcp_tools::engine::Engine;
use rmcp::{ServerHandler, transport::streamable_http_server::StreamableHttpServerConfig};

pub(super) use access::Access;
pub(super) use body::BODY_LIMIT;
pub(super) use client_address::{ClientAddress, is_proxy, note as note_client};

use super::{
    Ending,
    mcp::{Mcp, direct, streamable::Streamable},
    sign_in::{self, Gate},
    sse,
};

/// What is served beside requests that stand alone.
#[derive(Debug)]
pub(super) struct Offer {
    /// Sessions of Streamable HTTP.
    pub(super) sessions: bool,
    /// HTTP with server-sent events.
    pub(super) legacy_sse: bool,
    /// Alerts and reports, with their own sign-in.
    pub(super) reports: Router,
}

/// The routes over one MCP handler; plain calls of tools go straight to `shortcut`, where there is one. `engine` is what the
/// probe of readiness asks.
pub(super) fn router<H>(
    handler: H,
    shortcut: Option<Mcp>,
    engine: Arc<dyn Engine>,
    gate: Gate,
    access: Access,
    offer: Offer,
    ending: &Ending,
) -> Router
where
    H: ServerHandler + Clone,
{
    // The routes are cloned for each request, and with them whatever they hold.
    let streamable = Arc::new(Streamable::new(&handler, settings(offer.sessions, ending)));
    let answer = move |request| Arc::clone(&streamable).answer(request);
    // Without sessions there is nothing to get and nothing to delete.
    let mut endpoint = if offer.sessions { any(answer) } else { post(answer) };
    if let Some(mcp) = shortcut {
        endpoint = endpoint.layer(middleware::from_fn_with_state((mcp, body::BODY_CAP), direct::shorten));
    }
    // Each layer surrounds the routes and layers above it: the last is the outermost.
    Router::new()
        .route("/mcp", endpoint.clone())
        .route("/mcp/", endpoint)
        .merge(if offer.legacy_sse { sse::routes(handler, ending.closing.clone()) } else { Router::new() })
        .route_layer(middleware::from_fn(body::json_rpc))
        .route_layer(middleware::from_fn_with_state(gate, sign_in::require))
        .merge(offer.reports)
        .fallback(|| async { (StatusCode::NOT_FOUND, "nothing is here; MCP is at /mcp\n") })
        .layer(middleware::from_fn_with_state(Arc::new(access), access::check))
        .merge(probes::routes(engine))
        // Otherwise handlers and layers are put together again for each request.
        .with_state(())
}

/// rmcp's settings. What could be wrong with a host, an origin or a body was checked before.
fn settings(sessions: bool, ending: &Ending) -> StreamableHttpServerConfig {
    StreamableHttpServerConfig::default()
        .with_legacy_session_mode(sessions)
        .with_max_request_body_bytes(body::BODY_CAP)
        .disable_allowed_hosts()
        .disable_allowed_origins()
        .with_cancellation_token(ending.cut.child_token())
}
