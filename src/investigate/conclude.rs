//! From answers to findings: a pure function. It names no cause that signs do not agree on.

use std::collections::BTreeSet;

use super::{
    answers::{Answers, Made, Purpose},
    chain,
    changes::{Change, changes, culprit},
    clue::{Clue, tidy},
    findings::{Call, Confidence, Cost, Findings, Link, LinkRole, NextStep, Sure, Verdict, Window},
    hosts::host_signs,
    open,
    ranking::{Ranked, confidence, rank},
    reading::text_at,
    signs::{Kind, Sign, Strength, services, signs, strength},
    statistics::CERTAIN,
    timeline,
};

/// Next calls are told up to this many.
const NEXT_STEPS: usize = 5;

/// Everything that the parts of the findings are made from.
pub(super) struct Case<'a> {
    pub(super) clue: &'a Clue,
    pub(super) answers: &'a Answers,
    pub(super) strength: Strength,
    pub(super) ranked: Vec<Ranked>,
    pub(super) changes: Vec<Change>,
    pub(super) verdict: Verdict,
}

impl Case<'_> {
    /// The service that most speaks against.
    pub(super) fn first(&self) -> Option<&Ranked> {
        self.ranked.first()
    }

    /// The change that can have led to it, and the action that started that.
    pub(super) fn culprit(&self) -> Option<(&Change, Option<&Change>)> {
        culprit(&self.changes, &self.first()?.service, self.answers.began())
    }
}

/// What the answers amount to.
pub(super) fn conclude(clue: &Clue, answers: &Answers) -> Findings {
    let services = services(answers);
    let mut signs = signs(answers);
    signs.extend(host_signs(answers, &signs, &services));
    let strength = strength(answers);
    let changes = changes(answers, &services);
    let ranked = rank(&signs, &services);
    let fails = signs.iter().any(is_failure);
    let mut case = Case { clue, answers, strength, ranked, changes, verdict: Verdict::NothingSignificant };
    let changed = case.first().is_some_and(|first| case.culprit().is_some_and(|(change, _)| change.touches(&first.service)));
    let sure = confidence(&case.ranked, changed, strength);
    case.verdict = verdict(&case, fails, sure.as_ref());
    let named = case.verdict == Verdict::CauseNamed;
    let chain = if named { chain::chain(&case) } else { Vec::new() };
    let suspects = case.ranked.iter().enumerate().map(|(at, ranked)| ranked.suspect(at + 1)).collect();
    Findings {
        headline: headline(&case, &chain),
        verdict: case.verdict,
        confidence: sure.filter(|_| case.verdict != Verdict::NothingSignificant),
        clue: clue.told(),
        window: Window { start: answers.start, end: answers.end, baseline: baseline(&case) },
        onset: answers.onset.clone().filter(|_| case.verdict != Verdict::NothingSignificant),
        timeline: timeline::timeline(&case, &chain),
        ruled_out: open::ruled_out(&case, &chain),
        chain,
        suspects,
        unknown: open::unknown(&case),
        next_steps: next_steps(&case),
        calls: answers.made.iter().enumerate().map(|(at, made)| call(at + 1, made)).collect(),
        cost: Cost { calls: answers.made.len(), tokens: answers.made.iter().map(|made| made.tokens).sum(), elapsed_ms: answers.elapsed_ms },
    }
}

/// Whether a sign tells of something that fails, not only of something that is different. A service with less to do fails nothing.
fn is_failure(sign: &Sign) -> bool {
    matches!(sign.kind, Kind::Failing | Kind::Errors) && !sign.is_mild && (!sign.is_less || sign.weight >= CERTAIN)
}

/// A cause is named where something fails, or is slower in the eyes of two lenses, and two signs agree on who it is.
fn verdict(case: &Case<'_>, fails: bool, sure: Option<&Confidence>) -> Verdict {
    let is_slow = case.strength == Strength::Significant
        && case.ranked.iter().any(|ranked| ranked.strongest(Kind::Slower).is_some())
        && case.first().is_some_and(|first| first.strongest(Kind::Behaviour).is_some());
    let differs = fails || case.strength == Strength::Significant;
    match sure {
        Some(sure) if (fails || is_slow) && sure.word > Sure::Low => Verdict::CauseNamed,
        Some(_) if differs => Verdict::SuspectsOnly,
        _ => Verdict::NothingSignificant,
    }
}

fn headline(case: &Case<'_>, chain: &[Link]) -> String {
    match (case.verdict, case.first()) {
        (Verdict::CauseNamed, Some(first)) => {
            let told = chain.iter().filter(|link| link.role != LinkRole::Effect);
            // Of a deployment its name and when; the figures stand in the chain.
            let links: Vec<&str> = told
                .map(|link| case.changes.iter().find(|change| change.text == link.text).map_or(link.text.as_str(), Change::name))
                .collect();
            about(&first.service, &links.join(" → "))
        }
        (Verdict::SuspectsOnly, Some(first)) => {
            let what = first.signs.first().map(|sign| sign.evidence.text.clone()).unwrap_or_default();
            let how = match case.strength {
                Strength::Significant => "most likely",
                Strength::Weak | Strength::None => "first suspect",
            };
            format!("no cause is certain; {how} {}", about(&first.service, &what))
        }
        _ if case.answers.is_empty() => {
            let newest = case.answers.extent.map(|extent| format!("; the newest is of {}", extent.end.strftime("%Y-%m-%dT%H:%M:%SZ")));
            let (start, end) = (case.answers.start, case.answers.end);
            format!("nothing to look at: no document from {start} to {end}{}", newest.unwrap_or_default())
        }
        (_, Some(first)) if case.strength == Strength::Weak => {
            let what = first.signs.first().map(|sign| sign.evidence.text.clone()).unwrap_or_default();
            format!("nothing significant; weak, as one quiet window in five: first {}", about(&first.service, &what))
        }
        _ => format!(
            "nothing significant: between {} and {} nothing fails, slows down or differs more than it does between quiet windows",
            super::signs::clock(case.answers.start),
            super::signs::clock(case.answers.end)
        ),
    }
}

/// What is told of a service, with its name where that does not begin with it.
fn about(service: &str, what: &str) -> String {
    let begins_with_it = what.strip_prefix(service).is_some_and(|rest| rest.starts_with(':'));
    if begins_with_it { what.to_owned() } else { format!("{service}: {what}") }
}

fn baseline(case: &Case<'_>) -> String {
    let minutes = case.answers.minutes().round();
    let compared = case.answers.of(Purpose::Compare).and_then(|(_, compare)| {
        let notes = compare.get("notes")?.as_array()?;
        notes.iter().filter_map(serde_json::Value::as_str).find(|note| note.contains("baseline")).map(tidy)
    });
    let rates = if case.answers.has_no_past() {
        "rates and errors: nothing, since the data begins here".to_owned()
    } else {
        format!("rates and errors: the {minutes} minutes before")
    };
    match compared {
        Some(compared) => format!("{rates}; requests: {compared}"),
        None => rates,
    }
}

fn call(number: usize, made: &Made) -> Call {
    let (summary, error) = match &made.result {
        Ok(answer) => (text_at(answer, &["summary"]).map(tidy).unwrap_or_default(), None),
        Err(error) => (error.message.clone(), Some(error.code.as_str().to_owned())),
    };
    Call {
        number,
        tool: made.tool.to_owned(),
        arguments: made.arguments.clone(),
        summary,
        error,
        tokens: made.tokens,
        elapsed_ms: made.elapsed_ms,
    }
}

/// The calls that the answers themselves suggest, without those that were made and those about a service that nothing speaks against; those
/// about the first suspect come first.
fn next_steps(case: &Case<'_>) -> Vec<NextStep> {
    let answers = case.answers;
    let mut steps: Vec<NextStep> = Vec::new();
    let answered = answers.made.iter().rev().filter_map(|made| made.result.as_ref().ok());
    for hint in answered.filter_map(|answer| answer.get("hints")?.as_array()).flatten() {
        let (Some(tool), Some(arguments)) = (text_at(hint, &["tool"]), hint.get("arguments").and_then(|value| value.as_object())) else {
            continue;
        };
        let is_made = answers.made.iter().any(|made| made.tool == tool && answers_alike(&made.arguments, arguments));
        let about = text_at(hint, &["arguments", "service"]);
        if about.is_some_and(|service| case.first().is_some() && !case.ranked.iter().any(|ranked| ranked.service == service)) {
            continue;
        }
        let is_told = steps.iter().any(|step| step.tool == tool && step.arguments == *arguments);
        if !is_made && !is_told {
            let why = text_at(hint, &["why"]).map(tidy).unwrap_or_default();
            steps.push(NextStep { tool: tool.to_owned(), arguments: arguments.clone(), why });
        }
    }
    let is_about_first = |step: &NextStep| {
        let Some(first) = case.first() else { return false };
        let shows = first.signs.iter().filter_map(|sign| sign.trace_id.as_deref()).chain([first.service.as_str()]);
        shows.into_iter().any(|shown| step.arguments.values().any(|value| value.as_str() == Some(shown)))
    };
    steps.sort_by_key(|step| !is_about_first(step));
    // Two windows may each give an example of the same thing.
    let mut told = BTreeSet::new();
    steps.retain(|step| told.insert((step.tool.clone(), step.why.clone())));
    steps.truncate(NEXT_STEPS);
    steps
}

/// Whether a made call asked for the same thing: the arguments of a hint but for its times.
fn answers_alike(made: &serde_json::Map<String, serde_json::Value>, hint: &serde_json::Map<String, serde_json::Value>) -> bool {
    let is_time = |name: &str| matches!(name, "start" | "end" | "around" | "window");
    hint.iter().filter(|(name, _)| !is_time(name)).all(|(name, value)| made.get(name) == Some(value))
}
