//! What holds of every scenario, and what is planted in each.

use clap::ValueEnum as _;
use serde_json::Value;

use super::{check_mapped, status, text, time};
use crate::sample::{KUBERNETES_EVENTS, LOGS, Scenario};

/// The log lines of a scenario that satisfy a condition. Only those whose JSON has the words are read.
fn lines(scenario: Scenario, words: &str, is_meant: impl Fn(&Value) -> bool) -> Vec<Value> {
    of_index(scenario, LOGS.name, words).into_iter().filter(|line| is_meant(line)).collect()
}

fn of_index(scenario: Scenario, index: &str, words: &str) -> Vec<Value> {
    let documents = scenario.documents().filter(|(name, json)| *name == index && json.contains(words));
    documents.map(|(_, json)| serde_json::from_str(&json).unwrap()).collect()
}

const ERROR: &str = r#""level":"ERROR""#;

/// How many of them come before a time, and from then on.
fn around(lines: &[Value], moment: &str) -> (usize, usize) {
    let before = lines.iter().filter(|line| time(line) < moment).count();
    (before, lines.len() - before)
}

#[test]
fn every_scenario_is_complete_mapped_and_in_the_order_of_time() {
    for scenario in Scenario::value_variants() {
        let indices = scenario.indices();
        let mappings: Vec<Value> = indices.iter().map(|index| serde_json::from_str(index.body).unwrap()).collect();
        let mut count = 0;
        let mut last = "2026-03-25T12:00".to_owned();
        let evidence = scenario.truth().map_or(&[][..], |truth| truth.evidence);
        let mut is_evident = evidence.is_empty();
        for (nth, (name, json)) in scenario.documents().enumerate() {
            count += 1;
            is_evident |= evidence.iter().any(|word| json.contains(word));
            let at = json.strip_prefix(r#"{"@timestamp":""#).unwrap().split('"').next().unwrap();
            assert!(at >= last.as_str() && at < "2026-03-25T15:01", "{scenario:?}: {at} after {last}");
            at.clone_into(&mut last);
            if nth % 7 == 0 {
                let mapping = indices.iter().position(|index| index.name == name).unwrap();
                check_mapped(&serde_json::from_str(&json).unwrap(), &mappings[mapping]["mappings"], name);
            }
        }
        assert!((25_000..31_000).contains(&count), "{scenario:?}: {count}");
        assert!(is_evident, "{scenario:?}");
        let alert = scenario.alert().time();
        assert!(alert < scenario.end_time() && scenario.truth().is_none_or(|truth| truth.onset() < alert), "{scenario:?}");
    }
}

#[test]
fn a_scenario_repeats_itself() {
    assert!(Scenario::Disk.documents().eq(Scenario::Disk.documents()));
}

#[test]
fn innocent_services_are_deployed_and_a_job_always_fails() {
    for scenario in Scenario::value_variants().iter().filter(|scenario| **scenario != Scenario::BadDeploy) {
        for innocent in ["catalog-service", "report-service"] {
            let versions = lines(*scenario, &format!(r#""service":{{"name":"{innocent}""#), |_| true);
            let mut versions: Vec<&str> = versions.iter().map(|line| text(line, "/service/version")).collect();
            versions.sort_unstable();
            versions.dedup();
            assert_eq!(versions.len(), 2, "{scenario:?}: {innocent}");
        }
        let failing = lines(*scenario, "report.jobs", |_| true);
        let (before, after) = around(&failing, "2026-03-25T14:00");
        assert!(before >= 10 && after >= 4, "{scenario:?}: {before} then {after}");
    }
}

#[test]
fn on_a_usual_day_errors_keep_their_rate() {
    let errors = lines(Scenario::FaultFree, ERROR, |_| true);
    let (before, after) = around(&errors, "2026-03-25T14:00");
    assert!(before > 60 && after.abs_diff(before / 2) < 10, "{before} then {after}");
    assert!(Scenario::FaultFree.truth().is_none());
}

#[test]
fn the_pool_runs_dry_and_callers_run_out_of_patience() {
    let dry = lines(Scenario::DbPool, "inventory-db - Connection is not available", |_| true);
    assert!(
        dry.len() > 100 && dry.iter().all(|line| text(line, "/service/name") == "inventory-service" && time(line) > "2026-03-25T14:21")
    );
    assert!(dry.iter().all(|line| text(line, "/message").contains("total=20, active=20, idle=0") && !text(line, "/trace/id").is_empty()));
    let waited = lines(Scenario::DbPool, "inventory-service failed: java.net.http.HttpTimeoutException", |_| true);
    assert!(waited.len() > 60 && waited.iter().all(|line| text(line, "/service/name") == "order-service"));
    let leaks = lines(Scenario::DbPool, "ProxyLeakTask", |_| true);
    assert!(time(&leaks[0]) < "2026-03-25T14:01" && leaks.len() == 40);
    let innocent = lines(Scenario::DbPool, "pool orders-db", |_| true);
    let (before, after) = around(&innocent, "2026-03-25T14:17");
    assert!(before > 2 * after && after > 10, "{before} then {after}");
}

#[test]
fn containers_are_killed_and_start_again_in_their_pods() {
    let events = of_index(Scenario::Oom, KUBERNETES_EVENTS.name, "OOMKilling");
    let killed: Vec<&Value> = events.iter().filter(|event| text(event, "/kubernetes/event/reason") == "OOMKilling").collect();
    assert_eq!(killed.len(), 15);
    assert!(killed.iter().all(|event| text(event, "/message").contains("exit code 137")));
    let starts = lines(Scenario::Oom, "starting message-processor v41", |_| true);
    let mut pods: Vec<&str> = starts.iter().map(|line| text(line, "/kubernetes/pod/name")).collect();
    pods.sort_unstable();
    pods.dedup();
    // Three that were there all along, and one that took the place of one of them.
    assert_eq!((starts.len(), pods.len()), (16, 4));
    let warnings = lines(Scenario::Oom, "memory is nearly exhausted", |_| true);
    assert!(warnings.len() > 10 && time(&warnings[0]) < time(killed[0]));
    let refused = lines(Scenario::Oom, ERROR, |line| text(line, "/service/name") == "ingest-gateway");
    assert!(refused.len() > 20 && refused.iter().all(|line| time(line) > "2026-03-25T14:04"), "{}", refused.len());
}

#[test]
fn charges_grow_slow_long_before_anybody_gives_up() {
    let charges = lines(Scenario::Latency, r#""path":"/charge""#, |_| true);
    let milliseconds = |line: &Value| line.pointer("/event/duration").unwrap().as_u64().unwrap() / 1_000_000;
    let (before, after): (Vec<&Value>, Vec<&Value>) = charges.iter().partition(|line| time(line) < "2026-03-25T14:08:31");
    assert!(before.iter().all(|line| milliseconds(line) < 400));
    let slow = after.iter().filter(|line| milliseconds(line) > 200).count();
    assert!(slow * 100 > after.len() * 90, "{slow} of {}", after.len());
    let failed = lines(Scenario::Latency, ERROR, |line| text(line, "/message").contains("payment-service"));
    assert!(!failed.is_empty() && failed.iter().all(|line| time(line) > "2026-03-25T14:26"), "{}", time(&failed[0]));
    assert!(charges.iter().all(|line| status(line) == 200 && text(line, "/service/version") == "v64"));
}

#[test]
fn several_runtimes_cannot_find_one_name() {
    let lost = lines(Scenario::Dns, "auth-service.shop.svc.cluster.local", |_| true);
    for (service, words) in [
        ("ingest-gateway", "no such host"),
        ("order-service", "Name or service not known"),
        ("report-service", "Temporary failure in name resolution"),
    ] {
        let own: Vec<&Value> = lost.iter().filter(|line| text(line, "/service/name") == service).collect();
        assert!(own.len() > 20 && own.iter().all(|line| text(line, "/message").contains(words)), "{service}: {}", own.len());
    }
    assert!(time(&lost[0]) >= "2026-03-25T14:19:22");
    let auth = lines(Scenario::Dns, r#""service":{"name":"auth-service""#, |line| time(line) > "2026-03-25T14:21");
    let probed = auth.iter().filter(|line| matches!(text(line, "/url/path"), "/health" | "/metrics")).count();
    assert!(probed > 100 && auth.iter().all(|line| text(line, "/log/level") != "ERROR"));
}

#[test]
fn one_machine_cannot_write_and_falls_silent() {
    let truth = Scenario::Disk.truth().unwrap();
    let full = lines(Scenario::Disk, "o space left on device", |_| true);
    assert!(full.len() > 40, "{}", full.len());
    assert!(full.iter().all(|line| text(line, "/host/name") == truth.host.unwrap() && time(line) >= "2026-03-25T14:16:48"));
    let of_machine = lines(Scenario::Disk, &format!(r#""host":{{"name":"{}""#, truth.host.unwrap()), |_| true);
    let (before, after) = (around(&of_machine, "2026-03-25T14:12"), around(&of_machine, "2026-03-25T14:40"));
    let (twelve_minutes, twenty_minutes) = (before.1 - after.1, after.1);
    assert!(twenty_minutes * 3 < twelve_minutes, "{twelve_minutes} then {twenty_minutes}");
}

#[test]
fn the_certificate_ends_to_the_second() {
    let refused = lines(Scenario::CertExpiry, "certificate has expired", |_| true);
    assert!(refused.len() > 50 && refused.iter().all(|line| text(line, "/service/name") == "message-processor"));
    assert!(time(&refused[0]) > "2026-03-25T14:12:00" && time(&refused[0]) < "2026-03-25T14:14:00");
    assert!(refused.iter().all(|line| text(line, "/message").contains("is after 2026-03-25T14:12:00Z")));
    let warned = lines(Scenario::CertExpiry, "certificate of the card network", |_| true);
    assert!(!warned.is_empty());
    let delivered = lines(Scenario::CertExpiry, r#""path":"/notify""#, |_| true);
    assert!(time(delivered.last().unwrap()) < "2026-03-25T14:14");
}
