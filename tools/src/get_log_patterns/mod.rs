//! `get_log_patterns`: what many lines say, as templates with counts. Knows the looks; knows no engine and no protocol.

mod keys;
mod report;
mod sample;
mod tally;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::Deserialize;

use self::{
    keys::Counted,
    report::Report,
    sample::{Draw, Survey},
    tally::{Drawn, Line, Stratum},
};
use crate::{
    answer::Answer,
    dsl::TrackTotal,
    error::ToolError,
    line_key::KeyKind,
    look::{Filter, Found, Hit, Look, Order, Total},
    params::{Bounded, Scope, Top, Window},
    schema::Role,
    tool::{Context, Output, Step, Tool},
};

/// What many lines say: message templates, most frequent first, each with count, share, levels, services and an example.
/// Use it to survey a noisy window; `get_error_summary` for errors alone, `compare_windows` for what changed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct GetLogPatterns {
    #[serde(flatten)]
    scope: Scope,
    #[serde(default)]
    top: Top,
    /// Leave out rarer patterns
    min_count: Option<Bounded<1, { u32::MAX }>>,
}

/// Lines fetched at first; most filtered calls need no more. They also tell how long the lines are.
const FIRST_LINES: u32 = 1_000;

/// Lines that templates are mined from at most: Elasticsearch's `index.max_result_window`. The 95 % interval of a share is
/// ±1 % or better with as many lines drawn one by one.
const MOST_LINES: u32 = 10_000;

/// Bytes of a reply that the lines may fill, with room under the limit of 8 MiB for lines longer than those seen.
const REPLY_BYTES: usize = 5 << 20;

/// What the reply holds of a line besides its message, about.
const BYTES_BESIDE_MESSAGE: usize = 400;

/// What is fetched of a line.
const FETCH: [Role; 8] =
    [Role::Message, Role::Level, Role::Service, Role::TraceId, Role::EventCode, Role::Template, Role::Logger, Role::Line];

impl Tool for GetLogPatterns {
    const NAME: &'static str = "get_log_patterns";
    const TITLE: &'static str = "Log patterns";
    const OUTPUT: Output =
        Output { columns: &["count", "margin", "share", "level", "service", "key", "pattern", "example"], sections: &[] };

    fn scope(&self) -> &Scope {
        &self.scope
    }

    fn ask(self, context: &Context) -> Result<Step, ToolError> {
        context.schema.need(&Role::Message.into())?;
        let window = self.scope.window(context.now, context.settings.max_window_s)?;
        let filter = self.scope.filter(context.now)?.and(Filter::Exists(Role::Message.into()));
        let kinds = KeyKind::countable(&context.schema);
        Job { arguments: self, window, filter, kinds, counted: Vec::new(), unread: 0, total: Total::default() }.survey()
    }
}

/// The newest lines of a window, counted exactly.
fn lines(filter: Filter, window: Window, size: u32) -> Look {
    Look::new(filter, Some(window)).total(TrackTotal::Exact).page(Order::Newest, 0, size).fetch(FETCH)
}

/// How many lines as long as these fit into a reply.
fn affordable(hits: &[Hit<'_>]) -> u32 {
    let bytes: usize = hits.iter().map(|hit| hit.text(Role::Message).map_or(0, |text| text.len()) + BYTES_BESIDE_MESSAGE).sum();
    let mean = bytes / hits.len().max(1);
    u32::try_from(REPLY_BYTES / mean.max(1)).unwrap_or(MOST_LINES).clamp(FIRST_LINES, MOST_LINES)
}

/// A call under way.
struct Job {
    arguments: GetLogPatterns,
    window: Window,
    filter: Filter,
    /// Keys whose lines the engine counts.
    kinds: Vec<KeyKind>,
    /// What it counted, most frequent first.
    counted: Vec<Counted>,
    /// Lines whose key it could not count by.
    unread: u64,
    total: Total,
}

impl Job {
    /// Reads the newest lines, and counts the others.
    fn survey(mut self) -> Result<Step, ToolError> {
        let rest = sample::steps(keys::without(&self.kinds), self.window);
        Step::look(vec![lines(self.filter.clone(), self.window, FIRST_LINES).agg("rest", rest)], move |found, context| {
            let Some(first) = found.into_iter().next() else { return Step::done(Answer::new("nothing was asked")) };
            self.total = first.total;
            if first.total.value == 0 {
                let answer = Answer::new("no log line matches").window(self.window).matched(first.total);
                return Step::empty(GetLogPatterns::NAME, answer, Some(self.window), self.arguments.scope.clauses(context.now)?);
            }
            if first.hits.len() as u64 >= first.total.value {
                return self.whole(&first, context);
            }
            let most = affordable(&first.hits);
            if first.total.value <= u64::from(most) {
                return Step::look(vec![lines(self.filter.clone(), self.window, most)], move |found, context| match found.first() {
                    Some(found) => self.whole(found, context),
                    None => Step::done(Answer::new("nothing was asked")),
                });
            }
            let survey = Survey::read(self.window, &first, most, &context.schema);
            if survey.lines >= first.total.value {
                self.kinds.clear();
            }
            self.count(survey, context)
        })
    }

    /// All lines were read.
    fn whole(mut self, found: &Found<'_>, context: &Context) -> Result<Step, ToolError> {
        self.total = found.total;
        let lines = found.hits.iter().map(Line::read).collect();
        let strata = [Stratum { total: found.total.value, drawn: Drawn::Lines, lines }];
        self.report(&Draw::default(), &strata, Vec::new(), context)
    }

    /// Lines without a key that the engine counts by.
    fn rest(&self) -> Filter {
        self.filter.clone().and(keys::without(&self.kinds))
    }

    /// Has the engine count the lines of each key, and name the traces that the others are sampled by.
    fn count(mut self, survey: Survey, context: &Context) -> Result<Step, ToolError> {
        let mut looks: Vec<Look> = (0..self.kinds.len())
            .filter_map(|at| keys::count(&self.kinds, at, &context.schema))
            .map(|(filter, agg)| Look::new(self.filter.clone().and(filter), Some(self.window)).agg("keys", agg))
            .collect();
        looks.extend(survey.choose(&self.rest(), self.window));
        if looks.is_empty() {
            let draw = survey.draw(&self.rest(), self.window, None);
            return self.read(draw, context);
        }
        Step::look(looks, move |found, context| {
            let overflow = (0..self.kinds.len())
                .find(|at| found.get(*at).is_some_and(|found| found.results.buckets("keys").len() >= keys::MOST_KEYS as usize));
            if let Some(at) = overflow {
                // So many keys are ids, not kinds of events.
                self.kinds.remove(at);
                return self.survey();
            }
            for at in 0..self.kinds.len() {
                for bucket in found.get(at).map_or(&[][..], |found| found.results.buckets("keys")) {
                    match Counted::read(&self.kinds, at, bucket, &context.schema) {
                        Some(counted) => self.counted.push(counted),
                        None => self.unread += bucket.count,
                    }
                }
            }
            self.counted.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| (a.kind, &a.key).cmp(&(b.kind, &b.key))));
            let draw = survey.draw(&self.rest(), self.window, found.get(self.kinds.len()));
            self.read(draw, context)
        })
    }

    /// Reads the sample, and some lines of each key that will be shown.
    fn read(self, mut draw: Draw, context: &Context) -> Result<Step, ToolError> {
        let shown = self.counted.iter().take(self.arguments.top.value() as usize).cloned().collect::<Vec<_>>();
        let mut looks = std::mem::take(&mut draw.looks);
        if !shown.is_empty() {
            let any = Filter::Not(Box::new(keys::without(&self.kinds)));
            looks.push(Look::new(self.filter.clone().and(any), Some(self.window)).agg("keys", keys::examples(&shown, FETCH)));
        }
        if looks.is_empty() {
            return self.report(&draw, &[], Vec::new(), context);
        }
        Step::look(looks, move |found, context| {
            let mut parts = found.iter();
            let mut strata = Vec::new();
            for (drawn, total, looks) in &draw.strata {
                let parts: Vec<&Found<'_>> = parts.by_ref().take(*looks).collect();
                let lines = parts.iter().flat_map(|found| &found.hits).map(Line::read).collect();
                let total = total.unwrap_or_else(|| parts.iter().map(|found| found.total.value).sum());
                strata.push(Stratum { total, drawn: *drawn, lines });
            }
            let keyed = parts.next().map_or(Vec::new(), |found| report::keyed(&shown, found));
            self.report(&draw, &strata, keyed, context)
        })
    }

    fn report(self, draw: &Draw, strata: &[Stratum<'_>], keyed: Vec<tally::Pattern>, context: &Context) -> Result<Step, ToolError> {
        let is_sample = strata.iter().any(|stratum| (stratum.lines.len() as u64) < stratum.total);
        let counted = self.counted.iter().map(|key| key.count).sum();
        let mut patterns = keyed;
        // The keys that are not shown are patterns all the same.
        let unshown = self.counted.iter().skip(patterns.len()).map(|key| key.count).collect();
        patterns.extend(tally::tally(strata));
        tally::sort(&mut patterns);
        let report = Report {
            window: self.window,
            total: self.total,
            patterns,
            unshown,
            counted,
            kinds: &self.kinds,
            unread: self.unread,
            is_sample,
            draw,
            strata,
            top: self.arguments.top.value() as usize,
            least: self.arguments.min_count.map_or(0, Bounded::value),
        };
        Step::done(report.answer(&context.schema))
    }
}
