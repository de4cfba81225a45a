//! Investigations of sample incidents: the same findings on every engine.

use std::time::Duration;

use elk_mcp::{
    investigate::{self, Clue, Findings, Verdict},
    sample::Scenario,
};
use serde_json::Value;

use crate::world::World;

const TIME_LIMIT: Duration = Duration::from_secs(120);

fn world(name: &'static str, scenario: Scenario) -> World {
    let documents: Vec<(&str, String)> = scenario.documents().collect();
    scenario.indices().into_iter().fold(World::new(name), |world, index| {
        let body: Value = serde_json::from_str(index.body).unwrap();
        let own = documents.iter().filter(|(name, _)| *name == index.name).map(|(_, document)| document.clone());
        let short = index.name.split('-').next().unwrap();
        world.lines(short, 1, Some(body["mappings"].clone()), own.collect::<Vec<_>>())
    })
}

/// What does not depend on how fast an engine is, nor on the last digit of a percentile, which engines estimate each in its own way and which
/// may make an answer a byte longer.
fn told(mut findings: Findings) -> Value {
    (findings.cost.elapsed_ms, findings.cost.tokens) = (0, 0);
    for call in &mut findings.calls {
        (call.elapsed_ms, call.tokens) = (0, 0);
    }
    serde_json::to_value(&findings).unwrap()
}

/// Where two values differ first.
fn difference(here: &Value, there: &Value, path: &str) -> Option<String> {
    match (here, there) {
        (Value::Object(here), Value::Object(there)) if here.keys().eq(there.keys()) => {
            here.iter().find_map(|(key, value)| difference(value, &there[key], &format!("{path}/{key}")))
        }
        (Value::Array(here), Value::Array(there)) if here.len() == there.len() => {
            here.iter().zip(there).enumerate().find_map(|(at, (here, there))| difference(here, there, &format!("{path}/{at}")))
        }
        _ => (here != there).then(|| format!("{path}: {here} here, {there} there")),
    }
}

async fn check(name: &'static str, scenario: Scenario, verdict: Verdict) {
    let loaded = world(name, scenario).load().await;
    let alert = scenario.alert();
    let clue =
        Clue { title: Some(alert.text.to_owned()), id: alert.message_id(), time: Some(alert.time().parse().unwrap()), ..Clue::default() };
    let mut expected: Option<Value> = None;
    for source in &loaded.sources {
        let findings = investigate::run(&source.toolbox, &clue, TIME_LIMIT).await.unwrap();
        assert_eq!(findings.verdict, verdict, "{}: {}", source.name, findings.headline);
        let named = scenario.truth().and_then(|truth| truth.service);
        assert!(named.is_none_or(|service| findings.suspects[0].service == service), "{}: {}", source.name, findings.headline);
        let told = told(findings);
        match &expected {
            None => expected = Some(told),
            Some(expected) => assert_eq!(difference(expected, &told, ""), None, "{}", source.name),
        }
    }
}

#[tokio::test]
async fn a_deployment_is_named_alike_on_every_engine() {
    check("found-deploy", Scenario::BadDeploy, Verdict::CauseNamed).await;
}

#[tokio::test]
async fn what_kubernetes_kills_is_named_alike_on_every_engine() {
    check("found-oom", Scenario::Oom, Verdict::CauseNamed).await;
}

#[tokio::test]
async fn a_full_disk_is_named_alike_on_every_engine() {
    check("found-disk", Scenario::Disk, Verdict::CauseNamed).await;
}

#[tokio::test]
async fn nothing_is_named_on_any_engine_where_nothing_is_wrong() {
    check("found-nothing", Scenario::FaultFree, Verdict::NothingSignificant).await;
}
