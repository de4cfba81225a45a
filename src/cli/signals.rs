//! The signals by which people and supervisors end the process.

use std::{future::Future, io, process::ExitCode};

use anyhow::Result;
use tokio_util::sync::CancellationToken;

use crate::server::Server;

/// What a shell tells of a process that a signal ended: 128 and the signal's number, here that of an interrupt.
const ENDED_BY_SIGNAL: i32 = 130;

/// Serves until the process is asked to end, or until there is a reason to; and then until the calls on their way are
/// answered. Asked once more, it ends at once.
///
/// # Errors
/// The reason.
pub(super) async fn serve_until_asked(mut asks: Asks, server: Server, reason: impl Future<Output = anyhow::Error>) -> Result<ExitCode> {
    let asked = CancellationToken::new();
    let mut failure = None;
    let heard = async {
        tokio::select! {
            () = asks.next() => tracing::info!("ending: calls on their way are answered first; a second signal ends at once"),
            error = reason => failure = Some(error),
        }
        asked.cancel();
        asks.next().await;
    };
    tokio::select! {
        () = server.run(asked.cancelled()) => {}
        () = heard => {
            tracing::warn!("ended by a second signal, with calls unanswered");
            // Returning would wait for what runs on threads of its own.
            std::process::exit(ENDED_BY_SIGNAL)
        }
    }
    failure.map_or(Ok(ExitCode::SUCCESS), Err)
}

/// The signals to end: heard from the moment that this is made, which is before anyone is told that the server listens.
pub(super) struct Asks {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Asks {
    #[cfg(unix)]
    pub(super) fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    #[cfg(unix)]
    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    #[cfg(not(unix))]
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    async fn next(&mut self) {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::warn!(%error, "the signal to end cannot be heard");
            std::future::pending::<()>().await;
        }
    }
}
