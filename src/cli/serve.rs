//! `serve`: the tools over HTTPS, until a signal ends it.

use std::process::ExitCode;

use anyhow::Result;

use super::{credential::Credential, log};
use crate::{
    config::{Serving, Source, Tooling},
    open,
    server::{Server, limits::Limits, mcp::Mcp},
};

/// Serves. A cluster that is down now may be there later, so that is a warning. Whenever its credential turns out to be one that
/// can write, that is the end: calls on their way are answered, and the exit code is a failure.
pub(super) async fn run(source: &Source, tooling: Tooling, serving: Serving) -> Result<ExitCode> {
    let (selection, call_timeout) = (tooling.selection.clone(), tooling.call_timeout);
    let toolbox = open::toolbox(source, tooling).await?;
    let mut credential = Credential::check(source, toolbox.engine()).await?;
    let mcp = Mcp::new(toolbox, &selection, call_timeout).with_limits(Limits::new(serving.rate_limit));
    let server = Server::bind(serving, mcp).await?;
    announce(&server);
    let mut refused = None;
    server
        .run(async {
            tokio::select! {
                () = ended() => {}
                error = credential.refused() => refused = Some(error),
            }
        })
        .await;
    if let Some(error) = refused {
        return Err(error);
    }
    Ok(ExitCode::SUCCESS)
}

/// The first line on standard error is a contract; what a client needs follows it.
pub(super) fn announce(server: &Server) {
    eprintln!("listening on {}/mcp", server.url());
    if let Some(file) = server.ca_file() {
        eprintln!("clients must trust {}", file.display());
    }
    if let Some(key) = server.generated_key() {
        eprintln!("clients sign in with the key {key}");
    }
    log::release();
}

/// Done when the process is asked to end.
pub(super) async fn ended() {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        let terminated = async {
            match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
                Ok(mut signal) => {
                    signal.recv().await;
                }
                Err(error) => {
                    tracing::warn!(%error, "the signal to end cannot be heard");
                    std::future::pending::<()>().await;
                }
            }
        };
        tokio::select! {
            _ = interrupted => {}
            () = terminated => {}
        }
    }
    #[cfg(not(unix))]
    let _ = interrupted.await;
    tracing::info!("ending: calls on their way are answered first");
}
