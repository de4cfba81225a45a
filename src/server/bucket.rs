//! A token bucket that holds one moment instead of a count: the generic cell rate algorithm (ITU-T I.371). Knows no caller.

use std::time::Duration;

use tokio::time::Instant;

/// How fast a bucket fills, and how much it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) struct Rate {
    /// The time in which one token comes.
    pub(in crate::server) interval: Duration,
    /// Tokens in a full bucket.
    pub(in crate::server) burst: u32,
}

/// A bucket: full at first.
#[derive(Debug, Clone, Copy)]
pub(in crate::server) struct Bucket {
    full_at: Instant,
}

impl Bucket {
    /// A full bucket.
    pub(in crate::server) fn full(now: Instant) -> Self {
        Self { full_at: now }
    }

    /// Takes a token.
    ///
    /// # Errors
    /// How long it is until there is one.
    pub(in crate::server) fn take(&mut self, rate: Rate, now: Instant) -> Result<(), Duration> {
        let full_at = self.full_at.max(now) + rate.interval;
        let missing = full_at - now;
        match missing.checked_sub(rate.interval * rate.burst) {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => {
                self.full_at = full_at;
                Ok(())
            }
        }
    }

    /// Whether it is as good as a new one.
    pub(in crate::server) fn is_full(&self, now: Instant) -> bool {
        self.full_at <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { interval: Duration::from_millis(50), burst: 100 };

    #[test]
    fn a_full_bucket_gives_its_burst_and_then_its_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::full(start);
        assert!((0..100).all(|_| bucket.take(RATE, start).is_ok()));
        assert_eq!(bucket.take(RATE, start), Err(RATE.interval));
        let later = start + Duration::from_secs(1);
        assert_eq!((0..100).filter(|_| bucket.take(RATE, later).is_ok()).count(), 20);
        assert_eq!(bucket.take(RATE, later + Duration::from_millis(20)), Err(Duration::from_millis(30)));
    }

    #[test]
    fn an_idle_bucket_is_full_again_and_no_fuller() {
        let start = Instant::now();
        let mut bucket = Bucket::full(start);
        assert!(bucket.take(RATE, start).is_ok());
        let much_later = start + Duration::from_secs(3_600);
        assert_eq!((0..200).filter(|_| bucket.take(RATE, much_later).is_ok()).count(), 100);
    }
}
