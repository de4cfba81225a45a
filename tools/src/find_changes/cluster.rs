//! What Kubernetes itself tells of its objects: pods killed, images pulled, probes failed, replica sets scaled. Knows no tool and no engine.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::{
    look::{Agg, Field, Filter, Key, Order, Results},
    mining::{
        mask,
        statistics::{CLEAR_Z, rate_change},
    },
    params::Window,
    schema::{Role, Schema},
};

/// Pairs of a reason and an object that are counted.
pub(super) const PAIRS: u32 = 2_000;

/// Reasons that stand for a decision or a turn of an object: each is a change, however often it happens.
const TURNS: [&str; 16] = [
    "ScalingReplicaSet",
    "SuccessfulRescale",
    "DeploymentRollback",
    "Killing",
    "Evicted",
    "Preempted",
    "Rebooted",
    "NodeNotReady",
    "NodeReady",
    "NodeNotSchedulable",
    "NodeSchedulable",
    "NodeHasDiskPressure",
    "NodeHasInsufficientMemory",
    "OOMKilling",
    "SystemOOM",
    "TaintManagerEviction",
];

/// Steps of every start of a pod and of every run of a job: told by what they lead to.
const ROUTINE: [&str; 9] = [
    "Scheduled",
    "Pulling",
    "Created",
    "Started",
    "SuccessfulCreate",
    "SuccessfulDelete",
    "Completed",
    "SawCompletedJob",
    "LeaderElection",
];

/// What is fetched of the newest event of a pair.
const FETCH: [Role; 4] = [Role::Message, Role::ObjectKind, Role::Service, Role::Occurrences];

/// Events of one reason about alike objects.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Told {
    pub(super) reason: String,
    /// `Pod/web-7f9c6d8b5-x2x4z`.
    pub(super) object: String,
    /// Further objects that differ in their numbers and ids alone.
    pub(super) others: usize,
    pub(super) service: Option<String>,
    pub(super) message: String,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    pub(super) count: u64,
    /// In the stretch before the window.
    pub(super) before: u64,
}

/// The events that changed something, oldest first, and how many kinds of events go on as before.
pub(super) struct Read {
    pub(super) told: Vec<Told>,
    pub(super) as_before: usize,
    /// There were more pairs of a reason and an object than are counted.
    pub(super) is_cut: bool,
}

/// Documents that are such events; none where the indices have none.
pub(super) fn filter(schema: &Schema) -> Option<Filter> {
    let countable = |role: Role| schema.is_filled(role) && schema.need_groupable(&Field::Role(role)).is_ok();
    [Role::Reason, Role::ObjectName]
        .into_iter()
        .all(countable)
        .then(|| Filter::Exists(Role::Reason.into()).and(Filter::Exists(Role::ObjectName.into())))
}

/// First and last time of each reason and object in the window, and how often it came in all.
pub(super) fn agg(window: Window) -> Agg {
    let inside = Agg::Filter(Filter::Time(window), Vec::new())
        .with("first", Agg::Min(Role::Time.into()))
        .with("last", Agg::Max(Role::Time.into()))
        .with("newest", Agg::Top { size: 1, order: Order::Newest, fetch: FETCH.into_iter().map(Field::from).collect() });
    Agg::Composite { fields: vec![Role::Reason.into(), Role::ObjectName.into()], size: PAIRS, after: None, inner: Vec::new() }
        .with("inside", inside)
}

/// Reads the pairs; `observed` is the stretch that was asked, up to the end of the window.
pub(super) fn read(results: &Results<'_>, observed: Window, window: Window) -> Read {
    let mut groups: BTreeMap<(String, String), Told> = BTreeMap::new();
    for bucket in results.buckets("pairs") {
        let Key::Parts(parts) = &bucket.key else { continue };
        let [Some(reason), Some(name)] = parts.as_slice() else { continue };
        if ROUTINE.contains(&reason.as_str()) {
            continue;
        }
        let before = bucket.count.saturating_sub(bucket.results.count("inside"));
        let inside = bucket.results.inside("inside");
        let newest = inside.and_then(|inside| inside.hits("newest").first());
        let times = inside.and_then(|inside| Some((inside.time("first")?, inside.time("last")?)));
        let text = |role: Role| newest.and_then(|hit| hit.text(role)).map(std::borrow::Cow::into_owned);
        // One document can stand for many: it is sent again with a higher count, or once for all.
        let own = newest.and_then(|hit| hit.number(Role::Occurrences)).filter(|count| count.is_finite() && *count >= 1.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of events")]
        let count = bucket.results.count("inside").max(own.map_or(0, |count| count as u64));
        let object = text(Role::ObjectKind).map_or_else(|| name.clone(), |kind| format!("{kind}/{name}"));
        let known = groups.get_mut(&(reason.clone(), mask(name)));
        match (known, times) {
            (Some(known), None) => known.before += before,
            (Some(known), Some((first, last))) => {
                known.others += usize::from(known.count > 0);
                // Named is the object that it happened to first.
                if known.count == 0 || first < known.first {
                    (known.object, known.service, known.message) = (object, text(Role::Service), text(Role::Message).unwrap_or_default());
                    known.first = first;
                }
                known.last = known.last.max(last);
                known.count += count;
                known.before += before;
            }
            (None, times) => {
                let (first, last) = times.unwrap_or((window.end(), window.start()));
                let count = if times.is_some() { count } else { 0 };
                let (service, message) = (text(Role::Service), text(Role::Message).unwrap_or_default());
                let told = Told { reason: reason.clone(), object, others: 0, service, message, first, last, count, before };
                groups.insert((reason.clone(), mask(name)), told);
            }
        }
    }
    let (here, there) = (window.seconds(), (observed.seconds() - window.seconds()).max(0.0));
    let (mut told, mut as_before) = (Vec::new(), 0);
    for group in groups.into_values().filter(|group| group.count > 0) {
        if is_change(&group, here, there) { told.push(group) } else { as_before += 1 }
    }
    told.sort_by(|a, b| (a.first, &a.reason, &a.object).cmp(&(b.first, &b.reason, &b.object)));
    Read { told, as_before, is_cut: results.buckets("pairs").len() >= PAIRS as usize }
}

/// Whether it is a turn of its object, new, or clearly more frequent than before.
#[expect(clippy::cast_precision_loss, reason = "counts of events")]
fn is_change(group: &Told, here: f64, there: f64) -> bool {
    TURNS.contains(&group.reason.as_str())
        || group.before == 0
        || rate_change(group.count as f64, here, group.before as f64, there).z >= CLEAR_Z
}
