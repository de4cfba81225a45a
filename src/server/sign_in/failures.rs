//! How often an address may fail to sign in before it is told to wait. Knows no key.
//!
//! A good key is never blocked: it is looked at first, and only a failure comes here. What this limits is what failures cost:
//! lines in the log, and an attacker's pace.

use std::{
    net::IpAddr,
    num::NonZeroUsize,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use lru::LruCache;
use tokio::time::Instant;

use crate::server::bucket::{Bucket, Rate};

/// Failures at once, and then one in three seconds.
const RATE: Rate = Rate { interval: Duration::from_secs(3), burst: 20 };
/// Addresses that are remembered. Who has more of them than this gets twenty more failures for each.
const MOST_ADDRESSES: NonZeroUsize = match NonZeroUsize::new(4_096) {
    Some(most) => most,
    None => NonZeroUsize::MIN,
};

/// Failures by address.
pub(super) struct Failures(Mutex<LruCache<IpAddr, Bucket>>);

impl Default for Failures {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(MOST_ADDRESSES)))
    }
}

impl Failures {
    /// Counts a failure.
    ///
    /// # Errors
    /// How long the client shall wait, when there were too many.
    pub(super) fn count(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.get_or_insert_mut(network(address), || Bucket::full(now)).take(RATE, now)
    }
}

/// One subscriber has a whole /64 of IPv6 addresses (RFC 6177).
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failures(failures: &Failures, address: &str, now: Instant) -> usize {
        (0..100).filter(|_| failures.count(address.parse().unwrap(), now).is_ok()).count()
    }

    #[test]
    fn an_address_may_fail_twenty_times_and_another_as_often() {
        let (all, now) = (Failures::default(), Instant::now());
        assert_eq!(failures(&all, "192.0.2.1", now), 20);
        assert_eq!(failures(&all, "192.0.2.1", now), 0);
        assert_eq!(failures(&all, "192.0.2.2", now), 20);
        assert_eq!(failures(&all, "192.0.2.1", now + Duration::from_secs(6)), 2);
    }

    #[test]
    fn the_addresses_of_one_network_count_as_one() {
        let (all, now) = (Failures::default(), Instant::now());
        assert_eq!(failures(&all, "2001:db8::1", now), 20);
        assert_eq!(failures(&all, "2001:db8::ffff:2", now), 0);
        assert_eq!(failures(&all, "2001:db8:0:1::1", now), 20);
        assert_eq!(failures(&all, "192.0.2.1", now), 20);
        assert_eq!(failures(&all, "::ffff:192.0.2.1", now), 0);
    }

    #[test]
    fn no_more_addresses_are_remembered_than_there_is_room_for() {
        let (all, now) = (Failures::default(), Instant::now());
        for number in 0..20_000u32 {
            all.count(IpAddr::V4(number.into()), now).unwrap();
        }
        assert_eq!(all.0.lock().unwrap().len(), MOST_ADDRESSES.get());
    }
}
