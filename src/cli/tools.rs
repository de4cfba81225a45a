//! `tools`: the catalogue as a client gets it. Reaches no engine.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use anyhow::{Result, bail};
use rmcp::model::Tool;

use crate::{config::ToolSelection, server::mcp};

/// Prints the tools, or one of them.
pub(super) fn run(only: Option<&str>, json: bool, output_schemas: bool, selection: &ToolSelection) -> Result<ExitCode> {
    let mut tools = mcp::tools(selection);
    if let Some(name) = only {
        let names: Vec<String> = tools.iter().map(|tool| tool.name.clone().into_owned()).collect();
        tools.retain(|tool| tool.name == name);
        if tools.is_empty() {
            bail!("there is no tool `{name}`; the tools are {}", names.join(", "));
        }
    }
    let mut out = io::stdout().lock();
    if json {
        if !output_schemas {
            for tool in &mut tools {
                tool.output_schema = None;
            }
        }
        writeln!(out, "{}", serde_json::to_string(&tools)?)?;
    } else {
        for tool in &tools {
            write!(out, "{}", if only.is_some() { whole(tool) } else { line(tool) })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A tool in the list: its name and the first sentence about it.
fn line(tool: &Tool) -> String {
    let description = tool.description.as_deref().unwrap_or_default();
    let first = description.split_inclusive(". ").next().unwrap_or_default().trim_end();
    format!("{:<22} {}\n", tool.name, first.replace('\n', " "))
}

/// All there is to know about a tool: what it is for, and its arguments.
fn whole(tool: &Tool) -> String {
    let mut text = format!("{}\n{}\n", tool.name, tool.description.as_deref().unwrap_or_default());
    let properties = tool.input_schema.get("properties").and_then(|properties| properties.as_object());
    for (name, schema) in properties.into_iter().flatten() {
        let description = schema.get("description").and_then(|description| description.as_str()).unwrap_or_default();
        text.push_str(&format!("\n  {name}\n      {}\n", description.replace('\n', "\n      ")));
    }
    text
}
