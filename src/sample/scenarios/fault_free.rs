//! A usual day: two deployments that do no harm, a campaign that people follow, a job that always fails. Nothing is wrong.

use super::{HARMLESS, HARMLESS_AND_LATE, USUAL};
use crate::sample::chatter;
use crate::sample::clock::at;
use crate::sample::plan::{Alert, Plan};

pub(super) const PLAN: Plan = Plan {
    rollouts: &[HARMLESS, HARMLESS_AND_LATE],
    restarts: &[],
    flows: USUAL,
    faults: &[],
    silences: &[],
    says: chatter::failing_job,
    has_kubernetes_events: true,
    alert: Alert { time: at(14, 40, 0), message: None, text: "somebody asks whether the shop is well" },
    truth: None,
};
