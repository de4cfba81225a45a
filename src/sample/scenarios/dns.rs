//! Somebody renames the Kubernetes service of the auth service, and its old name is not found any more. Whoever asks for a token or a
//! session fails as soon as the resolver's cache has forgotten the name, each in the words of its own runtime. The pods of the auth service
//! are well, and idle.

use super::{HARMLESS, HARMLESS_AND_LATE, USUAL};
use crate::sample::chatter;
use crate::sample::clock::{END, SECOND, at};
use crate::sample::faults::{Course, Effect, Fault, Obstacle, Target};
use crate::sample::fleet::Service;
use crate::sample::plan::{Alert, Plan, Truth};

/// The name is gone.
const RENAMED: i64 = at(14, 19, 22);

pub(super) const PLAN: Plan = Plan {
    rollouts: &[HARMLESS, HARMLESS_AND_LATE],
    restarts: &[],
    flows: USUAL,
    faults: &[Fault {
        target: Target { service: Service::Auth, paths: &[], node: None },
        // Caches keep an answer for thirty seconds.
        course: Course { from: RENAMED, full: RENAMED + 30 * SECOND, until: END, percent: 97 },
        effect: Effect::Unreachable { obstacle: Obstacle::NoSuchHost, after: (3_000, 24_000) },
    }],
    silences: &[],
    says: chatter::failing_job,
    has_kubernetes_events: true,
    alert: Alert { time: at(14, 31, 0), message: None, text: "the storefront answers 5xx" },
    truth: Some(Truth {
        onset: RENAMED,
        service: Some("auth-service"),
        host: None,
        evidence: &["auth-service.shop.svc.cluster.local", "auth-service"],
        innocent: &["catalog-service", "report-service"],
    }),
};
