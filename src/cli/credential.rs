//! The first lock on read-only, at start: nothing is asked with a credential that can write. Knows settings and what
//! to do about a verdict.

use std::{sync::Arc, time::Duration};

use anyhow::{Result, bail};
use elk_mcp_tools::{
    dsl::IndexExpression,
    engine::{Engine, EngineErrorKind},
};
use tokio::sync::oneshot;

use crate::{
    config::Source,
    least_privilege::{Verdict, judge},
};

/// How long the start waits for the cluster's word.
const START_LIMIT: Duration = Duration::from_secs(1);
/// How long a later try waits.
const LATER_LIMIT: Duration = Duration::from_secs(5);
/// The pauses between tries grow from the first of these to the second.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// A credential that has been judged, or will be when the cluster comes up.
pub(super) struct Credential(Option<oneshot::Receiver<anyhow::Error>>);

impl Credential {
    /// Judges the credential of a source. A cluster that is down is asked until it answers.
    ///
    /// # Errors
    /// When it can write, and the settings do not allow that.
    pub(super) async fn check(source: &Source, engine: &Arc<dyn Engine>) -> Result<Self> {
        let Source::Cluster { allowed, allows_writing, .. } = source else { return Ok(Self(None)) };
        let (index, allows_writing) = (allowed.expression().clone(), *allows_writing);
        match judge(&**engine, &index, START_LIMIT).await {
            Ok(verdict) => {
                decide(verdict, allows_writing)?;
                return Ok(Self(None));
            }
            Err(error) if error.kind == EngineErrorKind::Unauthorized => {
                tracing::warn!(%error, "the cluster does not take the credential; calls will fail until it does");
            }
            Err(error) => tracing::warn!(%error, "the cluster does not answer; calls will fail until it does"),
        }
        let (tell, told) = oneshot::channel();
        tokio::spawn(later(Arc::clone(engine), index, allows_writing, tell));
        Ok(Self(Some(told)))
    }

    /// Done when the credential turns out to be one that can write.
    pub(super) async fn refused(&mut self) -> anyhow::Error {
        if let Some(told) = &mut self.0
            && let Ok(error) = told.await
        {
            return error;
        }
        std::future::pending().await
    }
}

async fn later(engine: Arc<dyn Engine>, index: IndexExpression, allows_writing: bool, mut tell: oneshot::Sender<anyhow::Error>) {
    let mut pause = PAUSES.0;
    loop {
        tokio::select! {
            () = tell.closed() => return,
            () = tokio::time::sleep(pause) => {}
        }
        match judge(&*engine, &index, LATER_LIMIT).await {
            Ok(verdict) => {
                tracing::info!("the cluster answers");
                if let Err(error) = decide(verdict, allows_writing) {
                    let _ = tell.send(error);
                }
                return;
            }
            Err(error) => tracing::debug!(%error, "the cluster does not answer yet"),
        }
        pause = (2 * pause).min(PAUSES.1);
    }
}

/// The first of what is granted: a superuser has all of it.
fn some(by: &[String]) -> String {
    const SHOWN: usize = 4;
    let more = by.len().saturating_sub(SHOWN);
    let shown = by.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

fn decide(verdict: Verdict, allows_writing: bool) -> Result<()> {
    match verdict {
        Verdict::ReadOnly => Ok(()),
        Verdict::Writable(by) if allows_writing => {
            let by = some(&by);
            tracing::warn!(
                by,
                "THE CLUSTER'S CREDENTIAL CAN WRITE (--allow-writable-credential): elk-mcp sends no write, but one of three locks is open"
            );
            Ok(())
        }
        Verdict::Writable(by) => bail!(
            "the cluster's credential can write ({}): use one that has `read` and `view_index_metadata` on the allowed indices and nothing \
             else, or say --allow-writable-credential",
            some(&by)
        ),
        Verdict::NoSecurity => {
            tracing::warn!("the cluster has no security: anyone who reaches it can write to it");
            Ok(())
        }
        Verdict::Unknown(why) => {
            tracing::warn!(why, "the cluster does not say whether the credential can write");
            Ok(())
        }
    }
}
