//! The tool against replies written down here, and its cursors against documents.

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::testing::{ECS, Played, follow, hit, play, reply};

fn line(id: &str, time: &str, message: &str) -> Value {
    hit(id, json!({"@timestamp": time, "service.name": "pay", "kubernetes.pod.name": "pay-1", "message": message, "trace.id": "4bf9"}))
}

fn middle() -> Value {
    let mut document = line("x1", "2026-03-25T14:52:57.250Z", "refused");
    document["_source"] = json!({"@timestamp": "2026-03-25T14:52:57.250Z", "message": "refused", "http": {"status": 404}});
    document
}

fn check(arguments: Value, replies: Vec<Value>) -> Played {
    play("get_logs_in_window", arguments, ECS, replies)
}

fn around(more: Value) -> Played {
    let earlier = vec![line("w", "2026-03-25T14:52:57.100Z", "asked"), line("v", "2026-03-25T14:52:40Z", "idle")];
    let later = vec![line("x1", "2026-03-25T14:52:57.250Z", "refused"), line("y", "2026-03-25T14:52:57.250Z", "closed")];
    let mut arguments = json!({"around": "logs-a/x1"});
    arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    check(arguments, vec![reply(1, vec![middle()], json!({})), reply(2, earlier, json!({})), reply(2, later, json!({}))])
}

#[test]
fn a_line_is_shown_whole_and_among_its_neighbours() {
    let played = around(json!({}));
    insta::assert_snapshot!(played.text(), @"
    4 lines in order of time, silent for 17.1 s from 2026-03-25T14:52:40Z
    window 2026-03-25T14:51:57.25Z/2026-03-25T14:53:57.25Z	matched 4	returned 4
    all rows:	index=logs-a	service=pay	pod=pay-1	trace_id=4bf9
    id	time (2026-03-25T14:52:…Z)	message
    v	40	idle
    w	57.1	asked
    x1	57.25	refused
    y	57.25	closed
    document:	index=logs-a	id=x1	@timestamp=2026-03-25T14:52:57.250Z	http.status=404	message=refused
    gaps:
    start	end	seconds
    2026-03-25T14:52:40Z	2026-03-25T14:52:57.1Z	17.1
    next: search_by_trace_id trace_id=4bf9 start=2026-03-25T14:51:57.25Z end=2026-03-25T14:53:57.25Z — the request that logs-a/x1 belongs to
    ");
    assert_eq!(played.sent.len(), 3);
}

#[test]
fn neighbours_are_asked_for_on_both_sides_of_the_millisecond() {
    let played = around(json!({"before": "10s", "after": "20s", "scope": "pod", "size": 9}));
    insta::assert_snapshot!(format!("{}\n{}", played.sent[1]["query"], played.sent[2]["query"]), @r#"
    {"bool":{"filter":[{"range":{"@timestamp":{"format":"strict_date_optional_time_nanos","gte":"2026-03-25T14:52:47.25Z","lt":"2026-03-25T14:52:57.25Z"}}},{"term":{"kubernetes.pod.name":{"value":"pay-1"}}}]}}
    {"bool":{"filter":[{"range":{"@timestamp":{"format":"strict_date_optional_time_nanos","gte":"2026-03-25T14:52:57.25Z","lt":"2026-03-25T14:53:17.25Z"}}},{"term":{"kubernetes.pod.name":{"value":"pay-1"}}}]}}
    "#);
    assert_eq!(played.sent[1]["sort"][0]["@timestamp"]["order"], "desc");
    assert_eq!(played.sent[2]["size"], 9);
}

#[test]
fn a_scope_without_a_document_needs_a_value() {
    let error = check(json!({"around": "2026-03-25T14:52:57Z", "scope": "pod"}), vec![]);
    assert_eq!(error.error().code.as_str(), "bad_argument");
    assert!(error.error().next_step.contains("filters"), "{}", error.error().next_step);
    let said = json!({"around": "2026-03-25T14:52:57Z", "scope": "service", "service": "pay"});
    let played = check(said, vec![reply(1, vec![], json!({})), reply(1, vec![middle()], json!({}))]);
    assert_eq!(played.structured()["totals"]["matched"], 2);
}

#[test]
fn a_document_that_is_not_there_is_an_error() {
    let played = check(json!({"around": "logs-a/nope"}), vec![reply(0, vec![], json!({}))]);
    assert!(played.error().message.contains("nope"));
}

#[test]
fn a_document_without_the_value_says_what_it_has() {
    let played = check(json!({"around": "logs-a/x1", "scope": "host"}), vec![reply(1, vec![middle()], json!({}))]);
    assert_eq!(played.error().next_step, "it has a pod, a trace, a service: use one of these as `scope`");
}

#[test]
fn before_and_after_need_a_middle() {
    assert_eq!(check(json!({"before": "10s"}), vec![]).error().code.as_str(), "bad_argument");
    assert_eq!(check(json!({"around": "now", "start": "now-1h"}), vec![]).error().code.as_str(), "bad_argument");
}

#[test]
fn the_nearest_lines_come_first_then_the_later_then_the_earlier() {
    let times: Vec<Timestamp> = (0..10).map(|second| Timestamp::from_second(1_774_450_370 + second).unwrap()).collect();
    let pages = follow("get_logs_in_window", &json!({"around": "1774450375", "window": "20s", "size": 4}), &times);
    assert_eq!(pages, [vec![3, 4, 5, 6], vec![7, 8, 9], vec![0, 1, 2]]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn following_the_cursors_gives_each_line_of_the_window_once(
        fine in prop::collection::vec(0_i64..20_000_000, 0..25),
        coarse in prop::collection::vec(0_i64..20, 0..25),
        size in 1_u32..9,
        middle in 0_i64..20_000,
        (before, after) in (1_i64..12, 1_i64..12),
        is_around: bool,
    ) {
        const BASE: i64 = 1_774_450_377_000_000_000;
        let moment = |ns: i64| Timestamp::from_nanosecond(i128::from(BASE + ns)).unwrap();
        let times: Vec<Timestamp> = fine.into_iter().chain(coarse.into_iter().map(|ms| ms * 1_000_000)).map(moment).collect();
        let middle = moment(middle * 1_000);
        let (start, end) = (middle - jiff::SignedDuration::from_millis(before), middle + jiff::SignedDuration::from_millis(after));
        let arguments = if is_around {
            json!({"around": middle.to_string(), "before": format!("{before}ms"), "after": format!("{after}ms"), "size": size})
        } else {
            json!({"start": start.to_string(), "end": end.to_string(), "size": size})
        };
        let pages = follow("get_logs_in_window", &arguments, &times);
        for page in &pages {
            prop_assert!(page.len() <= size as usize);
            prop_assert!(page.windows(2).all(|pair| (times[pair[0]], pair[0]) < (times[pair[1]], pair[1])), "{pages:?}");
        }
        let mut given = pages.concat();
        given.sort_unstable();
        let all: Vec<usize> = (0..times.len()).filter(|at| start <= times[*at] && times[*at] < end).collect();
        prop_assert_eq!(given, all);
    }
}
