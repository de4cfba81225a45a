//! A request's body, which must be there in time, whoever reads it. Knows the clock; knows no content.

use std::{
    future::Future as _,
    io::{self, ErrorKind},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::BoxError;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::server::http::BODY_LIMIT;

/// Who reads a body can say itself that it is late; this is for those who do not.
const GRACE: Duration = Duration::from_secs(1);

/// A body that ends with an error when it is late.
pub(super) struct Arriving {
    body: Incoming,
    deadline: Instant,
    /// There once the body makes its reader wait.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Arriving {
    pub(super) fn new(body: Incoming) -> Self {
        Self { body, deadline: Instant::now() + BODY_LIMIT + GRACE, alarm: None }
    }
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let deadline = this.deadline;
        ready!(this.alarm.get_or_insert_with(|| Box::pin(sleep_until(deadline))).as_mut().poll(context));
        Poll::Ready(Some(Err(io::Error::new(ErrorKind::TimedOut, "the body took too long").into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
