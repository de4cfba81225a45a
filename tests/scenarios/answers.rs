//! Calls whose answer is the same on every engine, and what an answer says.

use std::{collections::BTreeSet, sync::LazyLock, time::Duration};

use elk_mcp_tools::{answer::Rendered, catalogue, error::ToolError};
use jiff::Timestamp;
use jsonschema::Validator;
use serde_json::{Map, Value};

use crate::world::{Loaded, Source};

/// The time of every call.
pub(crate) const NOW: &str = "2026-03-25T15:00:00Z";

/// How long a call may take: a node that others use too is slow.
const LIMIT: Duration = Duration::from_secs(120);

/// What every engine answered.
#[derive(Debug, Clone)]
pub(crate) struct Answered {
    pub(crate) structured: Value,
    pub(crate) text: String,
}

/// A row with its constants, by column.
pub(crate) type Row = Map<String, Value>;

impl Source {
    /// Calls a tool and checks what holds for every answer: it is within its budget and of its published form, and a
    /// refusal says what would work.
    pub(crate) async fn call(&self, tool: &str, arguments: &Value) -> Result<Answered, ToolError> {
        let Value::Object(arguments) = arguments else { panic!("arguments are an object: {arguments}") };
        let now: Timestamp = NOW.parse().unwrap();
        let result = self.toolbox.call(tool, arguments, now, LIMIT).await;
        let who = || format!("{}: {tool} {}", self.name, Value::from(arguments.clone()));
        let asked = arguments.get("max_tokens").and_then(|asked| asked.as_u64().or_else(|| asked.as_str()?.parse().ok()));
        let budget = asked.unwrap_or(6_000);
        match result {
            Ok(rendered) => Ok(checked(tool, &rendered, budget, &who)),
            Err(error) => {
                assert!(!error.next_step.is_empty() && !error.message.is_empty(), "{}: {error:?}", who());
                Err(error)
            }
        }
    }
}

fn checked(tool: &str, rendered: &Rendered, budget: u64, who: &dyn Fn() -> String) -> Answered {
    static SCHEMAS: LazyLock<Vec<(&str, Validator)>> = LazyLock::new(|| {
        catalogue()
            .iter()
            .map(|entry| (entry.name, jsonschema::validator_for(&Value::from(entry.output_schema.clone())).unwrap()))
            .collect()
    });
    let structured = rendered.structured.get();
    for (form, length) in [("text", rendered.text.len()), ("structured", structured.len())] {
        assert!(length as u64 <= budget * 3, "{}: {length} bytes of {form} in {budget} tokens:\n{}", who(), rendered.text);
    }
    let structured: Value = serde_json::from_str(structured).unwrap();
    let schema = SCHEMAS.iter().find(|(name, _)| *name == tool).map(|(_, schema)| schema).unwrap();
    if let Err(error) = schema.validate(&structured) {
        panic!("{}: not of the published form: {error}\n{structured}", who());
    }
    Answered { structured, text: rendered.text.clone() }
}

impl Loaded {
    /// The answer of every engine, which must be one and the same.
    pub(crate) async fn answer(&self, tool: &str, arguments: Value) -> Answered {
        let mut first: Option<(Value, Answered)> = None;
        for source in &self.sources {
            let answered = match source.call(tool, &arguments).await {
                Ok(answered) => answered,
                Err(error) => panic!("{}: {tool} {arguments}: {} [{}]", source.name, error.text(), error.detail),
            };
            let mut comparable = answered.structured.clone();
            forget_what_may_differ(&mut comparable);
            match &first {
                None => first = Some((comparable, answered)),
                Some((expected, _)) => {
                    if let Some(difference) = difference(expected, &comparable) {
                        panic!("{tool} {arguments}: embedded and {} differ: {difference}\n{expected}\n{comparable}", source.name);
                    }
                }
            }
        }
        first.unwrap().1
    }

    /// The refusal of every engine: one code, one message.
    pub(crate) async fn refusal(&self, tool: &str, arguments: Value) -> ToolError {
        let mut first: Option<ToolError> = None;
        for source in &self.sources {
            let error = match source.call(tool, &arguments).await {
                Ok(answered) => panic!("{}: {tool} {arguments} was answered: {}", source.name, answered.text),
                Err(error) => error,
            };
            match &first {
                None => first = Some(error),
                Some(first) => assert_eq!(
                    (error.code, &error.message, &error.next_step),
                    (first.code, &first.message, &first.next_step),
                    "{}: {tool} {arguments}: {}",
                    source.name,
                    error.detail
                ),
            }
        }
        first.unwrap()
    }
}

/// Leaves out what depends on the engine's store and on what the credential may read of it.
fn forget_what_may_differ(answer: &mut Value) {
    const OWN: [&str; 2] = ["size_bytes", "lag_s"];
    let Value::Object(object) = answer else { return };
    for name in OWN {
        object.get_mut("constants").and_then(Value::as_object_mut).map(|constants| constants.remove(name));
        let Some(columns) = object.get_mut("columns").and_then(Value::as_array_mut) else { continue };
        let Some(position) = columns.iter().position(|column| column == name) else { continue };
        columns.remove(position);
        for row in object.get_mut("rows").and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_array_mut) {
            row.remove(position);
        }
    }
    if let Some(notes) = object.get_mut("notes").and_then(Value::as_array_mut) {
        notes.retain(|note| !note.as_str().is_some_and(|note| note.starts_with("sizes are left out")));
        if notes.is_empty() {
            object.remove("notes");
        }
    }
}

/// How far a number may be from another: sums of floats depend on their order.
const EXACT: f64 = 1e-6;
/// How far percentiles of few values may be apart: each engine interpolates in its own way.
const APPROXIMATE: f64 = 0.03;

/// Where two answers differ.
pub(crate) fn difference(expected: &Value, found: &Value) -> Option<String> {
    differing("", expected, found, EXACT)
}

fn differing(path: &str, expected: &Value, found: &Value, tolerance: f64) -> Option<String> {
    let differ = || Some(format!("at {path}: {expected} and {found}"));
    match (expected, found) {
        (Value::Object(a), Value::Object(b)) => {
            let columns = percentiles(expected);
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            keys.into_iter().find_map(|key| {
                let (a, b, path) = (a.get(key).unwrap_or(&Value::Null), b.get(key).unwrap_or(&Value::Null), format!("{path}/{key}"));
                match (a, b) {
                    (Value::Array(a), Value::Array(b)) if key == "rows" && a.len() == b.len() => {
                        a.iter().zip(b).enumerate().find_map(|(row, (a, b))| differing_row(&format!("{path}/{row}"), a, b, &columns))
                    }
                    _ if is_percentile(key) => differing(&path, a, b, APPROXIMATE),
                    _ => differing(&path, a, b, tolerance),
                }
            })
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).enumerate().find_map(|(position, (a, b))| differing(&format!("{path}/{position}"), a, b, tolerance))
        }
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap_or(f64::NAN), b.as_f64().unwrap_or(f64::NAN));
            if (a - b).abs() <= tolerance * a.abs().max(b.abs()) { None } else { differ() }
        }
        _ if expected == found => None,
        _ => differ(),
    }
}

fn differing_row(path: &str, a: &Value, b: &Value, columns: &[bool]) -> Option<String> {
    let (Value::Array(cells), Value::Array(others)) = (a, b) else { return differing(path, a, b, EXACT) };
    if cells.len() != others.len() {
        return Some(format!("at {path}: {a} and {b}"));
    }
    cells.iter().zip(others).enumerate().find_map(|(position, (a, b))| {
        let is_approximate = columns.get(position).copied().unwrap_or(false);
        differing(&format!("{path}/{position}"), a, b, if is_approximate { APPROXIMATE } else { EXACT })
    })
}

/// Which columns of a table are percentiles.
fn percentiles(table: &Value) -> Vec<bool> {
    table["columns"].as_array().into_iter().flatten().map(|name| name.as_str().is_some_and(is_percentile)).collect()
}

fn is_percentile(name: &str) -> bool {
    name.starts_with('p') && name[1..].starts_with(|c: char| c.is_ascii_digit()) || name.ends_with("_p95_ms")
}

impl Answered {
    /// How many documents match.
    pub(crate) fn matched(&self) -> u64 {
        self.structured["totals"]["matched"].as_u64().unwrap_or_else(|| panic!("no total: {}", self.structured))
    }

    /// The first line.
    pub(crate) fn summary(&self) -> &str {
        self.structured["summary"].as_str().unwrap()
    }

    /// The rows of the main table.
    pub(crate) fn rows(&self) -> Vec<Row> {
        rows(&self.structured)
    }

    /// The rows of a section.
    pub(crate) fn section(&self, name: &str) -> Vec<Row> {
        rows(&self.structured[name])
    }

    /// One column of the main table, as text.
    pub(crate) fn column(&self, name: &str) -> Vec<String> {
        self.rows().iter().map(|row| text(row.get(name).unwrap_or(&Value::Null))).collect()
    }

    /// The only row whose column has this value.
    #[track_caller]
    pub(crate) fn row(&self, column: &str, value: &str) -> Row {
        let mut rows = self.rows();
        rows.retain(|row| row.get(column).is_some_and(|cell| text(cell) == value));
        assert_eq!(rows.len(), 1, "rows with {column} {value}: {}", self.structured);
        rows.remove(0)
    }
}

fn rows(table: &Value) -> Vec<Row> {
    let columns: Vec<&str> = table["columns"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let constants = table["constants"].as_object().cloned().unwrap_or_default();
    let rows = table["rows"].as_array().cloned().unwrap_or_default();
    rows.iter()
        .map(|row| {
            let cells = columns.iter().zip(row.as_array().unwrap()).map(|(name, cell)| ((*name).to_owned(), cell.clone()));
            constants.clone().into_iter().chain(cells).collect()
        })
        .collect()
}

/// A cell as text, a string without its quotes.
pub(crate) fn text(cell: &Value) -> String {
    match cell {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
