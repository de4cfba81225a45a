//! The log: one line a call in ECS, nothing of its arguments, and nothing forged.

use serde_json::{Value, json};

use crate::world::{Answers, Cluster, Served, counting, told};

const CANARY: &str = "canary-4711";

async fn lines_of(server: &Served, parts: &[&str]) -> Vec<Value> {
    parts.iter().map(|part| server.logged(part)).map(|line| serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_one_line_in_the_names_of_ecs() {
    let cluster = Cluster::start(Answers::default()).await;
    let server = Served::start_over(&cluster.url, &["--log-format", "json"]);
    let mut arguments = counting();
    arguments["query"] = CANARY.into();
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let request = server.call("aggregate_logs", arguments).bearer_auth(&server.key).header("traceparent", trace);
    let (text, is_error) = told(request.send().await.unwrap()).await;
    assert!(!is_error, "{text}");

    let line = lines_of(&server, &["\"call\""]).await.remove(0);
    for (name, expected) in [
        ("log.level", json!("info")),
        ("message", json!("call")),
        ("event.action", json!("tools/call")),
        ("event.outcome", json!("success")),
        ("user.name", json!("default")),
        ("trace.id", json!("4bf92f3577b34da6a3ce929d0e0e4736")),
        ("elk_mcp.tool", json!("aggregate_logs")),
        ("elk_mcp.bytes", json!(text.len())),
        ("elk_mcp.tokens", json!(text.len().div_ceil(3))),
        ("client.address", json!("127.0.0.1")),
        ("service.name", json!("elk-mcp")),
    ] {
        assert_eq!(line[name], expected, "{name} of {line}");
    }
    assert!(line["@timestamp"].as_str().unwrap().ends_with('Z') && line["ecs.version"].is_string(), "{line}");
    let (whole, cluster_ms) = (line["event.duration"].as_f64().unwrap(), line["elk_mcp.cluster_ms"].as_f64().unwrap());
    assert!(whole > 0.0 && cluster_ms > 0.0, "{line}");
    assert!(server.log().iter().all(|line| !line.contains(CANARY)), "{:#?}", server.log());
    assert_eq!(server.log().iter().filter(|line| line.contains("tools/call")).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_call_has_its_code_and_nothing_of_its_arguments() {
    let server = Served::start(&["--log-format", "json"]);
    let arguments = json!({"query": format!("/{CANARY}/"), CANARY: 1});
    let (text, is_error) = told(server.call("aggregate_logs", arguments).bearer_auth(&server.key).send().await.unwrap()).await;
    assert!(is_error, "{text}");
    let line = lines_of(&server, &["\"call\""]).await.remove(0);
    assert_eq!((&line["event.outcome"], &line["elk_mcp.code"]), (&json!("failure"), &json!("bad_argument")));
    assert!(server.log().iter().all(|line| !line.contains(CANARY)), "{:#?}", server.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_a_client_sends_forges_a_line() {
    let hostile = "x\r\n2026-03-25T14:00:00Z  INFO forged\u{1b}[2J\u{202e}";
    for format in ["text", "json"] {
        let server = Served::start(&["--log-format", format, "--log", "debug"]);
        let call = json!({"jsonrpc": "2.0", "id": hostile, "method": "tools/call",
            "params": {"name": hostile, "arguments": {hostile: hostile}}});
        let request = server.client.post(format!("{}/mcp", server.url)).header("accept", "application/json, text/event-stream").json(&call);
        request.bearer_auth(&server.key).send().await.unwrap();
        let (_, _) = told(server.count().bearer_auth(&server.key).send().await.unwrap()).await;
        server.logged("aggregate_logs");
        for line in server.log() {
            assert!(!line.starts_with("2026-03-25") && line.chars().all(|c| !c.is_control() && c != '\u{202e}'), "{line:?}");
            assert!(format == "text" || serde_json::from_str::<Value>(&line).is_ok(), "{line:?}");
        }
    }
}
