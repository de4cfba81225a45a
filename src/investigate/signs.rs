//! What the answers say against each service, as signs on one scale. Names no cause.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;

use super::{
    answers::{Answers, Purpose},
    clue::tidy,
    compared::{compared, is_gap_beside, steady},
    findings::Evidence,
    reading::{Row, rows, section, text_at},
    statistics::{CERTAIN, rate_excess, share_excess},
};

/// What kind of sign it is. Kinds are independent of each other: they are read from different things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Calls of it fail.
    Failing,
    /// It writes errors.
    Errors,
    /// Whole requests do something else in it.
    Behaviour,
    /// The request of the clue ends in it.
    Request,
    /// Others' errors name it.
    Blamed,
    /// It is slower.
    Slower,
    /// Errors of several services are written on it: it is a host.
    Host,
}

impl Kind {
    /// As a confidence names its basis.
    pub(super) fn told(self) -> &'static str {
        match self {
            Self::Failing => "calls of it fail",
            Self::Errors => "its errors",
            Self::Behaviour => "the comparison of whole requests",
            Self::Request => "the request that the clue names",
            Self::Blamed => "the errors of others, which name it",
            Self::Slower => "its response times",
            Self::Host => "errors of several services that are written on it",
        }
    }
}

/// Something that speaks against a service.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sign {
    pub(super) kind: Kind,
    pub(super) service: String,
    /// A path, a pattern: what changes may mention too.
    pub(super) subject: String,
    pub(super) evidence: Evidence,
    /// On the scale of √G².
    pub(super) weight: f64,
    pub(super) time: Option<Timestamp>,
    pub(super) trace_id: Option<String>,
    /// Whether it is less of something: an effect, more often than a cause.
    pub(super) is_less: bool,
    /// Whether it is a warning: nothing failed yet.
    pub(super) is_mild: bool,
    /// Whether failures are counted in lines that say so, not in answers with a status: then its errors are the same lines.
    pub(super) is_of_lines: bool,
    /// The 95th percentile of its response times now and before, of a service that is slower.
    pub(super) p95_ms: Option<(f64, f64)>,
}

impl Sign {
    pub(super) fn new(kind: Kind, service: String, evidence: Evidence, weight: f64) -> Self {
        Self {
            kind,
            service,
            subject: String::new(),
            evidence,
            weight,
            time: None,
            trace_id: None,
            is_less: false,
            is_mild: false,
            is_of_lines: false,
            p95_ms: None,
        }
    }
}

/// How much a comparison of whole requests says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Strength {
    None,
    Weak,
    Significant,
}

impl Strength {
    /// The word that a comparison gives itself.
    pub(super) fn of(compare: &Value) -> Self {
        match text_at(compare, &["strength", "word"]) {
            Some("significant") => Self::Significant,
            Some("weak") => Self::Weak,
            _ => Self::None,
        }
    }

    /// What a sign of the comparison counts: a weak one has the right order more often than not and says little alone, below that it is an
    /// order only.
    pub(super) fn counts(self) -> f64 {
        match self {
            Self::Significant => 1.0,
            Self::Weak => 0.5,
            Self::None => 0.25,
        }
    }
}

/// How sure the comparison of whole requests is.
pub(super) fn strength(answers: &Answers) -> Strength {
    answers.of(Purpose::Compare).map_or(Strength::None, |(_, compare)| Strength::of(compare))
}

/// The services that there are.
pub(super) fn services(answers: &Answers) -> BTreeSet<String> {
    let health = answers.of(Purpose::Health).into_iter().flat_map(|(_, health)| rows(health)).filter_map(|row| row.text("service"));
    let compared = answers.of(Purpose::Compare).into_iter().flat_map(|(_, compare)| section(compare, "suspects"));
    health.chain(compared.filter_map(|row| row.text("service"))).collect()
}

/// Every sign that is more than chance.
pub(super) fn signs(answers: &Answers) -> Vec<Sign> {
    let mut signs = Vec::new();
    if let Some((call, health)) = answers.of(Purpose::Health) {
        signs.extend(section(health, "failing_paths").flat_map(|row| failing_path(call, row, health, answers)));
        signs.extend(rows(health).filter_map(|row| service_health(call, row, answers)));
    }
    if let Some((call, errors)) = answers.of(Purpose::Errors) {
        signs.extend(rows(errors).flat_map(|row| error(call, row, answers)));
        let known = signs.iter().any(|sign| sign.kind == Kind::Errors);
        signs.extend(section(errors, "blamed").filter(|_| known).filter_map(|row| blamed(call, row, answers)));
    }
    let strength = strength(answers);
    let compared = compared(answers);
    signs.retain_mut(|sign| compared.bears_out(sign, strength));
    if let Some((call, compare)) = answers.of(Purpose::Compare) {
        let steady = steady(answers);
        let told = section(compare, "suspects").filter(|row| !is_gap_beside(*row, &steady));
        signs.extend(told.filter_map(|row| behaviour(call, row, strength)));
    }
    if let Some((call, trace)) = answers.of(Purpose::Trace) {
        let request = request(call, trace).map(|mut sign| {
            // Some requests always fail: it counts less where nothing else speaks against the service.
            if !signs.iter().any(|other| other.service == sign.service) {
                sign.weight = sign.weight.min(CERTAIN / 2.0);
            }
            sign
        });
        signs.extend(request);
    }
    signs.sort_by(|a, b| b.weight.total_cmp(&a.weight).then_with(|| a.service.cmp(&b.service)));
    signs
}

fn failing_path(call: usize, row: Row<'_>, health: &Value, answers: &Answers) -> Vec<Sign> {
    let (Some(path), Some(finding), Some(count)) = (row.text("path"), row.text("finding"), row.number("count")) else { return Vec::new() };
    let first_seen = row.time("first_seen");
    let is_old = first_seen.is_some_and(|first| first < answers.start);
    let weight = rate_excess(count, answers.minutes(), 0.0, answers.minutes());
    if weight < CERTAIN {
        return Vec::new();
    }
    let statuses = row.texts("status").join(", ");
    let since = first_seen.map(|time| format!(" since {}", clock(time))).unwrap_or_default();
    let text = format!("{}: {finding}{since}, {count} of {count} calls{}", tidy(&path), bracketed(&statuses));
    row.texts("service")
        .into_iter()
        // A path that was called before and fails wholly counts where its service fails more than before.
        .filter(|service| !is_old || finding_of(health, service).is_some_and(is_bad))
        .map(|service| Sign {
            subject: path.clone(),
            time: first_seen.filter(|_| !is_old),
            trace_id: row.text("trace_id"),
            ..Sign::new(Kind::Failing, service, Evidence { call, text: text.clone() }, weight)
        })
        .collect()
}

fn finding_of(health: &Value, service: &str) -> Option<String> {
    rows(health).find(|row| row.text("service").as_deref() == Some(service))?.text("finding")
}

fn is_bad(finding: String) -> bool {
    matches!(finding.as_str(), "never succeeded" | "all failed" | "worse" | "gone")
}

fn service_health(call: usize, row: Row<'_>, answers: &Answers) -> Option<Sign> {
    let (service, finding) = (row.text("service")?, row.text("finding")?);
    let minutes = answers.minutes();
    let of = |name: &str| row.number(name).unwrap_or(0.0);
    let (count, before) = (of("count"), of("baseline_rate_per_min") * minutes);
    let share = |rate: &str| {
        let (now, then) = (of(rate), of(&format!("baseline_{rate}")));
        (share_excess(now * count, count, then * before, before), now, then)
    };
    let statuses = row.texts("status").join(", ");
    let (kind, weight, text) = match finding.as_str() {
        "worse" | "never succeeded" | "all failed" => {
            let (client, failed) = (share("client_error_rate"), share("error_rate"));
            let (what, (weight, now, then)) = if client.0 > failed.0 { ("answered 4xx", client) } else { ("failed", failed) };
            let text = format!("{} of {count} {what}, {} before{}", percent(now), percent(then), bracketed(&statuses));
            (Kind::Failing, weight.max(if before > 0.0 { 0.0 } else { CERTAIN }), text)
        }
        "gone" => {
            let weight = rate_excess(before, minutes, 0.0, minutes);
            (Kind::Failing, weight, format!("wrote nothing, {before:.0} lines in the time before"))
        }
        "slower" => {
            let (now, then) = (of("p95_ms"), of("baseline_p95_ms"));
            // Told from twice the time on, where it weighs as much as what is certain; each doubling weighs as much again.
            let weight = CERTAIN * (now / then.max(0.001)).log2().max(1.0);
            (Kind::Slower, weight, format!("p95 {} ms, {} ms before", now.round(), then.round()))
        }
        _ => return None,
    };
    let evidence = Evidence { call, text: format!("{}: {text}", tidy(&service)) };
    let sign = Sign {
        is_less: finding == "gone",
        is_of_lines: statuses.is_empty(),
        p95_ms: row.number("p95_ms").zip(row.number("baseline_p95_ms")),
        ..Sign::new(kind, service, evidence, weight)
    };
    (weight >= CERTAIN).then_some(sign)
}

/// Errors that are more than before. One row may stand for several services.
fn error(call: usize, row: Row<'_>, answers: &Answers) -> Vec<Sign> {
    let (Some(pattern), Some(count)) = (row.text("pattern"), row.number("count")) else { return Vec::new() };
    let minutes = answers.minutes();
    let before = row.number("baseline_rate_per_min").unwrap_or(0.0);
    let (now, then) = answers.exposure();
    let weight = rate_excess(count, now, before * minutes, then);
    let is_new = row.text("is_new").as_deref() == Some("true");
    // Retries and the like come in bursts, which are less even than chance: what is not new has to have doubled as well.
    if weight < CERTAIN || (!is_new && count / now < 2.0 * before * minutes / then) {
        return Vec::new();
    }
    let first_seen = row.time("first_seen").filter(|_| is_new);
    let than = if is_new { "none before".to_owned() } else { format!("{:.0} in the time before", before * minutes) };
    let since = first_seen.map(|time| format!(" since {}", clock(time))).unwrap_or_default();
    let level = row.text("level").unwrap_or_default().to_lowercase();
    let is_mild = level.starts_with("warn") || level == "notice" || level == "info";
    let times = if is_mild { format!("{count} times at level {level}") } else { format!("{count} times") };
    let text = format!("“{}” {times}{since}, {than}", tidy(&pattern));
    let one = |service: String| Sign {
        subject: pattern.clone(),
        time: first_seen,
        trace_id: row.text("trace_id"),
        is_mild,
        ..Sign::new(Kind::Errors, service, Evidence { call, text: text.clone() }, weight)
    };
    row.texts("service").into_iter().map(one).collect()
}

fn blamed(call: usize, row: Row<'_>, answers: &Answers) -> Option<Sign> {
    let service = ["service", "blamed", "value"].iter().find_map(|name| row.text(name))?;
    let count = row.number("count")?;
    let before = row.number("baseline_rate_per_min").map_or_else(|| row.number("baseline").unwrap_or(0.0), |rate| rate * answers.minutes());
    let (now, then) = answers.exposure();
    let weight = rate_excess(count, now, before, then);
    let by = ["by", "named_by", "services", "callers"].iter().map(|name| row.texts(name)).find(|by| !by.is_empty()).unwrap_or_default();
    let by = if by.is_empty() { String::new() } else { format!(" of {}", by.join(", ")) };
    let evidence = Evidence { call, text: format!("{} is named in {count:.0} errors{by}", tidy(&service)) };
    (weight >= CERTAIN).then(|| Sign::new(Kind::Blamed, service, evidence, weight))
}

fn behaviour(call: usize, row: Row<'_>, strength: Strength) -> Option<Sign> {
    let (service, score, what) = (row.text("service")?, row.number("score")?, row.text("evidence")?);
    let figures = [row.text("baseline"), row.text("window")];
    let figures = if let [Some(base), Some(now)] = figures { format!(", {base} → {now}") } else { String::new() };
    // The ends of a gap between two lines name services without blaming them; nor does what is an order only.
    let is_pattern = row.text("class").is_some_and(|class| class == "pattern") && strength > Strength::None;
    let unsure = if strength == Strength::None { " (no more than between quiet windows)" } else { "" };
    let evidence = Evidence { call, text: format!("{}{figures}{unsure}", tidy(&what)) };
    Some(Sign {
        is_less: what.starts_with("DOWN ") || what.starts_with("GONE "),
        subject: if is_pattern { what } else { String::new() },
        trace_id: row.text("trace_id"),
        ..Sign::new(Kind::Behaviour, service, evidence, score * strength.counts())
    })
}

/// Where the clue's request ends, or where it failed first.
fn request(call: usize, trace: &Value) -> Option<Sign> {
    let trace_id = text_at(trace, &["trace", "trace_id"]).map(str::to_owned);
    let bad = |row: &Row<'_>| {
        row.number("status").is_some_and(|status| status >= 400.0)
            || row.text("level").is_some_and(|level| matches!(level.as_str(), "error" | "fatal" | "critical" | "emergency" | "alert"))
    };
    let lines = || rows(trace).filter(|row| row.text("service").is_some());
    // The deepest failure: what a caller reports follows from it.
    let worst = lines().filter(bad).max_by_key(|row| row.cell("depth").and_then(Value::as_u64)).or_else(|| lines().last())?;
    let (service, message) = (worst.text("service")?, worst.text("message").unwrap_or_default());
    let (is_bad, time) = (bad(&worst), worst.time("time"));
    let status = worst.number("status").map(|status| format!(" with {status}")).unwrap_or_default();
    let verb = if is_bad { "fails in" } else { "ends in" };
    let evidence = Evidence { call, text: format!("the request {verb} {}{status}: {}", tidy(&service), tidy(&message)) };
    let weight = if is_bad { CERTAIN } else { CERTAIN / 2.0 };
    Some(Sign { subject: message, time, trace_id, ..Sign::new(Kind::Request, service, evidence, weight) })
}

/// The time of day of a moment, to the second.
pub(super) fn clock(time: Timestamp) -> String {
    time.strftime("%H:%M:%SZ").to_string()
}

fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 0.0 && percent < 10.0 { format!("{percent:.1} %") } else { format!("{percent:.0} %") }
}

/// What is added to a sentence in brackets, where there is anything.
pub(super) fn bracketed(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(" ({text})") }
}
