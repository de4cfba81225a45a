//! Documents as files in the shape of the real incidents. Knows the ECS names.

use std::{fs::File, io::Write as _, path::Path};

use anyhow::Result;
use flate2::{Compression, write::GzEncoder};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    fault::Kind,
    system::System,
    traffic::{Document, Run},
};

/// Writes the documents of an incident; returns its entry in `ground_truth.json`.
pub(super) fn incident(
    folder: &Path,
    id: &str,
    kind: Kind,
    culprit: &str,
    run: &Run,
    system: &System,
    documents: Vec<Document>,
) -> Result<Value> {
    let file = |kind: &str| -> Result<GzEncoder<File>> {
        Ok(GzEncoder::new(File::create(folder.join(format!("{id}.ecs-{kind}.ndjson.gz")))?, Compression::fast()))
    };
    let mut spans = file("spans")?;
    let mut logs = if system.is_small { None } else { Some(file("logs")?) };
    for document in documents {
        match document {
            Document::Span { time_ns, service, name, duration_ns, trace, id, parent } => {
                let mut written = json!({
                    "@timestamp": time(time_ns)?, "processor": {"event": "span"}, "service": {"name": system.service(service)},
                    "trace": {"id": trace}, "span": {"id": id, "name": name, "duration": {"us": duration_ns / 1_000}},
                });
                if let (Some(parent), Some(fields)) = (parent, written.as_object_mut()) {
                    fields.insert("parent".to_owned(), json!({"id": parent}));
                }
                writeln!(spans, "{written}")?;
            }
            Document::Line { time_ns, service, logger, line, message, is_error, trace, span } => {
                let written = json!({
                    "@timestamp": time(time_ns)?, "message": message, "service": {"name": system.service(service)},
                    "log": {"level": if is_error { "ERROR" } else { "INFO" }, "logger": logger, "origin": {"file": {"line": line}}},
                    "trace": {"id": trace}, "span": {"id": span},
                });
                if let Some(logs) = &mut logs {
                    writeln!(logs, "{written}")?;
                }
            }
        }
    }
    spans.finish()?;
    if let Some(logs) = logs {
        logs.finish()?;
    }
    let at = |seconds: f64| time(run.at_ns(seconds));
    let inject = at(run.baseline_s)?;
    Ok(json!({
        "id": id, "source": "generated", "fault_type": kind.word(), "root_cause_service": culprit,
        "baseline": [at(0.0)?, inject], "incident": [inject, at(run.baseline_s + run.incident_s)?],
    }))
}

/// Microseconds, as most exporters write them.
fn time(ns: i64) -> Result<String> {
    Ok(Timestamp::from_microsecond(ns / 1_000)?.to_string())
}
