//! The probes: whether the process is alive and whether the cluster answers. Needs no sign-in and tells nothing else.

use std::{sync::Arc, time::Duration};

use axum::{Router, extract::State, http::StatusCode, routing::get};
use elk_mcp_tools::engine::Engine;

use crate::readiness;

/// How long the cluster may take to show that it is there.
const READINESS_LIMIT: Duration = Duration::from_secs(2);

/// The routes of the probes.
pub(super) fn routes(engine: Arc<dyn Engine>) -> Router {
    Router::new().route("/healthz", get(|| async { "ok\n" })).route("/readyz", get(ready).with_state(engine))
}

async fn ready(State(engine): State<Arc<dyn Engine>>) -> (StatusCode, &'static str) {
    match readiness::check(&*engine, READINESS_LIMIT).await {
        Ok(()) => (StatusCode::OK, "ready\n"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
    }
}
