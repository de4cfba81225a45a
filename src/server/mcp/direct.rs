//! The short way of a plain `tools/call` over HTTP: from the bytes of a request to the bytes of its answer, without the
//! parts of rmcp that a call which stands alone does not need (a service, a transport and a task of its own, the answer's structure as a
//! tree and its serialization). Everything out of the ordinary goes the long way; both answer alike.

use std::{borrow::Cow, collections::BTreeMap};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderName, Method, StatusCode, header};
use rmcp::model::ErrorCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};

use super::{
    Call, Mcp, Narrowing, Refused,
    request::{client_of, trace_of},
    streamable::Accepted,
    written,
};
use crate::{server::sign_in::Caller, trace_context::TraceContext};

/// The revision whose requests say everything themselves.
const MODERN: &str = "2026-07-28";
/// Revisions in which a call says nothing of itself.
const LEGACY: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];
/// Headers whose values would have to be held against the arguments.
const PARAMETER: &str = "mcp-param-";
const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");
/// Headers of sessions, and those that narrow what a caller sees.
const SPECIAL: [HeaderName; 4] = [
    HeaderName::from_static("mcp-session-id"),
    HeaderName::from_static("last-event-id"),
    HeaderName::from_static("x-mcp-tools"),
    HeaderName::from_static("x-mcp-exclude-tools"),
];

/// The layer in front of the long way.
pub(in crate::server) async fn shorten(State((mcp, body_cap)): State<(Mcp, usize)>, request: Request, next: Next) -> Response {
    if request.method() != Method::POST || !says_nothing_special(request.headers()) {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    // A body that is too long, or breaks off, is refused before this.
    let Ok(bytes) = to_bytes(body, body_cap).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    match Plain::read(&bytes, &parts.headers) {
        Some(plain) => plain.answer(&mcp, &parts).await,
        None => next.run(Request::from_parts(parts, Body::from(bytes))).await,
    }
}

/// Whether the headers ask for nothing but JSON, of no session, and narrow nothing.
fn says_nothing_special(headers: &HeaderMap) -> bool {
    let accepted = Accepted::of(headers);
    accepted.json
        && !headers.keys().any(|name| name.as_str().starts_with(PARAMETER))
        && !SPECIAL.iter().any(|name| headers.contains_key(name))
        && single(headers, &header::CONTENT_TYPE).is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"))
}

/// The value of a header that comes exactly once.
fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(first)
}

/// A call as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message<'a> {
    #[serde(borrow)]
    jsonrpc: Cow<'a, str>,
    #[serde(borrow)]
    id: &'a RawValue,
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    params: Params<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Params<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(default)]
    arguments: Map<String, Value>,
    #[serde(borrow, default, rename = "_meta")]
    meta: BTreeMap<Cow<'a, str>, &'a RawValue>,
}

/// What a client says of itself, where it does.
#[derive(Deserialize)]
#[expect(dead_code, reason = "only its form is checked")]
struct ClientInfo {
    name: String,
    version: String,
}

/// A call that needs nothing of the protocol but its answer.
struct Plain<'a> {
    id: &'a RawValue,
    tool: Cow<'a, str>,
    arguments: Map<String, Value>,
    trace: Option<TraceContext>,
    is_modern: bool,
}

impl<'a> Plain<'a> {
    fn read(bytes: &'a Bytes, headers: &HeaderMap) -> Option<Self> {
        // Checked as a whole, text costs less than it does string by string.
        let Message { jsonrpc, id, method, params } = serde_json::from_str(std::str::from_utf8(bytes).ok()?).ok()?;
        let Params { name, arguments, meta } = params;
        let is_id = id.get().starts_with('"') || id.get().parse::<i64>().is_ok();
        if jsonrpc != "2.0" || method != "tools/call" || !is_id || meta.contains_key("progressToken") {
            return None;
        }
        let text = |key: &str| meta.get(key).and_then(|raw| serde_json::from_str::<Cow<'_, str>>(raw.get()).ok());
        let told = single(headers, &PROTOCOL_VERSION);
        let is_modern = match text("io.modelcontextprotocol/protocolVersion") {
            Some(version) => {
                let is_object = |key| meta.get(key).is_some_and(|raw| raw.get().starts_with('{'));
                let agrees = version == MODERN
                    && told == Some(MODERN)
                    && is_object("io.modelcontextprotocol/clientCapabilities")
                    && meta
                        .get("io.modelcontextprotocol/clientInfo")
                        .is_none_or(|raw| serde_json::from_str::<ClientInfo>(raw.get()).is_ok())
                    && single(headers, &METHOD) == Some("tools/call")
                    && single(headers, &NAME) == Some(&name);
                agrees.then_some(true)?
            }
            None if meta.keys().any(|key| key.starts_with("io.modelcontextprotocol/")) => return None,
            None => match told {
                Some(version) => LEGACY.contains(&version).then_some(false)?,
                None => (!headers.contains_key(&PROTOCOL_VERSION)).then_some(false)?,
            },
        };
        let trace = match text("traceparent") {
            Some(parent) => TraceContext::parse(&parent, text("tracestate").as_deref(), text("baggage").as_deref()),
            None if meta.contains_key("traceparent") => return None,
            None => trace_of(headers),
        };
        Some(Self { id, tool: name, arguments, trace, is_modern })
    }

    async fn answer(self, mcp: &Mcp, parts: &http::request::Parts) -> Response {
        let caller = parts.extensions.get::<Caller>();
        let call = Call {
            tool: &self.tool,
            arguments: &self.arguments,
            caller: caller.map_or("", |caller| &caller.name),
            client: client_of(&parts.extensions),
            narrowing: &Narrowing::default(),
            trace: self.trace.as_ref(),
            progress: None,
            retry_after: parts.extensions.get(),
        };
        let result_type = self.is_modern.then_some("complete");
        let mut reply = Reply { jsonrpc: "2.0", id: self.id, result: None, error: None };
        let told;
        let written = match mcp.call(call).await {
            Ok(answered) => Ok(written::answer(self.id, result_type, &answered.text, &answered.structured)),
            Err(Refused::Tool(error)) => {
                told = error.text();
                reply.result = Some(Answer { result_type, content: [Content { kind: "text", text: &told }], is_error: true });
                serde_json::to_string(&reply)
            }
            Err(unknown @ Refused::UnknownTool(_)) => {
                reply.error = Some(Refusal { code: ErrorCode::INVALID_PARAMS.0, message: unknown.to_string() });
                serde_json::to_string(&reply)
            }
        };
        match written {
            Ok(json) => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
            Err(error) => {
                tracing::error!(%error, "an answer could not be written");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}

/// What is answered to a call that did not go well.
#[derive(Serialize)]
struct Reply<'a> {
    jsonrpc: &'static str,
    id: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Answer<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Refusal>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    result_type: Option<&'static str>,
    content: [Content<'a>; 1],
    is_error: bool,
}

#[derive(Serialize)]
struct Content<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    text: &'a str,
}

#[derive(Serialize)]
struct Refusal {
    code: i32,
    message: String,
}
