//! The causal chain: what was done or broke first, what it led to, how that shows, what the clue is about. Ranks nothing.

use super::{
    answers::{Answers, Purpose},
    changes::{Change, Of},
    clue::tidy,
    conclude::Case,
    findings::{Evidence, Link, LinkRole},
    ranking::Ranked,
    reading::{Row, section},
    signs::{Kind, Sign, clock},
    statistics::CERTAIN,
};

/// Effects on others are told up to this many.
const EFFECTS: usize = 3;

/// The links, the cause first.
pub(super) fn chain(case: &Case<'_>) -> Vec<Link> {
    let Some(first) = case.first() else { return Vec::new() };
    let mut links = Vec::new();
    let culprit = case.culprit();
    match culprit {
        Some((change, Some(action))) => {
            links.push(changed(case, LinkRole::Cause, action, first));
            links.push(changed(case, LinkRole::Mechanism, change, first));
        }
        Some((change, None)) => links.push(changed(case, LinkRole::Cause, change, first)),
        None => {}
    }
    let said = [Kind::Blamed, Kind::Behaviour, Kind::Host].into_iter().filter_map(|kind| strongest_named(first, kind));
    let own = own_errors(first);
    let said: Vec<&Sign> = own.iter().copied().take(1).chain(said.filter(|sign| !sign.is_less)).collect();
    let failing = [Kind::Failing, Kind::Slower].into_iter().filter_map(|kind| strongest_named(first, kind)).next();
    match (culprit, said.first()) {
        // Nobody changed anything that is known: what it says of itself, or others of it, comes first.
        (None, Some(sign)) => links.push(signed(LinkRole::Cause, sign, said.get(1..).unwrap_or_default())),
        (None, None) => {}
        (Some(_), Some(sign)) if failing.is_none() => links.push(signed(LinkRole::Symptom, sign, said.get(1..).unwrap_or_default())),
        (Some(_), Some(sign)) if sign.kind != Kind::Behaviour => links.push(signed(LinkRole::Mechanism, sign, &[])),
        (Some(_), _) => {}
    }
    // What it said next, where it began by itself.
    let is_host = first.strongest(Kind::Host).is_some();
    links.extend(own.get(1).filter(|_| culprit.is_none() && !is_host).map(|sign| signed(LinkRole::Mechanism, sign, &[])));
    if let Some(sign) = failing {
        let also: Vec<&Sign> = said.iter().copied().filter(|sign| sign.kind == Kind::Behaviour).collect();
        let role = if links.is_empty() { LinkRole::Cause } else { LinkRole::Symptom };
        links.push(signed(role, sign, &also));
    }
    links.extend(effects(case, first));
    links
}

/// Its own errors: the first of those that are new, then what came after it; else the strongest.
fn own_errors(first: &Ranked) -> Vec<&Sign> {
    let mut new: Vec<&Sign> = first.signs.iter().filter(|sign| sign.kind == Kind::Errors && sign.time.is_some()).collect();
    new.sort_by_key(|sign| sign.time);
    if new.is_empty() { first.strongest(Kind::Errors).into_iter().collect() } else { new }
}

/// The strongest sign of a kind; one that names what fails before one that counts it.
fn strongest_named(ranked: &Ranked, kind: Kind) -> Option<&Sign> {
    let named = ranked.signs.iter().filter(|sign| sign.kind == kind && !sign.subject.is_empty());
    named.max_by(|a, b| a.weight.total_cmp(&b.weight)).or_else(|| ranked.strongest(kind))
}

fn changed(case: &Case<'_>, role: LinkRole, change: &Change, first: &Ranked) -> Link {
    let onset = case.answers.began();
    let gap =
        if change.time <= onset { format!("{} before the onset", Answers::before(change.time, onset)) } else { "at the onset".to_owned() };
    let at = if change.of == Of::Action { format!(" at {}", clock(change.time)) } else { String::new() };
    let touched = if change.touches(&first.service) { String::new() } else { ", which names no service and may concern all".to_owned() };
    Link {
        role,
        text: format!("{}{at}{touched}", change.text),
        time: Some(change.time),
        service: change.services.first().filter(|_| change.touches(&first.service)).map(|_| first.service.clone()),
        evidence: vec![Evidence { call: change.call, text: gap }],
    }
}

fn signed(role: LinkRole, sign: &Sign, also: &[&Sign]) -> Link {
    let mut evidence = vec![sign.evidence.clone()];
    for sign in also {
        if !evidence.contains(&sign.evidence) {
            evidence.push(sign.evidence.clone());
        }
    }
    Link { role, text: sign.evidence.text.clone(), time: sign.time, service: Some(sign.service.clone()), evidence }
}

/// What follows: the request of the clue, and those who suffer.
fn effects(case: &Case<'_>, first: &Ranked) -> Vec<Link> {
    let request = case.ranked.iter().flat_map(|ranked| &ranked.signs).find(|sign| sign.kind == Kind::Request);
    let mut links: Vec<Link> = request.map(|sign| signed(LinkRole::Effect, sign, &[])).into_iter().collect();
    for ranked in case.ranked.iter().skip(1) {
        let Some(sign) = strongest_named(ranked, Kind::Failing).or_else(|| ranked.signs.iter().find(|sign| sign.kind != Kind::Blamed))
        else {
            continue;
        };
        // Less of something is an effect only where it is more than chance: a suspect list ends in noise.
        let suffers = ranked.suffers_from.is_some() || (sign.is_less && sign.weight >= CERTAIN) || sign.kind == Kind::Failing;
        if links.len() >= EFFECTS || !suffers || ranked.service == first.service {
            continue;
        }
        let mut link = signed(LinkRole::Effect, sign, &[]);
        if !link.text.contains(&ranked.service) {
            link.text = format!("{}: {}", ranked.service, link.text);
        }
        links.push(link);
    }
    if let Some((call, compare)) = case.answers.of(Purpose::Compare).filter(|_| links.is_empty()) {
        let is_less = |row: &Row<'_>| row.text("change").is_some_and(|change| change == "GONE" || change == "DOWN");
        let less = section(compare, "patterns").filter(|row| is_less(row) && row.number("score").is_some_and(|score| score >= CERTAIN));
        let less = less.filter_map(|row| Some((row.text("service")?, row.text("pattern")?, row.text("baseline")?, row.text("window")?)));
        links.extend(less.filter(|(service, ..)| *service != first.service).take(1).map(|(service, pattern, base, now)| {
            let text = format!("{}: less “{}”, {base} → {now}", tidy(&service), tidy(&pattern));
            Link { role: LinkRole::Effect, text: text.clone(), time: None, service: Some(service), evidence: vec![Evidence { call, text }] }
        }));
    }
    links
}
