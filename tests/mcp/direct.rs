//! A plain call takes a short way through the server; the same call with a header out of the ordinary takes rmcp's. Both answer alike.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::wire::{Ask, Server};

/// The answer both ways.
async fn both(server: &Server, ask: &Ask) -> Value {
    let short = server.ask(ask).await;
    let long = server.ask(&ask.clone().with("content-type", "application/json; charset=utf-8")).await;
    assert_eq!((short.status, short.kind()), (long.status, long.kind()), "{}", ask.body);
    assert_eq!(short.json(), long.json(), "{}", ask.body);
    short.json()
}

#[tokio::test]
async fn both_ways_answer_alike() {
    let server = Server::start(&[]);
    let now = Timestamp::now();
    let window = json!({"start": (now - SignedDuration::from_mins(10)).to_string(), "end": now.to_string()});
    let with = |more: Value| {
        let mut arguments = window.clone();
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        arguments
    };
    let calls = [
        json!({"name": "search_logs", "arguments": with(json!({"level": "error"}))}),
        json!({"name": "aggregate_logs", "arguments": with(json!({"metric": "count", "group_by": "service"}))}),
        json!({"name": "aggregate_logs", "arguments": with(json!({"frobnicate": 1}))}),
        json!({"name": "search_logs", "arguments": with(json!({"query": "\u{e9}\" \\ nothing like it"}))}),
        json!({"name": "no_such_tool", "arguments": {}}),
    ];
    for call in calls {
        for mut ask in [Ask::modern("tools/call", call.clone()), Ask::legacy("tools/call", call.clone())] {
            both(&server, &ask).await;
            ask.body["id"] = json!("a \"text\"");
            let answer = both(&server, &ask).await;
            assert_eq!(answer["id"], ask.body["id"]);
        }
        let versioned = Ask::legacy("tools/call", call).with("mcp-protocol-version", "2025-06-18");
        both(&server, &versioned).await;
    }
}

#[tokio::test]
async fn an_answer_has_its_keys_in_our_order() {
    let server = Server::start(&[]);
    let reply = server.ask(&Ask::modern("tools/call", json!({"name": "aggregate_logs", "arguments": {"metric": "count"}}))).await;
    let at = |key: &str| reply.text.find(key).unwrap_or_else(|| panic!("{key}: {}", reply.text));
    assert!(at("\"summary\"") < at("\"window\"") && at("\"window\"") < at("\"totals\""), "{}", reply.text);
}
