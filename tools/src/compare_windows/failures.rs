//! Who failed first in a trace. Knows documents; knows no search and no statistics.

use super::ablation::{Part, is_off};
use crate::{
    look::Hit,
    mining::{headline, mask},
    params::Level,
    schema::Role,
    spans::{Span, nanoseconds},
};

/// The failure of a trace that was first complete: a span fails when it ends, so that of nested ones the innermost comes first. Those that
/// fail because of it, its callers, come later.
#[derive(Debug, Default)]
pub(super) struct FirstFailure {
    first: Option<Failure>,
}

#[derive(Debug)]
struct Failure {
    end_ns: i64,
    service: usize,
    /// What it is known by; none of a line at level error that gives neither status nor outcome, which is a pattern of its own.
    name: Option<String>,
}

impl FirstFailure {
    /// Notes a document of a service, with its span where it is one.
    pub(super) fn note(&mut self, hit: &Hit<'_>, service: usize, span: Option<&Span>) {
        let answers = hit.answers_failure();
        if is_off(Part::Failure) || !answers && hit.level().is_none_or(|level| level < Level::Error) {
            return;
        }
        let Some(end_ns) = span.map(Span::end_ns).or_else(|| hit.time.map(nanoseconds)) else { return };
        if self.first.as_ref().is_some_and(|first| first.end_ns <= end_ns) {
            return;
        }
        let said = || hit.text(Role::Message).map(|message| mask(headline(&message))).unwrap_or_default();
        let name = answers.then(|| span.map_or_else(said, |span| span.name.clone()));
        self.first = Some(Failure { end_ns, service, name });
    }

    /// The service, and the key of the pattern that says so.
    pub(super) fn pattern(&self) -> Option<(usize, String)> {
        let Failure { service, name, .. } = self.first.as_ref()?;
        Some((*service, format!("first failure: {}", name.as_ref()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::look::Value;

    fn document(values: &[(Role, &'static str)], time_ms: i64, is_span: bool) -> Hit<'static> {
        let values = values.iter().map(|(role, text)| ((*role).into(), vec![Value::Text((*text).into())])).collect();
        let time = jiff::Timestamp::from_millisecond(time_ms).ok();
        Hit { index: "logs".into(), id: "1".into(), time, values, source: None, is_span }
    }

    /// Name, outcome, start and duration in milliseconds.
    fn span(name: &str, outcome: &'static str, start: i64, duration: i64) -> (Hit<'static>, Span) {
        let ns = |ms: i64| ms * 1_000_000;
        let span = Span { name: name.to_owned(), start_ns: ns(start), duration_ns: ns(duration), ..Span::default() };
        (document(&[(Role::Outcome, outcome)], start, true), span)
    }

    #[test]
    fn of_nested_spans_the_innermost_that_fails_is_the_first() {
        let mut first = FirstFailure::default();
        for (service, (hit, span)) in
            [span("GET /", "failure", 0, 9), span("charge", "failure", 2, 5), span("book", "success", 3, 1)].iter().enumerate()
        {
            first.note(hit, service, Some(span));
        }
        assert_eq!(first.pattern(), Some((1, "first failure: charge".to_owned())));
    }

    #[test]
    fn an_error_line_is_a_pattern_already_and_comes_before_those_who_answer_with_it() {
        let mut first = FirstFailure::default();
        let answer = document(&[(Role::Status, "502"), (Role::Message, "POST /buy 17")], 9, false);
        first.note(&answer, 0, None);
        assert_eq!(first.pattern(), Some((0, "first failure: POST /buy <*>".to_owned())));
        first.note(&document(&[(Role::Level, "ERROR"), (Role::Message, "no funds")], 5, false), 1, None);
        assert_eq!(first.pattern(), None);
        first.note(&document(&[(Role::Status, "404")], 1, false), 2, None);
        assert_eq!(first.pattern(), None);
    }
}
