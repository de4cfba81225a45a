//! Where the time of sampled traces goes: self time of operations, and gaps of the calls between services. Knows no
//! engine.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    hash::Hash,
};

use super::groups::rough;
use crate::{
    answer::{Cell, Table},
    mining::statistics::{median, quantile},
    spans::{Forest, Span, milliseconds},
};

/// Rows that are shown of each.
const MOST: usize = 10;

/// The spans of sampled traces, trace by trace.
#[derive(Debug, Default)]
pub(super) struct Sample {
    traces: BTreeMap<String, Vec<Span>>,
    /// Traces whose entry was slow.
    slow: HashSet<String>,
}

/// Values of one operation or call: of the random traces, and of the slow ones.
#[derive(Debug, Default)]
pub(super) struct Values {
    random: Vec<f64>,
    slow: Vec<f64>,
}

impl Values {
    fn of_interest(&self) -> f64 {
        self.random.iter().sum::<f64>() + self.slow.iter().sum::<f64>()
    }

    fn cells(&self) -> [Cell; 4] {
        [
            Cell::from(self.random.len()),
            Cell::from(median(&self.random).map(rough)),
            Cell::from(quantile(&self.random, 0.95).map(rough)),
            Cell::from(median(&self.slow).map(rough)),
        ]
    }
}

impl Sample {
    /// A sample in which these traces are the slow ones; every other one was chosen at random.
    pub(super) fn new(slow: HashSet<String>) -> Self {
        Self { slow, ..Self::default() }
    }

    /// Adds a span to its trace.
    pub(super) fn push(&mut self, trace_id: &str, span: Span) {
        match self.traces.get_mut(trace_id) {
            Some(spans) => spans.push(span),
            None => {
                self.traces.insert(trace_id.to_owned(), vec![span]);
            }
        }
    }

    /// Drops a trace that was not read whole.
    pub(super) fn drop_trace(&mut self, trace_id: &str) {
        self.traces.remove(trace_id);
    }

    /// Traces chosen at random, slow ones, and spans of both.
    pub(super) fn sizes(&self) -> (usize, usize, usize) {
        let slow = self.traces.keys().filter(|id| self.slow.contains(*id)).count();
        (self.traces.len() - slow, slow, self.traces.values().map(Vec::len).sum())
    }

    /// Self time (`service span_name`) and gaps of calls (`caller callee`): the operations and calls that took the most
    /// time in all. Columns: count, median and p95 in the random traces, median in the slow ones.
    ///
    /// The gap of a call is the duration of the span that calls less that of the span called, not below 0: network,
    /// queues, serialisation. Self time is the duration less the union of the children's intervals; a span that calls
    /// another service has none, since what it waits for is a gap.
    pub(super) fn tables(&self) -> (Table, Table) {
        let mut own: HashMap<(&str, &str), Values> = HashMap::new();
        let mut gaps: HashMap<(&str, &str), Values> = HashMap::new();
        for (id, spans) in &self.traces {
            let is_slow = self.slow.contains(id);
            let forest = Forest::grow(spans);
            for (index, span) in spans.iter().enumerate() {
                let mut calls_out = false;
                for child in forest.children_of(index).iter().filter_map(|child| spans.get(*child)) {
                    if child.service != span.service {
                        calls_out = true;
                        let gap = milliseconds((span.duration_ns - child.duration_ns).max(0));
                        add(gaps.entry((&span.service, &child.service)).or_default(), gap, is_slow);
                    }
                }
                if !calls_out {
                    let own_ms = milliseconds(forest.self_ns(spans, index));
                    add(own.entry((&span.service, &span.name)).or_default(), own_ms, is_slow);
                }
            }
        }
        (table(["service", "span_name"], own), table(["caller", "callee"], gaps))
    }
}

pub(super) fn add(values: &mut Values, value: f64, is_slow: bool) {
    if is_slow { &mut values.slow } else { &mut values.random }.push(value);
}

/// The operations or calls that took the most time in all.
pub(super) fn table<K: AsRef<str> + Ord + Hash>(keys: [&'static str; 2], values: HashMap<(K, K), Values>) -> Table {
    let mut table = Table::new(keys.into_iter().chain(["count", "p50_ms", "p95_ms", "slow_p50_ms"]));
    let mut rows: Vec<((K, K), Values)> = values.into_iter().collect();
    rows.sort_by(|(a, of_a), (b, of_b)| of_b.of_interest().total_cmp(&of_a.of_interest()).then_with(|| a.cmp(b)));
    let left = rows.len().saturating_sub(MOST) as u64;
    for ((first, second), values) in rows.into_iter().take(MOST) {
        table.push([Cell::from(first.as_ref()), Cell::from(second.as_ref())].into_iter().chain(values.cells()).collect());
    }
    table.truncated(left, "top")
}
