//! Whether errors of several services have their host in common: a full disk is nobody's bug. Ranks nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    answers::{Answers, Purpose},
    clue::tidy,
    findings::Evidence,
    ranking::names,
    reading::rows,
    signs::{Kind, Sign, services, signs},
    statistics::{CERTAIN, rate_excess},
};

/// Fewer services may have something else in common.
const SERVICES: usize = 3;

/// The part of all additional errors that one host has to have.
const MOST: f64 = 0.5;

/// Whether errors rose in several services of which none names another.
pub(super) fn spreads(answers: &Answers) -> bool {
    own_errors(&signs(answers), &services(answers)).len() >= SERVICES
}

/// The strongest error of each service that names no other service; a warning only where there is no error: a request's line says that it
/// failed, the error why.
fn own_errors<'s>(signs: &'s [Sign], services: &BTreeSet<String>) -> BTreeMap<&'s str, &'s Sign> {
    let mut own: BTreeMap<&str, &Sign> = BTreeMap::new();
    for sign in signs.iter().filter(|sign| sign.kind == Kind::Errors) {
        if !services.iter().any(|other| *other != sign.service && names(&sign.subject, other)) {
            let told = own.entry(&sign.service).or_insert(sign);
            if told.is_mild && !sign.is_mild {
                *told = sign;
            }
        }
    }
    own
}

/// The host that has most of the errors that came on top of the usual ones, where there is one: it answers for the errors of its
/// services.
pub(super) fn host_signs(answers: &Answers, signs: &[Sign], services: &BTreeSet<String>) -> Vec<Sign> {
    let own = own_errors(signs, services);
    let Some((call, answer)) = answers.of(Purpose::Hosts).filter(|_| own.len() >= SERVICES) else { return Vec::new() };
    let minutes = answers.minutes();
    let mut hosts: Vec<(String, f64, f64)> = rows(answer)
        .filter_map(|row| Some((row.text("host")?, row.number("count")?, row.number("baseline_rate_per_min").unwrap_or(0.0) * minutes)))
        .collect();
    let additional: f64 = hosts.iter().map(|(_, count, before)| (count - before).max(0.0)).sum();
    hosts.sort_by(|a, b| (b.1 - b.2).total_cmp(&(a.1 - a.2)));
    let Some((host, count, before)) = hosts.first().filter(|_| hosts.len() > 1) else { return Vec::new() };
    let share = (count - before) / additional.max(1.0);
    if share < MOST || rate_excess(*count, minutes, *before, minutes) < CERTAIN {
        return Vec::new();
    }
    let text = format!(
        "{:.0} % of the additional errors are written on {}, one of {} hosts: {count} there, {before:.0} before",
        share * 100.0,
        tidy(host),
        hosts.len()
    );
    let weight = own.values().map(|sign| sign.weight * sign.weight).sum::<f64>().sqrt();
    let first = Sign::new(Kind::Host, host.clone(), Evidence { call, text }, weight);
    let answered_for = own.values().map(|sign| Sign {
        service: host.clone(),
        subject: String::new(),
        evidence: Evidence { text: format!("{}: {}", sign.service, sign.evidence.text), ..sign.evidence.clone() },
        ..(*sign).clone()
    });
    std::iter::once(first).chain(answered_for).collect()
}
