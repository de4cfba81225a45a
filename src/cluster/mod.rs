//! The cluster engine: one request to one of a cluster's nodes, within a time and a size. Knows HTTP and TLS; knows no
//! tool, and makes no path or body of its own.
//!
//! The official `elasticsearch` crate supplies the addresses ([`Url`](elasticsearch::http::Url)) and the exceptions of a reply
//! ([`Exception`](elasticsearch::http::response::Exception)). The exchange itself is `client`'s, because version
//! 9.1.0-alpha.1's `Transport` rules three things out: its `Response` can only be read whole (`bytes`, `text`, `json`), so
//! an endless reply could not be stopped at a size; its builder keeps the client's redirect policy, which follows
//! `Location` to any host; and it has no time limit for connecting alone. The HTTP client below that crate would do, but
//! adds a task, two wake-ups and several parsed addresses to each request, which `benches/hop` shows.

mod authorization;
mod client;
mod failure;
mod nodes;
mod retry;
mod settings;

use std::{pin::pin, time::Duration};

use bytes::Bytes;
use elk_mcp_tools::{
    dsl::{Method, Request},
    engine::{BoxFuture, Engine, EngineError, EngineErrorKind, Reply},
};
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT},
};
use http_body_util::Full;
use tokio::time::Instant;

use crate::{call_id::CallId, trace_context::TraceContext};
use authorization::Authorization;
use client::{Arriving, Client};
use nodes::{Node, Nodes};
use retry::RetryBudget;

pub use authorization::CredentialSource;
pub use settings::{ApiKey, ClusterSettings, Credential, InvalidSettings, NodeUrl};

/// Headers that the `http` crate has no names for.
const OPAQUE_ID: HeaderName = HeaderName::from_static("x-opaque-id");
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACE_STATE: HeaderName = HeaderName::from_static("tracestate");
const BAGGAGE: HeaderName = HeaderName::from_static("baggage");

/// How long a reply may pause once it has begun.
const READ_IDLE_LIMIT: Duration = Duration::from_secs(10);
/// The largest reply that is read, in bytes. Compression is not asked for, so this is the decompressed size.
const REPLY_CAP: usize = 8 << 20;
/// How much of an error's body is read, in bytes: enough for its type and index.
const ERROR_CAP: usize = 256 << 10;
/// Attempts at one request, the first included.
const ATTEMPTS: u32 = 3;

/// A cluster of Elasticsearch or OpenSearch nodes.
#[derive(Debug)]
pub struct Cluster {
    client: Client,
    nodes: Nodes,
    budget: RetryBudget,
    authorization: Authorization,
}

/// One failed attempt.
#[derive(Debug)]
struct Failed {
    error: EngineError,
    /// Whether another attempt may do better.
    retry: bool,
    /// How long the node asks to be left alone.
    wait: Option<Duration>,
    /// Whether the node itself could not be reached.
    node_down: bool,
}

impl Cluster {
    /// Prepares the client; sends nothing.
    ///
    /// # Errors
    /// When a certificate or key cannot be read as what it should be.
    pub fn new(settings: ClusterSettings) -> Result<Self, InvalidSettings> {
        let client = Client::new(&settings)?;
        let authorization = Authorization::new(settings.credential.as_ref())?;
        let nodes = Nodes::new(settings.nodes)?;
        Ok(Self { client, nodes, budget: RetryBudget::default(), authorization })
    }

    /// With a place where a newer credential may be when the cluster does not take this one any more.
    #[must_use]
    pub fn with_credential_source(mut self, source: Option<CredentialSource>) -> Self {
        self.authorization.read_from(source);
        self
    }

    async fn attempts(&self, request: &Request) -> Result<Reply, EngineError> {
        let (path, body) = (request.path(), request.body().map(Bytes::from).unwrap_or_default());
        let mut authorization = self.authorization.header();
        let mut is_renewed = false;
        self.budget.count_call();
        let mut tried = 0;
        let mut last_node = None;
        loop {
            tried += 1;
            let node = self.nodes.pick(last_node);
            let failed = match self.exchange(request, node, &path, &body, authorization.as_ref()).await {
                Ok(reply) => {
                    node.mark_up();
                    return Ok(reply);
                }
                Err(failed) => failed,
            };
            if failed.node_down {
                node.mark_down();
            }
            if failed.error.kind == EngineErrorKind::Unauthorized
                && !is_renewed
                && let Some(renewed) = self.authorization.in_place_of(authorization.as_ref()).await
            {
                is_renewed = true;
                authorization = Some(renewed);
                continue;
            }
            if !failed.retry || tried >= ATTEMPTS || !self.budget.allow_retry() {
                return Err(failed.error);
            }
            tracing::warn!(node = %node.address(), attempt = tried, error = %failed.error, "request to the cluster retried");
            let elsewhere = failed.node_down && self.nodes.several();
            last_node = Some(node.position());
            let pause = if elsewhere { Duration::ZERO } else { retry::pause(tried, failed.wait) };
            tokio::time::sleep(pause).await;
        }
    }

    async fn exchange(
        &self,
        request: &Request,
        node: &Node,
        path: &str,
        body: &Bytes,
        authorization: Option<&HeaderValue>,
    ) -> Result<Reply, Failed> {
        let target = node.target(path).map_err(|detail| Failed::final_(EngineErrorKind::Rejected, detail))?;
        let make = || {
            let mut outgoing = http::Request::new(Full::new(body.clone()));
            *outgoing.method_mut() = match request.method() {
                Method::Get => http::Method::GET,
                Method::Post => http::Method::POST,
            };
            *outgoing.uri_mut() = target.clone();
            *outgoing.headers_mut() = headers(request, node.host(), authorization);
            outgoing
        };
        let broken = |fault| failure::of_exchange(&fault, node.address());
        let reply = self.client.send(node.position(), node.endpoint(), make).await.map_err(broken)?;
        let (status, told) = (reply.head.status, reply.head.headers.get(RETRY_AFTER));
        let wait = told.and_then(|value| value.to_str().ok()?.trim().parse().ok()).map(Duration::from_secs);
        if !status.is_success() {
            let body = read(reply, ERROR_CAP, node.address()).await.unwrap_or_default();
            return Err(failure::of_status(status, &body, wait, request));
        }
        let body = read(reply, REPLY_CAP, node.address()).await?;
        if !looks_like_json_object(&body) {
            return Err(Failed::final_(
                EngineErrorKind::BadReply,
                format!("{} answered {status} with {} bytes that are no JSON object", node.address(), body.len()),
            ));
        }
        Ok(Reply { body })
    }
}

impl Engine for Cluster {
    fn send<'a>(&'a self, request: &'a Request, time_limit: Duration) -> BoxFuture<'a, Result<Reply, EngineError>> {
        Box::pin(async move {
            let started = Instant::now();
            let result = match tokio::time::timeout(time_limit, pin!(self.attempts(request))).await {
                Ok(result) => result,
                Err(_) => Err(EngineError::new(EngineErrorKind::Timeout, format!("no answer within {time_limit:?}"))),
            };
            let elapsed_ms = started.elapsed().as_millis();
            match &result {
                Ok(reply) => tracing::debug!(elapsed_ms, bytes = reply.body.len(), "cluster answered"),
                Err(error) => tracing::debug!(elapsed_ms, %error, "cluster did not answer"),
            }
            result
        })
    }
}

/// The head of a request, in a trace of its own within the call's.
fn headers(request: &Request, host: &HeaderValue, authorization: Option<&HeaderValue>) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(12);
    headers.insert(HOST, host.clone());
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("elk-mcp/", env!("CARGO_PKG_VERSION"))));
    let content_type = if matches!(request, Request::Msearch(_)) { "application/x-ndjson" } else { "application/json" };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Ok(id) = HeaderValue::try_from(format!("elk-mcp/{}", CallId::current())) {
        headers.insert(OPAQUE_ID, id);
    }
    let trace = TraceContext::current();
    let own = trace.child();
    for (name, value) in [(TRACE_PARENT, Some(own.as_str())), (TRACE_STATE, trace.state()), (BAGGAGE, trace.baggage())] {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
            headers.insert(name, value);
        }
    }
    if let Some(authorization) = authorization {
        headers.insert(AUTHORIZATION, authorization.clone());
    }
    headers
}

/// Reads a body piece by piece and stops at the cap.
async fn read(mut reply: Arriving<'_>, cap: usize, node: &str) -> Result<Vec<u8>, Failed> {
    let too_large = || Failed::final_(EngineErrorKind::TooLarge, format!("the reply of {node} is larger than {cap} bytes"));
    let announced = reply.length().unwrap_or(0);
    if announced > cap as u64 {
        return Err(too_large());
    }
    let mut body = Vec::with_capacity(usize::try_from(announced).unwrap_or(0));
    loop {
        match tokio::time::timeout(READ_IDLE_LIMIT, reply.piece()).await {
            Ok(Ok(Some(piece))) => {
                if body.len() + piece.len() > cap {
                    return Err(too_large());
                }
                body.extend_from_slice(&piece);
            }
            Ok(Ok(None)) => {
                reply.end();
                return Ok(body);
            }
            Ok(Err(fault)) => return Err(failure::of_exchange(&fault, node)),
            Err(_) => {
                return Err(Failed::final_(
                    EngineErrorKind::Timeout,
                    format!("the reply of {node} paused for more than {READ_IDLE_LIMIT:?}"),
                ));
            }
        }
    }
}

/// Every reply of the closed list of requests is one object. Whether it is well-formed is found by whoever parses it;
/// this only keeps a proxy's page or a cut reply from being taken for one.
fn looks_like_json_object(body: &[u8]) -> bool {
    let trimmed = body.trim_ascii();
    trimmed.first() == Some(&b'{') && trimmed.last() == Some(&b'}')
}

impl Failed {
    fn final_(kind: EngineErrorKind, detail: impl Into<String>) -> Self {
        Self { error: EngineError::new(kind, detail), retry: false, wait: None, node_down: false }
    }
}
