//! `stdio`: the tools over standard input and output. Nothing else may write to standard output.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use rmcp::{ServiceExt as _, transport::io::stdio_pipes};

use crate::{
    config::{Source, Tooling},
    open,
    server::mcp::Mcp,
};

/// Answers until the client closes standard input.
pub(super) async fn run(source: &Source, tooling: Tooling) -> Result<ExitCode> {
    let (selection, call_timeout) = (tooling.selection.clone(), tooling.call_timeout);
    let mcp = Mcp::new(open::toolbox(source, tooling).await?, &selection, call_timeout);
    let running = mcp.serve(stdio_pipes()).await.context("the client on standard input did not begin as MCP does")?;
    running.waiting().await?;
    Ok(ExitCode::SUCCESS)
}
