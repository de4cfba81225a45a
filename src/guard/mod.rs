//! The guard: an engine around an engine that lets through only what may be asked, and only as much of it. Knows no
//! transport and no tool.
//!
//! Four things are checked: that each index expression lies within the allow-list; that what it resolves to (targets
//! of aliases, indices behind data streams) does too; that a request stays under the [`Caps`]; and, when a reply comes
//! back, that every hit is of an allowed index. Beside that it limits how many requests run at once and stops asking
//! for a while when most of them fail.

mod allow_list;
mod breaker;
mod caps;
mod hits;
mod resolution;

use std::{pin::pin, time::Duration};

use elk_mcp_tools::{
    dsl::{IndexExpression, Request, ResolveIndex, Search},
    engine::{BoxFuture, Engine, EngineError, EngineErrorKind, Reply},
};
use tokio::sync::Semaphore;

use crate::call_id::ClusterTime;
use breaker::Breaker;
use resolution::Resolutions;

pub use allow_list::AllowList;
pub use caps::Caps;

/// Requests at once.
const CONCURRENCY: usize = 64;
/// How long a request waits for one of them to end.
const QUEUE_LIMIT: Duration = Duration::from_secs(2);
/// By how much a search must end before its call does, so that its partial reply still arrives.
const HEAD_START: Duration = Duration::from_secs(2);
/// The least time a search is given.
const SHORTEST_SEARCH: Duration = Duration::from_millis(500);

/// An engine that answers only what the allow-list and the caps permit.
#[derive(Debug)]
pub struct Guard<E> {
    inner: E,
    /// None: a bundle, whose every index was named on the command line.
    allowed: Option<AllowList>,
    caps: Caps,
    resolutions: Resolutions,
    permits: Semaphore,
    breaker: Breaker,
}

impl<E: Engine> Guard<E> {
    /// Guards a cluster.
    pub fn new(inner: E, allowed: AllowList, caps: Caps) -> Self {
        Self::with(inner, Some(allowed), caps)
    }

    /// Guards an engine whose every index may be read: caps and limits only.
    pub fn open(inner: E, caps: Caps) -> Self {
        Self::with(inner, None, caps)
    }

    fn with(inner: E, allowed: Option<AllowList>, caps: Caps) -> Self {
        Self {
            inner,
            allowed,
            caps,
            resolutions: Resolutions::default(),
            permits: Semaphore::new(CONCURRENCY),
            breaker: Breaker::default(),
        }
    }

    async fn guarded(&self, request: &Request, time_limit: Duration) -> Result<Reply, EngineError> {
        let began = tokio::time::Instant::now();
        // Names before caps: what is outside the list is told nothing else.
        if let Some(allowed) = &self.allowed {
            for expression in expressions(request) {
                allowed.check(expression)?;
            }
        }
        self.caps.check(request)?;
        let permit = tokio::time::timeout(QUEUE_LIMIT.min(time_limit), self.permits.acquire()).await;
        let Ok(Ok(_permit)) = permit else {
            return Err(EngineError::new(EngineErrorKind::Busy, format!("{CONCURRENCY} requests are running")));
        };
        let request = self.narrowed(request, time_limit).await?;
        let request = with_timeouts(request, time_limit.saturating_sub(began.elapsed()));
        let reply = self.counted(&request, time_limit.saturating_sub(began.elapsed())).await?;
        match (&self.allowed, &request) {
            (None, _) => Ok(reply),
            (Some(allowed), Request::Search(_) | Request::Msearch(_)) => hits::check(reply, allowed, &request),
            (Some(allowed), Request::ResolveIndex(_)) => resolution::without_foreign(reply, allowed),
            (
                Some(_),
                Request::FieldCaps(_)
                | Request::IndexStats(_)
                | Request::Ping
                | Request::Health(_)
                | Request::HasPrivileges(_)
                | Request::AuthInfo,
            ) => Ok(reply),
        }
    }

    /// Sends a request unless the breaker is open, and tells the breaker how it went.
    async fn counted(&self, request: &Request, time_limit: Duration) -> Result<Reply, EngineError> {
        let attempt = self.breaker.begin()?;
        let _timer = ClusterTime::count();
        let result = self.inner.send(request, time_limit).await;
        attempt.end(match &result {
            Ok(_) => true,
            Err(error) => !matches!(
                error.kind,
                EngineErrorKind::Unreachable
                    | EngineErrorKind::Unavailable
                    | EngineErrorKind::Timeout
                    | EngineErrorKind::Interrupted
                    | EngineErrorKind::Tls
            ),
        });
        result
    }

    /// The request with each expression narrowed to what it may reach.
    async fn narrowed(&self, request: &Request, time_limit: Duration) -> Result<Request, EngineError> {
        let Some(allowed) = &self.allowed else { return Ok(request.clone()) };
        Ok(match request {
            Request::Search(search) => Request::Search(self.narrowed_search(search, allowed, time_limit).await?),
            Request::Msearch(searches) => {
                let mut narrowed = Vec::with_capacity(searches.len());
                for search in searches {
                    narrowed.push(self.narrowed_search(search, allowed, time_limit).await?);
                }
                Request::Msearch(narrowed)
            }
            Request::FieldCaps(caps) => Request::FieldCaps(caps.clone().with_index(self.narrow(caps.index(), allowed, time_limit).await?)),
            Request::IndexStats(stats) => {
                Request::IndexStats(stats.clone().with_index(self.narrow(stats.index(), allowed, time_limit).await?))
            }
            // Its reply is filtered instead.
            Request::ResolveIndex(_) | Request::Ping | Request::Health(_) | Request::HasPrivileges(_) | Request::AuthInfo => {
                request.clone()
            }
        })
    }

    async fn narrowed_search(&self, search: &Search, allowed: &AllowList, time_limit: Duration) -> Result<Search, EngineError> {
        let index = self.narrow(search.index(), allowed, time_limit).await?;
        Ok(search.clone().with_index(index))
    }

    async fn narrow(
        &self,
        expression: &IndexExpression,
        allowed: &AllowList,
        time_limit: Duration,
    ) -> Result<IndexExpression, EngineError> {
        self.resolutions
            .narrow(expression, allowed, |part| async move {
                self.counted(&Request::ResolveIndex(ResolveIndex::new(part, false, false)), time_limit).await
            })
            .await
    }
}

impl<E: Engine> Engine for Guard<E> {
    fn send<'a>(&'a self, request: &'a Request, time_limit: Duration) -> BoxFuture<'a, Result<Reply, EngineError>> {
        Box::pin(async move {
            tokio::time::timeout(time_limit, pin!(self.guarded(request, time_limit)))
                .await
                .unwrap_or_else(|_| Err(EngineError::new(EngineErrorKind::Timeout, format!("no answer within {time_limit:?}"))))
        })
    }
}

fn expressions(request: &Request) -> Vec<&IndexExpression> {
    match request {
        Request::Search(search) => vec![search.index()],
        Request::Msearch(searches) => searches.iter().map(Search::index).collect(),
        Request::FieldCaps(caps) => vec![caps.index()],
        Request::ResolveIndex(resolve) => vec![resolve.index()],
        Request::IndexStats(stats) => vec![stats.index()],
        Request::Ping | Request::Health(_) | Request::HasPrivileges(_) | Request::AuthInfo => Vec::new(),
    }
}

fn with_timeouts(request: Request, left: Duration) -> Request {
    let most = left.saturating_sub(HEAD_START).max(SHORTEST_SEARCH);
    let limited = |search: Search| {
        let timeout = search.time_limit().map_or(most, |asked| asked.min(most));
        search.timeout(timeout)
    };
    match request {
        Request::Search(search) => Request::Search(limited(search)),
        Request::Msearch(searches) => Request::Msearch(searches.into_iter().map(limited).collect()),
        other => other,
    }
}
