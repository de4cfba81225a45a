//! `Retry-After` on the reply to a call that was not made. Knows HTTP's header; knows no limit.
//!
//! Such a reply has status 200 and an error that the model reads, as all errors of tools: clients of MCP do not read a 429 but
//! give up (TypeScript) or wait for an answer until their own time limit (the Python client, all of 1.x). The header is for
//! what reads headers: gateways, scripts, load generators.

use std::sync::{Arc, OnceLock};

use axum::{extract::Request, http::header, middleware::Next, response::Response};

/// Where a call under way leaves the seconds after which it may be made again. An extension of a request.
#[derive(Debug, Clone, Default)]
pub struct RetryAfter(Arc<OnceLock<u64>>);

impl RetryAfter {
    /// Leaves the seconds; the first that are left count.
    pub fn set(&self, seconds: u64) {
        let _ = self.0.set(seconds);
    }
}

/// The layer that writes the header, unless the reply's head was sent before the call's end.
pub(in crate::server) async fn tell(mut request: Request, next: Next) -> Response {
    let retry_after = RetryAfter::default();
    request.extensions_mut().insert(retry_after.clone());
    let mut response = next.run(request).await;
    if let Some(seconds) = retry_after.0.get() {
        response.headers_mut().insert(header::RETRY_AFTER, (*seconds).into());
    }
    response
}
