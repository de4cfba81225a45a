//! The allow-list: which names may be asked for, and which concrete indices may answer. Knows no engine.

use std::fmt;

use elk_mcp_tools::{
    dsl::{IndexExpression, IndexPattern, InvalidIndex},
    engine::{EngineError, EngineErrorKind},
};

/// Patterns of names that may be read. Hidden names are never among them, whatever the patterns say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowList(IndexExpression);

impl AllowList {
    /// Parses a comma-separated list of names and patterns.
    ///
    /// # Errors
    /// As [`IndexExpression::parse`].
    pub fn parse(text: &str) -> Result<Self, InvalidIndex> {
        IndexExpression::parse(text).map(Self)
    }

    /// The list as an expression: the widest one that passes.
    pub fn expression(&self) -> &IndexExpression {
        &self.0
    }

    /// Refuses an expression that can reach anything outside the list. Says nothing about what exists, so that the answer
    /// for a forbidden name is the same whether it exists or not.
    pub(super) fn check(&self, expression: &IndexExpression) -> Result<(), EngineError> {
        match expression.patterns().iter().find(|asked| !self.includes(asked)) {
            None => Ok(()),
            Some(outside) => Err(self.refusal(outside.as_str())),
        }
    }

    /// The refusal of a name or pattern that the caller gave.
    pub(super) fn refusal(&self, name: &str) -> EngineError {
        EngineError::new(EngineErrorKind::NotAllowed, format!("refused by the guard, which allows {self}"))
            .about(name)
            .allowing(self.to_string())
    }

    /// Whether all that a pattern can match is allowed by one of the list's patterns.
    pub fn includes(&self, asked: &IndexPattern) -> bool {
        self.0.patterns().iter().any(|allowed| allowed.includes(asked))
    }

    /// Whether a name of the cluster (an index, an alias, a data stream) matches the list.
    pub(super) fn covers(&self, name: &str) -> bool {
        !name.starts_with('.') && self.0.patterns().iter().any(|allowed| allowed.matches(name))
    }

    /// Whether documents of a concrete index may be shown: it matches, or it is a mounted snapshot of one that does, or
    /// it stands behind a data stream that does.
    pub(super) fn covers_concrete(&self, index: &str) -> bool {
        let unmounted = index.strip_prefix("partial-").or_else(|| index.strip_prefix("restored-")).unwrap_or(index);
        self.covers(index) || self.covers(unmounted) || stream_of(unmounted).is_some_and(|stream| self.covers(stream))
    }
}

impl fmt::Display for AllowList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The data stream that a backing index belongs to, by its name: `.ds-NAME-yyyy.MM.dd-000001`, or without the date as
/// Elasticsearch 7.9 and 7.10 and OpenSearch write it.
fn stream_of(index: &str) -> Option<&str> {
    let rest = index.strip_prefix(".ds-")?;
    let (rest, generation) = rest.rsplit_once('-')?;
    if generation.len() < 6 || !generation.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let name = match rest.rsplit_once('-') {
        Some((name, date)) if is_date(date) => name,
        _ => rest,
    };
    (!name.is_empty()).then_some(name)
}

fn is_date(text: &str) -> bool {
    let mut parts = text.split('.');
    let mut digits = |count| parts.next().is_some_and(|part| part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit()));
    digits(4) && digits(2) && digits(2) && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(index: &str, allowed: bool) {
        assert_eq!(AllowList::parse("logs-*,app").unwrap().covers_concrete(index), allowed, "{index}");
    }

    #[test]
    fn concrete_indices_of_allowed_names_are_covered() {
        for index in [
            "logs-a",
            "app",
            ".ds-logs-a-2026.11.22-000001",
            ".ds-logs-a-b-2026.11.22-123456",
            ".ds-app-000001",
            "partial-logs-a",
            "restored-.ds-logs-a-2026.11.22-000001",
        ] {
            check(index, true);
        }
    }

    #[test]
    fn concrete_indices_of_other_names_are_not() {
        for index in [
            "payroll",
            "app-1",
            ".logs-a",
            ".ds-payroll-2026.11.22-000001",
            ".ds-logs-a",
            ".ds-logs-a-2026.11.22",
            ".ds-app-secret-2026.11.22-000001",
            ".ds--000001",
            "partial-payroll",
            "partial-partial-logs-a",
            ".security",
        ] {
            check(index, false);
        }
    }

    #[test]
    fn hidden_names_are_not_covered_by_a_star() {
        let everything = AllowList::parse("*").unwrap();
        assert!(everything.covers_concrete("payroll") && everything.covers_concrete(".ds-payroll-2026.11.22-000001"));
        assert!(!everything.covers_concrete(".security-7") && !everything.covers_concrete(".ds-.slm-history-7-2026.11.22-000001"));
    }

    #[test]
    fn a_refusal_names_the_part_that_was_asked_and_is_not_allowed() {
        let list = AllowList::parse("logs-*,app").unwrap();
        let refused = |text| list.check(&IndexExpression::parse(text).unwrap()).unwrap_err();
        assert_eq!(refused("*").subject, "*");
        assert_eq!(refused("logs-a,payroll").subject, "payroll");
        assert!(list.check(&IndexExpression::parse("logs-a,app").unwrap()).is_ok());
    }
}
