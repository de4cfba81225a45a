//! Counts, groups and series.

use elk_mcp_tools::error::Code;
use serde_json::{Value, json};

use crate::{
    answers::text,
    world::{World, ecs},
};

/// A hundred requests over an hour: service `pay` has every third, every tenth failed, `cart` has two slow ones.
fn requests() -> Vec<Value> {
    (0..100)
        .map(|n: u64| {
            let service = if n.is_multiple_of(3) { "pay" } else { "cart" };
            let level = if n.is_multiple_of(10) { "ERROR" } else { "INFO" };
            json!({
                "@timestamp": format!("2026-03-25T14:{:02}:{:02}.{:03}Z", n * 36 / 60, n * 36 % 60, n),
                "message": format!("request {n} done"),
                "log": {"level": level},
                "service": {"name": service},
                "url": {"path": format!("/{}", n % 4)},
                "http": {"response": {"status_code": if n.is_multiple_of(10) { 503 } else { 200 }}},
                "event": {"duration": (n + 1) * 1_000_000},
                "tags": if n.is_multiple_of(2) { json!(["even", "number"]) } else { json!("number") },
            })
        })
        .collect()
}

fn world(name: &'static str) -> World {
    let mut mapping = ecs();
    mapping["properties"]["tags"] = json!({"type": "keyword"});
    // Two indices, one of them of two shards: what is counted is merged.
    let (early, late): (Vec<_>, Vec<_>) = requests().into_iter().enumerate().partition(|(n, _)| *n < 40);
    let of = |part: Vec<(usize, Value)>| part.into_iter().map(|(_, document)| document).collect::<Vec<_>>();
    World::new(name).index("a", Some(mapping.clone()), of(early)).sharded("b", 2, Some(mapping), of(late))
}

const HOUR: [(&str, &str); 2] = [("start", "2026-03-25T14:00:00Z"), ("end", "2026-03-25T15:00:00Z")];

fn in_the_hour(mut arguments: Value) -> Value {
    for (name, value) in HOUR {
        arguments[name] = value.into();
    }
    arguments
}

#[tokio::test]
async fn counts_are_exact_by_any_grouping() {
    let loaded = world("counts").load().await;
    for (arguments, expected) in [
        (json!({"group_by": "service"}), vec![("cart", 66), ("pay", 34)]),
        (json!({"group_by": "level"}), vec![("info", 90), ("error", 10)]),
        (json!({"group_by": "tags"}), vec![("number", 100), ("even", 50)]),
        (json!({"group_by": "path", "level": "error"}), vec![("/0", 5), ("/2", 5)]),
        (json!({"group_by": "service", "query": "status:>=500"}), vec![("cart", 6), ("pay", 4)]),
        (json!({"group_by": "service", "filters": [{"field": "tags", "op": "is_not", "value": "even"}]}), vec![("cart", 33), ("pay", 17)]),
        (json!({"group_by": "status", "service": "pay"}), vec![("200", 30), ("503", 4)]),
    ] {
        let answer = loaded.answer("aggregate_logs", in_the_hour(arguments.clone())).await;
        let rows: Vec<(String, String)> = answer
            .rows()
            .iter()
            .map(|row| {
                let group = row.iter().find(|(name, _)| *name != "value").map(|(_, cell)| text(cell).to_lowercase()).unwrap();
                (group, text(&row["value"]))
            })
            .collect();
        let expected: Vec<(String, String)> = expected.iter().map(|(group, count)| ((*group).to_owned(), count.to_string())).collect();
        assert_eq!(rows, expected, "{arguments}");
    }
}

#[tokio::test]
async fn metrics_are_what_the_documents_say() {
    let loaded = world("metrics").load().await;
    for (metric, expected) in
        [("avg", 50.5), ("sum", 5_050.0), ("min", 1.0), ("max", 100.0), ("p50", 50.5), ("p95", 95.5), ("cardinality", 100.0)]
    {
        let arguments = in_the_hour(json!({"metric": metric, "field": "duration_ms"}));
        let mut values = Vec::new();
        // Percentiles and cardinalities are approximations, so the engines' answers are compared with the truth.
        for source in &loaded.sources {
            values.push(source.call("aggregate_logs", &arguments).await.unwrap().rows()[0]["value"].as_f64().unwrap());
        }
        for value in values {
            assert!((value - expected).abs() <= expected * 0.01, "{metric}: {value} instead of {expected}");
        }
    }
}

#[tokio::test]
async fn a_series_has_its_empty_steps() {
    let loaded = world("series").load().await;
    let arguments = in_the_hour(json!({"interval": "10m", "query": "request", "service": "pay", "level": "error"}));
    let answer = loaded.answer("aggregate_logs", arguments).await;
    let counts = answer.column("value");
    assert_eq!(counts.len(), 6, "{}", answer.text);
    assert_eq!(counts.iter().map(|count| count.parse::<u64>().unwrap()).sum::<u64>(), 4, "{}", answer.text);
    assert!(counts.contains(&"0".to_owned()), "{}", answer.text);
}

#[tokio::test]
async fn what_top_leaves_out_is_told() {
    let loaded = world("top").load().await;
    let answer = loaded.answer("aggregate_logs", in_the_hour(json!({"group_by": ["path"], "top": 1}))).await;
    assert_eq!(answer.rows().len(), 1);
    assert_eq!(answer.structured["other"]["count"], 75, "{}", answer.structured);
}

#[tokio::test]
async fn text_cannot_be_grouped_by_and_a_metric_needs_a_number() {
    let loaded = world("ungroupable").load().await;
    let error = loaded.refusal("aggregate_logs", in_the_hour(json!({"group_by": "message"}))).await;
    assert_eq!(error.code, Code::FieldNotGroupable);
    let error = loaded.refusal("aggregate_logs", in_the_hour(json!({"group_by": "servce.name"}))).await;
    assert_eq!(error.code, Code::UnknownField);
    assert!(error.text().contains("service.name"), "{}", error.text());
}

#[tokio::test]
async fn the_service_with_failures_comes_first() {
    let loaded = world("overview").load().await;
    let answer = loaded.answer("get_service_overview", in_the_hour(json!({}))).await;
    assert_eq!(answer.rows().len(), 2, "{}", answer.text);
    assert_eq!(answer.matched(), 100);
    assert_eq!(answer.row("service", "cart")["count"], 66);
}

#[tokio::test]
async fn distinct_values_that_several_schemas_hold_are_called_a_lower_bound_where_they_are_one() {
    let ids = |count: usize| (0..count).map(|n| format!("t{n}"));
    let time = "2026-03-25T14:30:00Z";
    let world = |name: &'static str, count: usize| {
        let ecs_lines = ids(count).map(|id| json!({"@timestamp": time, "message": "a", "service": {"name": "pay"}, "trace": {"id": id}}));
        let flat = json!({"properties": {"ts": {"type": "date"}, "app": {"type": "keyword"}, "traceId": {"type": "keyword"}}});
        let flat_lines = ids(count + 100).map(|id| json!({"ts": time, "msg": "a", "app": "pay", "traceId": format!("x{id}")}));
        World::new(name).index("ecs", Some(ecs()), ecs_lines).index("flat", Some(flat), flat_lines)
    };
    let arguments = in_the_hour(json!({"metric": "cardinality", "field": "trace_id"}));
    for (name, count, is_exact) in [("distinct-few", 400, true), ("distinct-many", 1_100, false)] {
        let answer = world(name, count).load().await.answer("aggregate_logs", arguments.clone()).await;
        let value: usize = answer.column("value")[0].parse().unwrap();
        assert_eq!((value == 2 * count + 100, answer.text.contains("lower bounds")), (is_exact, !is_exact), "{}", answer.text);
    }
}
