//! Which requests became slow, and when: of each service and each endpoint the share of requests that are clearly slower than its own p95
//! was before. A share of counts can be dated as failures are, and a service that is rare or fast is not drowned by the others. Knows no
//! tool.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::trouble::{self, Trouble, rough};
use crate::{
    dsl::{Range, Scalar},
    look::{Agg, Field, Filter, Look, Results},
    mining::onset::{self, Onset},
    params::Window,
    schema::{Role, Schema},
};

/// Services, and endpoints, that are looked at: those with the most requests.
const GROUPS: u32 = 10;

/// Requests from which on a p95 is known well enough to count by.
const LEAST_REQUESTS: u64 = 40;

/// A request is slow where it takes so many times the p95. Where more than a twentieth is, the p95 itself rose by that factor.
const FACTOR: f64 = 1.25;

/// The share of requests above a p95.
const TAIL: f64 = 0.05;

/// Requests that are held against their own past.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Requests {
    role: Option<Role>,
    name: String,
    /// From here on they are slow.
    slow_ms: f64,
}

/// What tells requests apart: the service, and what was asked of it.
fn roles(schema: &Schema) -> Vec<Option<Role>> {
    let groups_by = |role: &Role| schema.is_filled(*role) && schema.need_groupable(&Field::Role(*role)).is_ok();
    let endpoint = [Role::Path, Role::SpanName].into_iter().find(groups_by);
    let roles: Vec<Option<Role>> = [Role::Service].into_iter().filter(groups_by).chain(endpoint).map(Some).collect();
    if roles.is_empty() { vec![None] } else { roles }
}

fn name_of(role: Option<Role>) -> String {
    format!("slow {}", role.map_or("", Role::name))
}

/// Computes the p95 of each kind of request, before the window and in all; nothing where there are no durations.
pub(super) fn survey(schema: &Schema, covered: Window, window: Window) -> Vec<(String, Agg)> {
    let Some(before) = Window::new(covered.start(), window.start()) else { return Vec::new() };
    if schema.need_groupable(&Field::Role(Role::Duration)).is_err() {
        return Vec::new();
    }
    let p95 = || ("p95".to_owned(), Agg::Percentiles(Role::Duration.into(), vec![95.0]));
    let inner = || vec![p95(), ("before".to_owned(), Agg::Filter(Filter::Time(before), vec![p95()]))];
    let timed = || Filter::Exists(Role::Duration.into()).and(Filter::Time(covered));
    let agg = |role: Option<Role>| match role {
        None => Agg::Filter(timed(), inner()),
        Some(role) => {
            let mut groups = Agg::terms(role, GROUPS);
            for (name, agg) in inner() {
                groups = groups.with(name, agg);
            }
            Agg::Filter(timed(), vec![("groups".to_owned(), groups)])
        }
    };
    roles(schema).into_iter().map(|role| (name_of(role), agg(role))).collect()
}

/// The kinds of requests that are frequent enough to be held against their past.
pub(super) fn requests(results: &Results<'_>, schema: &Schema) -> Vec<Requests> {
    let kind = |role: Option<Role>, name: String, count: u64, results: &Results<'_>| {
        let enough = |count: u64| count >= LEAST_REQUESTS;
        let before = results.inside("before").filter(|_| enough(results.count("before"))).and_then(|before| before.percentile("p95", 95.0));
        let p95 = before.or_else(|| results.percentile("p95", 95.0)).filter(|_| enough(count))?;
        Some(Requests { role, name, slow_ms: p95 * FACTOR })
    };
    let mut kinds = Vec::new();
    for role in roles(schema) {
        let Some(inside) = results.inside(&name_of(role)) else { continue };
        match role {
            None => kinds.extend(kind(None, String::new(), results.count(&name_of(None)), inside)),
            Some(_) => kinds.extend(
                inside
                    .buckets("groups")
                    .iter()
                    .filter_map(|bucket| kind(role, bucket.key.text().into_owned(), bucket.count, &bucket.results)),
            ),
        }
    }
    kinds
}

/// Counts the requests of each kind, and the slow ones, step by step.
pub(super) fn look(filter: Filter, covered: Window, kinds: &[Requests]) -> Look {
    let steps = Agg::TimeHistogram { interval_ms: trouble::step_ms(covered), window: covered, inner: Vec::new() };
    let of = |(at, kind): (usize, &Requests)| {
        let all = Filter::Exists(Role::Duration.into());
        let all = kind.role.map_or_else(|| all.clone(), |role| all.clone().and(Filter::is(role, kind.name.as_str())));
        let slow = Range { gt: Some(Scalar::Float(kind.slow_ms)), ..Range::default() };
        let slow = all.clone().and(Filter::Range(Role::Duration.into(), slow));
        [(format!("{at}"), all), (format!("{at} slow"), slow)]
    };
    let filters = kinds.iter().enumerate().flat_map(of).collect();
    Look::new(filter, Some(covered)).agg("kinds", Agg::Filters(filters, vec![("steps".to_owned(), steps)]))
}

/// The clearest rise of slow requests that lasts into the window.
pub(super) fn read(results: &Results<'_>, kinds: &[Requests], window: Window) -> Option<Trouble> {
    // Of so many series one reaches by chance what one in a hundred of each does: the threshold rises by 2 ln m (Bonferroni; the tail of G²
    // falls as exp(−G²/2)).
    #[expect(clippy::cast_precision_loss, reason = "some tens")]
    let clear = onset::CLEAR + 2.0 * (kinds.len().max(1) as f64).ln();
    let risen: Vec<(&Requests, Onset, Vec<Timestamp>)> = kinds
        .iter()
        .enumerate()
        .filter_map(|(at, kind)| {
            let (onset, starts) = rise(results, at, window, clear)?;
            Some((kind, onset, starts))
        })
        .collect();
    let is_service = |kind: &Requests| kind.role == Some(Role::Service);
    let suspects: BTreeSet<String> = risen.iter().filter(|(kind, ..)| is_service(kind)).map(|(kind, ..)| kind.name.clone()).collect();
    let services = kinds.iter().filter(|kind| is_service(kind)).count();
    // Of equals the first: the service, which comes before its endpoints.
    let (kind, onset, starts) = risen.iter().rev().max_by(|(_, a, _), (_, b, _)| a.g2.total_cmp(&b.g2))?;
    Trouble::at(kind.told(), onset, starts, suspects, services)
}

#[expect(clippy::cast_precision_loss, reason = "counts of documents")]
fn rise(results: &Results<'_>, at: usize, window: Window, clear: f64) -> Option<(Onset, Vec<Timestamp>)> {
    let series = |key: String| results.bucket("kinds", &key).map_or(&[][..], |bucket| bucket.results.buckets("steps"));
    let all = trouble::steps(series(at.to_string()), window);
    let slow = trouble::steps(series(format!("{at} slow")), window);
    let all = trouble::from_data(&all, window)?;
    let count_at = |time: Timestamp| slow.iter().find(|(other, _)| *other == time).map_or(0, |(_, bucket)| bucket.count);
    let starts: Vec<Timestamp> = all.iter().map(|(time, _)| *time).collect();
    let total: Vec<f64> = all.iter().map(|(_, bucket)| bucket.count as f64).collect();
    let slow: Vec<f64> = starts.iter().map(|time| count_at(*time) as f64).collect();
    trouble::rise(&slow, &total, &starts, window, clear).filter(|onset| onset.after > TAIL).map(|onset| (onset, starts))
}

impl Requests {
    fn told(&self) -> String {
        let limit = rough(self.slow_ms);
        match self.role {
            Some(Role::Service) => format!("requests of {} slower than {limit} ms", self.name),
            Some(Role::Path) => format!("requests to {} slower than {limit} ms", self.name),
            Some(_) => format!("calls of {} slower than {limit} ms", self.name),
            None => format!("requests slower than {limit} ms"),
        }
    }
}
