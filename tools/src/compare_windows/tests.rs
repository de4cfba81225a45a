//! The whole tool against written replies.

use serde_json::{Value, json};

use crate::testing::{ECS, Played, hit, play, reply};

/// The arguments of a window of ten minutes before 14:00.
fn arguments() -> Value {
    json!({"start": "2026-03-25T14:00:00Z", "end": "2026-03-25T14:10:00Z"})
}

/// The reply to a survey: documents, all of them in traces, in one step of time.
fn survey(documents: u64, traces: u64, start: &str) -> Value {
    let start: jiff::Timestamp = start.parse().unwrap();
    let steps = json!({"buckets": [{"key": start.as_millisecond(), "doc_count": documents}]});
    let aggregations = json!({
        "oldest": {"value": start.as_millisecond()},
        "steps": steps,
        "traced": {"doc_count": documents, "steps": steps, "traces": {"value": traces}},
    });
    reply(documents, Vec::new(), aggregations)
}

/// The replies of the first step: both surveys, and the stretches whose documents are measured.
fn first(incident: Value, baseline: Value) -> Vec<Value> {
    [incident, baseline].into_iter().chain((0..6).map(|_| reply(0, Vec::new(), json!({})))).collect()
}

/// The lines of one request at a second after `hour`: `web` takes it, `pay` says something.
fn request(id: &str, hour: &str, second: usize, said: &str) -> Vec<Value> {
    let line = |part: &str, service: &str, message: &str, millis: u32| {
        let time = format!("2026-03-25T{hour}:{:02}:{:02}.{millis:03}Z", second / 60, second % 60);
        hit(&format!("{id}-{part}"), json!({"@timestamp": time, "service.name": service, "message": message, "trace.id": id}))
    };
    vec![line("a", "web", "request received", 0), line("b", "pay", said, 5)]
}

fn requests(name: &str, hour: &str, count: usize, step: usize, said: impl Fn(usize) -> &'static str) -> Vec<Value> {
    (0..count).flat_map(|n| request(&format!("{name}{n}"), hour, n * step, said(n))).collect()
}

/// 120 requests before, 60 in the incident.
fn compared(said: impl Fn(usize) -> &'static str) -> Played {
    let before = reply(240, requests("b", "13", 120, 30, |_| "card charged"), json!({}));
    let during = reply(120, requests("w", "14", 60, 10, said), json!({}));
    let none = || reply(0, Vec::new(), json!({}));
    let mut replies = first(survey(120, 60, "2026-03-25T14:00:00Z"), survey(240, 120, "2026-03-25T13:00:00Z"));
    replies.extend([before, none(), during, none()]);
    play("compare_windows", arguments(), ECS, replies)
}

#[test]
fn the_service_with_a_new_pattern_is_the_first_suspect() {
    let played = compared(|n| if n % 2 == 0 { "card refused by bank" } else { "card charged" });
    let answer = played.structured();
    assert_eq!(answer["strength"]["word"], "significant", "{}", played.text());
    let suspects = &answer["suspects"];
    let row = suspects["rows"][0].as_array().unwrap();
    let cell = |name: &str| {
        let at = suspects["columns"].as_array().unwrap().iter().position(|column| column == name);
        at.map_or(&suspects["constants"][name], |at| &row[at])
    };
    assert_eq!(cell("service"), "pay");
    assert_eq!(cell("evidence"), "NEW card refused by bank");
    assert_eq!(cell("window"), "30 of 60");
    assert_eq!(cell("trace_id"), "w58");
    assert_eq!(answer["hints"][0]["arguments"]["trace_id"], "w58");
}

#[test]
fn who_answers_first_with_a_failure_is_the_first_suspect() {
    // Both services write the same lines as ever; in the incident `pay` answers 503, and `web`, which waits for it, 502 after that.
    let answered = |id: &str, hour: &str, second: usize, fails: bool| -> Vec<Value> {
        let line = |part: &str, service: &str, millis: u32, message: &str, status: u16| {
            let time = format!("2026-03-25T{hour}:{:02}:{:02}.{millis:03}Z", second / 60, second % 60);
            let status = json!({"@timestamp": time, "service.name": service, "message": message, "trace.id": id,
                "http.response.status_code": status});
            hit(&format!("{id}-{part}"), status)
        };
        let (pay, web) = if fails { (503, 502) } else { (200, 200) };
        vec![line("a", "web", 0, "request received", 0), line("b", "pay", 5, "POST /charge", pay), line("c", "web", 9, "POST /buy", web)]
    };
    let before: Vec<Value> = (0..120).flat_map(|n| answered(&format!("b{n}"), "13", n * 30, false)).collect();
    let during: Vec<Value> = (0..60).flat_map(|n| answered(&format!("w{n}"), "14", n * 10, n % 2 == 0)).collect();
    let none = || reply(0, Vec::new(), json!({}));
    let mut replies = first(survey(180, 60, "2026-03-25T14:00:00Z"), survey(360, 120, "2026-03-25T13:00:00Z"));
    replies.extend([reply(360, before, json!({})), none(), reply(180, during, json!({})), none()]);
    let played = play("compare_windows", arguments(), ECS, replies);
    let text = played.text();
    assert!(text.contains("significant: pay: NEW first failure: POST /charge, 0 of 120 → 30 of 60"), "{text}");
    assert!(!text.contains("first failure: POST /buy"), "{text}");
    assert_eq!(played.structured()["hints"][0]["arguments"]["trace_id"], "w58");
}

#[test]
fn a_template_that_comes_once_instead_of_twice_is_a_change() {
    let twice = |id: &str, hour: &str, second: usize, times: usize| -> Vec<Value> {
        let mut lines = request(id, hour, second, "distance 12 of leg");
        lines.extend((1..times).map(|n| {
            let time = format!("2026-03-25T{hour}:{:02}:{:02}.{:03}Z", second / 60, second % 60, 10 * n);
            hit(&format!("{id}-{n}"), json!({"@timestamp": time, "service.name": "pay", "message": "distance 34 of leg", "trace.id": id}))
        }));
        lines
    };
    let before: Vec<Value> = (0..120).flat_map(|n| twice(&format!("b{n}"), "13", n * 30, 2)).collect();
    let during: Vec<Value> = (0..60).flat_map(|n| twice(&format!("w{n}"), "14", n * 10, 1)).collect();
    let none = || reply(0, Vec::new(), json!({}));
    let mut replies = first(survey(120, 60, "2026-03-25T14:00:00Z"), survey(360, 120, "2026-03-25T13:00:00Z"));
    replies.extend([reply(360, before, json!({})), none(), reply(120, during, json!({})), none()]);
    let played = play("compare_windows", arguments(), ECS, replies);
    assert!(played.text().contains("GONE more than once: distance"), "{}", played.text());
}

#[test]
fn a_quiet_window_is_not_called_significant() {
    let played = compared(|_| "card charged");
    let answer = played.structured();
    assert_eq!(answer["strength"]["word"], "none", "{}", played.text());
    assert!(answer["summary"].as_str().unwrap().starts_with("no significant change"), "{}", answer["summary"]);
}

#[test]
fn where_all_fits_every_document_is_read_in_two_round_trips() {
    let played = compared(|_| "card charged");
    assert_eq!(played.sent.len(), 12);
    insta::assert_snapshot!(played.sent[0], @r#"{"aggs":{"host":{"terms":{"field":"host.name","size":100}},"oldest":{"min":{"field":"@timestamp"}},"path":{"terms":{"field":"url.path","size":100}},"pod":{"terms":{"field":"kubernetes.pod.name","size":100}},"status":{"terms":{"field":"http.response.status_code","size":100}},"steps":{"date_histogram":{"extended_bounds":{"max":1774447799999,"min":1774447200000},"field":"@timestamp","fixed_interval":"10000ms","min_doc_count":0}},"traced":{"aggs":{"steps":{"date_histogram":{"extended_bounds":{"max":1774447799999,"min":1774447200000},"field":"@timestamp","fixed_interval":"10000ms","min_doc_count":0}},"traces":{"cardinality":{"field":"trace.id","precision_threshold":3000}}},"filter":{"exists":{"field":"trace.id"}}}},"query":{"bool":{"filter":[{"range":{"@timestamp":{"format":"strict_date_optional_time_nanos","gte":"2026-03-25T14:00:00Z","lt":"2026-03-25T14:10:00Z"}}}]}},"size":0,"track_total_hits":true}"#);
    // Documents to measure: from the beginning of each third of both windows.
    assert_eq!(played.sent[2]["size"], 40);
    assert_eq!(played.sent[7]["query"]["bool"]["filter"][0]["range"]["@timestamp"]["gte"], "2026-03-25T13:26:40Z");
    insta::assert_snapshot!(played.sent[10], @r#"{"_source":false,"fields":[{"field":"@timestamp","format":"strict_date_optional_time_nanos"},"service.name","log.level","trace.id","message","span.id","event.duration","kubernetes.pod.name","host.name","http.response.status_code"],"query":{"bool":{"filter":[{"range":{"@timestamp":{"format":"strict_date_optional_time_nanos","gte":"2026-03-25T14:00:00Z","lt":"2026-03-25T14:10:00Z"}}},{"exists":{"field":"trace.id"}}]}},"size":10000,"sort":[{"@timestamp":{"missing":"_last","numeric_type":"date_nanos","order":"asc","unmapped_type":"date_nanos"}},{"_seq_no":{"order":"asc"}}],"track_total_hits":10000}"#);
}

#[test]
fn a_large_window_is_sampled_by_whole_traces() {
    let survey = |start| survey(5_000_000, 50_000, start);
    let chosen = |name: &str| {
        let buckets: Vec<Value> = (0..50).map(|n| json!({"key": format!("{name}{n}"), "doc_count": 100})).collect();
        reply(5_000, Vec::new(), json!({"traces": {"buckets": buckets}}))
    };
    let mut replies = first(survey("2026-03-25T14:00:00Z"), survey("2026-03-25T13:00:00Z"));
    replies.extend([chosen("w"), chosen("b")]);
    // What the second window's replies hold beyond the chosen traces is not compared.
    let none = || reply(0, Vec::new(), json!({}));
    replies.extend([reply(100, requests("w", "14", 50, 10, |_| "card charged"), json!({})), none(), none()]);
    replies.extend([reply(104, requests("b", "13", 52, 30, |_| "card charged"), json!({})), none(), none()]);
    let played = play("compare_windows", arguments(), ECS, replies);
    assert!(played.text().contains("one in 167 of the window, one in 167 of the baseline"), "{}", played.text());
    assert!(played.text().contains("compared 50 traces with 50 of the baseline"), "{}", played.text());
    assert_eq!(played.sent[8]["aggs"]["traces"]["terms"]["include"], json!({"num_partitions": 167, "partition": 0}));
}

#[test]
fn without_anything_before_there_is_nothing_to_compare_with() {
    let played = play("compare_windows", arguments(), ECS, first(survey(10, 5, "2026-03-25T14:00:00Z"), reply(0, Vec::new(), json!({}))));
    assert!(played.structured()["summary"].as_str().unwrap().starts_with("nothing to compare with"));
}

#[test]
fn without_trace_ids_ten_seconds_of_a_place_stand_in() {
    let fields = &[("@timestamp", "date"), ("message", "text"), ("service.name", "keyword"), ("kubernetes.pod.name", "keyword")];
    let plain = |hits: Vec<Value>| reply(hits.len() as u64, hits, json!({}));
    let mut replies = first(survey(120, 0, "2026-03-25T14:00:00Z"), survey(240, 0, "2026-03-25T13:00:00Z"));
    replies.extend([
        plain(requests("b", "13", 120, 30, |_| "card charged")),
        plain(Vec::new()),
        plain(requests("w", "14", 60, 10, |_| "card refused by bank")),
        plain(Vec::new()),
    ]);
    let played = play("compare_windows", arguments(), fields, replies);
    assert!(played.text().contains("no trace ids: ten seconds"), "{}", played.text());
    assert!(played.text().contains("pay"), "{}", played.text());
    assert!(!played.text().contains("search_by_trace_id"), "{}", played.text());
}

#[test]
fn a_baseline_that_overlaps_is_refused() {
    let played = play(
        "compare_windows",
        json!({"start": "2026-03-25T14:00:00Z", "end": "2026-03-25T14:10:00Z", "baseline": {"start": "2026-03-25T13:00:00Z", "end": "2026-03-25T14:05:00Z"}}),
        ECS,
        [],
    );
    assert_eq!(played.error().code.as_str(), "bad_argument");
}
