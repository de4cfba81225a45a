//! How much each caller may ask for: calls a second, calls at once, and a short queue that is fair between callers. Knows no
//! transport and no tool.

mod queue;
mod retry_after;

use std::{fmt, future::Future, sync::Arc, time::Duration};

use elk_mcp_tools::error::{Code, ToolError};

use super::bucket::Rate;
pub use queue::Permit;
use queue::Queue;
pub use retry_after::RetryAfter;
pub(super) use retry_after::tell;

/// What may run and wait at once.
#[derive(Debug, Clone, Copy)]
struct Caps {
    /// Calls at once.
    running: usize,
    /// Of them, of one caller.
    running_of_one: usize,
    /// Calls that wait.
    waiting: usize,
    /// How long one waits.
    wait: Duration,
}

const CAPS: Caps = Caps { running: 64, running_of_one: 16, waiting: 64, wait: Duration::from_secs(2) };

/// How many calls a caller may make: so many a second in the long run, and so many at once after a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit(Rate);

/// The limits of one server. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Limits(Arc<Queue>);

/// A call that is not made, and when it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limited {
    why: Why,
    retry_after: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// The caller made more calls than it may.
    Rate,
    /// As many calls run and wait as may.
    Busy,
}

impl Limits {
    /// With limits for each caller; without a rate, one caller may also have all places.
    pub fn new(rate: Option<RateLimit>) -> Self {
        let running_of_one = if rate.is_some() { CAPS.running_of_one } else { CAPS.running };
        Self(Arc::new(Queue::new(rate.map(|RateLimit(rate)| rate), Caps { running_of_one, ..CAPS })))
    }

    /// Lets a call begin, at once or after a short wait. Whoever drops the future gives its place in the queue away.
    ///
    /// # Errors
    /// When the caller called too often, or the server has no room.
    pub async fn enter(&self, caller: &str) -> Result<Permit, Limited> {
        self.0.enter(caller).await
    }

    /// Does a call's work within the limits; a call that is not made is an error that a model reads, and leaves its seconds
    /// where the transport finds them.
    ///
    /// # Errors
    /// Those of the work, and `rate_limited`.
    pub async fn around<T>(
        &self,
        caller: &str,
        retry_after: Option<&RetryAfter>,
        work: impl Future<Output = Result<T, ToolError>>,
    ) -> Result<T, ToolError> {
        let _permit = self.enter(caller).await.map_err(|limited| {
            if let Some(retry_after) = retry_after {
                retry_after.set(limited.retry_after_s());
            }
            limited.error()
        })?;
        work.await
    }
}

impl RateLimit {
    /// What there is where nothing else is said.
    pub const DEFAULT: Self = Self(Rate { interval: Duration::from_millis(50), burst: 100 });

    /// So many calls each `period`, and `burst` at once. None of a number that is no limit.
    pub fn new(calls: u32, period: Duration, burst: u32) -> Option<Self> {
        let interval = period.checked_div(calls)?;
        (burst > 0 && !interval.is_zero()).then_some(Self(Rate { interval, burst }))
    }
}

impl fmt::Display for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}/s burst {}", self.0.interval.as_secs_f64().recip(), self.0.burst)
    }
}

impl Limited {
    /// Whole seconds after which the same call may be made: at least one.
    pub fn retry_after_s(&self) -> u64 {
        self.retry_after.as_secs_f64().ceil().max(1.0) as u64
    }

    /// What a model reads.
    pub fn error(&self) -> ToolError {
        let seconds = self.retry_after_s();
        let message = match self.why {
            Why::Rate => "this client made more calls than it may",
            Why::Busy => "the server is answering as many calls as it can",
        };
        ToolError::new(Code::RateLimited, message, format!("wait {seconds} s, then make the same call again"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limited_call_says_when_to_make_it_again() {
        let limited = Limited { why: Why::Rate, retry_after: Duration::from_millis(2_100) };
        let error = limited.error();
        assert!(error.retryable && error.text().starts_with("rate_limited: ") && error.text().contains("wait 3 s"), "{}", error.text());
        assert_eq!(Limited { why: Why::Busy, retry_after: Duration::ZERO }.retry_after_s(), 1);
    }

    #[test]
    fn a_rate_is_calls_in_a_period() {
        assert_eq!(RateLimit::new(20, Duration::from_secs(1), 100), Some(RateLimit::DEFAULT));
        assert_eq!(RateLimit::DEFAULT.to_string(), "20.000/s burst 100");
        assert_eq!(RateLimit::new(0, Duration::from_secs(1), 100), None);
        assert_eq!(RateLimit::new(20, Duration::from_secs(1), 0), None);
    }
}
