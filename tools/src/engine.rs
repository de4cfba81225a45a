//! What answers requests. Knows the requests and the reply's bytes; knows no transport.

use std::{future::Future, pin::Pin, time::Duration};

use crate::dsl::{Request, UpstreamError};

/// A future that can be sent between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Something that answers requests as Elasticsearch does: a cluster, the embedded engine, or a guard around either.
pub trait Engine: Send + Sync {
    /// Sends one request and returns the body of a 200 reply. Dropping the future cancels the request.
    ///
    /// `time_limit` is how long the caller will wait; an engine that cannot answer by then returns
    /// [`EngineErrorKind::Timeout`].
    fn send<'a>(&'a self, request: &'a Request, time_limit: Duration) -> BoxFuture<'a, Result<Reply, EngineError>>;
}

/// The body of a successful reply.
#[derive(Debug, Clone)]
pub struct Reply {
    /// JSON, as Elasticsearch writes it.
    pub body: Vec<u8>,
}

/// Why a request was not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind:?}: {detail}")]
pub struct EngineError {
    /// What went wrong, for the caller.
    pub kind: EngineErrorKind,
    /// Names of things the caller named himself (an index), safe to tell; otherwise empty.
    pub subject: String,
    /// What the caller may name instead; otherwise empty.
    pub allowed: String,
    /// For the log only: may hold hosts and the engine's own words.
    pub detail: String,
}

/// The kinds of failure that the tools tell apart. Each maps to one error code of the published list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineErrorKind {
    /// No connection.
    Unreachable,
    /// 429, or a circuit breaker of the cluster tripped.
    Busy,
    /// 502, 503, 504, or our own circuit breaker is open.
    Unavailable,
    /// No answer in time.
    Timeout,
    /// The connection ended in the middle of a reply.
    Interrupted,
    /// A reply that is not what Elasticsearch writes.
    BadReply,
    /// A reply above the size cap.
    TooLarge,
    /// TLS failed: expired, wrong name, unknown authority.
    Tls,
    /// 401.
    Unauthorized,
    /// 403.
    Forbidden,
    /// No such index.
    UnknownIndex,
    /// An index outside the allow-list; refused by the guard.
    NotAllowed,
    /// A closed index was named.
    ClosedIndex,
    /// The engine refused the request as malformed: a fault of ours, or a field used against its type.
    Rejected,
}

impl EngineError {
    /// An error whose detail goes to the log only.
    pub fn new(kind: EngineErrorKind, detail: impl Into<String>) -> Self {
        Self { kind, subject: String::new(), allowed: String::new(), detail: detail.into() }
    }

    /// Names what the error is about.
    #[must_use]
    pub fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = subject.into();
        self
    }

    /// Names what would be allowed.
    #[must_use]
    pub fn allowing(mut self, allowed: impl Into<String>) -> Self {
        self.allowed = allowed.into();
        self
    }
}

/// Tells the kind of a failure from the HTTP status and the engine's own account of it.
pub fn classify(status: u16, error: &UpstreamError<'_>) -> EngineError {
    let kinds = || {
        let own = error.kind.iter();
        let roots = error.root_cause.iter().filter_map(|cause| cause.kind.as_ref());
        let caused = error.caused_by.iter().filter_map(|cause| cause.kind.as_ref());
        own.chain(roots).chain(caused).map(|kind| &**kind)
    };
    let is = |name: &str| kinds().any(|kind| kind == name);
    let reason = error.reason.as_ref().map_or("", |reason| &**reason);
    let index = error.index.as_ref().or_else(|| error.root_cause.iter().find_map(|cause| cause.index.as_ref()));
    let kind = if is("index_not_found_exception") || is("aliases_not_found_exception") {
        EngineErrorKind::UnknownIndex
    } else if is("index_closed_exception") || (is("cluster_block_exception") && is_about_closing(reason)) {
        EngineErrorKind::ClosedIndex
    } else if is("circuit_breaking_exception") || is("es_rejected_execution_exception") || is("rejected_execution_exception") {
        EngineErrorKind::Busy
    } else if is("too_many_buckets_exception") {
        EngineErrorKind::TooLarge
    } else if is("task_cancelled_exception") || is("timeout_exception") {
        EngineErrorKind::Timeout
    } else {
        match status {
            401 => EngineErrorKind::Unauthorized,
            403 => EngineErrorKind::Forbidden,
            429 => EngineErrorKind::Busy,
            408 => EngineErrorKind::Timeout,
            500.. => EngineErrorKind::Unavailable,
            _ => EngineErrorKind::Rejected,
        }
    };
    let detail = format!("status {status}, {}: {reason}", kinds().collect::<Vec<_>>().join(" < "));
    EngineError::new(kind, detail).about(index.map_or("", |index| &**index))
}

/// Whether a `cluster_block_exception` is about a closed index: Elasticsearch 7 answers so to all but searches.
fn is_about_closing(reason: &str) -> bool {
    reason.contains("/index closed]")
}
