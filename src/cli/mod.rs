//! The commands, one module each: from checked settings to an exit code. The only place that prints to standard output.

mod call;
mod credential;
mod demo;
mod healthcheck;
mod investigate;
mod key;
mod log;
mod serve;
mod signals;
mod stdio;
mod tools;

use std::{collections::BTreeMap, process::ExitCode};

use anyhow::Result;
use elk_mcp_tools::catalogue;

use crate::config::{Layers, Parsed, Serving, Source, ToolSelection, Tooling, arguments::Command, parse};

/// Runs the command of the process's command line.
///
/// # Errors
/// What keeps the command from running at all; an answer that is an error is an exit code.
pub async fn run() -> Result<ExitCode> {
    let Parsed { arguments, fields, borrowed } = match parse(std::env::args_os(), &Layers::of_process()) {
        Ok(parsed) => parsed,
        // Help and usage have their own form and exit code.
        Err(error) => match error.downcast::<clap::Error>() {
            Ok(error) => error.exit(),
            Err(error) => return Err(error),
        },
    };
    log::start(&arguments)?;
    for told in borrowed {
        tracing::info!("{told}");
    }
    let result = run_command(arguments.command, fields).await;
    log::release();
    result
}

async fn run_command(command: Command, fields: BTreeMap<String, String>) -> Result<ExitCode> {
    match command {
        Command::Serve { source, tooling, serving } => {
            let serving = Serving::from_arguments(&serving)?;
            let (source, tooling) = (Source::from_arguments(&source)?, checked(Tooling::from_arguments(&tooling, fields)?)?);
            serve::run(&source, tooling, serving).await
        }
        Command::Stdio { source, tooling } => {
            stdio::run(&Source::from_arguments(&source)?, checked(Tooling::from_arguments(&tooling, fields)?)?).await
        }
        Command::Call { tool, mut arguments, json, mut source, tooling } => {
            arguments.append(&mut call::arguments_among(&mut source.logs));
            let arguments = call::arguments(&arguments)?;
            let (source, tooling) = (Source::from_arguments(&source)?, checked(Tooling::from_arguments(&tooling, fields)?)?);
            call::run(&tool, &arguments, json, &source, tooling).await
        }
        Command::Tools { tool, json, no_output_schemas, selection } => {
            let selection = ToolSelection::from(&selection);
            check_selection(&selection)?;
            tools::run(tool.as_deref(), json, !no_output_schemas, &selection)
        }
        Command::Healthcheck(arguments) => healthcheck::run(&arguments).await,
        Command::Key { action } => key::run(&action),
        Command::Investigate { clue, .. } if clue.schema => investigate::schema(),
        Command::Investigate { clue, source, tooling } => {
            let (source, tooling) = (Source::from_arguments(&source)?, checked(Tooling::from_arguments(&tooling, fields)?)?);
            investigate::run(&clue, &source, tooling).await
        }
        Command::Demo { scenario, once, report, listen } => demo::run(scenario, once, report.as_deref(), &listen).await,
    }
}

fn checked(tooling: Tooling) -> Result<Tooling> {
    check_selection(&tooling.selection)?;
    Ok(tooling)
}

fn check_selection(selection: &ToolSelection) -> Result<()> {
    let names: Vec<&str> = catalogue().iter().map(|entry| entry.name).collect();
    match selection.misfit(&names) {
        None if names.iter().any(|name| selection.has(name)) => Ok(()),
        None => anyhow::bail!("--tools and --disable-tools leave no tool: leave one of them out, or name fewer"),
        Some((flag, pattern)) => anyhow::bail!("{flag} names `{pattern}`, which fits no tool; the tools are {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_that_leaves_no_tool_is_refused() {
        let selection = |only: &[&str], without: &[&str]| {
            let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
            check_selection(&ToolSelection::new(owned(only), owned(without)))
        };
        assert!(selection(&["search_*"], &["search_logs"]).is_ok());
        assert!(selection(&[], &["*"]).unwrap_err().to_string().contains("leave no tool"));
        assert!(selection(&["search_logs"], &["search_*"]).is_err());
    }
}
