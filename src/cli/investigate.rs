//! `investigate`: the whole investigation without a model. Knows how a clue is given in a shell; knows no tool.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    process::ExitCode,
};

use anyhow::{Context as _, Result, bail};
use elk_mcp_tools::params::{Moment, TimeSpan};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::credential::Credential;
use crate::{
    call_id::CallId,
    config::{
        Source, Tooling,
        arguments::{ClueArguments, Format},
    },
    investigate::{self, Clue, WINDOWS, alert, render},
    open,
};

/// An alert is not longer than this, in bytes.
const ALERT_CAP: u64 = 1 << 20;

/// Prints the published schema of the findings.
pub(super) fn schema() -> Result<ExitCode> {
    writeln!(io::stdout().lock(), "{}", serde_json::to_string_pretty(&investigate::schema())?)?;
    Ok(ExitCode::SUCCESS)
}

/// Investigates and writes the findings; exit code 1 when nothing could be looked at.
pub(super) async fn run(arguments: &ClueArguments, source: &Source, tooling: Tooling) -> Result<ExitCode> {
    let time_limit = tooling.call_timeout;
    let toolbox = open::toolbox(source, tooling).await?;
    let clue = clue(arguments, toolbox.now(Timestamp::now()))?;
    let mut credential = Credential::check(source, toolbox.engine()).await?;
    let investigated = tokio::select! {
        investigated = CallId::random().scope(investigate::run(&toolbox, &clue, time_limit)) => investigated,
        error = credential.refused() => return Err(error),
    };
    let findings = match investigated {
        Ok(findings) => findings,
        Err(error) => {
            tracing::info!(code = error.code.as_str(), detail = %error.detail, "the investigation could not look");
            eprintln!("{}: {}\n{}", error.code.as_str(), error.message, error.next_step);
            return Ok(ExitCode::FAILURE);
        }
    };
    let written = match arguments.format {
        Format::Text => render::text(&findings),
        Format::Json => render::json(&findings)? + "\n",
        Format::Html => render::html(&findings),
    };
    match &arguments.output {
        None => io::stdout().lock().write_all(written.as_bytes())?,
        Some(file) => {
            fs::write(file, written).with_context(|| format!("the findings cannot be written to {}", file.display()))?;
            eprintln!("{}\nwritten to {}", findings.headline, file.display());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The clue: what an alert says, and what flags say over it.
fn clue(arguments: &ClueArguments, now: Timestamp) -> Result<Clue> {
    let mut clue = match &arguments.alert {
        None => Clue::default(),
        Some(file) => {
            let body = read(file)?;
            let mut alerts = alert::parse(&body).map_err(|refusal| anyhow::anyhow!("--alert {file} {refusal}"))?;
            if alerts.is_empty() {
                bail!("--alert {file} tells only of what is over: there is nothing to investigate");
            }
            alerts.swap_remove(0).clue
        }
    };
    let given = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    clue.id = given(&arguments.message_id).or(clue.id);
    clue.trace_id = given(&arguments.trace_id).or(clue.trace_id);
    clue.service = given(&arguments.service).or(clue.service);
    let moment = |flag: &str, text: &Option<String>| -> Result<Option<Timestamp>> {
        let Some(text) = text else { return Ok(None) };
        let moment: Moment = serde_json::from_value(Value::from(text.as_str()))?;
        Ok(Some(moment.resolve(flag, now).map_err(|error| anyhow::anyhow!("{}: {}", error.message, error.next_step))?))
    };
    clue.time = moment("--around", &arguments.around)?.or(clue.time);
    if let (Some(start), Some(end)) = (moment("--start", &arguments.start)?, moment("--end", &arguments.end)?) {
        let length = end.duration_since(start);
        if length <= SignedDuration::ZERO || length > *WINDOWS.end() {
            bail!("--start and --end are {start} and {end}: an incident ends after it starts, and 14 hours of it can be looked at");
        }
        (clue.start, clue.time, clue.window) = (Some(start), Some(end), length);
    }
    if let Some(window) = &arguments.window {
        clue.window = window_of(window)?;
    }
    Ok(clue)
}

fn window_of(text: &str) -> Result<SignedDuration> {
    let span = TimeSpan::parse(text).map(TimeSpan::duration).filter(|span| WINDOWS.contains(span));
    span.with_context(|| format!("--window is `{text}`; write it like 30m or 2h, from 2m to 14h"))
}

fn read(file: &str) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    if file == "-" {
        io::stdin().lock().take(ALERT_CAP).read_to_end(&mut body).context("the alert cannot be read from standard input")?;
    } else {
        let opened = fs::File::open(file).with_context(|| format!("--alert {file} cannot be read"))?;
        opened.take(ALERT_CAP).read_to_end(&mut body).with_context(|| format!("--alert {file} cannot be read"))?;
    }
    Ok(body)
}
