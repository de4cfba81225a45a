use serde_json::{Value, json};

use crate::testing::{Played, hit, play, reply};

const FIELDS: &[(&str, &str)] = &[
    ("@timestamp", "date"),
    ("log.level", "keyword"),
    ("message", "text"),
    ("service.name", "keyword"),
    ("trace.id", "keyword"),
    ("span.id", "keyword"),
    ("parent.id", "keyword"),
    ("span.name", "keyword"),
    ("event.duration", "long"),
];

/// `id parent service start_ms duration_ms` of a span of trace `t`.
fn span(line: &str) -> Value {
    let part: Vec<&str> = line.split(' ').collect();
    let number = |text: &str| text.parse::<i64>().unwrap();
    let mut fields = json!({
        "@timestamp": time(number(part[3])), "trace.id": "t", "span.id": part[0], "span.name": format!("GET {}", part[0]),
        "service.name": part[2], "event.duration": number(part[4]) * 1_000_000,
    });
    if part[1] != "-" {
        fields["parent.id"] = json!(part[1]);
    }
    hit(part[0], fields)
}

/// `span service start_ms level text` of a line of trace `t`.
fn line(line: &str) -> Value {
    let part: Vec<&str> = line.splitn(5, ' ').collect();
    let mut fields = json!({
        "@timestamp": time(part[2].parse().unwrap()), "trace.id": "t", "service.name": part[1], "log.level": part[3], "message": part[4],
    });
    if part[0] != "-" {
        fields["span.id"] = json!(part[0]);
    }
    hit(line, fields)
}

fn time(milliseconds: i64) -> String {
    jiff::Timestamp::from_millisecond(1_774_449_000_000 + milliseconds).unwrap().to_string()
}

fn found(hits: Vec<Value>) -> Value {
    reply(hits.len() as u64, hits, json!({}))
}

fn shown(arguments: Value, hits: Vec<Value>) -> Played {
    let mut arguments = arguments;
    arguments["trace_id"] = json!("t");
    play("search_by_trace_id", arguments, FIELDS, [found(hits)])
}

fn column(answer: &Value, name: &str) -> Vec<Value> {
    if let Some(constant) = answer["constants"].get(name) {
        return vec![constant.clone()];
    }
    let place = answer["columns"].as_array().unwrap().iter().position(|column| column == name).unwrap();
    answer["rows"].as_array().unwrap().iter().map(|row| row[place].clone()).collect()
}

fn notes(answer: &Value) -> String {
    answer["notes"].to_string()
}

#[test]
fn spans_and_lines_make_one_tree() {
    let played = shown(
        json!({}),
        vec![
            span("a - shop 0 100"),
            span("b a pay 20 60"),
            line("b pay 40 error card refused"),
            line("- shop 90 info done"),
            span("c a mail 85 10"),
        ],
    );
    insta::assert_snapshot!(played.text(), @"
    trace t: 3 spans and 2 lines of 3 services in 100 ms; first error in pay: card refused; most time in pay GET b (60 ms)
    window 2026-03-25T14:00:00Z/2026-03-25T15:00:00Z	matched 5	returned 5
    depth	time (2026-03-25T14:30:…Z)	service	level	duration_ms	self_ms	message	span_id
    0	00	shop	-	100	30	GET a	a
    1	00.02	pay	-	60	60	GET b	b
    2	00.04	pay	error	-	-	card refused	-
    1	00.085	mail	-	10	10	GET c	c
    1	00.09	shop	info	-	-	done	-
    trace:	trace_id=t	start=2026-03-25T14:30:00Z	duration_ms=100	spans=3	logs=2	services=shop,pay,mail	first_error=2026-03-25T14:30:00.04Z pay: card refused	critical_path=shop GET a 30 ms,pay GET b 60 ms,mail GET c 10 ms	largest_gap=40 ms from 2026-03-25T14:30:00.04Z: pay card refused → pay GET b ends
    note: 1 line without a span of this trace placed by service and time
    fields: duration_ms=event.duration parent_span_id=parent.id span_id=span.id trace_id=trace.id
    next: get_logs_in_window around=2026-03-25T14:30:00.04Z window=10s service=pay — what else the service did at the first error
    ");
    insta::assert_snapshot!(played.sent[0], @r#"{"_source":false,"fields":[{"field":"@timestamp","format":"strict_date_optional_time_nanos"},"service.name","span.id","parent.id","span.name","event.duration","trace.id","log.level","message"],"query":{"bool":{"filter":[{"range":{"@timestamp":{"format":"strict_date_optional_time_nanos","gte":"2026-03-25T14:00:00Z","lt":"2026-03-25T15:00:00Z"}}},{"term":{"trace.id":{"value":"t"}}}]}},"size":1000,"sort":[{"@timestamp":{"missing":"_last","numeric_type":"date_nanos","order":"asc","unmapped_type":"date_nanos"}},{"_seq_no":{"order":"asc"}}],"track_total_hits":10000}"#);
}

#[test]
fn lines_alone_are_ordered_by_time_with_the_services_as_they_appear() {
    let played = shown(
        json!({}),
        vec![line("- shop 0 info order"), line("- pay 40 info charge"), line("- shop 900 warn slow"), line("- mail 901 info sent")],
    );
    insta::assert_snapshot!(played.text(), @"
    trace t: 4 lines of 3 services in 901 ms; no error
    window 2026-03-25T14:00:00Z/2026-03-25T15:00:00Z	matched 4	returned 4
    all rows:	depth=0
    time (2026-03-25T14:30:…Z)	service	level	message
    00	shop	info	order
    00.04	pay	info	charge
    00.9	shop	warn	slow
    00.901	mail	info	sent
    trace:	trace_id=t	start=2026-03-25T14:30:00Z	duration_ms=901	spans=0	logs=4	services=shop,pay,mail	largest_gap=860 ms from 2026-03-25T14:30:00.04Z: pay charge → shop slow
    services:
    all rows:	errors=0
    service	first_seen (2026-03-25T14:30:…Z)	last_seen (2026-03-25T14:30:…Z)	count
    shop	00	00.9	2
    pay	00.04	00.04	1
    mail	00.901	00.901	1
    fields: duration_ms=event.duration parent_span_id=parent.id span_id=span.id trace_id=trace.id
    ");
}

#[test]
fn orphans_cycles_and_clocks_are_told() {
    let answer = shown(json!({}), vec![span("b lost pay 20 60")]).structured();
    assert!(notes(&answer).contains("1 span at the top: its parent is not among the documents"), "{answer}");
    let answer = shown(json!({}), vec![span("a b pay 20 60"), span("b a pay 30 10")]).structured();
    assert!(notes(&answer).contains("1 chain of parents led back to itself"), "{answer}");
    let answer = shown(json!({}), vec![span("b a pay 5 60"), span("a - shop 20 60")]).structured();
    assert!(notes(&answer).contains("clocks differ: 1 span of pay under shop begin up to 15 ms before their parent"), "{answer}");
}

#[test]
fn a_trace_without_a_time_is_looked_for_at_any_time() {
    let played = play("search_by_trace_id", json!({"trace_id": "t"}), FIELDS, [found(vec![]), found(vec![span("a - shop 0 100")])]);
    let answer = played.structured();
    assert!(played.sent[0].to_string().contains("range") && !played.sent[1].to_string().contains("range"));
    assert_eq!(answer["window"]["start"], time(0));
    assert!(notes(&answer).contains("all time was searched"));
}

#[test]
fn a_trace_at_the_edge_of_the_default_window_is_read_whole() {
    // The default window begins at 14:00; time(0) is 14:30.
    let early = -29 * 60_000;
    let whole = vec![span(&format!("a - shop {} 400000", early - 120_000)), span(&format!("b a shop {early} 100"))];
    let played = play("search_by_trace_id", json!({"trace_id": "t"}), FIELDS, [found(whole[1..].to_vec()), found(whole)]);
    assert_eq!(played.structured()["totals"]["matched"], 2);
}

#[test]
fn what_is_not_found_in_a_window_that_was_asked_for_is_explained() {
    let nothing = || found(vec![]);
    let replies = (0..8).map(|_| nothing());
    let played = play("search_by_trace_id", json!({"trace_id": "t", "start": "now-5m"}), FIELDS, replies);
    assert!(played.text().starts_with("no document of trace t"));
    assert!(played.text().contains("next: correlate_id id=t"));
}

#[test]
fn a_focus_shows_its_subtree_below_its_parents() {
    let hits = || vec![span("a - s 0 100"), span("b a s 1 9"), span("c b s 2 3"), span("d a s 20 9"), span("e d s 21 3")];
    let answer = shown(json!({"focus_span_id": "D"}), hits()).structured();
    assert_eq!(column(&answer, "span_id"), ["a", "d", "e"]);
    assert_eq!(column(&answer, "depth"), [0, 1, 2]);
    let played = shown(json!({"focus_span_id": "x"}), hits());
    assert_eq!(played.error().code.as_str(), "bad_argument");
    assert!(played.error().next_step.contains("such as a, b, c"));
}

#[test]
fn where_rows_are_short_siblings_alike_are_folded_and_every_document_is_accounted_for() {
    let mut hits = vec![span("a - shop 0 10000")];
    for n in 0..60 {
        hits.push(span(&format!("q{n} a shop {} {}", n * 100, if n == 7 { 90 } else { 10 })));
        hits.push(span(&format!("r{n} q{n} db {} 5", n * 100 + 1)));
    }
    let answer = shown(json!({"max_tokens": 1000}), hits).structured();
    let counts: u64 = column(&answer, "count").iter().map(|count| count.as_u64().unwrap_or(1)).sum();
    assert_eq!(counts + answer["truncated"]["left"].as_u64().unwrap(), 121);
    // The slowest stands for them, and what is under it is there.
    assert_eq!(column(&answer, "span_id"), ["a", "q7", "r7"]);
    assert_eq!(column(&answer, "count")[1], 60);
}

#[test]
fn failures_and_their_parents_survive_the_cut() {
    let mut hits = vec![span("a - shop 0 10000")];
    for n in 0..40 {
        let unlike = "x".repeat(n);
        hits.push(span(&format!("q{unlike} a shop {} {}", n * 100, 90 - n)));
    }
    hits.push(span("deep qxxx db 301 1"));
    hits.push(line("deep db 302 error disk full"));
    let answer = shown(json!({"size": 5}), hits).structured();
    let texts = column(&answer, "message");
    assert_eq!(texts.len(), 5);
    assert!(["GET a", "GET qxxx", "GET deep", "disk full"].iter().all(|text| texts.contains(&json!(text))), "{texts:?}");
    assert_eq!((&answer["truncated"]["left"], &answer["truncated"]["why"]), (&json!(38), &json!("size")));
}

#[test]
fn a_chain_of_a_thousand_spans_is_answered() {
    let hits = (0..1_000).map(|n| span(&format!("s{n} s{} shop {n} {}", n - 1, 5_000 - n))).collect();
    let answer = shown(json!({"max_tokens": 2_000}), hits).structured();
    assert_eq!(answer["totals"]["matched"], 1_000);
    assert_eq!(answer["trace"]["spans"], 1_000);
}

#[test]
fn a_trace_longer_than_what_is_read_is_not_called_healthy_for_its_beginning() {
    let read = || vec![span("a - shop 0 10"), span("b a shop 10 10")];
    let failures = vec![span("b a shop 10 10"), line("- pay 900 error card refused"), line("- pay 950 error card refused")];
    let long = |later| play("search_by_trace_id", json!({"trace_id": "t"}), FIELDS, [reply(5_000, read(), json!({})), found(later)]);
    let played = long(failures);
    let text = played.text();
    assert!(text.contains("in 20 ms; first error in pay, after the documents read: card refused"), "{text}");
    assert!(text.contains("of 5000 documents the earliest 2 are read: figures are of these; of the others 2 failed"), "{text}");
    assert!(text.contains("next: get_logs_in_window around=2026-03-25T14:30:00.9Z"), "{text}");
    // From the last moment on that was read.
    assert!(played.sent[1].to_string().contains(r#""gte":"2026-03-25T14:30:00.01Z""#), "{}", played.sent[1]);
    let played = long(vec![]);
    let healthy = played.text();
    assert!(healthy.contains("; no error") && !healthy.contains("failed"), "{healthy}");
}

#[test]
fn one_kind_of_document_can_be_asked_for() {
    let played = shown(json!({"include": "logs"}), vec![line("- shop 0 info order")]);
    assert!(played.sent[0].to_string().contains("must_not"), "{}", played.sent[0]);
    let fields: Vec<_> = FIELDS.iter().copied().filter(|(name, _)| *name != "span.name").collect();
    let played = play("search_by_trace_id", json!({"trace_id": "t", "include": ["spans"]}), &fields, []);
    assert_eq!(played.error().code.as_str(), "unknown_field");
}

#[test]
fn an_empty_id_is_refused() {
    assert_eq!(play("search_by_trace_id", json!({"trace_id": " "}), FIELDS, []).error().code.as_str(), "bad_argument");
}

/// Another trace's documents: the same hits under its id.
fn of_trace(id: &str, hits: Vec<Value>) -> Vec<Value> {
    let renamed = |mut hit: Value| {
        hit["fields"]["trace.id"] = json!([id]);
        hit
    };
    hits.into_iter().map(renamed).collect()
}

/// What is found of traces: id, failures, and length in milliseconds.
fn traces(list: &[(&str, u64, i64)]) -> Value {
    let bucket = |(id, failed, length): &(&str, u64, i64)| {
        let first = 1_774_448_000_000_i64;
        json!({"key": id, "doc_count": 5, "first": {"value": first}, "last": {"value": first + length}, "failed": {"doc_count": failed}})
    };
    json!({"traces": {"buckets": list.iter().map(bucket).collect::<Vec<_>>()}})
}

fn compared(here: Vec<Value>, entries: Vec<Value>, known: &[(&str, u64, i64)], healthy: Vec<Value>) -> Played {
    let mut replies = vec![found(here), found(entries.clone()), found(vec![])];
    if !entries.is_empty() {
        replies.push(reply(9, vec![], traces(known)));
    }
    if !healthy.is_empty() {
        replies.push(found(healthy));
    }
    play("search_by_trace_id", json!({"trace_id": "t", "compare": true}), FIELDS, replies)
}

#[test]
fn a_trace_is_held_against_a_healthy_one_of_the_same_entry() {
    let here = vec![span("a - shop 0 900"), span("b a pay 100 700"), line("b pay 400 ERROR card 17 refused")];
    let entry = |id| of_trace(id, vec![span("a - shop 0 100")]).remove(0);
    let healthy = vec![span("a - shop 0 100"), span("b a pay 10 50"), line("b pay 20 INFO card 9 accepted"), span("c a mail 60 30")];
    let known = [("failing", 2, 100), ("near", 0, 100), ("far", 0, 100)];
    let played = compared(here, vec![entry("failing"), entry("near"), entry("far")], &known, of_trace("near", healthy));
    let answer = played.structured();
    assert_eq!(answer["healthy"]["trace_id"], "near", "{}", played.text());
    assert_eq!(answer["healthy"]["of"], "the nearest of usual length of 2 without an error among 3 traces of shop GET a");
    let told: Vec<(&Value, &Value)> = answer["differences"]["rows"].as_array().unwrap().iter().map(|row| (&row[0], &row[1])).collect();
    assert_eq!(told, [(&json!("new"), &json!("pay")), (&json!("missing"), &json!("pay")), (&json!("missing"), &json!("mail"))]);
    assert_eq!(answer["time"]["rows"][0], json!(["pay", "GET b", 700, 50, 650]));
    let summary = answer["summary"].as_str().unwrap();
    assert!(summary.ends_with("against the healthy trace near (100 ms): 1 new, 2 missing, +650 ms in pay GET b"), "{summary}");
    // The entry is a root span of the same name, before the trace first.
    let asked = played.sent[1].to_string();
    assert!(asked.contains("GET a") && asked.contains(r#""must_not":[{"exists":{"field":"parent.id"}}]"#), "{asked}");
}

#[test]
fn a_trace_of_lines_is_compared_by_its_first_line() {
    let here = vec![line("- shop 0 INFO order 17 received"), line("- shop 900 INFO order 17 done")];
    let entries = of_trace("near", vec![line("- shop 0 INFO order 9 received"), line("- shop 0 INFO order received by mail")]);
    let healthy = of_trace("near", vec![line("- shop 0 INFO order 9 received"), line("- shop 100 INFO order 9 done")]);
    let answer = compared(here, entries, &[("near", 0, 100)], healthy).structured();
    assert_eq!(answer["differences"], Value::Null);
    assert_eq!(answer["time"]["rows"], json!([["shop", "order <*> received", 900, 100, 800]]), "{answer}");
}

#[test]
fn entries_that_differ_in_their_ids_alone_are_the_same() {
    let root = |order: &str, ms: u32| {
        let mut root = span(&format!("a - shop 0 {ms}"));
        root["fields"]["span.name"] = json!([format!("GET /orders/{order}")]);
        root
    };
    let of = |id: &str, order: &str| of_trace(id, vec![root(order, 100)]).remove(0);
    let entries = vec![of("items", "77/items"), of("near", "456")];
    let played = compared(vec![root("123", 900)], entries, &[("near", 0, 100)], of_trace("near", vec![root("456", 100)]));
    let answer = played.structured();
    assert_eq!(answer["healthy"]["trace_id"], "near", "{}", played.text());
    assert_eq!(answer["healthy"]["of"], "the nearest of usual length of 1 without an error among 1 trace of shop GET /orders/<*>");
    let asked = played.sent[1].to_string();
    assert!(asked.contains(r#""prefix""#) && asked.contains("GET /orders/\"") && !asked.contains("123"), "{asked}");
}

#[test]
fn why_nothing_could_be_compared_is_said() {
    let here = || vec![span("a - shop 0 900")];
    let alone = compared(here(), vec![], &[], vec![]);
    assert!(alone.text().contains("not compared: no other trace of shop GET a within a day"), "{}", alone.text());
    let entry = of_trace("bad", vec![span("a - shop 0 100")]);
    let failing = compared(here(), entry, &[("bad", 1, 100)], vec![]);
    assert!(failing.text().contains("not compared: none of 1 traces of shop GET a is without an error"), "{}", failing.text());
}
