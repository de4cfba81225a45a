//! The routes and the layers in front of them. Knows HTTP; knows no tool.

pub(super) mod names;
mod probes;

use std::sync::Arc;

use axum::{Router, middleware, routing::any};
use elk_mcp_tools::engine::Engine;
use rmcp::{ServerHandler, transport::streamable_http_server::StreamableHttpServerConfig};
use tokio_util::sync::CancellationToken;

use super::{
    mcp::{Mcp, direct, streamable::Streamable},
    sign_in::{self, Gate},
    sse,
};

/// The largest request, in bytes.
const BODY_CAP: usize = 256 << 10;

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

/// The routes over one MCP handler; plain calls of tools go straight to `shortcut`, where there is one. `ending` ends the streams that would otherwise stay open.
pub(super) fn router<H>(
    handler: H,
    shortcut: Option<Mcp>,
    engine: Arc<dyn Engine>,
    gate: Gate,
    hosts: &[String],
    offer: Offer,
    ending: CancellationToken,
) -> Router
where
    H: ServerHandler + Clone,
{
    let streamable = Streamable::new(&handler, settings(hosts, offer.sessions, ending.clone()));
    let mut endpoint = any(move |request| streamable.clone().answer(request));
    if let Some(mcp) = shortcut {
        endpoint = endpoint.layer(middleware::from_fn_with_state((mcp, BODY_CAP), direct::shorten));
    }
    // Each layer surrounds the routes and layers above it: the last is the outermost.
    Router::new()
        .route("/mcp", endpoint)
        .merge(if offer.legacy_sse { sse::routes(handler, ending) } else { Router::new() })
        .route_layer(middleware::from_fn_with_state(gate, sign_in::require))
        .merge(offer.reports)
        .merge(probes::routes(engine))
}

fn settings(hosts: &[String], sessions: bool, ending: CancellationToken) -> StreamableHttpServerConfig {
    StreamableHttpServerConfig::default()
        .with_legacy_session_mode(sessions)
        .with_max_request_body_bytes(BODY_CAP)
        .with_allowed_hosts(hosts)
        .with_allowed_origins(names::origins(hosts))
        .enforce_origin_validation()
        .with_cancellation_token(ending)
}
