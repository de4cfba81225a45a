//! What the tool asks, and how it tells what came back.

use serde_json::{Value, json};

use crate::testing::{Played, hit, play, reply};

const FIELDS: &[(&str, &str)] = &[
    ("@timestamp", "date"),
    ("message", "text"),
    ("service.name", "keyword"),
    ("service.version", "keyword"),
    ("kubernetes.pod.name", "keyword"),
    ("container.image.name", "keyword"),
    ("container.image.tag", "keyword"),
    ("url.path", "keyword"),
    ("event.action", "keyword"),
    ("event.provider", "keyword"),
    ("user.name", "keyword"),
    ("aws.cloudtrail.request_parameters", "keyword"),
];

/// Milliseconds since the epoch of a time on the day of the tests.
fn at(time: &str) -> i64 {
    format!("2026-03-25T{time}Z").parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

fn bucket(key: &str, count: u64, first: &str, last: &str) -> Value {
    json!({"key": key, "doc_count": count, "first": {"value": at(first)}, "last": {"value": at(last)},
        "service": {"buckets": [{"key": "web", "doc_count": count}]}})
}

fn rollout() -> Value {
    let pods = [
        bucket("web-aaa-1", 500, "13:00:03", "14:39:11"),
        bucket("web-aaa-2", 500, "13:00:04", "14:40:04"),
        bucket("web-bbb-x", 5, "14:38:09", "14:38:50"),
        bucket("web-bbb-1", 90, "14:38:52", "14:59:58"),
        bucket("web-bbb-2", 90, "14:39:47", "14:59:57"),
        bucket("worker-ccc-1", 5, "13:07:00", "14:35:00"),
    ];
    let tags = json!([bucket("v41", 1_000, "13:00:03", "14:40:04"), bucket("v42", 185, "14:38:09", "14:59:58")]);
    json!({
        "service": {"buckets": [bucket("web", 1_185, "13:00:03", "14:59:58")]},
        "pod": {"buckets": pods},
        "image": {"buckets": [{"key": "registry/web", "doc_count": 1_185, "tag": {"buckets": tags}}]},
        "version": {"buckets": [{"key": "web", "doc_count": 1_185, "version": {"buckets": tags}}]},
        "endpoint": {"buckets": [bucket("/health", 900, "13:00:03", "14:59:58"), bucket("/alert", 200, "14:41:10", "14:59:50")]},
    })
}

fn events() -> Vec<Value> {
    let event = |id, action, parameters| {
        hit(
            id,
            json!({"@timestamp": "2026-03-25T14:36:12.000Z", "event.action": action, "event.provider": "ecr.amazonaws.com",
            "user.name": "ci-deploy", "aws.cloudtrail.request_parameters": parameters}),
        )
    };
    vec![event("1", "PutImage", "{registryId=1, repositoryName=web, imageTag=v42, imageManifest={}}")]
}

fn incident(arguments: Value) -> Played {
    play("find_changes", arguments, FIELDS, [reply(1_185, vec![], rollout()), reply(1, events(), json!({}))])
}

#[test]
fn a_rolling_deployment_is_told_with_the_push_that_brought_it() {
    insta::assert_snapshot!(incident(json!({})).text(), @"
    rolling deployment of web 14:38:09–14:40:04Z: 2 pods gone, 1 lived under a minute, 2 new, image v41 → v42, version v41 → v42; 14:36:12Z PutImage web:v42 by ci-deploy; pod +3 −3; endpoint +1 −0
    window 2026-03-25T14:00:00Z/2026-03-25T15:00:00Z
    time (2026-03-25T14:…Z)	kind	change	value	field	evidence
    36:12	cloudtrail	event	PutImage	event.action	web:v42 by ci-deploy in ecr
    38:09	deployment	replaced	web	kubernetes.pod.name	14:38:09–14:40:04Z: 2 pods gone, 1 lived under a minute, 2 new, image v41 → v42, version v41 → v42; PutImage web:v42 at 14:36:12Z
    38:09	image	replaced	registry/web:v41 → web:v42	container.image.name:container.image.tag	web, old one last seen 14:40:04Z
    38:09	version	replaced	v41 → v42	service.version	web, old one last seen 14:40:04Z
    38:09	pod	appeared	web-bbb-x	kubernetes.pod.name	web, 5 documents, lived 41 s
    38:50	pod	vanished	web-bbb-x	kubernetes.pod.name	web, 5 documents, lived 41 s
    38:52	pod	appeared	web-bbb-1	kubernetes.pod.name	web, 90 documents
    39:11	pod	vanished	web-aaa-1	kubernetes.pod.name	web, 500 documents
    39:47	pod	appeared	web-bbb-2	kubernetes.pod.name	web, 90 documents
    40:04	pod	vanished	web-aaa-2	kubernetes.pod.name	web, 500 documents
    41:10	endpoint	appeared	/alert	url.path	web, 200 documents
    note: no onset of errors or slowness stands out: how close a change lies to it is not weighed
    next: get_service_overview group_by=path service=web start=2026-03-25T14:40:04Z end=2026-03-25T15:00:00Z — which endpoints fail since the deployment
    ");
}

/// The rollout, and requests step by step of which failed as many in 60 before and in 30 after 14:40.
fn incident_with(before: u64, after: u64) -> Value {
    let steps: Vec<Value> = (0..90)
        .map(|step: u64| {
            let failed = if step >= 60 { after } else { before + step % 2 };
            let service = json!({"buckets": [{"key": "web", "doc_count": failed}, {"key": "mail", "doc_count": 1}]});
            json!({"key": at("13:40:00") + 60_000 * step as i64, "doc_count": 50, "errors": {"doc_count": failed, "service": service}})
        })
        .collect();
    let mut results = rollout();
    results["steps"] = json!({"buckets": steps});
    let fields: Vec<_> = FIELDS.iter().copied().chain([("log.level", "keyword")]).collect();
    play("find_changes", json!({}), &fields, [reply(1_185, vec![], results), reply(1, events(), json!({}))]).structured()
}

#[test]
fn changes_are_scored_by_how_close_before_the_onset_they_lie_and_whom_they_touch() {
    let answer = incident_with(1, 15);
    assert_eq!(answer["onset"]["time"], "2026-03-25T14:40:00Z", "{answer}");
    assert_eq!(
        (&answer["onset"]["earliest"], &answer["onset"]["latest"]),
        (&json!("2026-03-25T14:39:00Z"), &json!("2026-03-25T14:41:00Z"))
    );
    assert_eq!(answer["onset"]["services"], json!(["web"]));
    let columns = answer["columns"].as_array().unwrap();
    let at = |name: &str| columns.iter().position(|column| column == name).unwrap();
    let of = |kind: &str, change: &str| {
        let rows = answer["rows"].as_array().unwrap();
        let row = rows.iter().find(|row| row[at("kind")] == kind && row[at("change")] == change).unwrap();
        (row[at("lead_s")].as_i64().unwrap(), row[at("score")].as_f64())
    };
    let (deployed, pushed, endpoint) = (of("deployment", "replaced"), of("cloudtrail", "event"), of("endpoint", "appeared"));
    assert_eq!(deployed.0, 0);
    assert_eq!(pushed.0, 168);
    assert!(deployed.1 > pushed.1 && pushed.1 > Some(1.0), "{answer}");
    // It came after the onset.
    assert_eq!((endpoint.0, endpoint.1), (-70, None));
    assert!(answer["summary"].as_str().unwrap().contains("least by chance: deployment web replaced, at the onset"), "{answer}");
}

#[test]
fn without_an_onset_nothing_is_scored_and_that_is_said() {
    let answer = incident_with(1, 1);
    assert_eq!(answer["onset"], Value::Null);
    assert!(!answer["columns"].as_array().unwrap().contains(&json!("score")));
    assert!(answer["notes"].to_string().contains("no onset"), "{answer}");
}

#[test]
fn one_round_trip_looks_beyond_the_window_on_both_sides() {
    let played = incident(json!({"kinds": "pods,events", "service": "web"}));
    assert_eq!(played.sent.len(), 2);
    insta::assert_snapshot!(played.sent[0], @r#"{"aggs":{"pod":{"aggs":{"first":{"min":{"field":"@timestamp"}},"last":{"max":{"field":"@timestamp"}},"service":{"terms":{"field":"service.name","size":1}}},"terms":{"field":"kubernetes.pod.name","size":500}}},"query":{"bool":{"filter":[{"range":{"@timestamp":{"format":"strict_date_optional_time_nanos","gte":"2026-03-25T13:00:00Z","lt":"2026-03-25T16:00:00Z"}}},{"term":{"service.name":{"value":"web"}}}]}},"size":0,"track_total_hits":10000}"#);
    insta::assert_snapshot!(played.sent[1], @r#"{"_source":false,"fields":[{"field":"@timestamp","format":"strict_date_optional_time_nanos"},"event.action","event.provider","user.name","aws.cloudtrail.request_parameters"],"query":{"bool":{"filter":[{"range":{"@timestamp":{"format":"strict_date_optional_time_nanos","gte":"2026-03-25T14:00:00Z","lt":"2026-03-25T15:00:00Z"}}},{"bool":{"filter":[{"bool":{"minimum_should_match":1,"should":[{"prefix":{"event.action":{"value":"Put"}}},{"prefix":{"event.action":{"value":"Create"}}},{"prefix":{"event.action":{"value":"Update"}}},{"prefix":{"event.action":{"value":"Delete"}}},{"prefix":{"event.action":{"value":"Modify"}}},{"prefix":{"event.action":{"value":"Run"}}},{"prefix":{"event.action":{"value":"Start"}}},{"prefix":{"event.action":{"value":"Stop"}}},{"prefix":{"event.action":{"value":"Terminate"}}},{"prefix":{"event.action":{"value":"Reboot"}}},{"prefix":{"event.action":{"value":"Register"}}},{"prefix":{"event.action":{"value":"Deregister"}}},{"prefix":{"event.action":{"value":"Attach"}}},{"prefix":{"event.action":{"value":"Detach"}}},{"prefix":{"event.action":{"value":"Associate"}}},{"prefix":{"event.action":{"value":"Disassociate"}}},{"prefix":{"event.action":{"value":"Set"}}},{"prefix":{"event.action":{"value":"Enable"}}},{"prefix":{"event.action":{"value":"Disable"}}},{"prefix":{"event.action":{"value":"Restore"}}},{"prefix":{"event.action":{"value":"Authorize"}}},{"prefix":{"event.action":{"value":"Revoke"}}},{"prefix":{"event.action":{"value":"Add"}}},{"prefix":{"event.action":{"value":"Remove"}}},{"prefix":{"event.action":{"value":"Rollback"}}},{"prefix":{"event.action":{"value":"Execute"}}},{"terms":{"event.action":["create","update","patch","delete","deletecollection"]}}]}},{"exists":{"field":"event.provider"}},{"bool":{"must_not":[{"terms":{"event.provider":["leases","events","endpoints","endpointslices","tokenreviews","subjectaccessreviews","selfsubjectaccessreviews","nodes"]}}]}}]}}]}},"size":200,"sort":[{"@timestamp":{"missing":"_last","numeric_type":"date_nanos","order":"desc","unmapped_type":"date_nanos"}},{"_seq_no":{"order":"desc"}}],"track_total_hits":10000}"#);
}

#[test]
fn only_the_wanted_kinds_are_told() {
    let answer = incident(json!({"kinds": ["deployment", "cloudtrail"]})).structured();
    let kinds: Vec<&Value> = answer["rows"].as_array().unwrap().iter().map(|row| &row[1]).collect();
    assert_eq!(kinds, [&json!("cloudtrail"), &json!("deployment")]);
}

#[test]
fn where_not_all_fits_pods_are_left_out_first() {
    let answer = incident(json!({"max_tokens": 500})).structured();
    let rows = answer["rows"].as_array().unwrap();
    assert!(rows.iter().any(|row| row.as_array().unwrap().contains(&json!("deployment"))), "{answer}");
    assert!(answer["truncated"]["left"].as_u64().unwrap() > 0);
}

/// What an audit log in other fields leads to: the row of its event.
fn check_audit(fields: &[(&str, &str)], event: Value, row: Value) {
    let fields: Vec<(&str, &str)> = [("@timestamp", "date")].into_iter().chain(fields.iter().copied()).collect();
    let played = play("find_changes", json!({}), &fields, [reply(1, vec![], json!({})), reply(1, vec![hit("1", event)], json!({}))]);
    assert_eq!(played.structured()["rows"][0], row, "{}", played.text());
}

#[test]
fn raw_cloudtrail_is_read() {
    let fields = [
        ("eventName", "keyword"),
        ("eventSource", "keyword"),
        ("userIdentity.arn", "keyword"),
        ("requestParameters.repositoryName", "keyword"),
        ("requestParameters.nodegroupName", "keyword"),
        ("requestParameters.imageTag", "keyword"),
    ];
    let event = json!({"@timestamp": "2026-03-25T14:36:12Z", "eventName": "PutImage", "eventSource": "ecr.amazonaws.com",
        "userIdentity.arn": "arn:aws:iam::1:user/ci", "requestParameters.repositoryName": "web", "requestParameters.imageTag": "v42"});
    let row = json!(["2026-03-25T14:36:12Z", "cloudtrail", "event", "PutImage", "eventName", "web:v42 by ci in ecr"]);
    check_audit(&fields, event, row);
}

#[test]
fn kubernetes_audit_events_are_read() {
    let fields = [("verb", "keyword"), ("objectRef.resource", "keyword"), ("objectRef.name", "keyword"), ("user.username", "keyword")];
    let event = json!({"@timestamp": "2026-03-25T14:38:00Z", "verb": "patch", "objectRef.resource": "deployments",
        "objectRef.name": "web", "user.username": "argocd"});
    let row = json!(["2026-03-25T14:38:00Z", "kubernetes", "event", "patch", "verb", "deployments/web by argocd"]);
    check_audit(&fields, event, row);
}

#[test]
fn an_unknown_kind_is_refused_with_the_valid_ones() {
    let played = play("find_changes", json!({"kinds": "moods"}), FIELDS, []);
    assert!(played.error().text().contains("pod"), "{}", played.error().text());
}
