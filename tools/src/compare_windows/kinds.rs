//! What a request was for, and who called whom in it. Knows traces; knows no search and no statistics.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
};

use super::{
    sample::{PatternId, Patterns, Trace},
    windows::INCIDENT,
};
use crate::{mining::statistics::rate_change, spans::Span};

/// Three standard deviations: one type in 370 reaches this by chance.
const LEAST_Z: f64 = 3.0;

/// Tells each trace's type of request: what its first log line says, or, where it has none, by what its spans are called.
pub(super) fn tell(traces: &mut [Trace], patterns: &mut Patterns, stand_in: bool, number_of: &impl Fn(&str) -> usize) {
    for trace in traces {
        trace.kind = match trace.lines.first() {
            // What a stretch of time happens to begin with says nothing: all of a service are of one type.
            Some((_, pattern)) if stand_in => patterns.number(patterns.service_of(*pattern), "", String::new),
            Some((_, pattern)) => *pattern,
            None => {
                let (service, name) = entry(&trace.spans);
                patterns.number(number_of(service), name, || name.to_owned())
            }
        };
    }
}

/// Service and name of the span that a request without logs is known by: the first one called by another service, else its root.
fn entry(spans: &[Span]) -> (&str, &str) {
    let at = by_id(spans);
    let first = |is_wanted: &dyn Fn(&&Span) -> bool| spans.iter().filter(is_wanted).min_by_key(|span| span.start_ns);
    let called = first(&|span| caller(span, &at).is_some());
    let found = called.or_else(|| first(&|span| parent(span, &at).is_none())).or_else(|| spans.first());
    found.map_or(("?", "?"), |span| (&span.service, &span.name))
}

fn by_id(spans: &[Span]) -> HashMap<&str, &Span> {
    spans.iter().map(|span| (span.id.as_str(), span)).collect()
}

fn parent<'s>(span: &Span, at: &HashMap<&str, &'s Span>) -> Option<&'s Span> {
    at.get(span.parent.as_deref()?).copied()
}

/// The parent of a span that another service called.
fn caller<'s>(span: &Span, at: &HashMap<&str, &'s Span>) -> Option<&'s Span> {
    parent(span, at).filter(|parent| parent.service != span.service)
}

/// A type of request that only one side has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OneSided {
    pub(super) kind: PatternId,
    pub(super) here: u32,
    pub(super) there: u32,
}

/// Types of request that are clearly new or gone, the most frequent first: no lens can compare their traces.
pub(super) fn one_sided(traces: &[Trace]) -> Vec<OneSided> {
    let mut counts: BTreeMap<PatternId, (u32, u32)> = BTreeMap::new();
    let mut all = (0_u32, 0_u32);
    for trace in traces {
        let (here, there) = counts.entry(trace.kind).or_default();
        let is_here = trace.window == INCIDENT;
        *(if is_here { here } else { there }) += 1;
        *(if is_here { &mut all.0 } else { &mut all.1 }) += 1;
    }
    let clear = |(kind, (here, there)): (PatternId, (u32, u32))| {
        let change = rate_change(f64::from(here), f64::from(all.0), f64::from(there), f64::from(all.1));
        ((here == 0 || there == 0) && change.z.abs() >= LEAST_Z).then_some(OneSided { kind, here, there })
    };
    let mut list: Vec<OneSided> = counts.into_iter().filter_map(clear).collect();
    list.sort_by_key(|one| (Reverse(one.here.max(one.there)), one.kind));
    list
}

/// A call between services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Call<'s> {
    pub(super) start_ns: i64,
    pub(super) caller: &'s str,
    pub(super) callee: &'s str,
    /// The last one of a visit to the caller: of a span with those of the same service below it.
    ///
    /// A caller that goes no further after an answer was given something that it did not expect: nothing else of a wrong answer is seen in spans.
    pub(super) is_last: bool,
}

/// The calls between services in a trace.
pub(super) fn calls(spans: &[Span]) -> Vec<Call<'_>> {
    let at = by_id(spans);
    let mut calls: Vec<Call<'_>> = Vec::new();
    let mut last: HashMap<&str, usize> = HashMap::new();
    for span in spans {
        let Some(by) = caller(span, &at) else { continue };
        let call = Call { start_ns: span.start_ns, caller: &by.service, callee: &span.service, is_last: false };
        let number = calls.len();
        calls.push(call);
        let known = last.entry(&visit(by, spans.len(), &at).id).or_insert(number);
        if calls.get(*known).is_some_and(|known| *known < call) {
            *known = number;
        }
    }
    for number in last.into_values() {
        if let Some(call) = calls.get_mut(number) {
            call.is_last = true;
        }
    }
    calls
}

/// The uppermost span of the visit that a span is part of. No chain is longer than the `count` spans that there are.
fn visit<'s>(span: &'s Span, count: usize, at: &HashMap<&str, &'s Span>) -> &'s Span {
    let above = |span: &&'s Span| parent(span, at).filter(|above| above.service == span.service);
    std::iter::successors(Some(span), above).take(count + 1).last().unwrap_or(span)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `id parent service name` for each span, `-` for no parent.
    fn spans(lines: &[&str]) -> Vec<Span> {
        let span = |(at, line): (usize, &&str)| {
            let part: Vec<&str> = line.split(' ').collect();
            let parent = (part[1] != "-").then(|| part[1].to_owned());
            let (id, service, name) = (part[0].to_owned(), part[2].to_owned(), part[3].to_owned());
            Span { id, parent, service, name, start_ns: i64::try_from(at).unwrap(), duration_ns: 1 }
        };
        lines.iter().enumerate().map(span).collect()
    }

    #[test]
    fn a_request_without_lines_is_known_by_whom_it_called_first() {
        let list = spans(&["1 - web GET", "2 1 web render", "3 2 pay charge", "4 1 cart add"]);
        assert_eq!(entry(&list), ("pay", "charge"));
        assert_eq!(entry(&spans(&["1 - web GET"])), ("web", "GET"));
        let called: Vec<(&str, &str)> = calls(&list).iter().map(|call| (call.caller, call.callee)).collect();
        assert_eq!(called, [("web", "pay"), ("web", "cart")]);
    }

    #[test]
    fn the_last_call_of_a_visit_is_that_of_all_its_spans() {
        let whole = spans(&["1 - web GET", "2 1 web render", "3 2 pay charge", "4 3 bank book", "5 1 cart add"]);
        let check = |spans: &[Span], expected: &[(i64, &str, &str)]| {
            let list = calls(spans);
            let last: Vec<_> = list.iter().filter(|call| call.is_last).map(|call| (call.start_ns, call.caller, call.callee)).collect();
            assert_eq!(last, expected);
        };
        check(&whole, &[(3, "pay", "bank"), (4, "web", "cart")]);
        check(&whole[..4], &[(2, "web", "pay"), (3, "pay", "bank")]);
        check(&spans(&["1 2 web a", "2 1 web b", "3 2 pay c"]), &[(2, "web", "pay")]);
    }

    #[test]
    fn types_that_one_side_has_are_told_where_that_is_no_chance() {
        let trace = |window: usize, kind: usize| Trace { window, kind, ..Trace::default() };
        let check = |new: usize, expected: usize| {
            let mut traces: Vec<Trace> = (0..400).map(|n| trace(usize::from(n >= 40), 1)).collect();
            traces.extend((0..new).map(|_| trace(INCIDENT, 2)));
            assert_eq!(one_sided(&traces).len(), expected, "{new}");
        };
        check(1, 0);
        check(20, 1);
    }
}
