//! Places for calls, and a queue for them in which callers take turns. Knows callers by name; knows no call.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::oneshot::{self, Receiver, Sender},
    time::{Instant, timeout},
};

use super::{Caps, Limited, Why};
use crate::server::bucket::{Bucket, Rate};

/// Callers that are remembered while they do nothing.
const IDLE_CALLERS: usize = 1_024;
/// After so long a busy server is worth another try.
const BUSY_RETRY: Duration = Duration::from_secs(1);

/// Places and the queue for them.
#[derive(Debug)]
pub(super) struct Queue {
    rate: Option<Rate>,
    caps: Caps,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    running: usize,
    waiting: usize,
    callers: HashMap<Arc<str>, Caller>,
    /// The callers who wait, in the order of their turns.
    turns: VecDeque<Arc<str>>,
    tickets: u64,
}

#[derive(Debug)]
struct Caller {
    bucket: Bucket,
    running: usize,
    waiting: VecDeque<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    ticket: u64,
    tell: Sender<Result<(), Limited>>,
}

/// A place, given back when it is dropped.
#[derive(Debug)]
pub struct Permit {
    queue: Arc<Queue>,
    caller: Arc<str>,
}

/// A call in the queue. Dropped before it has a place, it leaves the queue.
struct Waiting {
    queue: Arc<Queue>,
    caller: Arc<str>,
    ticket: u64,
    told: Receiver<Result<(), Limited>>,
    is_told: bool,
}

impl Queue {
    pub(super) fn new(rate: Option<Rate>, caps: Caps) -> Self {
        Self { rate, caps, state: Mutex::default() }
    }

    pub(super) async fn enter(self: &Arc<Self>, caller: &str) -> Result<Permit, Limited> {
        let mut waiting = match self.begin(caller)? {
            Begun::Running(permit) => return Ok(permit),
            Begun::Waiting(waiting) => waiting,
        };
        match timeout(self.caps.wait, &mut waiting.told).await {
            Ok(Ok(told)) => {
                waiting.is_told = true;
                told.map(|()| Permit { queue: Arc::clone(self), caller: Arc::clone(&waiting.caller) })
            }
            Ok(Err(_)) | Err(_) => Err(busy()),
        }
    }

    fn begin(self: &Arc<Self>, name: &str) -> Result<Begun, Limited> {
        let now = Instant::now();
        let mut guard = self.lock();
        let state = &mut *guard;
        let name = state.remember(name, now);
        let Some(caller) = state.callers.get_mut(&name) else { return Err(busy()) };
        if let Some(rate) = self.rate {
            caller.bucket.take(rate, now).map_err(|retry_after| Limited { why: Why::Rate, retry_after })?;
        }
        // Where there is room at all, others that wait have as many places as one may have.
        if state.running < self.caps.running && caller.running < self.caps.running_of_one && caller.waiting.is_empty() {
            state.running += 1;
            caller.running += 1;
            return Ok(Begun::Running(Permit { queue: Arc::clone(self), caller: name }));
        }
        let own = caller.waiting.len();
        if state.waiting >= self.caps.waiting {
            state.make_room(own)?;
        }
        let (tell, told) = oneshot::channel();
        state.tickets += 1;
        let ticket = state.tickets;
        state.waiting += 1;
        if own == 0 {
            state.turns.push_back(Arc::clone(&name));
        }
        if let Some(caller) = state.callers.get_mut(&name) {
            caller.waiting.push_back(Waiter { ticket, tell });
        }
        Ok(Begun::Waiting(Waiting { queue: Arc::clone(self), caller: name, ticket, told, is_told: false }))
    }

    fn leave(&self, name: &str) {
        let mut state = self.lock();
        state.running -= 1;
        if let Some(caller) = state.callers.get_mut(name) {
            caller.running -= 1;
        }
        state.give_places(&self.caps);
    }

    /// Takes a call out of the queue; false when it is not there any more.
    fn withdraw(&self, name: &str, ticket: u64) -> bool {
        let mut guard = self.lock();
        let state = &mut *guard;
        let Some(caller) = state.callers.get_mut(name) else { return false };
        let Some(position) = caller.waiting.iter().position(|waiter| waiter.ticket == ticket) else { return false };
        caller.waiting.remove(position);
        state.waiting -= 1;
        if caller.waiting.is_empty() {
            state.turns.retain(|waiting| **waiting != *name);
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Begun {
    Running(Permit),
    Waiting(Waiting),
}

impl State {
    /// The caller's name as it is kept.
    fn remember(&mut self, name: &str, now: Instant) -> Arc<str> {
        if let Some((name, _)) = self.callers.get_key_value(name) {
            return Arc::clone(name);
        }
        if self.callers.len() >= IDLE_CALLERS {
            self.callers.retain(|_, caller| caller.running > 0 || !caller.waiting.is_empty() || !caller.bucket.is_full(now));
        }
        let name: Arc<str> = name.into();
        self.callers.insert(Arc::clone(&name), Caller { bucket: Bucket::full(now), running: 0, waiting: VecDeque::new() });
        name
    }

    /// Makes room in a full queue for a caller with `own` calls in it: who has more than that gives up its latest.
    fn make_room(&mut self, own: usize) -> Result<(), Limited> {
        let longest = self.callers.values_mut().max_by_key(|caller| caller.waiting.len()).ok_or_else(busy)?;
        if longest.waiting.len() <= own + 1 {
            return Err(busy());
        }
        if let Some(last) = longest.waiting.pop_back() {
            self.waiting -= 1;
            // It listens until it has left the queue.
            let _ = last.tell.send(Err(busy()));
        }
        Ok(())
    }

    /// Gives free places away, to one caller after the other.
    fn give_places(&mut self, caps: &Caps) {
        let mut passed = 0;
        while self.running < caps.running && passed < self.turns.len() {
            let Some(name) = self.turns.pop_front() else { return };
            let Some(caller) = self.callers.get_mut(&name) else { continue };
            if caller.running >= caps.running_of_one {
                self.turns.push_back(name);
                passed += 1;
                continue;
            }
            if let Some(first) = caller.waiting.pop_front() {
                self.waiting -= 1;
                if first.tell.send(Ok(())).is_ok() {
                    caller.running += 1;
                    self.running += 1;
                }
            }
            if !caller.waiting.is_empty() {
                self.turns.push_back(name);
            }
            passed = 0;
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.queue.leave(&self.caller);
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.is_told || self.queue.withdraw(&self.caller, self.ticket) {
            return;
        }
        // It was told in the moment in which it gave up.
        if matches!(self.told.try_recv(), Ok(Ok(()))) {
            self.queue.leave(&self.caller);
        }
    }
}

fn busy() -> Limited {
    Limited { why: Why::Busy, retry_after: BUSY_RETRY }
}

#[cfg(test)]
mod tests {
    use std::future::Future;

    use futures_util::FutureExt as _;

    use super::*;

    const CAPS: Caps = Caps { running: 4, running_of_one: 2, waiting: 4, wait: Duration::from_secs(2) };

    fn queue(rate: Option<Rate>) -> Arc<Queue> {
        Arc::new(Queue::new(rate, CAPS))
    }

    /// A place that is there at once.
    #[track_caller]
    fn take(queue: &Arc<Queue>, caller: &str) -> Permit {
        queue.enter(caller).now_or_never().expect("there is room").unwrap()
    }

    /// A call that has to wait.
    #[track_caller]
    fn wait<'a>(queue: &'a Arc<Queue>, caller: &'a str) -> std::pin::Pin<Box<dyn Future<Output = Result<Permit, Limited>> + 'a>> {
        let mut waiting = Box::pin(queue.enter(caller));
        assert!(waiting.as_mut().now_or_never().is_none(), "{caller} has to wait");
        waiting
    }

    #[tokio::test(start_paused = true)]
    async fn one_caller_gets_its_share_and_others_theirs() {
        let queue = queue(None);
        let (_a, _b) = (take(&queue, "a"), take(&queue, "a"));
        let third = wait(&queue, "a");
        let (_c, _d) = (take(&queue, "b"), take(&queue, "b"));
        drop(third);
        let state = queue.lock();
        assert_eq!((state.running, state.waiting), (4, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn callers_take_turns() {
        let queue = queue(None);
        let held = [take(&queue, "a"), take(&queue, "a"), take(&queue, "b"), take(&queue, "b")];
        let (mut a1, mut a2, mut b1, mut c1) = (wait(&queue, "a"), wait(&queue, "a"), wait(&queue, "b"), wait(&queue, "c"));
        let [first, second, third, fourth] = held;
        drop(first);
        let _a1 = a1.as_mut().now_or_never().expect("a is first").unwrap();
        drop(third);
        let _b1 = b1.as_mut().now_or_never().expect("then b").unwrap();
        drop(second);
        let _c1 = c1.as_mut().now_or_never().expect("then c").unwrap();
        assert!(a2.as_mut().now_or_never().is_none());
        drop(fourth);
        a2.as_mut().now_or_never().expect("then a again").unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_queue_refuses_the_greedy_at_once_and_has_room_for_the_modest() {
        let queue = queue(None);
        let _held = [take(&queue, "a"), take(&queue, "a"), take(&queue, "b"), take(&queue, "b")];
        let mut greedy = [wait(&queue, "a"), wait(&queue, "a"), wait(&queue, "a"), wait(&queue, "a")];
        assert_eq!(queue.enter("a").now_or_never().expect("no wait").unwrap_err(), busy());
        let mut modest = wait(&queue, "c");
        let latest = greedy[3].as_mut().now_or_never().expect("told at once");
        assert_eq!(latest.unwrap_err(), busy());
        assert!(greedy[2].as_mut().now_or_never().is_none() && modest.as_mut().now_or_never().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_longer_than_the_limit() {
        let queue = queue(None);
        let _held = [take(&queue, "a"), take(&queue, "a")];
        let began = Instant::now();
        assert_eq!(queue.enter("a").await.unwrap_err(), busy());
        assert_eq!(began.elapsed(), CAPS.wait);
        assert_eq!(queue.lock().waiting, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_is_cancelled_frees_its_place() {
        let queue = queue(None);
        let held = [take(&queue, "a"), take(&queue, "a")];
        let (gone, mut stays) = (wait(&queue, "a"), wait(&queue, "a"));
        drop(gone);
        let [first, second] = held;
        drop(first);
        let permit = stays.as_mut().now_or_never().expect("its turn").unwrap();
        // Told, and gone before it could hear it.
        let told = wait(&queue, "a");
        drop(second);
        drop(told);
        drop(permit);
        let state = queue.lock();
        assert_eq!((state.running, state.waiting, state.turns.len()), (0, 0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn each_caller_has_a_rate_of_its_own() {
        let queue = queue(Some(Rate { interval: Duration::from_millis(50), burst: 3 }));
        for _ in 0..3 {
            take(&queue, "a");
        }
        let limited = queue.enter("a").now_or_never().unwrap().unwrap_err();
        assert_eq!(limited, Limited { why: Why::Rate, retry_after: Duration::from_millis(50) });
        take(&queue, "b");
        tokio::time::advance(Duration::from_millis(50)).await;
        take(&queue, "a");
    }

    #[tokio::test(start_paused = true)]
    async fn callers_that_do_nothing_are_forgotten() {
        let queue = queue(None);
        for number in 0..10 * IDLE_CALLERS {
            take(&queue, &number.to_string());
        }
        assert!(queue.lock().callers.len() <= IDLE_CALLERS);
    }
}
