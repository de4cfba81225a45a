//! The engine as the tools see it: requests in, Elasticsearch's JSON out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod aggregations;
mod bundles;
mod catalog;
mod documents;
mod queries;
mod sorting;

use std::time::Duration;

use elk_mcp_embedded::{Builder, Embedded};
use elk_mcp_tools::{
    dsl::{Aggregation, AggregationKind, IndexExpression, Query, Request, Search, Sort},
    engine::{EngineError, EngineErrorKind},
};
use serde_json::Value;

const MINUTE: Duration = Duration::from_secs(60);

fn index(text: &str) -> IndexExpression {
    IndexExpression::parse(text).unwrap()
}

fn engine(documents: &[(&str, &str)]) -> Embedded {
    let mut builder = Builder::new();
    for (index, json) in documents {
        builder.document(index, None, json).unwrap();
    }
    builder.build().unwrap()
}

fn ask(engine: &Embedded, request: &Request) -> Value {
    serde_json::from_slice(&engine.answer(request, MINUTE).unwrap().body).unwrap()
}

fn refusal(engine: &Embedded, request: &Request) -> EngineError {
    engine.answer(request, MINUTE).unwrap_err()
}

fn search(engine: &Embedded, search: Search) -> Value {
    ask(engine, &Request::Search(search))
}

/// The `n` of each document that matches, in the order of indexing.
fn matching(engine: &Embedded, query: Query) -> Vec<i64> {
    let sort = vec![Sort { field: "n".to_owned(), descending: false, is_time: false }];
    let reply = search(engine, Search::new(index("*"), query).page(0, 1_000).sort(sort));
    reply["hits"]["hits"].as_array().unwrap().iter().map(|hit| hit["sort"][0].as_i64().unwrap()).collect()
}

fn aggregate(engine: &Embedded, aggregation: Aggregation) -> Value {
    let reply = search(engine, Search::new(index("*"), Query::All).aggregations(vec![("a".to_owned(), aggregation)]));
    reply["aggregations"]["a"].clone()
}

fn metric(kind: AggregationKind) -> Aggregation {
    Aggregation::new(kind)
}

fn is_rejected(error: &EngineError) -> bool {
    error.kind == EngineErrorKind::Rejected
}
