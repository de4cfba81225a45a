//! One connection that can carry many requests, one after the other. Knows hyper's connection; knows no node.

use std::{
    future::{Future as _, poll_fn},
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::{
    body::{Body as _, Incoming},
    client::conn::http1::{Builder, Connection, SendRequest},
};
use hyper_rustls::MaybeHttpsStream;
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::Instant};

use super::Fault;

/// The bytes of a connection, in the clear or through TLS.
pub(super) type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

type Driven = Connection<Stream, Full<Bytes>>;

pub(super) struct Kept {
    sender: SendRequest<Full<Bytes>>,
    /// None once it has ended.
    connection: Option<Box<Driven>>,
    idle_since: Instant,
}

impl Kept {
    pub(super) async fn new(stream: Stream) -> Result<Self, Fault> {
        let (sender, connection) = Builder::new().handshake(stream).await.map_err(Fault::Exchange)?;
        Ok(Self { sender, connection: Some(Box::new(connection)), idle_since: Instant::now() })
    }

    /// Sends a request and waits for the head of its reply.
    pub(super) async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Fault> {
        let mut reply = pin!(self.sender.send_request(request));
        drive(&mut self.connection, |context| reply.as_mut().poll(context)).await?.map_err(Fault::Exchange)
    }

    /// The next piece of a reply's body; none at its end.
    pub(super) async fn piece(&mut self, body: &mut Incoming) -> Result<Option<Bytes>, Fault> {
        loop {
            match drive(&mut self.connection, |context| Pin::new(&mut *body).poll_frame(context)).await? {
                None => return Ok(None),
                Some(Err(error)) => return Err(Fault::Exchange(error)),
                Some(Ok(frame)) => {
                    // What follows a body (trailers) is of no interest.
                    if let Ok(piece) = frame.into_data() {
                        return Ok(Some(piece));
                    }
                }
            }
        }
    }

    /// It waits for its next request from now on.
    pub(super) fn rest(&mut self) {
        self.idle_since = Instant::now();
    }

    pub(super) fn idle_for(&self) -> Duration {
        self.idle_since.elapsed()
    }

    /// Whether the node has not closed it, and takes a request.
    pub(super) fn is_open(&mut self) -> bool {
        poll(&mut self.connection, &mut Context::from_waker(Waker::noop()));
        self.connection.is_some() && self.sender.is_ready()
    }
}

/// Waits for something that comes by a connection.
async fn drive<T>(connection: &mut Option<Box<Driven>>, mut awaited: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Result<T, Fault> {
    poll_fn(|context| {
        // The connection first: what it hands over is taken at once then, and wakes nobody.
        poll(connection, context);
        match awaited(context) {
            Poll::Ready(came) => Poll::Ready(Ok(came)),
            Poll::Pending if connection.is_none() => Poll::Ready(Err(Fault::Ended)),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Its own end is no error here: whoever waits for a reply is told of it.
fn poll(connection: &mut Option<Box<Driven>>, context: &mut Context<'_>) {
    if connection.as_mut().is_some_and(|connection| Pin::new(&mut **connection).poll(context).is_ready()) {
        *connection = None;
    }
}
