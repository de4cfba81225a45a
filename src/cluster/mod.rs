//! The cluster engine: one request to one of a cluster's nodes, within a time and a size. Knows HTTP and TLS; knows no
//! tool, and makes no path or body of its own.
//!
//! The official `elasticsearch` crate supplies the addresses ([`Url`](elasticsearch::http::Url)), the trust in a
//! private CA ([`Certificate`]) and the exceptions of a reply
//! ([`Exception`](elasticsearch::http::response::Exception)). The exchange itself goes through the HTTP client that
//! this crate is built on, set up here, because version 9.1.0-alpha.1's `Transport` rules three things out: its
//! `Response` can only be read whole (`bytes`, `text`, `json`), so an endless reply could not be stopped at a size; its
//! builder keeps the client's redirect policy, which follows `Location` to any host; and it has no time limit for
//! connecting alone.

mod authorization;
mod failure;
mod nodes;
mod retry;
mod settings;

use std::time::Duration;

use elasticsearch::cert::Certificate;
use elk_mcp_tools::{
    dsl::{Method, Request},
    engine::{BoxFuture, Engine, EngineError, EngineErrorKind, Reply},
};
use http::{
    HeaderMap, HeaderValue,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, USER_AGENT},
};
use tokio::time::Instant;

use crate::{call_id::CallId, trace_context::TraceContext};
use authorization::Authorization;
use nodes::{Node, Nodes};
use retry::RetryBudget;

pub use authorization::CredentialSource;
pub use settings::{ApiKey, ClusterSettings, Credential, InvalidSettings, NodeUrl};

/// How long making a connection may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);
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
    client: reqwest::Client,
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
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .no_gzip()
            .http1_only()
            .connect_timeout(CONNECT_LIMIT)
            .pool_idle_timeout(Duration::from_secs(60))
            .tcp_keepalive(Duration::from_secs(30))
            .tls_built_in_root_certs(false);
        match &settings.ca_certificate {
            Some(pem) => {
                let chain = Certificate::from_pem(pem)
                    .map_err(|error| InvalidSettings::new("--es-ca-cert", format!("is no PEM certificate: {error}")))?;
                for certificate in chain {
                    builder = builder.add_root_certificate(certificate);
                }
            }
            None if settings.nodes.iter().any(NodeUrl::is_https) => {
                for certificate in rustls_native_certs::load_native_certs().certs {
                    if let Ok(certificate) = reqwest::Certificate::from_der(&certificate) {
                        builder = builder.add_root_certificate(certificate);
                    }
                }
            }
            None => {}
        }
        if settings.skip_tls_verification {
            tracing::warn!(
                "the cluster's certificate is NOT checked (--es-ssl-skip-verify): anyone on the way can read and change what is sent"
            );
            builder = builder.danger_accept_invalid_certs(true);
        }
        if let Some(pem) = &settings.client_certificate {
            let identity = reqwest::Identity::from_pem(pem.reveal().as_bytes()).map_err(|error| {
                InvalidSettings::new("--es-client-cert and --es-client-key", format!("are no PEM certificate and key: {error}"))
            })?;
            builder = builder.identity(identity);
        }
        let client = builder.build().map_err(|error| InvalidSettings::new("TLS towards the cluster", failure::chain(&error)))?;
        let authorization = Authorization::new(settings.credential.as_ref())?;
        let nodes = Nodes::new(settings.nodes).ok_or_else(|| InvalidSettings::new("--es-url", "names no address"))?;
        Ok(Self { client, nodes, budget: RetryBudget::default(), authorization })
    }

    /// With a place where a newer credential may be when the cluster does not take this one any more.
    #[must_use]
    pub fn with_credential_source(mut self, source: Option<CredentialSource>) -> Self {
        self.authorization.read_from(source);
        self
    }

    async fn attempts(&self, request: &Request) -> Result<Reply, EngineError> {
        let path = request.path();
        let body = request.body().map(bytes::Bytes::from);
        let mut headers = self.headers(request);
        let mut is_renewed = false;
        self.budget.count_call();
        let mut tried = 0;
        let mut last_node = None;
        loop {
            tried += 1;
            let node = self.nodes.pick(last_node);
            let failed = match self.exchange(request, node, &path, body.clone(), headers.clone()).await {
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
                && let Some(authorization) = self.authorization.in_place_of(headers.get(AUTHORIZATION)).await
            {
                is_renewed = true;
                headers.insert(AUTHORIZATION, authorization);
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

    fn headers(&self, request: &Request) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("elk-mcp/", env!("CARGO_PKG_VERSION"))));
        let content_type = if matches!(request, Request::Msearch(_)) { "application/x-ndjson" } else { "application/json" };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        if let Ok(id) = HeaderValue::try_from(format!("elk-mcp/{}", CallId::current())) {
            headers.insert("x-opaque-id", id);
        }
        let trace = TraceContext::current();
        let own = trace.child();
        for (name, value) in [("traceparent", Some(own.as_str())), ("tracestate", trace.state()), ("baggage", trace.baggage())] {
            if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
                headers.insert(name, value);
            }
        }
        if let Some(authorization) = self.authorization.header() {
            headers.insert(AUTHORIZATION, authorization);
        }
        headers
    }

    async fn exchange(
        &self,
        request: &Request,
        node: &Node,
        path: &str,
        body: Option<bytes::Bytes>,
        headers: HeaderMap,
    ) -> Result<Reply, Failed> {
        let url = node.url_of(path).map_err(|detail| Failed::final_(EngineErrorKind::Rejected, detail))?;
        let method = match request.method() {
            Method::Get => http::Method::GET,
            Method::Post => http::Method::POST,
        };
        let mut outgoing = self.client.request(method, url).headers(headers);
        if let Some(body) = body {
            outgoing = outgoing.body(body);
        }
        let mut response = outgoing.send().await.map_err(|error| failure::of_transport(&error, node.address()))?;
        let status = response.status();
        let wait = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok()).map(Duration::from_secs);
        if !status.is_success() {
            let body = read(&mut response, ERROR_CAP, node.address()).await.unwrap_or_default();
            return Err(failure::of_status(status, &body, wait, request));
        }
        let body = read(&mut response, REPLY_CAP, node.address()).await?;
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
            let result = match tokio::time::timeout(time_limit, self.attempts(request)).await {
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

/// Reads a body piece by piece and stops at the cap.
async fn read(response: &mut reqwest::Response, cap: usize, node: &str) -> Result<Vec<u8>, Failed> {
    let too_large = || Failed::final_(EngineErrorKind::TooLarge, format!("the reply of {node} is larger than {cap} bytes"));
    let announced = response.content_length().unwrap_or(0);
    if announced > cap as u64 {
        return Err(too_large());
    }
    let mut body = Vec::with_capacity(usize::try_from(announced).unwrap_or(0));
    loop {
        match tokio::time::timeout(READ_IDLE_LIMIT, response.chunk()).await {
            Ok(Ok(Some(chunk))) => {
                if body.len() + chunk.len() > cap {
                    return Err(too_large());
                }
                body.extend_from_slice(&chunk);
            }
            Ok(Ok(None)) => return Ok(body),
            Ok(Err(error)) => return Err(failure::of_transport(&error, node)),
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
