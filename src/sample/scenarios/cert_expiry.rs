//! The certificate of the notification service ends, to the second. Connections that stand go on until they are closed; every new one is
//! refused by its caller. The notification service itself sees nothing but less to do. A certificate of the card network, which payments
//! warn of all day, has three weeks left.

use super::{HARMLESS, HARMLESS_AND_LATE, USUAL};
use crate::sample::chatter;
use crate::sample::clock::{END, MINUTE, at};
use crate::sample::faults::{Course, Effect, Fault, Obstacle, Target};
use crate::sample::fleet::Service;
use crate::sample::plan::{Alert, Plan, Truth};

/// The end of the certificate.
const EXPIRED: i64 = at(14, 12, 0);

pub(super) const PLAN: Plan = Plan {
    rollouts: &[HARMLESS, HARMLESS_AND_LATE],
    restarts: &[],
    flows: USUAL,
    faults: &[Fault {
        target: Target { service: Service::Notification, paths: &[], node: None },
        course: Course { from: EXPIRED, full: EXPIRED + 2 * MINUTE, until: END, percent: 100 },
        effect: Effect::Unreachable { obstacle: Obstacle::Expired(EXPIRED), after: (2_000, 9_000) },
    }],
    silences: &[],
    says: chatter::failing_job,
    has_kubernetes_events: true,
    alert: Alert { time: at(14, 30, 0), message: None, text: "no alert has been delivered for a quarter of an hour" },
    truth: Some(Truth {
        onset: EXPIRED,
        service: Some("notification-service"),
        host: None,
        evidence: &["certificate has expired"],
        innocent: &["catalog-service", "report-service"],
    }),
};
