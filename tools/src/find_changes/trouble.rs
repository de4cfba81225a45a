//! When the trouble began that the changes are held against: failures, refused requests or slow ones, whichever rose most
//! clearly. Knows no tool.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::{
    dsl::{Range, Scalar},
    look::{Agg, Bucket, Filter, Key, Results},
    mining::{
        mention::Services,
        onset::{self, Onset},
        statistics::{CLEAR_Z, rate_change},
    },
    params::Window,
    schema::{Role, Schema},
};

/// The name of the aggregation that [`read`] reads.
const STEPS: &str = "steps";

/// Steps of the series at most.
const MOST_STEPS: i64 = 180;

/// How far before the window the series begins, in lengths of the window: what is usual has to be known to see what is not.
const LENGTHS_BEFORE: i32 = 3;

/// Steps that a trouble lasts at least.
const SIDE: usize = 2;

/// Services whose failures are counted in each step.
const SERVICES: u32 = 20;

/// Something that rose.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Trouble {
    /// What rose.
    pub(super) what: String,
    /// The first moment of the first step in which it was higher.
    pub(super) onset: Timestamp,
    /// The onset lies from here, with 95 %,
    pub(super) earliest: Timestamp,
    /// to here.
    pub(super) latest: Timestamp,
    /// When it was over; none where it was not.
    pub(super) end: Option<Timestamp>,
    /// The share of documents that were of it.
    pub(super) before: f64,
    pub(super) after: f64,
    pub(super) g2: f64,
    /// Services whose failures rose with it.
    pub(super) suspects: BTreeSet<String>,
    /// Services that failed at all, or at least one.
    pub(super) services: usize,
    /// How long the time before the onset is.
    observed: SignedDuration,
    step: SignedDuration,
}

/// The stretch of the series: from before the window to its end.
pub(super) fn covered(around: Window, window: Window) -> Option<Window> {
    Window::new(begin(window).max(around.start()), window.end())
}

/// How long its steps are.
pub(super) fn step_ms(covered: Window) -> i64 {
    covered.step_ms(MOST_STEPS)
}

/// Counts what fails step by step; none where nothing tells.
pub(super) fn agg(schema: &Schema, covered: Window) -> Option<(String, Agg)> {
    if ![Role::Level, Role::Status, Role::Outcome].into_iter().any(|role| schema.has(role)) {
        return None;
    }
    let steps = Agg::TimeHistogram { interval_ms: step_ms(covered), window: covered, inner: Vec::new() };
    let by_service = |filter: Filter| {
        let services = schema.need_groupable(&Role::Service.into()).is_ok();
        Agg::Filter(filter, services.then(|| ("service".to_owned(), Agg::terms(Role::Service, SERVICES))).into_iter().collect())
    };
    let mut steps = steps.with("errors", by_service(Filter::Failed));
    if schema.has(Role::Status) {
        let refused = Range { gte: Some(Scalar::Int(400)), lt: Some(Scalar::Int(600)), ..Range::default() };
        steps = steps.with("refused", by_service(Filter::Range(Role::Status.into(), refused)));
    }
    Some((STEPS.to_owned(), steps))
}

/// Where the series begins.
fn begin(window: Window) -> Timestamp {
    let length = window.end().duration_since(window.start());
    window.start().saturating_sub(length.saturating_mul(LENGTHS_BEFORE)).unwrap_or(window.start())
}

/// The clearest rise of failures that lasts into the window.
pub(super) fn read(results: &Results<'_>, window: Window) -> Option<Trouble> {
    let steps = steps(results.buckets(STEPS), window);
    let steps = from_data(&steps, window)?;
    let failures = ["errors", "refused"].into_iter().zip(["errors", "requests refused or failed (status 400 and above)"]);
    let found = failures.filter_map(|(name, what)| Some((failing(steps, name, window)?, what, name)));
    let (onset, what, name) = found.max_by(|(a, ..), (b, ..)| a.g2.total_cmp(&b.g2))?;
    let (suspects, services) = suspects(steps, name, &onset);
    let starts: Vec<Timestamp> = steps.iter().map(|(time, _)| *time).collect();
    Trouble::at(what.to_owned(), &onset, &starts, suspects, services)
}

/// The buckets of a series up to the end of the window, with their times.
pub(super) fn steps<'b>(buckets: &'b [Bucket<'b>], window: Window) -> Vec<(Timestamp, &'b Bucket<'b>)> {
    let time = |bucket: &Bucket<'_>| if let Key::Time(time) = bucket.key { Some(time) } else { None };
    buckets.iter().filter_map(|bucket| Some((time(bucket)?, bucket))).filter(|(time, _)| *time < window.end()).collect()
}

/// The steps from where the series was asked to begin, or from where there is data.
pub(super) fn from_data<'s, 'b>(steps: &'s [(Timestamp, &'b Bucket<'b>)], window: Window) -> Option<&'s [(Timestamp, &'b Bucket<'b>)]> {
    let start = begin(window);
    let first = steps.iter().position(|(time, bucket)| *time >= start && bucket.count > 0)?;
    steps.get(first..)
}

/// When some of all rose for a trouble that lasts into the window: what was over before it is passed over.
pub(super) fn rise(failed: &[f64], total: &[f64], starts: &[Timestamp], window: Window, clear: f64) -> Option<Onset> {
    let mut from = 0;
    loop {
        let found = onset::rate_onset(failed.get(from..)?, total.get(from..)?, SIDE)?;
        let end = from + found.end;
        if found.g2 < clear {
            return None;
        }
        if starts.get(end).is_some_and(|time| *time <= window.start()) {
            from = end;
            continue;
        }
        return Some(Onset { at: from + found.at, earliest: from + found.earliest, latest: from + found.latest, end, ..found });
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of documents")]
fn failing(steps: &[(Timestamp, &Bucket<'_>)], name: &str, window: Window) -> Option<Onset> {
    let failed: Vec<f64> = steps.iter().map(|(_, bucket)| bucket.results.count(name) as f64).collect();
    let total: Vec<f64> = steps.iter().map(|(_, bucket)| bucket.count as f64).collect();
    let starts: Vec<Timestamp> = steps.iter().map(|(time, _)| *time).collect();
    rise(&failed, &total, &starts, window, onset::CLEAR)
}

/// The services whose failures rose with the onset, and how many services failed at all.
#[expect(clippy::cast_precision_loss, reason = "counts of documents")]
fn suspects(steps: &[(Timestamp, &Bucket<'_>)], name: &str, onset: &Onset) -> (BTreeSet<String>, usize) {
    let mut counts: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for (number, (_, bucket)) in steps.iter().enumerate() {
        for service in bucket.results.inside(name).map_or(&[][..], |failed| failed.buckets("service")) {
            let (inside, outside) = counts.entry(service.key.text().into_owned()).or_default();
            *if (onset.at..onset.end).contains(&number) { inside } else { outside } += service.count as f64;
        }
    }
    let inside = (onset.end - onset.at) as f64;
    let outside = steps.len() as f64 - inside;
    let services = counts.len();
    let rose = counts.into_iter().filter(|(_, (here, there))| rate_change(*here, inside, *there, outside).z >= CLEAR_Z);
    (rose.map(|(service, _)| service).collect(), services)
}

impl Trouble {
    /// A rise in a series whose steps begin at these times.
    pub(super) fn at(what: String, onset: &Onset, starts: &[Timestamp], suspects: BTreeSet<String>, services: usize) -> Option<Self> {
        let start_of = |step: usize| starts.get(step).copied();
        let step = start_of(1)?.duration_since(start_of(0)?);
        let at = start_of(onset.at)?;
        Some(Self {
            what,
            onset: at,
            // The step before the first higher one may hold the beginning, too late in it to be seen.
            earliest: start_of(onset.earliest.saturating_sub(1))?,
            latest: start_of(onset.latest)?.saturating_add(step).unwrap_or(at),
            end: start_of(onset.end),
            before: onset.before,
            after: onset.after,
            g2: onset.g2,
            suspects,
            services: services.max(1),
            observed: at.duration_since(start_of(0)?),
            step,
        })
    }

    /// How long before the onset a change was complete, in seconds; negative for what came after it. 0 inside the interval.
    pub(super) fn lead_s(&self, start: Timestamp, end: Timestamp) -> i64 {
        if start > self.latest {
            self.onset.duration_since(start).as_secs()
        } else {
            self.earliest.duration_since(end).max(SignedDuration::ZERO).as_secs()
        }
    }

    /// Whether a change is one of a suspect service: its own, or named in what it was done to.
    pub(super) fn touches(&self, service: Option<&str>, text: &str) -> bool {
        let suspects = || self.suspects.iter().map(String::as_str);
        service.is_some_and(|service| self.suspects.contains(service)) || !Services::of(suspects()).mentioned("", text).is_empty()
    }

    /// How little chance explains a change here: the negative decimal logarithm of the share of moments before the onset that are
    /// as close to it, and, where it touches a suspect, of the share of services that are suspects. None for what came after.
    pub(super) fn score(&self, start: Timestamp, end: Timestamp, touches: bool) -> Option<f64> {
        if start > self.latest {
            return None;
        }
        let observed = self.observed.as_secs_f64().max(self.step.as_secs_f64());
        let near = self.latest.duration_since(end.max(self.earliest).min(self.latest)).as_secs_f64().max(self.step.as_secs_f64());
        let away = self.earliest.duration_since(end).as_secs_f64().max(0.0);
        let close = ((near + away) / observed).clamp(f64::MIN_POSITIVE, 1.0);
        #[expect(clippy::cast_precision_loss, reason = "numbers of services")]
        let aimed = if touches { (self.suspects.len().max(1) as f64 / self.services as f64).min(1.0) } else { 1.0 };
        Some((-(close * aimed).log10() * 10.0).round() / 10.0)
    }

    /// The trouble in words.
    pub(super) fn told(&self) -> String {
        let level = |value: f64| format!("{} %", rough(value * 100.0));
        let over = self.end.map_or_else(String::new, |end| format!(" until {}", clock(end)));
        let (before, after) = (level(self.before), level(self.after));
        format!(
            "{} rose at {} ({}–{}) from {before} to {after}{over}",
            self.what,
            clock(self.onset),
            clock(self.earliest),
            clock(self.latest)
        )
    }
}

/// The time of day, UTC.
pub(super) fn clock(time: Timestamp) -> String {
    time.strftime("%H:%M:%SZ").to_string()
}

/// Two significant digits.
pub(super) fn rough(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return 0.0;
    }
    let scale = 10f64.powf(1.0 - value.abs().log10().floor());
    (value * scale).round() / scale
}
