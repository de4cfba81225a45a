//! One log line of the sample incident, and how Filebeat would ship it: an ECS document. Knows nothing of the story.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde::Serialize;

use super::clock::rfc3339;
use super::fleet::Pod;

#[derive(Debug, Clone, Copy)]
pub(super) enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

/// What a service wrote, before anything is known of where it ran.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) time: i64,
    /// The number of the pod in the fleet.
    pub(super) pod: usize,
    pub(super) level: Level,
    pub(super) logger: &'static str,
    pub(super) message: Cow<'static, str>,
    pub(super) span: Option<Span>,
    pub(super) request: Option<Request>,
    pub(super) message_id: Option<u128>,
    pub(super) error: Option<Failure>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) trace: u128,
    pub(super) id: u64,
    pub(super) parent: Option<u64>,
}

#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) status: u16,
    pub(super) microseconds: i64,
}

#[derive(Debug)]
pub(super) struct Failure {
    pub(super) kind: &'static str,
    pub(super) message: Cow<'static, str>,
    pub(super) stack: Cow<'static, str>,
}

impl Line {
    pub(super) fn new(time: i64, pod: usize, level: Level, logger: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { time, pod, level, logger, message: message.into(), span: None, request: None, message_id: None, error: None }
    }

    /// The line that a service writes when it has answered.
    pub(super) fn answered(time: i64, pod: usize, request: Request, span: Option<Span>) -> Self {
        let Request { method, path, status, microseconds } = request;
        let level = if status >= 500 { Level::Warn } else { Level::Info };
        let mut message = format!("{method} {path} {status} ");
        // Writing to a string can't fail.
        let _ = if microseconds < 10_000 {
            write!(message, "{}.{} ms", microseconds / 1000, microseconds % 1000 / 100)
        } else {
            write!(message, "{} ms", microseconds / 1000)
        };
        Self { span, request: Some(request), ..Self::new(time, pod, level, "http.access", message) }
    }

    pub(super) fn within(self, span: Span) -> Self {
        Self { span: Some(span), ..self }
    }

    pub(super) fn with_message_id(self, id: u128) -> Self {
        Self { message_id: Some(id), ..self }
    }

    pub(super) fn with_error(self, error: Failure) -> Self {
        Self { error: Some(error), ..self }
    }

    /// The whole document. `place` is what [`place`] made for the pod.
    pub(super) fn document(&self, place: &str) -> String {
        let shipped = Shipped {
            timestamp: rfc3339(self.time),
            message: &self.message,
            log: Log {
                level: match self.level {
                    Level::Debug => "DEBUG",
                    Level::Info => "INFO",
                    Level::Warn => "WARN",
                    Level::Error => "ERROR",
                },
                logger: self.logger,
            },
            message_id: self.message_id.map(uuid),
            trace: self.span.map(|span| Id { id: format!("{:032x}", span.trace) }),
            span: self.span.map(|span| Id { id: format!("{:016x}", span.id) }),
            parent: self.span.and_then(|span| span.parent).map(|parent| Id { id: format!("{parent:016x}") }),
            http: self
                .request
                .as_ref()
                .map(|request| Http { request: Method { method: request.method }, response: Status { status_code: request.status } }),
            url: self.request.as_ref().map(|request| Url { path: request.path }),
            event: self.request.as_ref().map(|request| Event { duration: request.microseconds.saturating_mul(1000) }),
            error: self.error.as_ref().map(|error| Error { kind: error.kind, message: &error.message, stack_trace: &error.stack }),
        };
        join(&shipped, place)
    }
}

/// The members that each line of a pod has alike, written once a pod.
pub(super) fn place(pod: &Pod) -> String {
    const REGISTRY: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
    let service = pod.service.name();
    let repository = format!("{REGISTRY}/{service}");
    let image = format!("{repository}:{}", pod.version);
    let replica_set = format!("{service}-{}", pod.template);
    let place = Place {
        service: Named { name: service, version: Some(pod.version) },
        container: Container { image: Image { name: &repository, tag: pod.version } },
        kubernetes: Kubernetes {
            namespace: "shop",
            pod: Named { name: &pod.name, version: None },
            node: Named { name: pod.node, version: None },
            container: KubernetesContainer { name: service, image: &image },
            deployment: Named { name: service, version: None },
            replicaset: Named { name: &replica_set, version: None },
            labels: Labels { app: service, template: pod.template },
        },
        host: Named { name: pod.node, version: None },
        agent: Agent { kind: "filebeat", version: "8.19.4", name: pod.node },
        ecs: Version { version: "8.0.0" },
        stream: "stdout",
    };
    serde_json::to_string(&place).unwrap_or_default()
}

/// One object of the members of two.
fn join(first: &impl Serialize, second: &str) -> String {
    let mut document = serde_json::to_string(first).unwrap_or_default();
    document.pop();
    document.push(',');
    document.push_str(second.get(1..).unwrap_or_default());
    document
}

/// The usual form of 128 bits: 8-4-4-4-12 hexadecimal digits.
pub(super) fn uuid(bits: u128) -> String {
    let mut text = format!("{bits:032x}");
    for dash in [20, 16, 12, 8] {
        text.insert(dash, '-');
    }
    text
}

#[derive(Serialize)]
struct Shipped<'a> {
    #[serde(rename = "@timestamp")]
    timestamp: String,
    message: &'a str,
    log: Log,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    span: Option<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<Http>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<Url>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<Event>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Error<'a>>,
}

#[derive(Serialize)]
struct Log {
    level: &'static str,
    logger: &'static str,
}

#[derive(Serialize)]
struct Id {
    id: String,
}

#[derive(Serialize)]
struct Http {
    request: Method,
    response: Status,
}

#[derive(Serialize)]
struct Method {
    method: &'static str,
}

#[derive(Serialize)]
struct Status {
    status_code: u16,
}

#[derive(Serialize)]
struct Url {
    path: &'static str,
}

#[derive(Serialize)]
struct Event {
    /// Nanoseconds, as ECS has it.
    duration: i64,
}

#[derive(Serialize)]
struct Error<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    message: &'a str,
    stack_trace: &'a str,
}

#[derive(Serialize)]
struct Place<'a> {
    service: Named<'a>,
    container: Container<'a>,
    kubernetes: Kubernetes<'a>,
    host: Named<'a>,
    agent: Agent<'a>,
    ecs: Version,
    stream: &'static str,
}

#[derive(Serialize)]
struct Named<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
}

#[derive(Serialize)]
struct Container<'a> {
    image: Image<'a>,
}

#[derive(Serialize)]
struct Image<'a> {
    name: &'a str,
    tag: &'a str,
}

#[derive(Serialize)]
struct Kubernetes<'a> {
    namespace: &'static str,
    pod: Named<'a>,
    node: Named<'a>,
    container: KubernetesContainer<'a>,
    deployment: Named<'a>,
    replicaset: Named<'a>,
    labels: Labels<'a>,
}

#[derive(Serialize)]
struct KubernetesContainer<'a> {
    name: &'a str,
    image: &'a str,
}

#[derive(Serialize)]
struct Labels<'a> {
    app: &'a str,
    #[serde(rename = "pod-template-hash")]
    template: &'a str,
}

#[derive(Serialize)]
struct Agent<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    version: &'static str,
    name: &'a str,
}

#[derive(Serialize)]
struct Version {
    version: &'static str,
}

#[cfg(test)]
mod tests {
    use super::uuid;

    #[test]
    fn an_id_is_written_in_five_groups() {
        assert_eq!(uuid(0x7f3c_21d4_9b1e_4c55_a1d2_6e0f_8b7c_3a94), "7f3c21d4-9b1e-4c55-a1d2-6e0f8b7c3a94");
    }
}
