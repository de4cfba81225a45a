//! What runs in the sample cluster: services, their pods, and from when to when each pod lived. Knows nothing of requests.

use super::clock::{BEGIN, END, SECOND, at};
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

/// One rollout of a new image: pods of the old version end one after the other while pods of the new one start.
pub(super) struct Rollout {
    pub(super) service: Service,
    pub(super) from: Release,
    pub(super) to: Release,
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

/// The deployment that causes the incident.
pub(super) const FATAL: Rollout = Rollout {
    service: Service::Processor,
    from: Release { version: "v41", template: "6c9d7f5b84" },
    to: Release { version: "v42", template: "7d4f8c6b9d" },
    ends: &[at(14, 39, 11), at(14, 40, 4), at(14, 40, 57)],
    starts: &[at(14, 38, 52), at(14, 39, 47), at(14, 40, 38)],
    flickers: &[(at(14, 38, 9), at(14, 38, 50)), (at(14, 39, 6), at(14, 39, 43))],
};

/// A deployment of another service an hour before, after which nothing changed.
pub(super) const HARMLESS: Rollout = Rollout {
    service: Service::Catalog,
    from: Release { version: "v118", template: "58bb6d7c9f" },
    to: Release { version: "v119", template: "84c7f9d65b" },
    ends: &[at(13, 20, 24), at(13, 21, 9)],
    starts: &[at(13, 19, 58), at(13, 20, 43)],
    flickers: &[],
};

#[derive(Debug)]
pub(super) struct Pod {
    pub(super) service: Service,
    pub(super) version: &'static str,
    pub(super) template: &'static str,
    pub(super) name: String,
    pub(super) node: &'static str,
    pub(super) born: i64,
    pub(super) gone: i64,
}

impl Pod {
    pub(super) fn started_in_story(&self) -> bool {
        self.born > BEGIN
    }

    pub(super) fn ended_in_story(&self) -> bool {
        self.gone < END
    }

    /// Requests reach a pod once it is ready, and until it drains.
    fn serves(&self, time: i64) -> bool {
        let lasting = self.gone - self.born > 60 * SECOND;
        let ready = if self.started_in_story() { self.born + 9 * SECOND } else { self.born };
        let draining = if self.ended_in_story() { self.gone - 3 * SECOND } else { self.gone };
        lasting && (ready..draining).contains(&time)
    }
}

const NODES: [&str; 4] = [
    "ip-10-0-11-47.eu-west-1.compute.internal",
    "ip-10-0-12-103.eu-west-1.compute.internal",
    "ip-10-0-13-18.eu-west-1.compute.internal",
    "ip-10-0-13-226.eu-west-1.compute.internal",
];

#[derive(Debug)]
pub(super) struct Fleet {
    pods: Vec<Pod>,
}

impl Fleet {
    pub(super) fn new() -> Self {
        let mut fleet = Self { pods: Vec::new() };
        let mut random = Random::stream("fleet");
        for rollout in [&FATAL, &HARMLESS] {
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
            let (count, version, template) = match service {
                Service::Processor | Service::Catalog => continue,
                Service::Gateway => (3, "v87", "5b9f4d7c66"),
                Service::Order => (3, "v203", "7f8d5c4b9c"),
                Service::Payment => (2, "v64", "66d9c8b75f"),
                Service::Inventory => (2, "v31", "79c5b6f4d8"),
                Service::Notification => (2, "v52", "6b7d9f8c45"),
                Service::Auth => (2, "v19", "54d8f7c9b6"),
                Service::Report => (1, "v12", "8c6b5d9f74"),
                Service::Settlement => (1, "v7", "4d9c7b6f58"),
            };
            for _ in 0..count {
                fleet.add(&mut random, service, Release { version, template }, BEGIN, END);
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
        self.pods.push(Pod { service, version: release.version, template: release.template, name, node, born, gone });
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
    use crate::sample::random::Random;

    #[test]
    fn every_service_can_be_reached_at_any_time() {
        let fleet = Fleet::new();
        let mut random = Random::stream("reach");
        for service in Service::ALL {
            for time in (BEGIN..END).step_by(usize::try_from(SECOND).unwrap()) {
                assert!(fleet.serving(service, time, &mut random).is_some(), "{service:?} at {time}");
            }
        }
    }

    #[test]
    fn pods_have_names_of_their_own() {
        let fleet = Fleet::new();
        let names: std::collections::BTreeSet<&str> = fleet.pods().map(|(_, pod)| pod.name.as_str()).collect();
        assert_eq!(names.len(), fleet.pods().count());
    }
}
