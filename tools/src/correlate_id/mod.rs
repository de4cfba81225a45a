//! `correlate_id`: from an id to the fields, services and traces it appears in. Knows the looks; knows no engine and no protocol.

mod id;
mod places;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    answer::{Answer, Cell, Hint, Section, Table},
    dsl::FieldCaps,
    error::{Code, ToolError},
    lines::Columns,
    look::{Agg, Bucket, Field, Filter, Found, Look, Order, Results, Total},
    params::{Scope, Text, Window},
    schema::{Role, Schema},
    tool::{Ask, Conditions, Context, Output, Step, Tool},
};
use id::Id;
use places::Place;

/// Finds where an id of any kind (message, request, order, pod, trace) appears: fields, indices, services, first and last
/// seen, and the trace ids it leads to. The first call when an alert gives only an id; then `search_by_trace_id`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct CorrelateId {
    #[serde(flatten)]
    scope: Scope,
    /// The id, or its beginning
    id: Text,
}

/// Indices of one field that are told apart.
const MAX_INDICES: u32 = 20;

/// Services, and traces, of one row.
const MAX_VALUES: u32 = 5;

/// Trace ids in all.
const MAX_TRACES: u32 = 20;

/// Lines shown.
const LINES: u32 = 5;

/// Next calls for traces.
const MAX_HINTS: usize = 3;

impl Tool for CorrelateId {
    const NAME: &'static str = "correlate_id";
    const TITLE: &'static str = "Correlate an id";
    const OUTPUT: Output =
        Output { columns: &["index", "field", "count", "first_seen", "last_seen", "services", "trace_ids"], sections: &["lines"] };

    fn scope(&self) -> &Scope {
        &self.scope
    }

    fn ask(self, context: &Context) -> Result<Step, ToolError> {
        let window = self.scope.window(context.now, context.settings.max_window_s)?;
        let filter = self.scope.filter(context.now)?;
        let caps = FieldCaps::new(context.index.clone(), places::wanted(&context.schema), false);
        // Three questions, each of which needs the reply to the one before: which fields there are, of which types, and
        // where the id is.
        Step::ask(vec![Ask::Caps(caps)], move |told, context| {
            let (fields, left) = match told.into_iter().next() {
                Some(told) => places::identifying(&told.caps()?),
                None => (Vec::new(), 0),
            };
            Step::ask(vec![Ask::Schema(context.index.clone(), fields.clone())], move |told, context| {
                let schema = told.into_iter().next().ok_or_else(|| unasked("schema"))?.schema()?;
                let places = places::places(fields, &schema);
                if places.is_empty() {
                    return Err(ToolError::new(
                        Code::UnknownField,
                        format!("no field of `{}` identifies anything, and none holds messages", context.index),
                        "ask about another index; list_indices shows what there is",
                    ));
                }
                let search = Search { id: Id::parse(self.id.as_str()), scope: self.scope, window, filter, schema, places, left };
                search.exactly()
            })
        })
    }
}

/// One id looked for in known places.
struct Search {
    id: Id,
    scope: Scope,
    window: Window,
    /// The caller's further conditions.
    filter: Filter,
    schema: Arc<Schema>,
    places: Vec<Place>,
    /// Fields that were left out.
    left: usize,
}

impl Search {
    /// The id itself.
    fn exactly(self) -> Result<Step, ToolError> {
        let filters = self.places.iter().enumerate().map(|(at, place)| (at.to_string(), place.exactly(&self.id))).collect();
        Step::look(vec![self.look(filters)], move |found, context| match found.into_iter().next() {
            Some(found) if found.total.value > 0 => Step::done(self.answer(&found, false, context)),
            _ => self.otherwise(),
        })
    }

    /// Nothing has the id: what begins with it, and whether it is outside the window.
    fn otherwise(self) -> Result<Step, ToolError> {
        let any = Filter::Or(self.places.iter().map(|place| place.exactly(&self.id)).collect());
        let mut ever = Look::new(self.filter.clone().and(any), None)
            .agg("first", Agg::Min(Role::Time.into()))
            .agg("last", Agg::Max(Role::Time.into()));
        ever.schema = Some(Arc::clone(&self.schema));
        let mut looks = vec![ever];
        let beginnings: Vec<_> = if self.id.beginnings().is_empty() {
            Vec::new()
        } else {
            let all = self.places.iter().enumerate();
            all.filter_map(|(at, place)| Some((at.to_string(), place.beginning(&self.id, &self.schema)?))).collect()
        };
        if !beginnings.is_empty() {
            looks.push(self.look(beginnings));
        }
        Step::look(looks, move |found, context| {
            let mut found = found.into_iter();
            let ever = found.next().unwrap_or_default();
            if let Some(found) = found.next().filter(|found| found.total.value > 0) {
                return Step::done(self.elsewhere(self.answer(&found, true, context), &ever));
            }
            let answer =
                Answer::new(format!("`{}` is nowhere in this window: neither in an identifying field nor in a text", self.id.plain));
            let answer = answer.window(self.window).matched(Total::default()).table(Table::new(CorrelateId::OUTPUT.columns));
            if ever.total.value > 0 {
                return Step::done(self.left_out(self.elsewhere(answer, &ever)));
            }
            let mut clauses = self.scope.clauses(context.now)?;
            let anywhere = Filter::Or(self.places.iter().map(|place| place.exactly(&self.id)).collect());
            clauses.push((format!("id {}", self.id.plain), anywhere));
            let (answer, window, schema) = (self.left_out(answer), Some(self.window), Some(Arc::clone(&self.schema)));
            Ok(Step::Empty(Box::new(answer), Conditions { tool: CorrelateId::NAME, window, clauses, schema }))
        })
    }

    /// One search: the documents that any of these conditions finds, and what each finds by index.
    fn look(&self, filters: Vec<(String, Filter)>) -> Look {
        let any = Filter::Or(filters.iter().map(|(_, filter)| filter.clone()).collect());
        let mut inner = vec![("first".to_owned(), Agg::Min(Role::Time.into())), ("last".to_owned(), Agg::Max(Role::Time.into()))];
        for (name, role) in [("services", Role::Service), ("traces", Role::TraceId)] {
            inner.push((name.to_owned(), Agg::terms(role, MAX_VALUES)));
        }
        let by_index = inner
            .into_iter()
            .fold(Agg::terms(Field::Named("_index".to_owned()), MAX_INDICES), |agg, (name, inside)| agg.with(name, inside));
        let mut look = Look::new(self.filter.clone().and(any), Some(self.window))
            .page(Order::Oldest, 0, LINES)
            .fetch(Columns::of(&self.schema, []).fetch().iter().cloned())
            .agg("places", Agg::Filters(filters, vec![("index".to_owned(), by_index)]))
            .agg("services", Agg::terms(Role::Service, MAX_VALUES))
            .agg("traces", Agg::terms(Role::TraceId, MAX_TRACES));
        look.schema = Some(Arc::clone(&self.schema));
        look
    }

    fn answer(&self, found: &Found<'_>, is_beginning: bool, context: &Context) -> Answer {
        let rows = self.rows(found);
        let mut table = Table::new(CorrelateId::OUTPUT.columns);
        let mut answer = Answer::new(self.summary(found, &rows, is_beginning)).window(self.window).matched(found.total);
        for row in rows {
            table.push(row.cells());
        }
        answer = answer.table(table);
        let columns = Columns::of(&self.schema, []);
        let mut lines = Table::new(columns.names());
        found.hits.iter().for_each(|hit| lines.push(columns.row(hit, None)));
        if found.total.value > found.hits.len() as u64 {
            answer = answer.note(format!("lines are the first {}; search_logs pages through all", found.hits.len()));
        }
        answer = answer.section(Section::table("lines", lines));
        if is_beginning {
            answer = answer.note(format!("nothing is exactly `{}`; these begin with it", self.id.plain));
        }
        let (other, _) = found.results.other("traces");
        if other > 0 {
            answer = answer.note(format!("{other} documents belong to further traces: only the {MAX_TRACES} most frequent are told"));
        }
        self.left_out(self.hints(answer, found, context))
    }

    /// Each place and index that has the id. An alias of a field is no second place.
    fn rows(&self, found: &Found<'_>) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::new();
        for place in found.results.buckets("places") {
            let Some(at) = place.key.text().parse::<usize>().ok().and_then(|at| self.places.get(at)) else { continue };
            for bucket in place.results.buckets("index") {
                let index = bucket.key.text().into_owned();
                let row = Row::new(at.name(&index, &self.schema).to_owned(), index, bucket, matches!(at, Place::Text(_)));
                match rows.iter_mut().find(|known| known.is_alias_of(&row)) {
                    Some(known) if row.field.len() > known.field.len() || row.field.contains('_') => *known = row,
                    Some(_) => {}
                    None => rows.push(row),
                }
            }
        }
        rows.sort_by(|a, b| a.is_text.cmp(&b.is_text).then(b.count.cmp(&a.count)));
        rows
    }

    fn summary(&self, found: &Found<'_>, rows: &[Row], is_beginning: bool) -> String {
        let mut places: Vec<&str> = rows.iter().map(|row| row.field.as_str()).collect();
        places.dedup();
        let mut indices: Vec<&str> = rows.iter().map(|row| row.index.as_str()).collect();
        indices.sort_unstable();
        indices.dedup();
        let lines = if found.total.value == 1 { "line" } else { "lines" };
        let begins = if is_beginning { " begins" } else { "" };
        let mut summary = format!("`{}`{begins} in {} {lines}", self.id.plain, found.total);
        summary.push_str(&match indices.as_slice() {
            [only] => format!(" of {only}"),
            several => format!(" of {} indices", several.len()),
        });
        if let Some(first) = places.first() {
            summary.push_str(&format!(", field {first}"));
        }
        for (name, word) in [("services", "service"), ("traces", "trace")] {
            summary.push_str(&match found.results.buckets(name) {
                [] if name == "traces" => ", no trace id".to_owned(),
                [] => String::new(),
                [only] => format!(", {word} {}", only.key.text()),
                several => {
                    let more = if found.results.other(name).0 > 0 { "more than " } else { "" };
                    format!(", {more}{} {word}s", several.len())
                }
            });
        }
        summary
    }

    /// The traces that it leads to; without one, the surroundings of the first line.
    fn hints(&self, mut answer: Answer, found: &Found<'_>, context: &Context) -> Answer {
        let (start, end) = (self.window.start().to_string(), self.window.end().to_string());
        let traces = found.results.buckets("traces");
        for trace in traces.iter().take(MAX_HINTS) {
            let hint = Hint::new("search_by_trace_id", "the whole request").with("trace_id", trace.key.text().into_owned());
            answer = answer.hint(hint.with("start", start.as_str()).with("end", end.as_str()));
        }
        let first = found.hits.first().filter(|_| traces.is_empty());
        answer.hint(first.map(|hit| {
            let scope = [(Role::Pod, "pod"), (Role::Host, "host"), (Role::Service, "service")];
            let hint = Hint::new("get_logs_in_window", "what happened around the first line").with("around", hit.reference());
            let scope = scope.into_iter().find(|(role, _)| context.schema.has(*role) && hit.text(*role).is_some());
            scope.into_iter().fold(hint, |hint, (_, name)| hint.with("scope", name))
        }))
    }

    /// Where the id itself is, when it is not in the window.
    fn elsewhere(&self, answer: Answer, ever: &Found<'_>) -> Answer {
        let (Some(first), Some(last)) = (ever.results.time("first"), ever.results.time("last")) else { return answer };
        let hour = jiff::SignedDuration::from_hours(1);
        let start = last.saturating_sub(hour).unwrap_or(last).max(first);
        let end = last.saturating_add(jiff::SignedDuration::from_secs(1)).unwrap_or(last);
        answer.note(format!("outside this window {} lines have it, from {first} to {last}", ever.total)).hint(
            Hint::new(CorrelateId::NAME, "where it was last seen")
                .with("id", self.id.plain.as_str())
                .with("start", start.to_string())
                .with("end", end.to_string()),
        )
    }

    fn left_out(&self, answer: Answer) -> Answer {
        if self.left == 0 {
            return answer;
        }
        answer.note(format!("{} further fields that look like ids were not searched: name one with filters=[{{field, op: is}}]", self.left))
    }
}

/// What one field of one index has.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    index: String,
    field: String,
    is_text: bool,
    count: u64,
    first: Cell,
    last: Cell,
    services: Cell,
    traces: Cell,
}

impl Row {
    fn new(field: String, index: String, bucket: &Bucket<'_>, is_text: bool) -> Self {
        let Bucket { count, results, .. } = bucket;
        let (first, last) = (Cell::from(results.time("first")), Cell::from(results.time("last")));
        Self { index, field, is_text, count: *count, first, last, services: values(results, "services"), traces: values(results, "traces") }
    }

    /// Whether the other row tells the same of a field with two names.
    fn is_alias_of(&self, other: &Self) -> bool {
        let plain = |name: &str| name.replace(['.', '_', '@'], "").to_lowercase();
        let (a, b) = (plain(&self.field), plain(&other.field));
        (a.ends_with(&b) || b.ends_with(&a)) && Self { field: other.field.clone(), ..self.clone() } == *other
    }

    fn cells(self) -> Vec<Cell> {
        vec![self.index.into(), self.field.into(), self.count.into(), self.first, self.last, self.services, self.traces]
    }
}

/// The most frequent values; the last item says that there are more.
fn values(results: &Results<'_>, name: &str) -> Cell {
    let mut values: Vec<Cell> = results.buckets(name).iter().map(|bucket| Cell::from(&bucket.key)).collect();
    if results.other(name).0 > 0 {
        values.push(Cell::from("…"));
    }
    Cell::List(values)
}

fn unasked(what: &str) -> ToolError {
    ToolError::new(Code::Internal, format!("no {what} was asked for"), "report this; it is a fault of the server")
}
