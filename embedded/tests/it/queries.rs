use elk_mcp_embedded::{Builder, Embedded, Mapping};
use elk_mcp_tools::dsl::{Query, Range, Request, Scalar, Search};

use super::{index, is_rejected, matching, refusal};

const MAPPING: &str = r#"{"properties": {
    "n": {"type": "long"}, "message": {"type": "text", "fields": {"raw": {"type": "keyword", "ignore_above": 20}}},
    "only": {"type": "match_only_text"}, "k": {"type": "keyword"}, "i": {"type": "integer"}, "d": {"type": "double"}, "b": {"type": "boolean"},
    "ms": {"type": "date"}, "ns": {"type": "date_nanos"}, "seconds": {"type": "date", "format": "epoch_second"}, "ip": {"type": "ip"},
    "scaled": {"type": "scaled_float", "scaling_factor": 10}, "u": {"type": "unsigned_long"}, "alias": {"type": "alias", "path": "k"},
    "constant": {"type": "constant_keyword", "value": "c"}, "labels": {"type": "flattened"},
    "attributes": {"type": "passthrough", "priority": 10, "properties": {"code": {"type": "keyword"}}},
    "off": {"type": "object", "enabled": false}}}"#;

fn documents() -> Embedded {
    let mut builder = Builder::new();
    builder.index("a", Mapping::from_json(MAPPING).unwrap()).unwrap();
    for json in [
        r#"{"n":1,"message":"Connection refused to db-1.example.com","k":"x","i":5,"d":1.5,"b":true,"ms":"2023-01-29T08:36:18.536636Z","ns":"2023-01-29T08:36:18.536636001Z","ip":"10.1.2.3"}"#,
        r#"{"n":2,"message":"refused connection","k":["y","Ünïcode"],"i":"7","d":-2,"b":"false","ms":1674981378537,"ns":"2023-01-29T08:36:18.536636002Z","ip":"::1","labels":{"team":"blue","tier":{"x":1}}}"#,
        r#"{"n":3,"message":["first value","second value"],"k":"","i":[1,9],"seconds":1674981378,"u":18446744073709551615,"scaled":1.26,"attributes":{"code":"c1"},"off":{"x":1}}"#,
        r#"{"n":4,"only":"a quick brown fox","k":null,"i":[],"d":0.1,"b":[true,false],"ip":"not an address","i2":"x"}"#,
        r#"{"n":5,"message":"","k":"yy","obj":{"inner":{"leaf":1}}}"#,
    ] {
        builder.document("a", None, json).unwrap();
    }
    builder.build().unwrap()
}

fn term(field: &str, value: impl Into<Scalar>) -> Query {
    Query::term(field, value)
}

fn folded(field: &str, value: &str) -> Query {
    Query::Term { field: field.into(), value: value.into(), case_insensitive: true }
}

fn prefix(field: &str, value: &str, case_insensitive: bool) -> Query {
    Query::Prefix { field: field.into(), value: value.into(), case_insensitive }
}

fn text(field: &str, text: &str) -> Query {
    Query::Match { field: field.into(), text: text.into() }
}

fn phrase(field: &str, text: &str, prefix: bool) -> Query {
    Query::Phrase { field: field.into(), text: text.into(), prefix }
}

fn exists(field: &str) -> Query {
    Query::Exists { field: field.into() }
}

/// `gte`, `gt`, `lte`, `lt`.
fn range(field: &str, bounds: [Option<Scalar>; 4]) -> Query {
    let [gte, gt, lte, lt] = bounds;
    Query::Range { field: field.into(), range: Range { gt, gte, lt, lte, is_time: false } }
}

fn at(text: &str) -> Option<Scalar> {
    Some(text.into())
}

fn check(cases: Vec<(Query, Vec<i64>)>) {
    let engine = documents();
    for (query, expected) in cases {
        assert_eq!(matching(&engine, query.clone()), expected, "{query:?}");
    }
}

#[test]
fn exact_values_match_by_type() {
    check(vec![
        (Query::All, vec![1, 2, 3, 4, 5]),
        (Query::Nothing, vec![]),
        (term("k", "x"), vec![1]),
        (term("k", "X"), vec![]),
        (folded("k", "X"), vec![1]),
        (folded("k", "ÜNïCODE"), vec![2]),
        (folded("k", "üNÏCODE"), vec![]),
        (term("k", ""), vec![3]),
        (term("alias", "y"), vec![2]),
        (term("constant", "c"), vec![1, 2, 3, 4, 5]),
        (term("i", 5), vec![1]),
        (term("i", "7"), vec![2]),
        (term("i", 9), vec![3]),
        (term("i", Scalar::Float(5.0)), vec![1]),
        (term("i", Scalar::Float(5.5)), vec![]),
        (term("d", Scalar::Float(0.1)), vec![4]),
        (term("d", -2), vec![2]),
        (term("scaled", Scalar::Float(1.3)), vec![3]),
        (term("u", Scalar::Unsigned(u64::MAX)), vec![3]),
        (term("b", Scalar::Bool(true)), vec![1, 4]),
        (term("b", "false"), vec![2, 4]),
        (term("ip", "10.1.2.3"), vec![1]),
        (term("ip", "10.0.0.0/8"), vec![1]),
        (term("ip", "0:0:0:0:0:0:0:1"), vec![2]),
        (term("ns", "2023-01-29T08:36:18.536636001Z"), vec![1]),
        (term("ms", "2023-01-29T08:36:18.536Z"), vec![1]),
        (term("ms", 1_674_981_378_537), vec![2]),
        (term("ms", "2023-01-29"), vec![1, 2]),
        (term("seconds", 1_674_981_378), vec![3]),
        (term("labels.team", "blue"), vec![2]),
        (term("labels", "blue"), vec![2]),
        (term("code", "c1"), vec![3]),
        (term("attributes.code", "c1"), vec![3]),
        (term("off.x", 1), vec![]),
        (term("nowhere", "x"), vec![]),
        (term("_index", "a"), vec![1, 2, 3, 4, 5]),
        (term("_index", "b"), vec![]),
        (term("_id", "seq-2"), vec![3]),
        (Query::Ids(vec!["seq-0".into(), "seq-4".into(), "seq-04".into(), "x".into()]), vec![1, 5]),
        (Query::Terms { field: "k".into(), values: vec!["x".into(), "Ünïcode".into(), "none".into()] }, vec![1, 2]),
        (Query::Terms { field: "i".into(), values: vec![1.into(), 5.into()] }, vec![1, 3]),
    ]);
}

#[test]
fn text_matches_by_token() {
    check(vec![
        (text("message", "REFUSED connection"), vec![1, 2]),
        (text("message", "refused nothing"), vec![]),
        (text("message", "-- !"), vec![]),
        (text("message", "db 1.example.com"), vec![1]),
        (text("message", "db-2"), vec![]),
        (text("k", "x"), vec![1]),
        (text("i", "5"), vec![1]),
        (term("message", "refused"), vec![1, 2]),
        (term("message", "Refused"), vec![]),
        (folded("message", "Refused"), vec![1, 2]),
        (phrase("message", "connection refused", false), vec![1]),
        (phrase("message", "refused", false), vec![1, 2]),
        (phrase("message", "connection ref", true), vec![1]),
        (phrase("message", "conn", true), vec![1, 2]),
        (phrase("message", "value second", false), vec![]),
        (phrase("message", "second value", false), vec![3]),
        (phrase("only", "quick brown", false), vec![4]),
        (phrase("only", "brown quick", false), vec![]),
        (phrase("k", "yy", false), vec![5]),
        (phrase("nowhere", "x y", true), vec![]),
        (prefix("message", "conn", false), vec![1, 2]),
        (prefix("message", "Conn", false), vec![]),
        (prefix("message", "CONN", true), vec![1, 2]),
        (prefix("k", "y", false), vec![2, 5]),
        (prefix("k", "ÜN", true), vec![2]),
        (prefix("k", "Y", false), vec![]),
        (prefix("_index", "a", false), vec![1, 2, 3, 4, 5]),
        (term("message.raw", "refused connection"), vec![2]),
        (prefix("message.raw", "Conn", false), vec![]),
    ]);
}

#[test]
fn ranges_are_exact_at_their_ends() {
    check(vec![
        (range("i", [Some(5.into()), None, None, None]), vec![1, 2, 3]),
        (range("i", [None, Some(7.into()), None, None]), vec![3]),
        (range("i", [None, None, None, Some(Scalar::Float(1.5))]), vec![3]),
        (range("d", [None, Some(Scalar::Float(0.1)), None, None]), vec![1]),
        (range("d", [Some(Scalar::Float(-2.0)), None, Some(Scalar::Float(0.1)), None]), vec![2, 4]),
        (range("k", [at("x"), None, None, at("yy")]), vec![1, 2]),
        (range("u", [Some(Scalar::Unsigned(u64::MAX)), None, None, None]), vec![3]),
        (range("ip", [at("10.0.0.0"), None, at("10.255.255.255"), None]), vec![1]),
        (range("ns", [at("2023-01-29T08:36:18.536636002Z"), None, None, None]), vec![2]),
        (range("ns", [None, Some("2023-01-29T08:36:18.536636001Z".into()), None, None]), vec![2]),
        (range("ns", [None, None, None, at("2023-01-29T08:36:18.536636002Z")]), vec![1]),
        (range("ns", [None, None, at("2023-01-29T08:36:18"), None]), vec![1, 2]),
        (range("ms", [at("2023-01-29T08:36:18.536636Z"), None, None, None]), vec![1, 2]),
        (range("ms", [None, at("2023-01-29T08:36:18.536Z"), None, None]), vec![2]),
        (range("ms", [None, None, None, at("2023-01-29")]), vec![]),
        (range("ms", [None, None, at("2023-01-29"), None]), vec![1, 2]),
        (range("ms", [None, None, at("2023"), None]), vec![]),
        (range("b", [at("true"), None, None, None]), vec![1, 4]),
        (range("b", [None, None, None, at("true")]), vec![2, 4]),
        (range("ms", [Some(1_674_981_378_537_i64.into()), None, None, None]), vec![2]),
        (range("nowhere", [Some(5.into()), None, None, None]), vec![]),
    ]);
}

#[test]
fn a_field_exists_where_it_has_a_value() {
    check(vec![
        (exists("k"), vec![1, 2, 3, 5]),
        (exists("i"), vec![1, 2, 3]),
        (exists("message"), vec![1, 2, 3, 5]),
        (exists("only"), vec![4]),
        (exists("ip"), vec![1, 2]),
        (exists("obj"), vec![5]),
        (exists("obj.inner"), vec![5]),
        (exists("obj.in"), vec![]),
        (exists("labels"), vec![2]),
        (exists("attributes"), vec![3]),
        (exists("off"), vec![]),
        (exists("constant"), vec![1, 2, 3, 4, 5]),
        (exists("nowhere"), vec![]),
        (exists("_index"), vec![1, 2, 3, 4, 5]),
    ]);
}

#[test]
fn clauses_combine() {
    let bool_query = |filter: Vec<Query>, should: Vec<Query>, must_not: Vec<Query>| Query::Bool { filter, should, must_not };
    check(vec![
        (bool_query(vec![], vec![], vec![]), vec![1, 2, 3, 4, 5]),
        (bool_query(vec![exists("i")], vec![], vec![term("k", "x")]), vec![2, 3]),
        (bool_query(vec![], vec![term("k", "x"), term("k", "yy")], vec![]), vec![1, 5]),
        (bool_query(vec![exists("i")], vec![term("k", "yy")], vec![]), vec![]),
        (exists("i").negated(), vec![4, 5]),
    ]);
}

#[test]
fn a_query_against_a_fields_type_is_rejected() {
    let engine = documents();
    for query in [
        term("i", "abc"),
        term("b", "maybe"),
        term("ms", "yesterday"),
        term("ip", "localhost"),
        text("i", "some words"),
        prefix("i", "1", false),
        phrase("k", "a b", true),
        range("b", [Some("maybe".into()), None, None, None]),
        range("ms", [at("tomorrow"), None, None, None]),
    ] {
        let error = refusal(&engine, &Request::Search(Search::new(index("a"), query.clone())));
        assert!(is_rejected(&error), "{query:?}: {error}");
    }
}
