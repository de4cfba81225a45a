//! Failures of an exchange, told apart. Knows no retry and no tool; repeats nothing of a reply to a caller.

use std::{borrow::Cow, error::Error, io, iter, time::Duration};

use elasticsearch::http::response::{Cause, Exception};
use elk_mcp_tools::{
    dsl::{IndexExpression, Request, Text, UpstreamError},
    engine::{EngineError, EngineErrorKind, classify},
};
use http::StatusCode;
use rustls::CertificateError;

use super::{Failed, client::Fault};

/// A request that got no whole reply.
pub(super) fn of_exchange(error: &Fault, node: &str) -> Failed {
    let detail = format!("{node}: {}", chain(error));
    if let Some(why) = tls_failure(error) {
        let error = EngineError::new(EngineErrorKind::Tls, detail).about(why);
        return Failed { error, retry: false, wait: None, node_down: false };
    }
    let (kind, retry, node_down) = match error {
        Fault::Connect(_) => (EngineErrorKind::Unreachable, true, true),
        Fault::Exchange(error) if error.is_parse() && !error.is_incomplete_message() => (EngineErrorKind::BadReply, false, false),
        Fault::Exchange(_) | Fault::Ended => (EngineErrorKind::Interrupted, true, false),
    };
    Failed { error: EngineError::new(kind, detail), retry, wait: None, node_down }
}

/// A reply with a status other than 2xx. What an exception means is decided where a failed item of an `_msearch` is
/// judged too; here are the replies that no engine wrote.
pub(super) fn of_status(status: StatusCode, body: &[u8], wait: Option<Duration>, request: &Request) -> Failed {
    let exception = serde_json::from_slice::<Exception>(body).ok();
    let mut error = match exception.as_ref().filter(|exception| exception.error().ty().is_some()) {
        Some(exception) => classify(status.as_u16(), &upstream(exception)),
        None => {
            let kind = match status.as_u16() {
                400 | 405 | 413 => EngineErrorKind::Rejected,
                401 => EngineErrorKind::Unauthorized,
                403 => EngineErrorKind::Forbidden,
                408 => EngineErrorKind::Timeout,
                429 => EngineErrorKind::Busy,
                502..=504 => EngineErrorKind::Unavailable,
                _ => EngineErrorKind::BadReply,
            };
            EngineError::new(kind, format!("status {status} without an exception"))
        }
    };
    error.subject = match error.kind {
        EngineErrorKind::UnknownIndex | EngineErrorKind::ClosedIndex | EngineErrorKind::Forbidden => named_index(&error.subject, request),
        _ => String::new(),
    };
    let retry = error.kind == EngineErrorKind::Busy || status == StatusCode::SERVICE_UNAVAILABLE;
    Failed { error, retry, wait, node_down: false }
}

/// The crate's exception in the form of the tools, which do not know the crate.
fn upstream(exception: &Exception) -> UpstreamError<'_> {
    let text = |text: &'_ str| Text(Cow::Owned(text.to_owned()));
    let error = exception.error();
    let mut below = error.caused_by();
    let causes = iter::from_fn(|| {
        let cause = below?;
        below = cause.caused_by();
        Some(cause)
    });
    let of_cause = |cause: &Cause| UpstreamError {
        kind: cause.ty().map(text),
        reason: cause.reason().map(text),
        index: None,
        root_cause: Vec::new(),
        caused_by: None,
    };
    UpstreamError {
        kind: error.ty().map(text),
        reason: error.reason().map(text),
        index: error.additional_details().get("index").and_then(|index| index.as_str()).map(text),
        root_cause: error.root_cause().iter().chain(causes).map(of_cause).collect(),
        caused_by: None,
    }
}

/// The index a failure is about, where the caller named it himself; otherwise his whole expression. A name that only the
/// cluster knows (an alias's target) is not told.
fn named_index(told: &str, request: &Request) -> String {
    let Some(expression) = expression_of(request) else { return String::new() };
    if expression.patterns().iter().any(|pattern| pattern.as_str() == told) { told.to_owned() } else { expression.to_string() }
}

fn expression_of(request: &Request) -> Option<&IndexExpression> {
    match request {
        Request::Search(search) => Some(search.index()),
        Request::FieldCaps(caps) => Some(caps.index()),
        Request::ResolveIndex(resolve) => Some(resolve.index()),
        Request::IndexStats(stats) => Some(stats.index()),
        Request::Msearch(_) | Request::Ping | Request::Health(_) | Request::HasPrivileges(_) | Request::AuthInfo => None,
    }
}

/// What TLS found wrong, if it was TLS: safe to tell, since it names no host.
fn tls_failure(error: &Fault) -> Option<&'static str> {
    Some(match causes(error).find_map(rustls_error)? {
        rustls::Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "the cluster's certificate has expired"
        }
        rustls::Error::InvalidCertificate(CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }) => {
            "the cluster's certificate is not valid yet"
        }
        rustls::Error::InvalidCertificate(CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }) => {
            "the cluster's certificate is for another name"
        }
        // An authority of the same name with another key, maybe of another kind, is as unknown as any other.
        rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer
            | CertificateError::BadSignature
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. },
        ) => "the cluster's certificate is signed by an unknown authority",
        rustls::Error::InvalidCertificate(_) => "the cluster's certificate cannot be used",
        rustls::Error::InvalidMessage(_) => "the port does not speak TLS",
        rustls::Error::AlertReceived(_) => "the cluster ended the handshake: it may want a client certificate",
        _ => "the handshake failed",
    })
}

/// An input-output error does not name what it wraps as its source, so it is unwrapped, as often as it was wrapped.
fn rustls_error<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    match cause.downcast_ref::<io::Error>() {
        Some(wrapper) => rustls_error(wrapper.get_ref()?),
        None => cause.downcast_ref(),
    }
}

/// An error with all that caused it.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    for cause in causes(error) {
        let part = cause.to_string();
        if text.ends_with(&part) {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&part);
    }
    text
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

#[cfg(test)]
mod tests {
    use elk_mcp_tools::dsl::{Query, Search};

    use super::*;

    #[track_caller]
    fn check(status: u16, body: &str, kind: EngineErrorKind, subject: &str) {
        let request = Request::Search(Search::new(IndexExpression::parse("logs-a,logs-b").unwrap(), Query::All));
        let failed = of_status(StatusCode::from_u16(status).unwrap(), body.as_bytes(), None, &request);
        assert_eq!((failed.error.kind, failed.error.subject.as_str()), (kind, subject), "{status} {body}");
    }

    #[test]
    fn statuses_and_exception_types_are_told_apart() {
        use EngineErrorKind as Kind;
        let exception = |kind: &str, more: &str| {
            format!(r#"{{"error":{{"root_cause":[{{"type":"{kind}"{more}}}],"type":"{kind}","reason":"r"{more}}},"status":400}}"#)
        };
        let about_a = r#","index":"logs-a""#;
        check(404, &exception("index_not_found_exception", about_a), Kind::UnknownIndex, "logs-a");
        check(404, &exception("index_not_found_exception", r#","index":"secret""#), Kind::UnknownIndex, "logs-a,logs-b");
        check(400, &exception("index_closed_exception", about_a), Kind::ClosedIndex, "logs-a");
        check(400, &exception("parsing_exception", ""), Kind::Rejected, "");
        check(400, "", Kind::Rejected, "");
        check(401, "", Kind::Unauthorized, "");
        check(403, &exception("security_exception", ""), Kind::Forbidden, "logs-a,logs-b");
        check(405, r#"{"error":"Incorrect HTTP method","status":405}"#, Kind::Rejected, "");
        check(429, "", Kind::Busy, "");
        check(500, &exception("circuit_breaking_exception", ""), Kind::Busy, "");
        check(503, &exception("es_rejected_execution_exception", ""), Kind::Busy, "");
        check(503, "<html>", Kind::Unavailable, "");
        check(502, "<html>", Kind::Unavailable, "");
        check(504, "", Kind::Unavailable, "");
        check(500, "<html>", Kind::BadReply, "");
        check(404, "<html>", Kind::BadReply, "");
        check(301, "", Kind::BadReply, "");
    }

    #[test]
    fn a_cause_below_a_search_failure_is_seen() {
        let body = r#"{"error":{"type":"search_phase_execution_exception","reason":"all shards failed","root_cause":[],
            "caused_by":{"type":"es_rejected_execution_exception","reason":"queue"}},"status":503}"#;
        check(503, body, EngineErrorKind::Busy, "");
        let body = r#"{"error":{"type":"search_phase_execution_exception","reason":"","root_cause":[],
            "caused_by":{"type":"too_many_buckets_exception","reason":"more than 65536"}},"status":400}"#;
        check(400, body, EngineErrorKind::TooLarge, "");
    }
}
