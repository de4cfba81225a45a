//! The guard as an engine sees it: what reaches it, and what does not. The oracle is the engine's own record.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use elk_mcp::guard::{AllowList, Caps, Guard};
use elk_mcp_tools::{
    dsl::{FieldCaps, IndexExpression, IndexStats, Query, Request, ResolveIndex, Search},
    engine::{BoxFuture, Engine, EngineError, EngineErrorKind, Reply},
};

const LIMIT: Duration = Duration::from_secs(10);

/// Answers resolutions and searches from scripts, and keeps a record of all it is sent.
#[derive(Default, Clone)]
struct Recording {
    resolution: &'static str,
    search: &'static str,
    record: Arc<Mutex<Vec<Request>>>,
    failure: Option<EngineErrorKind>,
}

impl Recording {
    fn new(resolution: &'static str, search: &'static str) -> Self {
        Self { resolution, search, ..Self::default() }
    }

    fn record(&self) -> Vec<Request> {
        self.record.lock().unwrap().clone()
    }

    /// The index expressions of searches that reached it.
    fn searched(&self) -> Vec<String> {
        self.record()
            .iter()
            .filter_map(|request| match request {
                Request::Search(search) => Some(search.index().to_string()),
                _ => None,
            })
            .collect()
    }
}

impl Engine for Recording {
    fn send<'a>(&'a self, request: &'a Request, _: Duration) -> BoxFuture<'a, Result<Reply, EngineError>> {
        self.record.lock().unwrap().push(request.clone());
        let body = if matches!(request, Request::ResolveIndex(_)) { self.resolution } else { self.search };
        let result = match self.failure {
            Some(kind) => Err(EngineError::new(kind, "scripted")),
            None => Ok(Reply { body: body.as_bytes().to_vec() }),
        };
        Box::pin(async move { result })
    }
}

fn guard(engine: &Recording) -> Guard<Recording> {
    Guard::new(engine.clone(), AllowList::parse("logs-*,app-*").unwrap(), Caps::default())
}

fn index(text: &str) -> IndexExpression {
    IndexExpression::parse(text).unwrap()
}

fn search(text: &str) -> Request {
    Request::Search(Search::new(index(text), Query::All))
}

const NO_NAMES: &str = r#"{"indices":[],"aliases":[],"data_streams":[]}"#;
const NO_HITS: &str = r#"{"took":1,"hits":{"hits":[]}}"#;

/// Every request that can carry an expression.
fn all_with(expression: &IndexExpression) -> Vec<Request> {
    vec![
        Request::Search(Search::new(expression.clone(), Query::All)),
        Request::Msearch(vec![Search::new(index("logs-a"), Query::All), Search::new(expression.clone(), Query::All)]),
        Request::FieldCaps(FieldCaps::new(expression.clone(), vec!["message".to_owned()], true)),
        Request::ResolveIndex(ResolveIndex::new(expression.clone(), true, true)),
        Request::IndexStats(IndexStats::new(expression.clone())),
    ]
}

/// Whether an expression as a person would type it reaches the engine in any request.
async fn reaches(text: &str) -> bool {
    let Ok(expression) = IndexExpression::parse(text) else { return false };
    let engine = Recording::new(NO_NAMES, NO_HITS);
    for request in all_with(&expression) {
        let result = guard(&engine).send(&request, LIMIT).await;
        if let Err(error) = result {
            assert_eq!(error.kind, EngineErrorKind::NotAllowed, "{text}");
        }
    }
    !engine.record().is_empty()
}

#[tokio::test]
async fn what_lies_outside_the_allow_list_never_reaches_the_engine() {
    for text in [
        "*",
        "_all",
        "-",
        "-logs-a",
        "logs-*,-logs-b,payroll",
        "payroll",
        "logs-a,payroll",
        "l*",
        "logs*",
        "*-a",
        "a*",
        "..",
        "logs-a/../payroll",
        "%2e%2e",
        "<logs-{now/d}>",
        "remote:logs-a",
        "*:*",
        "logs-a::failures",
        ".ds-logs-a-2026.11.22-000001",
        "",
        "logs-a,",
        "LOGS-A",
        "logs-a?x",
        "logs-a#",
    ] {
        assert!(!reaches(text).await, "{text:?}");
    }
}

#[tokio::test]
async fn what_lies_inside_it_does() {
    for text in ["logs-a", "logs-*", "logs-*-prod", "app-1,logs-*", "logs-a,logs-b"] {
        assert!(reaches(text).await, "{text:?}");
    }
}

/// The shared corpus of index expressions, where it is there: `ELK_MCP_CORPORA` names its folder.
#[tokio::test]
async fn the_corpus_of_index_expressions_is_refused_but_for_its_controls() {
    #[derive(serde::Deserialize)]
    struct Case {
        expr: String,
        expect: String,
    }
    let Some(folder) = std::env::var_os("ELK_MCP_CORPORA") else {
        eprintln!("skipped: ELK_MCP_CORPORA names no folder with index-expressions.jsonl");
        return;
    };
    let text = std::fs::read_to_string(Path::new(&folder).join("index-expressions.jsonl")).unwrap();
    let mut controls = 0;
    for line in text.lines() {
        let case: Case = serde_json::from_str(line).unwrap();
        let accepted = reaches(&case.expr).await;
        assert_eq!(accepted, case.expect == "accept", "{:?}", case.expr);
        controls += usize::from(accepted);
    }
    assert!(controls > 0, "a corpus without controls shows nothing");
}

#[tokio::test]
async fn an_alias_that_leads_elsewhere_is_refused_by_name() {
    for (resolution, asked) in [
        (r#"{"aliases":[{"name":"logs-all","indices":["logs-a","payroll"]}]}"#, "logs-all"),
        (r#"{"aliases":[{"name":"logs-all","indices":"payroll"}]}"#, "logs-b,logs-all"),
        (r#"{"data_streams":[{"name":"logs-s","backing_indices":[".ds-payroll-2026.11.22-000001"]}]}"#, "logs-s"),
        (r#"{"data_streams":[{"name":"logs-s","backing_indices":["payroll"]}]}"#, "logs-s"),
    ] {
        let engine = Recording::new(resolution, NO_HITS);
        let error = guard(&engine).send(&search(asked), LIMIT).await.unwrap_err();
        assert_eq!(error.kind, EngineErrorKind::NotAllowed, "{asked}");
        assert!(!error.subject.contains("payroll"), "{}", error.subject);
        assert!(engine.searched().is_empty(), "{asked}");
    }
}

#[tokio::test]
async fn a_pattern_is_narrowed_to_the_members_that_are_allowed() {
    let engine = Recording::new(
        r#"{"indices":[{"name":"logs-a","attributes":["open"]},{"name":"logs-b","attributes":["open"]}],
            "aliases":[{"name":"logs-all","indices":["payroll"]},{"name":"logs-now","indices":["logs-b"]}],
            "data_streams":[{"name":"logs-s","backing_indices":[".ds-logs-s-2026.11.22-000001"]}]}"#,
        NO_HITS,
    );
    guard(&engine).send(&search("logs-*,app-1"), LIMIT).await.unwrap();
    assert_eq!(engine.searched(), ["logs-a,logs-b,logs-now,logs-s,app-1"]);
}

#[tokio::test]
async fn a_pattern_whose_members_are_all_allowed_is_sent_as_it_is() {
    let engine = Recording::new(
        r#"{"indices":[{"name":"logs-a"}],"aliases":[{"name":"logs-now","indices":["logs-a","app-b"]}],
            "data_streams":[{"name":"logs-s","backing_indices":[".ds-logs-s-2026.11.22-000001","partial-.ds-logs-s-2026.11.21-000001"]}]}"#,
        NO_HITS,
    );
    guard(&engine).send(&search("logs-*"), LIMIT).await.unwrap();
    assert_eq!(engine.searched(), ["logs-*"]);
}

#[tokio::test]
async fn an_expression_is_resolved_once_for_many_searches() {
    let engine = Recording::new(NO_NAMES, NO_HITS);
    let guard = guard(&engine);
    let request = search("logs-*");
    let all = futures_util::future::join_all((0..20).map(|_| guard.send(&request, LIMIT))).await;
    assert!(all.iter().all(Result::is_ok));
    let resolutions = engine.record().iter().filter(|request| matches!(request, Request::ResolveIndex(_))).count();
    assert_eq!((resolutions, engine.searched().len()), (1, 20));
}

#[tokio::test]
async fn a_hit_from_elsewhere_refuses_the_reply_though_the_names_were_allowed() {
    let engine = Recording::new(NO_NAMES, r#"{"hits":{"hits":[{"_index":"logs-a","_id":"1"},{"_index":"payroll","_id":"2"}]}}"#);
    let error = guard(&engine).send(&search("logs-a"), LIMIT).await.unwrap_err();
    assert_eq!(error.kind, EngineErrorKind::NotAllowed);
    assert!(!error.subject.contains("payroll"));
}

#[tokio::test]
async fn a_resolution_names_nothing_outside_the_allow_list() {
    let engine = Recording::new(
        r#"{"indices":[{"name":"logs-a","aliases":["logs-all","secret-view"],"attributes":["open"]}],
            "aliases":[{"name":"logs-all","indices":["logs-a","payroll"]},{"name":"logs-now","indices":["logs-a"]}],"data_streams":[]}"#,
        NO_HITS,
    );
    let request = Request::ResolveIndex(ResolveIndex::new(index("logs-*"), false, false));
    let reply = guard(&engine).send(&request, LIMIT).await.unwrap();
    let text = String::from_utf8(reply.body).unwrap();
    assert!(text.contains("logs-now") && !text.contains("payroll") && !text.contains("secret-view"), "{text}");
}

#[tokio::test]
async fn every_search_carries_a_time_limit_below_its_calls() {
    let engine = Recording::new(NO_NAMES, NO_HITS);
    let searches =
        vec![Search::new(index("logs-a"), Query::All), Search::new(index("logs-a"), Query::All).timeout(Duration::from_millis(900))];
    guard(&engine).send(&Request::Msearch(searches), LIMIT).await.unwrap();
    let record = engine.record();
    let Some(Request::Msearch(searches)) = record.last() else { panic!("{record:?}") };
    let limits: Vec<_> = searches.iter().map(|search| search.time_limit().unwrap()).collect();
    assert!(limits[0] <= Duration::from_secs(8) && limits[0] > Duration::from_secs(7), "{limits:?}");
    assert_eq!(limits[1], Duration::from_millis(900));
}

#[tokio::test]
async fn what_exceeds_the_caps_never_reaches_the_engine() {
    let engine = Recording::new(NO_NAMES, NO_HITS);
    let request = Request::Search(Search::new(index("logs-a"), Query::All).page(9_999, 2));
    assert_eq!(guard(&engine).send(&request, LIMIT).await.unwrap_err().kind, EngineErrorKind::TooLarge);
    assert!(engine.record().is_empty());
}

#[tokio::test]
async fn an_engine_that_keeps_failing_is_left_alone() {
    let engine = Recording { failure: Some(EngineErrorKind::Unreachable), ..Recording::new(NO_NAMES, NO_HITS) };
    let guard = guard(&engine);
    let mut kinds = Vec::new();
    for _ in 0..30 {
        kinds.push(guard.send(&Request::Ping, LIMIT).await.unwrap_err().kind);
    }
    assert_eq!(engine.record().len(), 20);
    assert_eq!(kinds.last(), Some(&EngineErrorKind::Unavailable));
}

#[tokio::test]
async fn a_bundle_is_limited_in_size_but_not_in_names() {
    let engine = Recording::new(NO_NAMES, r#"{"hits":{"hits":[{"_index":"anything"}]}}"#);
    let guard = Guard::open(engine.clone(), Caps::default());
    guard.send(&search("*"), LIMIT).await.unwrap();
    let request = Request::Search(Search::new(index("x"), Query::All).page(0, 20_000));
    assert_eq!(guard.send(&request, LIMIT).await.unwrap_err().kind, EngineErrorKind::TooLarge);
    assert_eq!(engine.searched(), ["*"]);
}
