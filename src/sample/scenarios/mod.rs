//! The scenarios, one file each, and what most of them share.

mod bad_deploy;
mod cert_expiry;
mod db_pool;
mod disk;
mod dns;
mod fault_free;
mod latency;
mod oom;

use clap::ValueEnum;

use super::clock::at;
use super::fleet::{Release, Rollout, Service};
use super::plan::Plan;
use super::traffic::Flow;

/// A sample incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Scenario {
    /// A new version drops messages without an error
    #[default]
    BadDeploy,
    /// A service leaks the connections of its database's pool
    DbPool,
    /// Containers are killed for want of memory, again and again
    Oom,
    /// A service grows slow after its configuration changed
    Latency,
    /// The name of a service is not found any more
    Dns,
    /// The disk of one machine is full
    Disk,
    /// The certificate of a service ends
    CertExpiry,
    /// Nothing is wrong
    FaultFree,
}

impl Scenario {
    pub(super) const fn plan(self) -> &'static Plan {
        match self {
            Self::BadDeploy => &bad_deploy::PLAN,
            Self::DbPool => &db_pool::PLAN,
            Self::Oom => &oom::PLAN,
            Self::Latency => &latency::PLAN,
            Self::Dns => &dns::PLAN,
            Self::Disk => &disk::PLAN,
            Self::CertExpiry => &cert_expiry::PLAN,
            Self::FaultFree => &fault_free::PLAN,
        }
    }
}

/// A deployment after which nothing changed.
const HARMLESS: Rollout = Rollout {
    service: Service::Catalog,
    from: Release { version: "v118", template: "58bb6d7c9f" },
    to: Release { version: "v119", template: "84c7f9d65b" },
    pushed: Some(at(13, 17, 5)),
    ends: &[at(13, 20, 24), at(13, 21, 9)],
    starts: &[at(13, 19, 58), at(13, 20, 43)],
    flickers: &[],
};

/// Another one, minutes before most faults begin.
const HARMLESS_AND_LATE: Rollout = Rollout {
    service: Service::Report,
    from: Release { version: "v12", template: "8c6b5d9f74" },
    to: Release { version: "v13", template: "5f7c9d8b66" },
    pushed: Some(at(13, 51, 40)),
    ends: &[at(13, 56, 2)],
    starts: &[at(13, 55, 31)],
    flickers: &[],
};

/// What is asked of the services on a usual day, with a campaign in the middle of it.
const USUAL: &[Flow] = &[
    Flow::Messages { every: (6_500, 13_000), lost: None, rerouted: None },
    Flow::Orders { announced: true },
    Flow::Browsing { campaign: Some((at(14, 2, 0), at(14, 9, 0))) },
    Flow::Reports,
    Flow::LegacyExports,
    Flow::Storefront,
    Flow::Statements,
];
