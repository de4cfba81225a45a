//! The sample incidents: the tools, which know none of them, name what was planted, and nothing where nothing was.

use std::{collections::BTreeMap, time::Duration};

use clap::ValueEnum as _;
use elk_mcp::{
    config::{Source, Tooling, arguments::ToolingArguments},
    investigate::{self, Clue, Findings, Verdict, render},
    open,
    sample::Scenario,
};
use elk_mcp_tools::Toolbox;
use jiff::Timestamp;
use serde_json::{Value, json};

const TIME_LIMIT: Duration = Duration::from_secs(120);

async fn toolbox(scenario: Scenario) -> Toolbox {
    let tooling = Tooling::from_arguments(&ToolingArguments::default(), BTreeMap::new()).unwrap();
    open::toolbox(&Source::Sample(scenario), tooling).await.unwrap()
}

async fn call(toolbox: &Toolbox, tool: &str, arguments: Value) -> Value {
    let answer = toolbox.call(tool, arguments.as_object().unwrap(), Timestamp::now(), TIME_LIMIT).await.unwrap();
    serde_json::from_str(answer.structured.get()).unwrap()
}

/// A column of a table, also where it is the same in all rows.
fn column(table: &Value, name: &str) -> Vec<String> {
    let columns = table["columns"].as_array().unwrap();
    let at = columns.iter().position(|column| column == name);
    let rows = table["rows"].as_array().unwrap().iter();
    rows.map(|row| at.map_or(&table["constants"][name], |at| &row[at])).map(ToString::to_string).collect()
}

async fn investigated(scenario: Scenario, toolbox: &Toolbox) -> Findings {
    let alert = scenario.alert();
    let clue =
        Clue { title: Some(alert.text.to_owned()), id: alert.message_id(), time: Some(alert.time().parse().unwrap()), ..Clue::default() };
    let findings = investigate::run(toolbox, &clue, TIME_LIMIT).await.unwrap();
    let cost = findings.cost;
    assert!(cost.calls <= 5 && cost.tokens <= 10_000, "{scenario:?}: {cost:?}");
    findings
}

/// Everything that is known of a scenario, held against what the tools and the investigation say.
async fn check(scenario: Scenario) {
    let toolbox = toolbox(scenario).await;
    let truth = scenario.truth().unwrap();
    let is_evident = |text: &str| truth.evidence.iter().any(|word| text.contains(word));
    let window = json!({"start": truth.onset(), "end": scenario.alert().time()});

    let compared = call(&toolbox, "compare_windows", window.clone()).await;
    assert_eq!(compared["strength"]["word"], "significant", "{scenario:?}: {}", compared["summary"]);
    if let Some(service) = truth.service {
        // Who can't be reached does nothing any more: the lines of its callers name it.
        let (suspects, evidence) = (column(&compared["suspects"], "service"), column(&compared["suspects"], "evidence"));
        let told: Vec<&String> = suspects.iter().take(4).chain(evidence.first()).collect();
        assert!(told.iter().any(|text| text.contains(service)), "{scenario:?}: {told:?}");
    }

    let errors = call(&toolbox, "get_error_summary", window).await;
    // Two of the faults write no error line of their own: what they do is all that there is.
    if !matches!(scenario, Scenario::BadDeploy | Scenario::Latency) {
        let (patterns, is_new) = (column(&errors, "pattern"), column(&errors, "is_new"));
        let told = patterns.iter().zip(is_new).any(|(pattern, is_new)| is_evident(pattern) && is_new == "true");
        assert!(told, "{scenario:?}: {patterns:?}");
    }

    let hours = json!({"start": "2026-03-25T13:00:00Z", "end": scenario.alert().time(), "kinds": ["deployment"]});
    let deployed = call(&toolbox, "find_changes", hours).await.to_string();
    assert!(truth.innocent.iter().any(|innocent| deployed.contains(innocent)), "{scenario:?}: {deployed}");

    let findings = investigated(scenario, &toolbox).await;
    let text = render::text(&findings);
    assert!(is_evident(&serde_json::to_string(&findings).unwrap()), "{scenario:?}: {text}");
    assert_eq!(findings.verdict, Verdict::CauseNamed, "{scenario:?}: {text}");
    assert!(truth.service.is_none_or(|service| findings.suspects[0].service == service), "{scenario:?}: {text}");
    // An innocent service may suffer, and so be suspected after the one it waits for.
    assert!(!findings.suspects.iter().take(1).any(|suspect| truth.innocent.contains(&suspect.service.as_str())), "{scenario:?}: {text}");
}

#[tokio::test]
async fn a_deployment_that_drops_messages_is_named() {
    check(Scenario::BadDeploy).await;
}

#[tokio::test]
async fn a_pool_that_runs_dry_is_named() {
    check(Scenario::DbPool).await;
}

#[tokio::test]
async fn a_service_without_memory_is_named() {
    check(Scenario::Oom).await;
}

#[tokio::test]
async fn a_service_that_grew_slow_is_named() {
    check(Scenario::Latency).await;
}

#[tokio::test]
async fn a_name_that_is_gone_is_named() {
    check(Scenario::Dns).await;
}

#[tokio::test]
async fn a_full_disk_is_named() {
    check(Scenario::Disk).await;
}

#[tokio::test]
async fn a_certificate_that_ended_is_named() {
    check(Scenario::CertExpiry).await;
}

#[tokio::test]
async fn where_nothing_is_wrong_nothing_is_named() {
    let toolbox = toolbox(Scenario::FaultFree).await;
    for (start, end) in [("14:20", "14:40"), ("13:50", "14:10"), ("14:00", "14:10"), ("14:45", "15:00")] {
        let window = json!({"start": format!("2026-03-25T{start}:00Z"), "end": format!("2026-03-25T{end}:00Z")});
        let compared = call(&toolbox, "compare_windows", window).await;
        assert_ne!(compared["strength"]["word"], "significant", "{start}: {}", compared["summary"]);
    }
    let findings = investigated(Scenario::FaultFree, &toolbox).await;
    assert_eq!(findings.verdict, Verdict::NothingSignificant, "{}", findings.headline);
}

#[test]
fn each_scenario_has_a_name_of_its_own_to_choose_it_by() {
    let names: Vec<String> =
        Scenario::value_variants().iter().map(|scenario| scenario.to_possible_value().unwrap().get_name().to_owned()).collect();
    assert_eq!(names, ["bad-deploy", "db-pool", "oom", "latency", "dns", "disk", "cert-expiry", "fault-free"]);
}
