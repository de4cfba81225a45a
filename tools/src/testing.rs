//! For unit tests: a tool driven through its steps against replies written down in the test.
#![allow(dead_code, reason = "each tool uses a part")]

use std::{
    collections::VecDeque,
    pin::pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::Duration,
};

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    Settings, Toolbox,
    answer::Rendered,
    dsl::{IndexExpression, Request, Search},
    engine::{BoxFuture, Engine, EngineError, Reply, classify},
    error::ToolError,
};

/// The fields of an index in ECS.
pub(crate) const ECS: &[(&str, &str)] = &[
    ("@timestamp", "date"),
    ("log.level", "keyword"),
    ("message", "text"),
    ("service.name", "keyword"),
    ("host.name", "keyword"),
    ("kubernetes.pod.name", "keyword"),
    ("trace.id", "keyword"),
    ("span.id", "keyword"),
    ("url.path", "keyword"),
    ("http.response.status_code", "long"),
    ("event.duration", "long"),
];

/// An engine with one index, `logs-a`, that answers field questions from a list and searches from a script.
pub(crate) struct Script {
    fields: Vec<(String, String)>,
    replies: Mutex<VecDeque<Value>>,
    sent: Mutex<Vec<Value>>,
    /// Searches are answered from documents with these times, not from replies.
    times: Option<Vec<Timestamp>>,
}

/// What a scripted call led to.
pub(crate) struct Played {
    /// The tool's answer.
    pub(crate) result: Result<Rendered, ToolError>,
    /// The bodies of the searches it sent, in order; field questions and samples left out.
    pub(crate) sent: Vec<Value>,
}

impl Played {
    /// The structured answer.
    pub(crate) fn structured(&self) -> Value {
        match &self.result {
            Ok(rendered) => serde_json::from_str(rendered.structured.get()).unwrap(),
            Err(error) => panic!("{}", error.text()),
        }
    }

    /// The text of the answer.
    pub(crate) fn text(&self) -> &str {
        match &self.result {
            Ok(rendered) => &rendered.text,
            Err(error) => panic!("{}", error.text()),
        }
    }

    /// The error.
    pub(crate) fn error(&self) -> &ToolError {
        match &self.result {
            Ok(rendered) => panic!("an answer: {}", rendered.text),
            Err(error) => error,
        }
    }
}

/// Calls a tool on documents that consist of a time and a position (the document's id), sorted and cut as an engine would,
/// and follows its cursors: the ids of each page.
pub(crate) fn follow(tool: &str, arguments: &Value, times: &[Timestamp]) -> Vec<Vec<usize>> {
    let fields = || ECS.iter().map(|(name, kind)| ((*name).to_owned(), (*kind).to_owned())).collect();
    let times = times.to_vec();
    let script = Arc::new(Script { fields: fields(), replies: Mutex::default(), sent: Mutex::default(), times: Some(times) });
    let mut pages = Vec::new();
    let mut arguments = arguments.clone();
    loop {
        let played = call(&script, tool, arguments.clone());
        let answer = played.structured();
        let names: Vec<&str> = answer["columns"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let at = names.iter().position(|name| *name == "id");
        let rows = answer["rows"].as_array().cloned().unwrap_or_default();
        pages.push(rows.iter().map(|row| row[at.unwrap()].as_str().unwrap().parse().unwrap()).collect());
        assert!(pages.len() < 1_000, "the cursors come to no end");
        match answer["next_cursor"].as_str() {
            Some(cursor) => arguments["cursor"] = cursor.into(),
            None => return pages,
        }
    }
}

/// Calls a tool at 2026-03-25T15:00:00Z with these arguments; each search takes the next of the replies.
pub(crate) fn play(tool: &str, arguments: Value, fields: &[(&str, &str)], replies: impl IntoIterator<Item = Value>) -> Played {
    let script = Arc::new(Script {
        fields: fields.iter().map(|(name, kind)| ((*name).to_owned(), (*kind).to_owned())).collect(),
        replies: Mutex::new(replies.into_iter().collect()),
        sent: Mutex::new(Vec::new()),
        times: None,
    });
    call(&script, tool, arguments)
}

fn call(script: &Arc<Script>, tool: &str, arguments: Value) -> Played {
    let settings = Settings {
        default_index: IndexExpression::parse("logs-a").unwrap(),
        max_tokens: 6_000,
        max_window_s: 7 * 86_400,
        kibana_url: None,
        field_overrides: Vec::new(),
    };
    let engine: Arc<dyn Engine> = Arc::<Script>::clone(script);
    let toolbox = Toolbox::new(engine, settings);
    let Value::Object(arguments) = arguments else { panic!("arguments are an object") };
    let now = "2026-03-25T15:00:00Z".parse().unwrap();
    let result = block_on(toolbox.call(tool, &arguments, now, Duration::from_secs(25)));
    let sent = std::mem::take(&mut *script.sent.lock().unwrap());
    Played { result, sent }
}

/// A search reply with this many matches, these hits and these aggregations.
pub(crate) fn reply(total: u64, hits: Vec<Value>, aggregations: Value) -> Value {
    json!({
        "took": 1, "timed_out": false,
        "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0},
        "hits": {"total": {"value": total, "relation": "eq"}, "hits": hits},
        "aggregations": aggregations,
    })
}

/// A hit of `logs-a`. Each field's value becomes a list of one.
pub(crate) fn hit(id: &str, fields: Value) -> Value {
    let Value::Object(fields) = fields else { panic!("fields are an object") };
    let fields: serde_json::Map<String, Value> = fields.into_iter().map(|(name, value)| (name, json!([value]))).collect();
    json!({"_index": "logs-a", "_id": id, "fields": fields})
}

impl Script {
    fn search(&self, search: &Search) -> Value {
        let body: Value = serde_json::from_slice(&Request::Search(search.clone()).body().unwrap()).unwrap();
        if let Some(filters) = body.pointer("/aggs/filled/filters/filters") {
            let buckets: serde_json::Map<String, Value> =
                filters.as_object().unwrap().keys().map(|name| (name.clone(), json!({"doc_count": 100}))).collect();
            return reply(100, Vec::new(), json!({"filled": {"buckets": buckets}}));
        }
        if let Some(times) = &self.times {
            return documents(&body, times);
        }
        self.sent.lock().unwrap().push(body);
        self.replies.lock().unwrap().pop_front().unwrap_or_else(|| panic!("a search more than there are replies: {search:?}"))
    }

    fn answer(&self, request: &Request) -> Value {
        match request {
            Request::Search(search) => self.search(search),
            Request::Msearch(searches) => json!({"responses": searches.iter().map(|search| self.search(search)).collect::<Vec<_>>()}),
            Request::FieldCaps(caps) => {
                let asked = |name: &str| caps.fields().iter().any(|field| glob(field, name));
                let fields: serde_json::Map<String, Value> = self
                    .fields
                    .iter()
                    .filter(|(name, _)| asked(name))
                    .map(|(name, kind)| (name.clone(), json!({kind: {"type": kind, "searchable": true, "aggregatable": kind != "text"}})))
                    .collect();
                json!({"indices": ["logs-a"], "fields": fields})
            }
            Request::ResolveIndex(_) => json!({"indices": [{"name": "logs-a", "attributes": ["open"]}], "aliases": [], "data_streams": []}),
            Request::IndexStats(_) => {
                json!({"indices": {"logs-a": {"primaries": {"docs": {"count": 100}, "store": {"size_in_bytes": 1000}}}}})
            }
            Request::Ping => json!({"version": {"number": "9.2.0"}}),
            Request::Health(_) => json!({"status": "green"}),
            Request::HasPrivileges(_) | Request::AuthInfo => json!({}),
        }
    }
}

/// The documents with these times that a search finds; all of them without a range of time.
fn documents(body: &Value, times: &[Timestamp]) -> Value {
    let bound = |range: &Value, name: &str| range[name].as_str().unwrap().parse::<Timestamp>().unwrap();
    let (start, end) = range(&body["query"]).map_or((Timestamp::MIN, Timestamp::MAX), |range| (bound(range, "gte"), bound(range, "lt")));
    let mut found: Vec<_> = times.iter().enumerate().filter(|(_, time)| start <= **time && **time < end).collect();
    found.sort_by_key(|(at, time)| (**time, *at));
    if body.pointer("/sort/0/@timestamp/order").is_some_and(|order| order == "desc") {
        found.reverse();
    }
    let number = |name: &str| usize::try_from(body[name].as_u64().unwrap_or(0)).unwrap();
    let page = found.iter().skip(number("from")).take(number("size"));
    reply(found.len() as u64, page.map(|(at, time)| hit(&at.to_string(), json!({"@timestamp": time.to_string()}))).collect(), json!({}))
}

fn range(query: &Value) -> Option<&Value> {
    match query {
        Value::Object(fields) => query.pointer("/range/@timestamp").or_else(|| fields.values().find_map(range)),
        Value::Array(items) => items.iter().find_map(range),
        _ => None,
    }
}

fn glob(pattern: &str, name: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(rest), Some(_)) => name.contains(rest.trim_end_matches('*')),
        (Some(end), None) => name.ends_with(end),
        (None, Some(start)) => name.starts_with(start),
        (None, None) => pattern == name,
    }
}

impl Engine for Script {
    fn send<'a>(&'a self, request: &'a Request, _: Duration) -> BoxFuture<'a, Result<Reply, EngineError>> {
        let answer = self.answer(request);
        // A reply with a status is a failure: `{"status": 429, "error": {"type": "…"}}`.
        let failure = answer.get("status").filter(|status| status.is_u64()).map(|status| {
            let error = answer["error"].to_string();
            classify(u16::try_from(status.as_u64().unwrap()).unwrap(), &serde_json::from_str(&error).unwrap())
        });
        let body = serde_json::to_vec(&answer).unwrap();
        Box::pin(async move { failure.map_or(Ok(Reply { body }), Err) })
    }
}

/// Runs a future that never really waits.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
}

/// Some moments: anywhere, and close together with nanoseconds, milliseconds and whole seconds.
pub(crate) fn moments() -> impl Strategy<Value = Vec<Timestamp>> {
    let nanosecond = prop_oneof![
        Timestamp::MIN.as_nanosecond()..=Timestamp::MAX.as_nanosecond(),
        1_774_450_000_000_000_000_i128..1_774_450_200_000_000_000,
        (1_774_450_000_000_i128..1_774_450_200_000).prop_map(|ms| ms * 1_000_000),
        (1_774_450_000_i128..1_774_450_200).prop_map(|s| s * 1_000_000_000),
    ];
    prop::collection::vec(nanosecond.prop_map(|nanosecond| Timestamp::from_nanosecond(nanosecond).unwrap()), 1..20)
}
