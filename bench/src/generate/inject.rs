//! Faults put into recorded requests, after what the published ones do to lines and spans. Knows requests; knows no file.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    fault::Kind,
    random::Random,
    trace::{Delay, Line, Trace, Tree},
};

/// A place in the source: logger and line.
type Place = (String, i64);

/// Requests that pass from one place to the next, for the pair to be part of the code's usual way.
const USUAL: usize = 10;

/// Pairs of places that lines of one logger follow each other in.
#[derive(Default)]
pub(super) struct Code {
    /// By service: from, to, requests.
    usual: BTreeMap<String, Vec<(Place, Place)>>,
    /// What else follows a place.
    after: BTreeMap<(String, Place), BTreeMap<Place, Line>>,
}

fn place(line: &Line) -> Place {
    (line.logger.clone(), line.number)
}

/// Pairs of following lines of one logger in one visit, as positions.
fn steps(trace: &Trace, tree: &Tree) -> Vec<(usize, usize)> {
    let mut visits: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, line) in trace.lines.iter().enumerate() {
        if let Some(visit) = tree.visit_of(line) {
            visits.entry(visit).or_default().push(at);
        }
    }
    let pairs = visits.values().flat_map(|lines| lines.windows(2)).filter_map(|pair| match pair {
        [from, to] => Some((*from, *to)),
        _ => None,
    });
    let logger = |at: usize| trace.lines.get(at).map(|line| line.logger.as_str());
    pairs.filter(|(from, to)| logger(*from) == logger(*to)).collect()
}

impl Code {
    pub(super) fn learn<'t>(traces: impl Iterator<Item = &'t Trace>) -> Self {
        let mut counts: BTreeMap<(String, Place, Place), usize> = BTreeMap::new();
        let mut code = Self::default();
        for trace in traces {
            let mut seen = BTreeSet::new();
            for (from, to) in steps(trace, &Tree::of(trace)) {
                let (Some(from), Some(to)) = (trace.lines.get(from), trace.lines.get(to)) else { continue };
                if from.level == "INFO" {
                    let others = code.after.entry((from.service.clone(), place(from))).or_default();
                    others.entry(place(to)).or_insert_with(|| to.clone());
                    if to.level == "INFO" && from.place() != to.place() {
                        seen.insert((from.service.clone(), place(from), place(to)));
                    }
                }
            }
            for step in seen {
                *counts.entry(step).or_default() += 1;
            }
        }
        for ((service, from, to), _) in counts.into_iter().filter(|(_, count)| *count >= USUAL) {
            code.usual.entry(service).or_default().push((from, to));
        }
        code
    }
}

/// What becomes of a request after the code went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    /// Nobody else notices.
    Nothing,
    /// The visit ends there.
    Ends,
    /// The caller makes no more of it.
    CallerEnds,
    /// Callers fail, too, one after the other, each with some probability.
    Spreads,
}

/// A fault of one service.
pub(super) struct Fault {
    pub(super) service: String,
    what: What,
    /// Whether a caller writes an error when it fails.
    complains: BTreeMap<String, bool>,
}

enum What {
    Code {
        throws: bool,
        from: Place,
        to: Place,
        share: f64,
        instead: Option<Box<Line>>,
        skips: bool,
        after: After,
        says: bool,
        spreads: f64,
    },
    /// Each pause of at most a tenth of a second in this share of steps (a processor's quota used up), or all times this factor.
    Throttled(f64),
    Slow(f64),
    /// Calls to the service take longer, and those that it makes.
    Delayed {
        us: f64,
        both_ways: bool,
    },
}

impl Fault {
    /// Draws a fault of one of the services; none where their lines show no code to go wrong.
    pub(super) fn draw(random: &mut Random, kind: Kind, services: &[String], code: &Code) -> Option<Self> {
        let of_code = matches!(kind, Kind::Return | Kind::Exception);
        let candidates: Vec<&String> = services.iter().filter(|service| !of_code || code.usual.contains_key(*service)).collect();
        let service = (*random.one_of(&candidates)?).clone();
        let what = match kind {
            Kind::Quiet => return None,
            Kind::Network => {
                let us = 1e3 * random.between(20_f64.ln(), 800_f64.ln()).exp();
                What::Delayed { us, both_ways: random.happens(0.5) }
            }
            Kind::Cpu if random.happens(0.5) => What::Throttled(random.between(0.1, 0.5)),
            Kind::Cpu => What::Slow(random.between(1.5, 6.0)),
            Kind::Return | Kind::Exception => {
                let (from, to) = random.one_of(code.usual.get(&service)?)?.clone();
                let share = if random.happens(0.5) { 1.0 } else { random.between(0.4, 1.0) };
                let others = code.after.get(&(service.clone(), from.clone()))?;
                let others: Vec<&Line> = others.iter().filter(|(place, _)| **place != to).map(|(_, line)| line).collect();
                let instead = random.one_of(&others).filter(|_| random.happens(0.7)).map(|line| Box::new((*line).clone()));
                let throws = kind == Kind::Exception;
                let after = if throws { [After::Nothing, After::Spreads] } else { [After::Ends, After::CallerEnds] };
                let nothing = if throws { 0.0 } else { 0.4 };
                let after = if random.happens(nothing) { After::Nothing } else { *random.one_of(&after)? };
                let (skips, says) = (random.happens(0.35), random.happens(0.5));
                What::Code { throws, from, to, share, instead, skips, after, says, spreads: random.between(0.3, 1.0) }
            }
        };
        Some(Self { service, what, complains: BTreeMap::new() })
    }

    /// Lets a request meet the fault; whether it did.
    pub(super) fn meet(&mut self, random: &mut Random, trace: &mut Trace) -> bool {
        let tree = Tree::of(trace);
        let mut delays = Vec::new();
        for (at, span) in trace.spans.iter().enumerate() {
            let own = span.service == self.service;
            match &self.what {
                What::Code { .. } => return self.go_wrong(random, trace),
                What::Delayed { us, both_ways } => {
                    let Some(parent) = tree.parent(at) else { continue };
                    let calls = trace.spans.get(parent).is_some_and(|caller| caller.service == self.service);
                    if own == calls || (calls && !both_ways) {
                        continue;
                    }
                    // A connection that is made first costs a second round.
                    let rounds = if random.happens(1.0 / 3.0) { 2.0 } else { 1.0 };
                    let at_us = if own { span.end_us() } else { span.start_us };
                    delays.push(Delay {
                        at_us,
                        by_us: (us * rounds * random.between(0.9, 1.1)) as i64,
                        within: tree.waiting(trace, parent),
                    });
                }
                What::Throttled(_) | What::Slow(_) if !own => {}
                What::Throttled(share) => {
                    for (from, to) in own_times(trace, &tree, at) {
                        if random.happens(share * ((to - from) as f64 / 300.0).min(1.0)) {
                            let by_us = random.between(50e3, 100e3) as i64;
                            delays.push(Delay { at_us: to, by_us, within: tree.waiting(trace, at) });
                        }
                    }
                }
                What::Slow(factor) => {
                    for (from, to) in own_times(trace, &tree, at) {
                        let by_us = ((to - from) as f64 * (factor - 1.0) * random.between(0.5, 1.5)) as i64;
                        delays.push(Delay { at_us: to, by_us, within: tree.waiting(trace, at) });
                    }
                }
            }
        }
        trace.delay(&delays);
        trace.sort();
        !delays.is_empty()
    }

    fn go_wrong(&mut self, random: &mut Random, trace: &mut Trace) -> bool {
        let What::Code { throws, from, to, share, instead, skips, after, says, spreads } = &self.what else { return false };
        let mut met = BTreeSet::new();
        // One visit after the other, since each changes what follows.
        loop {
            let tree = Tree::of(trace);
            let next = steps(trace, &tree).into_iter().find_map(|(first, second)| {
                let (a, b) = (trace.lines.get(first)?, trace.lines.get(second)?);
                let is_it = a.service == self.service && place(a) == *from && place(b) == *to;
                let visit = trace.spans.get(tree.visit_of(a)?)?.id.clone();
                (is_it && met.insert((visit.clone(), a.time_us))).then(|| (a.clone(), b.clone(), visit))
            });
            let Some((a, b, visit)) = next else { break };
            if !random.happens(*share) {
                continue;
            }
            met.insert((String::new(), 0));
            if *throws {
                cut(trace, &visit, a.time_us, says.then_some(&a));
            } else {
                if *skips {
                    skip(trace, &visit, a.time_us, b.time_us);
                }
                let Some(second) = trace.lines.iter().position(|line| *line == b) else { continue };
                let put = instead.as_ref().map(|line| Line { time_us: b.time_us, span: b.span.clone(), ..(**line).clone() });
                trace.lines.splice(second..=second, put);
                if *after == After::Ends {
                    cut(trace, &visit, b.time_us, None);
                }
            }
            let mut ended = visit;
            let reaches_callers = matches!(after, After::CallerEnds | After::Spreads);
            for _ in 0..if reaches_callers { trace.spans.len() } else { 0 } {
                let tree = Tree::of(trace);
                let caller = tree.position(&ended).and_then(|at| Some((at, tree.parent(at)?)));
                let Some((at, caller)) = caller.filter(|_| *after == After::CallerEnds || random.happens(*spreads)) else { break };
                let Some((end, caller)) = trace.spans.get(at).zip(trace.spans.get(tree.visit(caller))) else { break };
                let (end_us, caller, service) = (end.end_us() + 200, caller.id.clone(), caller.service.clone());
                let complains = *self.complains.entry(service.clone()).or_insert_with(|| random.happens(0.5));
                // A gateway that writes no lines writes none of failures either.
                let line = trace.lines.iter().find(|line| line.service == service).cloned();
                cut(trace, &caller, end_us, line.as_ref().filter(|_| complains));
                ended = caller;
                if *after == After::CallerEnds {
                    break;
                }
            }
            trace.sort();
        }
        met.contains(&(String::new(), 0))
    }
}

/// The times that a span spends in none of its children.
fn own_times(trace: &Trace, tree: &Tree, at: usize) -> Vec<(i64, i64)> {
    let Some(span) = trace.spans.get(at) else { return Vec::new() };
    let mut children: Vec<(i64, i64)> =
        tree.children(at).iter().filter_map(|child| trace.spans.get(*child)).map(|child| (child.start_us, child.end_us())).collect();
    children.sort_unstable();
    let mut from = span.start_us;
    let mut list = Vec::new();
    for (start, end) in children {
        if start > from {
            list.push((from, start));
        }
        from = from.max(end);
    }
    if span.end_us() > from {
        list.push((from, span.end_us()));
    }
    list
}

/// Takes spans away with all that they caused.
fn remove(trace: &mut Trace, tree: &Tree, tops: &[usize]) {
    let gone: BTreeSet<usize> = tops.iter().flat_map(|top| tree.below(*top)).collect();
    trace.lines.retain(|line| tree.position(&line.span).is_none_or(|at| !gone.contains(&at)));
    let mut at = 0;
    trace.spans.retain(|_| {
        at += 1;
        !gone.contains(&(at - 1))
    });
}

/// Ends a visit at a moment; `says` stands for an error that the framework writes then, like this line otherwise.
fn cut(trace: &mut Trace, visit: &str, at_us: i64, says: Option<&Line>) {
    let tree = Tree::of(trace);
    let Some(visit) = tree.position(visit) else { return };
    let Some((span, end_us)) = trace.spans.get(visit).map(|span| (span.id.clone(), span.end_us())) else { return };
    trace.lines.retain(|line| line.time_us <= at_us || tree.visit_of(line) != Some(visit));
    let is_later = |at: usize| trace.spans.get(at).is_some_and(|span| span.start_us > at_us);
    let in_visit = |at: usize| tree.visit(at) == visit || tree.parent(at).is_some_and(|parent| tree.visit(parent) == visit);
    let tops: Vec<usize> = (0..trace.spans.len()).filter(|at| *at != visit && is_later(*at) && in_visit(*at)).collect();
    remove(trace, &tree, &tops);
    if let Some(like) = says {
        let logger = "o.a.c.c.C.[.[.[.[dispatcherServlet]".to_owned();
        let message = "Servlet.service() for servlet [dispatcherServlet] in context with path [] threw exception".to_owned();
        let error = Line { time_us: at_us, logger, number: 175, level: "ERROR".to_owned(), message, span, ..like.clone() };
        trace.lines.push(error);
    }
    trace.collapse(at_us + 1, end_us);
}

/// Leaves out what a visit calls between two moments.
fn skip(trace: &mut Trace, visit: &str, from_us: i64, to_us: i64) {
    let tree = Tree::of(trace);
    let Some(visit) = tree.position(visit) else { return };
    let is_between = |at: usize| trace.spans.get(at).is_some_and(|span| span.start_us > from_us && span.end_us() <= to_us);
    let in_visit = |at: usize| tree.visit(at) == visit || tree.parent(at).is_some_and(|parent| tree.visit(parent) == visit);
    let tops: Vec<usize> = (0..trace.spans.len()).filter(|at| *at != visit && is_between(*at) && in_visit(*at)).collect();
    remove(trace, &tree, &tops);
}
