//! How many connections there may be, in all and of one address. Knows which of them only wait, and closes those first.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ipnet::IpNet;
use tokio::{sync::Notify, time::Instant};

use super::pace::Pace;
use crate::server::http::is_proxy;

/// Connections at once.
const IN_ALL: usize = 2_048;
/// Connections of one address at once; a proxy's are those of many clients.
const OF_ONE_ADDRESS: usize = 256;

pub(super) struct Caps {
    proxies: Vec<IpNet>,
    open: Mutex<Open>,
    freed: Notify,
}

#[derive(Default)]
struct Open {
    connections: HashMap<u64, (IpAddr, Arc<Pace>)>,
    by_address: HashMap<IpAddr, usize>,
    next: u64,
}

impl Caps {
    pub(super) fn new(proxies: Vec<IpNet>) -> Self {
        Self { proxies, open: Mutex::default(), freed: Notify::new() }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there may be one more connection. The one that has waited longest for a request makes room.
    pub(super) async fn room(&self) {
        loop {
            let freed = self.freed.notified();
            {
                let open = self.open();
                if open.connections.len() < IN_ALL {
                    return;
                }
                open.evict(1, |_| true);
            }
            freed.await;
        }
    }

    /// Counts a connection in, unless its address has too many and none of them only waits.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr, pace: &Arc<Pace>) -> Option<Slot> {
        let mut open = self.open();
        let count = open.by_address.get(&address).copied().unwrap_or(0);
        if count >= OF_ONE_ADDRESS && !is_proxy(address, &self.proxies) && open.evict(1, |other| other == address) == 0 {
            return None;
        }
        let id = open.next;
        open.next += 1;
        open.connections.insert(id, (address, Arc::clone(pace)));
        *open.by_address.entry(address).or_default() += 1;
        Some(Slot { caps: Arc::clone(self), id })
    }

    /// Closes up to so many connections that only wait for a request, those first that have waited longest. How many.
    pub(super) fn evict(&self, most: usize) -> usize {
        self.open().evict(most, |_| true)
    }
}

impl Open {
    fn evict(&self, most: usize, of: impl Fn(IpAddr) -> bool) -> usize {
        let mut waiting: Vec<(Instant, &Arc<Pace>)> = self
            .connections
            .values()
            .filter(|(address, _)| of(*address))
            .filter_map(|(_, pace)| Some((pace.waiting_since()?, pace)))
            .collect();
        if waiting.len() > most && most > 0 {
            waiting.select_nth_unstable_by_key(most - 1, |(since, _)| *since);
        }
        waiting.iter().take(most).map(|(_, pace)| pace.evict()).count()
    }
}

/// One connection's place; free again when dropped.
pub(super) struct Slot {
    caps: Arc<Caps>,
    id: u64,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut open = self.caps.open();
        if let Some((address, _)) = open.connections.remove(&self.id)
            && let Some(count) = open.by_address.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                open.by_address.remove(&address);
            }
        }
        drop(open);
        self.caps.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caps(proxies: &[&str]) -> Arc<Caps> {
        Arc::new(Caps::new(proxies.iter().map(|network| network.parse().unwrap()).collect()))
    }

    fn busy() -> Arc<Pace> {
        Arc::new(Pace::new())
    }

    fn waiting() -> Arc<Pace> {
        let pace = busy();
        drop(Pace::answering(&pace));
        pace
    }

    #[test]
    fn an_address_has_its_share_and_a_proxy_any_number() {
        let (caps, [client, proxy]) = (caps(&["10.0.0.1/32"]), ["192.0.2.1", "10.0.0.1"].map(|text| text.parse::<IpAddr>().unwrap()));
        let mut slots: Vec<_> = (0..OF_ONE_ADDRESS).map(|_| caps.take(client, &busy()).unwrap()).collect();
        assert!(caps.take(client, &busy()).is_none());
        slots.pop();
        assert!(caps.take(client, &busy()).is_some());
        let of_proxy: Vec<_> = (0..2 * OF_ONE_ADDRESS).map(|_| caps.take(proxy, &busy()).unwrap()).collect();
        drop((slots, of_proxy));
        assert!(caps.open().by_address.is_empty() && caps.open().connections.is_empty());
    }

    #[test]
    fn one_that_only_waits_makes_room_and_does_so_once() {
        let (caps, client) = (caps(&[]), "192.0.2.1".parse::<IpAddr>().unwrap());
        let idle = waiting();
        let _idle = caps.take(client, &idle).unwrap();
        let _slots: Vec<_> = (1..OF_ONE_ADDRESS).map(|_| caps.take(client, &busy()).unwrap()).collect();
        assert!(caps.take(client, &busy()).is_some());
        assert!(idle.waiting_since().is_none(), "it is on its way out");
        let _more = caps.take(client, &busy());
        assert!(caps.take(client, &busy()).is_none());
    }

    #[tokio::test]
    async fn a_full_server_takes_one_more_when_one_ends() {
        let caps = caps(&[]);
        let mut slots: Vec<_> = (0..IN_ALL)
            .map(|number| caps.take(IpAddr::from([10, 0, (number / 200) as u8, (number % 200) as u8]), &busy()).unwrap())
            .collect();
        assert!(futures_util::FutureExt::now_or_never(caps.room()).is_none());
        let room = tokio::spawn({
            let caps = Arc::clone(&caps);
            async move { caps.room().await }
        });
        slots.pop();
        room.await.unwrap();
    }
}
