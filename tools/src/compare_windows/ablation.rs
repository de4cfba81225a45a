//! Lenses switched off, to show what each is worth: for benchmarks of the method alone. No argument of a call reaches this.

use std::sync::atomic::{AtomicU16, Ordering};

/// A part of the method that can be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum Part {
    /// Patterns that rose or vanished.
    Pattern = 1,
    /// All that took longer.
    Latency = 1 << 1,
    /// Comparing requests of one type with each other only.
    Types = 1 << 2,
    /// The gaps of all calls from and to a service together.
    Hub = 1 << 3,
    /// Time that a service spends itself.
    SelfTime = 1 << 4,
    /// The gaps of calls to a service, and those of its own calls.
    Edges = 1 << 5,
    /// Holding patterns against the traces that reached their service.
    Reached = 1 << 6,
    /// Leaving out errors that became fewer.
    Recovery = 1 << 7,
    /// "A calls B" as a pattern of A.
    Calls = 1 << 8,
    /// Measuring what took longer by what it shows in quiet windows.
    Unrest = 1 << 9,
    /// A template that comes more than once in a trace as a pattern of its own.
    Repeated = 1 << 10,
    /// Where there are no lines: after whose answer a caller calls nobody else.
    Last = 1 << 11,
    /// Where there are lines: counting the traces that lack a pattern, too.
    Lacking = 1 << 12,
    /// Who was the first of a trace to answer with a failure, as a pattern.
    Failure = 1 << 13,
}

impl Part {
    /// Each of them.
    pub const ALL: [Self; 14] = [
        Self::Pattern,
        Self::Latency,
        Self::Types,
        Self::Hub,
        Self::SelfTime,
        Self::Edges,
        Self::Reached,
        Self::Recovery,
        Self::Calls,
        Self::Unrest,
        Self::Repeated,
        Self::Last,
        Self::Lacking,
        Self::Failure,
    ];

    /// What it is called on a command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pattern => "pattern",
            Self::Latency => "latency",
            Self::Types => "types",
            Self::Hub => "hub",
            Self::SelfTime => "self",
            Self::Edges => "edges",
            Self::Reached => "reached",
            Self::Recovery => "recovery",
            Self::Calls => "calls",
            Self::Unrest => "unrest",
            Self::Repeated => "repeated",
            Self::Last => "last",
            Self::Lacking => "lacking",
            Self::Failure => "failure",
        }
    }
}

static OFF: AtomicU16 = AtomicU16::new(0);

/// Leaves parts out of every comparison of this process from now on.
pub fn ablate(parts: &[Part]) {
    OFF.store(parts.iter().fold(0, |mask, part| mask | *part as u16), Ordering::Relaxed);
}

/// Whether a part is left out.
pub(super) fn is_off(part: Part) -> bool {
    OFF.load(Ordering::Relaxed) & part as u16 != 0
}
