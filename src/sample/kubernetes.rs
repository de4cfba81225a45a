//! What Kubernetes tells of the sample's pods and machines, as an exporter of events ships it. Knows the plan; knows no scenario.

use serde::Serialize;

use super::clock::{BEGIN, END, MINUTE, SECOND, rfc3339};
use super::fleet::{Fleet, Pod};
use super::plan::Plan;
use super::random::Random;

/// An event of an object.
pub(super) struct Event {
    pub(super) time: i64,
    is_warning: bool,
    reason: &'static str,
    message: String,
    kind: &'static str,
    name: String,
    service: Option<&'static str>,
    node: Option<&'static str>,
    component: &'static str,
}

/// Every event, in no order.
pub(super) fn all(plan: &Plan, fleet: &Fleet) -> Vec<Event> {
    let mut events = Vec::with_capacity(256);
    for (_, pod) in fleet.pods() {
        life(pod, &mut events);
    }
    for silence in plan.silences {
        pressure(silence.node, silence.course.from, &mut events);
    }
    probes(fleet, &mut events);
    jobs(&mut events);
    events
}

fn of_pod(pod: &Pod, time: i64, reason: &'static str, message: String) -> Event {
    Event {
        time,
        is_warning: false,
        reason,
        message,
        kind: "Pod",
        name: pod.name.clone(),
        service: Some(pod.service.name()),
        node: Some(pod.node),
        component: "kubelet",
    }
}

fn warning(event: Event) -> Event {
    Event { is_warning: true, ..event }
}

fn life(pod: &Pod, events: &mut Vec<Event>) {
    let service = pod.service.name();
    if pod.started_in_story() {
        let assigned = format!("Successfully assigned shop/{} to {}", pod.name, pod.node);
        events.push(Event { component: "default-scheduler", ..of_pod(pod, pod.born - 4 * SECOND, "Scheduled", assigned) });
        events.push(of_pod(pod, pod.born - 3 * SECOND, "Pulled", format!("Successfully pulled image \"{service}:{}\"", pod.version)));
        events.push(of_pod(pod, pod.born - SECOND, "Created", format!("Created container {service}")));
        events.push(of_pod(pod, pod.born, "Started", format!("Started container {service}")));
    }
    if pod.ended_in_story() {
        events.push(of_pod(pod, pod.gone - 3 * SECOND, "Killing", format!("Stopping container {service}")));
    }
    for (nth, (down, up)) in pod.downs.iter().enumerate() {
        let killed = format!("Container {service} of pod {} was terminated: reason OOMKilled, exit code 137, memory limit 512Mi", pod.name);
        events.push(warning(of_pod(pod, down + SECOND, "OOMKilling", killed)));
        if up - down > 20 * SECOND {
            let wait = format!("Back-off restarting failed container {service} in pod {}, restart count {}", pod.name, nth + 1);
            events.push(warning(of_pod(pod, down + 4 * SECOND, "BackOff", wait)));
        }
        let there = format!("Container image \"{service}:{}\" already present on machine", pod.version);
        events.push(of_pod(pod, up - 2 * SECOND, "Pulled", there));
        events.push(of_pod(pod, *up, "Started", format!("Started container {service}")));
    }
}

/// A machine without room on its disk.
fn pressure(node: &'static str, silent: i64, events: &mut Vec<Event>) {
    let of_node = |time, reason, message: String| Event {
        time,
        is_warning: true,
        reason,
        message,
        kind: "Node",
        name: node.to_owned(),
        service: None,
        node: Some(node),
        component: "kubelet",
    };
    for time in (silent - 8 * MINUTE..END).step_by(5 * 60 * 1000) {
        let message = "Failed to garbage collect required amount of images. Attempted to free 4294967296 bytes, but only found 0 bytes";
        events.push(of_node(time, "FreeDiskSpaceFailed", message.to_owned()));
    }
    events.push(of_node(silent - 7 * MINUTE, "NodeHasDiskPressure", format!("Node {node} status is now: NodeHasDiskPressure")));
    events.push(of_node(silent - 7 * MINUTE, "EvictionThresholdMet", "Attempting to reclaim ephemeral-storage".to_owned()));
}

/// A readiness probe fails now and then, everywhere and on any day.
fn probes(fleet: &Fleet, events: &mut Vec<Event>) {
    let mut random = Random::stream("unhealthy");
    let pods: Vec<&Pod> = fleet.pods().map(|(_, pod)| pod).filter(|pod| pod.born == BEGIN && pod.gone == END).collect();
    let mut time = BEGIN + 3 * MINUTE;
    while time < END {
        if let Some(pod) = random.one_of(&pods) {
            let message = "Readiness probe failed: Get \"http://10.0.12.31:8080/health\": context deadline exceeded";
            events.push(warning(of_pod(pod, time, "Unhealthy", message.to_owned())));
        }
        time += random.between(5 * MINUTE, 11 * MINUTE);
    }
}

/// A job every ten minutes.
fn jobs(events: &mut Vec<Event>) {
    for time in (BEGIN + 40 * SECOND..END).step_by(10 * 60 * 1000) {
        let name = format!("session-cleanup-{}", time / MINUTE);
        for (delay, reason, message) in
            [(0, "SuccessfulCreate", format!("Created job {name}")), (9 * SECOND, "SawCompletedJob", format!("Saw completed job: {name}"))]
        {
            events.push(Event {
                time: time + delay,
                is_warning: false,
                reason,
                message,
                kind: "CronJob",
                name: "session-cleanup".to_owned(),
                service: None,
                node: None,
                component: "cronjob-controller",
            });
        }
    }
}

impl Event {
    pub(super) fn document(&self) -> String {
        let named = |name| Named { name };
        let shipped = Shipped {
            timestamp: rfc3339(self.time),
            message: &self.message,
            log: Log { level: if self.is_warning { "WARN" } else { "INFO" } },
            event: EventFields { kind: "event", module: "kubernetes", dataset: "kubernetes.event" },
            service: self.service.map(named),
            host: self.node.map(named),
            kubernetes: Kubernetes {
                namespace: if self.kind == "Node" { "default" } else { "shop" },
                pod: (self.kind == "Pod").then(|| named(&self.name)),
                node: self.node.map(named),
                event: KubernetesEvent {
                    kind: if self.is_warning { "Warning" } else { "Normal" },
                    reason: self.reason,
                    involved_object: Object { kind: self.kind, name: &self.name },
                    source: Source { component: self.component, host: self.node },
                },
            },
            ecs: Version { version: "8.0.0" },
        };
        serde_json::to_string(&shipped).unwrap_or_default()
    }
}

#[derive(Serialize)]
struct Shipped<'a> {
    #[serde(rename = "@timestamp")]
    timestamp: String,
    message: &'a str,
    log: Log,
    event: EventFields,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<Named<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<Named<'a>>,
    kubernetes: Kubernetes<'a>,
    ecs: Version,
}

#[derive(Serialize)]
struct Log {
    level: &'static str,
}

#[derive(Serialize)]
struct EventFields {
    kind: &'static str,
    module: &'static str,
    dataset: &'static str,
}

#[derive(Serialize)]
struct Named<'a> {
    name: &'a str,
}

#[derive(Serialize)]
struct Kubernetes<'a> {
    namespace: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pod: Option<Named<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<Named<'a>>,
    event: KubernetesEvent<'a>,
}

#[derive(Serialize)]
struct KubernetesEvent<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    reason: &'static str,
    involved_object: Object<'a>,
    source: Source,
}

#[derive(Serialize)]
struct Object<'a> {
    kind: &'static str,
    name: &'a str,
}

#[derive(Serialize)]
struct Source {
    component: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'static str>,
}

#[derive(Serialize)]
struct Version {
    version: &'static str,
}
