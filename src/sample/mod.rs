//! The sample incident: about thirty thousand documents, made the same on every machine, that `demo` and the tests search. It knows no tool,
//! and no tool knows it.
//!
//! A message processor gets a new version by a rolling deployment, a minute and a half after its image was pushed. The new version takes over
//! the alerts at a new endpoint, and answers 404 there without an error line: alerts are lost in silence until somebody asks for one of them.
//! Around it there is what a cluster has on any day: time-outs, retries, refused sign-ins, a withdrawn endpoint that a client still calls, and
//! a deployment of another service that did no harm.

mod chatter;
mod clock;
mod cloudtrail;
mod fleet;
mod incident;
mod line;
mod random;
mod traffic;

pub use incident::{alert_time, end_time, message_id};

/// An index of the sample and the mapping that Filebeat's template would give it, as the body of its creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Index {
    pub name: &'static str,
    /// `{"mappings": …}`, of field types that every engine knows.
    pub body: &'static str,
}

/// What the services of a Kubernetes cluster wrote, as Filebeat ships it.
pub const LOGS: Index = Index { name: "logs-2026.03.25", body: include_str!("logs.json") };

/// What was done through the interfaces of the cloud, as Filebeat's `aws` module ships it.
pub const CLOUDTRAIL: Index = Index { name: "cloudtrail-2026.03.25", body: include_str!("cloudtrail.json") };

/// Every document in the order of time, each with the name of its index. A document is made when it is asked for.
pub fn documents() -> impl Iterator<Item = (&'static str, String)> {
    let fleet = fleet::Fleet::new();
    let mut lines = Vec::with_capacity(32 * 1024);
    traffic::Traffic { fleet: &fleet, lines: &mut lines }.all();
    chatter::all(&fleet, &mut lines);
    incident::routes(&fleet, &mut lines);
    lines.sort_by_key(|line| line.time);
    let mut events = cloudtrail::all(&fleet);
    events.sort_by_key(|event| event.time);

    let places: Vec<String> = fleet.pods().map(|(_, pod)| line::place(pod)).collect();
    let mut lines = lines.into_iter().peekable();
    let mut events = events.into_iter().peekable();
    std::iter::from_fn(move || {
        let event_is_next = match (lines.peek(), events.peek()) {
            (Some(line), Some(event)) => event.time < line.time,
            (line, _) => line.is_none(),
        };
        if event_is_next {
            return events.next().map(|event| (CLOUDTRAIL.name, event.document()));
        }
        let line = lines.next()?;
        let place = places.get(line.pod).map_or("{}", String::as_str);
        Some((LOGS.name, line.document(place)))
    })
}

#[cfg(test)]
mod tests;
