//! A trace held against a healthy one: what is new, what is missing, where the time went. Knows no engine.

use std::collections::{BTreeMap, HashMap};

use super::{
    story::{moment, plural},
    trace::Trace,
};
use crate::{
    answer::{Cell, Section, Table},
    mining::mask,
    spans::{milliseconds, short},
};

/// Rows of each table.
const MOST: usize = 8;

/// Characters of a text.
const QUOTE: usize = 120;

/// A comparison, told.
pub(super) struct Comparison {
    /// For the summary.
    pub(super) words: String,
    pub(super) sections: Vec<Section>,
}

/// What spans or lines of one service that read alike are called.
type Item<'t> = (bool, &'t str, String);

struct Tally<'t> {
    count: usize,
    first_ns: i64,
    failed: bool,
    level: Option<&'t str>,
}

/// Compares a trace with a healthy one; `of` says which traces that was chosen from.
pub(super) fn compare(here: &Trace, healthy: &Trace, of: &str) -> Comparison {
    let (mine, theirs) = (items(here), items(healthy));
    let mut rows: Vec<(u8, i64, Vec<Cell>)> = Vec::new();
    let (mut new, mut missing) = (0, 0);
    for (item, tally) in &mine {
        let before = theirs.get(item).map_or(0, |tally| tally.count);
        if before == 0 {
            new += 1;
            rows.push((if tally.failed { 0 } else { 1 }, tally.first_ns, row("new", item, tally, tally.count, 0)));
        } else if tally.count >= before * 2 || tally.count * 2 <= before {
            let change = if tally.count > before { "more" } else { "fewer" };
            rows.push((3, tally.first_ns, row(change, item, tally, tally.count, before)));
        }
    }
    for (item, tally) in theirs.iter().filter(|(item, _)| !mine.contains_key(item)) {
        missing += 1;
        rows.push((2, tally.first_ns, row("missing", item, tally, 0, tally.count)));
    }
    rows.sort_by_key(|(class, first_ns, _)| (*class, *first_ns));
    let left = rows.len().saturating_sub(MOST) as u64;
    let mut differences = Table::new(["change", "service", "kind", "level", "message", "count", "healthy_count"]);
    rows.into_iter().take(MOST).for_each(|(.., cells)| differences.push(cells));
    let (time, most) = time(here, healthy);

    let length = |trace: &Trace| trace.extent().map_or(0.0, |(first, last)| milliseconds(last - first));
    let id = healthy.ids.first().map_or("", String::as_str);
    let mut words = format!("against the healthy trace {id} ({} ms): {new} new, {missing} missing", short(length(healthy)));
    if let Some(most) = most {
        words += &format!(", {most}");
    }
    let start = healthy.extent().and_then(|(first, _)| moment(first));
    let object = Section::object(
        "healthy",
        [
            ("trace_id", Cell::from(id)),
            ("start", Cell::from(start)),
            ("duration_ms", Cell::from(length(healthy))),
            ("spans", Cell::from(healthy.spans.len())),
            ("logs", Cell::from(healthy.nodes.len() - healthy.spans.len())),
            ("of", Cell::from(of)),
        ],
    );
    let sections = vec![
        object,
        Section::table("differences", differences.truncated(left, "the most telling are shown")),
        Section::table("time", time),
    ];
    Comparison { words, sections }
}

fn row(change: &'static str, (is_span, service, text): &Item<'_>, tally: &Tally<'_>, count: usize, healthy: usize) -> Vec<Cell> {
    let kind = if *is_span { "span" } else { "line" };
    vec![
        Cell::from(change),
        Cell::from(*service),
        Cell::from(kind),
        Cell::from(tally.level),
        Cell::from(text.as_str()),
        Cell::from(count),
        Cell::from(healthy),
    ]
}

/// The spans and lines of a trace, those that read alike together.
fn items(trace: &Trace) -> BTreeMap<Item<'_>, Tally<'_>> {
    let mut items: BTreeMap<Item<'_>, Tally<'_>> = BTreeMap::new();
    for (number, node) in trace.nodes.iter().enumerate() {
        let item = (trace.span(number).is_some(), node.service.as_str(), quoted(&node.text));
        let tally = items.entry(item).or_insert(Tally { count: 0, first_ns: node.time_ns, failed: false, level: node.level.as_deref() });
        tally.count += 1;
        tally.first_ns = tally.first_ns.min(node.time_ns);
        tally.failed |= node.failed;
    }
    items
}

/// Where the time of both went, what differs most first; and the largest difference in words.
fn time(here: &Trace, healthy: &Trace) -> (Table, Option<String>) {
    let (mine, theirs) = (own_time(here), own_time(healthy));
    let mut keys: Vec<&(&str, String)> = mine.keys().chain(theirs.keys()).collect();
    keys.sort();
    keys.dedup();
    let of = |times: &HashMap<(&str, String), i64>, key: &(&str, String)| times.get(key).copied().unwrap_or_default();
    let mut rows: Vec<(i64, &(&str, String))> = keys.into_iter().map(|key| (of(&mine, key) - of(&theirs, key), key)).collect();
    rows.retain(|(delta, _)| *delta != 0);
    rows.sort_by_key(|(delta, key)| (std::cmp::Reverse(delta.abs()), *key));
    let words = rows.first().map(|(delta, (service, text))| {
        let text: String = text.chars().take(60).collect();
        let sign = if *delta > 0 { "+" } else { "−" };
        format!("{sign}{} ms in {service} {text}", short(milliseconds(delta.abs())))
    });
    let after = if here.spans.is_empty() || healthy.spans.is_empty() { "after" } else { "span_name" };
    let mut table = Table::new(["service", after, "self_ms", "healthy_ms", "delta_ms"]);
    let left = rows.len().saturating_sub(MOST) as u64;
    for (delta, key) in rows.into_iter().take(MOST) {
        let ms = |ns: i64| Cell::from(milliseconds(ns));
        table.push(vec![Cell::from(key.0), Cell::from(key.1.as_str()), ms(of(&mine, key)), ms(of(&theirs, key)), ms(delta)]);
    }
    (table.truncated(left, "the largest are shown"), words)
}

/// Self time of spans by service and name, that of a call to another service by whom it calls; of a trace without spans the time after each line until the next one.
fn own_time(trace: &Trace) -> HashMap<(&str, String), i64> {
    let mut times: HashMap<(&str, String), i64> = HashMap::new();
    for (number, span) in trace.spans.iter().enumerate() {
        let children = trace.forest.children_of(number).iter().filter_map(|child| trace.span(*child));
        let called = children.map(|child| child.service.as_str()).find(|service| *service != span.service);
        let name = called.map_or_else(|| quoted(&span.name), |called| format!("{} → {called}", quoted(&span.name)));
        *times.entry((span.service.as_str(), name)).or_default() += trace.forest.self_ns(&trace.spans, number);
    }
    if !trace.spans.is_empty() {
        return times;
    }
    let order = trace.by_time();
    for (number, next) in order.iter().zip(order.iter().skip(1)) {
        if let (Some(node), Some(next)) = (trace.nodes.get(*number), trace.nodes.get(*next)) {
            *times.entry((node.service.as_str(), quoted(&node.text))).or_default() += next.time_ns - node.time_ns;
        }
    }
    times
}

/// The beginning of a text without what varies.
fn quoted(text: &str) -> String {
    mask(text).chars().take(QUOTE).collect()
}

/// How the healthy trace was chosen.
pub(super) fn chosen(entry: &str, healthy: usize, all: usize) -> String {
    format!("the nearest of usual length of {healthy} without an error among {} of {entry}", plural(all, "trace"))
}
