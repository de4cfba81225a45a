//! The accept loop: how many connections there may be, and an end without a cut answer. Knows no request.
//!
//! `axum::serve` is not used: it never closes a connection that is idle or sends half a request.

mod arriving;
mod caps;
mod connection;
mod pace;
mod stream;

use std::{
    future::Future,
    io::{self, ErrorKind},
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::Router;
use ipnet::IpNet;
use tokio::{
    net::{TcpListener, TcpStream},
    time::{Instant, sleep, timeout},
};
use tokio_util::task::TaskTracker;

use super::{Ending, identity::Certificate};
use caps::Caps;
use pace::Pace;

/// How long calls on their way have at the end: more than a call's default limit.
const DRAIN_LIMIT: Duration = Duration::from_secs(30);
/// The pause when no connection can be accepted, as when the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// So many connections that wait for a request are closed when file descriptors run out.
const EVICTED_AT_ONCE: usize = 16;
/// A complaint about the same thing is logged this often.
const COMPLAIN_EVERY: Duration = Duration::from_secs(60);

/// What all connections have in common.
pub(super) struct Connections {
    /// None for plain HTTP.
    pub(super) certificate: Option<Arc<Certificate>>,
    pub(super) router: Router,
    /// Who is believed about the client's address, and may open any number of connections.
    pub(super) proxies: Vec<IpNet>,
    pub(super) ending: Ending,
}

/// Serves connections until `shutdown` is done; then takes no more, lets the requests on their way end, and closes.
pub(super) async fn serve(listener: TcpListener, connections: Connections, shutdown: impl Future<Output = ()>) {
    let connections = Arc::new(connections);
    let caps = Arc::new(Caps::new(connections.proxies.clone()));
    let tasks = TaskTracker::new();
    let (no_descriptor, crowded) = (Complaint::default(), Complaint::default());
    let begin = |stream: TcpStream, peer: SocketAddr| {
        let pace = Arc::new(Pace::new());
        match caps.take(canonical(peer), &pace) {
            Some(slot) => {
                tasks.spawn(connection::serve(stream, peer, pace, slot, Arc::clone(&connections)));
            }
            None if crowded.is_due() => tracing::warn!(address = %peer.ip(), "connections of an address that has too many are refused"),
            None => {}
        }
    };
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = accept(&listener, &caps) => accepted,
        };
        match accepted {
            Ok((stream, peer)) => begin(stream, peer),
            // The client went away before it was its turn.
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::Interrupted) => {}
            Err(error) => {
                let closed = caps.evict(EVICTED_AT_ONCE);
                if no_descriptor.is_due() {
                    tracing::warn!(%error, closed, "a connection could not be accepted; idle ones are closed");
                }
                tokio::select! {
                    () = &mut shutdown => break,
                    () = sleep(ACCEPT_PAUSE) => {}
                }
            }
        }
    }
    connections.ending.closing.cancel();
    // Whoever is in the queue was told by the system that it is connected.
    for (stream, peer) in queued(listener) {
        begin(stream, peer);
    }
    tasks.close();
    if timeout(DRAIN_LIMIT, tasks.wait()).await.is_err() {
        tracing::warn!(connections = tasks.len(), "ended with requests unanswered");
    }
    connections.ending.cut.cancel();
}

async fn accept(listener: &TcpListener, caps: &Caps) -> io::Result<(TcpStream, SocketAddr)> {
    caps.room().await;
    listener.accept().await
}

/// The connections that the system has already accepted. The listener ends.
fn queued(listener: TcpListener) -> Vec<(TcpStream, SocketAddr)> {
    // It does not block, since it was tokio's.
    let Ok(listener) = listener.into_std() else { return Vec::new() };
    std::iter::from_fn(|| listener.accept().ok())
        .filter_map(|(stream, peer)| {
            stream.set_nonblocking(true).ok()?;
            Some((TcpStream::from_std(stream).ok()?, peer))
        })
        .collect()
}

/// Something that is worth a line in the log, but not one each time.
#[derive(Default)]
struct Complaint(Mutex<Option<Instant>>);

impl Complaint {
    fn is_due(&self) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.is_none_or(|last| last.elapsed() >= COMPLAIN_EVERY);
        if due {
            *last = Some(Instant::now());
        }
        due
    }
}

/// The address by which connections are counted and limited.
fn canonical(peer: SocketAddr) -> IpAddr {
    peer.ip().to_canonical()
}
