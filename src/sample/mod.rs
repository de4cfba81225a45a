//! Sample incidents: up to thirty thousand documents each, made the same on every machine, that `demo` and the tests search. They know no
//! tool, and no tool knows them.
//!
//! Each scenario is one `plan::Plan`: what is rolled out, what is asked of the services, which faults strike when. All of them run on the
//! same cluster, with what a cluster has on any day: time-outs, retries, refused sign-ins, a job that always fails, a withdrawn endpoint that
//! a client still calls, and a deployment that does no harm.

mod calls;
mod chatter;
mod clock;
mod cloudtrail;
mod faults;
mod fleet;
mod kubernetes;
mod line;
mod plan;
mod random;
mod scenarios;
mod traffic;

pub use plan::{Alert, Truth};
pub use scenarios::Scenario;

use line::Line;

/// An index of a sample and the mapping that its shipper's template would give it, as the body of its creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Index {
    /// As the shipper names it.
    pub name: &'static str,
    /// `{"mappings": …}`, of field types that every engine knows.
    pub body: &'static str,
}

/// What the services of a Kubernetes cluster wrote, as Filebeat ships it.
pub const LOGS: Index = Index { name: "logs-2026.03.25", body: include_str!("logs.json") };

/// What was done through the interfaces of the cloud, as Filebeat's `aws` module ships it.
pub const CLOUDTRAIL: Index = Index { name: "cloudtrail-2026.03.25", body: include_str!("cloudtrail.json") };

/// What Kubernetes tells of its objects, as an exporter of events ships it.
pub const KUBERNETES_EVENTS: Index = Index { name: "kubernetes-events-2026.03.25", body: include_str!("kubernetes.json") };

/// A document that is not written yet.
enum Draft {
    Line(Line),
    Kubernetes(kubernetes::Event),
    Cloud(cloudtrail::Event),
}

impl Draft {
    /// Documents come in the order of time; of one moment, lines come first.
    const fn order(&self) -> (i64, u8) {
        match self {
            Self::Line(line) => (line.time, 0),
            Self::Kubernetes(event) => (event.time, 1),
            Self::Cloud(event) => (event.time, 2),
        }
    }
}

impl Scenario {
    /// The indices that its documents are in.
    #[must_use]
    pub fn indices(self) -> Vec<Index> {
        let mut indices = vec![LOGS, CLOUDTRAIL];
        if self.plan().has_kubernetes_events {
            indices.push(KUBERNETES_EVENTS);
        }
        indices
    }

    /// Every document in the order of time, each with the name of its index. A document is made when it is asked for.
    pub fn documents(self) -> impl Iterator<Item = (&'static str, String)> {
        let plan = self.plan();
        let fleet = fleet::Fleet::new(plan);
        let mut lines = Vec::with_capacity(32 * 1024);
        traffic::all(plan, &fleet, &mut lines);
        chatter::all(&fleet, &mut lines);
        (plan.says)(&fleet, &mut lines);
        lines.retain(|line| fleet.pod(line.pod).is_some_and(|pod| !pod.is_down(line.time)));
        faults::silence(plan.silences, &fleet, &mut lines);

        let mut drafts: Vec<Draft> = lines.into_iter().map(Draft::Line).collect();
        if plan.has_kubernetes_events {
            drafts.extend(kubernetes::all(plan, &fleet).into_iter().map(Draft::Kubernetes));
        }
        drafts.extend(cloudtrail::all(plan, &fleet).into_iter().map(Draft::Cloud));
        // Stable: what is of one moment stays in the order it was made.
        drafts.sort_by_key(Draft::order);

        let places: Vec<String> = fleet.pods().map(|(_, pod)| line::place(pod)).collect();
        drafts.into_iter().map(move |draft| match draft {
            Draft::Line(line) => (LOGS.name, line.document(places.get(line.pod).map_or("{}", String::as_str))),
            Draft::Kubernetes(event) => (KUBERNETES_EVENTS.name, event.document()),
            Draft::Cloud(event) => (CLOUDTRAIL.name, event.document()),
        })
    }

    /// What is known when the investigation starts.
    #[must_use]
    pub fn alert(self) -> Alert {
        self.plan().alert
    }

    /// What was planted; nothing where nothing is wrong. For tests: no document says it.
    #[must_use]
    pub fn truth(self) -> Option<Truth> {
        self.plan().truth
    }

    /// When the sample ends, RFC 3339: right after its last document.
    #[must_use]
    pub fn end_time(self) -> String {
        clock::rfc3339(clock::END)
    }
}

#[cfg(test)]
mod tests;
