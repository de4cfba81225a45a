//! Calls of `get_log_patterns` against replies written down here.

use serde_json::{Value, json};

use crate::testing::{ECS, hit, play, reply};

fn lines_of(count: usize, message: impl Fn(usize) -> String) -> Vec<Value> {
    let fields =
        |n: usize| json!({"@timestamp": "2026-03-25T14:30:00Z", "message": message(n), "log.level": "INFO", "service.name": "pay"});
    (0..count).map(|n| hit(&n.to_string(), fields(n))).collect()
}

#[test]
fn where_all_lines_fit_counts_are_exact_and_one_search_is_enough() {
    let hits = vec![
        hit("1", json!({"message": "took 12 ms", "log.level": "INFO", "service.name": "pay", "trace.id": "t1"})),
        hit("2", json!({"message": "took 7 ms", "log.level": "WARN", "service.name": "cart"})),
        hit("3", json!({"message": "disk full", "log.level": "ERROR", "service.name": "cart"})),
    ];
    let played = play("get_log_patterns", json!({}), ECS, [reply(3, hits, json!({}))]);
    insta::assert_snapshot!(played.sent[0], @r#"{"_source":false,"aggs":{"rest":{"aggs":{"steps":{"aggs":{"traced":{"filter":{"exists":{"field":"trace.id"}}}},"date_histogram":{"extended_bounds":{"max":1774450799999,"min":1774447200000},"field":"@timestamp","fixed_interval":"360000ms","min_doc_count":0}}},"filter":{"match_all":{}}}},"fields":[{"field":"@timestamp","format":"strict_date_optional_time_nanos"},"message","log.level","service.name","trace.id"],"query":{"bool":{"filter":[{"range":{"@timestamp":{"format":"strict_date_optional_time_nanos","gte":"2026-03-25T14:00:00Z","lt":"2026-03-25T15:00:00Z"}}},{"exists":{"field":"message"}}]}},"size":1000,"sort":[{"@timestamp":{"missing":"_last","numeric_type":"date_nanos","order":"desc","unmapped_type":"date_nanos"}},{"_seq_no":{"order":"desc"}}],"track_total_hits":true}"#);
    let answer = played.structured();
    assert_eq!(answer["summary"], "2 patterns in 3 log lines");
    assert_eq!(answer["rows"][0], json!([2, 0.6667, ["info", "warn"], ["cart", "pay"], "took <*> ms", "t1"]));
    assert_eq!(answer["rows"][1], json!([1, 0.3333, ["error"], ["cart"], "disk full", "logs-a/3"]));
    assert_eq!(answer["hints"][0]["arguments"], json!({"around": "logs-a/3"}));
}

/// The tenths of 14:00 to 15:00 that hold lines, and how many of these have a trace id.
fn steps(counts: &[(i64, u64, u64)]) -> Value {
    let start: jiff::Timestamp = "2026-03-25T14:00:00Z".parse().unwrap();
    let bucket = |(tenth, count, traced): &(i64, u64, u64)| json!({"key": start.as_millisecond() + tenth * 360_000, "doc_count": count, "traced": {"doc_count": traced}});
    let all: u64 = counts.iter().map(|(_, count, _)| count).sum();
    json!({"rest": {"doc_count": all, "steps": {"buckets": counts.iter().map(bucket).collect::<Vec<_>>()}}})
}

#[test]
fn a_large_window_is_sampled_in_tenths_and_says_so() {
    let first = reply(500_000, lines_of(1_000, |n| format!("took {n} ms")), steps(&[(0, 400_000, 0), (1, 0, 0), (2, 100_000, 0)]));
    let busy = reply(400_000, lines_of(80, |n| format!("took {n} ms")), json!({}));
    let calm = reply(100_000, lines_of(20, |n| if n < 5 { "disk full" } else { "cache miss" }.to_owned()), json!({}));
    let played = play("get_log_patterns", json!({}), ECS, [first, busy, calm]);
    let answer = played.structured();
    assert_eq!((&played.sent[1]["size"], &played.sent[2]["size"]), (&json!(8_000), &json!(2_000)));
    // Each tenth speaks for its own lines.
    let counts: Vec<&Value> = answer["rows"].as_array().unwrap().iter().map(|row| &row[0]).collect();
    assert_eq!(counts, [400_000, 75_000, 25_000]);
    assert!(played.text().contains("a sample: 100 of 500000 lines"), "{}", played.text());
    // Nothing is known of the lines between: a quarter of the calm tenth, give or take.
    assert_eq!(answer["rows"][1][1], json!(19_469));
    assert!(played.text().contains("fewer than 15000 lines may be missing"), "{}", played.text());
}

#[test]
fn a_large_window_with_traces_is_sampled_by_whole_traces() {
    let newest = |n: usize| hit(&n.to_string(), json!({"message": format!("took {n} ms"), "trace.id": format!("t{}", n / 3)}));
    let first = reply(40_000, (0..1_000).map(newest).collect(), steps(&[(0, 40_000, 36_000)]));
    let named: Vec<Value> = (0..60).map(|n| json!({"key": format!("t{n}"), "doc_count": 3})).collect();
    let choice =
        reply(36_000, Vec::new(), json!({"traces": {"buckets": named, "sum_other_doc_count": 0, "doc_count_error_upper_bound": 0}}));
    let line = |n: usize| {
        let message = if n.is_multiple_of(3) { format!("took {n} ms") } else { "cache hit".to_owned() };
        hit(&n.to_string(), json!({"message": message, "trace.id": format!("t{}", n / 3)}))
    };
    let traced = reply(180, (0..180).map(line).collect(), json!({}));
    let others = reply(4_000, lines_of(40, |_| "tick".to_owned()), json!({}));
    let played = play("get_log_patterns", json!({}), ECS, [first, choice, traced, others]);
    // One in four of 36,000 lines are 9,000, what is read of lines with a trace.
    assert_eq!(played.sent[1]["aggs"]["traces"]["terms"]["include"], json!({"partition": 0, "num_partitions": 4}));
    let ids = played.sent[2].to_string();
    assert!(ids.contains(r#"{"terms":{"trace.id":["t"#) && played.sent[2]["size"] == 180, "{ids}");
    assert!(played.sent[3].to_string().contains("must_not"), "{}", played.sent[3]);
    let answer = played.structured();
    // Each trace has two of the one and one of the other: their share is known for sure.
    let counts: Vec<&Value> = answer["rows"].as_array().unwrap().iter().map(|row| &row[0]).collect();
    assert_eq!(counts, [24_000, 12_000, 4_000]);
    assert_eq!(answer["constants"]["margin"], 0);
    assert!(played.text().contains("220 of 40000 lines, those of 60 whole traces"), "{}", played.text());
}

#[test]
fn a_few_large_traces_are_no_sample() {
    let first = reply(40_000, lines_of(1_000, |n| format!("took {n} ms")), steps(&[(0, 40_000, 40_000)]));
    let named: Vec<Value> = (0..9).map(|n| json!({"key": format!("t{n}"), "doc_count": 4_000})).collect();
    let choice = reply(40_000, Vec::new(), json!({"traces": {"buckets": named}}));
    let drawn = reply(40_000, lines_of(50, |n| format!("took {n} ms")), json!({}));
    let played = play("get_log_patterns", json!({}), ECS, [first, choice, drawn]);
    assert_eq!(played.structured()["rows"][0][0], 40_000);
    assert!(played.text().contains("the newest of each tenth"), "{}", played.text());
}

const KEYED: &[(&str, &str)] = &[
    ("@timestamp", "date"),
    ("message", "text"),
    ("service.name", "keyword"),
    ("event.code", "keyword"),
    ("log.logger", "keyword"),
    ("log.origin.file.line", "long"),
];

#[test]
fn keys_that_the_lines_have_tell_kinds_apart() {
    let line = |id: &str, message: &str, line: Option<u32>, code: Option<&str>| {
        let mut fields = json!({"message": message, "service.name": "pay", "log.logger": "shop.Pay"});
        line.into_iter().for_each(|line| fields["log.origin.file.line"] = json!(line));
        code.into_iter().for_each(|code| fields["event.code"] = json!(code));
        hit(id, fields)
    };
    let hits = vec![
        line("1", "declined by the bank", Some(12), None),
        line("2", "declined by the shop", Some(12), None),
        line("3", "declined by the bank", Some(40), None),
        line("4", "whatever", Some(12), Some("PAY-7")),
        line("5", "no place", None, None),
    ];
    let answer = play("get_log_patterns", json!({}), KEYED, [reply(5, hits, json!({}))]).structured();
    let rows: Vec<String> = answer["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| format!("{} {}", row[0], row.as_array().unwrap().iter().rev().nth(2).unwrap()))
        .collect();
    assert_eq!(rows, [r#"2 "shop.Pay#12""#, r#"1 "shop.Pay#40""#, "1 null", r#"1 "PAY-7""#]);
}

#[test]
fn in_a_large_window_the_engine_counts_the_keys() {
    let first = reply(90_000, lines_of(1_000, |n| format!("took {n} ms")), steps(&[(0, 5, 0)]));
    let codes = reply(20_000, Vec::new(), json!({"keys": {"buckets": [{"key": {"0": "pay", "1": "PAY-7"}, "doc_count": 20_000}]}}));
    let places = reply(
        69_995,
        Vec::new(),
        json!({"keys": {"buckets": [
            {"key": {"0": "shop.Pay", "1": 12}, "doc_count": 60_000},
            {"key": {"0": "shop.Pay", "1": 40}, "doc_count": 9_990},
            {"key": {"0": null, "1": 41}, "doc_count": 3},
            {"key": {"0": "shop.Pay", "1": null}, "doc_count": 2},
        ]}}),
    );
    let rest = reply(5, lines_of(5, |_| "tick".to_owned()), json!({}));
    let example = |message: &str, id: &str| {
        let hit = hit(id, json!({"message": message, "service.name": "pay", "log.logger": "shop.Pay"}));
        json!({"doc_count": 1, "newest": {"hits": {"hits": [hit]}}, "service": {"buckets": [{"key": "pay", "doc_count": 1}]}})
    };
    let examples =
        reply(90_000, Vec::new(), json!({"keys": {"buckets": {"0": example("paid 7", "1"), "1": example("card declined", "2")}}}));
    let played = play("get_log_patterns", json!({"top": 2}), KEYED, [first, codes, places, rest, examples]);
    let answer = played.structured();
    assert_eq!(answer["summary"], "4 patterns in 90000 log lines; the first 2 are 89 % of the lines");
    assert_eq!(answer["rows"][0][0], 60_000);
    assert_eq!(answer["rows"][1][0], 20_000);
    assert!(
        played.text().contains("89990 lines are counted exactly, by event.code, log.origin.file.line, log.logger"),
        "{}",
        played.text()
    );
}

#[test]
fn rare_patterns_are_left_out_and_counted() {
    let hits = lines_of(6, |n| if n == 0 { "disk full".to_owned() } else { format!("took {n} ms") });
    let answer = play("get_log_patterns", json!({"min_count": 2}), ECS, [reply(6, hits, json!({}))]).structured();
    assert_eq!(answer["summary"], "2 patterns in 6 log lines; 1 rarer than 2 left out");
    assert_eq!(answer["totals"]["returned"], 1);
}

#[test]
fn what_the_top_cuts_is_told() {
    let words = ["alpha", "beta gamma", "delta epsilon zeta"];
    let hits = lines_of(3, |n| words[n].to_owned());
    let answer = play("get_log_patterns", json!({"top": 1}), ECS, [reply(3, hits, json!({}))]).structured();
    assert_eq!(answer["summary"], "3 patterns in 3 log lines; the first 1 are 33 % of the lines");
    assert_eq!(answer["truncated"]["left"], 2);
}

#[test]
fn the_sample_shrinks_where_lines_are_long() {
    let first = reply(50_000, lines_of(1_000, |_| "x".repeat(4_000)), steps(&[(0, 50_000, 0)]));
    let played = play("get_log_patterns", json!({}), ECS, [first, reply(50_000, lines_of(1, |_| "x".to_owned()), json!({}))]);
    assert_eq!(played.sent[1]["size"], 1_191);
}

#[test]
fn indices_without_messages_are_told() {
    let played = play("get_log_patterns", json!({}), &[("@timestamp", "date"), ("service.name", "keyword")], []);
    assert_eq!(played.error().code.as_str(), "unknown_field");
}
