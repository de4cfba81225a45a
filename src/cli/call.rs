//! `call`: one tool, one answer. Knows how arguments are typed in a shell; knows no tool.

use std::{
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::{Context as _, Result, bail};
use elk_mcp_tools::error::ToolError;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::credential::Credential;
use crate::{
    call_id::CallId,
    config::{Source, Tooling},
    open,
};

/// Calls the tool; exit code 1 with the error when it is refused.
pub(super) async fn run(tool: &str, arguments: &Map<String, Value>, json: bool, source: &Source, tooling: Tooling) -> Result<ExitCode> {
    let time_limit = tooling.call_timeout;
    let toolbox = open::toolbox(source, tooling).await?;
    let mut credential = Credential::check(source, toolbox.engine()).await?;
    let result = tokio::select! {
        result = CallId::random().scope(toolbox.call(tool, arguments, Timestamp::now(), time_limit)) => result,
        error = credential.refused() => return Err(error),
    };
    let mut out = io::stdout().lock();
    match result {
        Ok(rendered) => {
            writeln!(out, "{}", if json { rendered.structured.get() } else { rendered.text.trim_end() })?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            if !error.detail.is_empty() {
                tracing::info!(code = error.code.as_str(), detail = %error.detail, "call refused");
            }
            if json {
                writeln!(out, "{}", serde_json::to_string(&error)?)?;
            } else {
                eprintln!("{}", told(&error));
            }
            Ok(ExitCode::FAILURE)
        }
    }
}

fn told(error: &ToolError) -> String {
    format!("{}: {}\n{}", error.code.as_str(), error.message, error.next_step)
}

/// Takes out what stands among the paths of `--logs` but is an argument of the tool: `--logs FILE… key=value` reads
/// naturally, and no shell tells the one from the other. A path that exists is a path.
pub(super) fn arguments_among(paths: &mut Vec<PathBuf>) -> Vec<String> {
    let is_argument = |path: &mut PathBuf| {
        let text = path.to_string_lossy();
        (text.contains('=') || text.trim_start().starts_with('{')) && !path.exists()
    };
    paths.extract_if(.., is_argument).map(|path| path.to_string_lossy().into_owned()).collect()
}

/// The arguments as typed: `key=value` pairs, or one JSON object.
///
/// # Errors
/// When a pair has no `=`, a key comes twice, or the JSON is no object.
pub(super) fn arguments(typed: &[String]) -> Result<Map<String, Value>> {
    if let [single] = typed
        && single.trim_start().starts_with('{')
    {
        return serde_json::from_str(single).with_context(|| format!("`{single}` is no JSON object"));
    }
    let mut arguments = Map::new();
    for pair in typed {
        let Some((key, value)) = pair.split_once('=') else {
            bail!("`{pair}` is no key=value pair; write for example service=checkout, or one JSON object for all");
        };
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        if arguments.insert(key.to_owned(), value).is_some() {
            bail!("`{key}` is given twice; a list is written as {key}='[\"a\", \"b\"]'");
        }
    }
    Ok(arguments)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(typed: &[&str], expected: Value) {
        let typed: Vec<String> = typed.iter().map(|text| (*text).to_owned()).collect();
        assert_eq!(Value::Object(arguments(&typed).unwrap()), expected);
    }

    #[test]
    fn values_are_json_where_they_are_json_and_strings_elsewhere() {
        check(&[], json!({}));
        check(&["size=5", "service=checkout", "dedupe=false"], json!({"size": 5, "service": "checkout", "dedupe": false}));
        check(
            &["level=[\"error\",\"warn\"]", "query=a=b", "id=007", "start="],
            json!({"level": ["error", "warn"], "query": "a=b", "id": "007", "start": ""}),
        );
        check(&[" {\"size\": 5}"], json!({"size": 5}));
    }

    #[test]
    fn arguments_after_the_paths_are_told_from_them() {
        let mut paths: Vec<PathBuf> = ["Cargo.toml", "no-such-file.ndjson", "size=5", r#"{"size": 5}"#].map(PathBuf::from).to_vec();
        assert_eq!(arguments_among(&mut paths), ["size=5", r#"{"size": 5}"#]);
        assert_eq!(paths, ["Cargo.toml", "no-such-file.ndjson"].map(PathBuf::from));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for typed in [&["size"][..], &["size=1", "size=2"], &["{\"size\""], &["{}", "a=1"]] {
            let typed: Vec<String> = typed.iter().map(|text| (*text).to_owned()).collect();
            assert!(arguments(&typed).is_err(), "{typed:?}");
        }
    }
}
