//! `search_logs`: the lines that match, page by page. Knows the looks; knows no engine and no protocol.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    answer::{Answer, Hint},
    dsl::TrackTotal,
    error::ToolError,
    lines::{Columns, Paging, page},
    look::{Field, Found, Hit, Look, Total},
    params::{Flag, Level, OneOrMany, Scope, Size, Text},
    schema::Role,
    tool::{Context, Output, Step, Tool},
};

/// Matching log lines, newest first; near-duplicates are folded into one row with a count. Use it to read single lines;
/// `get_log_patterns` for what many lines say, `get_logs_in_window` for what happened around one line.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct SearchLogs {
    #[serde(flatten)]
    scope: Scope,
    /// Default newest
    #[serde(default)]
    sort: Sort,
    /// Lines a page
    #[serde(default)]
    size: Size,
    /// Further columns: roles or fields
    fields: Option<OneOrMany<Text>>,
    /// Fold near-duplicates. Default true
    dedupe: Option<Flag>,
}

/// Which lines come first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Sort {
    #[default]
    Newest,
    Oldest,
}

impl Tool for SearchLogs {
    const NAME: &'static str = "search_logs";
    const TITLE: &'static str = "Search logs";
    const OUTPUT: Output = Output {
        columns: &["index", "id", "time", "level", "service", "host", "pod", "message", "trace_id", "duration_ms", "count"],
        sections: &[],
    };
    const UNUSED: &'static [&'static str] = &[];

    fn scope(&self) -> &Scope {
        &self.scope
    }

    fn fields(&self) -> Vec<Field> {
        self.fields.iter().flat_map(OneOrMany::members).map(|name| Field::parse(name.as_str())).collect()
    }

    fn ask(self, context: &Context) -> Result<Step, ToolError> {
        let further = Tool::fields(&self);
        further.iter().try_for_each(|field| context.schema.need(field))?;
        let (is_newest_first, sort) = match self.sort {
            Sort::Newest => (true, "newest"),
            Sort::Oldest => (false, "oldest"),
        };
        let paging = Paging::read(&self.scope, &[Self::NAME, sort], is_newest_first, context)?;
        let columns = Columns::of(&context.schema, further);
        let filter = self.scope.filter(context.now)?;
        let mut looks = vec![paging.look(filter.clone(), self.size.value())?.fetch(columns.fetch().iter().cloned())];
        if !paging.is_first() {
            // The page's own search counts only what is left of the window.
            looks.push(Look::new(filter, Some(paging.window())).total(TrackTotal::UpTo(10_000)));
        }
        Step::look(looks, move |found, context| self.answer(&columns, paging, &found, context))
    }
}

impl SearchLogs {
    fn answer(self, columns: &Columns, paging: Paging, found: &[Found<'_>], context: &Context) -> Result<Step, ToolError> {
        let (Some(first), Some(whole)) = (found.first(), found.last()) else { return Step::done(Answer::new("nothing was asked")) };
        let is_folded = self.dedupe.is_none_or(|dedupe| dedupe.0);
        let mut answer = Answer::new(self.summary(whole.total, &first.hits)).window(paging.window()).matched(whole.total);
        let shown = if paging.is_first() {
            context.schema.shown(&[Role::Time, Role::Level, Role::Service, Role::Message, Role::TraceId])
        } else {
            BTreeMap::new()
        };
        for (role, field) in shown {
            answer = answer.field(role, field);
        }
        answer = answer.hint(trace(&first.hits, paging));
        let answer = answer.page(page(columns, &first.hits, &paging, first.total, is_folded));
        if whole.total.value == 0 && paging.is_first() {
            return Step::empty(Self::NAME, answer, Some(paging.window()), self.scope.clauses(context.now)?);
        }
        Step::done(answer)
    }

    fn summary(&self, total: Total, hits: &[Hit<'_>]) -> String {
        let lines = match total {
            Total { value: 0, .. } => return "no line matches".to_owned(),
            Total { value: 1, at_least: false } => "1 line matches".to_owned(),
            Total { value, at_least: false } => format!("{value} lines match"),
            Total { value, at_least: true } => format!("at least {value} lines match"),
        };
        let edge = match self.sort {
            Sort::Newest => "newest",
            Sort::Oldest => "oldest",
        };
        match hits.first().and_then(|hit| hit.time) {
            Some(time) if self.scope.cursor.is_none() => format!("{lines}, the {edge} at {time}"),
            _ => lines,
        }
    }
}

/// The trace of the first line that tells of a failure.
fn trace(hits: &[Hit<'_>], paging: Paging) -> Option<Hint> {
    let failed = hits.iter().filter(|hit| hit.level().is_some_and(|level| level >= Level::Error));
    let trace = failed.filter_map(|hit| hit.text(Role::TraceId)).next()?;
    let window = paging.window();
    let hint =
        Hint::new("search_by_trace_id", "the request in which the first of these errors happened").with("trace_id", trace.into_owned());
    Some(hint.with("start", window.start().to_string()).with("end", window.end().to_string()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::testing::{ECS, Played, hit, play, reply};

    fn line(id: &str, time: &str, message: &str) -> Value {
        hit(id, json!({"@timestamp": time, "log.level": "ERROR", "service.name": "pay", "message": message, "trace.id": "4bf9"}))
    }

    fn check(arguments: Value, total: u64, hits: Vec<Value>) -> Played {
        play("search_logs", arguments, ECS, [reply(total, hits, json!({})), reply(total, vec![], json!({}))])
    }

    fn three() -> Vec<Value> {
        vec![
            line("c", "2026-03-25T14:59:03Z", "order 17 refused"),
            line("b", "2026-03-25T14:59:02Z", "cache cold"),
            line("a", "2026-03-25T14:59:01Z", "order 16 refused"),
        ]
    }

    #[test]
    fn a_page_is_one_search_for_what_is_shown() {
        let played = check(json!({"service": "pay", "fields": "url.path", "size": 3}), 3, three());
        assert_eq!(played.sent.len(), 1);
        insta::assert_snapshot!(played.sent[0], @r#"{"_source":false,"fields":[{"field":"@timestamp","format":"strict_date_optional_time_nanos"},"log.level","service.name","host.name","kubernetes.pod.name","message","trace.id","url.path"],"query":{"bool":{"filter":[{"range":{"@timestamp":{"format":"strict_date_optional_time_nanos","gte":"2026-03-25T14:00:00Z","lt":"2026-03-25T15:00:00Z"}}},{"term":{"service.name":{"value":"pay"}}}]}},"size":3,"sort":[{"@timestamp":{"missing":"_last","numeric_type":"date_nanos","order":"desc","unmapped_type":"date_nanos"}},{"_seq_no":{"order":"desc"}}],"track_total_hits":10000}"#);
    }

    #[test]
    fn near_duplicates_share_the_row_of_the_newest() {
        insta::assert_snapshot!(check(json!({}), 3, three()).text(), @"
        3 lines match, the newest at 2026-03-25T14:59:03Z
        window 2026-03-25T14:00:00Z/2026-03-25T15:00:00Z	matched 3	returned 3
        all rows:	index=logs-a	level=error	service=pay	trace_id=4bf9
        id	time (2026-03-25T14:59:…Z)	message	count
        c	03	order 17 refused	2
        b	02	cache cold	1
        fields: level=log.level message=message service=service.name time=@timestamp trace_id=trace.id
        next: search_by_trace_id trace_id=4bf9 start=2026-03-25T14:00:00Z end=2026-03-25T15:00:00Z — the request in which the first of these errors happened
        ");
        let oldest = check(json!({"sort": "oldest"}), 3, three().into_iter().rev().collect()).structured();
        assert_eq!(oldest["columns"], json!(["id", "time", "message", "count"]));
        assert_eq!(oldest["rows"][1], json!(["c", "2026-03-25T14:59:03Z", "order 17 refused", 2]));
    }

    #[test]
    fn without_folding_every_line_has_a_row() {
        let answer = check(json!({"dedupe": false}), 3, three()).structured();
        assert_eq!(answer["rows"].as_array().unwrap().len(), 3);
        assert!(!answer["columns"].as_array().unwrap().contains(&json!("count")));
    }

    #[test]
    fn the_next_page_begins_where_this_one_ended_and_still_counts_the_whole() {
        let first = check(json!({"size": 3}), 10, three()).structured();
        let cursor = first["next_cursor"].as_str().unwrap();
        assert!(cursor.len() <= 120);
        let second = check(json!({"size": 3, "cursor": cursor}), 10, vec![]);
        assert_eq!(second.sent.len(), 2);
        assert_eq!(second.sent[0]["from"], 1);
        assert_eq!(second.sent[0]["query"]["bool"]["filter"][0]["range"]["@timestamp"]["lt"], "2026-03-25T14:59:01.001Z");
        assert_eq!(second.sent[1]["query"]["bool"]["filter"][0]["range"]["@timestamp"]["lt"], "2026-03-25T15:00:00Z");
        assert_eq!(second.structured()["totals"]["matched"], 10);
    }

    #[test]
    fn a_cursor_of_another_search_is_refused() {
        let first = check(json!({"size": 3}), 10, three()).structured();
        let other = check(json!({"cursor": first["next_cursor"], "sort": "oldest"}), 10, vec![]);
        assert_eq!(other.error().code.as_str(), "bad_cursor");
    }

    #[test]
    fn a_field_that_is_nowhere_is_named() {
        assert_eq!(check(json!({"fields": ["nope"]}), 0, vec![]).error().code.as_str(), "unknown_field");
    }

    #[test]
    fn a_document_without_a_message_shows_its_request() {
        let request = hit("a", json!({"@timestamp": "2026-03-25T14:59:01Z", "url.path": "/alert", "http.response.status_code": 404}));
        let fields: Vec<_> = ECS.iter().copied().filter(|(name, _)| *name != "message").collect();
        let played = play("search_logs", json!({}), &fields, [reply(1, vec![request], json!({}))]);
        assert_eq!(played.structured()["rows"][0].as_array().unwrap().last(), Some(&json!(1)));
        assert!(played.text().contains("/alert 404"), "{}", played.text());
    }
}
