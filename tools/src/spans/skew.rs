//! Clocks of services that differ, as far as their spans betray it. Knows no tool.

use std::collections::BTreeMap;

use super::{Forest, Span};

/// How far the spans of one service stick out of their parents in another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skew {
    /// The service of the parents.
    pub caller: String,
    /// The service of the children.
    pub callee: String,
    /// Children that begin before their parent.
    pub early: u32,
    /// By how much at most, in nanoseconds.
    pub early_ns: i64,
    /// Children that end after their parent: their clock is ahead, or nobody waited for them.
    pub late: u32,
    /// By how much at most, in nanoseconds.
    pub late_ns: i64,
}

/// Less than a millisecond is the resolution of many clocks and indices.
const NOTABLE_NS: i64 = 1_000_000;

/// Pairs of services with children that stick out of their parents by a millisecond or more, the furthest first.
pub fn skews(spans: &[Span], forest: &Forest) -> Vec<Skew> {
    let mut pairs: BTreeMap<(&str, &str), Skew> = BTreeMap::new();
    for (index, child) in spans.iter().enumerate() {
        let Some(parent) = forest.parent_of(index).and_then(|parent| spans.get(parent)) else { continue };
        let early_ns = parent.start_ns.saturating_sub(child.start_ns);
        let late_ns = child.end_ns().saturating_sub(parent.end_ns());
        if parent.service == child.service || (early_ns < NOTABLE_NS && late_ns < NOTABLE_NS) {
            continue;
        }
        let pair = pairs.entry((&parent.service, &child.service)).or_insert_with(|| Skew {
            caller: parent.service.clone(),
            callee: child.service.clone(),
            early: 0,
            early_ns: 0,
            late: 0,
            late_ns: 0,
        });
        if early_ns >= NOTABLE_NS {
            pair.early += 1;
            pair.early_ns = pair.early_ns.max(early_ns);
        }
        if late_ns >= NOTABLE_NS {
            pair.late += 1;
            pair.late_ns = pair.late_ns.max(late_ns);
        }
    }
    let mut pairs: Vec<Skew> = pairs.into_values().collect();
    pairs.sort_by_key(|pair| std::cmp::Reverse(pair.early_ns.max(pair.late_ns)));
    pairs
}

#[cfg(test)]
mod tests {
    use super::{super::tests::spans, *};

    #[test]
    fn children_that_stick_out_of_their_parents_are_told_by_pair_of_services() {
        let list = spans(&["a - x 10 10", "b a y 5 10", "c a y 12 3", "d a x 0 90", "e a z 15 9"]);
        let found: Vec<_> = skews(&list, &Forest::grow(&list))
            .into_iter()
            .map(|pair| (pair.caller, pair.callee, pair.early, pair.early_ns / 1_000_000, pair.late, pair.late_ns / 1_000_000))
            .collect();
        assert_eq!(found, [("x".into(), "y".into(), 1, 5, 0, 0), ("x".into(), "z".into(), 0, 0, 1, 4)]);
    }
}
