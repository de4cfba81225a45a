//! The lists: the same bytes each time, and no larger than a model can afford.

use serde_json::json;

use crate::wire::{Ask, Server};

/// Of the whole answer to `tools/list`, output schemas included.
const MOST_BYTES: usize = 28_000;

#[tokio::test]
async fn every_list_is_the_same_bytes_each_time() {
    let server = Server::start(&[]);
    for method in ["server/discover", "tools/list", "resources/list", "resources/templates/list", "prompts/list"] {
        let first = server.ask(&Ask::modern(method, json!({}))).await.text;
        for _ in 0..20 {
            assert_eq!(server.ask(&Ask::modern(method, json!({}))).await.text, first, "{method}");
        }
    }
}

#[tokio::test]
async fn the_catalogue_on_the_wire_costs_a_model_little() {
    let list = Server::start(&[]).ask(&Ask::modern("tools/list", json!({}))).await;
    assert!(list.text.len() <= MOST_BYTES, "{} bytes", list.text.len());
}

#[tokio::test]
async fn the_instructions_are_short_and_name_the_path() {
    let result = Server::start(&[]).result(&Ask::modern("server/discover", json!({}))).await;
    let instructions = result["instructions"].as_str().unwrap();
    assert!(instructions.len().div_ceil(3) < 300, "{} bytes", instructions.len());
    let mut rest = instructions;
    for tool in ["correlate_id", "search_by_trace_id", "get_service_overview", "find_changes", "compare_windows"] {
        rest = rest.split_once(tool).unwrap_or_else(|| panic!("{tool} in its place: {instructions}")).1;
    }
}
