//! Progress of a call: told at once, always further, never after the answer; and only to whom it is wanted.

use serde_json::{Value, json};

use crate::wire::{Ask, Events, Server, SilentCluster, counting};

fn with_token(ask: Ask) -> Ask {
    ask.meta("progressToken", json!("p-1"))
}

#[tokio::test]
async fn a_call_with_a_token_is_a_stream_of_steps_and_then_the_answer() {
    let server = Server::start(&[]);
    for ask in [Ask::modern("tools/call", counting()), Ask::legacy("tools/call", counting())] {
        let response = server.open(&with_token(ask)).await;
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        assert_eq!(response.headers()["cache-control"], "no-cache");
        let mut events = Events::of(response);
        let mut last = None;
        let answer = loop {
            let message = events.message().await;
            if message.get("id").is_some() {
                break message;
            }
            let params = &message["params"];
            assert_eq!((&message["method"], &params["progressToken"]), (&json!("notifications/progress"), &json!("p-1")), "{message}");
            assert!(params["message"].is_string(), "{message}");
            let progress = params["progress"].as_f64().unwrap();
            assert!(last.is_none_or(|last| progress > last), "{progress} after {last:?}");
            last = Some(progress);
        };
        assert!(last.unwrap() >= 3.0, "{last:?}");
        assert_eq!((&answer["id"], &answer["result"]["structuredContent"]["totals"]["matched"]), (&json!(7), &json!(10)));
        assert!(events.next().await.is_none(), "the stream ends with the answer");
    }
}

#[tokio::test]
async fn the_first_step_is_told_while_the_cluster_is_silent() {
    let mut cluster = SilentCluster::start().await;
    let server = Server::start_over(&cluster.url, &[]);
    for ask in [Ask::modern("tools/call", counting()), Ask::legacy("tools/call", counting())] {
        let mut events = Events::of(server.open(&with_token(ask)).await);
        assert_eq!(events.message().await["params"]["progress"], 0.0);
        drop(events);
        cluster.gone().await;
    }
}

#[tokio::test]
async fn whoever_takes_only_json_is_told_nothing_before_the_answer() {
    let server = Server::start(&[]);
    for ask in [Ask::modern("tools/call", counting()), Ask::legacy("tools/call", counting())] {
        let result: Value = server.result(&with_token(ask).with("accept", "application/json")).await;
        assert_eq!(result["isError"], false);
    }
}

#[tokio::test]
async fn a_call_without_a_token_that_takes_only_events_is_one_event() {
    let server = Server::start(&[]);
    for ask in [Ask::modern("tools/call", counting()), Ask::legacy("tools/call", counting())] {
        let mut events = Events::of(server.open(&ask.with("accept", "text/event-stream")).await);
        assert_eq!(events.message().await["result"]["isError"], false);
        assert!(events.next().await.is_none());
    }
}
