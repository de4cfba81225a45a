//! A message processor gets a new version by a rolling deployment, a minute and a half after its image was pushed. The new version takes
//! over the alerts at a new endpoint, and answers 404 there without an error line: alerts are lost in silence until somebody asks for one of
//! them. A deployment of another service an hour before did no harm.

use super::HARMLESS;
use crate::sample::clock::at;
use crate::sample::fleet::{Fleet, Release, Rollout, Service};
use crate::sample::line::{Level, Line};
use crate::sample::plan::{Alert, Plan, Truth};
use crate::sample::traffic::{Flow, Lost, Rerouted};

const LOST: Lost = Lost {
    accepted: at(14, 52, 41) + 318,
    id: 0x7f3c_21d4_9b1e_4c55_a1d2_6e0f_8b7c_3a94,
    trace: 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736,
};

/// From here on the gateway sends alerts to `/alert`.
const ROUTED: i64 = at(14, 41, 10);

const FATAL: Rollout = Rollout {
    service: Service::Processor,
    from: Release { version: "v41", template: "6c9d7f5b84" },
    to: Release { version: "v42", template: "7d4f8c6b9d" },
    pushed: Some(at(14, 36, 12)),
    ends: &[at(14, 39, 11), at(14, 40, 4), at(14, 40, 57)],
    starts: &[at(14, 38, 52), at(14, 39, 47), at(14, 40, 38)],
    flickers: &[(at(14, 38, 9), at(14, 38, 50)), (at(14, 39, 6), at(14, 39, 43))],
};

pub(super) const PLAN: Plan = Plan {
    rollouts: &[FATAL, HARMLESS],
    restarts: &[],
    flows: &[
        Flow::Messages { every: (1_900, 4_700), lost: Some(LOST), rerouted: Some(Rerouted { from: ROUTED, path: "/alert", status: 404 }) },
        Flow::Orders { announced: false },
        Flow::Browsing { campaign: None },
        Flow::Reports,
        Flow::LegacyExports,
    ],
    faults: &[],
    silences: &[],
    says: routes,
    has_kubernetes_events: false,
    alert: Alert { time: at(14, 52, 57), message: Some(LOST.id), text: "a message was never delivered" },
    truth: Some(Truth {
        onset: ROUTED,
        service: Some("message-processor"),
        host: None,
        evidence: &["v42", "/alert"],
        innocent: &["catalog-service"],
    }),
};

/// Each gateway learns of the new route from the new version.
fn routes(fleet: &Fleet, lines: &mut Vec<Line>) {
    for ((number, _), delay) in fleet.pods_of(Service::Gateway).zip([0, 1730, 3410]) {
        let message = "route table refreshed from message-processor v42: event and order go to /process, alert goes to /alert";
        lines.push(Line::new(ROUTED - 4000 + delay, number, Level::Info, "gateway.routes", message));
    }
}
