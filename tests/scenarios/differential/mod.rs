//! The embedded engine against each real one: a few thousand generated searches over generated documents must get equal
//! answers.

mod documents;
mod requests;

use std::time::Duration;

use elk_mcp_tools::{
    dsl::{Request, Search, TrackTotal},
    engine::Engine,
};
use serde_json::{Map, Value};

use crate::random::Random;

const SEED: u64 = 20_260_325;
/// How many searches each engine answers.
const SEARCHES: usize = 3_000;
/// How many go in one request.
const BATCH: usize = 50;
const LIMIT: Duration = Duration::from_secs(120);
/// A difference more than this many is not told one by one.
const TOLD: usize = 12;

#[tokio::test]
async fn the_embedded_engine_answers_as_the_real_ones_do() {
    let mut random = Random::new(SEED);
    let loaded = documents::world(&mut random).load().await;
    let searches = random.list(SEARCHES, requests::search);
    let mut differences = Vec::new();
    let mut count = 0;
    for batch in searches.chunks(BATCH) {
        let replies = futures_util::future::join_all(loaded.sources.iter().map(|source| answers(&**source.toolbox.engine(), batch))).await;
        let (embedded, others) = replies.split_first().unwrap();
        for (source, real) in loaded.sources.iter().skip(1).zip(others) {
            for ((search, ours), theirs) in batch.iter().zip(embedded).zip(real) {
                count += 1;
                if let Some(difference) = compare("", theirs, ours) {
                    let body = Request::Search(search.clone()).body().unwrap();
                    let body = String::from_utf8_lossy(&body).chars().take(1_500).collect::<String>();
                    differences.push(format!("{} {}: {difference}\n  {body}", source.name, search.index()));
                }
            }
        }
    }
    assert!(
        differences.is_empty(),
        "{} of {count} answers differ (real, then embedded):\n{}",
        differences.len(),
        differences[..differences.len().min(TOLD)].join("\n")
    );
}

/// The replies to a batch, reduced to what must be equal.
async fn answers(engine: &dyn Engine, batch: &[Search]) -> Vec<Value> {
    let reply = engine.send(&Request::Msearch(batch.to_vec()), LIMIT).await.unwrap();
    let mut reply: Value = serde_json::from_slice(&reply.body).unwrap();
    let Value::Array(responses) = reply["responses"].take() else { panic!("no responses") };
    responses.into_iter().zip(batch).map(|(response, search)| reduced(response, search)).collect()
}

fn reduced(mut response: Value, search: &Search) -> Value {
    let counts = search.total_mode() != TrackTotal::No;
    let mut kept = Map::new();
    if response.get("error").is_some() {
        kept.insert("status".to_owned(), response["status"].take());
        return kept.into();
    }
    kept.insert("failed".to_owned(), (response["_shards"]["failed"] != 0).into());
    // Elasticsearch counts where it was told not to, when no shard can match.
    if let Some(total) = response["hits"].get("total").filter(|_| counts) {
        kept.insert("total".to_owned(), total.clone());
    }
    kept.insert("hits".to_owned(), hits(&mut response["hits"]));
    if let Some(aggregations) = response.get_mut("aggregations") {
        forget(aggregations);
        kept.insert("aggregations".to_owned(), aggregations.take());
    }
    kept.into()
}

fn hits(hits: &mut Value) -> Value {
    let Value::Array(list) = hits["hits"].take() else { return Value::Null };
    let keep = |mut hit: Value| {
        let kept = ["_index", "_id", "_source", "fields"].into_iter().map(|name| (name.to_owned(), hit[name].take()));
        Value::from(kept.collect::<Map<String, Value>>())
    };
    list.into_iter().map(keep).collect()
}

/// Leaves out of aggregations what is the engine's own affair: error bounds, and scores in `top_hits`.
fn forget(aggregations: &mut Value) {
    match aggregations {
        Value::Object(object) => {
            object.remove("doc_count_error_upper_bound");
            object.remove("meta");
            if object.get("hits").is_some_and(|inner| inner.get("hits").is_some()) {
                let inner = object.get_mut("hits").map(hits).unwrap_or_default();
                object.insert("hits".to_owned(), inner);
            }
            object.values_mut().for_each(forget);
        }
        Value::Array(list) => list.iter_mut().for_each(forget),
        _ => {}
    }
}

/// Where two reduced replies differ.
fn compare(path: &str, theirs: &Value, ours: &Value) -> Option<String> {
    let differ = || {
        let shown = |value: &Value| value.to_string().chars().take(300).collect::<String>();
        Some(format!("{path}: {} and {}", shown(theirs), shown(ours)))
    };
    match (theirs, ours) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            keys.into_iter()
                .find_map(|key| compare(&format!("{path}/{key}"), a.get(key).unwrap_or(&Value::Null), b.get(key).unwrap_or(&Value::Null)))
        }
        (Value::Array(a), Value::Array(b)) if path.ends_with("/values") && a.len() == b.len() => {
            // Percentiles are approximations.
            let number = |entry: &Value| entry["value"].as_f64();
            let all: Vec<f64> = a.iter().filter_map(number).collect();
            let spread = all.iter().copied().fold(f64::MIN, f64::max) - all.iter().copied().fold(f64::MAX, f64::min);
            let is_close = a.iter().zip(b).all(|(a, b)| match (number(a), number(b)) {
                (Some(a), Some(b)) => (a - b).abs() <= 0.01 * a.abs() + 0.01 * spread.max(0.0),
                (a, b) => a.is_none() && b.is_none(),
            });
            if is_close { None } else { differ() }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).enumerate().find_map(|(position, (a, b))| compare(&format!("{path}/{position}"), a, b))
        }
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap_or(f64::NAN), b.as_f64().unwrap_or(f64::NAN));
            if (a - b).abs() <= 1e-9 * a.abs().max(b.abs()) { None } else { differ() }
        }
        _ if theirs == ours => None,
        _ => differ(),
    }
}
