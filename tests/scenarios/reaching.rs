//! Ways in which a cluster cannot be reached, or only in part, as a caller of a tool is told of them.

use std::time::Duration;

use elk_mcp::{
    cluster::{ApiKey, Cluster, Credential},
    least_privilege::{Verdict, judge},
    secret::Secret,
};
use elk_mcp_tools::{
    dsl::IndexExpression,
    error::{Code, ToolError},
};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{
    answers::Answered,
    nodes::{Node, SUPERUSER, nodes},
    world::{Source, World, ecs},
};

fn line(message: &str) -> Value {
    json!({"@timestamp": "2026-03-25T14:10:00Z", "message": message, "service": {"name": "pay"}})
}

async fn count(source: &Source, index: &str) -> Result<Answered, ToolError> {
    source.call("aggregate_logs", &json!({"start": "2026-03-25T14:00:00Z", "index": index})).await
}

#[tokio::test]
async fn a_cluster_that_is_not_there_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let node = Node::at(format!("http://{}", listener.local_addr().unwrap()));
    drop(listener);
    let error = count(&Source::of(&node, None), "logs-a").await.unwrap_err();
    assert_eq!((error.code, error.retryable), (Code::ClusterUnreachable, true));
    assert!(!error.text().contains("127.0.0.1"), "{}", error.text());
}

/// The secured node only.
#[tokio::test]
async fn a_reader_is_enough_and_others_are_told_what_they_lack() {
    let loaded = World::new("secured").index("a", Some(ecs()), [line("one"), line("two")]).load().await;
    for node in nodes().iter().filter(|node| node.is_secured()) {
        let index = loaded.index("a");
        let basic = |name: &str, password: &str| Credential::Basic { username: name.to_owned(), password: Secret::new(password) };
        let reader = Source::of(node, Some(basic("reader", "readerpass1")));
        let answer = count(&reader, &index).await.unwrap_or_else(|error| panic!("{} [{}]", error.text(), error.detail));
        assert_eq!(answer.matched(), 2, "{}", answer.text);
        let answer = reader.call("list_indices", &json!({"index": index})).await.unwrap();
        assert!(answer.text.contains("sizes are left out"), "{}", answer.text);

        for credential in [basic("reader", "wrong"), Credential::ApiKey(ApiKey::parse("id:wrong").unwrap())] {
            let error = count(&Source::of(node, Some(credential)), &index).await.unwrap_err();
            assert_eq!(error.code, Code::UpstreamUnauthorized, "{}", error.text());
            assert!(!error.text().contains("wrong"), "{}", error.text());
        }
        let error = count(&Source::of(&node.without_authority(), Some(basic("reader", "readerpass1"))), &index).await.unwrap_err();
        assert_eq!(error.code, Code::UpstreamTlsError, "{}", error.text());
    }
}

#[tokio::test]
async fn every_engine_says_whether_its_credential_can_write() {
    let index = IndexExpression::parse("logs-*").unwrap();
    for node in nodes() {
        let verdict = async |cluster: Cluster| judge(&cluster, &index, Duration::from_secs(10)).await.unwrap();
        let expected = if node.is_secured() { Verdict::ReadOnly } else { Verdict::NoSecurity };
        assert_eq!(verdict(node.cluster()).await, expected, "{}", node.name);
        if node.is_secured() {
            let (username, password) = SUPERUSER;
            let superuser = Credential::Basic { username: username.to_owned(), password: Secret::new(password) };
            let verdict = verdict(node.cluster_as(Some(superuser))).await;
            assert!(matches!(&verdict, Verdict::Writable(by) if by.contains(&"write of logs-*".to_owned())), "{verdict:?}");
        }
    }
}

/// The embedded engine has no shards to lose.
#[tokio::test]
async fn an_answer_without_a_shard_begins_incomplete() {
    let loaded = World::new("red").index("a", Some(ecs()), [line("one")]).index("red", Some(ecs()), []).load().await;
    let index = loaded.index("red");
    for source in &loaded.sources {
        let Some(node) = source.node else { continue };
        let admin = node.admin();
        admin.must(Method::DELETE, &format!("/{index}"), None).await;
        let settings = json!({"number_of_shards": 1, "number_of_replicas": 0, "index.routing.allocation.require._name": "nowhere"});
        let body = json!({"settings": settings, "mappings": ecs()}).to_string();
        admin.must(Method::PUT, &format!("/{index}?wait_for_active_shards=0&timeout=1s"), Some(body)).await;
        let answer =
            count(source, &loaded.index("*")).await.unwrap_or_else(|error| panic!("{}: {} [{}]", source.name, error.text(), error.detail));
        assert!(answer.summary().starts_with("INCOMPLETE"), "{}: {}", source.name, answer.text);
        assert_eq!(answer.structured["totals"]["relation"], "gte", "{}: {}", source.name, answer.text);
        assert!(!answer.structured["partial"]["failed_shards"].as_array().unwrap().is_empty(), "{}: {}", source.name, answer.text);
    }
}
