//! Whether an engine answers at all. Knows which refusals are answers too.

use std::{sync::Arc, time::Duration};

use elk_mcp_tools::{
    dsl::Request,
    engine::{Engine, EngineError, EngineErrorKind},
};
use tokio::{sync::Mutex, time::Instant};

/// How long an answer holds: whoever asks in between, and be it a thousand strangers, costs the cluster nothing.
const HOLDS_FOR: Duration = Duration::from_secs(1);
/// How long the cluster may take to show that it is there.
const TIME_LIMIT: Duration = Duration::from_secs(2);

/// Asks for the engine's name. Least privilege forbids that (403), and some distributions leave it out (405): both show
/// that the cluster is there and takes the credential.
///
/// # Errors
/// When it does not answer, or does not accept the credential.
pub async fn check(engine: &dyn Engine, time_limit: Duration) -> Result<(), EngineError> {
    match engine.send(&Request::Ping, time_limit).await {
        Ok(_) => Ok(()),
        Err(error) if matches!(error.kind, EngineErrorKind::Forbidden | EngineErrorKind::Rejected) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The answer to whether an engine is ready, asked for once by all who want to know at the same time. Says in the log when it
/// changes.
pub struct Readiness {
    engine: Arc<dyn Engine>,
    last: Mutex<Option<(Instant, bool)>>,
}

impl Readiness {
    /// Of an engine.
    pub fn new(engine: Arc<dyn Engine>) -> Self {
        Self { engine, last: Mutex::new(None) }
    }

    /// Whether it is ready: now, or a moment ago.
    pub async fn is_ready(&self) -> bool {
        let mut last = self.last.lock().await;
        if let Some((asked_at, is_ready)) = *last
            && asked_at.elapsed() < HOLDS_FOR
        {
            return is_ready;
        }
        let result = check(&*self.engine, TIME_LIMIT).await;
        let was_ready = last.is_none_or(|(_, was_ready)| was_ready);
        match &result {
            Err(error) if was_ready => tracing::warn!(%error, "not ready: the cluster does not answer"),
            Ok(()) if !was_ready => tracing::info!("ready again"),
            _ => {}
        }
        *last = Some((Instant::now(), result.is_ok()));
        result.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use elk_mcp_tools::engine::{BoxFuture, Reply};
    use futures_util::future::join_all;

    use super::*;

    /// An engine that takes its time, counts, and answers as it is told.
    #[derive(Default)]
    struct Slow {
        asked: AtomicUsize,
        failure: std::sync::Mutex<Option<EngineErrorKind>>,
    }

    impl Engine for Slow {
        fn send<'a>(&'a self, _: &'a Request, _: Duration) -> BoxFuture<'a, Result<Reply, EngineError>> {
            Box::pin(async {
                self.asked.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(300)).await;
                match *self.failure.lock().unwrap() {
                    None => Ok(Reply { body: b"{}".to_vec() }),
                    Some(kind) => Err(EngineError::new(kind, "")),
                }
            })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_thousand_probes_are_one_question() {
        let engine = Arc::new(Slow::default());
        let readiness = Readiness::new(engine.clone());
        assert!(join_all((0..1_000).map(|_| readiness.is_ready())).await.into_iter().all(|is_ready| is_ready));
        assert_eq!(engine.asked.load(Ordering::Relaxed), 1);
        tokio::time::advance(HOLDS_FOR).await;
        assert!(readiness.is_ready().await);
        assert_eq!(engine.asked.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_cluster_that_forbids_its_name_is_ready_and_one_that_refuses_the_credential_is_not() {
        let engine = Arc::new(Slow::default());
        let readiness = Readiness::new(engine.clone());
        for (failure, expected) in [
            (Some(EngineErrorKind::Forbidden), true),
            (Some(EngineErrorKind::Unauthorized), false),
            (Some(EngineErrorKind::Unreachable), false),
            (None, true),
        ] {
            *engine.failure.lock().unwrap() = failure;
            tokio::time::advance(HOLDS_FOR).await;
            assert_eq!(readiness.is_ready().await, expected, "{failure:?}");
        }
    }
}
