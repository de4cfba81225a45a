//! What goes wrong in a system: the kinds of fault that the published incidents have, and none at all.

use clap::ValueEnum;

use super::{
    random::Random,
    system::{Step, System},
    traffic::Run,
};

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// An endpoint takes another way through its code.
    Return,
    /// An endpoint fails in the middle.
    Exception,
    /// Everything that a service does itself takes longer.
    Cpu,
    /// Every message to and from a service takes longer.
    Network,
    /// Nothing goes wrong.
    Quiet,
}

impl Kind {
    /// All of them.
    pub(crate) const ALL: [Self; 5] = [Self::Return, Self::Exception, Self::Cpu, Self::Network, Self::Quiet];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Return => "return",
            Self::Exception => "exception",
            Self::Cpu => "cpu",
            Self::Network => "network",
            Self::Quiet => "quiet",
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fault {
    /// The endpoint ends before the step.
    Cut { service: usize, endpoint: usize, step: usize, share: f64 },
    /// The endpoint goes the way that the attribute forbids.
    Flip { service: usize, endpoint: usize, share: f64 },
    /// The endpoint throws before the step.
    Throw { service: usize, endpoint: usize, step: usize, share: f64 },
    /// Own time is multiplied.
    Slow { service: usize, factor: f64 },
    /// Messages are delayed.
    Delay { service: usize, ms: f64 },
}

/// Requests of the incident that must meet the fault for it to be one.
const LEAST_HIT: f64 = 6.0;

impl Fault {
    /// A fault that some requests of the incident meet; none for [`Kind::Quiet`].
    pub(super) fn draw(random: &mut Random, kind: Kind, system: &System, run: &Run) -> Option<Self> {
        if kind == Kind::Quiet {
            return None;
        }
        let mut expected = vec![0.0; system.endpoints.len()];
        for ((entry, _), requests) in system.entries.iter().zip(run.expected_in_incident()) {
            let mut found = Vec::new();
            system.reached(*entry, 1.0, &mut found);
            for (endpoint, probability) in found {
                if let Some(slot) = expected.get_mut(endpoint) {
                    *slot += probability * requests;
                }
            }
        }
        let is_hit = |(at, hits): (usize, &f64)| {
            let endpoint = system.endpoints.get(at)?;
            let least = if kind == Kind::Return { 2 } else { 1 };
            (endpoint.service > 0 && *hits >= LEAST_HIT && endpoint.steps.len() >= least).then_some(at)
        };
        let hit: Vec<usize> = expected.iter().enumerate().filter_map(is_hit).collect();
        let endpoint = *random.one_of(&hit)?;
        let met = system.endpoints.get(endpoint)?;
        let service = met.service;
        let share = if random.happens(0.6) { 1.0 } else { random.between(0.5, 0.9) };
        let has_branch = met.steps.iter().any(|step| matches!(step, Step::Branch { .. }));
        Some(match kind {
            Kind::Return if has_branch && random.happens(0.5) => Self::Flip { service, endpoint, share },
            Kind::Return => Self::Cut { service, endpoint, step: random.count(1, met.steps.len() - 1), share },
            Kind::Exception => Self::Throw { service, endpoint, step: random.count(1, met.steps.len()), share },
            Kind::Cpu => Self::Slow { service, factor: random.between(2.0, 6.0) },
            Kind::Network | Kind::Quiet => Self::Delay { service, ms: random.around(25.0, 0.8) },
        })
    }

    pub(super) fn service(&self) -> usize {
        match self {
            Self::Cut { service, .. }
            | Self::Flip { service, .. }
            | Self::Throw { service, .. }
            | Self::Slow { service, .. }
            | Self::Delay { service, .. } => *service,
        }
    }
}
