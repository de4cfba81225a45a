//! Clues in a payload whose shape is not known, and ids in prose. Looks at so much and no more.

use serde_json::Value;

use super::{
    Alert,
    shapes::{named, text, time},
};
use crate::investigate::clue::Clue;

/// Values that are looked at, and how deep.
const VALUES: usize = 2_000;
const DEPTH: usize = 8;
/// A longer text is no name and no id.
const LONGEST_NAME: usize = 200;

/// Keys in lower case, without `_` and `-`.
const TIMES: [&str; 12] = [
    "timestamp",
    "@timestamp",
    "time",
    "startsat",
    "startedat",
    "starttime",
    "occurredat",
    "createdat",
    "triggeredat",
    "firedat",
    "eventtime",
    "date",
];
const SERVICES: [&str; 7] = ["service", "servicename", "service.name", "app", "application", "component", "deployment"];
const IDS: [&str; 7] = ["messageid", "requestid", "correlationid", "transactionid", "orderid", "eventid", "jobid"];
const TRACES: [&str; 4] = ["traceid", "trace.id", "traceparent", "xraytraceid"];
const TITLES: [&str; 7] = ["title", "summary", "subject", "alertname", "name", "message", "description"];

/// An alert of any shape that names a time, a service or an id.
pub(super) fn unknown(payload: &Value) -> Option<Alert> {
    let clue = with_named(Clue { source: Some("unknown".to_owned()), ..Clue::default() }, payload);
    let said = clue.title.clone().unwrap_or_default();
    let clue = with_ids(clue, &said);
    let id = ["id", "alertId", "alert_id", "incidentId", "fingerprint"].iter().find_map(|name| text(payload.get(name)?));
    // Without an id of its own, the payload is its own id.
    clue.says_something().then(|| named("unknown", &id.unwrap_or_else(|| payload.to_string()), clue))
}

/// A clue with what a payload names by the usual keys, where the clue does not say it already. What lies nearer to the top comes first.
pub(super) fn with_named(mut clue: Clue, payload: &Value) -> Clue {
    let mut level: Vec<&Value> = vec![payload];
    let mut seen = 0;
    for _ in 0..DEPTH {
        let mut below = Vec::new();
        for value in level {
            match value {
                Value::Object(pairs) => {
                    for (key, value) in pairs {
                        take(&mut clue, &key.to_lowercase().replace(['_', '-'], ""), value);
                        below.push(value);
                    }
                }
                Value::Array(items) => below.extend(items),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        seen += below.len();
        if below.is_empty() || seen > VALUES {
            break;
        }
        level = below;
    }
    clue
}

fn take(clue: &mut Clue, key: &str, value: &Value) {
    if TITLES.contains(&key) && clue.title.is_none() {
        clue.title = text(value);
    } else if TIMES.contains(&key) && clue.time.is_none() {
        clue.time = time(Some(value));
    }
    let slot = match key {
        _ if SERVICES.contains(&key) => &mut clue.service,
        _ if IDS.contains(&key) => &mut clue.id,
        _ if TRACES.contains(&key) => &mut clue.trace_id,
        _ => return,
    };
    if slot.is_none() {
        *slot = text(value).filter(|text| text.len() <= LONGEST_NAME);
    }
}

/// A clue with the first trace id (32 hexadecimal digits) and the first UUID of a text, where it has none yet.
pub(super) fn with_ids(mut clue: Clue, said: &str) -> Clue {
    let is_part = |char: char| char.is_ascii_alphanumeric() || char == '-';
    for word in said.split(|char: char| !is_part(char)).filter(|word| word.len() >= 32) {
        let digits = word.bytes().filter(u8::is_ascii_hexdigit).count();
        let dashes: Vec<usize> = word.match_indices('-').map(|(at, _)| at).collect();
        if word.len() == 36 && digits == 32 && dashes == [8, 13, 18, 23] {
            clue.id.get_or_insert_with(|| word.to_owned());
        } else if word.len() == 32 && digits == 32 {
            clue.trace_id.get_or_insert_with(|| word.to_owned());
        }
    }
    clue
}
