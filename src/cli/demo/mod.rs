//! `demo`: the sample incident, solved call by call, then served on loopback with a certificate and a key made at start.

mod reading;
mod story;

use std::{
    io::{self, Write as _},
    process::ExitCode,
    time::Instant,
};

use anyhow::{Context as _, Result};
use jiff::Timestamp;

use self::story::{Alert, Story};
use super::serve;
use crate::{
    config::{Serving, Source, Tooling, arguments::ToolingArguments},
    open, sample,
    server::{Server, mcp::Mcp},
};

/// Tells the investigation, then serves the sample unless `once` says that the story is enough.
pub(super) async fn run(once: bool, listen: &str) -> Result<ExitCode> {
    let started = Instant::now();
    let tooling = Tooling::from_arguments(&ToolingArguments::default(), std::collections::BTreeMap::new())?;
    let (selection, call_timeout) = (tooling.selection.clone(), tooling.call_timeout);
    let toolbox = open::toolbox(&Source::Sample, tooling).await?;
    let documents = sample::documents().count();
    println!(
        "elk-mcp {} · sample incident · {documents} documents in 2 indices, generated and indexed in {:.1} s\n",
        env!("CARGO_PKG_VERSION"),
        started.elapsed().as_secs_f64()
    );
    let time: Timestamp = sample::alert_time().parse().context("the alert's time")?;
    let message_id = sample::message_id();
    Story::new(&toolbox, io::stdout().lock(), time).tell(&Alert { time, message_id: &message_id }).await?;
    if once {
        return Ok(ExitCode::SUCCESS);
    }
    let server = Server::bind(Serving::on_loopback(listen)?, Mcp::new(toolbox, &selection, call_timeout)).await?;
    serve::announce(&server);
    invite(&server)?;
    server.run(serve::ended()).await;
    Ok(ExitCode::SUCCESS)
}

/// What to type next: one call with curl, and a client.
fn invite(server: &Server) -> Result<()> {
    let (url, key) = (server.url(), server.generated_key().unwrap_or_default());
    let ca = server.ca_file().map(|file| format!(" --cacert {}", file.display())).unwrap_or_default();
    let body = concat!(
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_service_overview","arguments":{},"#,
        r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}"#
    );
    let mut out = io::stdout().lock();
    writeln!(out, "\nServing at {url}/mcp   key  {key}   Ctrl-C ends\n")?;
    writeln!(
        out,
        "  curl{ca} {url}/mcp -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \\\n    -H 'Accept: application/json, \
         text/event-stream' -H 'MCP-Protocol-Version: 2026-07-28' -H 'Mcp-Method: tools/call' \\\n    -H 'Mcp-Name: get_service_overview' -d '{body}'\n"
    )?;
    writeln!(out, "  claude mcp add --transport http elk {url}/mcp --header \"Authorization: Bearer {key}\"")?;
    Ok(())
}
