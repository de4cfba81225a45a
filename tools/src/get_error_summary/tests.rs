//! What the tool asks, and how it tells what came back.

use serde_json::{Value, json};

use crate::testing::{ECS, hit, play, reply};

fn line(id: usize, message: &str, service: &str) -> Value {
    let time = format!("2026-03-25T14:{:02}:00.000Z", 10 + id % 40);
    hit(
        &id.to_string(),
        json!({"@timestamp": time, "message": message, "log.level": "ERROR", "service.name": service, "trace.id": format!("t{id}")}),
    )
}

fn services(names: &[&str]) -> Value {
    let buckets: Vec<Value> = names.iter().map(|name| json!({"key": name, "doc_count": 2})).collect();
    json!({"service": {"buckets": buckets}})
}

#[test]
fn a_pattern_that_was_not_there_before_is_new() {
    let timeout = |id: usize| line(id, &format!("timeout after {} ms calling order-service", 20 + id), "pay");
    let now = (2..9).rev().map(timeout).chain([line(1, "disk full", "cart")]).collect();
    let before = vec![line(0, "disk full", "cart")];
    let replies = [
        reply(50, vec![], services(&["pay", "cart", "order-service"])),
        reply(8, now, services(&["pay", "cart"])),
        reply(1, before, json!({})),
        reply(1, vec![], json!({})),
    ];
    let played = play("get_error_summary", json!({}), ECS, replies);
    insta::assert_snapshot!(played.text(), @"
    8 errors, more than before (1 in the baseline, 8 times its rate), by service: cart 2, pay 2; 1 new: timeout after <*> ms calling order-service since 2026-03-25T14:12:00Z; first in 7 of 8 traces: pay: timeout after <*> ms calling order-service; most blamed by others: order-service (7, 0 in the baseline)
    window 2026-03-25T14:00:00Z/2026-03-25T15:00:00Z	matched 8	returned 2
    all rows:	level=error
    pattern	count	rate_per_min	baseline_rate_per_min	is_new	change	first_in_traces	first_seen (2026-03-25T14:…Z)	last_seen (2026-03-25T14:…Z)	service	trace_id
    timeout after <*> ms calling order-service	7	0.117	0	true	new	7	12:00	18:00	pay	t2
    disk full	1	0.017	0.017	false	-	1	11:00	11:00	cart	t1
    blamed:
    service	count	rate_per_min	baseline_rate_per_min	named_as	by
    order-service	7	0.117	0	host	pay
    note: change: beyond chance; of 20 comparisons of alike windows one tells any
    fields: level=log.level message=message service=service.name status=http.response.status_code
    next: search_by_trace_id trace_id=t2 — a request with a new error
    ");
    insta::assert_snapshot!(played.sent[1], @r#"{"_source":false,"aggs":{"service":{"terms":{"field":"service.name","size":500}}},"fields":[{"field":"@timestamp","format":"strict_date_optional_time_nanos"},"message","url.path","service.name","log.level","trace.id"],"query":{"bool":{"filter":[{"range":{"@timestamp":{"format":"strict_date_optional_time_nanos","gte":"2026-03-25T14:00:00Z","lt":"2026-03-25T15:00:00Z"}}},{"bool":{"minimum_should_match":1,"should":[{"terms":{"log.level":["ALERT","Alert","CRIT","CRITICAL","Crit","Critical","DPANIC","Dpanic","E","EMERG","EMERGENCY","ERR","ERROR","Emerg","Emergency","Err","Error","F","FAILURE","FATAL","FTL","Failure","Fatal","Ftl","PANIC","Panic","SEVERE","Severe","alert","crit","critical","dpanic","e","emerg","emergency","err","error","f","failure","fatal","ftl","panic","severe"]}},{"bool":{"filter":[{"bool":{"must_not":[{"exists":{"field":"log.level"}}]}},{"exists":{"field":"message"}},{"bool":{"minimum_should_match":1,"should":[{"terms":{"log.level":["ALERT","Alert","CRIT","CRITICAL","Crit","Critical","DPANIC","Dpanic","E","EMERG","EMERGENCY","ERR","ERROR","Emerg","Emergency","Err","Error","F","FAILURE","FATAL","FTL","Failure","Fatal","Ftl","PANIC","Panic","SEVERE","Severe","alert","crit","critical","dpanic","e","emerg","emergency","err","error","f","failure","fatal","ftl","panic","severe"]}},{"range":{"http.response.status_code":{"gte":500,"lte":599}}}]}}]}}]}}]}},"size":500,"sort":[{"@timestamp":{"missing":"_last","numeric_type":"date_nanos","order":"desc","unmapped_type":"date_nanos"}},{"_seq_no":{"order":"desc"}}],"track_total_hits":true}"#);
}

/// The cells of these columns in every row.
fn cells<'a>(answer: &'a Value, names: &[&str]) -> Vec<Vec<&'a Value>> {
    let columns = answer["columns"].as_array().unwrap();
    let cell = |row: &'a Value, name: &str| match columns.iter().position(|column| column == name) {
        Some(at) => &row[at],
        None => &answer["constants"][name],
    };
    answer["rows"].as_array().unwrap().iter().map(|row| names.iter().map(|name| cell(row, name)).collect()).collect()
}

fn of_trace(trace: usize, id: usize, message: &str) -> Value {
    let mut line = line(id, message, "pay");
    line["fields"]["trace.id"] = json!([format!("t{trace}")]);
    line
}

#[test]
fn a_single_line_that_was_not_there_before_is_not_called_new() {
    let answer = told(json!({}), vec![line(1, "disk full", "cart")], vec![], &[]);
    assert_eq!(cells(&answer, &["count", "is_new", "change"]), [[&json!(1), &json!(false), &Value::Null]], "{answer}");
    assert!(answer["summary"].as_str().unwrap().starts_with("1 errors, no clear change (0 in the baseline)"), "{answer}");
}

#[test]
fn retries_of_one_request_are_one_event() {
    let many = |trace: fn(usize) -> usize| (0..9).map(|id| of_trace(trace(id), id, "disk full")).collect();
    let change = |now| cells(&told(json!({}), now, vec![], &[]), &["change"])[0][0].clone();
    assert_eq!((change(many(|_| 1)), change(many(|id| id))), (Value::Null, json!("new")));
}

#[test]
fn errors_are_said_to_be_as_before_where_they_are() {
    let some = |count: usize| (0..count).map(|id| line(id, ["disk full", "queue is stuck"][id % 2], "cart")).collect::<Vec<_>>();
    let answer = told(json!({}), some(44), some(40), &[]);
    assert!(
        answer["summary"].as_str().unwrap().starts_with("44 errors: errors are as before (40 in the baseline, 1.1 times its rate)"),
        "{answer}"
    );
    let answer = told(json!({}), some(80), some(20), &[]);
    assert!(
        answer["summary"].as_str().unwrap().starts_with("80 errors, more than before (20 in the baseline, 4 times its rate)"),
        "{answer}"
    );
    assert_eq!(cells(&answer, &["change"]), [[&json!("rose")], [&json!("rose")]]);
    let answer = told(json!({}), some(10), some(60), &[]);
    assert!(answer["summary"].as_str().unwrap().starts_with("10 errors, fewer than before"), "{answer}");
}

#[test]
fn a_longer_baseline_speaks_for_its_length() {
    // Ten times as long, with as many lines: a tenth of the rate.
    let some = || (0..20).map(|id| line(id, "disk full", "cart")).collect::<Vec<_>>();
    let baseline = json!({"baseline": {"start": "2026-03-25T04:00:00Z", "end": "2026-03-25T14:00:00Z"}});
    assert_eq!(cells(&told(baseline, some(), some(), &[]), &["change"]), [[&json!("rose")]]);
    assert_eq!(cells(&told(json!({}), some(), some(), &[]), &["change"]), [[&Value::Null]]);
}

#[test]
fn both_windows_are_asked_in_one_round_trip() {
    let empty = || reply(0, vec![], json!({}));
    let any = || reply(1, vec![], json!({}));
    let replies = [reply(50, vec![], json!({})), reply(1, vec![line(0, "a", "b")], json!({})), empty(), any()];
    let played = play("get_error_summary", json!({}), ECS, replies);
    assert_eq!(played.sent.len(), 4);
}

#[test]
fn nothing_is_new_against_a_baseline_without_documents() {
    let empty = || reply(0, vec![], json!({}));
    let replies = [reply(50, vec![], json!({})), reply(1, vec![line(0, "a", "b")], json!({})), empty(), empty()];
    let played = play("get_error_summary", json!({}), ECS, replies);
    assert!(!played.text().contains("is_new"), "{}", played.text());
    assert!(played.text().contains("nothing to compare with"), "{}", played.text());
}

#[test]
fn services_are_counted_by_the_engine() {
    let bucket = json!({"key": "pay", "doc_count": 7_000, "first": {"value": 1_774_447_200_000_i64}, "last": {"value": 1_774_447_260_000_i64},
        "service": {"buckets": [{"key": "pay", "doc_count": 7_000}]}, "newest": {"hits": {"total": {"value": 7_000, "relation": "eq"}, "hits": [line(9, "x", "pay")]}}});
    let now = reply(7_003, vec![line(9, "x", "pay")], json!({"by": {"sum_other_doc_count": 2, "buckets": [bucket]}}));
    let before = reply(10, vec![], json!({"by": {"buckets": [{"key": "pay", "doc_count": 10}]}}));
    let played = play(
        "get_error_summary",
        json!({"group_by": "service", "top": 1}),
        ECS,
        [reply(9_000, vec![], services(&["pay"])), now, before, reply(1, vec![], json!({}))],
    );
    insta::assert_snapshot!(played.text(), @"
    7003 errors, more than before (10 in the baseline, 700 times its rate); 1 rose: pay
    window 2026-03-25T14:00:00Z/2026-03-25T15:00:00Z	matched 7003	returned 1
    service	count	rate_per_min	baseline_rate_per_min	is_new	change	first_seen	last_seen	level	trace_id
    pay	7000	116.667	0.167	false	rose	2026-03-25T14:00:00Z	2026-03-25T14:01:00Z	error	t9
    note: change: beyond chance; of 20 comparisons of alike windows one tells any
    note: 2 errors are in further groups (raise `top`); a count may be too low by 0
    note: 1 errors have no service
    note: blamed is estimated from the newest 1 errors
    fields: level=log.level message=message service=service.name status=http.response.status_code
    next: search_by_trace_id trace_id=t9 — a request with an error that rose
    ");
}

#[test]
fn more_lines_than_fit_are_sampled_over_the_whole_window_and_told() {
    let many = |count: usize| (0..count).map(|id| line(id, "disk full", "cart")).collect::<Vec<_>>();
    let first =
        [reply(50, vec![], json!({})), reply(20_000, many(500), json!({})), reply(0, vec![], json!({})), reply(1, vec![], json!({}))];
    let slices = (0..5).map(|_| reply(4_000, many(10), json!({})));
    let played = play("get_error_summary", json!({}), ECS, first.into_iter().chain(slices).chain([reply(0, vec![], json!({}))]));
    let answer = played.structured();
    assert_eq!(answer["totals"]["matched"], 20_000);
    assert_eq!(answer["rows"][0][1], 20_000);
    assert!(played.text().contains("a sample of 50 of 20000 lines"), "{}", played.text());
}

#[test]
fn a_level_of_the_callers_own_replaces_the_rule() {
    let replies = [reply(50, vec![], json!({})), reply(1, vec![line(0, "a", "b")], json!({}))];
    let played = play("get_error_summary", json!({"level": "warn", "baseline": "none"}), ECS, replies);
    assert!(!played.sent[1].to_string().contains("http.response.status_code\":{\"gte"), "{}", played.sent[1]);
}

/// The structured answer about these lines now and before, of these services.
fn told(arguments: Value, now: Vec<Value>, before: Vec<Value>, before_services: &[&str]) -> Value {
    let replies = [
        reply(50, vec![], services(&["pay", "cart"])),
        reply(now.len() as u64, now, json!({})),
        reply(before.len() as u64, before, json!({})),
        reply(1, vec![], services(before_services)),
    ];
    play("get_error_summary", arguments, ECS, replies).structured()
}

#[test]
fn a_service_that_fell_silent_is_blamed_too() {
    let answer = told(json!({}), vec![line(1, "no answer from order-service", "pay")], vec![], &["order-service"]);
    assert_eq!(answer["blamed"]["rows"], json!([["order-service", 1, 0.017, 0, "host", ["pay"]]]));
}

#[test]
fn who_is_named_as_often_as_before_comes_after_who_is_not() {
    let chatter = |ids: std::ops::Range<usize>| ids.map(|id| line(id, "cart is empty", "pay")).collect::<Vec<_>>();
    let now = [chatter(0..9), vec![line(30, "calling order-service failed", "pay")]].concat();
    let answer = told(json!({}), now, chatter(0..9), &["order-service"]);
    let named: Vec<&Value> = answer["blamed"]["rows"].as_array().unwrap().iter().map(|row| &row[0]).collect();
    assert_eq!(named, ["order-service", "cart"]);
    assert!(answer["summary"].as_str().unwrap().ends_with("most blamed by others: order-service (1, 0 in the baseline)"), "{answer}");
}

#[test]
fn what_rose_most_is_shown_where_not_every_group_is() {
    let kinds = ["disk full", "queue is stuck", "odd header seen", "session lost", "timer overslept"];
    let always = |count: usize| (0..count).map(move |id| line(id, kinds[id % 4], "cart")).collect::<Vec<_>>();
    let now = [always(20), vec![line(21, kinds[4], "cart")]].concat();
    let answer = told(json!({"top": 2}), now, always(20), &[]);
    let patterns: Vec<&Value> = answer["rows"].as_array().unwrap().iter().map(|row| &row[0]).collect();
    assert_eq!(patterns, ["disk full", "timer overslept"]);
    assert_eq!(answer["truncated"]["left"], 3);
}

#[test]
fn the_first_error_of_a_trace_is_told_and_others_that_follow_are_not() {
    let now = (0..6).rev().map(|id| of_trace(id / 2, id, if id % 2 == 0 { "disk full" } else { "bad gateway" })).collect();
    let answer = told(json!({}), now, vec![], &[]);
    let firsts = cells(&answer, &["pattern", "first_in_traces"]);
    assert_eq!(firsts, [[&json!("bad gateway"), &json!(0)], [&json!("disk full"), &json!(3)]]);
    assert!(answer["summary"].as_str().unwrap().contains("first in 3 of 3 traces: pay: disk full"), "{answer}");
}

#[test]
fn lines_of_one_pattern_and_two_types_are_two_groups() {
    let of = |id: usize, kind: &str| {
        let mut line = line(id, "request failed", "pay");
        line["fields"]["error.type"] = json!([kind]);
        line
    };
    let fields: Vec<_> = ECS.iter().copied().chain([("error.type", "keyword")]).collect();
    let replies = [reply(50, vec![], json!({})), reply(3, vec![of(0, "A"), of(1, "B"), of(2, "B")], json!({}))];
    let answer = play("get_error_summary", json!({"baseline": "none"}), &fields, replies).structured();
    let groups: Vec<(&Value, &Value)> = answer["rows"].as_array().unwrap().iter().map(|row| (&row[0], &row[1])).collect();
    assert_eq!(groups, [(&json!("B"), &json!(2)), (&json!("A"), &json!(1))], "{answer}");
}
