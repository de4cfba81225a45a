//! What runs in the sample cluster: services, their pods, and from when to when each pod lived. Knows nothing of requests.

use super::clock::{BEGIN, END, SECOND};
use super::plan::Plan;
use super::random::Random;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    Gateway,
    Processor,
    Order,
    Payment,
    Inventory,
    Notification,
    Auth,
    Catalog,
    Report,
    Settlement,
}

impl Service {
    pub(super) const ALL: [Self; 10] = [
        Self::Gateway,
        Self::Processor,
        Self::Order,
        Self::Payment,
        Self::Inventory,
        Self::Notification,
        Self::Auth,
        Self::Catalog,
        Self::Report,
        Self::Settlement,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Gateway => "ingest-gateway",
            Self::Processor => "message-processor",
            Self::Order => "order-service",
            Self::Payment => "payment-service",
            Self::Inventory => "inventory-service",
            Self::Notification => "notification-service",
            Self::Auth => "auth-service",
            Self::Catalog => "catalog-service",
            Self::Report => "report-service",
            Self::Settlement => "settlement-worker",
        }
    }
}

/// The machines of the cluster.
pub(super) const NODES: [&str; 4] = [
    "ip-10-0-11-47.eu-west-1.compute.internal",
    "ip-10-0-12-103.eu-west-1.compute.internal",
    "ip-10-0-13-18.eu-west-1.compute.internal",
    "ip-10-0-13-226.eu-west-1.compute.internal",
];

/// One rollout: pods of the old version end one after the other while pods of the new one start.
pub(super) struct Rollout {
    pub(super) service: Service,
    pub(super) from: Release,
    pub(super) to: Release,
    /// When the image was pushed; never where the version stays and pods are only replaced.
    pub(super) pushed: Option<i64>,
    /// When each old pod ends, and each new one starts.
    pub(super) ends: &'static [i64],
    pub(super) starts: &'static [i64],
    /// Pods of the new version that did not stay: from when to when.
    pub(super) flickers: &'static [(i64, i64)],
}

#[derive(Clone, Copy)]
pub(super) struct Release {
    pub(super) version: &'static str,
    /// The hash that Kubernetes gives to a replica set's pod template.
    pub(super) template: &'static str,
}

/// A container that is killed, and started again in its pod.
pub(super) struct Restart {
    pub(super) service: Service,
    /// Which pod of the service, counted from 0.
    pub(super) pod: usize,
    pub(super) down: i64,
    pub(super) up: i64,
}

impl Service {
    /// How many pods run when nothing is rolled out, and what.
    pub(super) const fn usual(self) -> (usize, Release) {
        let (count, version, template) = match self {
            Self::Gateway => (3, "v87", "5b9f4d7c66"),
            Self::Processor => (3, "v41", "6c9d7f5b84"),
            Self::Order => (3, "v203", "7f8d5c4b9c"),
            Self::Payment => (2, "v64", "66d9c8b75f"),
            Self::Inventory => (2, "v31", "79c5b6f4d8"),
            Self::Notification => (2, "v52", "6b7d9f8c45"),
            Self::Auth => (2, "v19", "54d8f7c9b6"),
            Self::Catalog => (2, "v118", "58bb6d7c9f"),
            Self::Report => (1, "v12", "8c6b5d9f74"),
            Self::Settlement => (1, "v7", "4d9c7b6f58"),
        };
        (count, Release { version, template })
    }
}

#[derive(Debug)]
pub(super) struct Pod {
    pub(super) service: Service,
    pub(super) version: &'static str,
    pub(super) template: &'static str,
    pub(super) name: String,
    pub(super) node: &'static str,
    pub(super) born: i64,
    pub(super) gone: i64,
    /// From when to when its container did not run.
    pub(super) downs: Vec<(i64, i64)>,
}

/// How long after its start a service takes requests.
const READY: i64 = 9 * SECOND;

/// How long requests are still sent to a pod whose container has died.
const UNNOTICED: i64 = 5 * SECOND;

impl Pod {
    pub(super) fn started_in_story(&self) -> bool {
        self.born > BEGIN
    }

    pub(super) fn ended_in_story(&self) -> bool {
        self.gone < END
    }

    /// Requests are sent to a pod once it is ready, and until it drains or is known to be down.
    fn serves(&self, time: i64) -> bool {
        let lasting = self.gone - self.born > 60 * SECOND;
        let ready = if self.started_in_story() { self.born + READY } else { self.born };
        let draining = if self.ended_in_story() { self.gone - 3 * SECOND } else { self.gone };
        let known_down = self.downs.iter().any(|(down, up)| (down + UNNOTICED..up + READY).contains(&time));
        lasting && (ready..draining).contains(&time) && !known_down
    }

    /// Whether its container has been killed and does not run yet again.
    pub(super) fn is_down(&self, time: i64) -> bool {
        self.downs.iter().any(|(down, up)| (*down..*up).contains(&time))
    }

    /// Whether its container is killed between two times.
    pub(super) fn dies(&self, from: i64, until: i64) -> bool {
        self.downs.iter().any(|(down, _)| (from..until).contains(down))
    }
}

#[derive(Debug)]
pub(super) struct Fleet {
    pods: Vec<Pod>,
}

impl Fleet {
    pub(super) fn new(plan: &Plan) -> Self {
        let mut fleet = Self { pods: Vec::new() };
        let mut random = Random::stream("fleet");
        for rollout in plan.rollouts {
            for &gone in rollout.ends {
                fleet.add(&mut random, rollout.service, rollout.from, BEGIN, gone);
            }
            for &(born, gone) in rollout.flickers {
                fleet.add(&mut random, rollout.service, rollout.to, born, gone);
            }
            for &born in rollout.starts {
                fleet.add(&mut random, rollout.service, rollout.to, born, END);
            }
        }
        for service in Service::ALL {
            let (count, release) = service.usual();
            // Pods that a rollout ends have been counted already.
            let ending = plan.rollouts.iter().filter(|rollout| rollout.service == service).map(|rollout| rollout.ends.len());
            for _ in ending.sum()..count {
                fleet.add(&mut random, service, release, BEGIN, END);
            }
        }
        for restart in plan.restarts {
            let pod = fleet.pods.iter_mut().filter(|pod| pod.service == restart.service).nth(restart.pod);
            if let Some(pod) = pod {
                pod.downs.push((restart.down, restart.up));
            }
        }
        fleet
    }

    fn add(&mut self, random: &mut Random, service: Service, release: Release, born: i64, gone: i64) {
        // The letters that Kubernetes makes names of: no vowels, no digits that look like letters.
        const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
        let suffix: String = (0..5).filter_map(|_| random.one_of(LETTERS)).map(|&letter| char::from(letter)).collect();
        let node = NODES.get(self.pods.len() % NODES.len()).copied().unwrap_or_default();
        let name = format!("{}-{}-{suffix}", service.name(), release.template);
        self.pods.push(Pod { service, version: release.version, template: release.template, name, node, born, gone, downs: Vec::new() });
    }

    pub(super) fn pod(&self, number: usize) -> Option<&Pod> {
        self.pods.get(number)
    }

    /// Every pod with its number.
    pub(super) fn pods(&self) -> impl Iterator<Item = (usize, &Pod)> {
        self.pods.iter().enumerate()
    }

    pub(super) fn pods_of(&self, service: Service) -> impl Iterator<Item = (usize, &Pod)> {
        self.pods().filter(move |(_, pod)| pod.service == service)
    }

    /// The number of the pod that takes a request at this time; nothing while the service has none.
    pub(super) fn serving(&self, service: Service, time: i64, random: &mut Random) -> Option<usize> {
        let ready: Vec<usize> = self.pods_of(service).filter(|(_, pod)| pod.serves(time)).map(|(number, _)| number).collect();
        random.one_of(&ready).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::super::clock::{BEGIN, END, SECOND};
    use super::{Fleet, Service};
    use crate::sample::{Scenario, random::Random};

    #[test]
    fn every_service_can_be_reached_at_any_time() {
        let fleet = Fleet::new(Scenario::BadDeploy.plan());
        let mut random = Random::stream("reach");
        for service in Service::ALL {
            for time in (BEGIN..END).step_by(usize::try_from(SECOND).unwrap()) {
                assert!(fleet.serving(service, time, &mut random).is_some(), "{service:?} at {time}");
            }
        }
    }

    #[test]
    fn pods_have_names_of_their_own() {
        let fleet = Fleet::new(Scenario::BadDeploy.plan());
        let names: std::collections::BTreeSet<&str> = fleet.pods().map(|(_, pod)| pod.name.as_str()).collect();
        assert_eq!(names.len(), fleet.pods().count());
    }
}
