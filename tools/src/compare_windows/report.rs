//! The verdict as an answer: suspects with one line of evidence each, then what moved. Knows no search.

use super::{
    kinds::{self, OneSided},
    latency_lens::{Item, Shift},
    named::{self, Blame},
    patterns_lens::{Change, PatternShift},
    sample::{PatternId, Sample},
    slow::{Kind, Slow},
    suspects::{Evidence, Suspect, Verdict, Word},
    windows::INCIDENT,
};
use crate::answer::{Answer, Cell, Hint, Section, Table};

/// Characters of a pattern that are shown: enough to find it by.
const SHOWN: usize = 50;

/// Characters of a pattern beside another one, or beside the place that wrote it, by which it is found.
const SHOWN_BESIDE: usize = 32;

/// Tokens that the next call needs to show where a request differs.
const NEXT_TOKENS: u32 = 500;

/// Types of request that are named where only one side has them.
const TYPES: usize = 3;

/// Writes a verdict.
pub(super) struct Report<'v> {
    pub(super) sample: &'v Sample,
    pub(super) verdict: &'v Verdict,
    /// Rows of each list at most.
    pub(super) top: usize,
    /// Trace ids are those of real traces.
    pub(super) traced: bool,
    /// How many spans were read: without any, nothing says whose time it is.
    pub(super) spans: u64,
}

/// One line of evidence, and the numbers behind it.
struct Line {
    class: &'static str,
    evidence: String,
    baseline: String,
    window: String,
    trace_id: Option<String>,
}

impl Report<'_> {
    /// What was found, in one line.
    pub(super) fn summary(&self) -> String {
        let value = hundredths(self.verdict.strength.value);
        match self.sample.sizes() {
            (0, _) => return "no significant change can be told: the window has no whole trace".to_owned(),
            (_, 0) => return "no significant change can be told: the baseline has no whole trace".to_owned(),
            _ => {}
        }
        let Some(first) = self.verdict.suspects.first().filter(|suspect| suspect.score > 0.0) else {
            return "no significant change: nothing that occurs in both windows differs".to_owned();
        };
        let line = self.line(first);
        let what = format!("{}: {}, {} → {}", first.service, line.evidence, line.baseline, line.window);
        match self.verdict.strength.word() {
            Word::Significant => format!("significant: {what}; strength {value}, one quiet window in ten reaches 3.2"),
            Word::Weak => format!("weak: {what}; strength {value}, one quiet window in five reaches 1.8"),
            Word::None => format!(
                "no significant change: strength {value}, below 1.8 that one quiet window in five reaches; an order only, first {what}"
            ),
        }
    }

    /// The lists and the strength.
    pub(super) fn write(&self, answer: Answer) -> Answer {
        let strength = &self.verdict.strength;
        let answer = answer
            .section(Section::object(
                "strength",
                [
                    ("value", Cell::from(hundredths(strength.value))),
                    ("word", Cell::from(strength.word().as_str())),
                    ("quiet_rate", Cell::from(strength.quiet_rate())),
                    ("spans", Cell::from(self.spans)),
                ],
            ))
            .section(Section::table("suspects", self.suspects()))
            .section(Section::table("patterns", self.patterns()))
            .section(Section::table("edges", self.edges()))
            .hint(self.hint());
        let answer = self.silent(self.one_sided(answer));
        match strength.disturbed {
            Some(window) => {
                answer.note(format!("the baseline is disturbed: its window {window} stands out against the others; try another baseline"))
            }
            None => answer,
        }
    }

    /// Types of request that only one side has.
    fn one_sided(&self, answer: Answer) -> Answer {
        let types = kinds::one_sided(&self.sample.traces);
        if types.is_empty() {
            return answer;
        }
        let tell = |one: &OneSided| {
            let (word, count) = if one.there == 0 { ("NEW", one.here) } else { ("GONE", one.there) };
            format!("{word} ×{count} {}: {}", self.service_of(one.kind), self.pattern(one.kind))
        };
        let told: Vec<String> = types.iter().take(TYPES).map(tell).collect();
        let more = if types.len() > TYPES { format!("; and {} more", types.len() - TYPES) } else { String::new() };
        answer.note(format!("requests that only one side has, which are not compared: {}{more}", told.join("; ")))
    }

    /// Whom error lines name, where that is no suspect's evidence.
    fn silent(&self, answer: Answer) -> Answer {
        let shown = || self.verdict.suspects.iter().filter(|suspect| suspect.score > 0.0).take(self.top);
        match named::most_blamed(&self.verdict.blamed, |name| shown().any(|suspect| suspect.service == name)) {
            Some((name, Blame { here, there, .. })) => {
                answer.note(format!("error lines name {name}, which shows no change of its own, in {here} traces, {there} of the baseline"))
            }
            None => answer,
        }
    }

    fn suspects(&self) -> Table {
        let mut table = Table::new(["rank", "service", "score", "class", "evidence", "baseline", "window", "trace_id"]);
        let suspects: Vec<&Suspect> = self.verdict.suspects.iter().filter(|suspect| suspect.score > 0.0).collect();
        for (at, suspect) in suspects.iter().take(self.top).enumerate() {
            let mut line = self.line(suspect);
            if let Some(Blame { here, there, .. }) = self.verdict.blamed.get(&suspect.service) {
                line.evidence.push_str(&format!("; others' errors name it in {here} traces, {there} before"));
            }
            table.push(vec![
                Cell::from(at + 1),
                Cell::from(&suspect.service),
                Cell::from(round(suspect.score)),
                Cell::from(line.class),
                Cell::from(line.evidence),
                Cell::from(line.baseline),
                Cell::from(line.window),
                Cell::from(line.trace_id),
            ]);
        }
        table.truncated(suspects.len().saturating_sub(self.top) as u64, "top")
    }

    /// Patterns that changed more than any does in quiet windows.
    fn patterns(&self) -> Table {
        let is_telling = |shift: &&PatternShift| shift.score > self.verdict.strength.quiet_pattern;
        let moved: Vec<&PatternShift> = self.verdict.patterns.iter().filter(is_telling).collect();
        let mut table = Table::new(["change", "service", "pattern", "score", "baseline", "window"]);
        for shift in moved.iter().take(self.top.div_ceil(2)) {
            table.push(vec![
                Cell::from(shift.change.word()),
                Cell::from(self.service_of(shift.pattern)),
                Cell::from(self.pattern(shift.pattern)),
                Cell::from(round(shift.score)),
                Cell::from(share(shift.there)),
                Cell::from(share(shift.here)),
            ]);
        }
        table.truncated(moved.len().saturating_sub(self.top.div_ceil(2)) as u64, "top")
    }

    /// Calls, own times and gaps that grew more than any does in quiet windows.
    fn edges(&self) -> Table {
        let mut moved: Vec<&Shift> = self.verdict.shifts.iter().filter(|shift| shift.score > self.verdict.strength.quiet_latency).collect();
        moved.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.item.cmp(&b.item)));
        let mut table = Table::new(["edge", "score", "baseline", "window"]);
        for shift in moved.iter().take(self.top.div_ceil(2)) {
            table.push(vec![
                Cell::from(self.item(&shift.item)),
                Cell::from(round(shift.score)),
                Cell::from(time(shift.there_ms)),
                Cell::from(time(shift.here_ms)),
            ]);
        }
        table.truncated(moved.len().saturating_sub(self.top.div_ceil(2)) as u64, "top")
    }

    fn line(&self, suspect: &Suspect) -> Line {
        match &suspect.evidence {
            Evidence::Pattern(shift) => Line {
                class: "pattern",
                evidence: format!("{} {}", shift.change.word(), self.pattern(shift.pattern)),
                baseline: share(shift.there),
                window: share(shift.here),
                trace_id: self.example(shift),
            },
            Evidence::Latency(slow) => self.slow(slow, &suspect.service),
        }
    }

    fn slow(&self, slow: &Slow, service: &str) -> Line {
        let class = match slow.kind {
            Kind::Own => "self_time",
            Kind::Into | Kind::Hub => "call_edge",
            Kind::Gaps => "log_gap",
        };
        let Some(shift) = self.verdict.shifts.get(slow.shift) else {
            return Line { class, evidence: String::new(), baseline: String::new(), window: String::new(), trace_id: None };
        };
        let others = match slow.kind {
            Kind::Hub | Kind::Gaps if slow.items > 1 => format!(", the most of {}", slow.items),
            Kind::Own | Kind::Into | Kind::Hub | Kind::Gaps => String::new(),
        };
        Line {
            class,
            evidence: match &shift.item {
                Item::Own { name, .. } => name.clone(),
                Item::Edge { .. } => format!("{}{others}", self.item(&shift.item)),
                // Whose gap it is stands beside it.
                Item::Gap { .. } => {
                    let item = self.item(&shift.item);
                    let own = item.strip_prefix(service).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(&item);
                    format!("{own}{others}")
                }
            },
            baseline: time(shift.there_ms),
            window: time(shift.here_ms),
            trace_id: self.sample.trace_id(shift.trace).map(str::to_owned),
        }
    }

    /// A request of the incident that has what rose, or lacks what vanished: the latest of its type.
    fn example(&self, shift: &PatternShift) -> Option<String> {
        let rose = matches!(shift.change, Change::New | Change::Up);
        let shows = |trace: &&super::sample::Trace| {
            trace.window == INCIDENT && trace.kind == shift.kind && trace.patterns().any(|pattern| pattern == shift.pattern) == rose
        };
        let start = |trace: &&super::sample::Trace| trace.lines.first().map(|(time, _)| *time);
        self.sample.traces.iter().filter(shows).max_by_key(start).map(|trace| trace.id.clone())
    }

    fn service_of(&self, pattern: PatternId) -> &str {
        self.sample.patterns.get(pattern).map_or("?", |pattern| self.sample.service(pattern.service))
    }

    /// How a pattern reads, with the place that wrote it where that is known.
    fn pattern(&self, pattern: PatternId) -> String {
        let Some(pattern) = self.sample.patterns.get(pattern) else { return "?".to_owned() };
        match (pattern.text.is_empty(), pattern.key == pattern.text) {
            (true, _) => pattern.key.clone(),
            (false, true) => shorten(&pattern.text, SHOWN),
            (false, false) => format!("{} ({})", shorten(&pattern.text, SHOWN_BESIDE), pattern.key),
        }
    }

    fn item(&self, item: &Item) -> String {
        match item {
            Item::Own { service, name } => format!("{service}: {name}"),
            Item::Edge { caller, callee } => format!("{caller} → {callee}"),
            Item::Gap { from, to } => {
                let (before, after) = (self.service_of(*from), self.service_of(*to));
                let after = if before == after { String::new() } else { format!("{after}: ") };
                format!("{before}: {} → {after}{}", self.place(*from), self.place(*to))
            }
        }
    }

    /// A pattern in short: the place that wrote it where that is known.
    fn place(&self, pattern: PatternId) -> String {
        let Some(pattern) = self.sample.patterns.get(pattern) else { return "?".to_owned() };
        if pattern.key == pattern.text { shorten(&pattern.text, SHOWN_BESIDE) } else { pattern.key.clone() }
    }

    fn hint(&self) -> Option<Hint> {
        let first = self.verdict.suspects.first().filter(|_| self.traced)?;
        let trace_id = self.line(first).trace_id?;
        Some(
            Hint::new("search_by_trace_id", format!("a request that shows what changed in {}", first.service))
                .with("trace_id", trace_id)
                .with("max_tokens", NEXT_TOKENS),
        )
    }
}

fn shorten(text: &str, shown: usize) -> String {
    match text.char_indices().nth(shown) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
        None => text.to_owned(),
    }
}

/// Traces with the pattern among all traces of the types compared.
fn share((with, all): (f64, f64)) -> String {
    format!("{with} of {all}")
}

/// Milliseconds, with the more digits the shorter.
fn time(ms: f64) -> String {
    match ms {
        ms if ms >= 100.0 => format!("{ms:.0} ms"),
        ms if ms >= 1.0 => format!("{ms:.1} ms"),
        ms => format!("{ms:.3} ms"),
    }
}

fn round(score: f64) -> f64 {
    (score * 10.0).round() / 10.0
}

/// Fine enough that a strength just below a bound does not read as the bound.
fn hundredths(strength: f64) -> f64 {
    (strength * 100.0).round() / 100.0
}
