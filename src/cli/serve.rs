//! `serve`: the tools over HTTPS, until a signal ends it.

use std::process::ExitCode;

use anyhow::Result;

use super::{credential::Credential, log, signals};
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
    let asks = signals::Asks::new()?;
    announce(&server);
    signals::serve_until_asked(asks, server, credential.refused()).await
}

/// The first line on standard error is a contract; what a client needs follows it.
pub(super) fn announce(server: &Server) {
    eprintln!("listening on {}/mcp", server.url());
    if let Some(url) = server.public_url() {
        eprintln!("clients know it as {url}");
    }
    if let Some(file) = server.ca_file() {
        eprintln!("clients must trust {}", file.display());
    }
    if let Some(key) = server.generated_key() {
        eprintln!("clients sign in with the key {key}");
    }
    log::release();
}
