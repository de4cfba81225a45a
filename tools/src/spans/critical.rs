//! The chain of spans that decides when a request ends. Knows no tool.

use super::{Forest, Span};

/// A stretch of the critical path that belongs to one span itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leg {
    /// Position of the span.
    pub span: usize,
    /// When it begins, in nanoseconds since the epoch.
    pub start_ns: i64,
    /// How long it is.
    pub length_ns: i64,
}

/// A span under way: what of it is still to be walked, backwards.
struct Walk {
    span: usize,
    start_ns: i64,
    cursor_ns: i64,
    /// Children by their end, the last one at the end of the list; each with its start and end inside the span.
    children: Vec<(i64, i64, usize)>,
}

/// The critical path under a root, in order of time; the lengths of its legs add up to the root's duration.
///
/// From the end of a span back: the child that ended last before that moment is on the path, the time after its end is the
/// span's own; then on from the start of that child. What ran beside the path is left out. A child that sticks out of
/// its parent is cut to it. After CRISP (Zhang et al., USENIX ATC 2022, section 3.1).
pub fn critical_path(spans: &[Span], forest: &Forest, root: usize) -> Vec<Leg> {
    let mut legs = Vec::new();
    let Some(first) = spans.get(root) else { return legs };
    let mut stack = vec![begin(spans, forest, root, first.start_ns, first.end_ns())];
    while let Some(walk) = stack.last_mut() {
        let next = loop {
            match walk.children.pop() {
                // It ran beside the path.
                Some((_, end_ns, _)) if end_ns > walk.cursor_ns => {}
                other => break other,
            }
        };
        let from_ns = next.map_or(walk.start_ns, |(_, end_ns, _)| end_ns);
        if walk.cursor_ns > from_ns {
            legs.push(Leg { span: walk.span, start_ns: from_ns, length_ns: walk.cursor_ns - from_ns });
        }
        match next {
            Some((start_ns, end_ns, child)) => {
                walk.cursor_ns = start_ns;
                stack.push(begin(spans, forest, child, start_ns, end_ns));
            }
            None => {
                stack.pop();
            }
        }
    }
    legs.reverse();
    legs
}

fn begin(spans: &[Span], forest: &Forest, span: usize, start_ns: i64, end_ns: i64) -> Walk {
    let inside = |child: &usize| {
        let child_span = spans.get(*child)?;
        let (from, to) = (child_span.start_ns.max(start_ns), child_span.end_ns().min(end_ns));
        (to > from).then_some((from, to, *child))
    };
    let mut children: Vec<(i64, i64, usize)> = forest.children_of(span).iter().filter_map(inside).collect();
    children.sort_by_key(|(start_ns, end_ns, child)| (*end_ns, *start_ns, *child));
    Walk { span, start_ns, cursor_ns: end_ns, children }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::spans, *};

    fn check(lines: &[&str], expected: &[(&str, i64)]) {
        let list = spans(lines);
        let legs = critical_path(&list, &Forest::grow(&list), 0);
        let read: Vec<(&str, i64)> = legs.iter().map(|leg| (list[leg.span].id.as_str(), leg.length_ns / 1_000_000)).collect();
        assert_eq!(read, expected, "{lines:?}");
        assert_eq!(legs.iter().map(|leg| leg.length_ns).sum::<i64>(), list[0].duration_ns);
        assert!(legs.windows(2).all(|pair| pair[0].start_ns + pair[0].length_ns == pair[1].start_ns));
    }

    #[test]
    fn the_path_goes_through_the_child_that_ends_last() {
        check(&["a - s 0 10"], &[("a", 10)]);
        check(&["a - s 0 10", "b a s 1 3", "c a s 5 4"], &[("a", 1), ("b", 3), ("a", 1), ("c", 4), ("a", 1)]);
        // What runs beside the path does not count, however long.
        check(&["a - s 0 10", "b a s 1 7", "c a s 5 4"], &[("a", 5), ("c", 4), ("a", 1)]);
        check(&["a - s 0 10", "b a s 1 8", "c b s 2 3", "d b s 3 5"], &[("a", 1), ("b", 2), ("d", 5), ("b", 1), ("a", 1)]);
    }

    #[test]
    fn a_child_outside_its_parent_is_cut_to_it() {
        check(&["a - s 0 10", "b a s 8 20"], &[("a", 8), ("b", 2)]);
        check(&["a - s 0 10", "b a s -5 8"], &[("b", 3), ("a", 7)]);
        check(&["a - s 0 10", "b a s 30 8"], &[("a", 10)]);
    }

    #[test]
    fn a_deep_chain_needs_no_deep_stack() {
        let lines: Vec<String> = (0..5_000).map(|n| format!("s{n} s{} s 0 10", n as i64 - 1)).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        check(&lines, &[("s4999", 10)]);
    }
}
