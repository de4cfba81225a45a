//! Which rows of a trace are shown where not all fit: repeated siblings folded, then the least telling left out, never
//! a parent before its child. Knows no engine.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use super::trace::{Node, Trace};
use crate::{
    answer::{Cell, Table},
    spans::{Leg, milliseconds},
};

/// Siblings alike from which on they are folded, where rows have to be saved.
const FOLD_FROM: usize = 3;

/// Bytes of a row beside its texts: brackets, quotes, numbers and the time.
const ROW_BYTES: usize = 72;

/// Bytes to which texts are shortened before rows go.
const TEXT_BYTES: usize = 120;

/// The rows of an answer.
pub(super) struct Rows {
    pub(super) table: Table,
    /// Documents that no row stands for.
    pub(super) left: usize,
    /// Some rows stand for several siblings.
    pub(super) folded: bool,
    /// The span under which the most rows were left out.
    pub(super) closed: Option<usize>,
}

/// A row that is shown: a node, its depth, and how many siblings it stands for.
#[derive(Clone, Copy)]
struct Shown {
    node: usize,
    depth: u32,
    count: usize,
}

/// The rows of a trace, at most `most` and at most about as many as `bytes` hold. With a focus: the span's subtree,
/// below the chain of its parents.
pub(super) fn rows(trace: &Trace, legs: &[Leg], focus: Option<usize>, most: usize, bytes: usize) -> Rows {
    let (chain, whole) = scene(trace, focus);
    let most = most.min(fitting(trace, &whole, bytes)).max(1);
    let mut shown: Vec<Shown> = whole.iter().map(|(node, depth)| Shown { node: *node, depth: *depth, count: 1 }).collect();
    if shown.len() > most {
        shown = fold(trace, &chain, &shown);
    }
    if shown.len() > most {
        shown = prune(trace, legs, &chain, &shown, most);
    }
    let stood_for: usize = shown.iter().map(|row| row.count).sum();
    Rows {
        left: whole.len() - stood_for.min(whole.len()),
        folded: shown.iter().any(|row| row.count > 1),
        closed: closed(trace, &whole, &shown),
        table: table(trace, &shown),
    }
}

/// The parents of the focus, outermost first, and every node in question in the order of the tree.
fn scene(trace: &Trace, focus: Option<usize>) -> (Vec<usize>, Vec<(usize, u32)>) {
    let Some(focus) = focus else { return (Vec::new(), trace.preorder(&trace.top)) };
    let mut chain: Vec<usize> = std::iter::successors(trace.forest.parent_of(focus), |at| trace.forest.parent_of(*at)).collect();
    chain.reverse();
    let below = u32::try_from(chain.len()).unwrap_or(u32::MAX);
    let mut whole: Vec<(usize, u32)> = chain.iter().copied().zip(0..).collect();
    whole.extend(trace.preorder(&[focus]).into_iter().map(|(node, depth)| (node, depth + below)));
    (chain, whole)
}

/// How many rows fit, by the mean length of one.
fn fitting(trace: &Trace, whole: &[(usize, u32)], bytes: usize) -> usize {
    let length = |node: &Node| ROW_BYTES + node.service.len() + node.text.len().min(TEXT_BYTES);
    let nodes = whole.iter().filter_map(|(node, _)| Some((trace.nodes.get(*node)?, trace.span(*node))));
    let total: usize = nodes.map(|(node, span)| length(node) + span.map_or(8, |span| span.id.len() + 3)).sum();
    bytes / (total / whole.len().max(1)).max(1)
}

/// What siblings have in common that are folded: kind, service, level, and the text without its digits.
fn likeness(trace: &Trace, node: usize) -> Option<(bool, &str, Option<&str>, String)> {
    let read = trace.nodes.get(node)?;
    let text: String = read.text.chars().take(200).filter(|c| !c.is_ascii_digit()).collect();
    Some((trace.span(node).is_some(), &read.service, read.level.as_deref(), text))
}

/// Shows of siblings alike only the slowest span with what is under it, or the first line.
fn fold(trace: &Trace, chain: &[usize], shown: &[Shown]) -> Vec<Shown> {
    let mut counts: HashMap<usize, usize> = HashMap::new();
    let mut hidden: HashSet<usize> = HashSet::new();
    let families = shown.iter().map(|row| trace.under(row.node)).chain([trace.top.as_slice()]);
    for family in families {
        let mut alike: HashMap<_, Vec<usize>> = HashMap::new();
        for node in family.iter().filter(|node| !chain.contains(node)) {
            if trace.nodes.get(*node).is_some_and(|node| !node.failed) {
                alike.entry(likeness(trace, *node)).or_default().push(*node);
            }
        }
        for siblings in alike.into_values().filter(|siblings| siblings.len() >= FOLD_FROM) {
            let duration = |node: usize| trace.span(node).map_or(0, |span| span.duration_ns);
            // The earlier one of equals.
            let Some(slowest) = siblings.iter().copied().rev().max_by_key(|node| duration(*node)) else { continue };
            let others: Vec<usize> = siblings.into_iter().filter(|node| *node != slowest && !hides_failure(trace, *node)).collect();
            if others.len() + 1 >= FOLD_FROM {
                counts.insert(slowest, others.len() + 1);
                hidden.extend(others);
            }
        }
    }
    let mut kept = Vec::with_capacity(shown.len());
    let mut inside: Option<u32> = None;
    for row in shown {
        if inside.is_some_and(|depth| row.depth > depth) {
            continue;
        }
        inside = hidden.contains(&row.node).then_some(row.depth);
        if inside.is_none() {
            kept.push(Shown { count: counts.get(&row.node).copied().unwrap_or(1), ..*row });
        }
    }
    kept
}

fn hides_failure(trace: &Trace, node: usize) -> bool {
    trace.preorder(&[node]).iter().any(|(node, _)| trace.nodes.get(*node).is_some_and(|node| node.failed))
}

/// Keeps the most telling rows: failures, warnings, the critical path, then long spans and the lines after long silences.
fn prune(trace: &Trace, legs: &[Leg], chain: &[usize], shown: &[Shown], most: usize) -> Vec<Shown> {
    let mut own: HashMap<usize, i64> = HashMap::new();
    for leg in legs {
        *own.entry(leg.span).or_default() += leg.length_ns;
    }
    let mut silence: HashMap<usize, i64> = HashMap::new();
    let mut last = i64::MIN;
    for node in trace.by_time() {
        let time = trace.nodes.get(node).map_or(0, |node| node.time_ns);
        silence.insert(node, if last == i64::MIN { 0 } else { time - last });
        last = time;
    }
    let score = |row: &Shown| {
        let Some(node) = trace.nodes.get(row.node) else { return (0, 0) };
        let weight = trace.span(row.node).map_or_else(|| silence.get(&row.node).copied().unwrap_or(0), |span| span.duration_ns);
        let class = if chain.contains(&row.node) {
            4
        } else if node.failed {
            3
        } else if node.warned {
            2
        } else {
            0
        };
        (class, weight.max(own.get(&row.node).copied().unwrap_or(0).saturating_mul(4)))
    };
    // From the last row to the first, so that a parent takes over the best score of what is under it.
    let mut scores: Vec<(usize, (i32, i64))> = shown.iter().map(&score).enumerate().collect();
    let mut best: Vec<(i32, i64)> = Vec::new();
    for (row, (_, score)) in shown.iter().zip(&mut scores).rev() {
        let depth = row.depth as usize;
        let below = best.get(depth + 1).copied().unwrap_or((-1, 0));
        *score = (*score).max(below);
        best.truncate(depth + 1);
        best.resize(depth + 1, (-1, 0));
        if let Some(slot) = best.get_mut(depth) {
            *slot = (*slot).max(*score);
        }
    }
    // Ties go to the earlier row: a parent comes before what is under it.
    scores.sort_by(|(a, of_a), (b, of_b)| of_b.cmp(of_a).then(a.cmp(b)));
    let mut kept: Vec<usize> = scores.into_iter().take(most).map(|(row, _)| row).collect();
    kept.sort_unstable();
    kept.into_iter().filter_map(|row| shown.get(row).copied()).collect()
}

/// The shown span under which the most direct nodes are hidden.
fn closed(trace: &Trace, whole: &[(usize, u32)], shown: &[Shown]) -> Option<usize> {
    if whole.len() == shown.len() {
        return None;
    }
    let visible: HashSet<usize> = shown.iter().map(|row| row.node).collect();
    let hidden = |row: &&Shown| trace.under(row.node).iter().filter(|node| !visible.contains(node)).count();
    shown.iter().filter(|row| row.depth > 0).max_by_key(hidden).filter(|row| hidden(row) > 0).map(|row| row.node)
}

fn table(trace: &Trace, shown: &[Shown]) -> Table {
    let some = |wanted: &dyn Fn(&Node) -> bool| shown.iter().filter_map(|row| trace.nodes.get(row.node)).any(wanted);
    let has_spans = !trace.spans.is_empty();
    let (has_levels, has_statuses) = (some(&|node| node.level.is_some()), some(&|node| node.status.is_some()));
    let has_counts = shown.iter().any(|row| row.count > 1);
    let names = [
        ("depth", true),
        ("time", true),
        ("service", true),
        ("pod", has_pods(trace)),
        ("level", has_levels),
        ("status", has_statuses),
        ("duration_ms", has_spans),
        ("self_ms", has_spans),
        ("message", true),
        ("span_id", has_spans),
        ("count", has_counts),
    ];
    let mut table = Table::new(names.iter().filter(|(_, there)| *there).map(|(name, _)| *name));
    for row in shown {
        let Some(node) = trace.nodes.get(row.node) else { continue };
        let span = trace.span(row.node);
        let cells = [
            Cell::from(row.depth),
            Timestamp::from_nanosecond(i128::from(node.time_ns)).map_or(Cell::Null, Cell::from),
            Cell::from(&node.service),
            Cell::from(node.pod.as_deref()),
            Cell::from(node.level.as_deref()),
            Cell::from(node.status.as_deref().map(number)),
            Cell::from(span.map(|span| milliseconds(span.duration_ns))),
            Cell::from(span.map(|_| milliseconds(trace.forest.self_ns(&trace.spans, row.node)))),
            Cell::from(&node.text),
            Cell::from(span.map(|span| span.id.as_str())),
            Cell::from((row.count > 1).then_some(row.count)),
        ];
        table.push(cells.into_iter().zip(names).filter(|(_, (_, there))| *there).map(|(cell, _)| cell).collect());
    }
    table
}

/// A status code as the number it mostly is.
fn number(status: &str) -> Cell {
    status.parse::<i64>().map_or_else(|_| Cell::from(status), Cell::Int)
}

/// Pods are worth a column only where one service has several.
fn has_pods(trace: &Trace) -> bool {
    let mut pod_of: HashMap<&str, &str> = HashMap::new();
    trace.nodes.iter().any(|node| {
        let Some(pod) = &node.pod else { return false };
        *pod_of.entry(&node.service).or_insert(pod) != pod.as_str()
    })
}
