//! Kubernetes' own events as changes, in the shapes in which they are shipped.

use serde_json::{Value, json};

use crate::{
    answers::text,
    world::{World, ecs},
};

const START: &str = "2026-03-25T14:00:00Z";
const END: &str = "2026-03-25T15:00:00Z";

/// An event: when, why, about what, and its words.
struct Event {
    time: String,
    reason: &'static str,
    kind: &'static str,
    name: String,
    message: &'static str,
}

/// A rollout at 14:30 whose new pods are killed; a job that comes every ten minutes and a probe that fails as on any day.
fn events() -> Vec<Event> {
    let event = |time: &str, reason, kind, name: &str, message| Event {
        time: format!("2026-03-25T{time}Z"),
        reason,
        kind,
        name: name.to_owned(),
        message,
    };
    let mut events = vec![
        event("14:30:00", "ScalingReplicaSet", "Deployment", "cart", "Scaled up replica set cart-6d5b9f7c88 to 2"),
        event("14:30:02", "Scheduled", "Pod", "cart-6d5b9f7c88-abc12", "Successfully assigned shop/cart to node-1"),
        event("14:30:05", "Pulled", "Pod", "cart-6d5b9f7c88-abc12", "Successfully pulled image cart:v9"),
        event("14:30:06", "Pulled", "Pod", "cart-6d5b9f7c88-xyz34", "Successfully pulled image cart:v9"),
        event("14:31:00", "OOMKilling", "Pod", "cart-6d5b9f7c88-abc12", "Memory cgroup out of memory"),
        event("14:50:00", "FailedScheduling", "Pod", "mail-77c9d8f5b4-k2j3h", "0/3 nodes are available: 3 Insufficient memory."),
    ];
    for minute in 0..12 {
        events.push(event(
            &format!("14:{}:30", 32 + minute),
            "BackOff",
            "Pod",
            "cart-6d5b9f7c88-abc12",
            "Back-off restarting failed container",
        ));
    }
    for step in 0..12 {
        let time = format!("{}:{:02}:10", 13 + step / 6, step % 6 * 10);
        events.push(event(&time, "Unhealthy", "Pod", "web-5f4d8c7b66-q9w8e", "Readiness probe failed"));
        events.push(event(&time, "SawCompletedJob", "CronJob", "cleanup", "Saw completed job"));
    }
    events
}

/// A service that fails from 14:31 on.
fn lines() -> Vec<Value> {
    (0..720)
        .map(|n: usize| {
            let (hour, minute, second) = (13 + n / 360, n / 6 % 60, n % 6 * 10);
            let failed = n >= 360 + 31 * 6 && n.is_multiple_of(2);
            json!({"@timestamp": format!("2026-03-25T{hour}:{minute:02}:{second:02}Z"), "message": if failed { "connection lost" } else { "done" },
                "log": {"level": if failed { "ERROR" } else { "INFO" }}, "service": {"name": if failed { "cart" } else { "web" }}})
        })
        .collect()
}

async fn check(world: &'static str, mapping: Value, shape: impl Fn(&Event) -> Value) {
    let events: Vec<Value> = events().iter().map(shape).collect();
    let loaded = World::new(world).index("app", Some(ecs()), lines()).index("events", Some(mapping), events).load().await;
    let answer = loaded.answer("find_changes", json!({"start": START, "end": END, "kinds": ["kubernetes_event"]})).await;
    let rows: Vec<String> = answer
        .rows()
        .iter()
        .map(|row| format!("{} {} {}", &text(&row["time"])[11..19], text(&row["value"]), text(&row["evidence"])))
        .collect();
    let expected = [
        "14:30:00 ScalingReplicaSet Deployment/cart: Scaled up replica set cart-6d5b9f7c88 to 2",
        "14:30:05 Pulled Pod/cart-6d5b9f7c88-abc12 and 1 more: Successfully pulled image cart:v9; 2 times until 14:30:06Z",
        "14:31:00 OOMKilling Pod/cart-6d5b9f7c88-abc12: Memory cgroup out of memory",
        "14:32:30 BackOff Pod/cart-6d5b9f7c88-abc12: Back-off restarting failed container; 12 times until 14:43:30Z",
        "14:50:00 FailedScheduling Pod/mail-77c9d8f5b4-k2j3h: 0/3 nodes are available: 3 Insufficient memory.",
    ];
    assert_eq!(rows, expected, "{}", answer.text);
    assert!(answer.text.contains("1 kinds of Kubernetes events go on as before"), "{}", answer.text);
    // What lies closest before the onset is scored highest, what came after it not at all.
    let score = |reason: &str| answer.rows().iter().find(|row| row["value"] == reason).and_then(|row| row["score"].as_f64());
    assert!(score("OOMKilling") >= score("ScalingReplicaSet") && score("ScalingReplicaSet") > Some(0.5), "{}", answer.text);
    assert_eq!(score("FailedScheduling"), None, "{}", answer.text);
}

#[tokio::test]
async fn events_as_beats_ship_them_are_changes() {
    let mapping = json!({"properties": {
        "@timestamp": {"type": "date"},
        "message": {"type": "text"},
        "kubernetes": {"properties": {"event": {"properties": {
            "reason": {"type": "keyword"},
            "count": {"type": "long"},
            "involved_object": {"properties": {"kind": {"type": "keyword"}, "name": {"type": "keyword"}}},
        }}}},
    }});
    let shape = |event: &Event| {
        json!({"@timestamp": event.time, "message": event.message, "kubernetes": {"event": {"reason": event.reason, "count": 1,
            "involved_object": {"kind": event.kind, "name": event.name}}}})
    };
    check("beats-events", mapping, shape).await;
}

#[tokio::test]
async fn events_as_a_collector_ships_them_are_changes() {
    let mapping = json!({"properties": {
        "@timestamp": {"type": "date"},
        "body": {"properties": {"text": {"type": "text"}}},
        "attributes": {"properties": {"k8s": {"properties": {"event": {"properties": {"reason": {"type": "keyword"}}}}}}},
        "resource": {"properties": {"attributes": {"properties": {"k8s": {"properties": {
            "object": {"properties": {"kind": {"type": "keyword"}, "name": {"type": "keyword"}}},
        }}}}}},
    }});
    let shape = |event: &Event| {
        json!({"@timestamp": event.time, "body": {"text": event.message}, "attributes": {"k8s": {"event": {"reason": event.reason}}},
            "resource": {"attributes": {"k8s": {"object": {"kind": event.kind, "name": event.name}}}}})
    };
    check("collector-events", mapping, shape).await;
}

#[tokio::test]
async fn events_as_they_are_are_changes() {
    let mapping = json!({"properties": {
        "@timestamp": {"type": "date"},
        "message": {"type": "text"},
        "reason": {"type": "keyword"},
        "involvedObject": {"properties": {"kind": {"type": "keyword"}, "name": {"type": "keyword"}}},
    }});
    let shape = |event: &Event| {
        json!({"@timestamp": event.time, "message": event.message, "reason": event.reason,
            "involvedObject": {"kind": event.kind, "name": event.name}})
    };
    check("plain-events", mapping, shape).await;
}
