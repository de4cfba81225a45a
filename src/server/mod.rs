//! The server as a client reaches it: MCP over HTTPS on one address, and two probes. Knows rmcp, axum and TLS; knows no
//! tool and no engine but through the toolbox.

mod accept;
mod bucket;
mod http;
pub mod identity;
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
use identity::Loaded;
use mcp::Mcp;
use sign_in::Gate;

/// A server that listens but does not answer yet.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    tls: Arc<rustls::ServerConfig>,
    router: Router,
    ending: CancellationToken,
    loaded: Loaded,
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
        let loaded = identity::load(serving.identity, address)?;
        let (gate, generated_key) = Gate::new(serving.sign_in, serving.key_header)?;
        let ending = CancellationToken::new();
        let secret = serving.hook_secret.as_ref();
        let reports = shortcut.clone().map_or_else(Router::new, |mcp| reports::routes(mcp, gate.clone(), secret));
        let offer = http::Offer { sessions: keeps_sessions, legacy_sse: serving.legacy_sse, reports };
        let hosts = http::names::hosts(address, &serving.allowed_hosts);
        let router = http::router(handler, shortcut, engine, gate, &hosts, offer, ending.child_token());
        Ok(Self { listener, address, tls: Arc::clone(&loaded.config), router, ending, loaded, generated_key })
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
        format!("https://{host}:{}", self.address.port())
    }

    /// The file of the development authority, for clients to trust.
    pub fn ca_file(&self) -> Option<&Path> {
        self.loaded.ca_file.as_deref()
    }

    /// The key that was made at start, where none was configured.
    pub fn generated_key(&self) -> Option<&str> {
        self.generated_key.as_deref()
    }

    /// Answers until `shutdown` is done, and then until the calls on their way are answered.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        accept::serve(self.listener, self.tls, self.router, shutdown, self.ending).await;
    }
}
