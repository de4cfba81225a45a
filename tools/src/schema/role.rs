//! The roles that fields play in an investigation, whatever the fields are called. Knows no field.

macro_rules! roles {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal;)+) => {
        /// What a field means, whatever it is called.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Role {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Role {
            /// Every role, in the order `describe_fields` shows them.
            pub const ALL: &'static [Role] = &[$(Role::$variant,)+];

            /// The name that arguments and columns use.
            pub fn name(self) -> &'static str {
                match self {
                    $(Role::$variant => $name,)+
                }
            }
        }
    };
}

roles! {
    /// When the event happened.
    Time = "time";
    /// Severity.
    Level = "level";
    /// What the line says.
    Message = "message";
    /// Which service wrote it.
    Service = "service";
    /// On which host.
    Host = "host";
    /// In which Kubernetes pod.
    Pod = "pod";
    /// In which Kubernetes namespace.
    Namespace = "namespace";
    /// In which container.
    Container = "container";
    /// The trace it belongs to.
    TraceId = "trace_id";
    /// The span it belongs to, or is.
    SpanId = "span_id";
    /// The span that caused its span.
    ParentSpanId = "parent_span_id";
    /// What a span is called.
    SpanName = "span_name";
    /// Server, client, internal.
    SpanKind = "span_kind";
    /// HTTP method.
    Method = "method";
    /// HTTP path or route.
    Path = "path";
    /// HTTP status code.
    Status = "status";
    /// Success or failure, in words.
    Outcome = "outcome";
    /// How long it took.
    Duration = "duration_ms";
    /// The logger, class or module.
    Logger = "logger";
    /// The line of code.
    Line = "line";
    /// A code that names the kind of event.
    EventCode = "event_code";
    /// The message with its values left out, as the program has it.
    Template = "template";
    /// The exception's class.
    ErrorType = "error_type";
    /// What the exception says.
    ErrorMessage = "error_message";
    /// The stack trace.
    Stack = "stack";
    /// The version of the service.
    Version = "version";
    /// The container image.
    Image = "image";
    /// The image's tag, where it is apart from the name.
    ImageTag = "image_tag";
    /// The Kubernetes deployment.
    Deployment = "deployment";
    /// The replica set: a new one is a rollout.
    ReplicaSet = "replica_set";
    /// What was done, in audit logs (`PutImage`, `patch`).
    Action = "action";
    /// Where it was done, in audit logs (`ecr.amazonaws.com`).
    Provider = "provider";
    /// Who did it, in audit logs.
    User = "user";
    /// What it was done to, in audit logs.
    Resource = "resource";
    /// Further parameters of what was done, in audit logs.
    Parameters = "parameters";
    /// Why Kubernetes wrote an event (`BackOff`).
    Reason = "event_reason";
    /// What kind of object a Kubernetes event is about (`Pod`).
    ObjectKind = "object_kind";
    /// Which object a Kubernetes event is about.
    ObjectName = "object_name";
    /// How often a Kubernetes event happened.
    Occurrences = "event_count";
}

impl Role {
    /// Reads a role's name, also in the spellings that callers use for it.
    pub fn parse(name: &str) -> Option<Self> {
        let found = Self::ALL.iter().copied().find(|role| role.name() == name);
        found.or(match name {
            "timestamp" | "@timestamp" => Some(Self::Time),
            "duration" => Some(Self::Duration),
            "endpoint" | "route" => Some(Self::Path),
            "status_code" => Some(Self::Status),
            "trace" | "traceId" => Some(Self::TraceId),
            "replicaset" => Some(Self::ReplicaSet),
            _ => None,
        })
    }
}
