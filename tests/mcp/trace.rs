//! The caller's trace goes on in the cluster; the caller's credential does not.

use serde_json::json;

use crate::wire::{Ask, Server, SilentCluster, counting};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// The headers that a call's first request to the cluster has.
async fn upstream(ask: Ask) -> Vec<String> {
    let mut cluster = SilentCluster::start().await;
    let server = Server::start_over(&cluster.url, &[]);
    let call = server.open(&ask);
    let head = tokio::select! {
        _ = call => panic!("nothing answers"),
        asked = cluster.asked() => asked,
    };
    assert!(!head.contains(&server.key) && !head.to_lowercase().contains("canary"), "{head}");
    head.lines().map(str::to_owned).collect()
}

fn header<'a>(lines: &'a [String], name: &str) -> Option<&'a str> {
    lines.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[tokio::test]
async fn the_trace_in_meta_is_continued() {
    let ask = Ask::modern("tools/call", counting())
        .meta("traceparent", json!(format!("00-{TRACE}-{PARENT}-01")))
        .meta("tracestate", json!("vendor=opaque"))
        .meta("baggage", json!("team=pay"))
        .with("traceparent", "00-11111111111111111111111111111111-2222222222222222-01")
        .with("x-api-key", "canary")
        .with("cookie", "canary=1");
    // Two keys are none: this one goes by its header alone.
    let lines = upstream(ask.without("x-api-key")).await;
    let parent = header(&lines, "traceparent").unwrap();
    assert!(parent.starts_with(&format!("00-{TRACE}-")) && parent.ends_with("-01") && !parent.contains(PARENT), "{parent}");
    assert_eq!((header(&lines, "tracestate"), header(&lines, "baggage")), (Some("vendor=opaque"), Some("team=pay")));
}

#[tokio::test]
async fn the_header_counts_where_meta_has_none() {
    let ask = Ask::legacy("tools/call", counting()).with("traceparent", &format!("00-{TRACE}-{PARENT}-00"));
    let lines = upstream(ask).await;
    let parent = header(&lines, "traceparent").unwrap();
    assert!(parent.starts_with(&format!("00-{TRACE}-")) && parent.ends_with("-00"), "{parent}");
    assert_eq!((header(&lines, "tracestate"), header(&lines, "baggage")), (None, None));
}

#[tokio::test]
async fn what_is_no_trace_is_replaced_by_one_of_its_own() {
    let broken = Ask::modern("tools/call", counting()).meta("traceparent", json!(format!("00-{TRACE}-{PARENT}-01-canary")));
    let lines = upstream(broken).await;
    let parent = header(&lines, "traceparent").unwrap();
    assert!(parent.len() == 55 && !parent.contains(TRACE), "{parent}");
}
