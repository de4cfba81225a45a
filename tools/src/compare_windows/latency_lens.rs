//! The latency lens: self time and call edges from spans, or gaps between lines where there are none. Knows traces; knows no search.

use std::{collections::BTreeMap, iter};

use super::{
    ablation::{Part, is_off},
    sample::{PatternId, Trace},
    suspects::CHANCE,
    windows::{INCIDENT, Split, Windows},
};
use crate::{
    mining::statistics::{latency_shift, median},
    spans::{Forest, Span, milliseconds},
};

/// Fewer traces than this on a side are not compared.
const LEAST_TRACES: usize = 3;

/// What takes time in a trace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Item {
    /// Time that the spans of one name spend in none of their children.
    Own {
        /// Which service.
        service: String,
        /// What its spans are called.
        name: String,
    },
    /// Time between a call and its execution: the caller's span without the callee's.
    Edge {
        /// Who calls.
        caller: String,
        /// Who is called.
        callee: String,
    },
    /// Time from one line to the next, by their patterns.
    Gap {
        /// The line before.
        from: PatternId,
        /// The line after.
        to: PatternId,
    },
}

/// An item here and there.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shift {
    pub(super) item: Item,
    /// `max(0, z) · ln((median here + δ) / (median there + δ))`, in multiples of the most that the item shows in a quiet window.
    pub(super) score: f64,
    /// Medians in milliseconds.
    pub(super) here_ms: f64,
    pub(super) there_ms: f64,
    /// Traces.
    pub(super) here: usize,
    pub(super) there: usize,
    /// Sample size that both sides together are worth: harmonic, so that the smaller side decides.
    pub(super) weight: f64,
    /// A trace that shows it: the one at nine tenths of the way to the slowest.
    pub(super) trace: usize,
}

/// Values in milliseconds with the trace they come from, by item and window: the table from which every window is scored.
#[derive(Debug, Default)]
pub(super) struct LatencyTable {
    items: BTreeMap<Item, Measured>,
    /// Half a step of the clock, in milliseconds: that of durations, or of the times of lines.
    delta_ms: f64,
    /// The same for what depends on when spans begin: a date of whole milliseconds beside durations in microseconds.
    starts_delta_ms: f64,
}

/// The values of an item.
#[derive(Debug, Default)]
struct Measured {
    windows: Vec<Vec<(f64, usize)>>,
    /// Some of them depend on when spans begin, too, and not on durations alone.
    by_starts: bool,
}

/// The values of an item in one trace.
#[derive(Default)]
struct Sum {
    ms: f64,
    count: u32,
    by_starts: bool,
}

impl LatencyTable {
    /// One value a trace and item: the mean over the trace. `windows` counts the incident and those of the baseline.
    pub(super) fn of(traces: &[Trace], windows: usize) -> Self {
        let has_spans = traces.iter().any(|trace| !trace.spans.is_empty());
        let spans = || traces.iter().flat_map(|trace| &trace.spans);
        let delta_ms = if has_spans {
            clock_step_ms(spans().map(|span| span.duration_ns))
        } else {
            clock_step_ms(traces.iter().flat_map(|trace| &trace.lines).map(|(time, _)| *time))
        } / 2.0;
        let starts_delta_ms = delta_ms.max(clock_step_ms(spans().map(|span| span.start_ns)) / 2.0);
        let mut table = Self { delta_ms, starts_delta_ms, ..Self::default() };
        for (number, trace) in traces.iter().enumerate() {
            let mut sums: BTreeMap<Item, Sum> = BTreeMap::new();
            let mut add = |item: Item, value_ms: f64, by_starts: bool| {
                let sum = sums.entry(item).or_default();
                sum.ms += value_ms;
                sum.count += 1;
                sum.by_starts |= by_starts;
            };
            if has_spans {
                measure_spans(&trace.spans, &mut add)
            } else {
                measure_lines(&trace.lines, &mut add)
            }
            for (item, Sum { ms, count, by_starts }) in sums {
                let measured = table.items.entry(item).or_default();
                measured.windows.resize(windows, Vec::new());
                measured.by_starts |= by_starts;
                if let Some(values) = measured.windows.get_mut(trace.window) {
                    values.push((ms / f64::from(count), number));
                }
            }
        }
        table
    }

    /// Every item with enough traces on both sides: the incident against its baseline, then each window of the baseline against the others.
    ///
    /// What already rises and falls by itself, as the time of a query over a growing table does, has to rise further: a score is divided by
    /// the largest that the item reaches in a window of the baseline (other than the one in question), where that is more than chance gives.
    pub(super) fn all_shifts(&self, windows: &Windows) -> Vec<Vec<Shift>> {
        let mut all: Vec<Vec<Shift>> = iter::once(windows.split()).chain(windows.quiet_splits()).map(|split| self.shifts(&split)).collect();
        if is_off(Part::Unrest) {
            return all;
        }
        let mut quiet: BTreeMap<Item, Vec<(usize, f64)>> = BTreeMap::new();
        for (window, shifts) in all.iter().enumerate().filter(|(window, _)| *window != INCIDENT) {
            for shift in shifts.iter().filter(|shift| shift.score > CHANCE) {
                quiet.entry(shift.item.clone()).or_default().push((window, shift.score));
            }
        }
        for (window, shifts) in all.iter_mut().enumerate() {
            for shift in shifts {
                let others = quiet.get(&shift.item).into_iter().flatten().filter(|(at, _)| *at != window);
                shift.score /= others.fold(CHANCE, |most, (_, score)| most.max(*score));
            }
        }
        all
    }

    /// Every item with enough traces on both sides, in the order of the items, as one window is held against others.
    fn shifts(&self, split: &Split) -> Vec<Shift> {
        let shift = |item: &Item, Measured { windows, by_starts }: &Measured| {
            let mut here = windows.get(split.here)?.clone();
            let there: Vec<f64> = split.there.iter().filter_map(|window| windows.get(*window)).flatten().map(|(value, _)| *value).collect();
            if here.len() < LEAST_TRACES || there.len() < LEAST_TRACES {
                return None;
            }
            here.sort_by(|(a, _), (b, _)| a.total_cmp(b));
            let values: Vec<f64> = here.iter().map(|(value, _)| *value).collect();
            let (_, trace) = here.get((here.len() - 1) * 9 / 10)?;
            let delta_ms = if *by_starts { self.starts_delta_ms } else { self.delta_ms };
            Some(Shift {
                item: item.clone(),
                score: latency_shift(&values, &there, delta_ms),
                here_ms: median(&values)?,
                there_ms: median(&there)?,
                here: here.len(),
                there: there.len(),
                weight: (here.len() * there.len()) as f64 / (here.len() + there.len()) as f64,
                trace: *trace,
            })
        };
        self.items.iter().filter_map(|(item, measured)| shift(item, measured)).collect()
    }
}

/// Own time of spans without a child in another service, and the gaps of calls between services.
fn measure_spans(spans: &[Span], add: &mut impl FnMut(Item, f64, bool)) {
    let forest = Forest::grow(spans);
    for (at, span) in spans.iter().enumerate() {
        let children = forest.children_of(at).iter().filter_map(|child| spans.get(*child));
        let mut calls = false;
        for callee in children.filter(|child| child.service != span.service) {
            calls = true;
            let gap_ns = span.duration_ns.saturating_sub(callee.duration_ns).max(0);
            add(Item::Edge { caller: span.service.clone(), callee: callee.service.clone() }, milliseconds(gap_ns), false);
        }
        if !calls {
            let item = Item::Own { service: span.service.clone(), name: span.name.clone() };
            add(item, milliseconds(forest.self_ns(spans, at)), !forest.children_of(at).is_empty());
        }
    }
}

/// The time between one line and the next.
fn measure_lines(lines: &[(i64, PatternId)], add: &mut impl FnMut(Item, f64, bool)) {
    for pair in lines.windows(2) {
        if let [(earlier, from), (later, to)] = pair {
            add(Item::Gap { from: *from, to: *to }, milliseconds(later.saturating_sub(*earlier)), false);
        }
    }
}

/// The step of the clock: the largest of a millisecond, a microsecond and a nanosecond that divides every time.
fn clock_step_ms(times_ns: impl Iterator<Item = i64> + Clone) -> f64 {
    let divides = |step: &i64| times_ns.clone().all(|time| time % step == 0);
    milliseconds([1_000_000, 1_000].into_iter().find(divides).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            sample::Sample,
            slow::{Kind, by_service},
        },
        *,
    };

    /// `id parent service start_ms duration_ms`, `-` for no parent.
    fn spans(lines: &[&str]) -> Vec<Span> {
        let span = |line: &&str| {
            let part: Vec<&str> = line.split(' ').collect();
            let ns = |text: &str| text.parse::<i64>().unwrap() * 1_000_000;
            let parent = (part[1] != "-").then(|| part[1].to_owned());
            let (service, name) = (part[2].to_owned(), format!("op-{}", part[2]));
            Span { id: part[0].to_owned(), parent, service, name, start_ns: ns(part[3]), duration_ns: ns(part[4]) }
        };
        lines.iter().map(span).collect()
    }

    fn items(lines: &[&str]) -> Vec<(Item, f64)> {
        let mut found = Vec::new();
        measure_spans(&spans(lines), &mut |item, value, _| found.push((item, value)));
        found
    }

    fn own(service: &str) -> Item {
        Item::Own { service: service.to_owned(), name: format!("op-{service}") }
    }

    fn edge(caller: &str, callee: &str) -> Item {
        Item::Edge { caller: caller.to_owned(), callee: callee.to_owned() }
    }

    #[test]
    fn a_call_is_an_edge_and_the_caller_has_no_time_of_its_own() {
        let found = items(&["1 - web 0 50", "2 1 pay 5 30", "3 2 pay 10 5"]);
        assert_eq!(found, vec![(edge("web", "pay"), 20.0), (own("pay"), 25.0), (own("pay"), 5.0)]);
    }

    #[test]
    fn a_callee_that_outlasts_its_caller_has_no_negative_gap() {
        assert_eq!(items(&["1 - web 0 10", "2 1 pay 5 30"])[0], (edge("web", "pay"), 0.0));
    }

    fn table(slow: i64) -> (Sample, Vec<Shift>) {
        // web calls pay and cart; in the incident both calls take `slow` ms longer on the way.
        let trace = |window: usize, more: i64| {
            let lines = [format!("1 - web 0 {}", 100 + more), "2 1 pay 1 50".to_owned(), "3 1 cart 2 40".to_owned()];
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            Trace { window, spans: spans(&lines), ..Trace::default() }
        };
        let traces: Vec<Trace> = (0..20).map(|n| trace(n % 4, if n % 4 == 0 { slow } else { 0 } + i64::try_from(n).unwrap() % 3)).collect();
        let table = LatencyTable::of(&traces, 4);
        let shifts = table.shifts(&Split { here: 0, there: vec![1, 2, 3] });
        (Sample { traces, ..Sample::default() }, shifts)
    }

    #[test]
    fn a_slow_caller_explains_the_gaps_to_all_its_callees() {
        let (sample, shifts) = table(200);
        let found = by_service(&sample, &shifts);
        assert_eq!(found["web"].kind, Kind::Hub);
        assert_eq!(found["web"].items, 2);
        assert!(found["web"].score > found["pay"].score && found["web"].score > found["cart"].score, "{found:?}");
    }

    /// A query that takes longer from window to window, and in the incident `now` ms.
    fn restless(now: i64) -> f64 {
        let trace = |n: usize| {
            let window = n % 6;
            let ms = if window == 0 { now } else { 10 * i64::try_from(window).unwrap() } + i64::try_from(n / 6).unwrap();
            Trace { window, spans: spans(&[format!("1 - web 0 {ms}").as_str()]), ..Trace::default() }
        };
        let window = |start: &str, end: &str| crate::params::Window::new(start.parse().unwrap(), end.parse().unwrap()).unwrap();
        let windows = Windows {
            incident: window("2026-03-25T14:50:00Z", "2026-03-25T15:00:00Z"),
            baseline: window("2026-03-25T14:00:00Z", "2026-03-25T14:50:00Z"),
            count: 5,
        };
        let traces: Vec<Trace> = (0..120).map(trace).collect();
        LatencyTable::of(&traces, 6).all_shifts(&windows)[0][0].score
    }

    #[test]
    fn what_rises_by_itself_has_to_rise_further() {
        assert!(restless(50) < 1.5, "{}", restless(50));
        assert!(restless(500) > 2.0, "{}", restless(500));
    }

    #[test]
    fn without_a_change_nobody_is_slow() {
        let (sample, shifts) = table(0);
        assert!(by_service(&sample, &shifts).values().all(|slow| slow.score < 1.0));
    }

    #[test]
    fn medians_and_an_example_come_with_a_shift() {
        let (_, shifts) = table(200);
        let shift = shifts.iter().find(|shift| shift.item == edge("web", "pay")).unwrap();
        assert_eq!((shift.here, shift.there), (5, 15));
        assert!(shift.here_ms > 249.0 && shift.there_ms < 53.0, "{shift:?}");
        assert_eq!(shift.trace % 4, 0);
    }

    #[test]
    fn without_spans_a_gap_belongs_to_both_services() {
        let trace = |window: usize, gap: i64| Trace { window, lines: vec![(0, 0), (gap * 1_000_000, 1)], ..Trace::default() };
        let traces: Vec<Trace> = (0..40).map(|n| trace(n % 4, if n % 4 == 0 { 300 } else { 20 } + i64::try_from(n).unwrap())).collect();
        let pattern =
            |service: usize| super::super::sample::Pattern { service, key: service.to_string(), text: String::new(), is_error: false };
        let sample = Sample { services: vec!["a".to_owned(), "b".to_owned()], patterns: vec![pattern(0), pattern(1)], ..Sample::default() };
        let shifts = LatencyTable::of(&traces, 4).shifts(&Split { here: 0, there: vec![1, 2, 3] });
        let found = by_service(&sample, &shifts);
        assert_eq!(shifts.len(), 1);
        assert!((found["a"].score - shifts[0].score).abs() < 1e-9);
        assert!((found["a"].score - found["b"].score).abs() < 1e-9);
    }

    #[test]
    fn own_time_is_as_coarse_as_the_clock_that_spans_begin_by() {
        // The part of the child that lies in the parent is known to a millisecond only: its start is rounded, its duration is not.
        let score = |starts_us: i64, with_child: bool| {
            let span = |id: &str, parent: Option<&str>, start_us: i64, us: i64| Span {
                id: id.to_owned(),
                parent: parent.map(str::to_owned),
                service: "web".to_owned(),
                name: id.to_owned(),
                start_ns: start_us / starts_us * starts_us * 1_000,
                duration_ns: us * 1_000,
            };
            let trace = |n: i64| {
                let (window, own_us) = if n % 4 == 0 { (0, 546) } else { (usize::from(n % 4 == 1) + 1, 143) };
                let child = with_child.then(|| span("child", Some("own"), 1_050, 1_000));
                let own = span("own", None, 1_001, own_us + n % 3 + if with_child { 1_000 } else { 0 });
                Trace { window, spans: [own].into_iter().chain(child).collect(), ..Trace::default() }
            };
            let traces: Vec<Trace> = (0..80).map(trace).collect();
            let shifts = LatencyTable::of(&traces, 3).shifts(&Split { here: 0, there: vec![1, 2] });
            shifts.into_iter().find(|shift| matches!(&shift.item, Item::Own { name, .. } if name == "own")).unwrap().score
        };
        assert!(score(1_000, false) > 8.0 && score(1, true) > 8.0, "{} {}", score(1_000, false), score(1, true));
        assert!(score(1_000, true) < 4.0, "{}", score(1_000, true));
    }

    #[test]
    fn the_clock_steps_as_its_times_do() {
        let step = |time: i64| clock_step_ms([0, time].into_iter());
        assert_eq!((step(5_000_000), step(5_001_000), step(5_001_001)), (1.0, 0.001, 0.000_001));
    }
}
