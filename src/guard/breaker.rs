//! A circuit breaker: stops asking an engine that mostly fails, and tries again after a while. Knows no request.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use elk_mcp_tools::engine::{EngineError, EngineErrorKind};
use tokio::time::Instant;

/// Outcomes are counted over this time.
const WINDOW: Duration = Duration::from_secs(10);
/// Below this many outcomes nothing is concluded.
const FEWEST: usize = 20;
/// How long nothing is sent once it has opened.
const OPEN: Duration = Duration::from_secs(5);

/// Opens when at least half of at least twenty requests of the last ten seconds failed; lets one request through after
/// five seconds, whose outcome decides.
#[derive(Debug, Default)]
pub(super) struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    outcomes: VecDeque<(Instant, bool)>,
    failures: usize,
    opened: Option<Instant>,
    probing: bool,
}

/// A request on its way. Dropped without an end (its caller went away), it counts as nothing.
#[derive(Debug)]
pub(super) struct Attempt<'a> {
    breaker: &'a Breaker,
    probe: bool,
    ended: bool,
}

impl Breaker {
    /// Whether a request may be sent now.
    pub(super) fn begin(&self) -> Result<Attempt<'_>, EngineError> {
        let mut state = self.lock();
        let probe = match state.opened {
            None => false,
            Some(opened) if opened.elapsed() >= OPEN && !state.probing => true,
            Some(_) => {
                return Err(EngineError::new(EngineErrorKind::Unavailable, "the circuit breaker is open: most recent requests failed"));
            }
        };
        state.probing |= probe;
        Ok(Attempt { breaker: self, probe, ended: false })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt<'_> {
    /// Tells how it went.
    pub(super) fn end(mut self, succeeded: bool) {
        self.ended = true;
        let mut state = self.breaker.lock();
        let now = Instant::now();
        if self.probe {
            state.probing = false;
            if succeeded {
                *state = State::default();
                tracing::info!("circuit breaker closed: the cluster answers again");
            } else {
                state.opened = Some(now);
            }
            return;
        }
        if state.opened.is_some() {
            return;
        }
        state.outcomes.push_back((now, succeeded));
        state.failures += usize::from(!succeeded);
        while state.outcomes.front().is_some_and(|(at, _)| now.duration_since(*at) > WINDOW) {
            if let Some((_, false)) = state.outcomes.pop_front() {
                state.failures -= 1;
            }
        }
        if state.outcomes.len() >= FEWEST && state.failures * 2 >= state.outcomes.len() {
            tracing::warn!(failures = state.failures, requests = state.outcomes.len(), "circuit breaker opened");
            state.opened = Some(now);
            state.outcomes.clear();
            state.failures = 0;
        }
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if self.probe && !self.ended {
            self.breaker.lock().probing = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(breaker: &Breaker, outcomes: impl IntoIterator<Item = bool>) {
        for succeeded in outcomes {
            breaker.begin().unwrap().end(succeeded);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_opens_when_half_of_twenty_failed_and_closes_after_a_probe_that_succeeds() {
        let breaker = Breaker::default();
        end(&breaker, (0..19).map(|number| number % 2 == 0));
        assert!(breaker.begin().is_ok());
        end(&breaker, [false]);
        assert_eq!(breaker.begin().unwrap_err().kind, EngineErrorKind::Unavailable);

        tokio::time::advance(OPEN).await;
        let probe = breaker.begin().unwrap();
        assert!(breaker.begin().is_err(), "one probe at a time");
        probe.end(false);
        assert!(breaker.begin().is_err());

        tokio::time::advance(OPEN).await;
        drop(breaker.begin().unwrap());
        breaker.begin().unwrap().end(true);
        assert!(breaker.begin().is_ok() && breaker.begin().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn few_or_old_failures_do_not_open_it() {
        let breaker = Breaker::default();
        end(&breaker, [false; 19]);
        tokio::time::advance(WINDOW + Duration::from_millis(1)).await;
        end(&breaker, [false; 19]);
        assert!(breaker.begin().is_ok());
    }
}
