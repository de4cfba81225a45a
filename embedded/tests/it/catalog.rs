use elk_mcp_embedded::{Builder, Embedded, Mapping};
use elk_mcp_tools::{
    dsl::{CapsReply, FieldCaps, Health, IndexStats, ItemReply, MsearchReply, Query, Request, ResolveIndex, Search, SearchReply},
    engine::EngineErrorKind,
};
use serde_json::json;

use super::{MINUTE, ask, index, refusal, search};

fn documents() -> Embedded {
    let mut builder = Builder::new();
    builder
        .index("a", Mapping::from_json(r#"{"k": {"type": "keyword"}, "x": {"type": "long"}, "m": {"type": "match_only_text"}}"#).unwrap())
        .unwrap();
    builder.index("b", Mapping::from_json(r#"{"k": {"type": "keyword", "index": false}, "x": {"type": "keyword"}}"#).unwrap()).unwrap();
    builder.document("a", None, r#"{"k":"x","o":{"p":1}}"#).unwrap();
    builder.document("b", None, "{}").unwrap();
    builder.document(".ds-logs-app-000001", None, r#"{"@timestamp":"2023-01-29"}"#).unwrap();
    builder.document(".ds-logs-app-000002", None, r#"{"@timestamp":"2023-01-30"}"#).unwrap();
    builder.alias("both", &["a", "b"]).data_stream("logs-app", &[".ds-logs-app-000001", ".ds-logs-app-000002"]).build().unwrap()
}

fn caps(engine: &Embedded, expression: &str, fields: &[&str], include_unmapped: bool) -> serde_json::Value {
    let fields = fields.iter().map(|field| (*field).to_owned()).collect();
    ask(engine, &Request::FieldCaps(FieldCaps::new(index(expression), fields, include_unmapped)))
}

#[test]
fn expressions_name_indices_aliases_and_streams() {
    let engine = documents();
    for (expression, indices, documents) in
        [("a", 1, 1), ("a,b", 2, 2), ("both", 2, 2), ("logs-*", 2, 2), ("logs-app", 2, 2), ("*", 4, 4), ("none*", 0, 0), ("a,a,both", 2, 2)]
    {
        let reply = search(&engine, Search::new(index(expression), Query::All));
        assert_eq!((&reply["_shards"]["total"], &reply["hits"]["total"]["value"]), (&json!(indices), &json!(documents)), "{expression}");
    }
    let error = refusal(&engine, &Request::Search(Search::new(index("a,missing"), Query::All)));
    assert_eq!((error.kind, error.subject.as_str()), (EngineErrorKind::UnknownIndex, "missing"));
}

#[test]
fn field_caps_tell_types_and_conflicts() {
    let engine = documents();
    let one = |kind: &str, searchable: bool, aggregatable: bool| json!({kind: {"type": kind, "metadata_field": false, "searchable": searchable, "aggregatable": aggregatable}});
    let reply = caps(&engine, "a,b", &["k", "m", "o", "o.*", "none"], false);
    assert_eq!(reply["indices"], json!(["a", "b"]));
    assert_eq!(
        reply["fields"],
        json!({"k": one("keyword", false, true), "m": one("text", true, false), "o": one("object", false, false), "o.p": one("long", true, true)})
    );
    let reply = caps(&engine, "both", &["x"], false);
    assert_eq!(reply["fields"]["x"]["long"]["indices"], json!(["a"]));
    assert_eq!(reply["fields"]["x"]["keyword"]["indices"], json!(["b"]));
    let reply = caps(&engine, "both", &["m"], true);
    assert_eq!(reply["fields"]["m"]["unmapped"]["indices"], json!(["b"]));
    assert_eq!(reply["fields"]["m"]["text"]["indices"], json!(["a"]));
    assert_eq!(caps(&engine, "a", &["_i*"], false)["fields"]["_index"]["_index"]["metadata_field"], true);
    let request = Request::FieldCaps(FieldCaps::new(index("*"), vec!["*".into()], true));
    let body = engine.answer(&request, MINUTE).unwrap().body;
    assert_eq!(serde_json::from_slice::<CapsReply<'_>>(&body).unwrap().indices.len(), 4);
}

#[test]
fn names_resolve_to_their_kind() {
    let engine = documents();
    let resolve = |text: &str, hidden| ask(&engine, &Request::ResolveIndex(ResolveIndex::new(index(text), hidden, false)));
    let reply = resolve("*", false);
    assert_eq!(
        reply["indices"],
        json!([{"name": "a", "aliases": ["both"], "attributes": ["open"]}, {"name": "b", "aliases": ["both"], "attributes": ["open"]}])
    );
    assert_eq!(reply["aliases"], json!([{"name": "both", "indices": ["a", "b"]}]));
    assert_eq!(reply["data_streams"][0]["backing_indices"], json!([".ds-logs-app-000001", ".ds-logs-app-000002"]));
    assert_eq!(resolve("*", true)["indices"][0]["data_stream"], "logs-app");
    assert_eq!(resolve("none*", false), json!({"indices": [], "aliases": [], "data_streams": []}));
    let error = refusal(&engine, &Request::ResolveIndex(ResolveIndex::new(index("missing"), false, false)));
    assert_eq!(error.kind, EngineErrorKind::UnknownIndex);
}

#[test]
fn an_item_of_many_searches_may_fail_alone() {
    let engine = documents();
    let searches = vec![
        Search::new(index("a"), Query::All),
        Search::new(index("missing"), Query::All),
        Search::new(index("a"), Query::term("x", "abc")),
        Search::new(index("none*"), Query::All),
    ];
    let body = engine.answer(&Request::Msearch(searches), MINUTE).unwrap().body;
    let reply: MsearchReply<'_> = serde_json::from_slice(&body).unwrap();
    let told: Vec<String> = reply
        .responses
        .into_iter()
        .map(|item| match ItemReply::read(item).unwrap() {
            ItemReply::Answered(reply) => format!("{} of {}", reply.hits.total.as_ref().unwrap().value, reply.shards.total),
            ItemReply::Failed(status, error) => format!("{status} {}", &**error.kind.as_ref().unwrap()),
        })
        .collect();
    assert_eq!(told, ["1 of 1", "404 index_not_found_exception", "400 search_phase_execution_exception", "0 of 0"]);
}

#[test]
fn the_rest_is_answered_too() {
    let engine = documents();
    let stats = ask(&engine, &Request::IndexStats(IndexStats::new(index("both"))));
    assert_eq!(stats["indices"]["a"]["primaries"]["docs"]["count"], 1);
    assert!(stats["indices"]["b"]["primaries"]["store"]["size_in_bytes"].as_u64().unwrap() > 0);
    assert!(ask(&engine, &Request::Ping)["tagline"].as_str().unwrap().contains("elk-mcp embedded"));
    assert_eq!(ask(&engine, &Request::Health(Health))["status"], "green");
}

#[test]
fn an_engine_without_documents_answers() {
    let engine = Builder::new().build().unwrap();
    let body = engine.answer(&Request::Search(Search::new(index("*"), Query::All)), MINUTE).unwrap().body;
    let reply: SearchReply<'_> = serde_json::from_slice(&body).unwrap();
    assert_eq!((reply.shards.total, reply.hits.total.unwrap().value), (0, 0));
}
