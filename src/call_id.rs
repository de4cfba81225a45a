//! The id of the call being served, the trace it belongs to, and the time it spends in the cluster, carried by the task, so
//! that an engine can tag and time its requests without every layer passing them on. Knows neither MCP nor the engine.

use std::{
    fmt,
    future::Future,
    hash::{BuildHasher, Hasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crate::trace_context::TraceContext;

/// The id of one call: 16 hexadecimal digits, random enough to find one call in two logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallId(u64);

/// How long a call waited for the cluster, all its requests together: more than the call took, where some ran side by side.
#[derive(Debug, Clone, Default)]
pub struct ClusterTime(Arc<AtomicU64>);

/// A request on its way to the cluster. Its time counts until it is dropped, so also when the request is cancelled.
#[derive(Debug)]
pub struct ClusterTimer(Option<(ClusterTime, Instant)>);

tokio::task_local! {
    static CURRENT: (CallId, TraceContext, ClusterTime);
}

impl CallId {
    /// A new id.
    pub fn random() -> Self {
        Self(random())
    }

    /// The id of the call that the current task serves, or a new one outside any.
    pub fn current() -> Self {
        CURRENT.try_with(|(id, ..)| *id).unwrap_or_else(|_| Self::random())
    }

    /// Runs a future as part of this call, in a trace of its own.
    pub async fn scope<F: Future>(self, future: F) -> F::Output {
        self.scope_counting(TraceContext::random(), &ClusterTime::default(), future).await
    }

    /// The same in its caller's trace, and counts the time that it spends in the cluster.
    pub async fn scope_counting<F: Future>(self, trace: TraceContext, time: &ClusterTime, future: F) -> F::Output {
        CURRENT.scope((self, trace, time.clone()), future).await
    }
}

impl TraceContext {
    /// The trace of the call that the current task serves, or a new one outside any.
    pub fn current() -> Self {
        CURRENT.try_with(|(_, trace, _)| trace.clone()).unwrap_or_else(|_| Self::random())
    }
}

impl ClusterTime {
    /// What was counted so far.
    pub fn total(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }

    /// Counts for the call that the current task serves; outside any, nothing.
    pub fn count() -> ClusterTimer {
        ClusterTimer(CURRENT.try_with(|(.., time)| (time.clone(), Instant::now())).ok())
    }
}

impl Drop for ClusterTimer {
    fn drop(&mut self) {
        if let Some((ClusterTime(total), began)) = &self.0 {
            total.fetch_add(u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A number nobody depends on: the standard library's own hash seed. Not for secrets.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_call_keeps_its_id_for_all_it_awaits() {
        let id = CallId::random();
        assert_eq!(id.scope(async { CallId::current() }).await, id);
    }

    #[tokio::test]
    async fn a_call_keeps_its_callers_trace_for_all_it_awaits() {
        let (trace, time) = (TraceContext::random(), ClusterTime::default());
        assert_eq!(CallId::random().scope_counting(trace.clone(), &time, async { TraceContext::current() }).await, trace);
    }

    #[tokio::test]
    async fn time_in_the_cluster_adds_up_over_a_calls_requests() {
        let time = ClusterTime::default();
        let request = || {
            let mut timer = ClusterTime::count();
            let (_, began) = timer.0.as_mut().unwrap();
            *began -= Duration::from_millis(20);
        };
        CallId::random().scope_counting(TraceContext::random(), &time, async { (request(), request()) }).await;
        assert!(time.total() >= Duration::from_millis(40), "{:?}", time.total());
        assert!(ClusterTime::count().0.is_none(), "outside a call nothing is counted");
    }

    #[tokio::test]
    async fn outside_a_call_every_id_is_new() {
        assert_ne!(CallId::current(), CallId::current());
    }
}
