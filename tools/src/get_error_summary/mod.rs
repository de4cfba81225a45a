//! `get_error_summary`: what is failing, how often, and since when. Knows the looks; knows no engine and no protocol.

mod blame;
mod change;
mod lines;
mod report;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use self::{
    blame::blamed,
    change::{Events, Exposure, changes},
    lines::{FETCH, Line, Pattern, events, lines, patterns},
    report::Report,
};
use crate::{
    answer::{Answer, Cell},
    dsl::TrackTotal,
    error::ToolError,
    look::{Agg, Field, Filter, Found, Look, Order, Total},
    mining::mention::Services,
    params::{Baseline, Level, Scope, Text, Top, Window},
    schema::{Role, Schema},
    tool::{Context, Output, Step, Tool},
};

/// What fails: error lines by message pattern and type, most frequent first, with rate against a baseline, whether new,
/// in how many traces first, and which services others' errors blame. `compare_windows` ranks causes; this counts.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct GetErrorSummary {
    #[serde(flatten)]
    scope: Scope,
    /// pattern, service, error_type, host or any field. Default pattern
    group_by: Option<Text>,
    #[serde(default)]
    baseline: Baseline,
    #[serde(default)]
    top: Top,
}

/// Lines fetched of each window at first: most calls need no more, and they tell how long the lines are.
const FIRST_LINES: u32 = 500;

/// Lines fetched of each window at most.
const MOST_LINES: u32 = 5_000;

/// Bytes that the lines of both windows may fill of a reply, with room under the limit of 8 MiB.
const REPLY_BYTES: usize = 5 << 20;

/// What the reply holds of a line besides its texts, about.
const BYTES_BESIDE_TEXT: usize = 400;

/// Equal parts of a window that a sample is taken from, so that it is not of its last minutes alone.
const SLICES: u32 = 5;

/// Services whose names are looked for in error lines.
const SERVICES: u32 = 500;

/// Groups of the baseline that are known, so that few are called new that are only rare.
const BASELINE_GROUPS: u32 = 1_000;

impl Tool for GetErrorSummary {
    const NAME: &'static str = "get_error_summary";
    const TITLE: &'static str = "Error summary";
    const OUTPUT: Output = Output {
        columns: &[
            "pattern",
            "error_type",
            "count",
            "rate_per_min",
            "baseline_rate_per_min",
            "is_new",
            "change",
            "first_in_traces",
            "first_seen",
            "last_seen",
            "service",
            "level",
            "trace_id",
            "id",
        ],
        sections: &["blamed"],
    };

    fn scope(&self) -> &Scope {
        &self.scope
    }

    fn fields(&self) -> Vec<Field> {
        self.group().into_iter().collect()
    }

    fn ask(self, context: &Context) -> Result<Step, ToolError> {
        let window = self.scope.window(context.now, context.settings.max_window_s)?;
        let before = self.baseline.of(window, context.now, context.settings.max_window_s)?;
        let group = self.group();
        group.iter().try_for_each(|field| context.schema.need_groupable(field))?;
        let mut filter = self.scope.filter(context.now)?;
        if self.scope.level.is_none() {
            filter = filter.and(errors(&context.schema)?);
        }
        let services = |window| Look::new(Filter::All, Some(window)).agg("service", Agg::terms(Role::Service, SERVICES));
        let mut call = Summary { arguments: self, filter, window, before, empty_baseline: None };
        let mut looks = vec![services(window)];
        match &group {
            Some(field) => {
                looks.push(call.groups(field, call.arguments.top.value(), window));
                looks.extend(before.map(|before| call.groups(field, BASELINE_GROUPS, before)));
            }
            None => {
                looks.push(call.lines(window, FIRST_LINES));
                looks.extend(before.map(|before| call.lines(before, FIRST_LINES)));
            }
        }
        // A service that fell silent is blamed too. And where the baseline has no document at all, nothing can be called new.
        looks.extend(before.map(|before| services(before).total(TrackTotal::UpTo(1))));
        Step::look(looks, move |mut found, context| {
            let known = known(found.first().into_iter().chain(found.get(1..).and_then(<[_]>::last).filter(|_| before.is_some())));
            call.check_baseline(&mut found);
            match &group {
                Some(field) => call.grouped(field, &known, &found, context),
                None => call.first(known, found, context),
            }
        })
    }
}

impl GetErrorSummary {
    /// The field to group by; none for patterns.
    fn group(&self) -> Option<Field> {
        self.group_by.as_ref().filter(|name| !name.as_str().eq_ignore_ascii_case("pattern")).map(|name| Field::parse(name.as_str()))
    }
}

/// What counts as an error: a line's own level decides; a line without one has failed by its status or outcome. Spans
/// do not count beside log lines: a failed request would count twice.
fn errors(schema: &Schema) -> Result<Filter, ToolError> {
    let failed = || [Role::Status, Role::Outcome].into_iter().any(|role| schema.has(role));
    if !schema.has(Role::Level) {
        return if failed() { Ok(Filter::Failed) } else { schema.need(&Role::Level.into()).map(|()| Filter::Nothing) };
    }
    let by_level = Filter::Levels(Level::Error.and_worse().collect());
    if !failed() || !schema.has(Role::Message) {
        return Ok(by_level);
    }
    let level_less = Filter::Exists(Role::Level.into()).negated().and(Filter::Exists(Role::Message.into())).and(Filter::Failed);
    Ok(Filter::Or(vec![by_level, level_less]))
}

/// A call under way.
struct Summary {
    arguments: GetErrorSummary,
    filter: Filter,
    window: Window,
    before: Option<Window>,
    /// A baseline that was given up, for it has no document.
    empty_baseline: Option<Window>,
}

impl Summary {
    /// Takes the last look, at whether the baseline has any document; gives the baseline up where it has none.
    fn check_baseline(&mut self, found: &mut Vec<Found<'_>>) {
        if self.before.is_some() && found.pop().is_some_and(|any| any.total.value == 0) {
            self.empty_baseline = self.before.take();
            found.truncate(2);
        }
    }

    fn lines(&self, window: Window, size: u32) -> Look {
        self.lines_look(window, size).agg("service", Agg::terms(Role::Service, SERVICES))
    }

    fn lines_look(&self, window: Window, size: u32) -> Look {
        let look = Look::new(self.filter.clone(), Some(window)).total(TrackTotal::Exact);
        look.page(Order::Newest, 0, size).fetch(FETCH)
    }

    fn groups(&self, field: &Field, size: u32, window: Window) -> Look {
        let by = Agg::terms(field.clone(), size);
        let by = if window == self.window {
            by.with("first", Agg::Min(Role::Time.into()))
                .with("last", Agg::Max(Role::Time.into()))
                .with("service", Agg::terms(Role::Service, 5))
                .with("newest", Agg::Top { size: 1, order: Order::Newest, fetch: FETCH.into_iter().map(Field::from).collect() })
        } else {
            by
        };
        // The newest lines tell whom they blame.
        self.lines_look(window, FIRST_LINES).agg("by", by)
    }

    /// Lengths of window and baseline.
    fn seconds(&self) -> (f64, Option<f64>) {
        (self.window.seconds(), self.before.map(|before| before.seconds()))
    }

    /// How long window and baseline were observed by these lines of them.
    #[expect(clippy::cast_precision_loss, reason = "counts of documents")]
    fn exposure(&self, now: (&[Line<'_>], Total), before: (&[Line<'_>], Total)) -> Option<Exposure> {
        let read = |(lines, total): (&[Line<'_>], Total)| if total.value == 0 { 1.0 } else { lines.len() as f64 / total.value as f64 };
        Some(Exposure { now: self.window.seconds() * read(now), before: self.before?.seconds() * read(before) })
    }

    /// Reads the first lines; takes more of them where there are more.
    fn first(self, known: Services, mut found: Vec<Found<'_>>, context: &Context) -> Result<Step, ToolError> {
        let parts = found.split_off(1.min(found.len()));
        let Some(now) = parts.first() else { return Step::done(Answer::new("nothing was asked")) };
        let services: Vec<(String, u64)> =
            now.results.buckets("service").iter().map(|bucket| (bucket.key.text().into_owned(), bucket.count)).collect();
        let is_whole = parts.iter().all(|part| part.hits.len() as u64 >= part.total.value);
        if is_whole || now.total.value == 0 {
            let (now, before) = parts.split_at(1);
            return self.patterned(&known, services, now, before, context);
        }
        let most = affordable(&parts);
        let mut looks = Vec::new();
        let mut split = 0;
        for (number, (part, window)) in parts.iter().zip([Some(self.window), self.before].into_iter().flatten()).enumerate() {
            if part.total.value <= u64::from(most) {
                looks.push(self.lines(window, most));
            } else {
                looks.extend(window.parts(SLICES).into_iter().map(|slice| self.lines(slice, most / SLICES)));
            }
            if number == 0 {
                split = looks.len();
            }
        }
        Step::look(looks, move |found, context| {
            let (now, before) = found.split_at(split.min(found.len()));
            self.patterned(&known, services, now, before, context)
        })
    }

    fn patterned(
        self,
        known: &Services,
        services: Vec<(String, u64)>,
        now: &[Found<'_>],
        before: &[Found<'_>],
        context: &Context,
    ) -> Result<Step, ToolError> {
        let total = sum(now);
        let (lines_now, lines_before) = (lines(now), lines(before));
        let total_before = sum(before);
        let exposure = self.exposure((&lines_now, total), (&lines_before, total_before));
        let patterns = patterns(&lines_now, &lines_before, exposure);
        let groups = patterns.list.into_iter().map(|pattern| (Cell::from(pattern.text.as_str()), pattern)).collect();
        let report = Report {
            by: "pattern",
            window: self.window,
            before: self.before,
            total,
            total_before,
            level: exposure.map(|exposure| change::level(Events { now: events(&lines_now), before: events(&lines_before) }, exposure)),
            services,
            groups,
            traces: patterns.traces,
            blamed: blamed(&lines_now, &lines_before, known, self.seconds()),
        };
        let mut answer = report.answer(self.arguments.top.value() as usize, &context.schema);
        let (sampled, sampled_before) = (lines_now.len() as u64, lines_before.len() as u64);
        if sampled < total.value || sampled_before < report.total_before.value {
            answer = answer.note(format!(
                "patterns are counted from a sample of {sampled} of {} lines, the newest of each fifth of the window ({sampled_before} of {} \
                 of the baseline); the total is exact",
                total.value, report.total_before.value
            ));
        }
        self.end(answer, total, context)
    }

    fn grouped(self, field: &Field, known: &Services, found: &[Found<'_>], context: &Context) -> Result<Step, ToolError> {
        let Some(now) = found.get(1) else { return Step::done(Answer::new("nothing was asked")) };
        let before = found.get(2);
        let earlier: BTreeMap<String, u64> = before
            .map_or(&[][..], |before| before.results.buckets("by"))
            .iter()
            .map(|bucket| (bucket.key.text().into_owned(), bucket.count))
            .collect();
        let (lines_now, lines_before) = (lines(std::slice::from_ref(now)), before.map(|before| lines(std::slice::from_ref(before))));
        let lines_before = lines_before.unwrap_or_default();
        let total_before = before.map_or_else(Total::default, |before| before.total);
        // Both windows are counted whole; how many lines tell of one event is known of those that were read.
        let exposure = self.before.map(|before| Exposure { now: self.window.seconds(), before: before.seconds() });
        let (clump, clump_before) = (clump(&lines_now), clump(&lines_before));
        let mut tested: BTreeMap<String, Events> =
            earlier.iter().map(|(key, count)| (key.clone(), Events { now: 0, before: thinned(*count, clump_before) })).collect();
        for bucket in now.results.buckets("by") {
            tested.entry(bucket.key.text().into_owned()).or_default().now = thinned(bucket.count, clump);
        }
        let changed = exposure.map_or_else(Vec::new, |exposure| changes(&tested.values().copied().collect::<Vec<_>>(), exposure));
        let changed: BTreeMap<String, _> = tested.into_keys().zip(changed).collect();
        let mut groups = Vec::new();
        for bucket in now.results.buckets("by") {
            let newest = bucket.results.hits("newest").first();
            let text = |role: Role| newest.and_then(|hit| hit.text(role)).map(std::borrow::Cow::into_owned);
            #[expect(clippy::cast_precision_loss, reason = "counts of documents")]
            let group = Pattern {
                text: bucket.key.text().into_owned(),
                count: bucket.count as f64,
                before: earlier.get(bucket.key.text().as_ref()).copied().unwrap_or_default() as f64,
                change: changed.get(bucket.key.text().as_ref()).copied().flatten(),
                first_seen: bucket.results.time("first"),
                last_seen: bucket.results.time("last"),
                services: bucket.results.buckets("service").iter().map(|service| service.key.text().into_owned()).collect(),
                level: text(Role::Level),
                trace_id: text(Role::TraceId),
                id: newest.map(crate::look::Hit::reference).unwrap_or_default(),
                ..Pattern::default()
            };
            groups.push((Cell::from(&bucket.key), group));
        }
        let (other, error_bound) = now.results.other("by");
        let counted: u64 = now.results.buckets("by").iter().map(|bucket| bucket.count).sum();
        let all = Events { now: thinned(now.total.value, clump), before: thinned(total_before.value, clump_before) };
        let report = Report {
            by: field.name(),
            window: self.window,
            before: self.before,
            total: now.total,
            total_before,
            level: exposure.map(|exposure| change::level(all, exposure)),
            services: Vec::new(),
            groups,
            traces: 0,
            blamed: blamed(&lines_now, &lines_before, known, self.seconds()),
        };
        let mut answer = report.answer(self.arguments.top.value() as usize, &context.schema);
        if other > 0 {
            answer = answer.note(format!("{other} errors are in further groups (raise `top`); a count may be too low by {error_bound}"));
        }
        let without = now.total.value.saturating_sub(counted + other);
        if without > 0 {
            answer = answer.note(format!("{without} errors have no {}", field.name()));
        }
        if now.total.value > now.hits.len() as u64 {
            answer = answer.note(format!("blamed is estimated from the newest {} errors", now.hits.len()));
        }
        self.end(answer, now.total, context)
    }

    fn end(self, answer: Answer, total: Total, context: &Context) -> Result<Step, ToolError> {
        let answer = match self.empty_baseline {
            Some(baseline) => answer.note(format!("nothing to compare with: no document from {} to {}", baseline.start(), baseline.end())),
            None => answer,
        };
        if total.value > 0 {
            return Step::done(answer);
        }
        let mut clauses = self.arguments.scope.clauses(context.now)?;
        if self.arguments.scope.level.is_none() {
            clauses.push(("level error or worse, or failed".to_owned(), errors(&context.schema)?));
        }
        Step::empty(GetErrorSummary::NAME, answer, Some(self.window), clauses)
    }
}

/// The services of window and baseline, by the names that error lines may use.
fn known<'f, 'a: 'f>(found: impl Iterator<Item = &'f Found<'a>>) -> Services {
    let services: Vec<String> = found.flat_map(|all| all.results.buckets("service")).map(|bucket| bucket.key.text().into_owned()).collect();
    Services::of(services.iter().map(String::as_str))
}

/// How many lines as long as these fit into a reply for each of two windows.
fn affordable(parts: &[Found<'_>]) -> u32 {
    let hits = || parts.iter().flat_map(|part| &part.hits);
    let texts = [Role::Message, Role::ErrorMessage];
    let length = |hit: &crate::look::Hit<'_>| texts.iter().filter_map(|role| hit.text(*role)).map(|text| text.len()).sum::<usize>();
    let bytes: usize = hits().map(|hit| length(hit) + BYTES_BESIDE_TEXT).sum();
    let mean = bytes / hits().count().max(1);
    u32::try_from(REPLY_BYTES / 2 / mean.max(1)).unwrap_or(MOST_LINES).clamp(FIRST_LINES, MOST_LINES)
}

/// How many lines tell of one event.
#[expect(clippy::cast_precision_loss, reason = "counts of documents")]
fn clump(lines: &[Line<'_>]) -> f64 {
    lines.len().max(1) as f64 / events(lines).max(1) as f64
}

/// How many events some lines tell of; at least one where there is any line.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts of documents")]
fn thinned(lines: u64, clump: f64) -> u64 {
    (lines as f64 / clump).ceil() as u64
}

fn sum(parts: &[Found<'_>]) -> Total {
    parts
        .iter()
        .fold(Total::default(), |sum, part| Total { value: sum.value + part.total.value, at_least: sum.at_least || part.total.at_least })
}

#[cfg(test)]
mod tests;
