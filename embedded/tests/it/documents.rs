use elk_mcp_embedded::{BuildError, Builder, Mapping, MappingError};
use elk_mcp_tools::dsl::{FetchField, Query, Search, Source};
use serde_json::{Value, json};

use super::{engine, index, matching, search};

/// The `fields` of the only document of an index.
fn fields(mapping: Option<&str>, document: &str, names: &[(&str, bool)]) -> Value {
    let mut builder = Builder::new();
    if let Some(mapping) = mapping {
        builder.index("a", Mapping::from_json(mapping).unwrap()).unwrap();
    }
    builder.document("a", None, document).unwrap();
    let fields = names.iter().map(|(name, is_time)| FetchField { name: (*name).into(), is_time: *is_time }).collect();
    let reply = search(&builder.build().unwrap(), Search::new(index("a"), Query::All).page(0, 1).fields(fields));
    reply["hits"]["hits"][0]["fields"].clone()
}

#[test]
fn fields_are_read_as_their_types() {
    let mapping = r#"{"properties": {"i": {"type": "integer"}, "k": {"type": "keyword", "ignore_above": 3}, "ms": {"type": "date"},
        "epoch": {"type": "date", "format": "epoch_millis"}, "f": {"type": "scaled_float", "scaling_factor": 100},
        "to": {"type": "alias", "path": "i"}, "c": {"type": "constant_keyword", "value": "v"}, "p": {"type": "passthrough"}, "b": {"type": "boolean"}}}"#;
    let document = r#"{"i":"12","k":["abc","abcd",7],"ms":"2023-01-29T08:36:18.536636Z","epoch":1674981378536,"f":1.239,"b":"true","p":{"q":1},
        "o":[{"x":"1"},{"x":"2"}],"bad":null,"o.y":false}"#;
    for (names, expected) in [
        (vec![("i", false), ("to", false)], json!({"i": [12], "to": [12]})),
        (vec![("k", false)], json!({"k": ["abc", "7"]})),
        (vec![("ms", false)], json!({"ms": ["2023-01-29T08:36:18.536Z"]})),
        (vec![("ms", true)], json!({"ms": ["2023-01-29T08:36:18.536Z"]})),
        (vec![("epoch", false)], json!({"epoch": ["1674981378536"]})),
        (vec![("epoch", true)], json!({"epoch": ["2023-01-29T08:36:18.536Z"]})),
        (vec![("f", false), ("b", false)], json!({"f": [1.24], "b": [true]})),
        (vec![("c", false), ("q", false)], json!({"c": ["v"], "q": [1]})),
        (vec![("o.*", false)], json!({"o.x": ["1", "2"], "o.x.keyword": ["1", "2"], "o.y": [false]})),
        (vec![("nowhere", false), ("bad", false)], Value::Null),
    ] {
        assert_eq!(fields(Some(mapping), document, &names), expected, "{names:?}");
    }
}

#[test]
fn dynamic_dates_keep_nanoseconds() {
    for (text, expected) in [
        ("2023-01-29T08:36:18.536636123Z", "2023-01-29T08:36:18.536636123Z"),
        ("2023-01-29T08:36:18.5Z", "2023-01-29T08:36:18.500Z"),
        ("2023-01-29T10:36:18+02:00", "2023-01-29T08:36:18.000Z"),
        ("2023/01/29 08:36:18", "2023-01-29T08:36:18.000Z"),
    ] {
        let document = json!({"t": text}).to_string();
        assert_eq!(fields(None, &document, &[("t", true)]), json!({"t": [expected]}), "{text}");
    }
}

#[test]
fn a_value_of_another_type_does_not_lose_the_document() {
    let engine = engine(&[
        ("a", r#"{"n":1,"x":1,"log":"plain","t":"2023-01-29"}"#),
        ("a", r#"{"n":2,"x":"word","log":{"level":"info"},"t":"soon"}"#),
        ("a", r#"{"n":3,"x":2.5,"log":["more",{"level":"warn"}],"t":true}"#),
        ("a", r#"{"n":4,"x":{"y":1},"t":9999999999999999999}"#),
    ]);
    for (query, expected) in [
        (Query::All, vec![1, 2, 3, 4]),
        (Query::term("x", 1), vec![1]),
        (Query::term("x", elk_mcp_tools::dsl::Scalar::Float(2.5)), vec![3]),
        (Query::Exists { field: "t".into() }, vec![1]),
        (Query::term("log.level.keyword", "info"), vec![2]),
        (Query::term("log", "more"), vec![3]),
        (Query::term("x.y", 1), vec![4]),
    ] {
        assert_eq!(matching(&engine, query.clone()), expected, "{query:?}");
    }
    let reply = search(&engine, Search::new(index("a"), Query::Ids(vec!["seq-1".into()])).page(0, 1).source(Source::Whole));
    assert_eq!(reply["hits"]["hits"][0]["_source"]["x"], "word");
}

#[test]
fn the_last_document_of_an_id_stays() {
    let mut builder = Builder::new();
    for (id, json) in [
        (Some("x"), r#"{"n":1}"#),
        (Some("y"), r#"{"n":2}"#),
        (Some("x"), r#"{"n":3}"#),
        (None, r#"{"n":4}"#),
        (Some("seq-3"), r#"{"n":5}"#),
    ] {
        builder.document("a", id, json).unwrap();
    }
    let engine = builder.build().unwrap();
    assert_eq!(engine.indices(), [("a", 4)]);
    assert_eq!(matching(&engine, Query::All), [2, 3, 4, 5]);
    assert_eq!(matching(&engine, Query::Ids(vec!["x".into()])), [3]);
    assert_eq!(matching(&engine, Query::All.negated()), Vec::<i64>::new());
}

#[test]
fn any_text_is_found_and_shown_as_it_was() {
    let huge = "word ".repeat(200_000);
    for text in ["Größe 中文 🚀", "\u{0}\u{1f}\"\\", "", huge.as_str(), &"x".repeat(100_000), "\u{202e}\u{feff}"] {
        let document = json!({"n": 1, "message": text, "a.b..c": 1, "": "empty", "\u{0}\u{1}": "odd", "nested": {"": {"": 2}}}).to_string();
        let engine = engine(&[("a", &document)]);
        let reply = search(&engine, Search::new(index("a"), Query::All).page(0, 1).source(Source::Whole));
        assert_eq!(reply["hits"]["hits"][0]["_source"]["message"], text, "{text:.20}");
        assert_eq!(matching(&engine, Query::Exists { field: "message".into() }), [1]);
    }
}

#[test]
fn what_is_no_document_or_name_is_refused() {
    for json in ["", "1", "[]", "{", "null"] {
        assert!(matches!(Builder::new().document("a", None, json), Err(BuildError::Document { .. })), "{json}");
    }
    for name in ["", "A", "_a", "a b", "a..b", "a*", ".security", "é"] {
        assert!(matches!(Builder::new().document(name, None, "{}"), Err(BuildError::Name(_))), "{name}");
    }
    assert!(matches!(Builder::new().alias("x", &["none"]).build(), Err(BuildError::Dangling { .. })));
}

#[test]
fn wrong_mappings_say_where() {
    for (json, field) in [
        (r#"{"properties": {"a": {"properties": {"b": 1}}}}"#, "a.b"),
        (r#"{"a": {"type": 3}}"#, "a"),
        (r#"{"a": {"type": "alias"}}"#, "a"),
        (r#"{"a": {"type": "text", "fields": {"k": {}}}}"#, "a.k"),
        (r#"{"a": {"type": "scaled_float"}}"#, "a"),
        (r#"{"properties": []}"#, ""),
    ] {
        match Mapping::from_json(json) {
            Err(MappingError::Field { field: found, .. }) => assert_eq!(found, field, "{json}"),
            other => panic!("{json}: {other:?}"),
        }
    }
    assert!(matches!(Mapping::from_json("["), Err(MappingError::Json(_))));
}
