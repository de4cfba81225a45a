//! Real incidents in three schemas: what the tools say of them is what the files say.
//!
//! The files are shared beside the repository and are not part of it; `ELK_MCP_INCIDENTS` names another folder.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fs::File,
    io::{BufRead as _, BufReader},
    path::PathBuf,
};

use elk_mcp_tools::catalogue;
use flate2::read::GzDecoder;
use serde_json::{Value, json};

use crate::{
    answers::text,
    world::{Loaded, World},
};

const INCIDENTS: [&str; 5] = ["tt-01", "tt-04", "tt-13", "tt-25", "tt-29"];
/// The one that is loaded into real engines too.
const EVERYWHERE: &str = "tt-04";
/// How many traces are looked at.
const TRACES: usize = 10;

/// Where a schema has what the test counts by.
struct Schema {
    name: &'static str,
    time: &'static str,
    level: &'static str,
    service: &'static str,
    trace: &'static str,
    has_spans: bool,
}

const SCHEMAS: [Schema; 3] = [
    Schema { name: "ecs", time: "/@timestamp", level: "/log/level", service: "/service/name", trace: "/trace/id", has_spans: true },
    Schema {
        name: "otel",
        time: "/@timestamp",
        level: "/severity_text",
        service: "/resource/attributes/service.name",
        trace: "/trace_id",
        has_spans: true,
    },
    Schema { name: "flat", time: "/ts", level: "/lvl", service: "/app", trace: "/traceId", has_spans: false },
];

fn folder() -> Option<PathBuf> {
    let folder = env::var_os("ELK_MCP_INCIDENTS")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/incidents")), PathBuf::from);
    folder.is_dir().then_some(folder)
}

fn lines(folder: &std::path::Path, file: &str) -> Vec<String> {
    let path = folder.join(file);
    let opened = File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    BufReader::new(GzDecoder::new(opened)).lines().map(Result::unwrap).filter(|line| !line.is_empty()).collect()
}

/// What the files say.
#[derive(Default)]
struct Truth {
    logs: u64,
    spans: u64,
    services: BTreeMap<String, u64>,
    errors: BTreeMap<String, u64>,
    traces: BTreeMap<String, u64>,
    first: String,
    last: String,
}

impl Truth {
    fn of(schema: &Schema, logs: &[String], spans: &[String]) -> Self {
        let mut truth = Self { logs: logs.len() as u64, spans: spans.len() as u64, ..Self::default() };
        for line in logs {
            let document: Value = serde_json::from_str(line).unwrap();
            let get = |pointer: &str| document.pointer(pointer).map(text).unwrap_or_default();
            *truth.services.entry(get(schema.service)).or_default() += 1;
            if matches!(get(schema.level).to_lowercase().as_str(), "error" | "fatal" | "critical" | "severe") {
                *truth.errors.entry(get(schema.service)).or_default() += 1;
            }
            let time = get(schema.time);
            if truth.first.is_empty() || time < truth.first {
                truth.first.clone_from(&time);
            }
            truth.last = truth.last.max(time);
        }
        for line in logs.iter().chain(spans) {
            let document: Value = serde_json::from_str(line).unwrap();
            if let Some(trace) = document.pointer(schema.trace).and_then(Value::as_str).filter(|trace| !trace.is_empty()) {
                *truth.traces.entry(trace.to_owned()).or_default() += 1;
            }
        }
        truth
    }

    /// Traces of different lengths that one answer has room for, the same in every run.
    fn some_traces(&self) -> impl Iterator<Item = (&String, &u64)> {
        let fitting: Vec<_> = self.traces.iter().filter(|(_, count)| **count <= 300).collect();
        let step = (fitting.len() / TRACES).max(1);
        fitting.into_iter().step_by(step).take(TRACES)
    }
}

async fn check(incident: &'static str) {
    let Some(folder) = folder() else {
        eprintln!("skipped: there is no folder of incidents; ELK_MCP_INCIDENTS names one");
        return;
    };
    for schema in &SCHEMAS {
        let logs = lines(&folder, &format!("{incident}.{}-logs.ndjson.gz", schema.name));
        let spans = if schema.has_spans { lines(&folder, &format!("{incident}.{}-spans.ndjson.gz", schema.name)) } else { Vec::new() };
        let truth = Truth::of(schema, &logs, &spans);
        // Whole milliseconds are a number to an engine unless it is told.
        let mapping = (schema.name == "flat").then(|| json!({"properties": {"ts": {"type": "date", "format": "epoch_millis"}}}));
        let mut world = World::new(incident).lines("logs", 1, mapping, logs);
        if schema.has_spans {
            world = world.lines("spans", 1, None, spans);
        }
        if incident != EVERYWHERE {
            world = world.embedded_only();
        }
        let loaded = world.load().await;
        agrees(&loaded, schema, &truth).await;
        if incident == EVERYWHERE {
            all_pages(&loaded, &truth).await;
        }
    }
}

/// A window in which all of it lies.
fn window() -> Value {
    json!({"start": "2023-01-29T00:00:00Z", "end": "2023-01-31T00:00:00Z"})
}

fn with(mut arguments: Value, more: Value) -> Value {
    arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    arguments
}

async fn agrees(loaded: &Loaded, schema: &Schema, truth: &Truth) {
    let who = schema.name;
    let logs = loaded.index("logs");
    for source in &loaded.sources {
        let call = async |tool: &str, arguments: Value| {
            let result = source.call(tool, &arguments).await;
            result.unwrap_or_else(|error| panic!("{} {who}: {tool} {arguments}: {} [{}]", source.name, error.text(), error.detail))
        };
        let listed = call("list_indices", json!({})).await;
        assert_eq!(listed.row("index", &logs)["docs"], truth.logs, "{} {who}: {}", source.name, listed.text);
        if schema.has_spans {
            assert_eq!(listed.row("index", &loaded.index("spans"))["docs"], truth.spans, "{} {who}: {}", source.name, listed.text);
        }

        let errors: u64 = truth.errors.values().sum();
        let found = call("search_logs", with(window(), json!({"index": logs, "level": "error+", "size": 5}))).await;
        assert_eq!(found.matched(), errors, "{} {who}: errors", source.name);
        for (service, count) in truth.services.iter().filter(|(_, count)| **count <= 10_000).take(8) {
            let found = call("search_logs", with(window(), json!({"index": logs, "service": service, "size": 5}))).await;
            assert_eq!(found.matched(), *count, "{} {who}: lines of {service}", source.name);
        }
        let counted = call("aggregate_logs", with(window(), json!({"index": logs, "group_by": "service", "top": 100}))).await;
        let counts: BTreeMap<String, u64> =
            counted.rows().iter().map(|row| (text(&row["service"]), row["value"].as_u64().unwrap())).collect();
        assert_eq!(counts, truth.services, "{} {who}: lines by service", source.name);

        if catalogue().iter().any(|entry| entry.name == "get_error_summary") {
            let arguments =
                with(window(), json!({"index": logs, "group_by": "service", "top": 100, "baseline": "none", "max_tokens": 20000}));
            let summary = call("get_error_summary", arguments).await;
            let mut counts: BTreeMap<String, u64> = BTreeMap::new();
            for row in summary.rows() {
                *counts.entry(text(&row["service"])).or_default() += row["count"].as_u64().unwrap();
            }
            assert_eq!(counts, truth.errors, "{} {who}: errors by service: {}", source.name, summary.text);
        }
        for (trace, count) in truth.some_traces() {
            let found = call("search_by_trace_id", with(window(), json!({"trace_id": trace}))).await;
            assert_eq!(found.matched(), *count, "{} {who}: documents of trace {trace}", source.name);
        }
    }
}

/// Every line is on exactly one page.
async fn all_pages(loaded: &Loaded, truth: &Truth) {
    for source in &loaded.sources {
        let mut arguments = with(window(), json!({"index": loaded.index("logs"), "dedupe": false, "size": 500, "max_tokens": 60000}));
        let mut seen = BTreeSet::new();
        loop {
            let page = source
                .call("search_logs", &arguments)
                .await
                .unwrap_or_else(|error| panic!("{}: {} [{}]", source.name, error.text(), error.detail));
            for row in page.rows() {
                assert!(seen.insert(text(&row["id"])), "{}: {} twice", source.name, text(&row["id"]));
            }
            match page.structured.get("next_cursor") {
                Some(cursor) => arguments["cursor"] = cursor.clone(),
                None => break,
            }
        }
        assert_eq!(seen.len() as u64, truth.logs, "{}: lines of all pages", source.name);
    }
}

#[tokio::test]
async fn the_first_incident_is_counted_as_its_files_are() {
    check(INCIDENTS[0]).await;
}

#[tokio::test]
async fn the_second_incident_is_counted_as_its_files_are_on_every_engine() {
    check(INCIDENTS[1]).await;
}

#[tokio::test]
async fn the_third_incident_is_counted_as_its_files_are() {
    check(INCIDENTS[2]).await;
}

#[tokio::test]
async fn the_fourth_incident_is_counted_as_its_files_are() {
    check(INCIDENTS[3]).await;
}

#[tokio::test]
async fn the_fifth_incident_is_counted_as_its_files_are() {
    check(INCIDENTS[4]).await;
}
