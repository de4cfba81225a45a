//! `get_logs_in_window`: what happened around a moment or a line. Knows the looks; knows no engine and no protocol.

mod anchor;
mod document;
mod gaps;
mod neighbours;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    answer::{Answer, Hint, Section},
    dsl::IndexExpression,
    error::{Code, ToolError},
    lines::{Columns, Paging, millisecond},
    look::{Filter, Look, Order, Total},
    params::{Cursor, Moment, Scope, Size, Text, TimeSpan, Window},
    schema::{Role, Schema},
    tool::{Ask, Context, Output, Step, Tool},
};
use anchor::Anchor;
use neighbours::{Neighbours, Side};

/// Every line around a moment, or around a line (`around` = index/id of a row), in order of time: ties kept, silences
/// told, the line's whole document. Use it once you know when or which line; `search_logs` to find that line.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct GetLogsInWindow {
    #[serde(flatten)]
    shared: Scope,
    /// Like 30s; default half of `window` (2m)
    before: Option<TimeSpan>,
    after: Option<TimeSpan>,
    /// Only lines of the same one
    scope: Option<Within>,
    /// Lines a page
    #[serde(default)]
    size: Size,
}

/// What lines have in common with the one in the middle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Within {
    Pod,
    Host,
    Trace,
    Service,
}

impl Within {
    const ALL: [Self; 4] = [Self::Pod, Self::Host, Self::Trace, Self::Service];

    fn name(self) -> &'static str {
        match self {
            Self::Pod => "pod",
            Self::Host => "host",
            Self::Trace => "trace",
            Self::Service => "service",
        }
    }

    fn role(self) -> Role {
        match self {
            Self::Pod => Role::Pod,
            Self::Host => Role::Host,
            Self::Trace => Role::TraceId,
            Self::Service => Role::Service,
        }
    }
}

/// Half the width of a window that names none.
const HALF: SignedDuration = SignedDuration::from_mins(1);

impl Tool for GetLogsInWindow {
    const NAME: &'static str = "get_logs_in_window";
    const TITLE: &'static str = "Logs around a moment";
    const UNUSED: &'static [&'static str] = &[];
    const OUTPUT: Output = Output { columns: &Columns::NAMES, sections: &["document", "gaps"] };

    fn scope(&self) -> &Scope {
        &self.shared
    }

    fn ask(self, context: &Context) -> Result<Step, ToolError> {
        let search = self.search();
        let cursor = self.shared.cursor.as_ref().map(|text| Cursor::decode(text.as_str(), search)).transpose()?;
        let anchor = self.shared.around.as_ref().map(|around| Anchor::parse(around, context.now)).transpose()?;
        match anchor {
            // Later pages need the document only for what its neighbours share with it.
            Some(Anchor::Document { index, id }) if cursor.is_none() || self.scope.is_some() => self.find(index, id, cursor, context),
            anchor => {
                if let (Some(within), None | Some(Anchor::Time(_))) = (self.scope, &anchor) {
                    anchor::said(within, &self.shared, context.now)?;
                }
                let filter = self.shared.filter(context.now)?;
                let middle = match anchor {
                    Some(Anchor::Time(time)) => Some(time),
                    _ => None,
                };
                let span = self.span(middle, cursor, context)?;
                self.neighbours(span, filter, None, context)
            }
        }
    }
}

/// The document in the middle, as far as it is needed later.
struct Middle {
    document: Section,
    reference: String,
    trace: Option<String>,
}

/// Which part of which window a page shows.
struct Span {
    window: Window,
    /// Where earlier and later part.
    edge: Timestamp,
    part: Part,
}

/// What a page shows.
enum Part {
    /// The first page: what is nearest to the edge.
    Nearest,
    /// What comes after this place, in either direction.
    After(Cursor),
}

impl GetLogsInWindow {
    /// What a cursor is bound to: the search as it was written, with the arguments of this tool.
    fn search(&self) -> u64 {
        let own = format!("{:?} {:?}", self.scope, self.reach());
        self.shared.fingerprint(&[Self::NAME, &own])
    }

    /// How far the window reaches before and after its middle.
    fn reach(&self) -> (SignedDuration, SignedDuration) {
        let half = self.shared.window.map_or(HALF, |window| window.duration() / 2);
        (self.before.map_or(half, TimeSpan::duration), self.after.map_or(half, TimeSpan::duration))
    }

    /// Asks for a document, then for what is around it.
    fn find(self, index: String, id: String, cursor: Option<Cursor>, context: &Context) -> Result<Step, ToolError> {
        let is_known = context.schema.indices.contains(&index);
        match IndexExpression::parse(&index).ok().filter(|_| !is_known) {
            None => self.fetch(None, index, id, cursor, context),
            Some(expression) => Step::ask(vec![Ask::Schema(expression.clone(), Vec::new())], move |told, context| {
                let schema = told.into_iter().next().map(crate::tool::Told::schema).transpose()?;
                self.fetch(schema.map(|schema| (expression, schema)), index, id, cursor, context)
            }),
        }
    }

    fn fetch(
        self,
        place: Option<(IndexExpression, Arc<Schema>)>,
        index: String,
        id: String,
        cursor: Option<Cursor>,
        context: &Context,
    ) -> Result<Step, ToolError> {
        let schema = place.as_ref().map_or(&context.schema, |(_, schema)| schema);
        let fields = Columns::of(schema, []).fetch().to_vec();
        let mut look = Look::new(Filter::Document { index: index.clone(), id: id.clone() }, None).page(Order::Any, 0, 1).fetch(fields);
        look.source = true;
        if let Some((expression, schema)) = place {
            (look.index, look.schema) = (Some(expression), Some(schema));
        }
        Step::look(vec![look], move |found, context| {
            let Some(hit) = found.first().and_then(|found| found.hits.first()) else {
                return Err(ToolError::new(
                    Code::BadArgument,
                    format!("there is no document `{id}` in the index `{index}`"),
                    "take index and id from a row of search_logs, and ask about the same indices",
                ));
            };
            let time = hit.time.ok_or_else(|| {
                ToolError::new(Code::BadArgument, "the document has no time", "give `around` as a time, or use search_logs")
            })?;
            let mut filter = self.shared.filter(context.now)?;
            if let Some(within) = self.scope {
                filter = filter.and(anchor::same(within, hit)?);
            }
            let trace = hit.text(Role::TraceId).map(std::borrow::Cow::into_owned);
            let middle = Middle { document: document::section(hit), reference: hit.reference(), trace };
            let span = self.span(Some(time), cursor, context)?;
            self.neighbours(span, filter, Some(middle), context)
        })
    }

    /// The window, its edge, and what of it this page shows.
    fn span(&self, middle: Option<Timestamp>, cursor: Option<Cursor>, context: &Context) -> Result<Span, ToolError> {
        let (before, after) = self.reach();
        let out = |_| ToolError::new(Code::BadTime, "the window leaves the calendar", Moment::EXAMPLES);
        if let Some(cursor) = cursor {
            let mut window = cursor.window;
            if self.shared.around.is_some() && !cursor.is_newest_first {
                // Going forward, a cursor's window begins where going back will begin; its end is that of the whole.
                let middle = window.end().checked_sub(after).map_err(out)?;
                let start = middle.checked_sub(before).map_err(out)?;
                window = Window::new(start, window.end()).unwrap_or(window);
            }
            return Ok(Span { window, edge: cursor.window.start(), part: Part::After(cursor) });
        }
        let Some(middle) = middle else {
            if self.before.is_some() || self.after.is_some() {
                return Err(ToolError::new(
                    Code::BadArgument,
                    "`before` and `after` need `around`",
                    "give `around` as a time or as index/id, or use `start` and `end`",
                ));
            }
            let window = self.shared.window(context.now, context.settings.max_window_s)?;
            return Ok(Span { window, edge: window.start(), part: Part::Nearest });
        };
        if self.shared.start.is_some() || self.shared.end.is_some() {
            return Err(ToolError::new(
                Code::BadArgument,
                "`around` does not go together with `start` and `end`",
                "give `around` with `window`, `before` and `after`, or give `start` and `end`",
            ));
        }
        let moment = |time: Timestamp| Text::new(&time.to_string()).ok().map(Moment::from);
        let (start, end) = (middle.checked_sub(before).map_err(out)?, middle.checked_add(after).map_err(out)?);
        let absolute = Scope { start: moment(start), end: moment(end), ..Scope::default() };
        let window = absolute.window(context.now, context.settings.max_window_s)?;
        Ok(Span { window, edge: millisecond(middle).max(window.start()), part: Part::Nearest })
    }

    fn neighbours(self, span: Span, filter: Filter, middle: Option<Middle>, context: &Context) -> Result<Step, ToolError> {
        let search = self.search();
        let columns = Columns::of(&context.schema, []);
        let Span { window, edge, part } = span;
        let back = neighbours::before(window, edge).filter(|_| edge > window.start());
        let ahead = Cursor { is_newest_first: false, window, last: edge, given: 0 };
        let (backward, forward) = match &part {
            Part::Nearest => (back.map(|back| Paging::resume(&back, search)), Some(Paging::resume(&ahead, search))),
            Part::After(cursor) if cursor.is_newest_first => (Some(Paging::resume(cursor, search)), None),
            Part::After(cursor) => (None, Some(Paging::resume(cursor, search))),
        };
        let mut looks = Vec::new();
        for paging in [&backward, &forward].into_iter().flatten() {
            looks.push(paging.look(filter.clone(), self.size.value())?.fetch(columns.fetch().iter().cloned()));
        }
        // Later pages see a part only: the whole, and what is left to go back to, is counted beside them.
        let is_first = matches!(part, Part::Nearest);
        if !is_first {
            looks.push(Look::new(filter.clone(), Some(window)));
            looks.extend(
                Window::new(window.start(), edge)
                    .filter(|_| forward.is_some() && edge > window.start())
                    .map(|before| Look::new(filter.clone(), Some(before))),
            );
        }
        let fallback = Paging::resume(&ahead, search);
        Step::look(looks, move |found, context| {
            let mut found = found.into_iter();
            let mut side = |paging: &Option<Paging>| {
                paging.as_ref().map(|paging| {
                    let found = found.next().unwrap_or_default();
                    (Side::of(&columns, &found.hits, paging, found.total), found.total)
                })
            };
            let (earlier, later) = (side(&backward), side(&forward));
            let total = |side: &Option<(Side, Total)>| side.as_ref().map_or_else(Total::default, |(_, total)| *total);
            let mut matched = total(&earlier);
            matched.value += total(&later).value;
            matched.at_least |= total(&later).at_least;
            let mut uncounted = Total::default();
            if !is_first {
                matched = found.next().unwrap_or_default().total;
                uncounted = found.next().unwrap_or_default().total;
            }
            let page = Neighbours {
                names: columns.names(),
                window,
                edge,
                searches: (backward.unwrap_or(fallback), forward.unwrap_or(fallback)),
                earlier: earlier.map_or_else(|| Side::counted(uncounted), |(side, _)| side),
                later: later.map_or_else(Side::default, |(side, _)| side),
                size: self.size.value() as usize,
            };
            self.answer(page, matched, middle, is_first, context)
        })
    }

    fn answer(
        self,
        page: Neighbours,
        matched: Total,
        middle: Option<Middle>,
        is_first: bool,
        context: &Context,
    ) -> Result<Step, ToolError> {
        let window = page.window;
        let times = page.times(page.size);
        let gaps = gaps::gaps(&times);
        let mut summary = match matched {
            Total { value, at_least: true } => format!("at least {value} lines in order of time"),
            Total { value: 1, .. } => "1 line".to_owned(),
            Total { value, .. } => format!("{value} lines in order of time"),
        };
        if matched.value > times.len() as u64 && is_first && self.shared.around.is_some() {
            summary.push_str(&format!(", the {} nearest", times.len()));
        }
        if let Some((start, _, seconds)) = gaps.iter().max_by(|a, b| a.2.total_cmp(&b.2)) {
            summary.push_str(&format!(", silent for {seconds:.1} s from {start}"));
        }
        let mut answer = Answer::new(summary).window(window).matched(matched).page(page);
        if is_first && let Some(middle) = middle {
            answer = answer.section(middle.document);
            if let Some(trace) = middle.trace.filter(|_| self.scope != Some(Within::Trace)) {
                let why = format!("the request that {} belongs to", middle.reference);
                let hint = Hint::new("search_by_trace_id", why).with("trace_id", trace);
                answer = answer.hint(hint.with("start", window.start().to_string()).with("end", window.end().to_string()));
            }
        }
        answer = answer.section(gaps::section(&gaps));
        if matched.value == 0 && is_first {
            return Step::empty(Self::NAME, answer, Some(window), self.shared.clauses(context.now)?);
        }
        Step::done(answer)
    }
}
