use serde_json::{Value, json};

use crate::testing::{ECS, Played, hit, play, reply};

const SPANS: &[(&str, &str)] = &[
    ("@timestamp", "date"),
    ("service.name", "keyword"),
    ("trace.id", "keyword"),
    ("processor.event", "keyword"),
    ("parent.id", "keyword"),
    ("span.id", "keyword"),
    ("span.name", "keyword"),
    ("span.duration.us", "long"),
    ("transaction.id", "keyword"),
    ("transaction.name", "keyword"),
    ("transaction.duration.us", "long"),
];

fn percentiles(values: [f64; 4]) -> Value {
    let values: Vec<Value> =
        [50.0, 90.0, 95.0, 99.0].into_iter().zip(values).map(|(percent, value)| json!({"key": percent, "value": value})).collect();
    json!({"values": values})
}

/// A population of this many documents, in microseconds.
fn overall(count: u64, p95: f64) -> Value {
    let aggregations = json!({
        "count": {"value": count}, "max": {"value": p95 * 4.0}, "traces": {"value": 40.0},
        "overall": if count > 0 { percentiles([p95 / 10.0, p95 / 2.0, p95, p95 * 2.0]) } else { json!({"values": []}) },
        "first": {"value": 1_774_449_000_000_i64}, "last": {"value": 1_774_449_200_000_i64},
    });
    reply(count, Vec::new(), aggregations)
}

fn trend(p95: impl IntoIterator<Item = f64>) -> Value {
    let buckets: Vec<Value> = p95
        .into_iter()
        .enumerate()
        .map(|(n, p95)| {
            let p95 = json!({"values": [{"key": 95.0, "value": p95}]});
            json!({"key": 1_774_449_000_000_i64 + 10_000 * n as i64, "doc_count": 10, "p95": p95})
        })
        .collect();
    json!({"buckets": buckets})
}

/// The replies about a population: its groups, how they compare, slow documents and others.
fn second(hits: Vec<Value>, slow: Value, all: Value, trend: Value) -> [Value; 4] {
    let groups = json!({"buckets": [
        {"key": "shop", "doc_count": 70, "by": {"buckets": [
            {"key": "/cart", "doc_count": 60, "percentiles": percentiles([1e3, 2e3, 3e3, 4e3]), "max": {"value": 5e3}},
            {"key": "/pay", "doc_count": 10, "percentiles": percentiles([1e3, 2e3, 9e5, 9e5]), "max": {"value": 9.5e5}},
        ]}},
        {"key": "mail", "doc_count": 20, "by": {"buckets": [
            {"key": "/send", "doc_count": 20, "percentiles": percentiles([1e3, 2e3, 7e3, 8e3]), "max": {"value": 9e3}},
        ]}},
    ]});
    let aggregations = json!({
        "by": groups, "trend": trend, "traces": {"buckets": [{"key": "t1", "doc_count": 1}, {"key": "t2", "doc_count": 1}]},
    });
    let compared = json!({"shared": {"buckets": {"slow": slow, "all": all}}});
    let slow = if hits.is_empty() { vec![] } else { vec![request("t9", "/cart", 950_000, json!({}))] };
    [reply(100, hits, aggregations), reply(100, vec![], compared), reply(1, slow, json!({})), reply(0, vec![], json!({}))]
}

fn nothing_shared() -> (Value, Value) {
    (json!({"doc_count": 5}), json!({"doc_count": 100}))
}

fn slow_hit() -> Value {
    request("t9", "/pay", 950_000, json!({}))
}

/// A transaction of the shop with what it was sent with.
fn request(trace: &str, path: &str, us: i64, source: Value) -> Value {
    let fields = json!({
        "@timestamp": "2026-03-25T14:31:00Z", "service.name": "shop", "transaction.name": path, "transaction.duration.us": us, "trace.id": trace,
    });
    let mut hit = hit(&format!("{trace}{path}"), fields);
    hit["_source"] = source;
    hit
}

/// `trace id parent service start_ms duration_ms`.
fn span(line: &str) -> Value {
    let part: Vec<&str> = line.split(' ').collect();
    let start = jiff::Timestamp::from_millisecond(1_774_449_000_000 + part[4].parse::<i64>().unwrap()).unwrap();
    let mut fields = json!({
        "@timestamp": start.to_string(), "trace.id": part[0], "span.id": part[1], "span.name": format!("GET {}", part[1]),
        "service.name": part[3], "span.duration.us": part[5].parse::<i64>().unwrap() * 1_000,
    });
    if part[2] != "-" {
        fields["parent.id"] = json!(part[2]);
    }
    hit(line, fields)
}

fn spans() -> Value {
    let lines = ["t1 a - shop 0 100", "t1 b a pay 10 60", "t2 a - shop 0 80", "t2 b a pay 10 60", "t9 a - shop 0 950", "t9 b a pay 10 900"];
    reply(6, lines.into_iter().map(span).collect(), json!({}))
}

fn of_spans(arguments: Value, second: [Value; 4]) -> Played {
    let first = [overall(100, 4e3), overall(0, 0.0), overall(0, 0.0), overall(0, 0.0), overall(600, 0.0)];
    play("analyze_latency", arguments, SPANS, first.into_iter().chain(second).chain([spans()]))
}

#[test]
fn entry_spans_are_analysed_in_four_round_trips() {
    let (slow, all) = nothing_shared();
    let played = of_spans(json!({}), second(vec![slow_hit()], slow, all, trend([3e3; 6])));
    insta::assert_snapshot!(played.text(), @"
    p50 0.4 ms, p90 2 ms, p95 4 ms, p99 8 ms, max 16 ms over 100 entry spans (server and consumer spans, transactions); no change over time; slowest: shop /pay p95 900 ms of 10
    window 2026-03-25T14:00:00Z/2026-03-25T15:00:00Z	matched 100	returned 3
    all rows:	p50_ms=1	p90_ms=2
    service	path	count	p95_ms	p99_ms	max_ms
    shop	/pay	10	900	900	950
    mail	/send	20	7	8	9
    shop	/cart	60	3	4	5
    overall:	count=100	p50_ms=0.4	p90_ms=2	p95_ms=4	p99_ms=8	max_ms=16	slow=5	of=entry spans (server and consumer spans, transactions)
    trend:
    all rows:	count=10	p95_ms=3
    time (2026-03-25T14:30:…Z)
    00
    10
    20
    30
    40
    50
    slowest:
    time	service	path	duration_ms	trace_id
    2026-03-25T14:31:00Z	shop	/pay	950	t9
    self_time:
    service	span_name	count	p50_ms	p95_ms	slow_p50_ms	extra_ms
    pay	GET b	2	60	60	900	840
    edges:
    caller	callee	count	p50_ms	p95_ms	slow_p50_ms	extra_ms
    shop	pay	2	30	39	50	20
    note: shared: nothing stands out among 5 slow documents (above the p95 of their own service and path) of 100; fields beyond the roles as 1 slow requests and 0 others have them
    note: 10 documents are in smaller groups or have no service or path
    note: a slow trace loses most against the others: 840 ms in pay GET b (of 860 ms in all)
    note: self_time, edges: 6 spans of 2 random traces (count, p50_ms, p95_ms) and 1 slow (slow_p50_ms; extra_ms: above the median of the others, a trace); an edge is the caller's span less the callee's
    fields: duration_ms=transaction.duration.us
    next: search_by_trace_id trace_id=t9 — the slowest trace
    ");
    insta::assert_snapshot!(played.sent[0], @r#"{"aggs":{"count":{"value_count":{"field":"transaction.duration.us"}},"first":{"min":{"field":"@timestamp"}},"last":{"max":{"field":"@timestamp"}},"max":{"max":{"field":"transaction.duration.us"}},"overall":{"percentiles":{"field":"transaction.duration.us","keyed":false,"percents":[50.0,90.0,95.0,99.0],"tdigest":{"compression":1000}}},"traces":{"cardinality":{"field":"trace.id","precision_threshold":3000}}},"query":{"bool":{"filter":[{"range":{"@timestamp":{"format":"strict_date_optional_time_nanos","gte":"2026-03-25T14:00:00Z","lt":"2026-03-25T15:00:00Z"}}},{"bool":{"filter":[{"bool":{"minimum_should_match":1,"should":[{"exists":{"field":"transaction.name"}},{"exists":{"field":"span.name"}}]}},{"bool":{"minimum_should_match":1,"should":[{"exists":{"field":"transaction.duration.us"}},{"exists":{"field":"span.duration.us"}}]}},{"terms":{"processor.event":["server","Server","SERVER","SPAN_KIND_SERVER","2","consumer","Consumer","CONSUMER","SPAN_KIND_CONSUMER","5","transaction","request","messaging"]}}]}}]}},"size":0,"track_total_hits":10000}"#);
    insta::assert_snapshot!(played.sent[5], @r#"{"_source":false,"aggs":{"by":{"aggs":{"by":{"aggs":{"max":{"max":{"field":"transaction.duration.us"}},"percentiles":{"percentiles":{"field":"transaction.duration.us","keyed":false,"percents":[50.0,90.0,95.0,99.0],"tdigest":{"compression":1000}}}},"terms":{"field":"transaction.name","size":10}}},"terms":{"field":"service.name","size":40}},"traces":{"terms":{"field":"trace.id","order":{"_key":"asc"},"size":120}},"trend":{"aggs":{"p95":{"percentiles":{"field":"transaction.duration.us","keyed":false,"percents":[95.0],"tdigest":{"compression":1000}}}},"date_histogram":{"extended_bounds":{"max":1774449200000,"min":1774449000000},"field":"@timestamp","fixed_interval":"10000ms","min_doc_count":0}}},"fields":[{"field":"@timestamp","format":"strict_date_optional_time_nanos"},"service.name","transaction.name","span.name","transaction.duration.us","span.duration.us","trace.id"],"query":{"bool":{"filter":[{"range":{"@timestamp":{"format":"strict_date_optional_time_nanos","gte":"2026-03-25T14:00:00Z","lt":"2026-03-25T15:00:00Z"}}},{"bool":{"filter":[{"bool":{"minimum_should_match":1,"should":[{"exists":{"field":"transaction.name"}},{"exists":{"field":"span.name"}}]}},{"bool":{"minimum_should_match":1,"should":[{"exists":{"field":"transaction.duration.us"}},{"exists":{"field":"span.duration.us"}}]}},{"terms":{"processor.event":["server","Server","SERVER","SPAN_KIND_SERVER","2","consumer","Consumer","CONSUMER","SPAN_KIND_CONSUMER","5","transaction","request","messaging"]}}]}}]}},"size":40,"sort":[{"transaction.duration.us":{"missing":"_last","order":"desc","unmapped_type":"long"}},{"@timestamp":{"missing":"_last","numeric_type":"date_nanos","order":"desc","unmapped_type":"date_nanos"}},{"_seq_no":{"order":"desc"}}],"track_total_hits":true}"#);
    insta::assert_snapshot!(played.sent[9], @r#"{"_source":false,"fields":[{"field":"@timestamp","format":"strict_date_optional_time_nanos"},"service.name","span.id","transaction.id","parent.id","span.name","transaction.name","transaction.duration.us","span.duration.us","trace.id"],"query":{"bool":{"filter":[{"range":{"@timestamp":{"format":"strict_date_optional_time_nanos","gte":"2026-03-25T13:59:00Z","lt":"2026-03-25T15:01:00Z"}}},{"bool":{"filter":[{"terms":{"trace.id":["t9","t1","t2"]}},{"bool":{"minimum_should_match":1,"should":[{"exists":{"field":"span.name"}},{"exists":{"field":"transaction.name"}}]}},{"bool":{"minimum_should_match":1,"should":[{"exists":{"field":"transaction.duration.us"}},{"exists":{"field":"span.duration.us"}}]}}]}}]}},"size":5000,"sort":[{"trace.id":{"missing":"_last","order":"asc","unmapped_type":"long"}},{"@timestamp":{"missing":"_last","numeric_type":"date_nanos","order":"desc","unmapped_type":"date_nanos"}},{"_seq_no":{"order":"desc"}}],"track_total_hits":10000}"#);
}

#[test]
fn a_change_is_told_where_the_trend_moves_and_nowhere_else() {
    let told = |series: Vec<f64>| {
        let (slow, all) = nothing_shared();
        of_spans(json!({}), second(vec![slow_hit()], slow, all, trend(series))).structured()["change_point"].clone()
    };
    let change = told([vec![3e3; 12], vec![9e3; 8]].concat());
    assert_eq!(change["time"], "2026-03-25T14:32:00Z");
    assert_eq!((&change["earliest"], &change["latest"]), (&json!("2026-03-25T14:32:00Z"), &json!("2026-03-25T14:32:10Z")));
    assert_eq!((&change["before_ms"], &change["after_ms"]), (&json!(3), &json!(9)));
    assert_eq!(told(vec![3e3; 20]), Value::Null);
    // A single slow step is no change, nor is one of a tenth.
    assert_eq!(told([vec![3e3; 10], vec![9e4], vec![3e3; 9]].concat()), Value::Null);
    assert_eq!(told([vec![3e3; 10], vec![3.3e3; 10]].concat()), Value::Null);
}

#[test]
fn values_are_shared_where_they_are_clearly_more_frequent_among_the_slow() {
    let terms = |pairs: &[(&str, u64)]| {
        let buckets: Vec<Value> = pairs.iter().map(|(key, count)| json!({"key": key, "doc_count": count})).collect();
        json!({"buckets": buckets})
    };
    let slow = json!({"doc_count": 20, "service": terms(&[("pay", 19), ("shop", 1)])});
    let all = json!({"doc_count": 100, "service": terms(&[("shop", 80), ("pay", 20)])});
    let answer = of_spans(json!({}), second(vec![slow_hit()], slow, all, trend([3e3; 6]))).structured();
    assert_eq!(answer["shared"]["rows"], json!([["service", "pay", 19, 20, 0.95, 0.2, 81]]));
    assert_eq!(answer["overall"]["slow"], 20);
}

#[test]
fn values_of_any_field_are_shared_where_slow_requests_have_them_more_often() {
    let told = |is_planted: bool| {
        let customer = |n: usize| if is_planted && n < 30 { 42 } else { n % 97 };
        let of = |n: usize, us: i64, customer: usize| {
            let source = json!({"customer": {"id": format!("c{customer:02}")}, "region": (["eu", "us"][n % 2]), "note": "x".repeat(200)});
            request(&format!("t{us}-{n}"), "/cart", us, source)
        };
        let (slow, all) = nothing_shared();
        let [groups, compared, ..] = second(vec![slow_hit()], slow, all, trend([3e3; 6]));
        let slow = (0..40).map(|n| of(n, 9_000, customer(n))).collect();
        // Others of a slow request tell nothing of requests that are not slow.
        let others = (0..200).map(|n| of(n, 1_000, n % 97)).chain((0..20).map(|n| of(n, 9_000, 42))).collect();
        let answer = of_spans(json!({}), [groups, compared, reply(40, slow, json!({})), reply(220, others, json!({}))]);
        (answer.structured()["shared"]["rows"].clone(), answer.text().to_owned())
    };
    let (rows, text) = told(true);
    assert_eq!(rows.as_array().unwrap().len(), 1, "{text}");
    assert_eq!((&rows[0][0], &rows[0][1], &rows[0][2]), (&json!("customer.id"), &json!("c42"), &json!(30)), "{text}");
    assert!(text.contains("as 40 slow requests and 200 others have them"), "{text}");
    let (rows, text) = told(false);
    assert_eq!(rows, json!(null), "{text}");
    assert!(
        text.contains("shared: nothing stands out among 5 slow documents (above the p95 of their own service and path) of 100"),
        "{text}"
    );
}

#[test]
fn a_group_that_became_slow_is_dated_though_the_whole_did_not() {
    let (slow, all) = nothing_shared();
    let [groups, mut compared, slow, others] = second(vec![slow_hit()], slow, all, trend([3e3; 20]));
    let series = [vec![3e3; 12], vec![9e3; 8]].concat();
    compared["aggregations"]["operations"] = json!({"buckets": {"0": {"doc_count": 60, "steps": trend(series)}}});
    let answer = of_spans(json!({}), [groups, compared, slow, others]).structured();
    assert_eq!(answer["change_point"], Value::Null);
    assert_eq!(
        answer["change_points"]["rows"],
        json!([["shop /cart", "2026-03-25T14:32:00Z", "2026-03-25T14:32:00Z", "2026-03-25T14:32:10Z", 3, 9]])
    );
    assert!(answer["summary"].as_str().unwrap().contains("p95 of shop /cart rose from 3 to 9 ms at 2026-03-25T14:32:00Z"), "{answer}");
}

#[test]
fn slow_is_told_by_the_caller_where_a_threshold_is_given() {
    let (slow, all) = nothing_shared();
    let played = of_spans(json!({"threshold_ms": 7}), second(vec![slow_hit()], slow, all, trend([3e3; 6])));
    assert_eq!(played.structured()["overall"]["threshold_ms"], 7);
    assert!(
        played.sent[6]
            .to_string()
            .contains(r#""slow":{"bool":{"minimum_should_match":1,"should":[{"range":{"transaction.duration.us":{"gte":7000"#),
        "{}",
        played.sent[6]
    );
}

#[test]
fn edges_are_gaps_between_services_and_self_time_is_told_of_spans_that_call_nobody() {
    let (slow, all) = nothing_shared();
    let answer = of_spans(json!({}), second(vec![slow_hit()], slow, all, trend([3e3; 6]))).structured();
    assert_eq!(answer["edges"]["columns"], json!(["caller", "callee", "count", "p50_ms", "p95_ms", "slow_p50_ms", "extra_ms"]));
    assert_eq!(answer["edges"]["rows"], json!([["shop", "pay", 2, 30, 39, 50, 20]]));
    assert_eq!(answer["self_time"]["rows"], json!([["pay", "GET b", 2, 60, 60, 900, 840]]));
}

#[test]
fn request_lines_are_taken_where_there_are_no_spans() {
    let (slow, all) = nothing_shared();
    let line = |id: &str, at: i64, service: &str, message: &str| {
        let time = jiff::Timestamp::from_millisecond(1_774_449_000_000 + at).unwrap().to_string();
        hit(message, json!({"@timestamp": time, "trace.id": id, "service.name": service, "message": message}))
    };
    let lines =
        vec![line("t1", 90, "shop", "done"), line("t1", 70, "pay", "paid"), line("t1", 10, "pay", "paying"), line("t1", 0, "shop", "in")];
    let first = [overall(100, 4e6), overall(100, 4e6)].into_iter();
    let replies = first.chain(second(vec![], slow, all, trend([3e6; 6]))).chain([reply(4, lines, json!({}))]);
    let played = play("analyze_latency", json!({"group_by": ["service", "path"], "percentiles": ["p95"]}), ECS, replies);
    let answer = played.structured();
    assert_eq!(answer["self_time"]["rows"], json!([["pay", "paying", 1, 60, 60]]));
    assert_eq!(answer["edges"]["rows"], json!([["pay", "shop", 20, 20], ["shop", "pay", 10, 10]]));
    assert!(answer["summary"].as_str().unwrap().contains("100 request lines"), "{answer}");
    assert_eq!(answer["columns"], json!(["service", "path", "count", "p95_ms", "max_ms"]));
}

#[test]
fn a_caller_who_names_kinds_or_names_of_spans_has_chosen() {
    let (slow, all) = nothing_shared();
    let first = [overall(10, 4e3), overall(90, 4e3), overall(600, 0.0)].into_iter();
    let replies = first.chain(second(vec![], slow, all, trend([3e3; 6]))).chain([spans()]);
    let played = play("analyze_latency", json!({"query": "span_kind:span", "group_by": "none"}), SPANS, replies);
    // The reading with more durations is taken: those of spans.
    assert!(played.sent[3].to_string().contains(r#""field":"span.duration.us""#), "{}", played.sent[3]);
    assert_eq!(played.structured()["overall"]["count"], 90);
}

#[test]
fn without_durations_the_error_says_what_is_missing_and_who_can_do_without() {
    let fields: Vec<_> = ECS.iter().copied().filter(|(name, _)| !matches!(*name, "event.duration" | "trace.id")).collect();
    let played = play("analyze_latency", json!({}), &fields, []);
    assert_eq!(played.error().code.as_str(), "unknown_field");
    assert!(played.error().message.contains("neither spans nor durations"));
    assert!(played.error().next_step.contains("compare_windows"));
}

#[test]
fn traces_of_lines_are_timed_where_nothing_has_a_duration() {
    let fields: Vec<_> = ECS.iter().copied().filter(|(name, _)| *name != "event.duration").collect();
    let start = 1_774_449_000_000_i64;
    let trace = |number: i64| {
        let ms = if number == 7 { 900 } else { 10 + number };
        let line =
            hit("l", json!({"@timestamp": "2026-03-25T14:30:00Z", "service.name": "shop", "message": format!("order {number} received")}));
        json!({"key": format!("t{number:02}"), "doc_count": 3, "first": {"value": start + number * 1_000},
            "last": {"value": start + number * 1_000 + ms}, "line": {"hits": {"total": {"value": 1, "relation": "eq"}, "hits": [line]}}})
    };
    let traces: Vec<Value> = (0..20).map(trace).collect();
    let line = |at: i64, service: &str, message: &str| {
        let time = jiff::Timestamp::from_millisecond(start + at).unwrap().to_string();
        hit(message, json!({"@timestamp": time, "trace.id": "t07", "service.name": service, "message": message}))
    };
    let lines = vec![line(7_900, "shop", "order 7 done"), line(7_010, "pay", "charging 7"), line(7_000, "shop", "order 7 received")];
    let replies = [
        reply(60, vec![], json!({"traces": {"value": 20}})),
        reply(60, vec![], json!({"traces": {"buckets": traces}})),
        reply(3, lines, json!({})),
    ];
    let answer = play("analyze_latency", json!({}), &fields, replies).structured();
    assert_eq!(answer["overall"]["count"], 20);
    assert_eq!((&answer["overall"]["max_ms"], &answer["overall"]["slow"]), (&json!(900), &json!(1)));
    assert_eq!(answer["slowest"]["rows"][0][answer["slowest"]["columns"].as_array().unwrap().len() - 1], "t07", "{answer}");
    assert_eq!(
        (&answer["rows"][0][0], &answer["rows"][0][1], &answer["rows"][0][2]),
        (&json!("shop"), &json!("order <*> received"), &json!(20))
    );
    assert_eq!((&answer["edges"]["rows"][0][0], &answer["edges"]["rows"][0][1]), (&json!("pay"), &json!("shop")), "{answer}");
}

#[test]
fn nothing_with_a_duration_is_explained() {
    let replies = (0..10).map(|_| overall(0, 0.0));
    let played = play("analyze_latency", json!({"service": "shop"}), ECS, replies);
    assert!(played.text().starts_with("no document with a duration"), "{}", played.text());
}

#[test]
fn what_is_no_percentile_or_threshold_is_refused() {
    for arguments in
        [json!({"percentiles": [101]}), json!({"percentiles": "high"}), json!({"threshold_ms": -1}), json!({"group_by": "message"})]
    {
        let played = play("analyze_latency", arguments.clone(), ECS, []);
        assert!(matches!(played.error().code.as_str(), "bad_argument" | "field_not_groupable"), "{arguments}");
    }
}
