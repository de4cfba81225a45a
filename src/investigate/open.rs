//! What is not the cause and why, and what the answers do not tell. Ranks nothing.

use super::{
    answers::{Answers, Purpose},
    changes::{Change, Of},
    clue::tidy,
    conclude::Case,
    findings::{Link, RuledOut, Verdict},
    reading::{Row, rows, section},
    signs::{Kind, Sign, Strength, bracketed, clock},
    statistics::{CERTAIN, rate_excess},
};

/// Things told as ruled out, of each kind, most telling first.
const OF_EACH: usize = 3;

/// What stands out as well, each with the reason why it is not the cause.
pub(super) fn ruled_out(case: &Case<'_>, chain: &[Link]) -> Vec<RuledOut> {
    let mut ruled_out: Vec<RuledOut> = ruled_out_changes(case).into_iter().take(OF_EACH).collect();
    if let Some((call, health)) = case.answers.of(Purpose::Health) {
        let as_before = rows(health).filter(|row| row.text("finding").as_deref() == Some("failing as before"));
        ruled_out.extend(as_before.filter_map(|row| fails_as_before(call, row)).take(OF_EACH));
        let slower = rows(health).filter(|row| row.text("finding").as_deref() == Some("slower"));
        let unheld = slower.filter(|_| case.strength == Strength::None).filter_map(|row| {
            let what = format!("{} is slower at its p95", tidy(&row.text("service")?));
            Some(RuledOut { what, why: "the comparison of whole requests does not bear it out".to_owned(), call })
        });
        ruled_out.extend(unheld.take(OF_EACH));
    }
    if let Some((call, errors)) = case.answers.of(Purpose::Errors) {
        ruled_out.extend(rows(errors).filter_map(|row| errors_as_before(call, row, case.answers)).take(OF_EACH));
    }
    if case.verdict == Verdict::CauseNamed {
        for ranked in case.ranked.iter().skip(1) {
            let is_order_only = |sign: &Sign| sign.kind == Kind::Behaviour && case.strength == Strength::None;
            let Some(sign) = ranked.signs.iter().find(|sign| sign.kind != Kind::Blamed && !is_order_only(sign)) else { continue };
            if chain.iter().any(|link| link.evidence.contains(&sign.evidence)) {
                continue;
            }
            let what = format!("{}: {}", ranked.service, sign.evidence.text);
            let why = match &ranked.suffers_from {
                Some(other) => format!("an effect: its own errors name {other}"),
                None if sign.is_less && sign.weight >= CERTAIN => "an effect: it has less to do".to_owned(),
                None => continue,
            };
            ruled_out.push(RuledOut { what, why, call: sign.evidence.call });
        }
    }
    ruled_out
}

/// Deployments and actions that are not in the chain.
fn ruled_out_changes(case: &Case<'_>) -> Vec<RuledOut> {
    let Some(first) = case.first().filter(|_| case.verdict == Verdict::CauseNamed) else {
        return Vec::new();
    };
    let onset = case.answers.began();
    let culprit = case.culprit();
    let is_culprit = |change: &Change| culprit.is_some_and(|(led, by)| led == change || by == Some(change));
    let told = case.changes.iter().filter(|change| change.of.is_decision() && !is_culprit(change));
    let told = told.filter(|change| change.of == Of::Deployment || !change.services.is_empty());
    let mut ruled_out: Vec<(bool, RuledOut)> = told
        .map(|change| {
            let when = if change.time > onset {
                format!("{} after the onset", Answers::before(onset, change.time))
            } else {
                format!("{} before the onset", Answers::before(change.time, onset))
            };
            let why = if change.time > onset {
                format!("it came {when}")
            } else if change.touches(&first.service) {
                format!("{when}, and another change of {} lies nearer", first.service)
            } else {
                let failing = case.ranked.iter().any(|ranked| ranked.suffers_from.is_none() && change.touches(&ranked.service));
                let also = if failing { "" } else { ", and nothing speaks against it" };
                format!("another service, {when}{also}")
            };
            let at = if change.of == Of::Deployment { String::new() } else { format!(" at {}", clock(change.time)) };
            let what = format!("{}{at}", change.name());
            (change.of == Of::Deployment, RuledOut { what, why, call: change.call })
        })
        .collect();
    ruled_out.sort_by_key(|(is_deployment, _)| !is_deployment);
    ruled_out.into_iter().map(|(_, told)| told).collect()
}

fn fails_as_before(call: usize, row: Row<'_>) -> Option<RuledOut> {
    let rate = |name: &str| row.number(name).unwrap_or(0.0) * 100.0;
    let (name, word) =
        if rate("client_error_rate") > rate("error_rate") { ("client_error_rate", "answered 4xx") } else { ("error_rate", "failed") };
    let statuses = row.texts("status").join(", ");
    let what = format!("{}: {:.1} % {word}{}", tidy(&row.text("service")?), rate(name), bracketed(&statuses));
    let why = format!("as before: {:.1} % in the time before", rate(&format!("baseline_{name}")));
    Some(RuledOut { what, why, call })
}

fn errors_as_before(call: usize, row: Row<'_>, answers: &Answers) -> Option<RuledOut> {
    let (count, minutes) = (row.number("count")?, answers.minutes());
    let before = row.number("baseline_rate_per_min")? * minutes;
    if before < 1.0 || rate_excess(count, minutes, before, minutes) >= CERTAIN {
        return None;
    }
    let service = row.text("service").map(|service| format!(" of {}", tidy(&service))).unwrap_or_default();
    let what = format!("“{}”{service}, {count} times", tidy(&row.text("pattern")?));
    Some(RuledOut { what, why: format!("no more than chance: {before:.0} in the time before"), call })
}

/// What the answers do not tell.
pub(super) fn unknown(case: &Case<'_>) -> Vec<String> {
    let mut unknown = Vec::new();
    for made in &case.answers.made {
        if let Err(error) = &made.result {
            unknown.push(format!("{} could not be read: {}: {}", made.tool, error.code.as_str(), error.message));
        } else if made.result.as_ref().is_ok_and(|answer| answer.get("partial").is_some()) {
            unknown.push(format!("{} answered in part only: its figures are lower bounds", made.tool));
        }
    }
    if case.answers.is_past {
        unknown.push("the data ends before now: its newest document was taken for now".to_owned());
    }
    if case.answers.compared > 1 {
        let number = case.answers.compared;
        unknown.push(format!("when it was: {number} windows were compared, and the one that differs most counts"));
    }
    if let Some((start, end)) = case.answers.looked {
        unknown.push(format!("what fails or is written from {start} to {end} beyond the window: only its changes were read"));
    }
    if case.verdict == Verdict::CauseNamed {
        match case.culprit() {
            None => {
                let hour = clock(case.answers.began());
                unknown.push(format!("what set it off: no deployment or audit event that concerns it is in the hour before {hour}"));
            }
            Some((change, _)) if change.of == Of::Deployment => {
                unknown.push("what the new version does differently: logs tell that it does, not why".to_owned());
            }
            Some(_) => unknown.push("how the change led to it: that they lie so close together is the only evidence".to_owned()),
        }
    }
    if case.answers.onset.is_none() && case.verdict != Verdict::NothingSignificant {
        unknown.push("when it began: no sign has a time of its own".to_owned());
    }
    match case.answers.of(Purpose::Compare) {
        None => unknown.push("whether requests behave differently: they were not compared".to_owned()),
        Some((_, compare)) => {
            let notes = compare.get("notes").and_then(serde_json::Value::as_array).into_iter().flatten();
            let telling = notes.filter_map(serde_json::Value::as_str).filter(|note| !note.starts_with("compared "));
            unknown.extend(telling.map(tidy));
            if case.strength == Strength::None && section(compare, "suspects").next().is_some() && case.verdict == Verdict::CauseNamed {
                unknown.push("whether whole requests behave differently: the comparison is within what quiet windows show".to_owned());
            }
        }
    }
    unknown
}
