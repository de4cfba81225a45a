//! Values and beginnings against the types of fields: what a type cannot hold is told, what it can is found.

use elk_mcp_tools::error::Code;
use serde_json::json;

use crate::world::{Loaded, World, ecs};

const START: &str = "2026-03-25T14:00:00Z";

/// An index whose `code` is a number, and whose `peer` and `due` are an address and a date; one where they are keywords.
async fn typed(name: &'static str) -> Loaded {
    let mut mapping = ecs();
    let fields = mapping["properties"].as_object_mut().unwrap();
    fields.insert("code".to_owned(), json!({"type": "short"}));
    fields.insert("peer".to_owned(), json!({"type": "ip"}));
    fields.insert("due".to_owned(), json!({"type": "date"}));
    let mut plain = ecs();
    for name in ["code", "peer", "due"] {
        plain["properties"][name] = json!({"type": "keyword"});
    }
    let documents = || {
        [(5, "10.0.0.1"), (50, "10.0.3.4"), (502, "10.1.0.1"), (599, "10.12.0.1"), (60, "192.168.0.1")].into_iter().enumerate().map(
            |(n, (code, peer))| {
                json!({"@timestamp": format!("2026-03-25T14:00:0{n}Z"), "message": "answered", "log": {"level": "WARNING"},
                    "code": code, "peer": peer, "due": format!("2026-03-2{n}T12:00:00Z")})
            },
        )
    };
    World::new(name).index("typed", Some(mapping), documents()).index("plain", Some(plain), documents()).load().await
}

#[tokio::test]
async fn beginnings_of_numbers_and_addresses_are_found_as_those_of_text() {
    let loaded = typed("beginnings").await;
    for (query, expected) in [
        ("code:5*", 8),
        ("code:50*", 4),
        ("code:6*", 2),
        ("code:7*", 0),
        ("NOT code:5*", 2),
        ("peer:10.0.*", 4),
        ("peer:10.1*", 4),
        ("peer:10.12.0.1*", 2),
        ("level:warn*", 10),
        ("level:W*", 10),
        ("level:err*", 0),
        ("code:>=99999999999", 0),
        ("code:<=99999999999", 10),
        ("code:>=-1e30", 10),
        ("code:(599 OR 99999999999)", 2),
        ("code:18446744073709551615", 0),
    ] {
        let answer = loaded.answer("aggregate_logs", json!({"start": START, "query": query})).await;
        assert_eq!(answer.matched(), expected, "{query}: {}", answer.text);
    }
    let filters = json!([{"field": "code", "op": "prefix", "value": 5}]);
    assert_eq!(loaded.answer("aggregate_logs", json!({"start": START, "filters": filters})).await.matched(), 8);
}

#[tokio::test]
async fn what_the_type_of_a_field_cannot_hold_is_told_by_name() {
    let loaded = typed("misfits").await;
    let typed = loaded.index("typed");
    for query in
        ["peer:5", "peer:>=5", "peer:host*", "peer:\"10.0.0\"", "due:abc", "due:>=abc", "due:5", "code:five", "code:\"five\"", "code:x*"]
    {
        let error = loaded.refusal("search_logs", json!({"start": START, "index": typed, "query": query})).await;
        assert_eq!(error.code, Code::BadArgument, "{query}: {}", error.text());
        let field = query.split(':').next().unwrap();
        assert!(error.message.contains(&format!("`{field}`")), "{query}: {}", error.text());
        // Where the field is a keyword elsewhere, the value may be there: nothing failed. Elasticsearch 7 reads bounds of dates also for an
        // index that the search leaves out, and says that it could not.
        let answer = loaded.answer("search_logs", json!({"start": START, "query": query})).await;
        assert!(answer.structured.get("partial").is_none(), "{query}: {}", answer.text);
    }
}

#[tokio::test]
async fn dates_are_compared_in_whatever_form_they_are_asked() {
    let loaded = typed("dates").await;
    let typed = loaded.index("typed");
    for (query, expected) in [
        ("due:2026-03-22", 1),
        ("due:\"2026-03-22T12:00:00Z\"", 1),
        ("due:\"2026-03-22 14:00:00 +0200\"", 1),
        ("due:1774180800", 1),
        ("due:(2026-03-20 OR 2026-03-24)", 2),
        ("due:>=2026-03-23", 2),
        ("due:[2026-03-21 TO 2026-03-22]", 2),
        ("due:>=now-1d", 0),
    ] {
        let answer = loaded.answer("aggregate_logs", json!({"start": START, "index": typed, "query": query})).await;
        assert_eq!(answer.matched(), expected, "{query}: {}", answer.text);
    }
}

/// The level is a word here and a number there: what is computed over one of them is no failure of the other.
#[tokio::test]
async fn what_the_fields_of_other_indices_cannot_do_fails_nothing() {
    let mut numbers = ecs();
    numbers["properties"]["level"] = json!({"type": "integer"});
    let line =
        |n: usize, level: serde_json::Value| json!({"@timestamp": format!("2026-03-25T14:00:0{n}Z"), "message": "refused", "level": level});
    let loaded = World::new("otherwise")
        .index("words", None, (0..4).map(|n| line(n, "ERROR".into())))
        .index("numbers", Some(numbers), (0..4).map(|n| line(n, 50.into())))
        .load()
        .await;
    let answer = loaded.answer("aggregate_logs", json!({"start": START, "level": "fatal", "query": "refused"})).await;
    assert!(answer.structured.get("partial").is_none(), "{}", answer.text);
    assert_eq!((answer.matched(), answer.structured["totals"]["relation"].as_str()), (0, Some("eq")), "{}", answer.text);
    assert!(answer.text.contains("error (8)"), "{}", answer.text);
}

#[tokio::test]
async fn documents_without_a_group_are_counted() {
    let mut text = ecs();
    text["properties"]["code"] = json!({"type": "text"});
    let mut list = ecs();
    list["properties"]["code"] = json!({"type": "keyword"});
    list["properties"]["due"] = json!({"type": "date"});
    let line = |n: usize, code: serde_json::Value| json!({"@timestamp": format!("2026-03-25T14:00:0{n}Z"), "message": "x", "code": code});
    let lists = [json!(["a", "b", "c"]), json!("a"), json!(null), json!([])].into_iter().enumerate().map(|(n, code)| {
        let mut line = line(n, code);
        line["due"] = json!(format!("2026-03-2{n}T12:00:00Z"));
        line
    });
    let loaded = World::new("grouped").index("lists", Some(list), lists).index("text", Some(text), [line(5, "a".into())]).load().await;
    let answer = loaded.answer("aggregate_logs", json!({"start": START, "group_by": "code"})).await;
    assert_eq!((answer.matched(), answer.column("value")), (5, vec!["2".to_owned(), "1".to_owned(), "1".to_owned()]), "{}", answer.text);
    // Two have no value, and one has text, which nothing is grouped by.
    assert!(answer.text.contains("3 documents are in no group: no code to group by"), "{}", answer.text);
    assert!(answer.text.contains(&format!("`code` is analysed text there: {}", loaded.index("text"))), "{}", answer.text);
    let error = loaded.refusal("aggregate_logs", json!({"start": START, "metric": "max", "field": "code"})).await;
    assert_eq!((error.code, error.message.as_str()), (Code::BadArgument, "`code` is a keyword; this metric needs numbers"));
    let answer = loaded.answer("aggregate_logs", json!({"start": START, "metric": "max", "field": "due"})).await;
    assert_eq!(answer.column("value"), ["2026-03-23T12:00:00Z"], "{}", answer.text);
}

#[tokio::test]
async fn words_are_looked_for_in_text_and_what_has_none_is_told() {
    let mut keyword = ecs();
    keyword["properties"]["message"] = json!({"type": "keyword"});
    let line = json!({"@timestamp": "2026-03-25T14:00:00Z", "message": "order refused", "url": {"path": "/api/orders"}});
    let loaded = World::new("worded").index("text", Some(ecs()), [line.clone()]).index("whole", Some(keyword), [line]).load().await;
    let answer = loaded.answer("search_logs", json!({"start": START, "query": "refused"})).await;
    assert_eq!(answer.matched(), 1);
    let note = format!("in {}: `message` is a keyword: words match whole values only", loaded.index("whole"));
    assert!(answer.text.contains(&note), "{}", answer.text);
    let filters = json!([{"field": "path", "op": "contains", "value": "orders"}]);
    let error = loaded.refusal("search_logs", json!({"start": START, "filters": filters})).await;
    assert_eq!(error.message, "`url.path` is a keyword: `contains` looks for words in text");
}
