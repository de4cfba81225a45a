//! What a call costs us: building the request, and shaping a reply of 50 hits and about 67 KB, on a canned upstream in the
//! process. The aim is at most 0.12 ms of our CPU for ten hits.
#![allow(clippy::unwrap_used, reason = "a bench has nobody to report to")]

use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use elk_mcp_tools::{
    Settings, Toolbox,
    dsl::{IndexExpression, Query, Range, Request, Scalar, Search, Sort, TrackTotal},
    engine::{BoxFuture, Engine, EngineError, Reply},
};
use serde_json::{Map, Value, json};

fn main() {
    divan::main();
}

/// Answers every search with the same bytes.
struct Canned {
    caps: Vec<u8>,
    search: Vec<u8>,
}

impl Canned {
    fn new(hits: usize, message_bytes: usize) -> Self {
        let fields = [
            ("@timestamp", "date"),
            ("message", "text"),
            ("log.level", "keyword"),
            ("service.name", "keyword"),
            ("trace.id", "keyword"),
            ("kubernetes.pod.name", "keyword"),
        ];
        let caps: Map<String, Value> = fields
            .iter()
            .map(|(name, kind)| ((*name).to_owned(), json!({*kind: {"type": kind, "searchable": true, "aggregatable": *kind != "text"}})))
            .collect();
        let hits: Vec<Value> = (0..hits)
            .map(|n| {
                let message = format!("request {n} failed: {}", "connection reset by peer ".repeat(message_bytes / 25));
                // Words of its own, so that it is no near-duplicate of the others.
                let message = format!(
                    "{} {message}",
                    ["alpha", "beta", "gamma", "delta", "kappa", "sigma", "omega"]
                        .map(|word| word.get(..1 + (n * 7 + word.len()) % word.len()).unwrap())
                        .join(&"x".repeat(n % 9 + 1))
                );
                json!({"_index": "logs-a", "_id": format!("id-{n}"), "fields": {
                    "@timestamp": [format!("2026-03-25T14:{:02}:{:02}.123456Z", 59 - n / 60, 59 - n % 60)], "message": [message],
                    "log.level": ["ERROR"], "service.name": ["orders"], "trace.id": [format!("{n:032x}")],
                    "kubernetes.pod.name": ["orders-5b9f4d7c66-nmkl2"]}, "sort": [1_774_450_000_000_000_000_i64 - n as i64, n]})
            })
            .collect();
        let groups: Vec<Value> = (0..10).map(|n| json!({"key": format!("service-{n}"), "doc_count": 1_000 - n})).collect();
        let search = json!({"took": 1, "timed_out": false, "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0},
            "hits": {"total": {"value": 10_000, "relation": "gte"}, "hits": hits},
            "aggregations": {"by": {"sum_other_doc_count": 0, "doc_count_error_upper_bound": 0, "buckets": groups}}});
        Self { caps: json!({"indices": ["logs-a"], "fields": caps}).to_string().into_bytes(), search: search.to_string().into_bytes() }
    }
}

impl Engine for Canned {
    fn send<'a>(&'a self, request: &'a Request, _: Duration) -> BoxFuture<'a, Result<Reply, EngineError>> {
        let body = match request {
            Request::FieldCaps(_) => self.caps.clone(),
            Request::Msearch(searches) => {
                let items = vec![String::from_utf8_lossy(&self.search); searches.len()].join(",");
                format!("{{\"responses\":[{items}]}}").into_bytes()
            }
            _ => self.search.clone(),
        };
        Box::pin(async move { Ok(Reply { body }) })
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

fn search_logs(bencher: divan::Bencher, hits: usize, message_bytes: usize) {
    call(bencher, "search_logs", hits, message_bytes, 60_000, &json!({"level": "error", "size": hits, "dedupe": false}));
}

fn call(bencher: divan::Bencher, tool: &str, hits: usize, message_bytes: usize, max_tokens: u32, arguments: &Value) {
    let settings = Settings {
        default_index: IndexExpression::parse("logs-a").unwrap(),
        max_tokens,
        max_window_s: 7 * 86_400,
        kibana_url: None,
        field_overrides: Vec::new(),
    };
    let toolbox = Toolbox::new(Arc::new(Canned::new(hits, message_bytes)), settings);
    let arguments = arguments.as_object().unwrap();
    let now = "2026-03-25T15:00:00Z".parse().unwrap();
    bencher.bench_local(|| block_on(toolbox.call(tool, arguments, now, Duration::from_secs(25))).unwrap());
}

#[divan::bench]
fn a_search_of_ten_hits(bencher: divan::Bencher) {
    search_logs(bencher, 10, 150);
}

#[divan::bench]
fn a_search_of_fifty_hits_and_67_kb(bencher: divan::Bencher) {
    search_logs(bencher, 50, 1_100);
}

/// As callers do: near-duplicates folded, cut to the default budget.
#[divan::bench(args = [200, 1_100])]
fn a_search_of_fifty_hits_cut_to_the_default_budget(bencher: divan::Bencher, message_bytes: usize) {
    call(bencher, "search_logs", 50, message_bytes, 6_000, &json!({"level": "error"}));
}

/// Ten groups, counted.
#[divan::bench]
fn an_aggregation_of_ten_groups(bencher: divan::Bencher) {
    call(bencher, "aggregate_logs", 0, 0, 6_000, &json!({"metric": "count", "group_by": "service"}));
}

#[divan::bench]
fn building_a_request(bencher: divan::Bencher) {
    let index = IndexExpression::parse("logs-*,app-*").unwrap();
    let range = Range {
        gte: Some(Scalar::from("2026-03-25T14:00:00Z")),
        lt: Some(Scalar::from("2026-03-25T15:00:00Z")),
        is_time: true,
        ..Range::default()
    };
    let query = Query::all_of(vec![
        Query::Range { field: "@timestamp".to_owned(), range },
        Query::term("service.name", "orders"),
        Query::Phrase { field: "message".to_owned(), text: "connection reset".to_owned(), prefix: false },
    ]);
    let sort = vec![Sort { field: "@timestamp".to_owned(), descending: true, is_time: true }];
    let search = Search::new(index, query).page(0, 50).sort(sort).track_total(TrackTotal::UpTo(10_000));
    let request = Request::Search(search);
    bencher.bench_local(|| (request.path(), request.body()));
}
