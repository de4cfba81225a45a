//! When another attempt is allowed, and after which pause. Knows no request.

use std::{sync::Mutex, time::Duration};

use tokio::time::Instant;

use crate::call_id::random;

/// Over this time the budget is counted.
const WINDOW: Duration = Duration::from_secs(10);
/// Retries that are always allowed within a window.
const ALWAYS: u32 = 10;
/// One retry is allowed for so many calls.
const CALLS_PER_RETRY: u32 = 10;
/// The longest `Retry-After` that is heeded.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Keeps retries to a tenth of the calls, so that they cannot multiply the load on a cluster in trouble.
#[derive(Debug, Default)]
pub(super) struct RetryBudget(Mutex<Window>);

#[derive(Debug)]
struct Window {
    began: Instant,
    calls: u32,
    retries: u32,
}

impl Default for Window {
    fn default() -> Self {
        Self { began: Instant::now(), calls: 0, retries: 0 }
    }
}

impl RetryBudget {
    pub(super) fn count_call(&self) {
        self.with(|window| window.calls += 1);
    }

    pub(super) fn allow_retry(&self) -> bool {
        self.with(|window| {
            let allowed = window.retries < ALWAYS.max(window.calls / CALLS_PER_RETRY);
            if allowed {
                window.retries += 1;
            }
            allowed
        })
    }

    fn with<T>(&self, f: impl FnOnce(&mut Window) -> T) -> T {
        let mut window = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if window.began.elapsed() > WINDOW {
            *window = Window::default();
        }
        f(&mut window)
    }
}

/// The pause before the attempt after `tried` attempts: what the node asked for, or else full jitter between nothing
/// and 100 ms, 200 ms, … up to 2 s.
pub(super) fn pause(tried: u32, asked: Option<Duration>) -> Duration {
    if let Some(asked) = asked {
        return asked.min(LONGEST_WAIT);
    }
    let most = 100_u64.saturating_mul(1 << tried.saturating_sub(1).min(5)).min(2_000);
    Duration::from_millis(random() % (most + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn ten_retries_are_always_allowed_and_then_one_for_ten_calls() {
        let budget = RetryBudget::default();
        let allowed = |tries: u32| (0..tries).filter(|_| budget.allow_retry()).count();
        assert_eq!(allowed(20), 10);
        for _ in 0..120 {
            budget.count_call();
        }
        assert_eq!(allowed(20), 2);
        tokio::time::advance(WINDOW + Duration::from_millis(1)).await;
        assert_eq!(allowed(20), 10);
    }

    #[test]
    fn a_pause_never_exceeds_its_bound() {
        for tried in 1..40 {
            assert!(pause(tried, None) <= Duration::from_secs(2));
        }
        assert!(pause(1, None) <= Duration::from_millis(100));
        assert_eq!(pause(1, Some(Duration::from_secs(3))), Duration::from_secs(3));
        assert_eq!(pause(1, Some(Duration::from_secs(600))), LONGEST_WAIT);
    }
}
