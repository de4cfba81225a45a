//! What a request says beside its arguments: who asks, for which tools, in which trace, and how it is told of progress.
//! Knows where each transport puts these; knows no tool.

use std::net::IpAddr;

use http::{Extensions, HeaderMap, request::Parts};
use rmcp::{ErrorData, RoleServer, model::ProgressToken, service::RequestContext};

use super::{Narrowing, streamable::PlainOnly};
use crate::{
    server::{http::ClientAddress, limits::RetryAfter, sign_in::Caller},
    trace_context::TraceContext,
};

/// Beside the arguments of a request.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) caller: Option<Caller>,
    pub(super) narrowing: Narrowing,
    pub(super) trace: Option<TraceContext>,
    /// Where steps are told, if anywhere.
    pub(super) progress: Option<ProgressToken>,
    /// Where the transport learns when a call that is not made may be made.
    pub(super) retry_after: Option<RetryAfter>,
    /// The client's address, if it calls over a network.
    pub(super) client: Option<IpAddr>,
}

impl Origin {
    /// Reads it from where the transport put it: the parts of the HTTP request, or extensions of the message where a
    /// session knows better.
    ///
    /// # Errors
    /// When a header cannot be followed.
    pub(super) fn of(context: &RequestContext<RoleServer>) -> Result<Self, ErrorData> {
        let own = &context.extensions;
        let parts = own.get::<Parts>();
        let narrowing = match (own.get::<Narrowing>(), parts) {
            (Some(narrowing), _) => narrowing.clone(),
            (None, Some(parts)) => Narrowing::from_headers(&parts.headers).map_err(|error| ErrorData::invalid_params(error, None))?,
            (None, None) => Narrowing::default(),
        };
        let caller = own.get::<Caller>().or_else(|| parts.and_then(|parts| parts.extensions.get::<Caller>())).cloned();
        let is_plain = parts.is_some_and(|parts| parts.extensions.get::<PlainOnly>().is_some());
        let progress = if is_plain { None } else { context.meta.get_progress_token() };
        let trace = match context.meta.get_traceparent() {
            Some(parent) => TraceContext::parse(parent, context.meta.get_tracestate(), context.meta.get_baggage()),
            None => parts.and_then(|parts| trace_of(&parts.headers)),
        };
        let retry_after = parts.and_then(|parts| parts.extensions.get()).cloned();
        let client = parts.and_then(|parts| client_of(&parts.extensions));
        Ok(Self { caller, narrowing, trace, progress, retry_after, client })
    }
}

impl Origin {
    /// The caller's name.
    pub(super) fn caller(&self) -> &str {
        self.caller.as_ref().map_or("", |caller| &caller.name)
    }
}

/// The client's address, as the connection or a trusted proxy told it.
pub(super) fn client_of(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get().map(|ClientAddress(address)| *address)
}

/// The trace that headers name. A header that comes twice names none.
pub(super) fn trace_of(headers: &HeaderMap) -> Option<TraceContext> {
    let single = |name: &str| {
        let mut values = headers.get_all(name).iter();
        let first = values.next()?.to_str().ok()?;
        values.next().is_none().then_some(first)
    };
    TraceContext::parse(single("traceparent")?, single("tracestate"), single("baggage"))
}
