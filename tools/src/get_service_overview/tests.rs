//! What the tool asks, and how it tells what came back.

use serde_json::{Value, json};

use crate::testing::{ECS, Played, play, reply};

/// A bucket with so many documents, of which so many failed, and so many are 4xx; all are HTTP answers.
fn bucket(key: &str, count: u64, failed: u64, client: u64) -> Value {
    json!({"key": key, "doc_count": count,
        "failed": {"doc_count": failed}, "answers": {"doc_count": count}, "good": {"doc_count": count - failed - client},
        "http": {"doc_count": count}, "client": {"doc_count": client},
        "refused": {"doc_count": failed + client, "status": {"buckets": if client > 0 { json!([{"key": 404, "doc_count": client}]) } else { json!([]) }}},
        "duration": {"values": [{"key": 95.0, "value": 3_000_000.0}]}})
}

fn by(buckets: Vec<Value>, failing: Vec<Value>, paths: Vec<Value>) -> Value {
    json!({"by": {"sum_other_doc_count": 0, "buckets": buckets},
        "failing": {"doc_count": 1, "by": {"buckets": failing}, "paths": {"buckets": paths}}})
}

fn past(key: &str, first: i64, last_success: Option<i64>) -> Value {
    json!({"key": key, "doc_count": 1, "first": {"value": first}, "good": {"doc_count": 0, "last": {"value": last_success}}})
}

const T1441: i64 = 1_774_449_670_000;

fn incident() -> Played {
    let now = by(vec![bucket("/health", 900, 0, 0), bucket("/alert", 214, 0, 214), bucket("/legacy", 60, 0, 60)], vec![], vec![]);
    let before = by(vec![bucket("/health", 900, 0, 0), bucket("/legacy", 60, 0, 58)], vec![], vec![]);
    let looked_back = json!({"by": {"buckets": [past("/alert", T1441, None), past("/legacy", T1441, Some(T1441 - 1_000_000))]}});
    play(
        "get_service_overview",
        json!({"group_by": "endpoint"}),
        ECS,
        [reply(1_174, vec![], now), reply(960, vec![], before), reply(274, vec![], looked_back)],
    )
}

#[test]
fn what_never_succeeded_comes_first_and_healthy_groups_stay() {
    insta::assert_snapshot!(incident().text(), @"
    3 groups by path: /alert: 214 of 214 failed (404), never succeeded since first seen 2026-03-25T14:41:10Z; /legacy: 60 of 60 failed (404), last success 2026-03-25T14:24:30Z; 1 ok (/health)
    window 2026-03-25T14:00:00Z/2026-03-25T15:00:00Z	matched 1174	returned 3
    all rows:	error_rate=0	p95_ms=3
    path	finding	count	rate_per_min	client_error_rate	status	baseline_rate_per_min	baseline_error_rate	baseline_client_error_rate	baseline_p95_ms	first_seen (2026-03-25T14:41:…Z)	last_success
    /alert	never succeeded	214	3.567	1	404	0	-	-	-	10	-
    /legacy	all failed	60	1	1	404	1	0	0.967	3	10	2026-03-25T14:24:30Z
    /health	ok	900	15	0	-	15	0	0	3	-	-
    note: failed (error_rate): level error or worse, status 500+, or outcome failure; client_error_rate: 4xx of all HTTP answers; never succeeded: every answer was 400+ or failed, in the days before too
    fields: duration_ms=event.duration path=url.path service=service.name status=http.response.status_code
    next: find_changes start=2026-03-25T14:11:10Z end=2026-03-25T15:00:00Z — what changed when it began
    ");
}

#[test]
fn both_windows_are_asked_at_once_and_only_failing_groups_further_back() {
    let played = incident();
    assert_eq!(played.sent.len(), 3);
    insta::assert_snapshot!(played.sent[0], @r#"{"aggs":{"by":{"aggs":{"answers":{"filter":{"exists":{"field":"http.response.status_code"}}},"client":{"filter":{"range":{"http.response.status_code":{"gte":400,"lt":500}}}},"duration":{"percentiles":{"field":"event.duration","keyed":false,"percents":[95.0],"tdigest":{"compression":1000}}},"failed":{"filter":{"bool":{"minimum_should_match":1,"should":[{"terms":{"log.level":["ALERT","Alert","CRIT","CRITICAL","Crit","Critical","DPANIC","Dpanic","E","EMERG","EMERGENCY","ERR","ERROR","Emerg","Emergency","Err","Error","F","FAILURE","FATAL","FTL","Failure","Fatal","Ftl","PANIC","Panic","SEVERE","Severe","alert","crit","critical","dpanic","e","emerg","emergency","err","error","f","failure","fatal","ftl","panic","severe"]}},{"range":{"http.response.status_code":{"gte":500,"lte":599}}}]}}},"good":{"filter":{"bool":{"filter":[{"exists":{"field":"http.response.status_code"}},{"bool":{"must_not":[{"bool":{"minimum_should_match":1,"should":[{"bool":{"minimum_should_match":1,"should":[{"terms":{"log.level":["ALERT","Alert","CRIT","CRITICAL","Crit","Critical","DPANIC","Dpanic","E","EMERG","EMERGENCY","ERR","ERROR","Emerg","Emergency","Err","Error","F","FAILURE","FATAL","FTL","Failure","Fatal","Ftl","PANIC","Panic","SEVERE","Severe","alert","crit","critical","dpanic","e","emerg","emergency","err","error","f","failure","fatal","ftl","panic","severe"]}},{"range":{"http.response.status_code":{"gte":500,"lte":599}}}]}},{"range":{"http.response.status_code":{"gte":400,"lt":600}}}]}}]}}]}}},"http":{"filter":{"exists":{"field":"http.response.status_code"}}},"refused":{"aggs":{"status":{"terms":{"field":"http.response.status_code","size":3}}},"filter":{"range":{"http.response.status_code":{"gte":400,"lt":600}}}}},"terms":{"field":"url.path","size":100}},"failing":{"aggs":{"by":{"terms":{"field":"url.path","size":100}}},"filter":{"bool":{"minimum_should_match":1,"should":[{"bool":{"minimum_should_match":1,"should":[{"terms":{"log.level":["ALERT","Alert","CRIT","CRITICAL","Crit","Critical","DPANIC","Dpanic","E","EMERG","EMERGENCY","ERR","ERROR","Emerg","Emergency","Err","Error","F","FAILURE","FATAL","FTL","Failure","Fatal","Ftl","PANIC","Panic","SEVERE","Severe","alert","crit","critical","dpanic","e","emerg","emergency","err","error","f","failure","fatal","ftl","panic","severe"]}},{"range":{"http.response.status_code":{"gte":500,"lte":599}}}]}},{"range":{"http.response.status_code":{"gte":400,"lt":600}}}]}}}},"query":{"bool":{"filter":[{"range":{"@timestamp":{"format":"strict_date_optional_time_nanos","gte":"2026-03-25T14:00:00Z","lt":"2026-03-25T15:00:00Z"}}}]}},"size":0,"track_total_hits":true}"#);
    insta::assert_snapshot!(played.sent[2], @r#"{"aggs":{"by":{"aggs":{"first":{"min":{"field":"@timestamp"}},"good":{"aggs":{"last":{"max":{"field":"@timestamp"}}},"filter":{"bool":{"filter":[{"exists":{"field":"http.response.status_code"}},{"bool":{"must_not":[{"bool":{"minimum_should_match":1,"should":[{"bool":{"minimum_should_match":1,"should":[{"terms":{"log.level":["ALERT","Alert","CRIT","CRITICAL","Crit","Critical","DPANIC","Dpanic","E","EMERG","EMERGENCY","ERR","ERROR","Emerg","Emergency","Err","Error","F","FAILURE","FATAL","FTL","Failure","Fatal","Ftl","PANIC","Panic","SEVERE","Severe","alert","crit","critical","dpanic","e","emerg","emergency","err","error","f","failure","fatal","ftl","panic","severe"]}},{"range":{"http.response.status_code":{"gte":500,"lte":599}}}]}},{"range":{"http.response.status_code":{"gte":400,"lt":600}}}]}}]}}]}}}},"terms":{"field":"url.path","size":2}}},"query":{"bool":{"filter":[{"range":{"@timestamp":{"format":"strict_date_optional_time_nanos","gte":"2026-03-18T15:00:00Z","lt":"2026-03-25T15:00:00Z"}}},{"terms":{"url.path":["/alert","/legacy"]}}]}},"size":0,"track_total_hits":10000}"#);
}

#[test]
fn healthy_groups_need_one_round_trip() {
    let now = by(vec![bucket("a", 10, 0, 0)], vec![], vec![]);
    let played = play("get_service_overview", json!({"baseline": "none"}), ECS, [reply(10, vec![], now)]);
    assert_eq!(played.structured()["rows"], json!([["a", "ok", 10, 0.167, 0, 3]]));
}

#[test]
fn services_are_shown_with_their_failing_paths() {
    let now =
        by(vec![bucket("a", 1_000, 0, 214)], vec![json!({"key": "a", "doc_count": 214})], vec![json!({"key": "/alert", "doc_count": 214})]);
    let before = by(vec![bucket("a", 1_000, 0, 0)], vec![], vec![]);
    let mut path = past("/alert", T1441, None);
    path["now"] = bucket("", 214, 0, 214);
    path["now"].as_object_mut().unwrap().remove("key");
    path["service"] = json!({"buckets": [{"key": "a", "doc_count": 214}]});
    let replies = [reply(1_000, vec![], now), reply(1_000, vec![], before), reply(214, vec![], json!({"by": {"buckets": [path]}}))];
    let played = play("get_service_overview", json!({}), ECS, replies);
    insta::assert_snapshot!(played.text(), @"
    1 group by service: path /alert: 214 of 214 failed (404), never succeeded since first seen 2026-03-25T14:41:10Z; 1 worse (a)
    window 2026-03-25T14:00:00Z/2026-03-25T15:00:00Z	matched 1000	returned 1
    service	finding	count	rate_per_min	error_rate	client_error_rate	status	p95_ms	baseline_rate_per_min	baseline_error_rate	baseline_client_error_rate	baseline_p95_ms
    a	worse	1000	16.667	0	0.214	404	3	16.667	0	0	3
    failing_paths:
    path	service	finding	count	status	first_seen
    /alert	a	never succeeded	214	404	2026-03-25T14:41:10Z
    note: failed (error_rate): level error or worse, status 500+, or outcome failure; client_error_rate: 4xx of all HTTP answers; never succeeded: every answer was 400+ or failed, in the days before too
    fields: duration_ms=event.duration path=url.path service=service.name status=http.response.status_code
    next: find_changes start=2026-03-25T14:11:10Z end=2026-03-25T15:00:00Z — what changed when it began
    ");
}

#[test]
fn a_rare_group_that_fails_is_not_lost_among_frequent_ones() {
    let mut now = by(vec![bucket("a", 1_000, 0, 0)], vec![json!({"key": "z", "doc_count": 4})], vec![]);
    now["by"]["sum_other_doc_count"] = json!(50);
    let rare = |bucket: Vec<Value>| reply(4, vec![], json!({"by": {"buckets": bucket}}));
    let played = play(
        "get_service_overview",
        json!({"group_by": "path", "baseline": "none"}),
        ECS,
        [reply(1_054, vec![], now), rare(vec![bucket("z", 4, 4, 0)]), rare(vec![past("z", T1441, None)])],
    );
    let answer = played.structured();
    assert_eq!(answer["rows"][0][0], "z");
    assert_eq!(answer["rows"][0][1], "never succeeded");
}

#[test]
fn nothing_is_new_against_a_baseline_without_documents() {
    let now = by(vec![bucket("a", 10, 0, 0)], vec![], vec![]);
    let played = play("get_service_overview", json!({}), ECS, [reply(10, vec![], now), reply(0, vec![], by(vec![], vec![], vec![]))]);
    assert_eq!(played.structured()["rows"], json!([["a", "ok", 10, 0.167, 0, 3]]));
    assert!(played.text().contains("nothing to compare with"), "{}", played.text());
}

#[test]
fn what_cannot_be_grouped_by_is_refused() {
    let played = play("get_service_overview", json!({"group_by": "message"}), ECS, []);
    assert_eq!(played.error().code.as_str(), "field_not_groupable");
}
