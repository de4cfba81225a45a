//! The fields that are known to play each role. Long because it is a table.

use super::{
    Role,
    unit::{EpochUnit, LevelScale},
};

/// A field that is known to play a role.
#[derive(Debug, Clone, Copy)]
pub struct Candidate {
    /// Its name.
    pub name: &'static str,
    /// How a number in it is read.
    pub reading: Reading,
}

/// How a candidate's numbers are read, and what its type must be to count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reading {
    /// As it stands.
    Plain,
    /// Only where it is a string.
    Words,
    /// Only where it is a number.
    Numeric,
    /// A duration; the factor turns it into milliseconds.
    Duration(f64),
    /// A duration whose unit depends on the family of indices and on its magnitude.
    DurationByFamily,
    /// Moments as numbers since the epoch, where the field is no date.
    Epoch(EpochUnit),
    /// Severity numbers.
    Severity(LevelScale),
}

const fn plain(name: &'static str) -> Candidate {
    Candidate { name, reading: Reading::Plain }
}
const fn words(name: &'static str) -> Candidate {
    Candidate { name, reading: Reading::Words }
}
const fn numeric(name: &'static str) -> Candidate {
    Candidate { name, reading: Reading::Numeric }
}
const fn takes(name: &'static str, to_ms: f64) -> Candidate {
    Candidate { name, reading: Reading::Duration(to_ms) }
}
const fn epoch(name: &'static str, unit: EpochUnit) -> Candidate {
    Candidate { name, reading: Reading::Epoch(unit) }
}
const fn severity(name: &'static str, scale: LevelScale) -> Candidate {
    Candidate { name, reading: Reading::Severity(scale) }
}

const NANOSECONDS: f64 = 1e-6;
const MICROSECONDS: f64 = 1e-3;
const MILLISECONDS: f64 = 1.0;
const SECONDS: f64 = 1e3;

impl Role {
    /// The fields that are known to play this role, the most telling first.
    ///
    /// Sources: ECS 8, the OpenTelemetry mappings of Elasticsearch 8.17 (`logs-*.otel-*`), Simple Schema for
    /// Observability (OpenSearch), Data Prepper's and Jaeger's span templates, and the defaults of common loggers.
    #[expect(clippy::too_many_lines, reason = "one table")]
    pub fn candidates(self) -> &'static [Candidate] {
        use EpochUnit::{Auto, Micros, Millis, Seconds};
        match self {
            Self::Time => {
                const {
                    &[
                        epoch("@timestamp", Auto),
                        epoch("timestamp", Auto),
                        epoch("time", Auto),
                        epoch("ts", Auto),
                        plain("@t"),
                        plain("asctime"),
                        epoch("startTimeMillis", Millis),
                        epoch("startTime", Auto),
                        epoch("timestamp.us", Micros),
                        plain("observed_timestamp"),
                        plain("observedTimestamp"),
                        epoch("instant.epochSecond", Seconds),
                        plain("eventTime"),
                        plain("requestReceivedTimestamp"),
                        plain("event.created"),
                        plain("event.ingested"),
                    ]
                }
            }
            Self::Level => {
                const {
                    &[
                        words("log.level"),
                        words("severity_text"),
                        words("severityText"),
                        words("severity.text"),
                        severity("level", LevelScale::Pino),
                        words("severity"),
                        words("loglevel"),
                        words("levelname"),
                        words("@l"),
                        words("fields.level"),
                        severity("lvl", LevelScale::Pino),
                        words("status"),
                        severity("severity_number", LevelScale::OpenTelemetry),
                        severity("severityNumber", LevelScale::OpenTelemetry),
                        severity("severity.number", LevelScale::OpenTelemetry),
                        severity("level_value", LevelScale::Logback),
                        severity("log.syslog.severity.code", LevelScale::Syslog),
                        severity("PRIORITY", LevelScale::Syslog),
                    ]
                }
            }
            Self::Message => {
                const {
                    &[
                        words("message"),
                        words("body.text"),
                        words("body_text"),
                        words("body"),
                        words("msg"),
                        words("log"),
                        words("event"),
                        words("@m"),
                        words("@mt"),
                        words("fields.message"),
                        words("RenderedMessage"),
                        words("short_message"),
                        words("MESSAGE"),
                        words("event.original"),
                    ]
                }
            }
            Self::Service => {
                const {
                    &[
                        words("service.name"),
                        words("resource.attributes.service.name"),
                        words("resource.attributes.service@name"),
                        words("serviceName"),
                        words("process.serviceName"),
                        words("service"),
                        words("service_name"),
                        words("dd.service"),
                        words("app"),
                        words("application"),
                        words("kubernetes.labels.app_kubernetes_io/name"),
                        words("kubernetes.labels.app"),
                        words("kubernetes.deployment.name"),
                        words("kubernetes.container.name"),
                        words("kubernetes.container_name"),
                        words("container.name"),
                        words("program"),
                        words("event.dataset"),
                    ]
                }
            }
            Self::Host => {
                const {
                    &[
                        words("host.name"),
                        words("resource.attributes.host.name"),
                        words("resource.attributes.host@name"),
                        words("host.hostname"),
                        words("hostname"),
                        words("host"),
                        words("kubernetes.node.name"),
                        words("resource.attributes.k8s.node.name"),
                        words("kubernetes.host"),
                        words("agent.hostname"),
                        words("cloud.instance.id"),
                        words("host.ip"),
                        words("resource.attributes.host.ip"),
                    ]
                }
            }
            Self::Pod => {
                const {
                    &[
                        words("kubernetes.pod.name"),
                        words("resource.attributes.k8s.pod.name"),
                        words("resource.attributes.k8s@pod@name"),
                        words("kubernetes.pod_name"),
                        words("pod_name"),
                        words("pod"),
                    ]
                }
            }
            Self::Namespace => {
                const {
                    &[
                        words("kubernetes.namespace"),
                        words("resource.attributes.k8s.namespace.name"),
                        words("kubernetes.namespace_name"),
                        words("orchestrator.namespace"),
                        words("objectRef.namespace"),
                    ]
                }
            }
            Self::Container => {
                const {
                    &[
                        words("kubernetes.container.name"),
                        words("resource.attributes.k8s.container.name"),
                        words("kubernetes.container_name"),
                        words("container.id"),
                        words("docker.container_id"),
                    ]
                }
            }
            Self::TraceId => {
                const {
                    &[
                        plain("trace.id"),
                        plain("trace_id"),
                        plain("traceId"),
                        plain("traceID"),
                        plain("TraceId"),
                        plain("dd.trace_id"),
                        plain("@tr"),
                        plain("otelTraceID"),
                        plain("contextMap.traceId"),
                        plain("mdc.traceId"),
                        plain("X-B3-TraceId"),
                        plain("attributes.trace_id"),
                    ]
                }
            }
            Self::SpanId => {
                const {
                    &[
                        plain("span.id"),
                        plain("transaction.id"),
                        plain("span_id"),
                        plain("spanId"),
                        plain("spanID"),
                        plain("dd.span_id"),
                        plain("@sp"),
                    ]
                }
            }
            Self::ParentSpanId => {
                const { &[plain("parent.id"), plain("parent_span_id"), plain("parentSpanId"), plain("parentSpanID"), plain("references.spanID")] }
            }
            Self::SpanName => const { &[words("span.name"), words("transaction.name"), words("operationName"), words("name")] },
            Self::SpanKind => {
                const { &[words("span.kind"), words("kind"), words("processor.event"), words("tag.span@kind"), words("transaction.type")] }
            }
            Self::Method => {
                const {
                    &[
                        words("http.request.method"),
                        words("attributes.http.request.method"),
                        words("attributes.http.method"),
                        words("http.method"),
                        words("method"),
                        words("verb"),
                        words("req.method"),
                        words("tag.http@method"),
                        words("span.attributes.http@method"),
                    ]
                }
            }
            Self::Path => {
                const {
                    &[
                        words("url.path"),
                        words("attributes.url.path"),
                        words("attributes.http.route"),
                        words("http.route"),
                        words("attributes.http.target"),
                        words("url.original"),
                        words("request_uri"),
                        words("path"),
                        words("uri"),
                        words("req.url"),
                        words("RequestPath"),
                        words("tag.http@url"),
                        words("http.url_details.path"),
                        words("transaction.name"),
                    ]
                }
            }
            Self::Status => {
                const {
                    &[
                        plain("http.response.status_code"),
                        plain("attributes.http.response.status_code"),
                        plain("attributes.http.status_code"),
                        plain("http.status_code"),
                        plain("status_code"),
                        numeric("status"),
                        numeric("response"),
                        plain("res.statusCode"),
                        plain("response_code"),
                        plain("DownstreamStatus"),
                        plain("elb_status_code"),
                        plain("tag.http@status_code"),
                        plain("span.attributes.http@status_code"),
                        plain("responseStatus.code"),
                    ]
                }
            }
            Self::Outcome => {
                const { &[words("event.outcome"), words("status.code"), words("transaction.result"), words("outcome"), words("errorCode")] }
            }
            Self::Duration => {
                const {
                    &[
                        takes("transaction.duration.us", MICROSECONDS),
                        takes("span.duration.us", MICROSECONDS),
                        takes("durationInNanos", NANOSECONDS),
                        takes("event.duration", NANOSECONDS),
                        takes("duration_ms", MILLISECONDS),
                        takes("response_time_ms", MILLISECONDS),
                        takes("latency_ms", MILLISECONDS),
                        takes("elapsed_ms", MILLISECONDS),
                        takes("responseTime", MILLISECONDS),
                        takes("Elapsed", MILLISECONDS),
                        takes("durationMillis", MILLISECONDS),
                        takes("duration_us", MICROSECONDS),
                        takes("duration_ns", NANOSECONDS),
                        takes("duration_s", SECONDS),
                        takes("duration_seconds", SECONDS),
                        takes("request_time", SECONDS),
                        takes("upstream_response_time", SECONDS),
                        takes("target_processing_time", SECONDS),
                        takes("Duration", NANOSECONDS),
                        takes("time-taken", MILLISECONDS),
                        Candidate { name: "duration", reading: Reading::DurationByFamily },
                    ]
                }
            }
            Self::Logger => {
                const {
                    &[
                        words("log.logger"),
                        words("scope.name"),
                        words("logger"),
                        words("logger_name"),
                        words("caller"),
                        words("cls"),
                        words("source"),
                    ]
                }
            }
            Self::Line => {
                const {
                    &[
                        plain("log.origin.file.line"),
                        plain("attributes.code.line.number"),
                        plain("attributes.code.lineno"),
                        numeric("line"),
                        numeric("line_number"),
                    ]
                }
            }
            Self::EventCode => const { &[plain("event.code"), plain("error.grouping_key")] },
            // Serilog's sinks and formatters, NLog, and loggers that name it alike.
            Self::Template => {
                const {
                    &[
                        words("message_template"),
                        words("log.message_template"),
                        words("MessageTemplate"),
                        words("messageTemplate"),
                        words("labels.MessageTemplate"),
                        words("labels.message_template"),
                        words("metadata.message_template"),
                        words("attributes.message_template.text"),
                        words("attributes.message_template"),
                        words("@mt"),
                    ]
                }
            }
            Self::ErrorType => {
                const {
                    &[
                        words("error.type"),
                        words("attributes.exception.type"),
                        words("attributes.error.type"),
                        words("exception.type"),
                        words("event.exception.type"),
                        words("error.exception.type"),
                        words("exception_class"),
                        words("exceptions.ClassName"),
                        words("err.type"),
                        words("error.kind"),
                        words("thrown.name"),
                    ]
                }
            }
            Self::ErrorMessage => {
                const {
                    &[
                        words("error.message"),
                        words("attributes.exception.message"),
                        words("error.exception.message"),
                        words("event.exception.message"),
                        words("err.message"),
                        words("thrown.message"),
                        words("exceptions.Message"),
                        words("error"),
                    ]
                }
            }
            Self::Stack => {
                const {
                    &[
                        words("error.stack_trace"),
                        words("attributes.exception.stacktrace"),
                        words("event.exception.stacktrace"),
                        words("stack_trace"),
                        words("stacktrace"),
                        words("err.stack"),
                        words("error.stack"),
                        words("exception"),
                        words("exc_info"),
                        words("@x"),
                        words("thrown.extendedStackTrace"),
                    ]
                }
            }
            Self::Version => {
                const {
                    &[
                        words("service.version"),
                        words("resource.attributes.service.version"),
                        words("resource.attributes.service@version"),
                        words("dd.version"),
                        words("app_version"),
                        words("release"),
                        words("git.commit.sha"),
                        words("version"),
                    ]
                }
            }
            Self::Image => {
                const {
                    &[
                        words("container.image.name"),
                        words("kubernetes.container.image"),
                        words("resource.attributes.container.image.name"),
                        words("kubernetes.container_image"),
                        words("image"),
                    ]
                }
            }
            Self::ImageTag => {
                const {
                    &[
                        words("container.image.tag"),
                        words("resource.attributes.container.image.tags"),
                        words("resource.attributes.container.image.tag"),
                    ]
                }
            }
            Self::Deployment => const { &[words("kubernetes.deployment.name"), words("resource.attributes.k8s.deployment.name")] },
            Self::ReplicaSet => {
                const {
                    &[
                        words("kubernetes.replicaset.name"),
                        words("resource.attributes.k8s.replicaset.name"),
                        words("kubernetes.labels.pod-template-hash"),
                        words("kubernetes.labels.pod_template_hash"),
                    ]
                }
            }
            Self::Action => const { &[words("event.action"), words("eventName"), words("verb"), words("kubernetes.audit.verb")] },
            Self::Provider => {
                const {
                    &[
                        words("event.provider"),
                        words("eventSource"),
                        words("objectRef.resource"),
                        words("kubernetes.audit.objectRef.resource"),
                        words("orchestrator.resource.type"),
                    ]
                }
            }
            Self::User => {
                const {
                    &[
                        words("user.name"),
                        words("userIdentity.userName"),
                        words("userIdentity.arn"),
                        words("user.username"),
                        words("kubernetes.audit.user.username"),
                        words("aws.cloudtrail.user_identity.arn"),
                    ]
                }
            }
            Self::Resource => {
                const {
                    &[
                        words("aws.cloudtrail.resources.arn"),
                        words("requestParameters.repositoryName"),
                        words("requestParameters.nodegroupName"),
                        words("requestParameters.service"),
                        words("requestParameters.functionName"),
                        words("requestParameters.clusterName"),
                        words("requestParameters.name"),
                        words("objectRef.name"),
                        words("kubernetes.audit.objectRef.name"),
                        words("orchestrator.resource.name"),
                    ]
                }
            }
            Self::Parameters => {
                const {
                    &[
                        words("aws.cloudtrail.request_parameters"),
                        words("aws.cloudtrail.flattened.request_parameters"),
                        words("requestParameters.imageTag"),
                        words("requestParameters.releaseVersion"),
                        words("requestParameters.version"),
                        words("requestParameters.taskDefinition"),
                        words("responseElements.image.imageId.imageTag"),
                    ]
                }
            }
            // Metricbeat and Elastic Agent; OpenTelemetry's receivers of events and of objects (both versions of the interface);
            // exporters that ship the event as it is.
            Self::Reason => {
                const {
                    &[
                        words("kubernetes.event.reason"),
                        words("attributes.k8s.event.reason"),
                        words("k8s.event.reason"),
                        words("body.structured.object.reason"),
                        words("body.structured.reason"),
                        words("object.reason"),
                        words("event.reason"),
                        words("reason"),
                    ]
                }
            }
            Self::ObjectKind => {
                const {
                    &[
                        words("kubernetes.event.involved_object.kind"),
                        words("resource.attributes.k8s.object.kind"),
                        words("k8s.object.kind"),
                        words("body.structured.object.regarding.kind"),
                        words("body.structured.object.involvedObject.kind"),
                        words("body.structured.regarding.kind"),
                        words("body.structured.involvedObject.kind"),
                        words("object.regarding.kind"),
                        words("object.involvedObject.kind"),
                        words("event.involvedObject.kind"),
                        words("involvedObject.kind"),
                    ]
                }
            }
            Self::ObjectName => {
                const {
                    &[
                        words("kubernetes.event.involved_object.name"),
                        words("resource.attributes.k8s.object.name"),
                        words("k8s.object.name"),
                        words("body.structured.object.regarding.name"),
                        words("body.structured.object.involvedObject.name"),
                        words("body.structured.regarding.name"),
                        words("body.structured.involvedObject.name"),
                        words("object.regarding.name"),
                        words("object.involvedObject.name"),
                        words("event.involvedObject.name"),
                        words("involvedObject.name"),
                    ]
                }
            }
            Self::Occurrences => {
                const { &[numeric("kubernetes.event.count"), numeric("attributes.k8s.event.count"), numeric("k8s.event.count")] }
            }
        }
    }
}
