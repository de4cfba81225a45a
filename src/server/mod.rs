//! The server as a client reaches it: MCP over HTTPS on one address, and two probes. Knows rmcp, axum and TLS; knows no
//! tool and no engine but through the toolbox.

mod accept;
mod bucket;
mod http;
pub mod identity;
mod json;
pub mod limits;
pub mod mcp;
mod reports;
pub mod sign_in;
mod sse;

use std::{
    future::Future,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
};

use anyhow::{Context as _, Result};
use axum::Router;
use elk_mcp_tools::engine::Engine;
use rmcp::ServerHandler;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::config::Serving;
use accept::Connections;
use http::Access;
use identity::{Certificate, Hangups};
use mcp::Mcp;
use sign_in::Gate;

/// How the server ends.
#[derive(Clone, Default)]
pub(crate) struct Ending {
    /// Nothing new begins; streams end once what is on its way is answered.
    pub(crate) closing: CancellationToken,
    /// What is left is cut.
    pub(crate) cut: CancellationToken,
}

/// A server that listens but does not answer yet.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    connections: Connections,
    hangups: Hangups,
    public_url: Option<String>,
    generated_key: Option<String>,
}

impl Server {
    /// Takes the address and loads the certificate.
    ///
    /// # Errors
    /// When the address is taken, or the certificate and key cannot be used.
    pub async fn bind(serving: Serving, mcp: Mcp) -> Result<Self> {
        let engine = Arc::clone(mcp.engine());
        Self::bind_around(serving, mcp.clone(), Some(mcp), engine, false).await
    }

    /// The same around another MCP handler: what stands in front of it does not depend on it. `engine` is what the
    /// probe of readiness asks. `keeps_sessions` is for handlers that ask something of a client of revision 2025-11-25
    /// or older while a call is on its way; the product's never does.
    ///
    /// # Errors
    /// When the address is taken, or the certificate and key cannot be used.
    pub async fn bind_with<H>(serving: Serving, handler: H, engine: Arc<dyn Engine>, keeps_sessions: bool) -> Result<Self>
    where
        H: ServerHandler + Clone,
    {
        Self::bind_around(serving, handler, None, engine, keeps_sessions).await
    }

    async fn bind_around<H>(
        serving: Serving,
        handler: H,
        shortcut: Option<Mcp>,
        engine: Arc<dyn Engine>,
        keeps_sessions: bool,
    ) -> Result<Self>
    where
        H: ServerHandler + Clone,
    {
        let listener =
            TcpListener::bind(serving.listen).await.with_context(|| format!("cannot listen on {} (--listen)", serving.listen))?;
        let address = listener.local_addr()?;
        let certificate = Certificate::load(serving.identity, serving.client_ca_file, address)?;
        if certificate.is_none() {
            tracing::warn!("requests and keys are not encrypted (--insecure-http)");
        }
        let (gate, generated_key) = Gate::new(serving.sign_in, serving.key_header)?;
        let secret = serving.hook_secret.as_ref();
        let reports = shortcut.clone().map_or_else(Router::new, |mcp| reports::routes(mcp, gate.clone(), secret));
        let ending = Ending::default();
        let offer = http::Offer { sessions: keeps_sessions, legacy_sse: serving.legacy_sse, reports };
        let access = Access::new(address, &serving.reach, certificate.clone());
        let router = http::router(handler, shortcut, engine, gate, access, offer, &ending);
        let connections = Connections { certificate, router, proxies: serving.reach.proxies, ending };
        let (hangups, public_url) = (Hangups::new(), serving.reach.public_url);
        Ok(Self { listener, address, connections, hangups, public_url, generated_key })
    }

    /// Where it listens; the port is the one that was taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address that a client on this machine uses.
    pub fn url(&self) -> String {
        let host = match self.address {
            SocketAddr::V4(address) if address.ip() == &Ipv4Addr::LOCALHOST || address.ip().is_unspecified() => "localhost".to_owned(),
            SocketAddr::V4(address) => address.ip().to_string(),
            SocketAddr::V6(address) => format!("[{}]", address.ip()),
        };
        let scheme = if self.connections.certificate.is_some() { "https" } else { "http" };
        format!("{scheme}://{host}:{}", self.address.port())
    }

    /// The address that clients know, where it is configured.
    pub fn public_url(&self) -> Option<&str> {
        self.public_url.as_deref()
    }

    /// The file of the development authority, for clients to trust.
    pub fn ca_file(&self) -> Option<&Path> {
        self.connections.certificate.as_ref()?.ca_file()
    }

    /// The key that was made at start, where none was configured.
    pub fn generated_key(&self) -> Option<&str> {
        self.generated_key.as_deref()
    }

    /// Answers until `shutdown` is done, and then until the calls on their way are answered.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let certificate = self.connections.certificate.clone();
        tokio::select! {
            () = accept::serve(self.listener, self.connections, shutdown) => {}
            () = identity::watch(certificate, self.hangups) => {}
        }
    }
}
