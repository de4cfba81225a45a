//! A call that nobody waits for ends in the cluster, too, and the log says that it was cancelled.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::wire::{Ask, Events, Server, SilentCluster, counting};

/// How long a search may outlive its call.
pub(crate) const SOON: Duration = Duration::from_millis(100);
/// Disconnects of each kind. `ELK_MCP_TEST_DISCONNECTS` sets another number.
const DISCONNECTS: usize = 5;

pub(crate) fn disconnects() -> usize {
    std::env::var("ELK_MCP_TEST_DISCONNECTS").map_or(DISCONNECTS, |count| count.parse().unwrap())
}

/// Disconnects in the middle of this call, again and again.
async fn check(ask: Ask, is_stream: bool) {
    let mut cluster = SilentCluster::start().await;
    let server = Server::start_over(&cluster.url, &["--rate-limit", "off"]);
    let mut took = Vec::new();
    for _ in 0..disconnects() {
        let left = if is_stream {
            let mut events = Events::of(server.open(&ask).await);
            if ask.body["params"]["_meta"].get("progressToken").is_some() {
                events.message().await;
            }
            cluster.asked().await;
            let left = Instant::now();
            drop(events);
            left
        } else {
            let call = server.open(&ask);
            tokio::select! {
                _ = call => panic!("nothing answers"),
                _ = cluster.asked() => Instant::now(),
            }
        };
        took.push(cluster.gone().await.saturating_duration_since(left));
        let line = server.logged_call().to_string();
        assert!(line.contains("cancelled"), "{line}");
    }
    took.sort();
    let (median, most) = (took[took.len() / 2], took[took.len() - 1]);
    println!("{} disconnects: median {median:?}, most {most:?}", took.len());
    assert!(most <= SOON, "the search ended {most:?} after its call");
}

#[tokio::test]
async fn closing_the_connection_of_a_plain_call_ends_its_search() {
    check(Ask::modern("tools/call", counting()), false).await;
}

#[tokio::test]
async fn closing_the_connection_of_a_plain_call_of_an_older_client_ends_its_search() {
    check(Ask::legacy("tools/call", counting()), false).await;
}

#[tokio::test]
async fn closing_the_stream_of_a_call_ends_its_search() {
    check(Ask::modern("tools/call", counting()).meta("progressToken", json!(1)), true).await;
}

#[tokio::test]
async fn closing_the_stream_of_an_older_clients_call_ends_its_search() {
    check(Ask::legacy("tools/call", counting()).with("accept", "text/event-stream"), true).await;
}
