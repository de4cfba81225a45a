//! What a tool answers when it cannot: errors that the caller can mend, in one closed list of codes.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    answer::clean,
    engine::{EngineError, EngineErrorKind},
};

/// The published error codes. Each has a page in `docs/errors.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// An argument is unknown, of the wrong type, or out of range.
    BadArgument,
    /// A time cannot be read, or the start is after the end.
    BadTime,
    /// The query text cannot be parsed, or asks for something that is not supported.
    BadQuery,
    /// The cursor is not one of ours, or belongs to another search.
    BadCursor,
    /// The time range is longer than the limit.
    WindowTooLarge,
    /// No such index, alias or data stream.
    UnknownIndex,
    /// The index is outside the allow-list.
    IndexNotAllowed,
    /// The index is closed.
    IndexClosed,
    /// No such field in the indices asked, or no field with that role.
    UnknownField,
    /// The field is analysed text (or an object) and cannot be grouped by or sorted.
    FieldNotGroupable,
    /// No connection to the cluster.
    ClusterUnreachable,
    /// The cluster rejected the search because it is overloaded.
    ClusterBusy,
    /// The cluster, or a proxy in front of it, is not available.
    ClusterUnavailable,
    /// The search took longer than allowed.
    QueryTimeout,
    /// The connection to the cluster ended in the middle of a reply.
    UpstreamInterrupted,
    /// The cluster's reply is not what Elasticsearch writes.
    BadUpstreamResponse,
    /// The cluster's reply is above the size cap.
    UpstreamTooLarge,
    /// TLS to the cluster failed.
    UpstreamTlsError,
    /// The cluster does not accept the server's credential.
    UpstreamUnauthorized,
    /// The server's credential lacks a privilege.
    UpstreamForbidden,
    /// Too many calls.
    RateLimited,
    /// The caller went away or cancelled.
    Cancelled,
    /// A fault of the server itself.
    Internal,
}

impl Code {
    /// Every code, in the order of the documentation.
    pub const ALL: [Code; 23] = [
        Self::BadArgument,
        Self::BadTime,
        Self::BadQuery,
        Self::BadCursor,
        Self::WindowTooLarge,
        Self::UnknownIndex,
        Self::IndexNotAllowed,
        Self::IndexClosed,
        Self::UnknownField,
        Self::FieldNotGroupable,
        Self::ClusterUnreachable,
        Self::ClusterBusy,
        Self::ClusterUnavailable,
        Self::QueryTimeout,
        Self::UpstreamInterrupted,
        Self::BadUpstreamResponse,
        Self::UpstreamTooLarge,
        Self::UpstreamTlsError,
        Self::UpstreamUnauthorized,
        Self::UpstreamForbidden,
        Self::RateLimited,
        Self::Cancelled,
        Self::Internal,
    ];

    /// The code as it is published.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadArgument => "bad_argument",
            Self::BadTime => "bad_time",
            Self::BadQuery => "bad_query",
            Self::BadCursor => "bad_cursor",
            Self::WindowTooLarge => "window_too_large",
            Self::UnknownIndex => "unknown_index",
            Self::IndexNotAllowed => "index_not_allowed",
            Self::IndexClosed => "index_closed",
            Self::UnknownField => "unknown_field",
            Self::FieldNotGroupable => "field_not_groupable",
            Self::ClusterUnreachable => "cluster_unreachable",
            Self::ClusterBusy => "cluster_busy",
            Self::ClusterUnavailable => "cluster_unavailable",
            Self::QueryTimeout => "query_timeout",
            Self::UpstreamInterrupted => "upstream_interrupted",
            Self::BadUpstreamResponse => "bad_upstream_response",
            Self::UpstreamTooLarge => "upstream_too_large",
            Self::UpstreamTlsError => "upstream_tls_error",
            Self::UpstreamUnauthorized => "upstream_unauthorized",
            Self::UpstreamForbidden => "upstream_forbidden",
            Self::RateLimited => "rate_limited",
            Self::Cancelled => "cancelled",
            Self::Internal => "internal",
        }
    }

    /// Whether the same call may succeed later without a change.
    pub fn is_retryable(self) -> bool {
        matches!(
            self,
            Self::ClusterUnreachable
                | Self::ClusterBusy
                | Self::ClusterUnavailable
                | Self::QueryTimeout
                | Self::UpstreamInterrupted
                | Self::RateLimited
        )
    }
}

/// An error that the caller sees: what failed, which value, and what would work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{}: {message}", code.as_str())]
pub struct ToolError {
    /// One of the published codes.
    pub code: Code,
    /// What failed and which value.
    pub message: String,
    /// Whether the same call may succeed later.
    pub retryable: bool,
    /// What would work.
    pub next_step: String,
    /// For the log only: hosts, the engine's own words.
    #[serde(skip)]
    pub detail: String,
}

impl ToolError {
    /// An error with what would work instead. Both texts may repeat what callers wrote: they are cleaned like log lines.
    pub fn new(code: Code, message: impl Into<String>, next_step: impl Into<String>) -> Self {
        let (message, next_step) = (cleaned(message.into()), cleaned(next_step.into()));
        Self { code, message, retryable: code.is_retryable(), next_step, detail: String::new() }
    }

    /// The form a model reads: begins with the code.
    pub fn text(&self) -> String {
        format!("{}: {}\n{}", self.code.as_str(), self.message, self.next_step)
    }
}

fn cleaned(text: String) -> String {
    match clean(&text) {
        (Cow::Owned(cleaned), _) => cleaned,
        (Cow::Borrowed(_), _) => text,
    }
}

impl From<EngineError> for ToolError {
    fn from(error: EngineError) -> Self {
        use EngineErrorKind as Kind;
        let subject = &error.subject;
        let (code, message, next_step) = match error.kind {
            Kind::Unreachable => (
                Code::ClusterUnreachable,
                "the cluster does not accept connections".to_owned(),
                "try again in a few seconds; if it lasts, its operator has to look at the cluster's address and health",
            ),
            Kind::Busy => (
                Code::ClusterBusy,
                "the cluster rejected the search because it is overloaded".to_owned(),
                "wait a few seconds, then ask with a shorter time range or a narrower filter",
            ),
            Kind::Unavailable => {
                (Code::ClusterUnavailable, "the cluster is not available at the moment".to_owned(), "try again in a few seconds")
            }
            Kind::Timeout => (
                Code::QueryTimeout,
                "the search took longer than a call may take".to_owned(),
                "ask with a shorter time range, a single service, or a narrower index",
            ),
            Kind::Interrupted => (
                Code::UpstreamInterrupted,
                "the connection to the cluster ended in the middle of its reply".to_owned(),
                "try the same call again",
            ),
            Kind::BadReply => (
                Code::BadUpstreamResponse,
                "what answered is not a search engine's reply".to_owned(),
                "the operator has to check that the configured address is Elasticsearch or OpenSearch itself",
            ),
            Kind::TooLarge => (
                Code::UpstreamTooLarge,
                "the cluster's reply is above the size cap".to_owned(),
                "ask for fewer rows, a shorter time range, or a narrower index pattern",
            ),
            Kind::Tls => (
                Code::UpstreamTlsError,
                if subject.is_empty() { "TLS to the cluster failed".to_owned() } else { format!("TLS to the cluster failed: {subject}") },
                "the operator has to check the certificate: its name, its expiry, and the CA given by --es-ca-cert",
            ),
            Kind::Unauthorized => (
                Code::UpstreamUnauthorized,
                "the cluster does not accept the server's credential".to_owned(),
                "the operator has to renew the API key or password that the server is configured with",
            ),
            Kind::Forbidden => (
                Code::UpstreamForbidden,
                if subject.is_empty() {
                    "the server's credential may not read this".to_owned()
                } else {
                    format!("the server's credential may not read `{subject}`")
                },
                "ask about another index (list_indices shows them), or have read and view_index_metadata granted",
            ),
            Kind::UnknownIndex => (
                Code::UnknownIndex,
                if subject.is_empty() {
                    "an index went away, or was renamed, while it was searched".to_owned()
                } else {
                    format!("no index, alias or data stream matches `{subject}`")
                },
                "list_indices shows what can be searched",
            ),
            Kind::NotAllowed => (
                Code::IndexNotAllowed,
                format!("`{subject}` is outside the indices that this server may search"),
                "list_indices shows what can be searched; leave `index` out to use the default",
            ),
            Kind::ClosedIndex => (
                Code::IndexClosed,
                format!("the index `{subject}` is closed"),
                "ask about another index; a closed one has to be opened by its operator first",
            ),
            Kind::Rejected => (
                Code::BadUpstreamResponse,
                "the cluster refused the search as malformed".to_owned(),
                "try without the last filter or group_by; describe_fields shows what each field can do",
            ),
        };
        let next_step = match error.allowed.as_str() {
            "" => next_step.to_owned(),
            allowed => format!("allowed are {allowed}; {next_step}"),
        };
        Self { code, message, retryable: code.is_retryable(), next_step, detail: error.detail }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Code, ToolError};
    use crate::testing::{ECS, play};

    const PAGE: &str = include_str!("../../docs/errors.md");

    /// The sections of the page: heading and text.
    fn sections() -> Vec<(&'static str, &'static str)> {
        PAGE.split("\n## ").skip(1).map(|section| section.split_once('\n').unwrap()).collect()
    }

    #[test]
    fn what_callers_wrote_comes_back_clean_and_on_one_line() {
        let error = ToolError::new(Code::BadArgument, "a\u{1b}[31mb\u{202e}c", "d\u{200b}e");
        assert_eq!((error.message.as_str(), error.next_step.as_str()), ("abc", "de"));
        let played = play("aggregate_logs", json!({"group_by": "\u{1b}[31mx\nnext: y"}), ECS, []);
        assert_eq!(played.error().message, "no index of `logs-a` has a field ` [31mx next: y`");
    }

    #[test]
    fn every_code_has_a_section_of_the_documentation_in_the_same_order() {
        let headings: Vec<&str> = sections().into_iter().map(|(heading, _)| heading).collect();
        assert_eq!(headings, Code::ALL.map(Code::as_str));
    }

    #[test]
    fn the_documentation_says_what_to_do_and_whether_to_repeat() {
        for ((heading, text), code) in sections().into_iter().zip(Code::ALL) {
            for part in ["- **Causes:** ", "- **What to do:** ", "- **Retryable:** "] {
                assert!(text.contains(part), "{heading}: {part}");
            }
            let retryable = if code.is_retryable() { "yes" } else { "no" };
            assert!(text.trim_end().ends_with(&format!("- **Retryable:** {retryable}")), "{heading} is retryable: {retryable}");
        }
    }

    #[test]
    fn the_published_code_is_what_is_serialised() {
        for code in Code::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }
}
