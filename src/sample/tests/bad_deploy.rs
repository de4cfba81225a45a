//! The default scenario: a new version that drops messages.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{status, text, time};
use crate::sample::{CLOUDTRAIL, LOGS, Scenario};

static LOG_LINES: LazyLock<Vec<Value>> = LazyLock::new(|| parsed(LOGS.name));
static EVENTS: LazyLock<Vec<Value>> = LazyLock::new(|| parsed(CLOUDTRAIL.name));

fn parsed(index: &str) -> Vec<Value> {
    let documents = Scenario::BadDeploy.documents().filter(|(name, _)| *name == index);
    documents.map(|(_, json)| serde_json::from_str(&json).unwrap()).collect()
}

fn message_id() -> String {
    Scenario::BadDeploy.alert().message_id().unwrap()
}

fn alert_time() -> String {
    Scenario::BadDeploy.alert().time()
}

fn requests<'a>(service: &'a str, path: &'a str) -> impl Iterator<Item = &'a Value> {
    LOG_LINES.iter().filter(move |line| text(line, "/service/name") == service && text(line, "/url/path") == path)
}

fn second(document: &Value) -> jiff::Timestamp {
    time(document).parse().unwrap()
}

#[test]
fn thirty_thousand_documents_fill_three_hours() {
    let count = LOG_LINES.len() + EVENTS.len();
    assert!((29_000..31_000).contains(&count), "{count}");
    assert!(EVENTS.len() > 800, "{}", EVENTS.len());
    for list in [&*LOG_LINES, &*EVENTS] {
        assert!(time(&list[0]) < "2026-03-25T12:01" && time(list.last().unwrap()) > "2026-03-25T14:59");
        assert!(list.iter().all(|document| ("2026-03-25T12:00".."2026-03-25T15:01").contains(&time(document))));
    }
}

#[test]
fn its_documents_are_the_same_in_every_version() {
    let mut hash = Sha256::new();
    for (index, document) in Scenario::BadDeploy.documents() {
        hash.update(format!("{index}\t{document}\n"));
    }
    let hash: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hash, "58804dfd998c6bdc");
}

#[test]
fn the_lost_message_leads_to_one_trace() {
    assert!(message_id().starts_with("7f3c21d4-"));
    let lines: Vec<&Value> = LOG_LINES.iter().filter(|line| text(line, "/message_id") == message_id()).collect();
    assert_eq!(lines.len(), 2);
    assert!(lines.iter().all(|line| text(line, "/service/name") == "ingest-gateway" && time(line) < alert_time().as_str()));
    // The processor never learns the id.
    assert!(LOG_LINES.iter().all(|line| text(line, "/message_id").is_empty() || text(line, "/service/name") == "ingest-gateway"));

    let trace = text(lines[0], "/trace/id");
    let whole: Vec<&Value> = LOG_LINES.iter().filter(|line| text(line, "/trace/id") == trace).collect();
    let last = whole.last().unwrap();
    assert_eq!((whole.len(), text(last, "/service/name"), text(last, "/url/path"), status(last)), (3, "message-processor", "/alert", 404));
    assert_eq!((text(last, "/log/level"), text(last, "/parent/id")), ("INFO", text(lines[0], "/span/id")));
}

#[test]
fn alert_has_never_been_answered_well_and_the_other_endpoints_always() {
    let alerts: Vec<&Value> = requests("message-processor", "/alert").collect();
    assert!(alerts.len() > 100, "{}", alerts.len());
    assert!(alerts.iter().all(|line| status(line) == 404 && text(line, "/log/level") == "INFO"));
    assert!(alerts.iter().all(|line| (2_000_000..4_000_000).contains(&line.pointer("/event/duration").unwrap().as_u64().unwrap())));
    assert!(time(alerts[0]) > "2026-03-25T14:41:10");
    for path in ["/health", "/metrics", "/process"] {
        let all: Vec<&Value> = requests("message-processor", path).collect();
        assert!(all.len() > 500 && all.iter().all(|line| status(line) == 200), "{path}: {}", all.len());
    }
    assert!(LOG_LINES.iter().all(|line| text(line, "/service/name") != "message-processor" || text(line, "/log/level") == "INFO"));
}

#[test]
fn alerts_were_delivered_until_the_new_version() {
    let delivered: Vec<&Value> = requests("notification-service", "/notify").collect();
    assert!(delivered.len() > 500);
    assert!(time(delivered.last().unwrap()) < "2026-03-25T14:41:11");
}

#[test]
fn the_deployment_replaces_three_pods_while_two_flicker() {
    let mut lives: BTreeMap<&str, (jiff::Timestamp, jiff::Timestamp, &str)> = BTreeMap::new();
    for line in LOG_LINES.iter().filter(|line| text(line, "/service/name") == "message-processor") {
        let (now, tag) = (second(line), text(line, "/container/image/tag"));
        let life = lives.entry(text(line, "/kubernetes/pod/name")).or_insert((now, now, tag));
        life.1 = now;
        assert_eq!((tag, text(line, "/service/version")), (life.2, life.2));
    }
    assert_eq!(lives.len(), 8);
    let minute = |from: &str, to: &str| from.parse::<jiff::Timestamp>().unwrap()..to.parse::<jiff::Timestamp>().unwrap();
    let rollout = minute("2026-03-25T14:38:00Z", "2026-03-25T14:41:00Z");
    let old = lives.values().filter(|life| life.2 == "v41" && rollout.contains(&life.1)).count();
    let short = lives
        .values()
        .filter(|life| life.2 == "v42" && rollout.contains(&life.0) && life.1.duration_since(life.0) < jiff::SignedDuration::from_mins(1));
    let new = lives.values().filter(|life| life.2 == "v42" && rollout.contains(&life.0) && life.1 > rollout.end).count();
    assert_eq!((old, short.count(), new), (3, 2, 3));
}

#[test]
fn the_image_was_pushed_before_it_was_rolled_out() {
    let pushes: Vec<(&str, &str)> = EVENTS
        .iter()
        .filter(|event| text(event, "/event/action") == "PutImage")
        .map(|event| (time(event), text(event, "/aws/cloudtrail/request_parameters")))
        .collect();
    assert_eq!(pushes.iter().map(|(time, _)| *time).collect::<Vec<_>>(), ["2026-03-25T13:17:05.000Z", "2026-03-25T14:36:12.000Z"]);
    assert!(pushes[1].1.contains("repositoryName=message-processor, imageTag=v42"));
    let push = EVENTS.iter().rfind(|event| text(event, "/event/action") == "PutImage").unwrap();
    assert_eq!((text(push, "/user/name"), text(push, "/event/provider")), ("ci-deploy", "ecr.amazonaws.com"));
}

#[test]
fn the_noise_is_there_before_the_incident_as_after() {
    let around = |lines: Vec<&Value>| {
        let (before, after): (Vec<&Value>, Vec<&Value>) = lines.into_iter().partition(|line| time(line) < "2026-03-25T14:36");
        assert!(before.len() >= 4 * after.len() && !after.is_empty(), "{} then {}", before.len(), after.len());
    };
    around(LOG_LINES.iter().filter(|line| text(line, "/error/type").ends_with("SQLTransientConnectionException")).collect());
    around(LOG_LINES.iter().filter(|line| text(line, "/error/stack_trace").len() > 20_000).collect());
    around(requests("report-service", "/legacy/export").filter(|line| status(line) >= 400).collect());
    let exported: Vec<&Value> = requests("report-service", "/legacy/export").filter(|line| status(line) == 200).collect();
    assert!(exported.len() > 3 && time(exported.last().unwrap()) < "2026-03-25T14:20");
    let versions: BTreeSet<&str> = requests("catalog-service", "/products").map(|line| text(line, "/service/version")).collect();
    assert_eq!(versions, BTreeSet::from(["v118", "v119"]));
}
