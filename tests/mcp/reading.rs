//! Resources, prompts and completions.

use serde_json::{Value, json};

use crate::wire::{Ask, Server, SilentCluster};

async fn read(server: &Server, uri: &str) -> String {
    let result = server.result(&Ask::modern("resources/read", json!({"uri": uri}))).await;
    assert_eq!(result["contents"][0]["uri"], uri);
    result["contents"][0]["text"].as_str().unwrap().to_owned()
}

async fn names(server: &Server, ask: Ask, list: &str, key: &str) -> Vec<String> {
    let result = server.result(&ask).await;
    result[list].as_array().unwrap().iter().map(|item| item[key].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn every_resource_that_is_listed_can_be_read() {
    let server = Server::start(&[]);
    let uris = names(&server, Ask::modern("resources/list", json!({})), "resources", "uri").await;
    assert_eq!(uris, ["elk://indices", "elk://fields", "elk://limits", "elk://query-help"]);
    for uri in &uris {
        assert!(read(&server, uri).await.len() > 100, "{uri}");
    }
    assert!(read(&server, "elk://indices").await.contains("app-logs"));
    assert!(read(&server, "elk://limits").await.contains("search_logs size: 1 to 500, 50 by default"));
    assert!(read(&server, "elk://query-help").await.contains("```query"));
    assert!(read(&server, "elk://fields/app-%2A").await.contains("service.name"));
    assert!(read(&server, "elk://fields/app-logs/service").await.contains("checkout"));
    let old = server.result(&Ask::legacy("resources/read", json!({"uri": "elk://limits"}))).await;
    assert!(old["contents"][0]["text"].is_string() && old.get("resultType").is_none(), "{old}");
}

#[tokio::test]
async fn a_resource_that_is_not_there_is_refused_in_the_words_of_each_era() {
    let server = Server::start(&["--disable-tools", "list_indices"]);
    for uri in ["elk://nothing", "file:///etc/passwd", "elk://indices"] {
        server.ask(&Ask::modern("resources/read", json!({"uri": uri}))).await.refuses(200, -32602, uri);
        server.ask(&Ask::legacy("resources/read", json!({"uri": uri}))).await.refuses(200, -32002, uri);
    }
    let refused = server.ask(&Ask::modern("resources/read", json!({"uri": "elk://fields/no-such-index"}))).await;
    refused.refuses(200, -32603, "an index that is not there");
    assert!(refused.text.contains("unknown_index"), "{}", refused.text);
}

#[tokio::test]
async fn a_prompt_is_filled_in() {
    let server = Server::start(&[]);
    let listed = names(&server, Ask::modern("prompts/list", json!({})), "prompts", "name").await;
    assert_eq!(listed, ["investigate_alert", "trace_message", "postmortem_timeline"]);
    let arguments = json!({"alert": "message 7f3c21d4 was never delivered", "id": "7f3c21d4", "time": "2026-03-25T14:52:57Z"});
    let get = |arguments: &Value| Ask::modern("prompts/get", json!({"name": "investigate_alert", "arguments": arguments}));
    let result = server.result(&get(&arguments)).await;
    let text = result["messages"][0]["content"]["text"].as_str().unwrap();
    assert!(text.contains("> message 7f3c21d4 was never delivered\n"), "{text}");
    assert!(text.contains(r#"`correlate_id {"around":"2026-03-25T14:52:57Z","id":"7f3c21d4","window":"6h"}`"#), "{text}");
    server.ask(&get(&json!({}))).await.refuses(200, -32602, "no alert");
    server.ask(&Ask::modern("prompts/get", json!({"name": "no_such_prompt"}))).await.refuses(200, -32602, "no such prompt");
    let narrow = server.result(&get(&arguments).with("x-mcp-exclude-tools", "correlate_id")).await;
    assert!(!narrow.to_string().contains("correlate_id"), "{narrow}");
}

async fn offered(server: &Server, reference: Value, argument: &str, typed: &str) -> Value {
    let params = json!({"ref": reference, "argument": {"name": argument, "value": typed}});
    server.result(&Ask::modern("completion/complete", params)).await["completion"]["values"].clone()
}

#[tokio::test]
async fn what_is_typed_is_completed_from_what_there_is() {
    let server = Server::start(&[]);
    let prompt = |name: &str| json!({"type": "ref/prompt", "name": name});
    let field = json!({"type": "ref/resource", "uri": "elk://fields/{index}/{field}"});
    for _ in 0..2 {
        assert_eq!(offered(&server, prompt("investigate_alert"), "service", "c").await, json!(["checkout", "cart"]));
        assert_eq!(offered(&server, prompt("investigate_alert"), "service", "CAR").await, json!(["cart"]));
        assert_eq!(offered(&server, prompt("postmortem_timeline"), "index", "logs").await, json!(["app-logs"]));
        assert_eq!(offered(&server, prompt("postmortem_timeline"), "level", "err").await, json!(["error", "error+"]));
        assert_eq!(offered(&server, field.clone(), "field", "serv").await, json!(["service", "service.name"]));
        assert_eq!(offered(&server, prompt("investigate_alert"), "alert", "a").await, json!([]));
    }
    let nothing = json!({"ref": prompt("no_such_prompt"), "argument": {"name": "service", "value": ""}});
    server.ask(&Ask::modern("completion/complete", nothing)).await.refuses(200, -32602, "no such prompt");
}

#[tokio::test]
async fn a_completion_that_nobody_waits_for_ends_its_search() {
    let mut cluster = SilentCluster::start().await;
    let server = Server::start_over(&cluster.url, &[]);
    let params = json!({"ref": {"type": "ref/prompt", "name": "trace_message"}, "argument": {"name": "index", "value": ""}});
    let ask = Ask::modern("completion/complete", params);
    tokio::select! {
        _ = server.ask(&ask) => panic!("nothing answers"),
        _ = cluster.asked() => {}
    }
    cluster.gone().await;
}
