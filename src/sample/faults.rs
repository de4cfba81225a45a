//! What goes wrong with requests, as data: whom it strikes, when, how often, and what it does. Knows no scenario.

use super::fleet::{Fleet, Pod, Service};
use super::line::{Level, Line};
use super::random::Random;

/// A fault of one service.
pub(super) struct Fault {
    pub(super) target: Target,
    pub(super) course: Course,
    pub(super) effect: Effect,
}

/// Whom a fault strikes.
pub(super) struct Target {
    pub(super) service: Service,
    /// Requests to these paths; to all where there is none.
    pub(super) paths: &'static [&'static str],
    /// Pods on this machine; all where there is none.
    pub(super) node: Option<&'static str>,
}

/// From when to when, growing until it is full.
#[derive(Clone, Copy)]
pub(super) struct Course {
    pub(super) from: i64,
    pub(super) full: i64,
    pub(super) until: i64,
    /// The share of requests that are struck: all the time for what only slows down, once it is full for the others.
    pub(super) percent: i64,
}

pub(super) enum Effect {
    /// Takes longer by so many microseconds, once the course is full. Some of the slow requests say why.
    Slow { by: (i64, i64), says: Option<Said> },
    /// Fails after so many microseconds, and says so.
    Fail { status: u16, after: (i64, i64), says: Said },
    /// Is never reached: whoever calls sees an obstacle after so many microseconds.
    Unreachable { obstacle: Obstacle, after: (i64, i64) },
}

/// A line that the struck service writes.
#[derive(Clone, Copy)]
pub(super) struct Said {
    pub(super) level: Level,
    pub(super) logger: &'static str,
    pub(super) message: fn(&mut Random) -> String,
    /// Type and stack trace, where an exception is told.
    pub(super) error: Option<(&'static str, &'static str)>,
    pub(super) percent: i64,
}

/// Why a call got no good answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// The name of the service is not known to the resolver.
    NoSuchHost,
    /// Its certificate ended at this time.
    Expired(i64),
    /// Nothing listens.
    Refused,
    /// It died while it answered.
    Reset,
    /// It took longer than the caller waits.
    TimedOut,
    /// It answered with this status.
    Answered(u16),
}

impl Course {
    /// How far it has come, from 0 to 1000; nothing while it does not run.
    fn progress(self, time: i64) -> Option<i64> {
        let length = (self.full - self.from).max(1);
        (self.from..self.until).contains(&time).then(|| ((time - self.from).min(length) * 1000) / length)
    }
}

impl Fault {
    /// How far the fault has come when it strikes a request to a pod; nothing when it does not.
    pub(super) fn strikes(&self, time: i64, path: &str, pod: Option<&Pod>, random: &mut Random) -> Option<i64> {
        let Target { paths, node, .. } = self.target;
        let progress = self.course.progress(time)?;
        let is_meant = (paths.is_empty() || paths.contains(&path)) && node.is_none_or(|node| pod.is_some_and(|pod| pod.node == node));
        let chance = match self.effect {
            Effect::Slow { .. } => self.course.percent * 10,
            Effect::Fail { .. } | Effect::Unreachable { .. } => self.course.percent * progress / 100,
        };
        (is_meant && random.between(0, 1000) < chance).then_some(progress)
    }
}

/// Lines of all pods on a machine that are lost on their way.
pub(super) struct Silence {
    pub(super) node: &'static str,
    pub(super) course: Course,
}

/// Takes out the lines that are lost.
pub(super) fn silence(silences: &[Silence], fleet: &Fleet, lines: &mut Vec<Line>) {
    let mut random = Random::stream("silence");
    for silence in silences {
        let muted: Vec<usize> = fleet.pods().filter(|(_, pod)| pod.node == silence.node).map(|(number, _)| number).collect();
        lines.retain(|line| {
            let Some(progress) = silence.course.progress(line.time).filter(|_| muted.contains(&line.pod)) else { return true };
            random.between(0, 1000) >= silence.course.percent * progress / 100
        });
    }
}
