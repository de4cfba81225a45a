//! Headers that show a request fewer tools.

use serde_json::json;

use crate::wire::{Ask, Server, counting};

async fn listed(server: &Server, ask: Ask) -> Vec<String> {
    let result = server.result(&ask).await;
    result["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}

fn list(headers: &[(&str, &str)]) -> Ask {
    headers.iter().fold(Ask::modern("tools/list", json!({})), |ask, (name, value)| ask.with(name, value))
}

#[tokio::test]
async fn a_request_lists_and_calls_only_what_its_headers_leave() {
    let server = Server::start(&[]);
    assert_eq!(
        listed(&server, list(&[("x-mcp-tools", "search_*,find_changes")])).await,
        ["search_logs", "search_by_trace_id", "find_changes"]
    );
    assert!(!listed(&server, list(&[("x-mcp-exclude-tools", "*_logs")])).await.contains(&"search_logs".to_owned()));
    for (header, value, passes) in
        [("x-mcp-tools", "aggregate_*", true), ("x-mcp-tools", "search_logs", false), ("x-mcp-exclude-tools", "aggregate_logs", false)]
    {
        for ask in [Ask::modern("tools/call", counting()), Ask::legacy("tools/call", counting())] {
            let reply = server.ask(&ask.with(header, value)).await;
            match passes {
                true => assert_eq!(reply.json()["result"]["isError"], false, "{}", reply.text),
                false => reply.refuses(200, -32602, header),
            }
        }
    }
}

#[tokio::test]
async fn headers_never_show_what_the_operator_hides() {
    let server = Server::start(&["--disable-tools", "find_changes"]);
    assert!(listed(&server, list(&[("x-mcp-tools", "find_changes")])).await.is_empty());
    let mut hidden = Ask::modern("tools/call", json!({"name": "find_changes", "arguments": {}})).with("x-mcp-tools", "find_changes");
    server.ask(&hidden).await.refuses(200, -32602, "a hidden tool");
    hidden = list(&[("x-mcp-exclude-tools", "find_changes")]);
    assert_eq!(server.ask(&hidden).await.status, 200, "a client may name what this server hides");
}

#[tokio::test]
async fn a_name_of_no_tool_is_refused_by_name() {
    let server = Server::start(&[]);
    let reply = server.ask(&list(&[("x-mcp-exclude-tools", "serach_logs")])).await;
    reply.refuses(200, -32602, "no tool");
    assert!(reply.text.contains("X-MCP-Exclude-Tools names `serach_logs`"), "{}", reply.text);
}
