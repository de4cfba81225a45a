//! What there is to search, and the fields it has.

use elk_mcp_tools::error::Code;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    answers::text,
    world::{World, ecs},
};

fn line(time: &str, message: &str) -> Value {
    json!({"@timestamp": time, "message": message, "log": {"level": "INFO"}, "service": {"name": "pay"}})
}

#[tokio::test]
async fn indices_are_listed_with_their_documents_and_times() {
    let loaded = World::new("listed")
        .index("a", Some(ecs()), [line("2026-03-25T14:00:00Z", "one"), line("2026-03-25T14:30:00Z", "two")])
        .index("empty", Some(ecs()), [])
        .index("app-2026.03.24", Some(ecs()), [line("2026-03-24T10:00:00Z", "old")])
        .index("app-2026.03.25", Some(ecs()), [line("2026-03-25T10:00:00Z", "new"), line("2026-03-25T11:00:00Z", "newer")])
        .index("timeless", Some(json!({"properties": {"message": {"type": "text"}}})), [json!({"message": "no time"})])
        .alias("alias", &["a"])
        .load()
        .await;
    let answer = loaded.answer("list_indices", json!({})).await;
    let docs = |name: &str| text(&answer.row("index", &loaded.index(name))["docs"]);
    assert_eq!((docs("a"), docs("empty"), docs("timeless")), ("2".to_owned(), "0".to_owned(), "1".to_owned()), "{}", answer.text);
    assert_eq!(text(&answer.row("index", &loaded.index("a"))["newest"]), "2026-03-25T14:30:00Z");
    // The days of one family are one row.
    let family = answer.rows().into_iter().find(|row| text(&row["index"]).contains("app-")).unwrap();
    assert_eq!((text(&family["docs"]), text(&family["oldest"])), ("3".to_owned(), "2026-03-24T10:00:00Z".to_owned()), "{}", answer.text);
}

#[tokio::test]
async fn a_data_stream_is_one_entry() {
    let loaded = World::new("streamed")
        .data_stream("web", ecs(), [line("2026-03-25T14:00:00Z", "one"), line("2026-03-25T14:30:00Z", "two")])
        .load()
        .await;
    let answer = loaded.answer("list_indices", json!({})).await;
    let row = answer.row("index", &loaded.index("web"));
    assert_eq!((text(&row["docs"]), text(&row["kind"])), ("2".to_owned(), "data_stream".to_owned()), "{}", answer.text);
}

#[tokio::test]
async fn a_name_that_leads_nowhere_is_an_error() {
    let loaded = World::new("nowhere").index("a", Some(ecs()), [line("2026-03-25T14:00:00Z", "one")]).load().await;
    for (tool, index, code) in [
        ("aggregate_logs", "logs-no-such-index", Code::UnknownIndex),
        ("aggregate_logs", "logs-no-such-*", Code::UnknownIndex),
        ("describe_fields", "logs-no-such-index", Code::UnknownIndex),
        ("aggregate_logs", "payroll", Code::IndexNotAllowed),
        ("aggregate_logs", "*", Code::IndexNotAllowed),
        ("aggregate_logs", "remote:logs-a", Code::IndexNotAllowed),
        ("describe_fields", "-logs-a", Code::IndexNotAllowed),
        ("describe_fields", "logs-a,<logs-{now/d}>", Code::IndexNotAllowed),
    ] {
        let error = loaded.refusal(tool, json!({"index": index})).await;
        assert_eq!(error.code, code, "{tool} {index}: {}", error.text());
    }
}

/// The embedded engine has no closed indices.
#[tokio::test]
async fn a_closed_index_is_said_to_be_closed() {
    let loaded = World::new("closed")
        .index("open", Some(ecs()), [line("2026-03-25T14:00:00Z", "one")])
        .index("shut", Some(ecs()), [line("2026-03-25T14:00:00Z", "two")])
        .load()
        .await;
    let index = loaded.index("shut");
    for source in &loaded.sources {
        let Some(node) = source.node else { continue };
        node.admin().must(Method::POST, &format!("/{index}/_close"), None).await;
        let error = source.call("aggregate_logs", &json!({"index": index})).await.unwrap_err();
        assert_eq!(error.code, Code::IndexClosed, "{}: {} {}", source.name, error.text(), error.detail);
        // A pattern passes it over.
        let answer = source.call("aggregate_logs", &json!({"start": "2026-03-25T13:00:00Z"})).await.unwrap();
        assert_eq!(answer.matched(), 1, "{}: {}", source.name, answer.text);
    }
}

#[tokio::test]
async fn roles_are_found_in_ecs_otel_and_flat_documents_and_one_search_covers_them() {
    let otel = json!({"properties": {
        "@timestamp": {"type": "date_nanos"},
        "severity_text": {"type": "keyword"},
        "body": {"properties": {"text": {"type": "text"}}},
        "resource": {"properties": {"attributes": {"properties": {"service.name": {"type": "keyword"}}}}},
        "trace_id": {"type": "keyword"},
        "message": {"type": "alias", "path": "body.text"},
        "trace": {"properties": {"id": {"type": "alias", "path": "trace_id"}}},
        "log": {"properties": {"level": {"type": "alias", "path": "severity_text"}}}
    }});
    let flat = json!({"properties": {
        "ts": {"type": "date", "format": "epoch_millis"},
        "lvl": {"type": "keyword"}, "app": {"type": "keyword"}, "msg": {"type": "text"}, "traceId": {"type": "keyword"}
    }});
    let loaded = World::new("schemas")
        .index(
            "ecs",
            Some(ecs()),
            [json!({"@timestamp": "2026-03-25T14:10:00Z", "message": "order refused", "log": {"level": "ERROR"},
            "service": {"name": "pay"}, "trace": {"id": "t1"}})],
        )
        .index(
            "otel",
            Some(otel),
            [json!({"@timestamp": "2026-03-25T14:11:00.000000001Z", "body": {"text": "order refused"},
            "severity_text": "ERROR", "resource": {"attributes": {"service.name": "pay"}}, "trace_id": "t1"})],
        )
        .index(
            "flat",
            Some(flat),
            [json!({"ts": 1_774_447_920_000_i64, "msg": "order refused", "lvl": "error", "app": "pay", "traceId": "t1"})],
        )
        .load()
        .await;
    let arguments = |more: Value| {
        let mut arguments = json!({"start": "2026-03-25T14:00:00Z", "end": "2026-03-25T15:00:00Z"});
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        arguments
    };
    for conditions in [
        json!({}),
        json!({"service": "pay"}),
        json!({"level": "error"}),
        json!({"level": "warn+"}),
        json!({"query": "refused order"}),
        json!({"query": "\"order refused\" AND trace_id:t1"}),
    ] {
        let answer = loaded.answer("aggregate_logs", arguments(conditions.clone())).await;
        assert_eq!(answer.matched(), 3, "{conditions}: {}", answer.text);
    }
    let answer = loaded.answer("aggregate_logs", arguments(json!({"group_by": ["service", "level"]}))).await;
    assert_eq!(answer.column("value"), ["3"], "{}", answer.text);
    let answer = loaded.answer("describe_fields", arguments(json!({}))).await;
    for field in ["@timestamp", "ts", "trace.id", "traceId", "lvl", "app"] {
        assert!(answer.text.contains(field), "{field} in {}", answer.text);
    }
}

#[tokio::test]
async fn an_index_without_a_time_is_said_to_have_none() {
    let mapping = json!({"properties": {"message": {"type": "text"}, "service": {"properties": {"name": {"type": "keyword"}}}}});
    let loaded = World::new("timeless").index("a", Some(mapping), [json!({"message": "no time", "service": {"name": "pay"}})]).load().await;
    let error = loaded.refusal("aggregate_logs", json!({"group_by": "service"})).await;
    assert_eq!(error.code, Code::UnknownField, "{}", error.text());
}

#[tokio::test]
async fn a_field_that_is_text_here_and_a_number_there_is_used_where_it_can_be() {
    let with = |kind: &str| {
        let mut mapping = ecs();
        mapping["properties"]["code"] = json!({"type": kind});
        Some(mapping)
    };
    let document = |code: Value| json!({"@timestamp": "2026-03-25T14:10:00Z", "message": "m", "code": code});
    let loaded = World::new("conflict")
        .index("number", with("long"), [document(json!(7)), document(json!(8))])
        .index("text", with("text"), [document(json!("seven")), document(json!("7"))])
        .index("keyword", with("keyword"), [document(json!("7")), document(json!("x"))])
        .load()
        .await;
    let answer = loaded
        .answer("aggregate_logs", json!({"start": "2026-03-25T14:00:00Z", "filters": [{"field": "code", "op": "is", "value": "7"}]}))
        .await;
    assert_eq!(answer.matched(), 3, "{}", answer.text);
    loaded.answer("describe_fields", json!({"start": "2026-03-25T14:00:00Z", "contains": "code"})).await;
}

#[tokio::test]
async fn a_field_that_is_found_by_its_name_is_said_to_be_where_it_is() {
    let line = || json!({"@timestamp": "2026-03-25T14:10:00Z", "message": "m"});
    let with = |name: &str, kind: &str| {
        let mut mapping = ecs();
        mapping["properties"][name] = json!({"type": kind});
        Some(mapping)
    };
    let world = World::new("where").index("a", Some(ecs()), [line()]).index("b", with("shelf_code", "long"), [line()]);
    let loaded = world.index("c", with("shelf_code", "keyword"), [line()]).load().await;
    let told = |answer: crate::answers::Answered| answer.column("indices");
    let answer = loaded.answer("describe_fields", json!({"start": "2026-03-25T14:00:00Z", "contains": "shelf"})).await;
    assert_eq!(told(answer), [loaded.index("b"), loaded.index("c")]);
}
