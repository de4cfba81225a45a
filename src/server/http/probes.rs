//! The probes: whether the process is alive and whether the cluster answers, under the names that orchestrators use. Need no
//! sign-in and tell nothing else.

use std::sync::Arc;

use axum::{Router, extract::State, http::StatusCode, routing::get};
use elk_mcp_tools::engine::Engine;

use crate::readiness::Readiness;

/// Names of the probe of life.
const ALIVE: [&str; 4] = ["/healthz", "/health", "/ping", "/_health/live"];
/// Names of the probe of readiness.
const READY: [&str; 2] = ["/readyz", "/_health/ready"];

/// The routes of the probes.
pub(super) fn routes(engine: Arc<dyn Engine>) -> Router {
    let readiness = Arc::new(Readiness::new(engine));
    let routes = ALIVE.into_iter().fold(Router::new(), |routes, path| routes.route(path, get(|| async { "ok\n" })));
    READY.into_iter().fold(routes, |routes, path| routes.route(path, get(ready).with_state(Arc::clone(&readiness))))
}

async fn ready(State(readiness): State<Arc<Readiness>>) -> (StatusCode, &'static str) {
    match readiness.is_ready().await {
        true => (StatusCode::OK, "ready\n"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
    }
}
