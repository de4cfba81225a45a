//! MCP over pipes: one message a line, and nothing else.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Stdio},
    time::Instant,
};

use serde_json::{Value, json};

use crate::wire::{SilentCluster, bundle, counting, program};

struct Pipes {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Pipes {
    fn start(source: &[&str]) -> Self {
        let mut child = program()
            .args(["stdio", "--log", "trace"])
            .args(source)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, input, output }
    }

    fn line(&mut self, line: &str) {
        writeln!(self.input.as_mut().unwrap(), "{line}").unwrap();
    }

    fn send(&mut self, message: Value) {
        self.line(&message.to_string());
    }

    fn receive(&mut self) -> Value {
        let mut line = String::new();
        assert!(self.output.read_line(&mut line).unwrap() > 0, "one more line");
        serde_json::from_str(&line).unwrap()
    }

    fn shake_hands(&mut self) {
        let params = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}});
        self.send(json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}));
        assert_eq!(self.receive()["result"]["serverInfo"]["name"], "elk-mcp");
        self.send(json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
    }

    fn call(&mut self, id: u64) {
        self.send(json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": counting()}));
    }

    /// Closes standard input; what is still said, until the program ends well.
    fn end(mut self) -> Vec<Value> {
        drop(self.input.take());
        let mut said = Vec::new();
        let mut line = String::new();
        while self.output.read_line(&mut line).unwrap() > 0 {
            said.push(serde_json::from_str(&line).expect("nothing but messages"));
            line.clear();
        }
        assert!(self.child.wait().unwrap().success());
        said
    }
}

impl Drop for Pipes {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn calls_on_their_way_are_answered_when_the_input_ends() {
    let mut pipes = Pipes::start(&["--logs", bundle()]);
    pipes.shake_hands();
    for id in 2..22 {
        pipes.call(id);
    }
    let mut ids: Vec<u64> = pipes.end().iter().map(|answer| answer["id"].as_u64().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, (2..22).collect::<Vec<_>>());
}

#[test]
fn a_line_that_is_no_message_is_answered_and_the_next_is_read() {
    let mut pipes = Pipes::start(&["--logs", bundle()]);
    for (line, code) in
        [("nonsense", -32700), ("{\"jsonrpc\": \"2.0\",", -32700), ("[]", -32600), ("{}", -32600), (r#"{"id": 1, "id": 1}"#, -32600)]
    {
        pipes.line(line);
        assert_eq!(pipes.receive()["error"]["code"], code, "{line}");
    }
    pipes.line(&"x".repeat(300 << 10));
    assert_eq!(pipes.receive()["error"]["code"], -32600, "a line that is too long");
    pipes.line("");
    pipes.send(json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
    pipes.shake_hands();
    pipes.line("nonsense");
    assert_eq!(pipes.receive()["error"]["code"], -32700);
    pipes.call(2);
    assert_eq!(pipes.receive()["result"]["isError"], false);
    assert!(pipes.end().is_empty());
}

#[test]
fn a_modern_client_needs_no_handshake() {
    let mut pipes = Pipes::start(&["--logs", bundle()]);
    let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}});
    pipes.send(json!({"jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": {"_meta": meta}}));
    assert_eq!(pipes.receive()["result"]["resultType"], "complete");
    let mut params = counting();
    params["_meta"] = meta;
    pipes.send(json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params}));
    assert_eq!(pipes.receive()["result"]["structuredContent"]["totals"]["matched"], 10);
}

#[test]
fn an_input_that_ends_at_once_is_no_failure() {
    assert!(Pipes::start(&["--logs", bundle()]).end().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_call_ends_its_search_and_has_no_answer() {
    let mut cluster = SilentCluster::start().await;
    let mut pipes = Pipes::start(&["--es-url", &cluster.url, "--allowed-indices", "logs-*"]);
    pipes.shake_hands();
    pipes.call(2);
    cluster.asked().await;
    let left = Instant::now();
    pipes.send(json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 2}}));
    assert!(cluster.gone().await.saturating_duration_since(left).as_millis() <= 100);
    assert!(pipes.end().is_empty());
}
