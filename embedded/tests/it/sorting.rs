use std::time::Duration;

use elk_mcp_embedded::Embedded;
use elk_mcp_tools::dsl::{FetchField, Query, Request, Search, Sort, Source, TrackTotal};
use serde_json::{Value, json};

use super::{engine, index, is_rejected, refusal, search};

fn documents() -> Embedded {
    engine(&[
        ("b", r#"{"n":0,"t":"2023-01-29T08:00:00.000000002Z","k":"b","m":[5,1]}"#),
        ("a", r#"{"n":1,"t":"2023-01-29T08:00:00.000000001Z","k":"a","m":3}"#),
        ("a", r#"{"n":2,"t":"2023-01-29T08:00:00.000000002Z","k":"c"}"#),
        ("b", r#"{"n":3}"#),
        ("a", r#"{"n":4,"t":"2023-01-29T08:00:00.000000002Z","k":"a","m":2.5}"#),
    ])
}

fn sort(field: &str, descending: bool) -> Sort {
    Sort { field: field.into(), descending, is_time: field == "t" }
}

fn hits(reply: &Value) -> Vec<i64> {
    let n = |hit: &Value| hit["fields"]["n"][0].as_i64().unwrap();
    reply["hits"]["hits"].as_array().unwrap().iter().map(n).collect()
}

fn all() -> Search {
    Search::new(index("*"), Query::All).page(0, 10).fields(vec![FetchField { name: "n".into(), is_time: false }])
}

#[test]
fn documents_are_ordered_to_the_nanosecond_and_ties_by_index_and_sequence() {
    let engine = documents();
    for (keys, expected) in [
        (vec![], [1, 2, 4, 0, 3]),
        (vec![sort("t", false)], [1, 2, 4, 0, 3]),
        (vec![sort("t", true)], [2, 4, 0, 1, 3]),
        (vec![sort("t", true), sort("_seq_no", true)], [4, 2, 0, 1, 3]),
        (vec![sort("k.keyword", false), sort("n", true)], [4, 1, 0, 2, 3]),
        (vec![sort("m", false)], [0, 4, 1, 2, 3]),
        (vec![sort("m", true)], [0, 1, 4, 2, 3]),
        (vec![sort("_doc", true), sort("_index", true)], [4, 3, 2, 0, 1]),
        (vec![sort("nowhere", true)], [1, 2, 4, 0, 3]),
    ] {
        assert_eq!(hits(&search(&engine, all().sort(keys.clone()))), expected, "{keys:?}");
        for from in 0..5 {
            let page = hits(&search(&engine, all().page(from, 2).sort(keys.clone())));
            let expected: Vec<i64> = expected.iter().copied().skip(from as usize).take(2).collect();
            assert_eq!(page, expected, "{keys:?} from {from}");
        }
    }
}

#[test]
fn hits_carry_sort_values_source_and_fields() {
    let reply = search(&documents(), all().sort(vec![sort("t", false), sort("k.keyword", false)]).source(Source::Whole));
    let list = reply["hits"]["hits"].as_array().unwrap();
    assert_eq!(list[0]["sort"], json!([1_674_979_200_000_000_001_i64, "a"]));
    assert_eq!(list[4]["sort"], json!([i64::MAX, null]));
    assert_eq!(list[0]["_source"], json!({"n":1,"t":"2023-01-29T08:00:00.000000001Z","k":"a","m":3}));
    assert_eq!((&list[0]["_index"], &list[0]["_id"]), (&json!("a"), &json!("seq-0")));
    assert_eq!(list[0]["fields"], json!({"n": [1]}));
}

#[test]
fn totals_say_how_exact_they_are() {
    let engine = documents();
    for (mode, expected) in [
        (TrackTotal::Exact, json!({"value": 5, "relation": "eq"})),
        (TrackTotal::UpTo(5), json!({"value": 5, "relation": "eq"})),
        (TrackTotal::UpTo(4), json!({"value": 4, "relation": "gte"})),
        (TrackTotal::No, Value::Null),
    ] {
        assert_eq!(search(&engine, all().track_total(mode))["hits"]["total"], expected, "{mode:?}");
    }
}

#[test]
fn a_sample_and_a_time_limit_are_told() {
    let engine = documents();
    let sample = search(&engine, all().terminate_after(2));
    assert_eq!((hits(&sample), &sample["terminated_early"]), (vec![1, 2, 0, 3], &json!(true)));
    let enough = search(&engine, all().terminate_after(3));
    assert_eq!((&enough["terminated_early"], &enough["hits"]["total"]["value"]), (&json!(false), &json!(5)));
    let late = search(&engine, all().timeout(Duration::ZERO));
    assert_eq!((&late["timed_out"], &late["hits"]["total"]["value"]), (&json!(true), &json!(0)));
    let hopeless = engine.answer(&Request::Search(all()), Duration::ZERO).unwrap_err();
    assert_eq!(hopeless.kind, elk_mcp_tools::engine::EngineErrorKind::Timeout);
}

#[test]
fn text_cannot_be_sorted_by() {
    assert!(is_rejected(&refusal(&documents(), &Request::Search(all().sort(vec![sort("k", false)])))));
    assert!(is_rejected(&refusal(&documents(), &Request::Search(all().sort(vec![sort("_id", false)])))));
}
