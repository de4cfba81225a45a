//! Bad input: each is refused with what failed, which value, and what would work.

use elk_mcp_tools::{catalogue, error::Code};
use serde_json::{Value, json};

use crate::world::{Loaded, World, ecs};

async fn loaded(name: &'static str) -> Loaded {
    let document = json!({"@timestamp": "2026-03-25T14:10:00Z", "message": "order 17 refused", "service": {"name": "pay"}});
    World::new(name).index("a", Some(ecs()), [document]).load().await
}

fn is_published(tool: &str) -> bool {
    catalogue().iter().any(|entry| entry.name == tool)
}

#[tokio::test]
async fn every_tool_refuses_what_no_tool_takes() {
    let loaded = loaded("refused").await;
    let huge = "x".repeat(100_000);
    let many = vec![json!({"field": "service", "op": "is", "value": "pay"}); 500];
    for entry in catalogue() {
        for (arguments, code) in [
            (json!({"no_such_argument": 1}), Code::BadArgument),
            (json!({"servce": "pay"}), Code::BadArgument),
            (json!({"start": "yesterday-ish"}), Code::BadTime),
            (json!({"start": {"a": 1}}), Code::BadArgument),
            (json!({"start": "2026-03-25T15:00:00Z", "end": "2026-03-25T14:00:00Z"}), Code::BadTime),
            (json!({"start": "2016-03-25T15:00:00Z", "end": "2026-03-25T14:00:00Z"}), Code::WindowTooLarge),
            (json!({"max_tokens": -1}), Code::BadArgument),
            (json!({"max_tokens": "many"}), Code::BadArgument),
            (json!({"query": ["a", "b"]}), Code::BadArgument),
            (json!({"query": "/regex.*/"}), Code::BadQuery),
            (json!({"query": "*leading"}), Code::BadQuery),
            (json!({"query": "(open"}), Code::BadQuery),
            (json!({"query": huge}), Code::BadArgument),
            (json!({"level": "loud"}), Code::BadArgument),
            (json!({"filters": many}), Code::BadArgument),
            (json!({"filters": [{"field": "a", "op": "near", "value": 1}]}), Code::BadArgument),
            (json!({"filters": "pay"}), Code::BadArgument),
            (json!({"cluster": "other"}), Code::BadArgument),
            (json!({"index": ""}), Code::IndexNotAllowed),
        ] {
            let arguments = complete(entry.name, arguments);
            // What a tool has no use for, it does not take at all.
            let is_taken = arguments.as_object().unwrap().keys().all(|name| entry.input_schema["properties"].get(name).is_some());
            let code = if is_taken { code } else { Code::BadArgument };
            let error = loaded.refusal(entry.name, arguments.clone()).await;
            let shown: String = arguments.to_string().chars().take(200).collect();
            let is_as_expected = error.code == code || (code == Code::IndexNotAllowed && error.code == Code::BadArgument);
            assert!(is_as_expected, "{} {shown}: {}", entry.name, error.text());
            assert!(error.text().len() < 2_000, "{} {shown}: an error of {} bytes", entry.name, error.text().len());
        }
    }
}

/// With what the tool cannot do without.
fn complete(tool: &str, mut arguments: Value) -> Value {
    match tool {
        "correlate_id" => arguments["id"] = "17".into(),
        "search_by_trace_id" => arguments["trace_id"] = "4bf92f3577b34da6a3ce929d0e0e4736".into(),
        // `around` does not go with `start`.
        "get_logs_in_window" if arguments.get("start").is_none() => arguments["around"] = "2026-03-25T14:10:00Z".into(),
        _ => {}
    }
    arguments
}

#[tokio::test]
async fn an_unknown_tool_is_refused_with_the_names_of_all() {
    let loaded = loaded("unknown").await;
    for source in &loaded.sources {
        let arguments = serde_json::Map::new();
        let error =
            source.toolbox.call("drop_index", &arguments, "2026-03-25T15:00:00Z".parse().unwrap(), std::time::Duration::from_secs(9)).await;
        let error = error.unwrap_err();
        assert_eq!(error.code, Code::BadArgument);
        assert!(error.text().contains("aggregate_logs"), "{}", error.text());
    }
}

#[tokio::test]
async fn sizes_beyond_the_caps_are_errors_and_not_clamped() {
    let loaded = loaded("sizes").await;
    for (tool, argument) in
        [("search_logs", "size"), ("get_logs_in_window", "size"), ("aggregate_logs", "top"), ("get_log_patterns", "top")]
    {
        if !is_published(tool) {
            continue;
        }
        for value in [json!(-1), json!(1_000_000_000), json!(1.5), json!("many"), json!([1, 2]), json!(i64::MAX), json!(u64::MAX)] {
            let mut arguments = json!({"start": "2026-03-25T14:00:00Z"});
            arguments[argument] = value.clone();
            let error = loaded.refusal(tool, arguments).await;
            assert_eq!(error.code, Code::BadArgument, "{tool} {argument} {value}: {}", error.text());
            assert!(error.text().contains(argument), "{tool} {argument} {value}: {}", error.text());
        }
    }
}

#[tokio::test]
async fn numbers_and_lists_may_be_written_as_text() {
    let loaded = loaded("written").await;
    for arguments in [
        json!({"top": "5", "group_by": "service"}),
        json!({"top": 5, "group_by": ["service"]}),
        json!({"top": 5.0, "group_by": "service", "max_tokens": "600"}),
        json!({"group_by": "service", "start": 1_774_447_200, "end": "1774450800000"}),
        json!({"group_by": "service", "start": "1.7744472E12", "end": 1_774_450_800_000_000_000_i64}),
        json!({"group_by": "service", "around": "2026-03-25T14:10:00Z", "window": "2m"}),
        json!({"group_by": "service", "start": "2h ago"}),
    ] {
        let answer = loaded.answer("aggregate_logs", arguments.clone()).await;
        assert_eq!(answer.matched(), 1, "{arguments}: {}", answer.text);
    }
}

/// No hits is never an empty success: the clause that killed them is named.
#[tokio::test]
async fn a_zero_says_which_condition_killed_it() {
    let loaded = loaded("zero").await;
    let answer = loaded.answer("aggregate_logs", json!({"start": "2026-03-25T14:00:00Z", "service": "pya", "query": "refused"})).await;
    assert_eq!(answer.matched(), 0);
    assert!(answer.text.contains("service pya"), "{}", answer.text);
    let answer = loaded.answer("aggregate_logs", json!({"start": "2026-03-25T14:30:00Z", "query": "refused"})).await;
    assert!(answer.text.contains("14:10:00"), "{}", answer.text);
}
