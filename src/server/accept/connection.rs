//! One connection from its first byte to its last: TLS, then requests. Knows HTTP's frame; knows no route.

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    http::{HeaderValue, Request, Response, header},
};
use hyper::{
    body::{Body as HttpBody, Bytes, Frame, Incoming, SizeHint},
    server::conn::http1,
    service::Service,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::AsyncWriteExt as _,
    net::TcpStream,
    time::{timeout, timeout_at},
};
use tokio_rustls::TlsAcceptor;
use tower::Service as _;

use super::{
    Connections,
    arriving::Arriving,
    canonical,
    caps::Slot,
    pace::{Answering, Pace},
    stream::{Paced, Wire},
};
use crate::server::{http::note_client, identity::Certificate};

/// How long a TLS handshake may take.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(5);
/// The largest head, in bytes.
const HEAD_CAP: usize = 16 << 10;
/// The first byte of a TLS connection: the type of a record of a handshake (RFC 8446, section 5.1).
const TLS_HANDSHAKE: u8 = 22;

/// For whoever speaks HTTP where HTTPS is spoken.
const NOT_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: 43\r\nconnection: close\r\n\r\n\
    this port speaks HTTPS: begin with https://\n";

/// Serves a connection until it ends, or until the server does and nothing is left to answer.
pub(super) async fn serve(stream: TcpStream, peer: SocketAddr, pace: Arc<Pace>, slot: Slot, connections: Arc<Connections>) {
    // Otherwise each small answer waits for the client's delayed acknowledgement: 40 ms.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection ended before it began");
        return;
    }
    let wire = match &connections.certificate {
        None => Wire::Plain(stream),
        // In a box, which ends with it: a connection would keep its room, 1.8 KB, as long as it lasts.
        Some(certificate) => match Box::pin(handshake(stream, certificate, &pace)).await {
            Some(wire) => wire,
            None => return,
        },
    };
    pace.begin();
    let mut builder = http1::Builder::new();
    // The limits of time are those of the pace.
    builder.header_read_timeout(None).max_buf_size(HEAD_CAP);
    let service = Requests { router: connections.router.clone(), pace: Arc::clone(&pace), peer, connections: Arc::clone(&connections) };
    let mut connection = pin!(builder.serve_connection(TokioIo::new(Paced::new(wire, Arc::clone(&pace))), service));
    let mut closing = pin!(connections.ending.closing.cancelled());
    let mut evicted = pin!(pace.evicted());
    let (mut is_closing, mut is_evicted) = (false, false);
    let result = poll_fn(|context| {
        // Both only shorten limits, which the connection looks at when it is polled, right after.
        if !is_closing && closing.as_mut().poll(context).is_ready() {
            is_closing = true;
            pace.close();
        }
        is_evicted = is_evicted || evicted.as_mut().poll(context).is_ready();
        let mut polled = connection.as_mut().poll(context);
        // hyper looks for the next request before it lets go of the answer, when no limit was in force: so once more.
        while polled.is_pending() && pace.has_answered() {
            polled = connection.as_mut().poll(context);
        }
        polled
    })
    .await;
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended");
    }
    drop(slot);
}

async fn handshake(stream: TcpStream, certificate: &Certificate, pace: &Arc<Pace>) -> Option<Wire> {
    let deadline = tokio::time::Instant::now() + HANDSHAKE_LIMIT;
    let mut first = [0];
    match timeout_at(deadline, stream.peek(&mut first)).await {
        Ok(Ok(1)) if first == [TLS_HANDSHAKE] => {}
        Ok(Ok(1)) => {
            refuse_plaintext(stream, pace).await;
            return None;
        }
        _ => return None,
    }
    let accept = TlsAcceptor::from(certificate.config()).accept(stream).into_fallible();
    match timeout_at(deadline, accept).await {
        Ok(Ok(stream)) => Some(Wire::Tls(Box::new(stream))),
        Ok(Err((error, stream))) => {
            tracing::debug!(%error, "a TLS handshake failed");
            close(stream, pace).await;
            None
        }
        Err(_) => None,
    }
}

async fn refuse_plaintext(mut stream: TcpStream, pace: &Arc<Pace>) {
    if timeout(HANDSHAKE_LIMIT, stream.write_all(NOT_TLS)).await.is_ok_and(|written| written.is_ok()) {
        close(stream, pace).await;
    }
}

/// Ends a connection so that the client can read what it was told last.
async fn close(stream: TcpStream, pace: &Arc<Pace>) {
    let _ = Paced::new(Wire::Plain(stream), Arc::clone(pace)).shutdown().await;
}

/// The requests of one connection.
struct Requests {
    router: Router,
    pace: Arc<Pace>,
    peer: SocketAddr,
    connections: Arc<Connections>,
}

impl Service<Request<Incoming>> for Requests {
    type Response = Response<Answer>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let answering = Pace::answering(&self.pace);
        let (mut parts, body) = request.into_parts();
        note_client(&mut parts.extensions, &parts.headers, canonical(self.peer), &self.connections.proxies);
        let response = self.router.clone().call(Request::from_parts(parts, Arriving::new(body)));
        let pace = Arc::clone(&self.pace);
        Box::pin(async move {
            let mut response = response.await?;
            if pace.is_closing() {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(response.map(|body| Answer { body, _answering: answering }))
        })
    }
}

/// An answer's body; the request is answered when it is gone.
struct Answer {
    body: Body,
    _answering: Answering,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
