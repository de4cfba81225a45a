//! Which span caused which. Bears orphans, repeated ids, cycles and chains of any depth.

use std::collections::{BTreeSet, HashMap};

use super::Span;

/// Spans as trees, by their positions in the list they were made from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forest {
    /// The span that caused each; none for roots, orphans, and where a cycle was cut.
    pub parents: Vec<Option<usize>>,
    /// The spans that each caused, by their start.
    pub children: Vec<Vec<usize>>,
    /// Spans without a parent here, by their start.
    pub roots: Vec<usize>,
    /// Roots whose parent is not in the list.
    pub orphans: Vec<usize>,
    /// Roots whose chain of parents led back to themselves.
    pub cut: Vec<usize>,
    /// Spans whose id an earlier one has: children are given to the earlier one.
    pub repeated: Vec<usize>,
}

impl Forest {
    /// Grows trees from spans in any order.
    pub fn grow(spans: &[Span]) -> Self {
        let mut by_start: Vec<usize> = (0..spans.len()).collect();
        let start = |index: &usize| spans.get(*index).map_or(0, |span| span.start_ns);
        by_start.sort_by_key(|index| (start(index), *index));
        let mut forest = Self { parents: vec![None; spans.len()], children: vec![Vec::new(); spans.len()], ..Self::default() };
        let mut by_id: HashMap<&str, usize> = HashMap::with_capacity(spans.len());
        for index in &by_start {
            let Some(span) = spans.get(*index) else { continue };
            if by_id.contains_key(span.id.as_str()) {
                forest.repeated.push(*index);
            } else {
                by_id.insert(&span.id, *index);
            }
        }
        for (index, span) in spans.iter().enumerate() {
            let Some(id) = &span.parent else { continue };
            match by_id.get(id.as_str()) {
                Some(parent) => forest.parents.iter_mut().skip(index).take(1).for_each(|slot| *slot = Some(*parent)),
                None => forest.orphans.push(index),
            }
        }
        forest.cut_cycles(&by_start);
        for index in by_start {
            match forest.parents.get(index).copied().flatten() {
                Some(parent) => forest.children.iter_mut().skip(parent).take(1).for_each(|list| list.push(index)),
                None => forest.roots.push(index),
            }
        }
        forest
    }

    /// Makes a root of the earliest span of each cycle.
    fn cut_cycles(&mut self, by_start: &[usize]) {
        // Who has been climbed from, and in which climb: a climb that meets itself has found a cycle.
        let mut climbs: Vec<usize> = vec![0; self.parents.len()];
        for (number, first) in by_start.iter().enumerate() {
            let climb = number + 1;
            let mut at = *first;
            while let Some(mark) = climbs.get_mut(at).filter(|mark| **mark == 0) {
                *mark = climb;
                let Some(parent) = self.parents.get(at).copied().flatten() else { break };
                if climbs.get(parent) == Some(&climb) {
                    self.cut_at(self.earliest_of_cycle(parent, by_start));
                    break;
                }
                at = parent;
            }
        }
    }

    fn cut_at(&mut self, index: usize) {
        self.parents.iter_mut().skip(index).take(1).for_each(|slot| *slot = None);
        self.cut.push(index);
    }

    fn earliest_of_cycle(&self, on_it: usize, by_start: &[usize]) -> usize {
        let mut members = BTreeSet::new();
        let mut at = on_it;
        while members.insert(at) {
            match self.parents.get(at).copied().flatten() {
                Some(parent) => at = parent,
                None => break,
            }
        }
        by_start.iter().copied().find(|index| members.contains(index)).unwrap_or(on_it)
    }

    /// The spans that one caused.
    pub fn children_of(&self, index: usize) -> &[usize] {
        self.children.get(index).map_or(&[], Vec::as_slice)
    }

    /// The span that caused one.
    pub fn parent_of(&self, index: usize) -> Option<usize> {
        self.parents.get(index).copied().flatten()
    }

    /// The time that a span spent in none of its children, in nanoseconds: its duration without the union of the
    /// children's intervals.
    pub fn self_ns(&self, spans: &[Span], index: usize) -> i64 {
        let Some(span) = spans.get(index) else { return 0 };
        let mut covered = 0;
        let mut until = span.start_ns;
        // By their start, so each interval can only extend the union at its end.
        for child in self.children_of(index).iter().filter_map(|child| spans.get(*child)) {
            let (from, to) = (child.start_ns.max(until), child.end_ns().min(span.end_ns()));
            if to > from {
                covered += to - from;
                until = to;
            }
        }
        (span.duration_ns - covered).max(0)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::spans, *};

    #[test]
    fn children_hang_under_their_parents_by_start() {
        let forest = Forest::grow(&spans(&["c a s 7 1", "b a s 3 1", "a - s 0 9", "d b s 4 1"]));
        assert_eq!((forest.roots, forest.orphans), (vec![2], vec![]));
        assert_eq!(forest.children, vec![vec![], vec![3], vec![1, 0], vec![]]);
    }

    #[test]
    fn a_span_without_its_parent_is_a_root_and_told() {
        let forest = Forest::grow(&spans(&["a - s 0 9", "b lost s 3 1"]));
        assert_eq!((forest.roots, forest.orphans), (vec![0, 1], vec![1]));
    }

    #[test]
    fn a_cycle_is_cut_at_its_earliest_span() {
        let forest = Forest::grow(&spans(&["a c s 2 9", "b a s 1 1", "c b s 3 1", "d c s 0 1", "e e s 5 1"]));
        assert_eq!((forest.roots, forest.cut), (vec![1, 4], vec![1, 4]));
        assert_eq!(forest.children, vec![vec![], vec![2], vec![3, 0], vec![], vec![]]);
    }

    #[test]
    fn an_id_seen_twice_keeps_its_children_under_the_earlier_one() {
        let forest = Forest::grow(&spans(&["a - s 5 9", "a - s 0 1", "b a s 1 1"]));
        assert_eq!((forest.repeated, forest.parents), (vec![0], vec![None, None, Some(1)]));
    }

    #[test]
    fn a_chain_of_any_depth_is_grown() {
        let lines: Vec<String> = (0..20_000).map(|n| format!("s{n} s{} s {n} 1", n + 1)).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let forest = Forest::grow(&spans(&lines));
        assert_eq!((forest.roots, forest.orphans), (vec![19_999], vec![19_999]));
    }

    #[test]
    fn self_time_leaves_out_the_union_of_the_children() {
        for (children, own) in [
            (vec![], 10),
            (vec!["b a s 2 3"], 7),
            (vec!["b a s 2 3", "c a s 3 4"], 5),
            (vec!["b a s 2 6", "c a s 3 1"], 4),
            (vec!["b a s -5 7", "c a s 9 5"], 7),
            (vec!["b a s -5 50"], 0),
        ] {
            let list = spans(&[vec!["a - s 0 10"], children].concat());
            assert_eq!(Forest::grow(&list).self_ns(&list, 0), own * 1_000_000, "{list:?}");
        }
    }
}
