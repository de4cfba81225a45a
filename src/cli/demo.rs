//! `demo`: the sample incident, served on loopback with a certificate and a key made at start.

use std::process::ExitCode;

use anyhow::Result;

use super::serve;
use crate::{
    config::{Serving, Source, Tooling, arguments::ToolingArguments},
    open,
    server::{Server, mcp::Mcp},
};

/// Opens the sample and serves it, unless `once` says that opening it is enough.
pub(super) async fn run(once: bool, listen: &str) -> Result<ExitCode> {
    let tooling = Tooling::from_arguments(&ToolingArguments::default(), std::collections::BTreeMap::new())?;
    let (selection, call_timeout) = (tooling.selection.clone(), tooling.call_timeout);
    let toolbox = open::toolbox(&Source::Sample, tooling).await?;
    if once {
        return Ok(ExitCode::SUCCESS);
    }
    let server = Server::bind(Serving::on_loopback(listen)?, Mcp::new(toolbox, &selection, call_timeout)).await?;
    serve::announce(&server);
    server.run(serve::ended()).await;
    Ok(ExitCode::SUCCESS)
}
