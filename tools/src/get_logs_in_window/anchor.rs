//! What `around` means: a moment, or a document by its index and id. Knows no reply.

use jiff::Timestamp;

use crate::{
    error::{Code, ToolError},
    look::{Field, Filter, Hit},
    params::{Moment, Scope},
};

use super::Within;

/// What `around` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Anchor {
    /// A moment.
    Time(Timestamp),
    /// A document.
    Document { index: String, id: String },
}

impl Anchor {
    /// Reads `around`.
    ///
    /// # Errors
    /// `bad_time` when it is neither.
    pub(super) fn parse(around: &Moment, now: Timestamp) -> Result<Self, ToolError> {
        let error = match around.resolve("around", now) {
            Ok(time) => return Ok(Self::Time(time)),
            Err(error) => error,
        };
        match around.as_str().split_once('/') {
            Some((index, id)) if !index.is_empty() && !id.is_empty() && !index.contains(char::is_whitespace) => {
                Ok(Self::Document { index: index.to_owned(), id: id.to_owned() })
            }
            _ => Err(ToolError::new(
                Code::BadTime,
                format!("{}, nor the index/id of a document", error.message),
                format!("{}; or index/id as in a row of search_logs", Moment::EXAMPLES),
            )),
        }
    }
}

/// The condition that a line is of the same pod, host, trace or service as a document.
///
/// # Errors
/// `bad_argument` when the document does not say.
pub(super) fn same(within: Within, hit: &Hit<'_>) -> Result<Filter, ToolError> {
    let role = within.role();
    if let Some(value) = hit.text(role) {
        return Ok(Filter::is(role, value.into_owned()));
    }
    let has: Vec<&str> = Within::ALL.into_iter().filter(|within| hit.text(within.role()).is_some()).map(Within::name).collect();
    let next =
        if has.is_empty() { "leave `scope` out".to_owned() } else { format!("it has a {}: use one of these as `scope`", has.join(", a ")) };
    Err(ToolError::new(Code::BadArgument, format!("the document has no {}", within.name()), next))
}

/// Without a document, the caller's own conditions must say which pod, host, trace or service is meant.
///
/// # Errors
/// `bad_argument` when they do not.
pub(super) fn said(within: Within, scope: &Scope, now: Timestamp) -> Result<(), ToolError> {
    if scope.fields(now).contains(&Field::Role(within.role())) {
        return Ok(());
    }
    let name = within.name();
    Err(ToolError::new(
        Code::BadArgument,
        format!("`scope` is `{name}`, but `around` is no document that would have one"),
        format!(
            "give `around` as index/id, or name the {name}: filters=[{{\"field\": \"{}\", \"op\": \"is\", \"value\": …}}]",
            within.role().name()
        ),
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    fn check(around: &str, expected: Option<(&str, &str)>) {
        let anchor = Anchor::parse(&from_value::<Moment>(json!(around)).unwrap(), "2026-03-25T15:00:00Z".parse().unwrap()).unwrap();
        let document = expected.map(|(index, id)| Anchor::Document { index: index.to_owned(), id: id.to_owned() });
        assert!(document.as_ref().is_none_or(|document| *document == anchor), "{around}: {anchor:?}");
        assert_eq!(document.is_some(), matches!(anchor, Anchor::Document { .. }), "{around}");
    }

    #[test]
    fn a_moment_or_a_document_is_meant() {
        check("2026-03-25T14:52:57Z", None);
        check("now/d", None);
        check("1774450377", None);
        check("logs-2026.03.25/x1", Some(("logs-2026.03.25", "x1")));
        check(".ds-logs-app-000001/a/b-c", Some((".ds-logs-app-000001", "a/b-c")));
    }

    #[test]
    fn what_is_neither_says_what_would_work() {
        for around in ["x1", "/x1", "logs-a/", "a b/c"] {
            let error = Anchor::parse(&from_value::<Moment>(json!(around)).unwrap(), Timestamp::UNIX_EPOCH).unwrap_err();
            assert_eq!(error.code, Code::BadTime, "{around}");
            assert!(error.next_step.contains("index/id"));
        }
    }
}
