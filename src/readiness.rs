//! Whether an engine answers at all. Knows which refusals are answers too.

use std::time::Duration;

use elk_mcp_tools::{
    dsl::Request,
    engine::{Engine, EngineError, EngineErrorKind},
};

/// Asks for the engine's name. Least privilege forbids that (403), and some distributions leave it out (405): both show
/// that the cluster is there and takes the credential.
///
/// # Errors
/// When it does not answer, or does not accept the credential.
pub async fn check(engine: &dyn Engine, time_limit: Duration) -> Result<(), EngineError> {
    match engine.send(&Request::Ping, time_limit).await {
        Ok(_) => Ok(()),
        Err(error) if matches!(error.kind, EngineErrorKind::Forbidden | EngineErrorKind::Rejected) => Ok(()),
        Err(error) => Err(error),
    }
}
