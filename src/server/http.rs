//! The routes: `/mcp` behind sign-in, and two probes that need none and tell nothing. Knows HTTP; knows no tool.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    middleware,
    routing::{any_service, get},
};
use elk_mcp_tools::engine::Engine;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService, session::never::NeverSessionManager};
use tokio_util::sync::CancellationToken;

use super::{
    mcp::Mcp,
    sign_in::{self, Gate},
};
use crate::readiness;

/// The largest request, in bytes.
const BODY_CAP: usize = 256 << 10;
/// How long the cluster may take to show that it is there.
const READINESS_LIMIT: Duration = Duration::from_secs(2);

/// The routes over one server of tools. `ending` ends the streams that would otherwise stay open.
pub(super) fn router(mcp: Mcp, gate: Gate, hosts: &[String], ending: CancellationToken) -> Router {
    let engine = Arc::clone(mcp.engine());
    let origins = hosts.iter().map(|host| if host.contains(':') { format!("https://[{host}]:*") } else { format!("https://{host}:*") });
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_max_request_body_bytes(BODY_CAP)
        .with_allowed_hosts(hosts)
        .with_allowed_origins(origins)
        .enforce_origin_validation()
        .with_cancellation_token(ending);
    let service = StreamableHttpService::new(move || Ok(mcp.clone()), Arc::new(NeverSessionManager::default()), config);
    Router::new()
        .route("/mcp", any_service(service))
        .route_layer(middleware::from_fn_with_state(gate, sign_in::require))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready).with_state(engine))
}

/// The names that a client may call the server by, without ports.
pub(super) fn hosts(address: SocketAddr, configured: &[String]) -> Vec<String> {
    let mut hosts: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
    if !address.ip().is_unspecified() {
        hosts.push(address.ip().to_string());
    } else if configured.is_empty() {
        tracing::warn!("clients on other machines are refused until --allowed-hosts names the host they call");
    }
    hosts.extend(configured.iter().filter(|host| !host.is_empty()).cloned());
    hosts.dedup();
    hosts
}

async fn ready(State(engine): State<Arc<dyn Engine>>) -> (StatusCode, &'static str) {
    match readiness::check(&*engine, READINESS_LIMIT).await {
        Ok(()) => (StatusCode::OK, "ready\n"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
    }
}
