//! `find_changes`: what came, went, was replaced or was done in a window. Knows the looks; knows no engine and no
//! protocol.

mod audit;
mod cluster;
mod kind;
mod report;
mod rollout;
mod sightings;
mod slow;
mod trouble;

use std::collections::BTreeMap;

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::Deserialize;

use self::{
    kind::Kind,
    report::Report,
    rollout::Changed,
    sightings::{Coverage, Sighting},
    trouble::Trouble,
};
use crate::{
    answer::Answer,
    error::ToolError,
    look::{Agg, Bucket, Field, Found, Look, Order, Results},
    mining,
    params::{OneOrMany, Scope, Window},
    schema::{Role, Schema},
    tool::{Context, Output, Step, Tool},
};

/// What changed, in order of time: pods, images, versions, endpoints, services that came or went, deployments inferred
/// from them, audit and Kubernetes events; each scored by how close before the onset of errors or slowness it lies. What behaves
/// differently: `compare_windows`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct FindChanges {
    #[serde(flatten)]
    scope: Scope,
    /// Default all. `service` does not limit events
    kinds: Option<OneOrMany<Kind>>,
}

/// Values of a kind that are looked at; the most frequent ones.
const VALUES: u32 = 500;

/// Values of a kind inside each of another: tags of an image, versions of a service.
const INNER_VALUES: u32 = 20;

/// Audit events that are read; the newest ones.
const EVENTS: u32 = 200;

/// Above this many distinct paths, what varies in them is taken for ids.
const PLAIN_PATHS: usize = 100;

/// It is looked at least this far beyond the window, so that a quiet pod is not called vanished.
const LEAST_MARGIN: SignedDuration = SignedDuration::from_hours(1);

impl Tool for FindChanges {
    const NAME: &'static str = "find_changes";
    const TITLE: &'static str = "Find changes";
    const OUTPUT: Output =
        Output { columns: &["time", "kind", "change", "value", "field", "evidence", "lead_s", "score"], sections: &["onset"] };

    fn scope(&self) -> &Scope {
        &self.scope
    }

    fn ask(self, context: &Context) -> Result<Step, ToolError> {
        let window = self.scope.window(context.now, context.settings.max_window_s)?;
        let around = extended(window, context.settings.max_window_s);
        let mut look = Look::new(self.scope.filter(context.now)?, Some(around));
        for kind in Kind::SEEN.into_iter().filter(|kind| self.needs(*kind)) {
            look.aggs.extend(agg(kind, &context.schema).map(|agg| (kind.word().to_owned(), agg)));
        }
        let covered = trouble::covered(around, window);
        look.aggs.extend(covered.and_then(|covered| trouble::agg(&context.schema, covered)));
        look.aggs.extend(covered.into_iter().flat_map(|covered| slow::survey(&context.schema, covered, window)));
        let mut looks = vec![look];
        // Events know neither service nor level.
        let scope = Scope { service: None, level: None, ..self.scope.clone() };
        let audited = audit::filter(&context.schema)
            .filter(|_| [Kind::Event, Kind::Cloudtrail, Kind::Kubernetes].into_iter().any(|kind| self.wants(kind)));
        let has_audit = audited.is_some();
        if let Some(changes) = audited {
            let look = Look::new(scope.filter(context.now)?.and(changes), Some(window));
            looks.push(look.page(Order::Newest, 0, EVENTS).fetch(audit::FETCH));
        }
        let observed = Window::new(around.start(), window.end()).unwrap_or(window);
        if let Some(events) = cluster::filter(&context.schema).filter(|_| self.wants(Kind::KubernetesEvent)) {
            looks.push(Look::new(scope.filter(context.now)?.and(events), Some(observed)).agg("pairs", cluster::agg(window)));
        }
        Step::look(looks, move |mut found, context| {
            let audited = (has_audit && found.len() > 1).then(|| found.remove(1));
            let told = found.get(1).map(|found| (cluster::read(&found.results, observed, window), found.total.value));
            let Some(seen) = found.first() else { return Step::done(Answer::new("nothing was asked")) };
            self.answer(window, around, Seen { seen, audited: audited.as_ref(), told }, context)
        })
    }
}

/// What was found.
struct Seen<'f, 'a> {
    seen: &'f Found<'a>,
    audited: Option<&'f Found<'a>>,
    /// Kubernetes events, and how many there are in all.
    told: Option<(cluster::Read, u64)>,
}

impl FindChanges {
    /// Whether rows of this kind are wanted.
    fn wants(&self, kind: Kind) -> bool {
        let is_event = matches!(kind, Kind::Cloudtrail | Kind::Kubernetes | Kind::KubernetesEvent);
        self.kinds.as_ref().is_none_or(|kinds| kinds.members().iter().any(|wanted| *wanted == kind || (is_event && *wanted == Kind::Event)))
    }

    /// Whether this kind has to be looked at: a deployment is inferred from others.
    fn needs(&self, kind: Kind) -> bool {
        let tells_deployments = matches!(kind, Kind::Pod | Kind::Image | Kind::Version | Kind::ReplicaSet);
        self.wants(kind) || (tells_deployments && self.wants(Kind::Deployment))
    }

    /// Reads what changed; looks again for when requests became slow, where there are durations.
    fn answer(self, window: Window, around: Window, found: Seen<'_, '_>, context: &Context) -> Result<Step, ToolError> {
        let Seen { seen, audited, told } = found;
        let mut changed = Vec::new();
        let mut notes = Vec::new();
        for kind in Kind::SEEN {
            let (sightings, left_out) = sightings(kind, &seen.results);
            let Some(coverage) = Coverage::of(&sightings) else { continue };
            if left_out > 0 {
                let word = kind.word();
                notes.push(format!(
                    "{word}: only the {} most frequent values were looked at; narrow by service or filters",
                    sightings.len()
                ));
            }
            if coverage.first >= window.start() && notes.is_empty() {
                notes.push(format!("no data before {}: what was there at its beginning is not told as appeared", coverage.first));
            }
            changed.extend(sightings.into_iter().filter_map(|seen| {
                let fate = coverage.fate(&seen, window);
                (fate.appeared || fate.vanished).then_some(Changed { kind, seen, fate })
            }));
        }
        let mut events = Vec::new();
        let any = seen.total.value + audited.map_or(0, |audited| audited.total.value) + told.as_ref().map_or(0, |(_, events)| *events);
        if let Some(audited) = audited {
            events = audit::events(&audited.hits);
            events.retain(|event| self.wants(event.kind));
            if audited.total.value > u64::from(EVENTS) {
                notes.push(format!("only the newest {EVENTS} of {} audit events were read", audited.total.value));
            }
        } else if context.schema.has(Role::Action) {
            notes.push("no audit log in these indices (event.provider, eventSource or objectRef.resource)".to_owned());
        }
        let mut happened = Vec::new();
        if let Some((read, _)) = told {
            if read.as_before > 0 {
                notes.push(format!("{} kinds of Kubernetes events go on as before the window and are not told", read.as_before));
            }
            if read.is_cut {
                notes.push(format!(
                    "only the first {} reasons and objects of Kubernetes events, by name, were read; filter",
                    cluster::PAIRS
                ));
            }
            happened = read.told;
        }
        let swaps = rollout::swaps(&mut changed);
        let rollouts = rollout::rollouts(&changed, &swaps);
        let trouble = trouble::read(&seen.results, window);
        let requests = slow::requests(&seen.results, &context.schema);
        let turns = rollout::turns(&changed, &swaps);
        let report = Report { window, changed, swaps, rollouts, turns, events, happened, trouble };
        let draft = Draft { arguments: self, report, notes, around, is_empty: any == 0 };
        match trouble::covered(around, window).filter(|_| !requests.is_empty()) {
            None => draft.done(context),
            Some(covered) => {
                let look = slow::look(draft.arguments.scope.filter(context.now)?, covered, &requests);
                Step::look(vec![look], move |found, context| {
                    let slower = found.first().and_then(|found| slow::read(&found.results, &requests, window));
                    draft.with(slower).done(context)
                })
            }
        }
    }
}

/// An answer that only lacks what is told of slow requests.
struct Draft {
    arguments: FindChanges,
    report: Report,
    notes: Vec<String>,
    around: Window,
    /// No document was there at all.
    is_empty: bool,
}

impl Draft {
    /// Takes slow requests for the trouble, where they rose more clearly than failures.
    fn with(mut self, slower: Option<Trouble>) -> Self {
        let clearest = self.report.trouble.take().into_iter().chain(slower).max_by(|a, b| a.g2.total_cmp(&b.g2));
        self.report.trouble = clearest;
        self
    }

    fn done(self, context: &Context) -> Result<Step, ToolError> {
        let Self { arguments, report, notes, around, is_empty } = self;
        let rows = (arguments.scope.max_tokens(context.settings.max_tokens) / report::TOKENS_OF_ROW).max(1);
        let mut answer = report.answer(&context.schema, &|kind| arguments.wants(kind), rows as usize);
        answer = notes.into_iter().fold(answer, Answer::note);
        if is_empty {
            return Step::empty(FindChanges::NAME, answer, Some(around), arguments.scope.clauses(context.now)?);
        }
        Step::done(answer)
    }
}

/// The window with its length, or an hour, on either side; within the limit of one search.
fn extended(window: Window, max_window_s: u64) -> Window {
    let length = window.end().duration_since(window.start());
    let limit = i64::try_from(max_window_s).map_or(SignedDuration::MAX, SignedDuration::from_secs);
    let margin = length.max(LEAST_MARGIN).min(limit.saturating_sub(length) / 2).max(SignedDuration::ZERO);
    let start = window.start().checked_sub(margin).unwrap_or(window.start());
    let end = window.end().checked_add(margin).unwrap_or(window.end());
    Window::new(start, end).unwrap_or(window)
}

/// First and last sight of each value of a kind; none where the indices cannot tell.
fn agg(kind: Kind, schema: &Schema) -> Option<Agg> {
    let groups_by = |role: Role| schema.need_groupable(&Field::Role(role)).is_ok();
    let role = kind.role().filter(|role| groups_by(*role))?;
    let sight = |agg: Agg| agg.with("first", Agg::Min(Role::Time.into())).with("last", Agg::Max(Role::Time.into()));
    let with_service = |agg: Agg| {
        if role != Role::Service && groups_by(Role::Service) { agg.with("service", Agg::terms(Role::Service, 1)) } else { agg }
    };
    Some(match kind {
        Kind::Image if groups_by(Role::ImageTag) => {
            Agg::terms(role, VALUES).with("tag", with_service(sight(Agg::terms(Role::ImageTag, INNER_VALUES))))
        }
        // Two services can have the same version.
        Kind::Version if groups_by(Role::Service) => {
            Agg::terms(Role::Service, VALUES).with("version", sight(Agg::terms(role, INNER_VALUES)))
        }
        _ => with_service(sight(Agg::terms(role, VALUES))),
    })
}

/// The sightings of a kind, and how many documents are of values that were left out.
fn sightings(kind: Kind, results: &Results<'_>) -> (Vec<Sighting>, u64) {
    let buckets = results.buckets(kind.word());
    let (mut left_out, _) = results.other(kind.word());
    let text = |bucket: &Bucket<'_>| bucket.key.text().into_owned();
    let mut sightings: Vec<Sighting> = Vec::new();
    for bucket in buckets {
        let nested = |name: &str| (bucket.results.buckets(name), bucket.results.other(name).0);
        match (nested("tag"), nested("version")) {
            ((tags @ [_, ..], other), _) => {
                left_out += other;
                sightings.extend(tags.iter().filter_map(|tag| Sighting::read(format!("{}:{}", text(bucket), text(tag)), tag)));
            }
            (_, (versions @ [_, ..], other)) => {
                left_out += other;
                let of_service = |seen: Sighting| Sighting { service: Some(text(bucket)), ..seen };
                sightings.extend(versions.iter().filter_map(|version| Sighting::read(text(version), version).map(of_service)));
            }
            _ => sightings.extend(Sighting::read(text(bucket), bucket)),
        }
    }
    if kind == Kind::Endpoint && sightings.len() > PLAIN_PATHS {
        let mut merged: BTreeMap<String, Sighting> = BTreeMap::new();
        for mut seen in sightings {
            seen.value = mining::mask(&seen.value);
            merged.entry(seen.value.clone()).and_modify(|known| known.join(&seen)).or_insert(seen);
        }
        sightings = merged.into_values().collect();
    }
    (sightings, left_out)
}

#[cfg(test)]
mod planted;
#[cfg(test)]
mod tests;
