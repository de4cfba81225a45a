//! The transport before Streamable HTTP: its framing, its sessions, and whose they are.

use std::time::Instant;

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::wire::{Events, Server, SilentCluster, counting};

/// An open session.
struct Session<'s> {
    server: &'s Server,
    events: Events,
    place: String,
}

impl<'s> Session<'s> {
    async fn open(server: &'s Server, headers: &[(&str, &str)]) -> Self {
        let request = server.request(Method::GET, "/sse").header("accept", "text/event-stream");
        let response = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).send().await.unwrap();
        assert_eq!(response.headers()["cache-control"], "no-cache");
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        let mut events = Events::of(response);
        let (name, place) = events.next().await.unwrap();
        assert_eq!(name, "endpoint");
        assert!(place.starts_with("/messages?sessionId=") && place.len() >= 52, "{place}");
        Self { server, events, place }
    }

    async fn post(&self, body: &str) -> Response {
        let request = self.server.request(Method::POST, &self.place).header("content-type", "application/json");
        request.body(body.to_owned()).send().await.unwrap()
    }

    async fn send(&self, message: Value) {
        assert_eq!(self.post(&message.to_string()).await.status(), 202, "{message}");
    }

    async fn receive(&mut self) -> Value {
        let (name, data) = self.events.next().await.expect("one more event");
        assert_eq!(name, "message");
        serde_json::from_str(&data).unwrap()
    }

    async fn shake_hands(&mut self) {
        let params = json!({"protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}});
        self.send(json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params})).await;
        assert_eq!(self.receive().await["result"]["protocolVersion"], "2024-11-05");
        self.send(json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
    }

    async fn call(&self, id: u64) {
        self.send(json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": counting()})).await;
    }
}

#[tokio::test]
async fn a_session_shakes_hands_lists_and_calls() {
    let server = Server::start(&[]);
    let mut session = Session::open(&server, &[]).await;
    session.shake_hands().await;
    session.send(json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list"})).await;
    assert!(!session.receive().await["result"]["tools"].as_array().unwrap().is_empty());
    session.call(3).await;
    let answer = session.receive().await;
    assert_eq!((&answer["id"], &answer["result"]["structuredContent"]["totals"]["matched"]), (&json!(3), &json!(10)));
    let mut params = counting();
    params["_meta"] = json!({"progressToken": 9});
    session.send(json!({"jsonrpc": "2.0", "id": 4, "method": "tools/call", "params": params})).await;
    let first = session.receive().await;
    assert_eq!((&first["method"], &first["params"]["progressToken"]), (&json!("notifications/progress"), &json!(9)));
}

#[tokio::test]
async fn a_session_shows_the_tools_that_its_opening_asked_for() {
    let server = Server::start(&[]);
    let mut session = Session::open(&server, &[("x-mcp-tools", "search_*")]).await;
    session.shake_hands().await;
    session.send(json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list"})).await;
    assert_eq!(session.receive().await["result"]["tools"].as_array().unwrap().len(), 2);
    session.call(3).await;
    assert_eq!(session.receive().await["error"]["code"], -32602);
    let opened = server.request(Method::GET, "/sse").header("x-mcp-tools", "serach_*").send().await.unwrap();
    assert_eq!(opened.status(), 400);
}

#[tokio::test]
async fn what_is_no_message_of_a_session_is_refused() {
    let server = Server::start(&[]);
    let mut session = Session::open(&server, &[]).await;
    let twice = r#"{"jsonrpc": "2.0", "id": 1, "id": 2, "method": "ping"}"#;
    for (body, code) in [("{", -32700), ("[]", -32600), ("{}", -32600), ("nonsense", -32700), (twice, -32600)] {
        let response = session.post(body).await;
        assert_eq!(response.status(), 400, "{body}");
        let error: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        assert_eq!(error["error"]["code"], code, "{body}");
    }
    let text = server.request(Method::POST, &session.place).body("{}").send().await.unwrap();
    assert_eq!(text.status(), 415);
    for place in ["/messages".to_owned(), "/messages?sessionId=".to_owned(), session.place.replace("sessionId=", "sessionId=0")] {
        let status =
            server.request(Method::POST, &place).header("content-type", "application/json").body("{}").send().await.unwrap().status();
        assert!(matches!(status.as_u16(), 400 | 404), "{place}: {status}");
    }
    session.shake_hands().await;
}

#[tokio::test]
async fn it_is_there_unless_it_is_switched_off() {
    let server = Server::start(&["--no-legacy-sse"]);
    assert_eq!(server.request(Method::GET, "/sse").send().await.unwrap().status(), 404);
    assert_eq!(server.request(Method::POST, "/messages?sessionId=0").send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn nobody_gets_in_without_the_key() {
    let server = Server::start(&[]);
    let session = Session::open(&server, &[]).await;
    assert_eq!(server.client.get(format!("{}/sse", server.url)).send().await.unwrap().status(), 401);
    let foreign = server.client.post(format!("{}{}", server.url, session.place)).header("content-type", "application/json").body("{}");
    assert_eq!(foreign.send().await.unwrap().status(), 401);
    let page = server.request(Method::GET, "/sse").header("origin", "https://evil.example").send().await.unwrap();
    assert_eq!(page.status(), 403);
}

#[tokio::test]
async fn a_cancelled_call_and_a_closed_stream_end_their_searches() {
    let mut cluster = SilentCluster::start().await;
    let server = Server::start_over(&cluster.url, &[]);
    let mut session = Session::open(&server, &[]).await;
    session.shake_hands().await;

    session.call(2).await;
    cluster.asked().await;
    let left = Instant::now();
    session.send(json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 2}})).await;
    assert!(cluster.gone().await.saturating_duration_since(left).as_millis() <= 100);
    assert!(server.logged_call().to_string().contains("cancelled"));
    session.send(json!({"jsonrpc": "2.0", "id": 3, "method": "ping"})).await;
    assert_eq!(session.receive().await["id"], 3, "a cancelled request has no answer");

    session.call(4).await;
    cluster.asked().await;
    let (left, place) = (Instant::now(), session.place.clone());
    drop(session);
    assert!(cluster.gone().await.saturating_duration_since(left).as_millis() <= 100);
    assert!(server.logged_call().to_string().contains("cancelled"));
    let late = server.request(Method::POST, &place).header("content-type", "application/json").body("{}").send().await.unwrap();
    assert_eq!(late.status(), 404, "the session is gone");
}

#[tokio::test]
async fn a_server_that_ends_closes_its_streams() {
    let server = Server::start(&[]);
    let mut session = Session::open(&server, &[]).await;
    session.shake_hands().await;
    server.ask_to_end();
    while session.events.next().await.is_some() {}
    server.ended().await;
}
