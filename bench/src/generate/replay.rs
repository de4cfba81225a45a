//! Incidents made of recorded traffic: a stretch in which nothing was wrong becomes the incident, others its baseline, and a fault is put in.
//! What the services wrote and how their times and errors vary is real; only what the fault does is made up. Knows folders of incidents.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    io::Write as _,
    path::Path,
};

use anyhow::{Context as _, Result, bail};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::{
    Order,
    fault::Kind,
    inject::{Code, Fault},
    random::Random,
    trace::{self, Trace, Tree, written_line, written_span},
    write::{file, truth},
};
use crate::corpus::{Corpus, Keys, What};

/// Requests that a stretch must have to stand for an incident: below, no method has anything to go by.
const LEAST_REQUESTS: usize = 35;

/// Stretches of other hours that a baseline is put together from, as those of the published incidents are.
const STRETCHES: usize = 4;

/// Stretches further apart are of different days, on which other software ran.
const SAME_DAY_US: i64 = 12 * 3_600_000_000;

/// Services of a small system, the gateway among them.
const SMALL: usize = 10;

/// An entry of `ground_truth.json`, as far as it says what was quiet.
#[derive(Deserialize)]
struct Recorded {
    id: String,
    baseline: [Timestamp; 2],
    #[serde(default)]
    baseline_segments: Vec<Segment>,
}

/// A stretch of time, and by how many seconds it was moved.
#[derive(Deserialize)]
struct Segment {
    from: String,
    to: String,
    shift_s: f64,
}

/// A stretch in which nothing was wrong.
struct Quiet {
    /// When it was, before it was moved.
    at_us: i64,
    length_us: i64,
    /// Requests, with times from its start on.
    traces: Vec<Trace>,
}

/// Writes a folder of incidents made of what another folder recorded.
pub(crate) fn replay(from: &Path, folder: &Path, order: Order, kinds: &[Kind]) -> Result<usize> {
    std::fs::create_dir_all(folder)?;
    let quiet = quiet(from)?;
    let code = Code::learn(quiet.iter().flat_map(|stretch| &stretch.traces));
    let mut truths = Vec::new();
    for kind in kinds {
        for number in 0..order.each {
            let id = format!("{}-{number:03}", kind.word());
            // Not every service of every stretch is reached often enough to be at fault.
            let made = (0..200).find_map(|attempt| {
                let mut random = Random::of(order.seed, *kind as u64 | attempt << 8, number as u64);
                made(&mut random, *kind, order.small, &quiet, &code)
            });
            let Some(made) = made else { bail!("{} has too little quiet traffic for a fault of kind {}", from.display(), kind.word()) };
            truths.push(made.write(folder, &id, *kind, order.small)?);
        }
    }
    std::fs::write(folder.join("ground_truth.json"), serde_json::to_string_pretty(&truths)?)?;
    Ok(truths.len())
}

/// All stretches of the baselines, each request once.
fn quiet(from: &Path) -> Result<Vec<Quiet>> {
    let text =
        std::fs::read_to_string(from.join("ground_truth.json")).with_context(|| format!("{} has no ground truth", from.display()))?;
    let recorded: Vec<Recorded> = serde_json::from_str(&text).context("the ground truth is not understood")?;
    let corpus = Corpus::open(from)?;
    let mut list: BTreeMap<i64, Quiet> = BTreeMap::new();
    let mut known: HashSet<String> = HashSet::new();
    for (recorded, incident) in recorded.iter().zip(&corpus.incidents) {
        let mut documents = [Vec::new(), Vec::new()];
        for (what, slot) in [What::Spans, What::Logs].into_iter().zip(&mut documents) {
            let parts = corpus.documents(incident, "ecs", what, Keys::Lines)?;
            let lines = parts.into_iter().flatten().flat_map(|part| part.lines);
            *slot = lines.map(|line| serde_json::from_str(&line)).collect::<Result<Vec<Value>, _>>().context(recorded.id.clone())?;
        }
        let [spans, lines] = documents;
        let traces = trace::read(spans.into_iter(), lines.into_iter())?;
        let whole = recorded.baseline.map(Timestamp::as_microsecond);
        let mut stretches = Vec::new();
        for segment in &recorded.baseline_segments {
            let time = |text: &str| -> Result<i64> { Ok(text.replace(' ', "T").parse::<Timestamp>()?.as_microsecond()) };
            let shift_us = (segment.shift_s * 1e6) as i64;
            stretches.push((time(&segment.from)?, time(&segment.from)? + shift_us, time(&segment.to)? + shift_us));
        }
        if stretches.is_empty() {
            stretches.push((whole[0], whole[0], whole[1]));
        }
        for (at_us, start_us, end_us) in stretches {
            let length_us = end_us.min(whole[1]) - start_us;
            let stretch = list.entry(at_us).or_insert_with(|| Quiet { at_us, length_us, traces: Vec::new() });
            for trace in traces.values().filter(|trace| (start_us..start_us + length_us).contains(&trace.start_us())) {
                if known.insert(trace.id.clone()) {
                    let mut trace = trace.clone();
                    trace.shift(-start_us);
                    stretch.traces.push(trace);
                }
            }
        }
    }
    Ok(list.into_values().filter(|stretch| stretch.traces.len() >= LEAST_REQUESTS).collect())
}

/// An incident that was made.
struct Made {
    /// Requests of the baseline and of the incident, at their times.
    traces: Vec<Trace>,
    start_us: i64,
    inject_us: i64,
    end_us: i64,
    culprit: String,
}

fn made(random: &mut Random, kind: Kind, small: bool, quiet: &[Quiet], code: &Code) -> Option<Made> {
    let incident = random.one_of(quiet)?;
    let distance = |stretch: &&Quiet| (stretch.at_us - incident.at_us).abs();
    let mut others: Vec<&Quiet> = quiet.iter().filter(|stretch| (1..SAME_DAY_US).contains(&distance(stretch))).collect();
    others.sort_by_key(distance);
    if random.happens(0.5) {
        // The nearest one all the same: it is what was right before.
        for at in 1..others.len() {
            let with = random.count(at, others.len() - 1);
            others.swap(at, with);
        }
    }
    others.truncate(STRETCHES);
    if others.len() + 1 < STRETCHES {
        return None;
    }
    let share = if small { random.between(0.5, 1.0) } else { 1.0 };
    let kept = if small { services_of_small(random, &others) } else { BTreeSet::new() };
    let inject_us = incident.at_us;
    let mut start_us = inject_us;
    let mut traces = Vec::new();
    for stretch in others {
        start_us -= stretch.length_us;
        for trace in stretch.traces.iter().filter(|_| random.happens(share)) {
            let mut trace = if small { reduced(trace, &kept) } else { trace.clone() };
            trace.shift(start_us);
            traces.push(trace);
        }
    }
    let here: Vec<&Trace> = incident.traces.iter().filter(|_| random.happens(share)).collect();
    let mut fault = Fault::draw(random, kind, &reached(&here, |service| !small || kept.contains(service)), code);
    let mut met = 0;
    for trace in &here {
        let mut after = (*trace).clone();
        let meets = fault.as_mut().is_some_and(|fault| fault.meet(random, &mut after));
        let before = if small { reduced(trace, &kept) } else { Trace::default() };
        let mut after = if small { reduced(&after, &kept) } else { after };
        let timed = matches!(kind, Kind::Cpu | Kind::Network);
        met += usize::from(meets && (!small || timed || shape(&before) != shape(&after)));
        after.shift(inject_us);
        traces.push(after);
    }
    let least = match kind {
        Kind::Quiet => 0,
        Kind::Return | Kind::Exception => 8,
        Kind::Cpu | Kind::Network => 5,
    };
    if met < least || (kind != Kind::Quiet && fault.is_none()) {
        return None;
    }
    let culprit = fault.map(|fault| fault.service).unwrap_or_default();
    Some(Made { traces, start_us, inject_us, end_us: inject_us + incident.length_us, culprit })
}

/// Services below the one that takes every request, that enough requests reach.
fn reached(traces: &[&Trace], is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for trace in traces {
        let tree = Tree::of(trace);
        let below = trace.spans.iter().enumerate().filter(|(at, _)| tree.parent(tree.visit(*at)).is_some());
        let services: BTreeSet<&str> = below.map(|(_, span)| span.service.as_str()).collect();
        services.into_iter().for_each(|service| *counts.entry(service).or_default() += 1);
    }
    let often = counts.into_iter().filter(|(service, count)| *count >= 5 && is_wanted(service));
    often.map(|(service, _)| service.to_owned()).collect()
}

/// The gateway and some services that many requests reach.
fn services_of_small(random: &mut Random, stretches: &[&Quiet]) -> BTreeSet<String> {
    let traces: Vec<&Trace> = stretches.iter().flat_map(|stretch| &stretch.traces).collect();
    let mut below = reached(&traces, |_| true);
    let mut kept: BTreeSet<String> =
        traces.iter().filter_map(|trace| trace.spans.iter().find(|span| span.parent.is_none())).map(|span| span.service.clone()).collect();
    while kept.len() < SMALL && !below.is_empty() {
        let at = random.count(0, below.len() - 1);
        kept.insert(below.swap_remove(at));
    }
    kept
}

/// What a tracer of a small system records: who took a request and who was called, in some services, and no lines.
fn reduced(trace: &Trace, kept: &BTreeSet<String>) -> Trace {
    let tree = Tree::of(trace);
    let is_kept = |at: usize| {
        let span = trace.spans.get(at);
        let calls = tree
            .children(at)
            .iter()
            .filter_map(|child| trace.spans.get(*child))
            .any(|child| child.is_entry && kept.contains(&child.service));
        span.is_some_and(|span| kept.contains(&span.service) && (span.is_entry || calls))
    };
    let parent = |at: usize| {
        let mut up = std::iter::successors(tree.parent(at), |at| tree.parent(*at)).take(trace.spans.len());
        up.find(|at| is_kept(*at)).and_then(|at| trace.spans.get(at)).map(|span| span.id.clone())
    };
    let spans = trace.spans.iter().enumerate().filter(|(at, _)| is_kept(*at));
    let spans = spans.map(|(at, span)| trace::Span { parent: parent(at), ..span.clone() }).collect();
    Trace { id: trace.id.clone(), spans, lines: Vec::new() }
}

fn shape(trace: &Trace) -> Vec<&str> {
    trace.spans.iter().map(|span| span.id.as_str()).collect()
}

impl Made {
    /// Writes the documents; returns the entry of `ground_truth.json`.
    fn write(self, folder: &Path, id: &str, kind: Kind, small: bool) -> Result<Value> {
        let mut spans: Vec<&trace::Span> = self.traces.iter().flat_map(|trace| &trace.spans).collect();
        spans.sort_by_key(|span| span.start_us);
        let mut written = file(folder, id, "spans")?;
        for span in spans {
            writeln!(written, "{}", written_span(span)?)?;
        }
        written.finish()?;
        if !small {
            let mut lines: Vec<&trace::Line> = self.traces.iter().flat_map(|trace| &trace.lines).collect();
            lines.sort_by_key(|line| line.time_us);
            let mut written = file(folder, id, "logs")?;
            for line in lines {
                writeln!(written, "{}", written_line(line)?)?;
            }
            written.finish()?;
        }
        let times = [self.start_us, self.inject_us, self.end_us];
        truth(id, "recorded traffic with a made-up fault", kind, &self.culprit, times)
    }
}
