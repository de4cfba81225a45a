//! `get_service_overview`: who is healthy and who is not, now against before. Knows the looks; knows no engine and no
//! protocol.

mod health;
mod report;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;

use self::{
    health::{Finding, Health, Past, RULE, Rule, worst_first},
    report::{FailingPath, Judged, Member, Report},
};
use crate::{
    answer::{Answer, Section},
    dsl::{Scalar, TrackTotal},
    error::{Code, ToolError},
    look::{Agg, Bucket, Field, Filter, Found, Key, Look, Total},
    params::{Baseline, Bounded, Scope, Text, Window},
    schema::Role,
    tool::{Context, Output, Step, Tool},
};

/// Health of each service, path, pod or host: rate, share of errors and of 4xx, p95, now against before; what never
/// succeeded first, then worst first; healthy ones too. The first call of an investigation. `get_error_summary` tells
/// what the errors say, `find_changes` what changed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct GetServiceOverview {
    #[serde(flatten)]
    scope: Scope,
    /// service, path, pod, host or any field. Default service
    group_by: Option<Text>,
    /// previous (default), 1d, 7d, none, a range
    #[serde(default)]
    baseline: Baseline,
    #[serde(default)]
    top: Bounded<20, 100>,
}

/// Groups asked of the engine; the worst of them are shown.
const GROUPS: u32 = 100;

/// Failing paths told beside groups of another kind.
const PATHS: u32 = 50;

/// A path with fewer answers is not told beside groups of another kind: one stray request is no clue.
const FEWEST_ANSWERS: u64 = 3;

/// How far back it is looked whether something ever succeeded.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(7 * 24);

impl Tool for GetServiceOverview {
    const NAME: &'static str = "get_service_overview";
    const TITLE: &'static str = "Service overview";
    const OUTPUT: Output = Output {
        columns: &[
            "service",
            "finding",
            "count",
            "rate_per_min",
            "error_rate",
            "client_error_rate",
            "status",
            "p95_ms",
            "baseline_rate_per_min",
            "baseline_error_rate",
            "baseline_client_error_rate",
            "baseline_p95_ms",
            "first_seen",
            "last_success",
        ],
        sections: &["failing_paths"],
    };

    fn scope(&self) -> &Scope {
        &self.scope
    }

    fn fields(&self) -> Vec<Field> {
        vec![self.group()]
    }

    fn ask(self, context: &Context) -> Result<Step, ToolError> {
        let window = self.scope.window(context.now, context.settings.max_window_s)?;
        let before = self.baseline.of(window, context.now, context.settings.max_window_s)?;
        let group = self.group();
        if group == Field::Role(Role::Time) {
            return Err(ToolError::new(
                Code::BadArgument,
                "`group_by` is the time",
                "group by service, path, pod or host; aggregate_logs with `interval` makes a series",
            ));
        }
        context.schema.need_groupable(&group)?;
        let filter = self.scope.filter(context.now)?;
        let rule = Rule::of(&context.schema);
        let tells_paths = group != Field::Role(Role::Path) && context.schema.need_groupable(&Role::Path.into()).is_ok();
        let groups =
            Agg::Terms { field: group.clone(), size: GROUPS, order: crate::dsl::TermsOrder::Count, include: None, inner: rule.aggs() };
        // What fails may be too rare to be among the most frequent groups.
        let mut failing = Agg::Filter(rule.bad(), Vec::new()).with("by", Agg::terms(group.clone(), GROUPS));
        if tells_paths {
            failing = failing.with("paths", Agg::terms(Role::Path, PATHS));
        }
        let now = Look::new(filter.clone(), Some(window)).total(TrackTotal::Exact).agg("by", groups.clone()).agg("failing", failing);
        let mut looks = vec![now];
        looks.extend(before.map(|before| Look::new(filter.clone(), Some(before)).total(TrackTotal::Exact).agg("by", groups)));
        let overview = Overview { arguments: self, group, rule, filter, window, before };
        Step::look(looks, move |found, context| overview.first(&found, context))
    }
}

impl GetServiceOverview {
    fn group(&self) -> Field {
        self.group_by.as_ref().map_or(Field::Role(Role::Service), |name| Field::parse(name.as_str()))
    }
}

/// A call under way.
struct Overview {
    arguments: GetServiceOverview,
    group: Field,
    rule: Rule,
    filter: Filter,
    window: Window,
    before: Option<Window>,
}

/// Groups by the text of their key.
type Members = BTreeMap<String, Member>;

impl Overview {
    /// Reads both windows; looks further back at what failed, and at what failed but is too rare to be in the first look.
    fn first(mut self, found: &[Found<'_>], context: &Context) -> Result<Step, ToolError> {
        let (Some(now), before) = (found.first(), found.get(1)) else { return Step::done(Answer::new("nothing was asked")) };
        let before = before.filter(|before| before.total.value > 0);
        let compared = self.before.take_if(|_| before.is_none());
        let mut members = Members::new();
        self.read(&mut members, buckets(Some(now)), buckets(before));
        let failing = now.results.inside("failing");
        let keys = |name: &str| failing.map_or(&[][..], |failing| failing.buckets(name)).iter().map(|bucket| bucket.key.clone());
        let rare: Vec<Key> = keys("by").filter(|key| !members.contains_key(key.text().as_ref())).collect();
        let seen = Seen {
            empty_baseline: compared,
            total: now.total,
            grouped: now.results.buckets("by").iter().map(|bucket| bucket.count).sum(),
            other: now.results.other("by").0,
        };
        let mut suspects: Vec<Key> =
            members.values().filter(|member| member.now.never_succeeds()).map(|member| member.key.clone()).collect();
        suspects.extend(rare.iter().cloned());
        let paths: Vec<Key> = keys("paths").collect();

        let mut looks = Vec::new();
        let has_rare = !rare.is_empty();
        if has_rare {
            let only = self.filter.clone().and(one_of(&self.group, &rare));
            let look = |window| Look::new(only.clone(), Some(window)).agg("by", self.terms(&self.group, rare.len(), self.rule.aggs()));
            looks.push(look(self.window));
            looks.extend(self.before.map(look));
        }
        let has_suspects = !suspects.is_empty();
        if has_suspects {
            looks.push(self.past(&self.group, &suspects, Vec::new(), context));
        }
        if !paths.is_empty() {
            let inner = vec![
                ("now".to_owned(), Agg::Filter(Filter::Time(self.window), self.rule.aggs())),
                ("service".to_owned(), Agg::terms(Role::Service, 2)),
            ];
            looks.push(self.past(&Role::Path.into(), &paths, inner, context));
        }
        if looks.is_empty() {
            return self.answer(members, &BTreeMap::new(), &[], seen, context);
        }
        let has_paths = !paths.is_empty();
        Step::look(looks, move |found, context| {
            let mut found = found.iter();
            if has_rare {
                let now = buckets(found.next());
                let before = buckets(if self.before.is_some() { found.next() } else { None });
                self.read(&mut members, now, before);
            }
            let pasts = buckets(if has_suspects { found.next() } else { None });
            let pasts = pasts.iter().map(|bucket| (bucket.key.text().into_owned(), past_of(bucket))).collect();
            let paths = buckets(if has_paths { found.next() } else { None });
            self.answer(members, &pasts, paths, seen, context)
        })
    }

    fn terms(&self, field: &Field, size: usize, inner: Vec<(String, Agg)>) -> Agg {
        let mut agg = Agg::terms(field.clone(), u32::try_from(size).unwrap_or(GROUPS).max(1));
        for (name, inside) in inner {
            agg = agg.with(name, inside);
        }
        agg
    }

    /// Since when there are documents with these values, and when one last told of success.
    fn past(&self, field: &Field, keys: &[Key], mut inner: Vec<(String, Agg)>, context: &Context) -> Look {
        let limit = i64::try_from(context.settings.max_window_s).map_or(LOOK_BACK, SignedDuration::from_secs);
        let start = self.window.end().checked_sub(LOOK_BACK.min(limit)).unwrap_or(self.window.start()).min(self.window.start());
        let window = Window::new(start, self.window.end()).unwrap_or(self.window);
        inner.push(("first".to_owned(), Agg::Min(Role::Time.into())));
        inner.push(("good".to_owned(), Agg::Filter(self.rule.good(), Vec::new()).with("last", Agg::Max(Role::Time.into()))));
        Look::new(self.filter.clone().and(one_of(field, keys)), Some(window)).agg("by", self.terms(field, keys.len(), inner))
    }

    fn read(&self, members: &mut Members, now: &[Bucket<'_>], before: &[Bucket<'_>]) {
        let empty = || self.before.map(|_| Health::default());
        for bucket in now {
            let member = Member { key: bucket.key.clone(), now: Health::read(bucket.count, &bucket.results), before: empty() };
            members.insert(bucket.key.text().into_owned(), member);
        }
        for bucket in before {
            let member = members.entry(bucket.key.text().into_owned());
            let member = member.or_insert_with(|| Member { key: bucket.key.clone(), now: Health::default(), before: None });
            member.before = Some(Health::read(bucket.count, &bucket.results));
        }
    }

    fn answer(
        self,
        members: Members,
        pasts: &BTreeMap<String, Past>,
        paths: &[Bucket<'_>],
        seen: Seen,
        context: &Context,
    ) -> Result<Step, ToolError> {
        let mut groups: Vec<Judged> = members
            .into_iter()
            // A group that the baseline's most frequent ones have, and the window's have not, is gone only if it cannot
            // be among those that the window left out.
            .filter(|(_, member)| member.now.count > 0 || seen.other == 0)
            .map(|(key, member)| {
                let past = pasts.get(&key).copied();
                Judged { finding: Finding::of(&member.now, member.before.as_ref(), past), member, past: past.unwrap_or_default() }
            })
            .collect();
        groups.sort_by(|a, b| worst_first((a.finding, &a.member.now), (b.finding, &b.member.now)));
        let report = Report { field: &self.group, window: self.window, before: self.before, groups, paths: failing_paths(paths) };
        let mut answer = Answer::new(report.summary()).window(self.window).matched(seen.total);
        answer = answer.table(report.table(self.arguments.top.value() as usize));
        answer = answer.section(Section::table("failing_paths", report.paths_table())).note(RULE);
        if let Some(baseline) = seen.empty_baseline {
            answer = answer.note(format!("nothing to compare with: no document from {} to {}", baseline.start(), baseline.end()));
        }
        let without = seen.total.value.saturating_sub(seen.grouped + seen.other);
        if without > 0 {
            answer = answer.note(format!("{without} documents have no {}", self.group.name()));
        }
        if seen.other > 0 {
            answer = answer.note(format!(
                "{} documents are in groups beyond the {GROUPS} most frequent ones; of those, only failing ones were looked at",
                seen.other
            ));
        }
        answer = answer.hint(report.hint());
        for (role, field) in context.schema.shown(&[Role::Service, Role::Path, Role::Status, Role::Outcome, Role::Duration]) {
            answer = answer.field(role, field);
        }
        if seen.total.value == 0 {
            return Step::empty(GetServiceOverview::NAME, answer, Some(self.window), self.arguments.scope.clauses(context.now)?);
        }
        Step::done(answer)
    }
}

/// How much of the window's documents the groups account for.
#[derive(Debug, Clone, Copy)]
struct Seen {
    total: Total,
    grouped: u64,
    other: u64,
    /// A baseline without any document: nothing to compare with.
    empty_baseline: Option<Window>,
}

fn buckets<'f, 'a>(found: Option<&'f Found<'a>>) -> &'f [Bucket<'a>] {
    found.map_or(&[], |found| found.results.buckets("by"))
}

fn failing_paths(paths: &[Bucket<'_>]) -> Vec<FailingPath> {
    let mut failing: Vec<FailingPath> = paths
        .iter()
        .filter_map(|bucket| {
            let now = Health::read(bucket.results.count("now"), bucket.results.inside("now")?);
            let past = past_of(bucket);
            let services: BTreeSet<String> =
                bucket.results.buckets("service").iter().map(|service| service.key.text().into_owned()).collect();
            let path = bucket.key.text().into_owned();
            let finding = Finding::of(&now, None, Some(past));
            (now.never_succeeds() && now.answers >= FEWEST_ANSWERS).then(|| FailingPath {
                path,
                services: services.into_iter().collect(),
                finding,
                now,
                past,
            })
        })
        .collect();
    failing.sort_by(|a, b| worst_first((a.finding, &a.now), (b.finding, &b.now)));
    failing
}

fn past_of(bucket: &Bucket<'_>) -> Past {
    let last_success: Option<Timestamp> = bucket.results.inside("good").and_then(|good| good.time("last"));
    Past { first_seen: bucket.results.time("first"), last_success }
}

fn one_of(field: &Field, keys: &[Key]) -> Filter {
    let values = keys.iter().map(|key| match key {
        Key::Int(number) => Scalar::Int(*number),
        Key::Number(number) => Scalar::Float(*number),
        Key::Text(_) | Key::Time(_) | Key::Parts(_) => Scalar::from(key.text().as_ref()),
    });
    Filter::Is(field.clone(), values.collect())
}

#[cfg(test)]
mod tests;
