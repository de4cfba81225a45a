//! Which documents to fetch: all where they fit, otherwise whole traces chosen by hash. Knows counts; sends nothing.

use jiff::{SignedDuration, Timestamp};

use super::{sample::ROLES, windows::Windows};
use crate::{
    dsl::{Include, Scalar},
    look::{Agg, Field, Filter, Found, Hit, Look, Order},
    params::Window,
    schema::{Role, trace_forms},
};

/// Documents of one reply at most: Elasticsearch's `index.max_result_window`.
const MOST_IN_REPLY: u64 = 10_000;

/// Documents of one comparison at most; some minutes of a busy system, and far below what memory allows.
const MOST_DOCUMENTS: u64 = 60_000;

/// Bytes that a reply may be expected to have, with room under the limit of 8 MiB: documents are not measured one by one.
const REPLY_BYTES: u64 = 5 << 20;

/// Round trips for documents at most.
pub(super) const MOST_BATCHES: usize = 9;

/// Values of one condition at most, under the 1,024 clauses that every engine takes.
const MOST_FORMS: usize = 1_000;

/// Traces chosen in one window at most.
const MOST_TRACES: f64 = 10_000.0;

/// Steps of time in which documents are counted, in each window of the comparison.
pub(super) const STEPS: i64 = 60;

/// Traces are read to their end, and those that began earlier are known, by so much time around the windows at most.
const MOST_MARGIN: SignedDuration = SignedDuration::from_secs(30);

/// Documents of one window, by time.
#[derive(Debug, Clone)]
pub(super) struct Counted {
    pub(super) window: Window,
    /// Start of each step, and documents from there to the next.
    pub(super) steps: Vec<(Timestamp, u64)>,
    pub(super) traces: f64,
}

/// Looks of one round trip.
pub(super) type Batch = Vec<Look>;

/// How the documents are got.
pub(super) enum Plan {
    /// All of them.
    Whole(Vec<Batch>),
    /// Those of some traces: one in so many, of the incident and of the baseline.
    Traces([u32; 2]),
    /// Those of some stretches of ten seconds.
    Stretches(Vec<Batch>),
}

/// What a comparison may cost.
#[derive(Debug, Clone, Copy)]
pub(super) struct Means {
    /// Documents of one reply.
    pub(super) in_reply: u64,
    /// Documents in all.
    documents: u64,
}

impl Means {
    /// Reckoned from the size of some documents of several stretches: the largest mean of any, since the mixture of lines and spans varies.
    pub(super) fn of(stretches: &[Found<'_>]) -> Self {
        // A value costs its text, its field's name, quotes and brackets; a document its index, id and envelope.
        let bytes =
            |hit: &Hit<'_>| 150 + hit.values.iter().flat_map(|(_, values)| values).map(|value| value.text().len() + 32).sum::<usize>();
        let mean = |found: &Found<'_>| found.hits.iter().map(bytes).sum::<usize>() / found.hits.len().max(1);
        let mean = stretches.iter().map(mean).max().unwrap_or(0);
        let in_reply = (REPLY_BYTES / (mean.max(1) as u64)).clamp(500, MOST_IN_REPLY);
        Self { in_reply, documents: MOST_DOCUMENTS.min(in_reply * (MOST_BATCHES as u64 - 2)) }
    }
}

impl Counted {
    fn documents(&self) -> u64 {
        self.steps.iter().map(|(_, count)| count).sum()
    }

    /// Stretches of time with at most so many documents; none where one step alone has more.
    fn slices(&self, most: u64) -> Option<Vec<(Window, u64)>> {
        let mut slices: Vec<(Window, u64)> = Vec::new();
        for (at, (start, count)) in self.steps.iter().enumerate() {
            if *count > most {
                return None;
            }
            let end = self.steps.get(at + 1).map_or(self.window.end(), |(next, _)| *next);
            let start = (*start).max(self.window.start());
            match slices.last_mut() {
                Some((window, known)) if *known + count <= most => {
                    *window = Window::new(window.start(), end)?;
                    *known += count;
                }
                _ => slices.push((Window::new(start, end)?, *count)),
            }
        }
        Some(slices)
    }
}

/// The documents that are read of a window: those of one stretch of time.
fn documents(filter: &Filter, window: Window, size: u64) -> Look {
    let size = u32::try_from(size.min(MOST_IN_REPLY)).unwrap_or(500);
    Look::new(filter.clone(), Some(window)).page(Order::Oldest, 0, size).fetch(ROLES)
}

/// Decides how to get the documents of the incident and of the baseline.
pub(super) fn plan(windows: &Windows, counted: &[Counted; 2], means: Means, filter: &Filter, traced: bool) -> Plan {
    let [incident, baseline] = counted;
    if incident.documents() + baseline.documents() <= means.documents
        && let Some(batches) = whole(windows, counted, means, filter)
    {
        return Plan::Whole(batches);
    }
    let (first, second) = shares(incident.documents(), baseline.documents(), means.documents);
    if traced {
        let one_in = |all: u64, wanted: u64| u32::try_from(all.div_ceil(wanted.max(1))).unwrap_or(u32::MAX).max(1);
        return Plan::Traces([one_in(incident.documents(), first), one_in(baseline.documents(), second)]);
    }
    let mut batches = Batches::new(means.in_reply);
    for (counted, wanted) in [(incident, first), (baseline, second)] {
        for (window, expected) in stretches(counted, wanted) {
            batches.push(documents(filter, window, means.in_reply), expected);
        }
    }
    Plan::Stretches(batches.list)
}

/// Half of the documents for each window, and what one does not need for the other.
fn shares(incident: u64, baseline: u64, most: u64) -> (u64, u64) {
    let first = incident.min((most / 2).max(most.saturating_sub(baseline)));
    (first, baseline.min(most - first.min(most)))
}

/// Everything, stretch by stretch, and a margin around it; none where that takes too many round trips.
fn whole(windows: &Windows, counted: &[Counted; 2], means: Means, filter: &Filter) -> Option<Vec<Batch>> {
    let mut batches = Batches::new(means.in_reply);
    let margin = margin(windows);
    for counted in [&counted[1], &counted[0]] {
        let slices = counted.slices(means.in_reply)?;
        let density = counted.documents() as f64 / counted.window.seconds().max(f64::MIN_POSITIVE);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of the documents counted")]
        let beside = (density * margin.as_secs_f64()).ceil() as u64;
        for (window, expected) in slices {
            batches.push(documents(filter, window, means.in_reply), expected);
        }
        for window in margins(windows, counted.window, margin) {
            batches.push(documents(filter, window, means.in_reply), beside);
        }
    }
    (batches.list.len() <= MOST_BATCHES).then_some(batches.list)
}

/// A tenth of the incident, half a minute at most: most requests are over by then.
fn margin(windows: &Windows) -> SignedDuration {
    (windows.incident.end().duration_since(windows.incident.start()) / 10).min(MOST_MARGIN)
}

/// The time around a window that is in no other one.
fn margins(windows: &Windows, window: Window, margin: SignedDuration) -> Vec<Window> {
    let before = || Window::new(window.start().checked_sub(margin).ok()?, window.start());
    let after = || Window::new(window.end(), window.end().checked_add(margin).ok()?);
    let is_incident = window == windows.incident;
    let (before, after) = if windows.adjoin() { if is_incident { (None, after()) } else { (before(), None) } } else { (before(), after()) };
    before.into_iter().chain(after).collect()
}

/// Stretches of ten seconds, evenly spread over a window, that have about so many documents.
fn stretches(counted: &Counted, wanted: u64) -> Vec<(Window, u64)> {
    let (start, end) = (counted.window.start().as_second().div_euclid(10) * 10, counted.window.end().as_second());
    let all = u64::try_from((end - start).max(1)).unwrap_or(1).div_ceil(10);
    let each = counted.documents().div_ceil(all).max(1);
    let chosen = (wanted / each).clamp(1, all);
    let stretch = |number: u64| {
        let from = start + i64::try_from(number * all / chosen).unwrap_or(0) * 10;
        let window = Window::new(Timestamp::from_second(from).ok()?, Timestamp::from_second(from + 10).ok()?)?;
        Some((window, each))
    };
    (0..chosen).filter_map(stretch).collect()
}

/// A look that names the traces of one hash partition.
pub(super) fn choose(counted: &Counted, one_in: u32, filter: &Filter) -> Look {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to some thousands")]
    // The partitions of a hash differ by chance; a list that is cut would lack the traces with the fewest documents.
    let size = (counted.traces / f64::from(one_in) * 1.3 + 50.0).min(MOST_TRACES) as u32;
    let agg = Agg::Terms {
        field: Role::TraceId.into(),
        size,
        order: crate::dsl::TermsOrder::Key,
        include: Some(Include::Partition { partition: 0, of: one_in }),
        inner: Vec::new(),
    };
    Look::new(filter.clone(), Some(counted.window)).agg("traces", agg)
}

/// The documents of some traces of the incident and of the baseline.
pub(super) fn of_traces(windows: &Windows, counted: &[Counted; 2], chosen: &[Vec<String>; 2], means: Means, filter: &Filter) -> Vec<Batch> {
    let mut batches = Batches::new(means.in_reply);
    let margin = margin(windows);
    for (counted, ids) in counted.iter().zip(chosen) {
        let each = (counted.documents() as f64 / counted.traces.max(1.0)).max(1.0);
        let around = widened(windows, counted.window, margin);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at least one, at most some thousands")]
        let most = ((means.in_reply as f64 * 0.2 / each) as usize).max(1);
        let mut part: Vec<Scalar> = Vec::new();
        let mut forms = 0;
        let mut push = |part: &mut Vec<Scalar>| {
            if !part.is_empty() {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "far below 2^63")]
                let expected = (part.len() as f64 * each).ceil() as u64;
                let condition = Filter::Is(Field::Role(Role::TraceId), std::mem::take(part));
                batches.push(documents(&filter.clone().and(condition), around, means.in_reply), expected);
            }
        };
        for id in ids {
            let own = trace_forms(id).len();
            if part.len() >= most || forms + own > MOST_FORMS {
                push(&mut part);
                forms = 0;
            }
            forms += own;
            part.push(Scalar::from(id.as_str()));
        }
        push(&mut part);
    }
    batches.list
}

/// A window with its margins, and with the other window where they adjoin.
fn widened(windows: &Windows, window: Window, margin: SignedDuration) -> Window {
    let (first, last) = if windows.adjoin() { (windows.baseline.start(), windows.incident.end()) } else { (window.start(), window.end()) };
    let (first, last) = (first.checked_sub(margin).unwrap_or(first), last.checked_add(margin).unwrap_or(last));
    Window::new(first, last).unwrap_or(window)
}

/// Looks put together to round trips.
struct Batches {
    most: u64,
    list: Vec<Batch>,
    expected: u64,
}

impl Batches {
    /// Searches of one round trip at most.
    const MOST_LOOKS: usize = 60;

    fn new(most: u64) -> Self {
        Self { most, list: Vec::new(), expected: 0 }
    }

    fn push(&mut self, look: Look, expected: u64) {
        match self.list.last_mut() {
            Some(batch) if self.expected + expected <= self.most && batch.len() < Self::MOST_LOOKS => {
                batch.push(look);
                self.expected += expected;
            }
            _ => {
                self.list.push(vec![look]);
                self.expected = expected;
            }
        }
    }
}
