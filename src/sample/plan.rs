//! What a scenario is made of. Data only: knows neither how traffic flows nor how a document looks.

use super::clock::rfc3339;
use super::faults::{Fault, Silence};
use super::fleet::{Fleet, Restart, Rollout};
use super::line::{Line, uuid};
use super::traffic::Flow;

/// A scenario.
pub(super) struct Plan {
    /// New images, and pods that are replaced.
    pub(super) rollouts: &'static [Rollout],
    /// Containers that are killed and start again in their pod.
    pub(super) restarts: &'static [Restart],
    /// What is asked of the services.
    pub(super) flows: &'static [Flow],
    /// What goes wrong with it.
    pub(super) faults: &'static [Fault],
    /// Lines that nobody gets to read.
    pub(super) silences: &'static [Silence],
    /// What services say in this scenario only.
    pub(super) says: fn(&Fleet, &mut Vec<Line>),
    pub(super) has_kubernetes_events: bool,
    pub(super) alert: Alert,
    pub(super) truth: Option<Truth>,
}

/// What starts an investigation.
#[derive(Debug, Clone, Copy)]
pub struct Alert {
    pub(super) time: i64,
    pub(super) message: Option<u128>,
    /// What it says, in one line.
    pub text: &'static str,
}

impl Alert {
    /// When it fires, RFC 3339.
    #[must_use]
    pub fn time(&self) -> String {
        rfc3339(self.time)
    }

    /// The id of the message that it names, where it names one.
    #[must_use]
    pub fn message_id(&self) -> Option<String> {
        self.message.map(uuid)
    }
}

/// What was planted, for tests to judge an account by.
#[derive(Debug, Clone, Copy)]
pub struct Truth {
    pub(super) onset: i64,
    /// The service at fault; nothing where it is no service.
    pub service: Option<&'static str>,
    /// The machine at fault; nothing where it is no machine.
    pub host: Option<&'static str>,
    /// Words of which an account of the cause has at least one.
    pub evidence: &'static [&'static str],
    /// Services that changed something at about that time and did no harm.
    pub innocent: &'static [&'static str],
}

impl Truth {
    /// When the fault began to strike requests, RFC 3339.
    #[must_use]
    pub fn onset(&self) -> String {
        rfc3339(self.onset)
    }
}
