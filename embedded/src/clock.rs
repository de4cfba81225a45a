//! When a search has to end. Knows no search.

use std::time::{Duration, Instant};

use crate::failure::Stop;

/// A deadline.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    started: Instant,
    limit: Option<Duration>,
}

impl Clock {
    /// Starts now; with a limit, ends then.
    pub(crate) fn start(limit: Option<Duration>) -> Self {
        Self { started: Instant::now(), limit }
    }

    /// Never ends.
    pub(crate) fn unlimited() -> Self {
        Self::start(None)
    }

    /// Whether time is up.
    pub(crate) fn check(&self) -> Result<(), Stop> {
        match self.limit {
            Some(limit) if self.started.elapsed() >= limit => Err(Stop::TimeUp),
            _ => Ok(()),
        }
    }

    /// Whole milliseconds since the start.
    pub(crate) fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
