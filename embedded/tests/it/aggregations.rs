use elk_mcp_embedded::{Builder, Embedded, Mapping};
use elk_mcp_tools::dsl::{Aggregation, AggregationKind, FetchField, Include, Query, Request, Scalar, Search, Sort, TermsOrder};
use serde_json::{Value, json};

use super::{aggregate, engine, index, is_rejected, metric, refusal, search};

fn documents() -> Embedded {
    engine(&[
        ("a", r#"{"service":"cart","ms":10,"ok":true,"@timestamp":"2023-01-29T08:00:00.100000001Z","tags":["x","y","x"],"text":"one"}"#),
        ("a", r#"{"service":"cart","ms":20,"ok":false,"@timestamp":"2023-01-29T08:00:59.999999999Z","tags":"y","text":"two"}"#),
        ("a", r#"{"service":"pay","ms":30.5,"ok":true,"@timestamp":"2023-01-29T08:01:00Z","text":"three"}"#),
        ("b", r#"{"service":"pay","ms":40,"ok":true,"@timestamp":"2023-01-29T08:03:00Z","text":"four"}"#),
        ("b", r#"{"service":"web","ms":[1,2],"@timestamp":"2023-01-29T08:03:30Z","text":"five"}"#),
        ("b", r#"{"other":1}"#),
    ])
}

fn terms(field: &str, size: u32, order: TermsOrder, include: Option<Include>) -> Aggregation {
    Aggregation::new(AggregationKind::Terms { field: field.into(), size, shard_size: None, order, include })
}

fn buckets(reply: &Value) -> Vec<(Value, u64)> {
    reply["buckets"].as_array().unwrap().iter().map(|bucket| (bucket["key"].clone(), bucket["doc_count"].as_u64().unwrap())).collect()
}

fn check(aggregation: Aggregation, expected: Vec<(Value, u64)>) -> Value {
    let reply = aggregate(&documents(), aggregation.clone());
    assert_eq!(buckets(&reply), expected, "{aggregation:?}");
    reply
}

#[test]
fn terms_count_documents_once_a_value_and_break_ties_by_key() {
    let reply = check(terms("service.keyword", 2, TermsOrder::Count, None), vec![(json!("cart"), 2), (json!("pay"), 2)]);
    assert_eq!((&reply["sum_other_doc_count"], &reply["doc_count_error_upper_bound"]), (&json!(1), &json!(0)));
    check(terms("service.keyword", 9, TermsOrder::Key, None), vec![(json!("cart"), 2), (json!("pay"), 2), (json!("web"), 1)]);
    check(terms("tags.keyword", 9, TermsOrder::Count, None), vec![(json!("y"), 2), (json!("x"), 1)]);
    check(terms("_index", 9, TermsOrder::Count, None), vec![(json!("a"), 3), (json!("b"), 3)]);
    check(terms("nowhere", 9, TermsOrder::Count, None), vec![]);
    let reply = check(terms("ok", 9, TermsOrder::Count, None), vec![(json!(1), 3), (json!(0), 1)]);
    assert_eq!(reply["buckets"][0]["key_as_string"], "true");
    // One index has fractions, the other whole numbers only: one kind of key.
    check(
        terms("ms", 9, TermsOrder::Key, None),
        vec![(json!(1.0), 1), (json!(2.0), 1), (json!(10.0), 1), (json!(20.0), 1), (json!(30.5), 1), (json!(40.0), 1)],
    );
    let reply = check(terms("@timestamp", 1, TermsOrder::Key, None), vec![(json!(1_674_979_200_100_i64), 1)]);
    assert_eq!(reply["buckets"][0]["key_as_string"], "2023-01-29T08:00:00.100Z");
}

#[test]
fn terms_can_be_ordered_by_a_metric_and_limited_to_values() {
    let by = |descending| TermsOrder::Metric { name: "m".into(), descending };
    let with = |order| terms("service.keyword", 9, order, None).with("m", metric(AggregationKind::Max("ms".into())));
    let reply = check(with(by(true)), vec![(json!("pay"), 2), (json!("cart"), 2), (json!("web"), 1)]);
    assert_eq!(reply["buckets"][0]["m"]["value"], 40.0);
    check(with(by(false)), vec![(json!("web"), 1), (json!("cart"), 2), (json!("pay"), 2)]);
    let only = Include::Values(vec!["web".into(), "none".into()]);
    let reply = check(terms("service.keyword", 9, TermsOrder::Count, Some(only)), vec![(json!("web"), 1)]);
    assert_eq!(reply["sum_other_doc_count"], 0);
}

#[test]
fn partitions_are_disjoint_and_complete() {
    let engine = documents();
    let mut all = Vec::new();
    for partition in 0..4 {
        let include = Some(Include::Partition { partition, of: 4 });
        all.extend(
            buckets(&aggregate(&engine, terms("service.keyword", 9, TermsOrder::Key, include))).into_iter().map(|(key, _)| key.to_string()),
        );
    }
    all.sort();
    assert_eq!(all, ["\"cart\"", "\"pay\"", "\"web\""]);
}

#[test]
fn metrics_are_exact() {
    let engine = documents();
    for (kind, expected) in [
        (AggregationKind::Min("ms".into()), json!(1.0)),
        (AggregationKind::Max("ms".into()), json!(40.0)),
        (AggregationKind::Sum("ms".into()), json!(103.5)),
        (AggregationKind::Avg("ms".into()), json!(17.25)),
        (AggregationKind::ValueCount("ms".into()), json!(6)),
        (AggregationKind::ValueCount("tags.keyword".into()), json!(3)),
        (AggregationKind::ValueCount("nowhere".into()), json!(0)),
        (AggregationKind::Cardinality("service.keyword".into()), json!(3)),
        (AggregationKind::Cardinality("_index".into()), json!(2)),
        (AggregationKind::Cardinality("@timestamp".into()), json!(5)),
        (AggregationKind::Min("nowhere".into()), Value::Null),
        (AggregationKind::Avg("nowhere".into()), Value::Null),
        (AggregationKind::Sum("nowhere".into()), json!(0.0)),
        (AggregationKind::Max("@timestamp".into()), json!(1_674_979_410_000.0)),
    ] {
        assert_eq!(aggregate(&engine, metric(kind.clone()))["value"], expected, "{kind:?}");
    }
    let earliest = aggregate(&engine, metric(AggregationKind::Min("@timestamp".into())));
    assert_eq!(earliest["value_as_string"], "2023-01-29T08:00:00.100Z");
    let kind = AggregationKind::Percentiles { field: "ms".into(), percents: vec![0.0, 50.0, 100.0] };
    let values = aggregate(&engine, metric(kind))["values"].clone();
    assert_eq!(values, json!([{"key": 0.0, "value": 1.0}, {"key": 50.0, "value": 15.0}, {"key": 100.0, "value": 40.0}]));
    let kind = AggregationKind::Percentiles { field: "nowhere".into(), percents: vec![50.0] };
    assert_eq!(aggregate(&engine, metric(kind))["values"], json!([{"key": 50.0, "value": null}]));
}

#[test]
fn histograms_floor_fill_and_shift() {
    let minute = |offset_ms, bounds_ms| {
        Aggregation::new(AggregationKind::DateHistogram { field: "@timestamp".into(), interval_ms: 60_000, offset_ms, bounds_ms })
    };
    let t = 1_674_979_200_000_i64;
    let reply = check(minute(0, None), vec![(json!(t), 2), (json!(t + 60_000), 1), (json!(t + 180_000), 2)]);
    assert_eq!(reply["buckets"][0]["key_as_string"], "2023-01-29T08:00:00.000Z");
    check(
        minute(0, Some((t - 1, t + 200_000))),
        vec![(json!(t - 60_000), 0), (json!(t), 2), (json!(t + 60_000), 1), (json!(t + 120_000), 0), (json!(t + 180_000), 2)],
    );
    check(minute(30_000, None), vec![(json!(t - 30_000), 1), (json!(t + 30_000), 2), (json!(t + 150_000), 1), (json!(t + 210_000), 1)]);
    let tens = Aggregation::new(AggregationKind::Histogram { field: "ms".into(), interval: 10.0, offset: 0.0, bounds: None });
    check(tens, vec![(json!(0.0), 1), (json!(10.0), 1), (json!(20.0), 1), (json!(30.0), 1), (json!(40.0), 1)]);
    let wide =
        Aggregation::new(AggregationKind::Histogram { field: "ms".into(), interval: 25.0, offset: 5.0, bounds: Some((-20.0, 60.0)) });
    check(wide, vec![(json!(-20.0), 1), (json!(5.0), 2), (json!(30.0), 2), (json!(55.0), 0)]);
    let endless = minute(0, Some((0, t)));
    let asked = Search::new(index("*"), Query::All).aggregations(vec![("a".into(), endless)]);
    assert!(is_rejected(&refusal(&documents(), &Request::Search(asked))));
}

#[test]
fn filters_nest() {
    let engine = documents();
    let cart = || Query::term("service.keyword", "cart");
    let sum = || metric(AggregationKind::Sum("ms".into()));
    let reply = aggregate(&engine, Aggregation::new(AggregationKind::Filter(cart())).with("s", sum()));
    assert_eq!(reply, json!({"doc_count": 2, "s": {"value": 30.0}}));
    let both = AggregationKind::Filters(vec![("cart".into(), cart()), ("rest".into(), cart().negated())]);
    let reply = aggregate(&engine, Aggregation::new(both).with("s", sum()));
    assert_eq!(reply["buckets"], json!({"cart": {"doc_count": 2, "s": {"value": 30.0}}, "rest": {"doc_count": 4, "s": {"value": 73.5}}}));
}

#[test]
fn composite_pages_through_all_combinations() {
    let engine = documents();
    let sources = vec![("s".to_owned(), "service.keyword".to_owned()), ("ok".to_owned(), "ok".to_owned())];
    let mut after: Option<Vec<Option<Scalar>>> = None;
    let mut seen = Vec::new();
    loop {
        let kind = AggregationKind::Composite { sources: sources.clone(), size: 2, after: after.clone() };
        let reply = aggregate(&engine, Aggregation::new(kind).with("m", metric(AggregationKind::Max("ms".into()))));
        seen.extend(
            reply["buckets"]
                .as_array()
                .unwrap()
                .iter()
                .map(|bucket| format!("{} {} {} {}", bucket["key"]["s"], bucket["key"]["ok"], bucket["doc_count"], bucket["m"]["value"])),
        );
        let Some(key) = reply.get("after_key") else { break };
        let scalar = |value: &Value| match value {
            Value::String(text) => Some(Scalar::from(text.as_str())),
            Value::Bool(value) => Some(Scalar::Bool(*value)),
            _ => None,
        };
        after = Some(vec![scalar(&key["s"]), scalar(&key["ok"])]);
    }
    assert_eq!(seen, ["null null 1 null", "\"cart\" false 1 20.0", "\"cart\" true 1 10.0", "\"pay\" true 2 40.0", "\"web\" null 1 2.0"]);
}

#[test]
fn top_hits_show_fields_in_order() {
    let engine = documents();
    let latest = AggregationKind::TopHits {
        size: 1,
        sort: vec![Sort { field: "@timestamp".into(), descending: true, is_time: true }],
        fields: vec![FetchField { name: "text".into(), is_time: false }, FetchField { name: "@timestamp".into(), is_time: true }],
    };
    let reply = aggregate(&engine, terms("service.keyword", 1, TermsOrder::Key, None).with("top", metric(latest)));
    let hits = &reply["buckets"][0]["top"]["hits"];
    assert_eq!(hits["total"], json!({"value": 2, "relation": "eq"}));
    assert_eq!(hits["hits"][0]["fields"], json!({"text": ["two"], "@timestamp": ["2023-01-29T08:00:59.999999999Z"]}));
    assert_eq!(hits["hits"][0]["sort"], json!([1_674_979_259_999_999_999_i64]));
    assert!(hits["hits"][0].get("_source").is_none());
}

#[test]
fn an_index_that_cannot_aggregate_fails_alone() {
    let mut builder = Builder::new();
    builder.index("t", Mapping::from_json(r#"{"k": {"type": "text"}}"#).unwrap()).unwrap();
    builder.index("k", Mapping::from_json(r#"{"k": {"type": "keyword"}}"#).unwrap()).unwrap();
    builder.document("t", None, r#"{"k":"x"}"#).unwrap();
    builder.document("k", None, r#"{"k":"x"}"#).unwrap();
    let engine = builder.build().unwrap();
    let asked = |name: &str| Search::new(index(name), Query::All).aggregations(vec![("a".into(), terms("k", 9, TermsOrder::Count, None))]);
    let reply = search(&engine, asked("*"));
    assert_eq!((&reply["_shards"]["total"], &reply["_shards"]["failed"]), (&json!(2), &json!(1)));
    assert_eq!(reply["_shards"]["failures"][0]["index"], "t");
    assert_eq!(reply["_shards"]["failures"][0]["reason"]["type"], "illegal_argument_exception");
    assert_eq!(reply["hits"]["total"]["value"], 1);
    assert_eq!(buckets(&reply["aggregations"]["a"]), [(json!("x"), 1)]);
    assert!(is_rejected(&refusal(&engine, &Request::Search(asked("t")))));
}

#[test]
fn a_metric_of_strings_is_rejected() {
    for kind in [
        AggregationKind::Avg("service.keyword".into()),
        AggregationKind::Percentiles { field: "service.keyword".into(), percents: vec![50.0] },
        AggregationKind::DateHistogram { field: "service.keyword".into(), interval_ms: 1, offset_ms: 0, bounds_ms: None },
        AggregationKind::Cardinality("text".into()),
        AggregationKind::Filter(Query::term("ok", "maybe")),
    ] {
        let asked = Search::new(index("a"), Query::All).aggregations(vec![("a".into(), metric(kind.clone()))]);
        assert!(is_rejected(&refusal(&documents(), &Request::Search(asked))), "{kind:?}");
    }
}
