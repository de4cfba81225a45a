//! Requests of 2026-07-28: no handshake, everything in each request.

use reqwest::Method;
use serde_json::{Value, json};

use crate::wire::{Ask, Server, counting};

const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

fn call() -> Ask {
    Ask::modern("tools/call", counting())
}

#[tokio::test]
async fn a_call_is_one_request_and_one_json_document() {
    let server = Server::start(&[]);
    let reply = server.ask(&call()).await;
    assert_eq!((reply.status, reply.kind()), (200, "application/json"));
    assert!(reply.headers.get("mcp-session-id").is_none());
    let result = &reply.json()["result"];
    assert_eq!((&result["isError"], &result["resultType"]), (&json!(false), &json!("complete")));
    assert_eq!(result["structuredContent"]["totals"]["matched"], 10);
}

#[tokio::test]
async fn what_meta_must_hold_is_asked_for() {
    let server = Server::start(&[]);
    for key in [VERSION, CAPABILITIES] {
        let mut ask = call();
        ask.body["params"]["_meta"].as_object_mut().unwrap().remove(key);
        server.ask(&ask).await.refuses(400, -32602, key);
    }
    let mut ask = call();
    ask.body["params"].as_object_mut().unwrap().remove("_meta");
    server.ask(&ask).await.refuses(400, -32602, "no _meta");
    let mut ask = call();
    ask.body["params"]["_meta"].as_object_mut().unwrap().remove("io.modelcontextprotocol/clientInfo");
    assert_eq!(server.ask(&ask).await.status, 200, "clientInfo may be missing");
}

#[tokio::test]
async fn headers_must_say_what_the_body_says() {
    let server = Server::start(&[]);
    for (ask, why) in [
        (call().without("mcp-method"), "no Mcp-Method"),
        (call().with("mcp-method", "tools/list"), "another Mcp-Method"),
        (call().without("mcp-name"), "no Mcp-Name"),
        (call().with("mcp-name", "list_indices"), "another Mcp-Name"),
        (call().with("mcp-name", "=?base64?bGlzdF9pbmRpY2Vz?="), "another Mcp-Name in Base64"),
        (call().with("mcp-name", "=?base64?!?="), "Mcp-Name in no Base64"),
        (call().without("mcp-protocol-version"), "no MCP-Protocol-Version"),
        (call().with("mcp-protocol-version", "2025-11-25"), "another MCP-Protocol-Version"),
        (Ask::modern("resources/read", json!({"uri": "elk://limits"})).with("mcp-name", "elk://fields"), "another uri"),
        (Ask::modern("prompts/get", json!({"name": "trace_message"})).without("mcp-name"), "no name of the prompt"),
    ] {
        server.ask(&ask).await.refuses(400, -32020, why);
    }
    for (name, value) in [("mcp-method", "tools/call"), ("mcp-name", "list_indices"), ("mcp-protocol-version", "2025-11-25")] {
        let mut ask = call();
        ask.headers.push((name.to_owned(), value.to_owned()));
        server.ask(&ask).await.refuses(400, -32020, &format!("{name} twice"));
    }
    let encoded = call().with("mcp-name", "=?base64?YWdncmVnYXRlX2xvZ3M=?=");
    assert_eq!(server.ask(&encoded).await.status, 200, "the same name in Base64");
}

#[tokio::test]
async fn an_unknown_version_is_told_which_are_known() {
    let server = Server::start(&[]);
    let both = call().with("mcp-protocol-version", "2031-01-01").meta(VERSION, json!("2031-01-01"));
    let mut header = call().with("mcp-protocol-version", "2031-01-01");
    header.body["params"].as_object_mut().unwrap().remove("_meta");
    let nonsense = Ask::legacy("tools/list", json!({})).with("mcp-protocol-version", "nonsense");
    for (ask, why) in [(both, "in both"), (nonsense, "in the header of an older request")] {
        let reply = server.ask(&ask).await;
        reply.refuses(400, -32022, why);
        let supported = reply.json()["error"]["data"]["supported"].clone();
        assert!(supported.as_array().unwrap().contains(&json!("2026-07-28")), "{why}: {supported}");
    }
    assert_eq!(server.ask(&header).await.status, 400, "in the header alone");
}

#[tokio::test]
async fn an_unknown_method_is_not_found() {
    let server = Server::start(&[]);
    for method in ["tools/frobnicate", "ping", "logging/setLevel", "resources/subscribe", "tasks/get", "sampling/createMessage"] {
        server.ask(&Ask::modern(method, json!({}))).await.refuses(404, -32601, method);
    }
}

#[tokio::test]
async fn nothing_but_post_is_allowed() {
    let server = Server::start(&[]);
    for method in [Method::GET, Method::DELETE, Method::PUT, Method::OPTIONS] {
        let sent =
            server.request(method.clone(), "/mcp").header("accept", "text/event-stream").header("mcp-protocol-version", "2026-07-28");
        let response = sent.send().await.unwrap();
        assert_eq!(response.status(), 405, "{method}");
        assert_eq!(response.headers()["allow"], "POST", "{method}");
    }
}

#[tokio::test]
async fn a_notification_is_accepted_without_an_answer() {
    let server = Server::start(&[]);
    let mut ask = Ask::modern("notifications/cancelled", json!({"requestId": 3}));
    ask.body.as_object_mut().unwrap().remove("id");
    let reply = server.ask(&ask).await;
    assert_eq!((reply.status, reply.text.as_str()), (202, ""));
}

#[tokio::test]
async fn what_a_model_can_mend_is_an_answer_and_an_unknown_tool_an_error() {
    let server = Server::start(&[]);
    let mut ask = call();
    ask.body["params"]["arguments"] = json!({"frobnicate": 1});
    let result = server.result(&ask).await;
    assert_eq!((&result["isError"], result.get("structuredContent")), (&json!(true), None), "{result}");
    assert!(result["content"][0]["text"].as_str().unwrap().starts_with("bad_argument"), "{result}");
    server.ask(&Ask::modern("tools/call", json!({"name": "no_such_tool", "arguments": {}}))).await.refuses(200, -32602, "unknown tool");
    for arguments in [json!([1]), json!("text"), json!(7)] {
        let mut ask = call();
        ask.body["params"]["arguments"] = arguments;
        server.ask(&ask).await.refuses(200, -32602, "arguments of another form");
    }
}

#[tokio::test]
async fn every_result_says_that_it_is_complete_and_lists_how_long_to_keep_them() {
    let server = Server::start(&[]);
    let check = async |method: &str, params: Value, is_kept: bool| {
        let result = server.result(&Ask::modern(method, params)).await;
        assert_eq!(result["resultType"], "complete", "{method}: {result}");
        let kept = result["ttlMs"].as_u64().is_some_and(|ttl| ttl > 0) && result["cacheScope"] == "private";
        assert_eq!(kept, is_kept, "{method}: {result}");
    };
    check("server/discover", json!({}), true).await;
    check("tools/list", json!({}), true).await;
    check("tools/call", counting(), false).await;
    check("resources/list", json!({}), true).await;
    check("resources/templates/list", json!({}), true).await;
    check("resources/read", json!({"uri": "elk://limits"}), true).await;
    check("resources/read", json!({"uri": "elk://indices"}), true).await;
    check("prompts/list", json!({}), true).await;
    check("prompts/get", json!({"name": "trace_message", "arguments": {"id": "7"}}), false).await;
    let prompt = json!({"type": "ref/prompt", "name": "trace_message"});
    check("completion/complete", json!({"ref": prompt, "argument": {"name": "index", "value": ""}}), false).await;
}

#[tokio::test]
async fn a_client_gets_the_form_that_it_takes() {
    let server = Server::start(&[]);
    for (accept, status, kind) in [
        ("application/json, text/event-stream", 200, "application/json"),
        ("*/*", 200, "application/json"),
        ("application/json", 200, "application/json"),
        ("text/event-stream", 200, "text/event-stream"),
        ("text/html", 406, "application/json"),
    ] {
        for ask in [call(), Ask::legacy("tools/call", counting())] {
            let reply = server.ask(&ask.with("accept", accept)).await;
            assert_eq!((reply.status, reply.kind()), (status, kind), "{accept}: {}", reply.text);
        }
    }
}

#[tokio::test]
async fn a_slash_at_the_end_of_the_path_changes_nothing() {
    let server = Server::start(&[]);
    let misspelt = Ask::modern("tools/call", json!({"name": "search_logs", "arguments": {"servce": "orders"}}));
    for ask in [misspelt, Ask::modern("tools/list", json!({})), Ask::modern("no/such", json!({}))] {
        let mut request = server.request(Method::POST, "/mcp/").body(ask.body.to_string());
        for (name, value) in &ask.headers {
            request = request.header(name, value);
        }
        let (slashed, plain) = (request.send().await.unwrap(), server.ask(&ask).await);
        assert_eq!(slashed.status().as_u16(), plain.status);
        assert_eq!(slashed.json::<Value>().await.unwrap(), plain.json());
    }
    for method in [Method::GET, Method::DELETE] {
        assert_eq!(server.request(method, "/mcp/").send().await.unwrap().status(), 405);
    }
}
