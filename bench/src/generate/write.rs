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
    let mut spans = file(folder, id, "spans")?;
    let mut logs = if system.is_small { None } else { Some(file(folder, id, "logs")?) };
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
    let times = [0.0, run.baseline_s, run.baseline_s + run.incident_s].map(|seconds| run.at_ns(seconds) / 1_000);
    truth(id, "generated", kind, culprit, times)
}

/// A file for the documents of a kind of an incident.
pub(super) fn file(folder: &Path, id: &str, kind: &str) -> Result<GzEncoder<File>> {
    Ok(GzEncoder::new(File::create(folder.join(format!("{id}.ecs-{kind}.ndjson.gz")))?, Compression::fast()))
}

/// An entry of `ground_truth.json`; the times are when the baseline and the incident begin and end, in microseconds since the epoch.
pub(super) fn truth(id: &str, source: &str, kind: Kind, culprit: &str, times_us: [i64; 3]) -> Result<Value> {
    let [start, inject, end] = times_us.map(|us| Timestamp::from_microsecond(us).map(|time| time.to_string()));
    let inject = inject?;
    Ok(json!({
        "id": id, "source": source, "fault_type": kind.word(), "root_cause_service": culprit,
        "baseline": [start?, inject], "incident": [inject, end?],
    }))
}

/// Microseconds, as most exporters write them.
fn time(ns: i64) -> Result<String> {
    Ok(Timestamp::from_microsecond(ns / 1_000)?.to_string())
}
