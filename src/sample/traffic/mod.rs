//! Requests that cross the services, each with its trace. Knows faults as data; knows no scenario.

mod flows;

pub(super) use flows::{Flow, Lost, Rerouted};

use super::calls;
use super::faults::{Effect, Obstacle, Said};
use super::fleet::{Fleet, Service};
use super::line::{Failure, Line, Request, Span};
use super::plan::Plan;
use super::random::Random;

/// How long a service waits for another, in microseconds.
const PATIENCE: i64 = 2_500_000;

/// How long it takes to be refused, in microseconds.
const REFUSED_AFTER: (i64, i64) = (400, 2_600);

/// Everything that is asked of the services, in no order.
pub(super) fn all(plan: &Plan, fleet: &Fleet, lines: &mut Vec<Line>) {
    let mut traffic = Traffic { plan, fleet, lines, chance: Random::stream("faults") };
    for flow in plan.flows {
        traffic.flow(flow);
    }
}

struct Traffic<'a> {
    plan: &'a Plan,
    fleet: &'a Fleet,
    lines: &'a mut Vec<Line>,
    /// What decides on faults, so that requests that none strikes stay as they are without them.
    chance: Random,
}

/// A request to one service, and the answer.
struct Hop {
    service: Service,
    method: &'static str,
    path: &'static str,
    status: u16,
    microseconds: i64,
}

/// What came of a request.
struct Answer {
    /// Who answered; nothing where nobody did.
    pod: Option<usize>,
    span: Span,
    /// As the caller sees it.
    status: u16,
    microseconds: i64,
}

impl Answer {
    const fn failed(&self) -> bool {
        self.status >= 500
    }
}

impl Traffic<'_> {
    fn trace(random: &mut Random) -> Span {
        Span { trace: random.wide(), id: random.next(), parent: None }
    }

    /// A request from one service, which is told by its pod, to another. The caller writes what went wrong.
    fn call(&mut self, random: &mut Random, time: i64, caller: Option<usize>, hop: Hop, from: Span) -> Answer {
        let span = Span { trace: from.trace, id: random.next(), parent: Some(from.id) };
        let pod = self.fleet.serving(hop.service, time, random);
        self.send(time, caller, pod, hop, span)
    }

    /// The answer to a request from outside, written where it has been worked on.
    fn answer(&mut self, random: &mut Random, time: i64, pod: Option<usize>, hop: Hop, span: Span) -> Option<usize> {
        let pod = pod.or_else(|| self.fleet.serving(hop.service, time, random));
        self.send(time, None, pod, hop, span).pod
    }

    fn send(&mut self, time: i64, caller: Option<usize>, pod: Option<usize>, mut hop: Hop, span: Span) -> Answer {
        if let Some((obstacle, microseconds)) = self.obstacle(time, pod, &hop) {
            self.complain(time, caller, &hop, obstacle, microseconds, span);
            return Answer { pod: None, span, status: 502, microseconds };
        }
        let Some(number) = pod else {
            let microseconds = self.chance.between(REFUSED_AFTER.0, REFUSED_AFTER.1);
            self.complain(time, caller, &hop, Obstacle::Refused, microseconds, span);
            return Answer { pod: None, span, status: 502, microseconds };
        };
        self.strike(time, number, &mut hop, span);
        let Hop { service: _, method, path, status, microseconds } = hop;
        let end = time + microseconds / 1000;
        if self.fleet.pod(number).is_some_and(|pod| pod.dies(time, end)) {
            self.complain(time, caller, &hop, Obstacle::Reset, microseconds / 2, span);
            return Answer { pod: None, span, status: 502, microseconds: microseconds / 2 };
        }
        self.lines.push(Line::answered(end, number, Request { method, path, status, microseconds }, Some(span)));
        if caller.is_some() && microseconds > PATIENCE {
            self.complain(time, caller, &hop, Obstacle::TimedOut, PATIENCE, span);
            return Answer { pod, span, status: 504, microseconds: PATIENCE };
        }
        if status >= 500 {
            self.complain(time, caller, &hop, Obstacle::Answered(status), microseconds, span);
        }
        Answer { pod, span, status, microseconds }
    }

    /// What keeps a request from arriving, and how long that takes.
    fn obstacle(&mut self, time: i64, pod: Option<usize>, hop: &Hop) -> Option<(Obstacle, i64)> {
        let target = pod.and_then(|number| self.fleet.pod(number));
        for fault in self.plan.faults.iter().filter(|fault| fault.target.service == hop.service) {
            if let Effect::Unreachable { obstacle, after: (least, most) } = &fault.effect
                && fault.strikes(time, hop.path, target, &mut self.chance).is_some()
            {
                return Some((*obstacle, self.chance.between(*least, *most)));
            }
        }
        target.is_some_and(|pod| pod.is_down(time)).then(|| (Obstacle::Refused, self.chance.between(REFUSED_AFTER.0, REFUSED_AFTER.1)))
    }

    /// Lets the faults of a service change an answer.
    fn strike(&mut self, time: i64, number: usize, hop: &mut Hop, span: Span) {
        let pod = self.fleet.pod(number);
        for fault in self.plan.faults.iter().filter(|fault| fault.target.service == hop.service) {
            let Some(progress) = fault.strikes(time, hop.path, pod, &mut self.chance) else { continue };
            let said = match &fault.effect {
                Effect::Slow { by: (least, most), says } => {
                    hop.microseconds += self.chance.between(*least, *most) * progress / 1000;
                    says.as_ref()
                }
                Effect::Fail { status, after: (least, most), says } => {
                    hop.status = *status;
                    hop.microseconds = self.chance.between(*least, *most);
                    Some(says)
                }
                Effect::Unreachable { .. } => None,
            };
            if let Some(said) = said.filter(|said| self.chance.percent(said.percent)) {
                self.say(time + hop.microseconds / 1000 - 1, number, said, span);
            }
        }
    }

    fn say(&mut self, time: i64, pod: usize, said: &Said, span: Span) {
        let message = (said.message)(&mut self.chance);
        let error = said.error.map(|(kind, stack)| Failure { kind, message: message.clone().into(), stack: stack.into() });
        let line = Line::new(time, pod, said.level, said.logger, message).within(span);
        self.lines.push(Line { error, ..line });
    }

    /// The caller's line on a call that failed.
    fn complain(&mut self, time: i64, caller: Option<usize>, hop: &Hop, obstacle: Obstacle, microseconds: i64, span: Span) {
        let Some((number, pod)) = caller.and_then(|number| Some((number, self.fleet.pod(number)?))) else { return };
        let time = time + microseconds / 1000 + 1;
        let call = calls::Call { service: hop.service, method: hop.method, path: hop.path, microseconds, time };
        let line = calls::complaint(number, pod.service, &call, obstacle, &mut self.chance);
        // It is the caller's own span that fails: that of the callee may never have begun.
        let own = Span { id: span.parent.unwrap_or(span.id), parent: None, ..span };
        self.lines.push(line.within(own));
    }
}
