//! `demo`: a sample incident, solved call by call, then served on loopback with a certificate and a key made at start.

mod story;

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
    process::ExitCode,
    time::Instant,
};

use anyhow::{Context as _, Result, anyhow};
use jiff::Timestamp;

use self::story::{Alert, Story};
use super::{serve, signals};
use crate::{
    config::{Serving, Source, Tooling, arguments::ToolingArguments},
    investigate::{self, Clue, render},
    open,
    sample::Scenario,
    server::{Server, mcp::Mcp},
};

/// Tells the investigation and writes its report where one is wanted, then serves the sample unless `once` says that the story is enough.
pub(super) async fn run(scenario: Scenario, once: bool, report: Option<&Path>, listen: &str) -> Result<ExitCode> {
    let started = Instant::now();
    let tooling = Tooling::from_arguments(&ToolingArguments::default(), std::collections::BTreeMap::new())?;
    let (selection, call_timeout) = (tooling.selection.clone(), tooling.call_timeout);
    let toolbox = open::toolbox(&Source::Sample(scenario), tooling).await?;
    let documents = scenario.documents().count();
    println!(
        "elk-mcp {} · sample incident · {documents} documents in {} indices, generated and indexed in {:.1} s\n",
        env!("CARGO_PKG_VERSION"),
        scenario.indices().len(),
        started.elapsed().as_secs_f64()
    );
    let alert = scenario.alert();
    let time: Timestamp = alert.time().parse().context("the alert's time")?;
    let message_id = alert.message_id();
    if let Some(message_id) = &message_id {
        Story::new(&toolbox, io::stdout().lock(), time).tell(&Alert { time, message_id }).await?;
    }
    if message_id.is_none() || report.is_some() {
        let clue = Clue { title: Some(alert.text.to_owned()), id: message_id.clone(), time: Some(time), ..Clue::default() };
        let findings = investigate::run(&toolbox, &clue, call_timeout).await.map_err(|error| anyhow!("{error}"))?;
        if message_id.is_none() {
            print!("{}", render::text(&findings));
        }
        if let Some(file) = report {
            fs::write(file, render::html(&findings)).with_context(|| format!("the report cannot be written to {}", file.display()))?;
            println!("\nReport     {}", file.display());
        }
    }
    if once {
        return Ok(ExitCode::SUCCESS);
    }
    let server = Server::bind(Serving::on_loopback(listen)?, Mcp::new(toolbox, &selection, call_timeout)).await?;
    let asks = signals::Asks::new()?;
    serve::announce(&server);
    invite(&server)?;
    signals::serve_until_asked(asks, server, std::future::pending()).await
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
    if let Some(file) = server.ca_file() {
        writeln!(out, "  export NODE_EXTRA_CA_CERTS={}   # in the shell that starts a client on Node", file.display())?;
    }
    writeln!(out, "  claude mcp add --transport http elk {url}/mcp --header \"Authorization: Bearer {key}\"")?;
    Ok(())
}
