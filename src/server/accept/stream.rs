//! A connection's bytes, in the clear or through TLS, with limits on how long the client may take. Knows no HTTP.

use std::{
    future::Future as _,
    io::{self, ErrorKind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep, sleep_until},
};
use tokio_rustls::server::TlsStream;

use super::pace::{Limit, Pace};

/// How long a client may take no byte of an answer.
const STALL_LIMIT: Duration = Duration::from_secs(30);
/// How long what a client still sends is thrown away after the last answer. Closing at once would reset the connection,
/// and the client might lose the answer.
const LINGER_LIMIT: Duration = Duration::from_secs(2);
/// As much is thrown away at once.
const SCRATCH: usize = 16 << 10;

/// A connection.
pub(super) enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Wire {
    fn socket(&mut self) -> &mut TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => stream.get_mut().0,
        }
    }
}

/// Passes a call on to either kind.
macro_rules! either {
    ($wire:expr, $stream:ident => $call:expr) => {
        match $wire {
            Wire::Plain($stream) => {
                let $stream = Pin::new($stream);
                $call
            }
            Wire::Tls($stream) => {
                let $stream = Pin::new(&mut **$stream);
                $call
            }
        }
    };
}

/// A connection whose client must keep pace.
pub(super) struct Paced {
    wire: Wire,
    pace: Arc<Pace>,
    /// Goes off no later than the limit in force, and then looks again: requests that are in time never set it.
    alarm: Pin<Box<Sleep>>,
    /// There while the client takes no bytes.
    stalled: Option<Pin<Box<Sleep>>>,
    ending: Ending,
}

enum Ending {
    Open,
    /// The client has closed its side, or nobody will miss the connection.
    Abrupt,
    /// Closed on this side; what still comes is thrown away until then.
    Lingering(Pin<Box<Sleep>>),
}

impl Paced {
    pub(super) fn new(wire: Wire, pace: Arc<Pace>) -> Self {
        let first = match pace.limit() {
            Limit::None => Instant::now(),
            Limit::Late(instant) | Limit::Idle(instant) => instant,
        };
        Self { wire, pace, alarm: Box::pin(sleep_until(first)), stalled: None, ending: Ending::Open }
    }

    /// Whether the client has had its time.
    fn poll_limit(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let limit = self.pace.limit();
            let (Limit::Late(deadline) | Limit::Idle(deadline)) = limit else { return Poll::Pending };
            if deadline < self.alarm.deadline() {
                self.alarm.as_mut().reset(deadline);
            }
            ready!(self.alarm.as_mut().poll(context));
            if Instant::now() < deadline {
                self.alarm.as_mut().reset(deadline);
                continue;
            }
            return Poll::Ready(match limit {
                Limit::Late(_) => Err(io::Error::new(ErrorKind::TimedOut, "a request's head took too long")),
                // As if the client had ended it.
                Limit::Idle(_) | Limit::None => {
                    self.ending = Ending::Abrupt;
                    Ok(())
                }
            });
        }
    }

    /// What a write came to, unless the client has taken nothing for too long.
    fn checked<T>(&mut self, result: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.stalled = None;
            return result;
        }
        ready!(self.stalled.get_or_insert_with(|| Box::pin(sleep(STALL_LIMIT))).as_mut().poll(context));
        self.ending = Ending::Abrupt;
        Poll::Ready(Err(io::Error::new(ErrorKind::TimedOut, "the client does not take its answer")))
    }
}

impl AsyncRead for Paced {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        match either!(&mut this.wire, stream => stream.poll_read(context, buffer)) {
            Poll::Ready(Ok(())) if buffer.filled().len() > before => {
                this.pace.received();
                Poll::Ready(Ok(()))
            }
            Poll::Ready(result) => {
                this.ending = Ending::Abrupt;
                Poll::Ready(result)
            }
            Poll::Pending => this.poll_limit(context),
        }
    }
}

impl AsyncWrite for Paced {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = either!(&mut this.wire, stream => stream.poll_write(context, bytes));
        this.checked(result, context)
    }

    fn poll_write_vectored(self: Pin<&mut Self>, context: &mut Context<'_>, parts: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = either!(&mut this.wire, stream => stream.poll_write_vectored(context, parts));
        this.checked(result, context)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.wire {
            Wire::Plain(stream) => stream.is_write_vectored(),
            Wire::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = either!(&mut this.wire, stream => stream.poll_flush(context));
        this.checked(result, context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Ending::Open | Ending::Abrupt = &this.ending {
            let result = either!(&mut this.wire, stream => stream.poll_shutdown(context));
            ready!(this.checked(result, context))?;
            if let Ending::Abrupt = this.ending {
                return Poll::Ready(Ok(()));
            }
            this.ending = Ending::Lingering(Box::pin(sleep(LINGER_LIMIT)));
        }
        if let Ending::Lingering(limit) = &mut this.ending {
            let mut scratch = [0; SCRATCH];
            loop {
                let mut buffer = ReadBuf::new(&mut scratch);
                match Pin::new(this.wire.socket()).poll_read(context, &mut buffer) {
                    Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
                    Poll::Ready(_) => break,
                    Poll::Pending => {
                        ready!(limit.as_mut().poll(context));
                        break;
                    }
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}
