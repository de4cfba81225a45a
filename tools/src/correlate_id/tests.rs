//! The tool against replies written down here.

use serde_json::{Value, json};

use crate::testing::{ECS, Played, hit, play, reply};

fn fields() -> Vec<(&'static str, &'static str)> {
    ECS.iter().copied().chain([("message_id", "keyword"), ("order_id", "long"), ("process.pid", "long")]).collect()
}

fn check(id: Value, replies: Vec<Value>) -> Played {
    play("correlate_id", json!({"id": id}), &fields(), replies)
}

fn metrics(first: &str, last: &str, traces: &[&str]) -> Value {
    let ms = |time: &str| time.parse::<jiff::Timestamp>().unwrap().as_millisecond();
    let traces: Vec<Value> = traces.iter().map(|trace| json!({"key": trace, "doc_count": 1})).collect();
    json!({
        "key": "logs-a", "doc_count": 2, "first": {"value": ms(first)}, "last": {"value": ms(last)},
        "services": {"buckets": [{"key": "message-processor", "doc_count": 2}]}, "traces": {"buckets": traces},
    })
}

/// Two documents have the id in the field that is searched in this place.
fn found(place: usize, traces: &[&str]) -> Value {
    let bucket = metrics("2026-03-25T14:41:10Z", "2026-03-25T14:41:12Z", traces);
    let aggregations = json!({
        "places": {"buckets": {place.to_string(): {"doc_count": 2, "index": {"buckets": [bucket]}}}},
        "services": bucket["services"], "traces": bucket["traces"],
    });
    let line = hit("x1", json!({"@timestamp": "2026-03-25T14:41:10Z", "message": "accepted 7f3c21d4", "kubernetes.pod.name": "mp-1"}));
    reply(2, vec![line], aggregations)
}

#[test]
fn an_id_leads_to_its_field_service_and_trace() {
    let played = check(json!("7f3c21d4"), vec![found(0, &["4bf92f35"])]);
    insta::assert_snapshot!(played.text(), @"
    `7f3c21d4` in 2 lines of logs-a, field message_id, service message-processor, trace 4bf92f35
    window 2026-03-25T14:00:00Z/2026-03-25T15:00:00Z	matched 2	returned 1
    index	field	count	first_seen	last_seen	services	trace_ids
    logs-a	message_id	2	2026-03-25T14:41:10Z	2026-03-25T14:41:12Z	message-processor	4bf92f35
    lines:
    index	id	time	pod	message
    logs-a	x1	2026-03-25T14:41:10Z	mp-1	accepted 7f3c21d4
    note: lines are the first 1; search_logs pages through all
    next: search_by_trace_id trace_id=4bf92f35 start=2026-03-25T14:00:00Z end=2026-03-25T15:00:00Z — the whole request
    ");
    assert_eq!(played.sent.len(), 1);
}

#[test]
fn every_identifying_field_and_every_text_is_searched_in_one_look() {
    let played = check(json!(4711), vec![found(0, &[])]);
    insta::assert_snapshot!(played.sent[0]["query"], @r#"{"bool":{"filter":[{"range":{"@timestamp":{"format":"strict_date_optional_time_nanos","gte":"2026-03-25T14:00:00Z","lt":"2026-03-25T15:00:00Z"}}},{"bool":{"minimum_should_match":1,"should":[{"term":{"message_id":{"value":"4711"}}},{"term":{"order_id":{"value":4711}}},{"terms":{"span.id":["4711","0000000000001267","00000000000000000000000000001267"]}},{"terms":{"trace.id":["4711","0000000000001267","00000000000000000000000000001267"]}},{"term":{"kubernetes.pod.name":{"value":"4711"}}},{"match_phrase":{"message":{"query":"4711"}}}]}}]}}"#);
}

#[test]
fn a_word_is_no_condition_on_a_field_of_numbers() {
    let played = check(json!("order-17"), vec![found(0, &[])]);
    let query = played.sent[0]["query"].to_string();
    assert!(!query.contains("order_id") && query.contains("message_id"), "{query}");
}

#[test]
fn without_a_trace_the_surroundings_of_the_first_line_come_next() {
    let answer = check(json!("7f3c21d4"), vec![found(0, &[])]).structured();
    assert_eq!(answer["hints"][0]["tool"], "get_logs_in_window");
    assert_eq!(answer["hints"][0]["arguments"], json!({"around": "logs-a/x1", "scope": "pod"}));
}

#[test]
fn a_beginning_is_searched_when_nothing_is_equal_and_is_told() {
    let none = || reply(0, vec![], json!({}));
    let played = check(json!("7f3c"), vec![none(), none(), found(0, &["4bf92f35"])]);
    assert!(played.sent[2]["query"].to_string().contains("prefix"));
    assert!(played.text().contains("nothing is exactly `7f3c`"), "{}", played.text());
}

#[test]
fn an_id_outside_the_window_says_when_it_was() {
    let ms = |time: &str| time.parse::<jiff::Timestamp>().unwrap().as_millisecond();
    let ever = json!({"first": {"value": ms("2026-03-24T10:00:00Z")}, "last": {"value": ms("2026-03-24T10:00:01Z")}});
    let played = check(json!("7f3c21d4"), vec![reply(0, vec![], json!({})), reply(3, vec![], ever), reply(0, vec![], json!({}))]);
    insta::assert_snapshot!(played.text(), @"
    `7f3c21d4` is nowhere in this window: neither in an identifying field nor in a text
    window 2026-03-25T14:00:00Z/2026-03-25T15:00:00Z	matched 0	returned 0
    note: outside this window 3 lines have it, from 2026-03-24T10:00:00Z to 2026-03-24T10:00:01Z
    next: correlate_id id=7f3c21d4 start=2026-03-24T10:00:00Z end=2026-03-24T10:00:02Z — where it was last seen
    ");
}
