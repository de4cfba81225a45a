//! What a line is: a document, an action of the bulk format, exported hits, or plain text. Knows no file and no index.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// A document in a line, with what the line says about where it belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found<'a> {
    pub(super) index: Option<String>,
    pub(super) id: Option<String>,
    pub(super) json: Cow<'a, str>,
}

/// What the lines before say about the next.
#[derive(Debug, Default)]
pub(super) struct State {
    action: Option<Action>,
    /// Actions that delete or update.
    pub(super) unsupported: u64,
}

#[derive(Debug)]
enum Action {
    /// The next line is a document.
    Index(Target),
    /// The next line is to be left out.
    Update,
}

#[derive(Debug)]
struct Target {
    index: Option<String>,
    id: Option<String>,
}

/// The longest action that is looked at.
const LONGEST_ACTION: usize = 4_096;

impl State {
    /// Adds the documents of a line that begins with a brace to `found`; nothing for an action.
    pub(super) fn read<'a>(&mut self, line: &'a str, found: &mut Vec<Found<'a>>) {
        match self.action.take() {
            Some(Action::Update) => {}
            Some(Action::Index(target)) => found.push(Found { index: target.index, id: target.id, json: line.into() }),
            None => {
                if let Some(action) = action(line) {
                    match action {
                        Some(action @ Action::Update) => {
                            self.unsupported += 1;
                            self.action = Some(action);
                        }
                        Some(action) => self.action = Some(action),
                        None => self.unsupported += 1,
                    }
                } else if !(line.contains("\"_source\"") && hits(line, found)) {
                    found.push(Found { index: None, id: None, json: line.into() });
                }
            }
        }
    }
}

/// Whether a line may be an action, so that it must not be parted from the next.
pub(super) fn may_be_action(line: &[u8]) -> bool {
    let start = line.trim_ascii_start().strip_prefix(b"{").unwrap_or_default().trim_ascii_start();
    line.len() <= LONGEST_ACTION && [b"\"index\"".as_slice(), b"\"create\"", b"\"update\""].iter().any(|action| start.starts_with(action))
}

/// An action; `Some(None)` is one that has no line after it.
#[expect(clippy::option_option, reason = "no action, an action without a line, an action with one")]
fn action(line: &str) -> Option<Option<Action>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "snake_case", deny_unknown_fields)]
    enum Line {
        Index(Meta),
        Create(Meta),
        Update(serde::de::IgnoredAny),
        Delete(serde::de::IgnoredAny),
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Meta {
        #[serde(default)]
        _index: Option<String>,
        #[serde(default)]
        _id: Option<String>,
        #[serde(default, rename = "_type")]
        _kind: Option<String>,
        #[serde(default, alias = "_routing", rename = "routing")]
        _routing: Option<serde_json::Value>,
        #[serde(default, rename = "op_type")]
        _operation: Option<String>,
        #[serde(default, rename = "pipeline")]
        _pipeline: Option<String>,
        #[serde(default, rename = "dynamic_templates")]
        _templates: Option<serde_json::Value>,
        #[serde(default, rename = "require_alias")]
        _alias: Option<bool>,
        #[serde(default, rename = "version")]
        _version: Option<serde_json::Value>,
        #[serde(default, rename = "version_type")]
        _version_type: Option<String>,
        #[serde(default, rename = "retry_on_conflict")]
        _retry: Option<u32>,
    }
    if line.len() > LONGEST_ACTION || !(may_be_action(line.as_bytes()) || line.starts_with("{\"delete\"")) {
        return None;
    }
    Some(match serde_json::from_str(line).ok()? {
        Line::Index(meta) | Line::Create(meta) => Some(Action::Index(Target { index: meta._index, id: meta._id })),
        Line::Update(_) => Some(Action::Update),
        Line::Delete(_) => None,
    })
}

/// Adds the documents of an exported hit, or of a whole reply to a search.
fn hits<'a>(line: &'a str, found: &mut Vec<Found<'a>>) -> bool {
    #[derive(Deserialize)]
    struct Lone<'a> {
        #[serde(default, rename = "_index")]
        index: Option<String>,
        #[serde(default, rename = "_id")]
        id: Option<String>,
        #[serde(borrow, rename = "_source")]
        source: &'a RawValue,
    }
    #[derive(Deserialize)]
    struct Reply<'a> {
        #[serde(borrow)]
        hits: Inner<'a>,
    }
    #[derive(Deserialize)]
    struct Inner<'a> {
        #[serde(borrow)]
        hits: Vec<Lone<'a>>,
    }
    let list = match serde_json::from_str::<Lone<'_>>(line) {
        Ok(hit) => vec![hit],
        Err(_) => match serde_json::from_str::<Reply<'_>>(line) {
            Ok(reply) => reply.hits.hits,
            Err(_) => return false,
        },
    };
    if !list.iter().all(|hit| hit.source.get().starts_with('{')) {
        return false;
    }
    found.extend(list.into_iter().map(|hit| Found { index: hit.index, id: hit.id, json: hit.source.get().into() }));
    true
}

/// A line of plain text as a document.
pub(super) fn message(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 16);
    json.push_str("{\"message\":");
    json.push_str(&serde_json::Value::from(text).to_string());
    json.push('}');
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> (Vec<String>, u64) {
        let mut state = State::default();
        let mut found = Vec::new();
        lines.iter().for_each(|line| state.read(line, &mut found));
        let told =
            |found: &Found<'_>| format!("{}/{} {}", found.index.as_deref().unwrap_or("-"), found.id.as_deref().unwrap_or("-"), found.json);
        (found.iter().map(told).collect(), state.unsupported)
    }

    #[test]
    fn lines_are_told_apart() {
        for (lines, expected, unsupported) in [
            (vec!["{\"a\":1}"], vec!["-/- {\"a\":1}"], 0),
            (vec!["{\"index\":{\"_index\":\"x\",\"_id\":\"7\"}}", "{\"a\":1}", "{\"a\":2}"], vec!["x/7 {\"a\":1}", "-/- {\"a\":2}"], 0),
            (vec!["{ \"create\" : {} }", "{\"index\":{}}"], vec!["-/- {\"index\":{}}"], 0),
            (vec!["{\"index\":\"a document\"}"], vec!["-/- {\"index\":\"a document\"}"], 0),
            (vec!["{\"index\":{\"_index\":\"x\"},\"message\":\"m\"}"], vec!["-/- {\"index\":{\"_index\":\"x\"},\"message\":\"m\"}"], 0),
            (vec!["{\"delete\":{\"_id\":\"1\"}}", "{\"update\":{\"_id\":\"1\"}}", "{\"doc\":{}}", "{\"a\":1}"], vec!["-/- {\"a\":1}"], 2),
            (vec!["{\"_index\":\"x\",\"_id\":\"1\",\"_score\":1,\"_source\":{\"a\":1}}"], vec!["x/1 {\"a\":1}"], 0),
            (
                vec![
                    "{\"took\":1,\"hits\":{\"total\":2,\"hits\":[{\"_index\":\"x\",\"_source\":{}},{\"_id\":\"2\",\"_source\":{\"b\":2}}]}}",
                ],
                vec!["x/- {}", "-/2 {\"b\":2}"],
                0,
            ),
            (vec!["{\"_source\":\"text\"}"], vec!["-/- {\"_source\":\"text\"}"], 0),
        ] {
            let (found, count) = read(&lines);
            assert_eq!((found, count), (expected.iter().map(|text| (*text).to_owned()).collect(), unsupported), "{lines:?}");
        }
    }

    #[test]
    fn text_becomes_a_message() {
        assert_eq!(message("a \"b\"\t\u{1}"), "{\"message\":\"a \\\"b\\\"\\t\\u0001\"}");
    }
}
