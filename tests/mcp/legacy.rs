//! Requests of the revisions before 2026-07-28: a handshake that nothing is kept of.

use serde_json::{Value, json};

use crate::wire::{Ask, Server, counting};

fn hello(version: &str) -> Ask {
    let client = json!({"name": "test", "version": "1"});
    Ask::legacy("initialize", json!({"protocolVersion": version, "capabilities": {}, "clientInfo": client}))
}

#[tokio::test]
async fn each_revision_shakes_hands_and_no_session_is_kept() {
    let server = Server::start(&[]);
    for (asked, agreed) in [
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("2031-01-01", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
    ] {
        let reply = server.ask(&hello(asked)).await;
        assert_eq!(reply.status, 200, "{asked}: {}", reply.text);
        assert!(reply.headers.get("mcp-session-id").is_none(), "{asked}");
        let result = &reply.json()["result"];
        assert_eq!(result["protocolVersion"], agreed, "{asked}");
        assert_eq!(result["serverInfo"]["name"], "elk-mcp");
        assert!(result["instructions"].is_string() && result["capabilities"]["tools"].is_object(), "{result}");
        assert!(result.get("resultType").is_none(), "{result}");
    }
}

#[tokio::test]
async fn requests_after_the_handshake_need_nothing_of_it() {
    let server = Server::start(&[]);
    for version in [None, Some("2025-03-26"), Some("2025-06-18"), Some("2025-11-25")] {
        let versioned = |ask: Ask| match version {
            Some(version) => ask.with("mcp-protocol-version", version),
            None => ask,
        };
        let result = server.result(&versioned(Ask::legacy("tools/call", counting()))).await;
        assert_eq!(result["structuredContent"]["totals"]["matched"], 10, "{version:?}");
        assert!(result.get("resultType").is_none(), "{version:?}: {result}");
        let pong = server.result(&versioned(Ask::legacy("ping", json!({})))).await;
        assert_eq!(pong, json!({}), "{version:?}");
        let mut initialized = versioned(Ask::legacy("notifications/initialized", json!({})));
        initialized.body.as_object_mut().unwrap().remove("id");
        let reply = server.ask(&initialized).await;
        assert_eq!((reply.status, reply.text.as_str()), (202, ""), "{version:?}");
    }
}

#[tokio::test]
async fn errors_are_answers_with_status_200() {
    let server = Server::start(&[]);
    server.ask(&Ask::legacy("tools/frobnicate", json!({}))).await.refuses(200, -32601, "unknown method");
    server.ask(&Ask::legacy("tools/call", json!({"name": "no_such_tool"}))).await.refuses(200, -32602, "unknown tool");
    for (method, params) in [
        ("tools/call", json!({})),
        ("tools/call", json!({"name": "list_indices", "arguments": []})),
        ("prompts/get", json!({"name": 1})),
        ("initialize", json!({"protocolVersion": "2025-11-25"})),
    ] {
        server.ask(&Ask::legacy(method, params)).await.refuses(200, -32602, method);
    }
    let result = server.result(&Ask::legacy("tools/call", json!({"name": "aggregate_logs", "arguments": {"frobnicate": 1}}))).await;
    assert_eq!((&result["isError"], result.get("structuredContent")), (&json!(true), None), "{result}");
}

#[tokio::test]
async fn an_id_comes_back_as_it_was() {
    let server = Server::start(&[]);
    for id in [json!(0), json!("a"), json!("7"), json!(9_007_199_254_740_991_i64)] {
        let mut ask = Ask::legacy("ping", json!({}));
        ask.body["id"] = id.clone();
        assert_eq!(server.ask(&ask).await.json()["id"], id);
    }
}

#[tokio::test]
async fn a_response_that_nobody_asked_for_is_refused() {
    let server = Server::start(&[]);
    let mut ask = Ask::legacy("ping", json!({}));
    ask.body = json!({"jsonrpc": "2.0", "id": 1, "result": {}});
    server.ask(&ask).await.refuses(400, -32600, "a response");
}

#[tokio::test]
async fn the_list_of_tools_is_the_same_in_both_eras() {
    let server = Server::start(&[]);
    let tools = async |ask: Ask| server.result(&ask).await["tools"].clone();
    let (old, new): (Value, Value) = (tools(Ask::legacy("tools/list", json!({}))).await, tools(Ask::modern("tools/list", json!({}))).await);
    assert_eq!(old, new);
}
