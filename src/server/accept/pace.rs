//! What a connection is doing and how long it may take for that. Knows the clock; knows no bytes.
//!
//! hyper's own limit counts a request's head from the end of the request before. Here a connection may be idle for a
//! minute, but once a head has begun it must be there soon.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

/// How long a client may take to send a request's head.
const HEAD_LIMIT: Duration = Duration::from_secs(5);
/// How long a connection may wait for its next request.
const IDLE_LIMIT: Duration = Duration::from_secs(60);
/// How long it may when the server ends: what a client has already sent is on its way.
const IDLE_LIMIT_AT_THE_END: Duration = Duration::from_secs(1);

/// What a connection is doing.
pub(super) struct Pace {
    state: Mutex<State>,
    evicted: Notify,
}

struct State {
    phase: Phase,
    since: Instant,
    /// Since when the server ends.
    closing: Option<Instant>,
    evicted: bool,
    /// An answer has ended since it was last asked.
    answered: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing has come yet.
    New,
    /// A head has begun.
    Head,
    /// So many requests are being answered: one, unless clients send the next before they have the answer.
    Answering(u32),
    /// The next head has not begun.
    Waiting,
}

/// How long a connection may go on without a byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    /// As long as the answer takes.
    None,
    /// Then the client is too slow.
    Late(Instant),
    /// Then nobody will miss it.
    Idle(Instant),
}

impl Pace {
    pub(super) fn new() -> Self {
        let state = State { phase: Phase::New, since: Instant::now(), closing: None, evicted: false, answered: false };
        Self { state: Mutex::new(state), evicted: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time before does not count: it was the handshake's.
    pub(super) fn begin(&self) {
        self.state().since = Instant::now();
    }

    /// Bytes have come.
    pub(super) fn received(&self) {
        let mut state = self.state();
        if matches!(state.phase, Phase::New | Phase::Waiting) {
            (state.phase, state.since) = (Phase::Head, Instant::now());
        }
    }

    /// A head is complete; the request is being answered until the guard is dropped.
    pub(super) fn answering(pace: &Arc<Self>) -> Answering {
        let mut state = pace.state();
        state.phase = Phase::Answering(state.answering() + 1);
        drop(state);
        Answering(Arc::clone(pace))
    }

    /// Whether an answer has ended since this was last asked.
    pub(super) fn has_answered(&self) -> bool {
        std::mem::take(&mut self.state().answered)
    }

    /// The server ends.
    pub(super) fn close(&self) {
        self.state().closing = Some(Instant::now());
    }

    pub(super) fn is_closing(&self) -> bool {
        self.state().closing.is_some()
    }

    /// Closes the connection unless a request comes first.
    pub(super) fn evict(&self) {
        self.state().evicted = true;
        self.evicted.notify_one();
    }

    /// Done when [`Self::evict`] was called.
    pub(super) async fn evicted(&self) {
        self.evicted.notified().await;
    }

    /// Since when it only waits for the next request; none while it does anything else, or is being closed.
    pub(super) fn waiting_since(&self) -> Option<Instant> {
        let state = self.state();
        (state.phase == Phase::Waiting && !state.evicted).then_some(state.since)
    }

    pub(super) fn limit(&self) -> Limit {
        let state = self.state();
        match state.phase {
            Phase::Answering(_) => Limit::None,
            Phase::Head => Limit::Late(state.since + HEAD_LIMIT),
            Phase::Waiting if state.evicted => Limit::Idle(state.since),
            Phase::New | Phase::Waiting => {
                let usual = state.since + if state.phase == Phase::New { HEAD_LIMIT } else { IDLE_LIMIT };
                let at_the_end = state.closing.map(|closing| closing.max(state.since) + IDLE_LIMIT_AT_THE_END);
                Limit::Idle(at_the_end.map_or(usual, |end| end.min(usual)))
            }
        }
    }
}

impl State {
    fn answering(&self) -> u32 {
        if let Phase::Answering(count) = self.phase { count } else { 0 }
    }
}

/// A request that is being answered.
pub(super) struct Answering(Arc<Pace>);

impl Drop for Answering {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.answered = true;
        let left = state.answering().saturating_sub(1);
        (state.phase, state.since) = if left == 0 { (Phase::Waiting, Instant::now()) } else { (Phase::Answering(left), state.since) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(limit: Limit) -> Option<(bool, u64)> {
        let left = |instant: Instant| instant.saturating_duration_since(Instant::now()).as_secs();
        match limit {
            Limit::None => None,
            Limit::Late(instant) => Some((true, left(instant))),
            Limit::Idle(instant) => Some((false, left(instant))),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_phase_has_its_limit() {
        let pace = Arc::new(Pace::new());
        assert_eq!(seconds(pace.limit()), Some((false, 5)), "the first head");
        pace.received();
        tokio::time::advance(Duration::from_secs(2)).await;
        pace.received();
        assert_eq!(seconds(pace.limit()), Some((true, 3)), "a head that has begun, whatever comes of it");
        let answering = Pace::answering(&pace);
        pace.received();
        assert_eq!(pace.limit(), Limit::None);
        drop(answering);
        assert_eq!(seconds(pace.limit()), Some((false, 60)), "the next request");
        pace.close();
        assert_eq!(seconds(pace.limit()), Some((false, 1)), "what is on its way");
        pace.received();
        assert_eq!(seconds(pace.limit()), Some((true, 5)));
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_connection_that_waits_is_evicted() {
        let pace = Arc::new(Pace::new());
        assert!(pace.waiting_since().is_none());
        let (first, second) = (Pace::answering(&pace), Pace::answering(&pace));
        drop(first);
        assert!(pace.waiting_since().is_none(), "the second is still being answered");
        drop(second);
        assert!(pace.has_answered() && !pace.has_answered());
        assert!(pace.waiting_since().is_some());
        pace.evict();
        pace.evicted().await;
        assert_eq!(seconds(pace.limit()), Some((false, 0)));
    }
}
