//! One request at a time on a kept connection. Knows HTTP/1.1 and its connections; knows no request's meaning.
//!
//! Whoever sends a request drives its connection: there is no task for a connection, no other task is woken for a reply, and
//! dropping the request closes the connection, which is how a search is cancelled.

mod kept;
mod tls;

use std::{
    error::Error,
    fmt,
    io::{self, ErrorKind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, Uri, response::Parts};
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use tokio::time::{sleep, timeout};
use tower::Service as _;

use super::{ClusterSettings, InvalidSettings};
use kept::Kept;

/// How long making a connection may take, with its handshake.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);
/// How long a connection is kept without a request.
const KEPT_FOR: Duration = Duration::from_secs(60);
/// A system tells a peer that is gone from one that thinks by asking it this often.
const TCP_KEEPALIVE: Duration = Duration::from_secs(30);

/// Makes connections, and keeps those that can be used again.
pub(super) struct Client {
    connector: HttpsConnector<HttpConnector>,
    kept: Arc<AllKept>,
}

/// Connections without a request.
struct AllKept {
    /// By position of the node. The one that was used last is used next.
    of_nodes: Vec<Mutex<Vec<Kept>>>,
    /// Whether somebody closes those that nobody has used for long.
    is_watched: AtomicBool,
}

/// Why there is no whole reply.
#[derive(Debug)]
pub(super) enum Fault {
    /// There is no connection.
    Connect(Box<dyn Error + Send + Sync>),
    /// It broke, or carried no HTTP.
    Exchange(hyper::Error),
    /// It ended without a word.
    Ended,
}

/// A reply whose body is still to be read.
pub(super) struct Arriving<'c> {
    pub(super) head: Parts,
    body: Incoming,
    connection: Kept,
    client: &'c Client,
    node: usize,
}

impl Client {
    /// For the nodes of the settings; connects to none.
    ///
    /// # Errors
    /// When a certificate or key cannot be used.
    pub(super) fn new(settings: &ClusterSettings) -> Result<Self, InvalidSettings> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(TCP_KEEPALIVE));
        tcp.set_connect_timeout(Some(CONNECT_LIMIT));
        let builder = HttpsConnectorBuilder::new().with_tls_config(tls::config(settings)?).https_or_http().enable_http1();
        let of_nodes = settings.nodes.iter().map(|_| Mutex::default()).collect();
        let kept = AllKept { of_nodes, is_watched: AtomicBool::new(false) };
        Ok(Self { connector: builder.wrap_connector(tcp), kept: Arc::new(kept) })
    }

    /// Sends a request to the node of this position and address, and waits for the head of its reply. `make` is called once
    /// more when a kept connection turns out to be closed.
    ///
    /// # Errors
    /// When there is no connection or no reply.
    pub(super) async fn send(&self, node: usize, address: &Uri, make: impl Fn() -> Request<Full<Bytes>>) -> Result<Arriving<'_>, Fault> {
        if let Some(mut connection) = self.kept.take(node) {
            match connection.send(make()).await {
                Ok(reply) => return Ok(self.arriving(node, connection, reply)),
                Err(fault) if fault.is_late_for_request() => {}
                Err(fault) => return Err(fault),
            }
        }
        let stream = timeout(CONNECT_LIMIT, self.connector.clone().call(address.clone()))
            .await
            .map_err(|_| Fault::Connect(format!("no connection within {CONNECT_LIMIT:?}").into()))?
            .map_err(Fault::Connect)?;
        let mut connection = Kept::new(stream).await?;
        let reply = connection.send(make()).await?;
        Ok(self.arriving(node, connection, reply))
    }

    fn arriving(&self, node: usize, connection: Kept, reply: Response<Incoming>) -> Arriving<'_> {
        let (head, body) = reply.into_parts();
        Arriving { head, body, connection, client: self, node }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

impl AllKept {
    /// One that is still open.
    fn take(&self, node: usize) -> Option<Kept> {
        let of_node = self.of_nodes.get(node)?;
        loop {
            let mut connection = lock(of_node).pop()?;
            if connection.idle_for() < KEPT_FOR && connection.is_open() {
                return Some(connection);
            }
        }
    }

    fn keep(self: &Arc<Self>, node: usize, mut connection: Kept) {
        let Some(of_node) = self.of_nodes.get(node) else { return };
        connection.rest();
        lock(of_node).push(connection);
        if !self.is_watched.swap(true, Ordering::Relaxed) {
            tokio::spawn(close_idle(Arc::downgrade(self)));
        }
    }
}

/// Closes connections that were not used for long, or that the node has closed. Ends with the client.
async fn close_idle(kept: Weak<AllKept>) {
    loop {
        sleep(KEPT_FOR / 4).await;
        let Some(kept) = kept.upgrade() else { return };
        for of_node in &kept.of_nodes {
            lock(of_node).retain_mut(|connection| connection.idle_for() < KEPT_FOR && connection.is_open());
        }
    }
}

fn lock(kept: &Mutex<Vec<Kept>>) -> MutexGuard<'_, Vec<Kept>> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Arriving<'_> {
    /// The next piece of the body; none at its end.
    ///
    /// # Errors
    /// When the body breaks off.
    pub(super) async fn piece(&mut self) -> Result<Option<Bytes>, Fault> {
        self.connection.piece(&mut self.body).await
    }

    /// How long the body is, where the head says so.
    pub(super) fn length(&self) -> Option<u64> {
        self.body.size_hint().exact()
    }

    /// Keeps the connection for the next request. To be called at the body's end; dropped before, the connection is closed.
    pub(super) fn end(self) {
        self.client.kept.keep(self.node, self.connection);
    }
}

impl Fault {
    /// Whether the node had closed the connection before the request came, as far as can be told. All requests read, so that one which
    /// did come may come again.
    fn is_late_for_request(&self) -> bool {
        match self {
            Self::Connect(_) => false,
            Self::Ended => true,
            Self::Exchange(error) => error.is_canceled() || error.is_closed() || error.is_incomplete_message() || is_reset(error),
        }
    }
}

fn is_reset(error: &hyper::Error) -> bool {
    let kind = error.source().and_then(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
    matches!(kind, Some(ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted))
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => error.fmt(f),
            Self::Exchange(error) => error.fmt(f),
            Self::Ended => f.write_str("the connection ended"),
        }
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Connect(error) => Some(&**error),
            Self::Exchange(error) => Some(error),
            Self::Ended => None,
        }
    }
}
