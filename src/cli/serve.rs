//! `serve`: the tools over HTTPS, until a signal ends it.

use std::process::ExitCode;

use anyhow::Result;

use crate::{
    config::{Serving, Source, Tooling},
    open, readiness,
    server::{Server, mcp::Mcp},
};

/// Serves. A cluster that is down now may be there later, so that is a warning.
pub(super) async fn run(source: &Source, tooling: Tooling, serving: Serving) -> Result<ExitCode> {
    let (selection, call_timeout) = (tooling.selection.clone(), tooling.call_timeout);
    let toolbox = open::toolbox(source, tooling).await?;
    let engine = std::sync::Arc::clone(toolbox.engine());
    let server = Server::bind(serving, Mcp::new(toolbox, &selection, call_timeout)).await?;
    announce(&server);
    tokio::spawn(async move {
        if let Err(error) = readiness::check(&*engine, call_timeout).await {
            tracing::warn!(%error, "the cluster does not answer; calls will fail until it does");
        }
    });
    server.run(ended()).await;
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
