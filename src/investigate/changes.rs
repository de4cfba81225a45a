//! What was changed, and which of it can have been the cause. Knows the form of the change log; asks nothing.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::{
    answers::{Answers, Purpose},
    clue::tidy,
    ranking::concerns,
    reading::rows,
};

/// A change further back than this before the onset is no candidate: what it did would have shown.
const REACH: SignedDuration = SignedDuration::from_hours(1);
/// The onset is read from counts, so that a change may seem to come this much after it.
const SLACK: SignedDuration = SignedDuration::from_secs(60);

/// What kind of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    Deployment,
    /// An action of somebody, from an audit log.
    Action,
    /// A version or image that was replaced.
    Version,
    /// A service or an endpoint that came or went: more often an effect than a cause.
    Appearance,
    /// What Kubernetes did to an object, or saw of it: more often an effect than a cause, too.
    Cluster,
}

impl Of {
    /// Whether something may follow from it.
    const fn leads(self) -> bool {
        matches!(self, Self::Deployment | Self::Action | Self::Version)
    }

    /// Whether somebody decided on it, so that it is told why it is not the cause.
    pub(super) const fn is_decision(self) -> bool {
        matches!(self, Self::Deployment | Self::Action)
    }
}

/// A change.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Change {
    pub(super) call: usize,
    pub(super) of: Of,
    pub(super) time: Timestamp,
    pub(super) until: Option<Timestamp>,
    pub(super) text: String,
    /// The services that it names; empty for something that all share.
    pub(super) services: Vec<String>,
}

impl Change {
    /// What it is, without the figures.
    pub(super) fn name(&self) -> &str {
        match self.of {
            Of::Deployment => self.text.split(": ").next().unwrap_or(&self.text),
            Of::Action | Of::Version | Of::Appearance | Of::Cluster => &self.text,
        }
    }

    pub(super) fn touches(&self, service: &str) -> bool {
        self.services.iter().any(|named| named == service)
    }

    /// Whether it comes early enough before `onset`, and not too early.
    pub(super) fn precedes(&self, onset: Timestamp) -> bool {
        let gap = onset.duration_since(self.time);
        gap >= -SLACK && gap <= REACH
    }
}

/// The changes in order of time, each told once: a version that a deployment brought is part of it, and so are its pods.
pub(super) fn changes(answers: &Answers, services: &BTreeSet<String>) -> Vec<Change> {
    let Some((call, answer)) = answers.of(Purpose::Changes) else { return Vec::new() };
    let mut changes: Vec<Change> = rows(answer)
        .filter_map(|row| {
            let (time, kind, value) = (row.time("time")?, row.text("kind")?, row.text("value")?);
            let (change, evidence) = (row.text("change").unwrap_or_default(), row.text("evidence").unwrap_or_default());
            let of = match kind.as_str() {
                "deployment" => Of::Deployment,
                "cloudtrail" | "kubernetes" | "event" => Of::Action,
                "version" | "image" | "replica_set" => Of::Version,
                "service" | "endpoint" => Of::Appearance,
                "kubernetes_event" => Of::Cluster,
                _ => return None,
            };
            let (value, evidence) = (tidy(&value), tidy(&evidence));
            let text = match of {
                // What started it is an event of its own, and told as one.
                Of::Deployment => format!("rolling deployment of {value} {}", evidence.split("; ").next().unwrap_or_default()),
                Of::Action => format!("{value} {evidence}"),
                // The value of one that was replaced says by what.
                Of::Version if change == "replaced" => format!("{kind} {value} ({evidence})"),
                Of::Version | Of::Appearance => format!("{kind} {value} {change} ({evidence})"),
                Of::Cluster => format!("Kubernetes {value} of {evidence}"),
            };
            let named = row.text("service").into_iter().chain(services.iter().filter(|service| concerns(&text, service)).cloned());
            let named: BTreeSet<String> = named.collect();
            let until = (of == Of::Deployment).then(|| until(time, &evidence)).flatten();
            Some(Change { call, of, time, until, text, services: named.into_iter().collect() })
        })
        .collect();
    let rollouts: Vec<(Timestamp, Timestamp, Vec<String>)> = changes
        .iter()
        .filter(|change| change.of == Of::Deployment)
        .map(|change| (change.time, change.until.unwrap_or(change.time), change.services.clone()))
        .collect();
    changes.retain(|change| {
        let is_part = |(start, end, services): &(Timestamp, Timestamp, Vec<String>)| {
            change.time >= *start && change.time <= *end && change.services.iter().any(|service| services.contains(service))
        };
        !matches!(change.of, Of::Version | Of::Cluster) || !rollouts.iter().any(is_part)
    });
    changes.sort_by_key(|change| change.time);
    changes
}

/// The end of a deployment, which its evidence begins with: `14:38:09–14:40:57Z: …`.
fn until(start: Timestamp, evidence: &str) -> Option<Timestamp> {
    let clock = evidence.split_once('–')?.1.get(..8)?;
    let on = |day: Timestamp| format!("{}T{clock}Z", day.strftime("%Y-%m-%d")).parse::<Timestamp>().ok();
    let end = on(start)?;
    if end >= start { Some(end) } else { on(start.checked_add(SignedDuration::from_hours(24)).ok()?) }
}

/// The change that can have led to what began at `onset` in `service`, and the action that started it.
///
/// Of its own deployments and actions the last before the onset; where there is none, the last action that names no service at all
/// and so may concern everyone.
pub(super) fn culprit<'c>(changes: &'c [Change], service: &str, onset: Timestamp) -> Option<(&'c Change, Option<&'c Change>)> {
    let candidates = || changes.iter().filter(|change| change.of.leads() && change.precedes(onset));
    let own = || candidates().filter(|change| change.touches(service));
    let deployment = own().rfind(|change| change.of == Of::Deployment);
    if let Some(deployment) = deployment {
        let by = changes.iter().rfind(|action| {
            let lead = deployment.time.duration_since(action.time);
            action.of == Of::Action && action.touches(service) && lead >= SignedDuration::ZERO && lead <= REACH
        });
        return Some((deployment, by));
    }
    own()
        .next_back()
        .or_else(|| candidates().rfind(|change| change.of == Of::Action && change.services.is_empty()))
        .map(|change| (change, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(clock: &str) -> Timestamp {
        format!("2026-03-25T{clock}Z").parse().unwrap()
    }

    fn change(of: Of, time: &str, services: &[&str]) -> Change {
        let services = services.iter().map(|name| (*name).to_owned()).collect();
        Change { call: 1, of, time: at(time), until: None, text: time.to_owned(), services }
    }

    #[test]
    fn the_end_of_a_deployment_may_be_after_midnight() {
        assert_eq!(until(at("14:38:09"), "14:38:09–14:40:57Z: 3 pods"), Some(at("14:40:57")));
        assert_eq!(until(at("23:59:00"), "23:59:00–00:01:00Z: 3 pods"), "2026-03-26T00:01:00Z".parse().ok());
        assert_eq!(until(at("14:38:09"), "3 pods"), None);
    }

    #[test]
    fn the_last_own_change_before_the_onset_leads_and_the_action_before_it_is_named() {
        let changes = [
            change(Of::Action, "13:17:05", &["b"]),
            change(Of::Deployment, "13:19:58", &["b"]),
            change(Of::Action, "14:36:12", &["a"]),
            change(Of::Deployment, "14:38:09", &["a"]),
            change(Of::Appearance, "14:41:11", &["a"]),
        ];
        let (led, by) = culprit(&changes, "a", at("14:41:11")).unwrap();
        assert_eq!((led.text.as_str(), by.map(|by| by.text.as_str())), ("14:38:09", Some("14:36:12")));
        assert_eq!(culprit(&changes, "c", at("14:41:11")), None);
        assert_eq!(culprit(&changes, "b", at("14:41:11")), None, "too early");
    }

    #[test]
    fn an_action_that_names_no_service_may_concern_everyone() {
        let changes = [change(Of::Action, "14:30:00", &[]), change(Of::Action, "14:31:00", &["b"])];
        assert_eq!(culprit(&changes, "a", at("14:32:00")).map(|(change, _)| change.text.as_str()), Some("14:30:00"));
    }
}
