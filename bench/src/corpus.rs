//! A folder of incidents: what happened when, and the documents in several schemas. Knows files; knows no tool.

use std::{
    fmt,
    fs::File,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use flate2::read::GzDecoder;
use serde::Deserialize;
use serde_json::Value;

/// Schemas that a folder may have its documents in.
pub(crate) const SCHEMAS: [&str; 3] = ["ecs", "otel", "flat"];

/// An entry of `ground_truth.json`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Incident {
    pub(crate) id: String,
    pub(crate) fault_type: String,
    pub(crate) root_cause_service: String,
    /// Start and end.
    pub(crate) incident: [String; 2],
}

/// Which documents the tools get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum What {
    #[value(name = "spans+logs")]
    Both,
    Logs,
    Spans,
}

/// What tells log lines apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Keys {
    Lines,
    Templates,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Both => "spans+logs",
            Self::Logs => "logs",
            Self::Spans => "spans",
        })
    }
}

impl fmt::Display for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lines => "lines",
            Self::Templates => "templates",
        })
    }
}

/// Documents of one index.
pub(crate) struct Documents {
    /// Its name, of characters that every engine takes.
    pub(crate) index: String,
    pub(crate) mapping: &'static str,
    pub(crate) lines: Vec<String>,
}

/// A folder of incidents.
pub(crate) struct Corpus {
    folder: PathBuf,
    pub(crate) incidents: Vec<Incident>,
}

/// Whole milliseconds are a number to an engine unless it is told.
const FLAT: &str = r#"{"properties": {"ts": {"type": "date", "format": "epoch_millis"}}}"#;

/// Left to themselves clusters make a `date` of a time, which keeps milliseconds, and the embedded engine a `date_nanos`, which keeps all
/// digits: each would be given other times.
const EXACT: &str = r#"{"properties": {"@timestamp": {"type": "date_nanos"}}}"#;

/// Where the schemas have the place in the source that wrote a line.
const PLACES: [&[&str]; 6] = [
    &["log", "logger"],
    &["log", "origin"],
    &["scope"],
    &["attributes", "code.line.number"],
    &["attributes", "code.function.name"],
    &["cls"],
];

impl Corpus {
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let path = folder.join("ground_truth.json");
        let text = std::fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        let incidents = serde_json::from_str(&text).with_context(|| format!("{} is no list of incidents", path.display()))?;
        Ok(Self { folder: folder.to_owned(), incidents })
    }

    fn file(&self, incident: &Incident, schema: &str, kind: &str) -> Option<PathBuf> {
        let path = self.folder.join(format!("{}.{schema}-{kind}.ndjson.gz", incident.id));
        path.is_file().then_some(path)
    }

    /// Whether any incident has documents in the schema.
    pub(crate) fn has_schema(&self, schema: &str) -> bool {
        self.incidents.iter().any(|incident| ["logs", "spans"].iter().any(|kind| self.file(incident, schema, kind).is_some()))
    }

    /// The documents of an incident; none where a kind that was asked for is not there.
    pub(crate) fn documents(&self, incident: &Incident, schema: &str, what: What, keys: Keys) -> Result<Option<Vec<Documents>>> {
        let kinds: &[&str] = match what {
            What::Both => &["logs", "spans"],
            What::Logs => &["logs"],
            What::Spans => &["spans"],
        };
        let mut list = Vec::new();
        for kind in kinds {
            let Some(path) = self.file(incident, schema, kind) else { return Ok(None) };
            let opened = File::open(&path).with_context(|| format!("{} cannot be opened", path.display()))?;
            let mut lines: Vec<String> = Vec::new();
            for line in BufReader::new(GzDecoder::new(opened)).lines() {
                let line = line.with_context(|| format!("{} cannot be read", path.display()))?;
                if !line.is_empty() {
                    lines.push(if keys == Keys::Templates { without_places(&line)? } else { line });
                }
            }
            let mapping = if schema == "flat" { FLAT } else { EXACT };
            list.push(Documents { index: format!("logs-bench-{}-{schema}-{kind}", incident.id.to_lowercase()), mapping, lines });
        }
        Ok(Some(list))
    }
}

/// A document that does not say which line of the source wrote it.
fn without_places(line: &str) -> Result<String> {
    let mut document: Value = serde_json::from_str(line).context("a document is no JSON")?;
    for place in PLACES {
        let Some((last, way)) = place.split_last() else { continue };
        let parent = way.iter().try_fold(&mut document, |at, name| at.get_mut(*name));
        if let Some(parent) = parent.and_then(Value::as_object_mut) {
            parent.remove(*last);
        }
    }
    Ok(document.to_string())
}
