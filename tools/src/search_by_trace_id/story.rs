//! What a trace tells in a few facts: how long, through which services, where the time went, what failed first. Knows no
//! engine.

use std::collections::HashMap;

use jiff::Timestamp;

use super::trace::{Node, Trace};
use crate::{
    answer::{Cell, Section, Table},
    spans::{Leg, critical_path, milliseconds, short, skews},
};

/// Stations of the critical path that are shown.
const STATIONS: usize = 8;

/// Characters of a line that stand for it.
const QUOTE: usize = 80;

/// The facts of a trace.
pub(super) struct Story {
    pub(super) legs: Vec<Leg>,
    /// The stations of the critical path that took the most, in order of time: which, how often, and their own time.
    stations: Vec<Station>,
    first_error: Option<Failure>,
    gap: Option<Gap>,
}

/// The failure that was first complete.
struct Failure {
    service: String,
    text: String,
    end_ns: i64,
    /// It lies after the documents that the tree is of.
    is_later: bool,
}

struct Station {
    name: String,
    times: usize,
    own_ns: i64,
}

/// A stretch in which no line was written and no span began or ended.
struct Gap {
    start_ns: i64,
    length_ns: i64,
    after: String,
    before: String,
}

impl Story {
    /// `later` is the first failure after the documents that were read, where there are more.
    pub(super) fn of(trace: &Trace, later: Option<&Node>) -> Self {
        let legs = trace.root().map(|root| critical_path(&trace.spans, &trace.forest, root)).unwrap_or_default();
        Self { stations: stations(trace, &legs), first_error: failure(trace, later), gap: gap(trace), legs }
    }

    /// The trace in one line.
    pub(super) fn summary(&self, trace: &Trace, id: &str) -> String {
        let services = trace.services();
        let lines = trace.nodes.len() - trace.spans.len();
        let what = match (trace.spans.len(), lines) {
            (0, lines) => plural(lines, "line"),
            (spans, 0) => plural(spans, "span"),
            (spans, lines) => format!("{} and {}", plural(spans, "span"), plural(lines, "line")),
        };
        let length = trace.extent().map_or(0.0, |(first, last)| milliseconds(last - first));
        let mut summary = format!("trace {id}: {what} of {} in {} ms", plural(services.len(), "service"), short(length));
        match &self.first_error {
            Some(failure) => {
                let place = if failure.is_later { ", after the documents read" } else { "" };
                summary += &format!("; first error in {}{place}: {}", failure.service, quoted(&failure.text));
            }
            None => summary += "; no error",
        }
        if let Some(station) = self.stations.iter().max_by_key(|station| station.own_ns) {
            summary += &format!("; most time in {} ({} ms)", station.name, short(milliseconds(station.own_ns)));
        }
        summary
    }

    /// The section `trace`.
    pub(super) fn section(&self, trace: &Trace) -> Section {
        let (first, last) = trace.extent().unwrap_or_default();
        let services: Vec<Cell> = trace.services().into_iter().map(Cell::from).collect();
        let mut pairs: Vec<(&'static str, Cell)> = vec![
            ("trace_id", trace.ids.first().map_or(Cell::Null, Cell::from)),
            ("start", moment(first).map_or(Cell::Null, Cell::from)),
            ("duration_ms", Cell::from(milliseconds(last - first))),
            ("spans", Cell::from(trace.spans.len())),
            ("logs", Cell::from(trace.nodes.len() - trace.spans.len())),
            ("services", Cell::List(services)),
        ];
        if let Some(failure) = &self.first_error {
            let time = moment(failure.end_ns).map(|time| time.to_string()).unwrap_or_default();
            pairs.push(("first_error", Cell::from(format!("{time} {}: {}", failure.service, quoted(&failure.text)))));
        }
        if !self.stations.is_empty() {
            let stations = self.stations.iter().map(|station| {
                let times = if station.times > 1 { format!(" ×{}", station.times) } else { String::new() };
                Cell::from(format!("{}{times} {} ms", station.name, short(milliseconds(station.own_ns))))
            });
            pairs.push(("critical_path", Cell::List(stations.collect())));
        }
        if let Some(gap) = &self.gap {
            let start = moment(gap.start_ns).map(|time| time.to_string()).unwrap_or_default();
            let length = short(milliseconds(gap.length_ns));
            pairs.push(("largest_gap", Cell::from(format!("{length} ms from {start}: {} → {}", gap.after, gap.before))));
        }
        Section::object("trace", pairs)
    }

    /// The first failure: its service and when it was complete.
    pub(super) fn failure(&self) -> Option<(&str, Timestamp)> {
        let failure = self.first_error.as_ref()?;
        Some((&failure.service, moment(failure.end_ns)?))
    }
}

fn failure(trace: &Trace, later: Option<&Node>) -> Option<Failure> {
    let own = trace.first_error().and_then(|node| Some((trace.nodes.get(node)?, trace.end_ns(node), false)));
    let (node, end_ns, is_later) = own.or_else(|| later.map(|node| (node, node.time_ns, true)))?;
    Some(Failure { service: node.service.clone(), text: node.text.clone(), end_ns, is_later })
}

/// Spans of one service and name are one station; the largest by their own time on the path, in order of time.
fn stations(trace: &Trace, legs: &[Leg]) -> Vec<Station> {
    let mut places: HashMap<(&str, &str), usize> = HashMap::new();
    let mut stations: Vec<(Station, Vec<usize>)> = Vec::new();
    for leg in legs {
        let Some(span) = trace.span(leg.span) else { continue };
        let place = *places.entry((&span.service, &span.name)).or_insert_with(|| {
            stations.push((Station { name: format!("{} {}", span.service, quoted(&span.name)), times: 0, own_ns: 0 }, Vec::new()));
            stations.len() - 1
        });
        if let Some((station, members)) = stations.get_mut(place) {
            station.own_ns += leg.length_ns;
            if !members.contains(&leg.span) {
                members.push(leg.span);
                station.times += 1;
            }
        }
    }
    let mut largest: Vec<(usize, i64)> = stations.iter().map(|(station, _)| station.own_ns).enumerate().collect();
    largest.sort_by_key(|(place, own_ns)| (std::cmp::Reverse(*own_ns), *place));
    largest.truncate(STATIONS);
    let kept: Vec<usize> = largest.into_iter().map(|(place, _)| place).collect();
    stations.into_iter().enumerate().filter(|(place, _)| kept.contains(place)).map(|(_, (station, _))| station).collect()
}

fn gap(trace: &Trace) -> Option<Gap> {
    let mut events: Vec<(i64, usize, &str)> = Vec::new();
    for (index, node) in trace.nodes.iter().enumerate() {
        match trace.span(index) {
            Some(span) => events.extend([(span.start_ns, index, " begins"), (span.end_ns(), index, " ends")]),
            None => events.push((node.time_ns, index, "")),
        }
    }
    events.sort_by_key(|(time, index, _)| (*time, *index));
    let longest = events.iter().zip(events.iter().skip(1)).rev().max_by_key(|((a, ..), (b, ..))| b - a);
    let (first, second) = longest.filter(|((a, ..), (b, ..))| b > a)?;
    let label = |(_, index, what): &(i64, usize, &str)| {
        trace.nodes.get(*index).map(|node| format!("{} {}{what}", node.service, quoted(&node.text))).unwrap_or_default()
    };
    Some(Gap { start_ns: first.0, length_ns: second.0 - first.0, after: label(first), before: label(second) })
}

/// Services by their first appearance, for a trace of lines alone.
pub(super) fn services(trace: &Trace) -> Table {
    let mut table = Table::new(["service", "first_seen", "last_seen", "count", "errors"]);
    for service in trace.services() {
        let own: Vec<_> = trace.nodes.iter().filter(|node| node.service == service).collect();
        let time = |time: Option<i64>| time.and_then(moment).map_or(Cell::Null, Cell::from);
        table.push(vec![
            Cell::from(service),
            time(own.iter().map(|node| node.time_ns).min()),
            time(own.iter().map(|node| node.time_ns).max()),
            Cell::from(own.len()),
            Cell::from(own.iter().filter(|node| node.failed).count()),
        ]);
    }
    table
}

/// What is odd about the tree: orphans, cycles, repeated ids, clocks.
pub(super) fn oddities(trace: &Trace) -> Vec<String> {
    let mut told = Vec::new();
    let forest = &trace.forest;
    if !forest.orphans.is_empty() {
        let (spans, whose) =
            (plural(forest.orphans.len(), "span"), if forest.orphans.len() == 1 { "its parent is" } else { "their parents are" });
        told.push(format!("{spans} at the top: {whose} not among the documents (not sampled, late, or outside the search)"));
    }
    if !forest.cut.is_empty() {
        told.push(format!("{} of parents led back to itself and was cut at its earliest span", plural(forest.cut.len(), "chain")));
    }
    if !forest.repeated.is_empty() {
        told.push(format!("{} with an id that another span has", plural(forest.repeated.len(), "span")));
    }
    if trace.placed_by_time > 0 && !trace.spans.is_empty() {
        told.push(format!("{} without a span of this trace placed by service and time", plural(trace.placed_by_time, "line")));
    }
    if trace.timeless > 0 {
        told.push(format!("{} without a readable time left out", plural(trace.timeless, "document")));
    }
    for skew in skews(&trace.spans, forest).iter().take(3) {
        let pair = format!("of {} under {}", skew.callee, skew.caller);
        if skew.early > 0 {
            let ms = short(milliseconds(skew.early_ns));
            told.push(format!("clocks differ: {} {pair} begin up to {ms} ms before their parent", plural(skew.early as usize, "span")));
        }
        if skew.late > 0 {
            let ms = short(milliseconds(skew.late_ns));
            let spans = plural(skew.late as usize, "span");
            told.push(format!("{spans} {pair} end up to {ms} ms after their parent: asynchronous, or clocks differ"));
        }
    }
    told
}

/// A moment from nanoseconds since the epoch.
pub(super) fn moment(nanoseconds: i64) -> Option<Timestamp> {
    Timestamp::from_nanosecond(i128::from(nanoseconds)).ok()
}

pub(super) fn plural(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// The beginning of a text.
fn quoted(text: &str) -> String {
    let mut quote: String = text.chars().take(QUOTE).collect();
    if quote.len() < text.len() {
        quote.push('…');
    }
    quote
}
