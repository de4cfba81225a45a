//! MCP's Streamable HTTP in front of rmcp: which form of answer a client takes, and refusals in the form that clients
//! read. Knows HTTP and rmcp's service; knows no tool.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::Request,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use rmcp::{
    ServerHandler,
    model::{ErrorCode, ErrorData, JsonRpcError, ProtocolVersion},
    transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager},
};
use serde_json::json;

/// What rmcp asks every client to accept.
const BOTH: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");

/// Headers that say what the body says. rmcp reads the first of several.
const TOLD_ONCE: [&str; 3] = ["mcp-protocol-version", "mcp-method", "mcp-name"];

/// Marks a request whose answer must be one JSON document: nothing may be told before it.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlainOnly;

/// One handler behind `/mcp`, for both forms of answer.
pub(in crate::server) struct Streamable<H> {
    /// JSON, or events where the handler tells something before the answer.
    plain: StreamableHttpService<H, LocalSessionManager>,
    /// Events in any case.
    events: StreamableHttpService<H, LocalSessionManager>,
}

impl<H: ServerHandler + Clone> Streamable<H> {
    /// The handler with rmcp's settings.
    pub(in crate::server) fn new(handler: &H, config: StreamableHttpServerConfig) -> Self {
        let sessions = Arc::new(LocalSessionManager::default());
        let service = |json: bool| {
            let (handler, config) = (handler.clone(), config.clone().with_json_response(json));
            StreamableHttpService::new(move || Ok(handler.clone()), Arc::clone(&sessions), config)
        };
        Self { plain: service(true), events: service(false) }
    }

    /// Answers one request.
    pub(in crate::server) async fn answer(self: Arc<Self>, mut request: Request) -> Response {
        if request.method() != Method::POST {
            return self.plain.handle(request).await.map(Body::new);
        }
        let accepted = Accepted::of(request.headers());
        if accepted == Accepted::default() {
            let told = "the answer is application/json or text/event-stream: accept one of them";
            return refusal(StatusCode::NOT_ACCEPTABLE, ErrorData::invalid_request(told, None));
        }
        if let Some(twice) = TOLD_ONCE.iter().find(|name| request.headers().get_all(**name).iter().nth(1).is_some()) {
            let told = format!("the header {twice} comes more than once: what stands between may read another one than we do");
            return refusal(StatusCode::BAD_REQUEST, ErrorData::header_mismatch(told, None));
        }
        let version = request.headers().get("mcp-protocol-version").cloned();
        request.headers_mut().insert(header::ACCEPT, BOTH);
        if !accepted.events {
            request.extensions_mut().insert(PlainOnly);
        }
        let service = if accepted.json { &self.plain } else { &self.events };
        let response = service.handle(request).await.map(Body::new);
        in_json(response, version.as_ref())
    }
}

/// The forms that a client takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Accepted {
    pub(super) json: bool,
    pub(super) events: bool,
}

impl Accepted {
    /// Whoever says nothing takes anything, and so does `*/*`.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut accepted = Self::default();
        let mut is_told = false;
        for value in headers.get_all(header::ACCEPT) {
            is_told = true;
            for range in value.to_str().unwrap_or_default().split(',') {
                let mut parts = range.split(';').map(str::trim);
                let essence = parts.next().unwrap_or_default();
                let is_refused = parts.any(|part| {
                    let weight = part.strip_prefix("q=").or_else(|| part.strip_prefix("Q="));
                    weight.is_some_and(|weight| weight.parse() == Ok(0.0))
                });
                if !is_refused {
                    let is = |names: [&str; 3]| names.iter().any(|name| essence.eq_ignore_ascii_case(name));
                    accepted.json |= is(["application/json", "application/*", "*/*"]);
                    accepted.events |= is(["text/event-stream", "text/*", "*/*"]);
                }
            }
        }
        if is_told { accepted } else { Self { json: true, events: true } }
    }
}

/// Says in JSON what rmcp refuses in plain text.
fn in_json(response: Response, version: Option<&HeaderValue>) -> Response {
    let kind = response.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let is_told = kind.is_some_and(|kind| kind.starts_with(b"application/json") || kind.starts_with(b"text/event-stream"));
    if is_told || response.status() != StatusCode::BAD_REQUEST {
        return response;
    }
    let known = ProtocolVersion::KNOWN_VERSIONS;
    match version {
        Some(version) if !known.iter().any(|known| known.as_str().as_bytes() == version.as_bytes()) => {
            let requested: String = String::from_utf8_lossy(version.as_bytes()).chars().take(40).collect();
            let supported: Vec<&str> = known.iter().map(ProtocolVersion::as_str).collect();
            let told = "unsupported protocol version in the header MCP-Protocol-Version";
            let data = json!({"requested": requested, "supported": supported});
            refusal(StatusCode::BAD_REQUEST, ErrorData::new(ErrorCode::UNSUPPORTED_PROTOCOL_VERSION, told, Some(data)))
        }
        _ => response,
    }
}

/// An error of the protocol that belongs to no request.
fn refusal(status: StatusCode, error: ErrorData) -> Response {
    (status, axum::Json(JsonRpcError::new(None, error))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(accept: &[&str], json: bool, events: bool) {
        let mut headers = HeaderMap::new();
        for value in accept {
            headers.append(header::ACCEPT, value.parse().unwrap());
        }
        assert_eq!(Accepted::of(&headers), Accepted { json, events }, "{accept:?}");
    }

    #[test]
    fn a_client_takes_what_it_says_and_anything_when_it_says_nothing() {
        check(&[], true, true);
        check(&["*/*"], true, true);
        check(&["application/json, text/event-stream"], true, true);
        check(&["application/json", "text/event-stream;q=0.5"], true, true);
        check(&["Application/JSON; charset=utf-8"], true, false);
        check(&["text/event-stream"], false, true);
        check(&["application/json;q=0, text/event-stream"], false, true);
        check(&["text/html, application/xml;q=0.9"], false, false);
        check(&["text/html, */*;q=0.1"], true, true);
    }
}
