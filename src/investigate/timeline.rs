//! What happened, in order of time: changes, failures, the clue, the alert. Ranks nothing.

use super::{
    answers::Purpose,
    changes::{Change, Of},
    clue::tidy,
    conclude::Case,
    findings::{Event, EventKind, Link, Verdict},
    reading::rows,
    signs::Kind,
};

/// More events than this are not shown: what lies nearest to the onset stays.
const EVENTS: usize = 24;

/// The events of a case. Those that the chain goes through stay whatever their number.
pub(super) fn timeline(case: &Case<'_>, chain: &[Link]) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    let is_in_chain = |time: jiff::Timestamp, text: &str| {
        chain.iter().any(|link| link.time == Some(time) && (link.text.contains(text) || text.contains(link.text.as_str())))
    };
    let told = case.verdict != Verdict::NothingSignificant;
    let first = case.first().filter(|_| told).map(|first| first.service.as_str());
    // A host answers for the errors of its services, which are told of these.
    let own = || case.ranked.iter().filter(|ranked| told && ranked.strongest(Kind::Host).is_none()).flat_map(|ranked| &ranked.signs);
    // Of what Kubernetes tells only what concerns the first suspect, or everyone, and is not written in a line as well.
    let is_told = |change: &&Change| {
        let concerns = first.is_some_and(|first| change.services.is_empty() || change.touches(first));
        let is_line = || own().any(|sign| sign.time == Some(change.time) && change.touches(&sign.service));
        change.of != Of::Cluster || (concerns && !is_line())
    };
    for change in case.changes.iter().filter(is_told) {
        events.push(Event {
            time: change.time,
            until: change.until,
            kind: EventKind::Change,
            text: change.text.clone(),
            service: change.services.first().cloned(),
            in_chain: is_in_chain(change.time, &change.text),
        });
    }
    for sign in own() {
        let (Some(time), false) = (sign.time, sign.kind == Kind::Blamed) else { continue };
        let kind = if sign.kind == Kind::Request { EventKind::Clue } else { EventKind::Failure };
        let in_chain = is_in_chain(time, &sign.evidence.text);
        let text = match sign.kind {
            Kind::Errors => format!("{}: {}", tidy(&sign.service), sign.evidence.text),
            _ => sign.evidence.text.clone(),
        };
        events.push(Event { time, until: None, kind, text, service: Some(sign.service.clone()), in_chain });
    }
    if let Some((_, located)) = case.answers.of(Purpose::Locate) {
        for row in rows(located).take(1) {
            let Some(time) = row.time("first_seen") else { continue };
            let service = row.text("services");
            let text =
                format!("the id of the clue is seen first{}", service.as_ref().map(|name| format!(" in {name}")).unwrap_or_default());
            events.push(Event {
                time,
                until: row.time("last_seen").filter(|last| *last > time),
                kind: EventKind::Clue,
                text,
                service,
                in_chain: told,
            });
        }
    }
    if let Some(time) = case.clue.time {
        let text = case.clue.title.as_ref().map_or_else(|| "noticed".to_owned(), |title| format!("alert: {}", tidy(title)));
        events.push(Event { time, until: None, kind: EventKind::Alert, text, service: case.clue.service.clone(), in_chain: false });
    }
    let onset = case.answers.began();
    if events.len() > EVENTS {
        events.sort_by_key(|event| {
            let is_change = event.kind == EventKind::Change;
            (!event.in_chain && is_change, event.time.duration_since(onset).abs())
        });
        events.truncate(EVENTS);
    }
    events.sort_by(|a, b| a.time.cmp(&b.time).then_with(|| a.text.cmp(&b.text)));
    events.dedup_by(|a, b| a.time == b.time && a.text == b.text);
    events
}
