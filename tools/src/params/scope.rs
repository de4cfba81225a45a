//! The arguments that every tool shares: where, when, and which documents. Knows no engine.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    FieldFilter, Flag, Moment, OneOrMany, Text, TimeSpan, TokenBudget, Window,
    condition::{level_words, union, unknown_level},
    filters, query,
    text::shown,
};
use crate::{
    dsl::{IndexExpression, Scalar},
    error::{Code, ToolError},
    look::{Field, Filter},
    schema::Role,
};

/// The length of a window that names no start, and of one around a moment that names no width.
const DEFAULT_WINDOW: SignedDuration = SignedDuration::from_hours(1);

// A comment of this struct or its fields is published with each of the thirteen tools: what needs none, has none.
//
// `index`, `service` and `level` are published as strings, with commas for lists; JSON lists are accepted all the same.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Scope {
    pub cluster: Option<Text>,
    #[schemars(with = "Text")]
    pub index: Option<OneOrMany<Text>>,
    /// RFC 3339, epoch, now-15m. Default now-1h
    pub start: Option<Moment>,
    pub end: Option<Moment>,
    pub around: Option<Moment>,
    pub window: Option<TimeSpan>,
    #[schemars(with = "Text")]
    pub service: Option<OneOrMany<Text>>,
    /// error+ = and worse
    #[schemars(with = "Text")]
    pub level: Option<OneOrMany<Text>>,
    /// Words, "phrase", field:value, n:>5, pre*, AND OR NOT
    pub query: Option<Text>,
    #[serde(deserialize_with = "filters::list")]
    #[schemars(with = "Vec<FieldFilter>")]
    pub filters: Option<Vec<FieldFilter>>,
    pub max_tokens: Option<TokenBudget>,
    pub cursor: Option<Text>,
    pub explain: Flag,
}

impl Scope {
    /// The window of time that is asked for: from an hour before its end, to now, where nothing else is said.
    ///
    /// `max_window_s` is the longest range accepted, in seconds.
    ///
    /// # Errors
    /// `bad_time` when a time cannot be read or the window is empty, `window_too_large` above the limit,
    /// `bad_argument` when the arguments contradict each other.
    pub fn window(&self, now: Timestamp, max_window_s: u64) -> Result<Window, ToolError> {
        if let Some(around) = &self.around {
            if self.start.is_some() || self.end.is_some() {
                return Err(ToolError::new(
                    Code::BadArgument,
                    "`around` does not go together with `start` and `end`",
                    "give `around` and `window`, or `start` and `end`",
                ));
            }
            let middle = around.resolve("around", now)?;
            let half = self.window.map_or(DEFAULT_WINDOW, TimeSpan::duration) / 2;
            return Window::checked("", moved(middle, -half)?, moved(middle, half)?, max_window_s);
        }
        let start = self.start.as_ref().map(|start| start.resolve("start", now)).transpose()?;
        let end = self.end.as_ref().map(|end| end.resolve("end", now)).transpose()?;
        let width = self.window.map(TimeSpan::duration);
        let (start, end) = match (start, end, width) {
            (Some(_), Some(_), Some(_)) => {
                return Err(ToolError::new(
                    Code::BadArgument,
                    "`window` does not go together with both `start` and `end`",
                    "leave one of the three out, or give `around` and `window`",
                ));
            }
            (Some(start), Some(end), None) => (start, end),
            (Some(start), None, Some(width)) => (start, moved(start, width)?),
            (Some(start), None, None) => (start, now),
            (None, end, width) => {
                let end = end.unwrap_or(now);
                (moved(end, -width.unwrap_or(DEFAULT_WINDOW))?, end)
            }
        };
        Window::checked("", start, end, max_window_s)
    }

    /// Reads times and conditions for a tool that has no use for them: what is wrong is told all the same.
    ///
    /// # Errors
    /// As [`Scope::window`] and [`Scope::clauses`].
    pub fn check(&self, now: Timestamp, max_window_s: u64) -> Result<(), ToolError> {
        self.window(now, max_window_s)?;
        self.clauses(now).map(drop)
    }

    /// Every condition on documents besides the time, each with how the caller wrote it. All must hold.
    ///
    /// # Errors
    /// `bad_argument`, `bad_time` or `bad_query` for what cannot be read.
    pub fn clauses(&self, now: Timestamp) -> Result<Vec<(String, Filter)>, ToolError> {
        let mut clauses = Vec::new();
        if let Some(services) = &self.service {
            let names: Vec<&str> = services.members().iter().map(Text::as_str).collect();
            let values = names.iter().copied().map(Scalar::from).collect();
            clauses.push((format!("service {}", shown(&names.join(", "))), Filter::Is(Role::Service.into(), values)));
        }
        if let Some(words) = &self.level {
            let words: Vec<&str> = words.members().iter().map(Text::as_str).collect();
            let levels = words.iter().map(|word| level_words(word).ok_or_else(|| unknown_level(word))).collect::<Result<Vec<_>, _>>()?;
            clauses.push((format!("level {}", shown(&words.join(", "))), Filter::Levels(union(levels))));
        }
        if let Some(text) = &self.query {
            clauses.extend(query::parse(text.as_str(), now)?.into_iter().map(|clause| (clause.written, clause.filter)));
        }
        let conditions = self.filters.as_deref().unwrap_or_default();
        filters::check(conditions)?;
        for condition in conditions {
            clauses.push((condition.written(), condition.filter(now)?));
        }
        Ok(clauses)
    }

    /// All conditions on documents besides the time, as one.
    ///
    /// # Errors
    /// `bad_argument`, `bad_time` or `bad_query` for what cannot be read.
    pub fn filter(&self, now: Timestamp) -> Result<Filter, ToolError> {
        let mut filters: Vec<Filter> = self.clauses(now)?.into_iter().map(|(_, filter)| filter).collect();
        Ok(match filters.len() {
            0 => Filter::All,
            1 => filters.swap_remove(0),
            _ => Filter::And(filters),
        })
    }

    /// The fields that the conditions name, each once. None when the conditions cannot be read: [`Scope::filter`]
    /// tells why.
    pub fn fields(&self, now: Timestamp) -> Vec<Field> {
        let mut fields = Vec::new();
        if let Ok(filter) = self.filter(now) {
            filter.visit_fields(&mut |field| fields.push(field.clone()));
        }
        fields.sort();
        fields.dedup();
        fields
    }

    /// The indices that are asked for; none when the default is meant.
    ///
    /// # Errors
    /// `index_not_allowed` when the text is no index expression.
    pub fn index(&self) -> Result<Option<IndexExpression>, ToolError> {
        let Some(index) = &self.index else { return Ok(None) };
        let names: Vec<&str> = index.members().iter().map(Text::as_str).collect();
        IndexExpression::parse(&names.join(",")).map(Some).map_err(|invalid| {
            ToolError::new(
                Code::IndexNotAllowed,
                format!("`index`: {invalid}"),
                "list_indices shows what can be searched; leave `index` out to use the default",
            )
        })
    }

    /// How many tokens the answer may have.
    pub fn max_tokens(&self, default: u32) -> u32 {
        self.max_tokens.map_or(default, TokenBudget::value)
    }

    /// Checks that the cluster named is one there is.
    ///
    /// # Errors
    /// `bad_argument` that says which exist.
    pub fn check_cluster(&self, names: &[&str]) -> Result<(), ToolError> {
        match &self.cluster {
            Some(cluster) if !names.contains(&cluster.as_str()) => Err(ToolError::new(
                Code::BadArgument,
                format!("`cluster` is `{}`, which is not configured", shown(cluster.as_str())),
                format!("leave `cluster` out, or use one of: {}", names.join(", ")),
            )),
            _ => Ok(()),
        }
    }
}

fn moved(moment: Timestamp, by: SignedDuration) -> Result<Timestamp, ToolError> {
    moment
        .checked_add(by)
        .map_err(|_| ToolError::new(Code::BadTime, format!("the window around {moment} leaves the calendar"), Moment::EXAMPLES))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;
    use crate::params::Level;

    const NOW: &str = "2026-03-25T14:00:00Z";
    const WEEK: u64 = 7 * 86_400;

    fn now() -> Timestamp {
        NOW.parse().unwrap()
    }

    fn scope(arguments: Value) -> Scope {
        from_value(arguments).unwrap()
    }

    fn window(arguments: Value) -> Result<String, Code> {
        let window = scope(arguments).window(now(), WEEK).map_err(|error| error.code)?;
        Ok(format!("{} {}", window.start(), window.end()))
    }

    #[test]
    fn a_window_is_the_last_hour_unless_told_otherwise() {
        for (arguments, expected) in [
            (json!({}), "2026-03-25T13:00:00Z 2026-03-25T14:00:00Z"),
            (json!({"start": "now-2h"}), "2026-03-25T12:00:00Z 2026-03-25T14:00:00Z"),
            (json!({"end": "2026-03-20"}), "2026-03-19T23:00:00Z 2026-03-20T00:00:00Z"),
            (json!({"start": 1_774_440_000, "end": "1774443600000"}), "2026-03-25T12:00:00Z 2026-03-25T13:00:00Z"),
            (json!({"window": "15m"}), "2026-03-25T13:45:00Z 2026-03-25T14:00:00Z"),
            (json!({"start": "2026-03-25", "window": 60}), "2026-03-25T00:00:00Z 2026-03-25T00:01:00Z"),
            (json!({"around": "2026-03-25T12:00:00Z", "window": "10m"}), "2026-03-25T11:55:00Z 2026-03-25T12:05:00Z"),
            (json!({"around": "2026-03-25T12:00:00Z"}), "2026-03-25T11:30:00Z 2026-03-25T12:30:00Z"),
            (json!({"start": "now-7d"}), "2026-03-18T14:00:00Z 2026-03-25T14:00:00Z"),
        ] {
            assert_eq!(window(arguments.clone()).as_deref(), Ok(expected), "{arguments}");
        }
    }

    #[test]
    fn a_window_that_is_none_says_why() {
        for (arguments, code) in [
            (json!({"start": "now", "end": "now-1h"}), Code::BadTime),
            (json!({"start": "now", "end": "now"}), Code::BadTime),
            (json!({"start": "soon"}), Code::BadTime),
            (json!({"start": "now-10y"}), Code::WindowTooLarge),
            (json!({"start": "now-7d", "end": "now+1s"}), Code::WindowTooLarge),
            (json!({"around": "now", "start": "now-1h"}), Code::BadArgument),
            (json!({"start": "now-2h", "end": "now", "window": "1h"}), Code::BadArgument),
            (json!({"around": "-9999-01-01"}), Code::BadTime),
        ] {
            assert_eq!(window(arguments.clone()), Err(code), "{arguments}");
        }
        let error = scope(json!({"start": "now+1h"})).window(now(), WEEK).unwrap_err();
        assert_eq!(error.message, "`start` (2026-03-25T15:00:00Z) is after `end` (2026-03-25T14:00:00Z)");
        let error = scope(json!({"start": "now-10y"})).window(now(), WEEK).unwrap_err();
        assert!(error.message.ends_with("the limit is 7 days"), "{}", error.message);
    }

    #[test]
    fn every_condition_is_a_clause_with_the_callers_words() {
        let scope = scope(json!({
            "service": "a,b", "level": "error+", "query": "timeout status:>=500 \"no route\"",
            "filters": [{"field": "pod", "op": "prefix", "value": "a-"}],
        }));
        let clauses = scope.clauses(now()).unwrap();
        let written: Vec<&str> = clauses.iter().map(|(written, _)| written.as_str()).collect();
        assert_eq!(written, ["service a, b", "level error+", "timeout", "status:>=500", "\"no route\"", "pod prefix a-"]);
        assert_eq!(scope.fields(now()), [Role::Level, Role::Service, Role::Pod, Role::Status].map(Field::Role));
        assert!(matches!(scope.filter(now()), Ok(Filter::And(list)) if list.len() == 6));
        assert_eq!(Scope::default().filter(now()), Ok(Filter::All));
    }

    #[test]
    fn a_level_is_exact_unless_it_ends_in_a_plus() {
        for (level, levels) in [
            (json!("error"), vec![Level::Error]),
            (json!("WARNING"), vec![Level::Warn]),
            (json!("error,info"), vec![Level::Info, Level::Error]),
            (json!(["warn", "Error"]), vec![Level::Warn, Level::Error]),
            (json!("warn+"), vec![Level::Warn, Level::Error, Level::Fatal]),
        ] {
            assert_eq!(scope(json!({"level": level})).filter(now()), Ok(Filter::Levels(levels)));
        }
        let error = scope(json!({"level": "loud"})).filter(now()).unwrap_err();
        assert_eq!((error.code, error.message.as_str()), (Code::BadArgument, "`loud` is no level"));
        assert!(error.next_step.contains("trace, debug, info, warn, error, fatal"));
    }

    #[test]
    fn an_index_is_an_expression_or_an_error() {
        assert_eq!(scope(json!({})).index(), Ok(None));
        for index in [json!("logs-*,app-a"), json!(["logs-*", "app-a"]), json!("[\"logs-*\", \"app-a\"]")] {
            assert_eq!(scope(json!({"index": index})).index().unwrap().unwrap().to_string(), "logs-*,app-a");
        }
        for index in ["*:logs", "-logs", "<logs-{now/d}>", "a..b", "%2e", "_all"] {
            assert_eq!(scope(json!({"index": index})).index().unwrap_err().code, Code::IndexNotAllowed, "{index}");
        }
    }

    #[test]
    fn only_a_configured_cluster_is_accepted() {
        assert!(scope(json!({"cluster": "default"})).check_cluster(&["default"]).is_ok());
        assert!(scope(json!({})).check_cluster(&["default"]).is_ok());
        let error = scope(json!({"cluster": "other"})).check_cluster(&["default"]).unwrap_err();
        assert_eq!(error.code, Code::BadArgument);
        assert!(error.next_step.contains("default"));
    }
}
