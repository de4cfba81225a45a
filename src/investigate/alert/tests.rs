//! Payloads in the documented shapes.

use serde_json::json;

use super::*;

fn clues(payload: &Value) -> Vec<Clue> {
    parse(payload.to_string().as_bytes()).unwrap().into_iter().map(|alert| alert.clue).collect()
}

#[track_caller]
fn check(payload: Value, source: &str, time: Option<&str>, service: Option<&str>, id: Option<&str>) {
    let clues = clues(&payload);
    let [clue] = clues.as_slice() else { panic!("{clues:?}") };
    assert_eq!(clue.source.as_deref(), Some(source));
    assert_eq!(clue.time, time.map(|time| time.parse().unwrap()));
    assert_eq!((clue.service.as_deref(), clue.id.as_deref()), (service, id));
}

#[test]
fn an_incident_of_the_generic_webhook_is_read() {
    check(
        json!({"eventType": "incident", "incidentId": "i-1", "action": "created", "priority": "HIGH", "title": "checkout fails",
            "timestamp": "2026-03-25T14:52:57.000Z", "service": "checkout", "data": {"message_id": "m-1"}}),
        "aws-devops-agent",
        Some("2026-03-25T14:52:57Z"),
        Some("checkout"),
        Some("m-1"),
    );
}

#[test]
fn datadogs_template_is_read_and_a_variable_that_was_not_filled_in_is_none() {
    let sent = |transition: &str| {
        json!({"eventType": "incident", "incidentId": "77", "action": "created", "priority": "HIGH", "title": "[Triggered] lost",
            "description": "message 7f3c21d4-9b1e-4c55-a1d2-6e0f8b7c3a94 scope=env:prod", "service": "$TAGS[service]",
            "data": {"metadata": {"monitor": "12", "transition": transition}}})
    };
    check(sent("Triggered"), "datadog", None, None, Some("7f3c21d4-9b1e-4c55-a1d2-6e0f8b7c3a94"));
    assert_eq!(clues(&sent("Recovered")), []);
}

#[test]
fn each_alert_of_a_group_is_read_but_those_that_are_over() {
    let alert = |status: &str, service: &str| {
        json!({"status": status, "labels": {"alertname": "HighErrorRate", "service": service, "severity": "page"},
            "annotations": {"summary": format!("{service} fails")}, "startsAt": "2026-03-25T14:50:00.5Z", "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus.example/graph", "fingerprint": service})
    };
    let group = |alerts: Vec<Value>| json!({"version": "4", "groupKey": "{}:{}", "status": "firing", "receiver": "elk", "alerts": alerts});
    let told = clues(&group(vec![alert("firing", "a"), alert("resolved", "b"), alert("firing", "c")]));
    let services: Vec<_> = told.iter().filter_map(|clue| clue.service.as_deref()).collect();
    assert_eq!(services, ["a", "c"]);
    assert_eq!(told[0].title.as_deref(), Some("a fails"));
    assert_eq!(clues(&group(vec![alert("resolved", "b")])), []);
}

#[test]
fn an_incident_of_pagerduty_counts_when_it_is_raised() {
    let sent = |kind: &str| {
        json!({"event": {"id": "01E", "event_type": kind, "resource_type": "incident", "occurred_at": "2026-03-25T14:53:01Z",
            "data": {"id": "PGR0VU2", "type": "incident", "title": "lost messages", "created_at": "2026-03-25T14:52:57Z", "status": "triggered",
                "service": {"id": "PF9KMXH", "type": "service_reference", "summary": "message-processor"}}}})
    };
    check(sent("incident.triggered"), "pagerduty", Some("2026-03-25T14:52:57Z"), Some("message-processor"), None);
    assert_eq!(clues(&sent("incident.resolved")), []);
    assert_eq!(clues(&sent("incident.acknowledged")), []);
}

#[test]
fn any_other_object_needs_a_time_a_service_or_an_id() {
    let deep = json!({"alert": {"fired_at": 1_774_450_377, "labels": {"app": "cart"}}});
    check(deep, "unknown", Some("2026-03-25T14:52:57Z"), Some("cart"), None);
    check(json!({"request_id": "r-1"}), "unknown", None, None, Some("r-1"));
    for payload in ["", "[]", "7", "\"x\"", "{", "\u{0}"] {
        assert_eq!(parse(payload.as_bytes()), Err(Refusal::NoJson), "{payload}");
    }
    for payload in [json!({}), json!({"title": "it is slow"}), json!({"timestamp": "soon", "service": ""})] {
        assert_eq!(parse(payload.to_string().as_bytes()), Err(Refusal::NoClue), "{payload}");
    }
}

#[test]
fn the_same_alert_has_the_same_key_and_another_has_another() {
    let key = |id: &str, time: &str| {
        let payload = json!({"eventType": "incident", "incidentId": id, "action": "created", "timestamp": time});
        parse(payload.to_string().as_bytes()).unwrap()[0].key.clone()
    };
    assert_eq!(key("1", "2026-03-25T14:52:57Z"), key("1", "2026-03-25T14:52:57.000Z"));
    assert_ne!(key("1", "2026-03-25T14:52:57Z"), key("2", "2026-03-25T14:52:57Z"));
    assert_ne!(key("1", "2026-03-25T14:52:57Z"), key("1", "2026-03-25T14:52:58Z"));
}
