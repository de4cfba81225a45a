//! Requests through a system, before a fault and during it, with all that varies by itself.

use super::{
    fault::Fault,
    random::Random,
    system::{Step, System},
};

/// Time in which what varies stays the same.
const STEP_S: f64 = 10.0;

const NS: f64 = 1e9;

/// A log line or a span.
#[derive(Debug, Clone)]
pub(super) enum Document {
    Line { time_ns: i64, service: usize, logger: String, line: u32, message: String, is_error: bool, trace: String, span: String },
    Span { time_ns: i64, service: usize, name: String, duration_ns: i64, trace: String, id: String, parent: Option<String> },
}

/// Calls to a service fail for a while, without anything being wrong with who is blamed for it.
struct Flaky {
    service: usize,
    from_s: f64,
    to_s: f64,
    share: f64,
}

/// Times and what varies: all of an incident that is not the system.
pub(super) struct Run {
    /// Nanoseconds since the epoch.
    pub(super) start_ns: i64,
    pub(super) baseline_s: f64,
    pub(super) incident_s: f64,
    /// Requests a second by entry, before and during.
    rates: Vec<[f64; 2]>,
    /// By step of time: how often each attribute holds, how slow each service is.
    attributes: Vec<Vec<f64>>,
    slowness: Vec<Vec<f64>>,
    flaky: Vec<Flaky>,
    clocks_ns: Vec<i64>,
}

impl Run {
    pub(super) fn draw(random: &mut Random, system: &System, load: f64) -> Self {
        let incident_s = random.between(60.0, 130.0);
        let baseline_s = incident_s * random.between(3.0, 10.0);
        let all: f64 = system.entries.iter().map(|(_, weight)| weight).sum();
        let rate = random.between(0.6, 1.6) * load;
        let rates = system.entries.iter().map(|(_, weight)| {
            let before = rate * weight / all;
            // Now and then one kind of request is asked for far more often, or no more.
            let change = if random.happens(0.1) { random.between(0.0, 4.0) } else { random.around(1.0, 0.25) };
            [before, before * change]
        });
        let rates: Vec<[f64; 2]> = rates.collect();
        let steps = ((baseline_s + incident_s) / STEP_S) as usize + 60;
        let attributes = system.attributes.iter().map(|share| {
            let centre = (share / (1.0 - share)).ln();
            let wobble = random.between(0.0, 0.8);
            walk(random, steps, 0.7, wobble).into_iter().map(|step| 1.0 / (1.0 + (-(centre + step)).exp())).collect()
        });
        let attributes: Vec<Vec<f64>> = attributes.collect();
        let slowness = (0..system.services()).map(|_| {
            let spread = random.between(0.02, 0.15);
            let mut steps = walk(random, steps, 0.8, spread);
            // A pause, as garbage collection makes them, or a noisy neighbour.
            if random.happens(0.15) {
                let at = random.count(0, steps.len() - 1);
                steps.iter_mut().skip(at).take(random.count(1, 3)).for_each(|step| *step += 0.7);
            }
            steps.into_iter().map(f64::exp).collect()
        });
        let slowness = slowness.collect();
        let flaky = (0..random.count(0, 4)).map(|_| {
            let from_s = random.between(0.0, baseline_s + incident_s);
            Flaky {
                service: random.count(1, system.services() - 1),
                from_s,
                to_s: from_s + random.around(30.0, 0.6),
                share: random.between(0.2, 0.9),
            }
        });
        let flaky = flaky.collect();
        let clocks_ns = (0..system.services()).map(|_| (random.normal() * 0.5e6) as i64).collect();
        let start_ns = 1_700_000_000_000_000_000 + random.count(0, 86_400) as i64 * 1_000_000_000;
        Self { start_ns, baseline_s, incident_s, rates, attributes, slowness, flaky, clocks_ns }
    }

    pub(super) fn expected_in_incident(&self) -> impl Iterator<Item = f64> {
        self.rates.iter().map(|[_, during]| during * self.incident_s)
    }

    pub(super) fn at_ns(&self, seconds: f64) -> i64 {
        self.start_ns + (seconds * NS) as i64
    }

    /// All documents, by time.
    pub(super) fn play(&self, random: &mut Random, system: &System, fault: Option<&Fault>) -> Vec<Document> {
        let mut documents = Vec::new();
        for ((entry, _), [before, during]) in system.entries.iter().zip(&self.rates) {
            for (rate, from_s, to_s) in [(*before, 0.0, self.baseline_s), (*during, self.baseline_s, self.baseline_s + self.incident_s)] {
                let mut at_s = from_s + if rate > 0.0 { random.until_next(rate) } else { to_s };
                while at_s < to_s {
                    let step = (at_s / STEP_S) as usize;
                    let holds = self.attributes.iter().map(|steps| random.happens(steps.get(step).copied().unwrap_or(0.5))).collect();
                    let fault = fault.filter(|_| at_s >= self.baseline_s);
                    let trace = random.hex(32);
                    let mut player = Player { run: self, system, random, fault, holds, trace, documents: &mut documents };
                    player.endpoint(*entry, at_s, None);
                    at_s += random.until_next(rate);
                }
            }
        }
        documents.sort_by_key(|document| match document {
            Document::Line { time_ns, .. } | Document::Span { time_ns, .. } => *time_ns,
        });
        documents
    }
}

/// A walk that returns to 0: each step keeps a share of the one before.
fn walk(random: &mut Random, steps: usize, keep: f64, spread: f64) -> Vec<f64> {
    let mut at = random.normal() * spread;
    let mut next = || {
        at = keep * at + (1.0 - keep * keep).sqrt() * spread * random.normal();
        at
    };
    (0..steps).map(|_| next()).collect()
}

/// How an endpoint ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Well,
    Empty,
    Failed,
}

/// A request under way.
struct Player<'p> {
    run: &'p Run,
    system: &'p System,
    random: &'p mut Random,
    fault: Option<&'p Fault>,
    holds: Vec<bool>,
    trace: String,
    documents: &'p mut Vec<Document>,
}

/// Where a request is inside an endpoint.
struct Place {
    endpoint: usize,
    service: usize,
    span: String,
    at_s: f64,
    is_flipped: bool,
}

impl Player<'_> {
    /// Runs an endpoint from a moment on; when it ended and how.
    fn endpoint(&mut self, number: usize, at_s: f64, parent: Option<&str>) -> (f64, End) {
        let system = self.system;
        let Some(endpoint) = system.endpoints.get(number) else { return (at_s, End::Well) };
        let mut place = Place { endpoint: number, service: endpoint.service, span: self.random.hex(16), at_s, is_flipped: false };
        let mut end_at = endpoint.steps.len() + 1;
        let mut outcome = End::Well;
        let is_met = |random: &mut Random, own: &usize, share: &f64| *own == number && random.happens(*share);
        match self.fault {
            Some(Fault::Cut { endpoint: own, step, share, .. }) if is_met(self.random, own, share) => {
                (end_at, outcome) = (*step, End::Empty)
            }
            Some(Fault::Throw { endpoint: own, step, share, .. }) if is_met(self.random, own, share) => {
                (end_at, outcome) = (*step, End::Failed)
            }
            Some(Fault::Flip { endpoint: own, share, .. }) if is_met(self.random, own, share) => place.is_flipped = true,
            _ => {}
        }
        let portion = 1.0 / (endpoint.steps.len() + 1) as f64;
        for step in endpoint.steps.iter().take(end_at) {
            self.work(&mut place, endpoint.own_ms * portion);
            let ended = self.step(&mut place, step);
            match ended {
                End::Failed if !endpoint.catches => outcome = End::Failed,
                End::Failed => self.say(&place, "fallback", 900, "call failed, using fallback".to_owned(), true),
                End::Empty if endpoint.gives_up => {
                    self.say(&place, "empty", 910, format!("[{}] nothing found, giving up", endpoint.name), false);
                    outcome = End::Empty;
                }
                End::Empty | End::Well => continue,
            }
            if outcome != End::Well {
                break;
            }
        }
        self.work(&mut place, endpoint.own_ms * portion);
        if outcome == End::Failed {
            self.say(&place, "dispatcherServlet", 175, "Servlet.service() threw exception [Request processing failed]".to_owned(), true);
        }
        let clock = self.run.clocks_ns.get(endpoint.service).copied().unwrap_or(0);
        self.documents.push(Document::Span {
            time_ns: self.run.at_ns(at_s) + clock,
            service: endpoint.service,
            name: endpoint.name.clone(),
            duration_ns: ((place.at_s - at_s) * NS) as i64,
            trace: self.trace.clone(),
            id: place.span,
            parent: parent.map(str::to_owned),
        });
        (place.at_s, outcome)
    }

    fn step(&mut self, place: &mut Place, step: &Step) -> End {
        match step {
            Step::Line(number) => {
                let source = self.system.sources.get(place.service).and_then(|sources| sources.get(*number));
                if let Some(source) = source {
                    let message = source.message.replace("{}", &self.random.hex(8));
                    self.say(place, &source.logger, source.line, message, false);
                }
                End::Well
            }
            Step::Work(name, ms) => {
                let from_s = place.at_s;
                self.work(place, *ms);
                let clock = self.run.clocks_ns.get(place.service).copied().unwrap_or(0);
                self.documents.push(Document::Span {
                    time_ns: self.run.at_ns(from_s) + clock,
                    service: place.service,
                    name: name.clone(),
                    duration_ns: ((place.at_s - from_s) * NS) as i64,
                    trace: self.trace.clone(),
                    id: self.random.hex(16),
                    parent: Some(place.span.clone()),
                });
                End::Well
            }
            Step::Call(callee) => self.call(place, *callee),
            Step::Branch { attribute, then, otherwise } => {
                let holds = self.holds.get(*attribute).copied().unwrap_or(true) != place.is_flipped;
                for step in if holds { then } else { otherwise } {
                    let ended = self.step(place, step);
                    if ended != End::Well {
                        return ended;
                    }
                }
                End::Well
            }
        }
    }

    fn call(&mut self, place: &mut Place, callee: usize) -> End {
        let Some(called) = self.system.endpoints.get(callee) else { return End::Well };
        let service = called.service;
        let is_gone = self.run.flaky.iter().any(|flaky| flaky.service == service && (flaky.from_s..flaky.to_s).contains(&place.at_s));
        let share = self.run.flaky.iter().find(|flaky| flaky.service == service).map_or(0.0, |flaky| flaky.share);
        if is_gone && self.random.happens(share) {
            place.at_s += self.random.around(1.0, 0.5) / 1e3;
            let message = format!("No instances available for {}", self.system.service(service));
            self.say(place, "loadBalancer", 60, message, true);
            return End::Failed;
        }
        let delay = match self.fault {
            Some(Fault::Delay { service: slow, ms }) if *slow == service || *slow == place.service => *ms,
            _ => 0.0,
        };
        place.at_s += (self.random.around(0.6, 0.4) + delay) / 1e3;
        let span = place.span.clone();
        let (until_s, ended) = self.endpoint(callee, place.at_s, Some(&span));
        place.at_s = until_s + (self.random.around(0.6, 0.4) + delay) / 1e3;
        ended
    }

    /// Time that a service needs itself.
    fn work(&mut self, place: &mut Place, median_ms: f64) {
        let step = (place.at_s / STEP_S) as usize;
        let slowness = self.run.slowness.get(place.service).and_then(|steps| steps.get(step)).copied().unwrap_or(1.0);
        let factor = match self.fault {
            Some(Fault::Slow { service, factor }) if *service == place.service => *factor,
            _ => 1.0,
        };
        place.at_s += self.random.around(median_ms, 0.5) * slowness * factor / 1e3;
    }

    fn say(&mut self, place: &Place, logger: &str, line: u32, message: String, is_error: bool) {
        let known = self.system.endpoints.get(place.endpoint).is_some_and(|endpoint| endpoint.service == 0);
        // A gateway hands on and writes nothing.
        if self.system.is_small || (known && self.system.has_gateway) {
            return;
        }
        let clock = self.run.clocks_ns.get(place.service).copied().unwrap_or(0);
        self.documents.push(Document::Line {
            time_ns: self.run.at_ns(place.at_s) + clock,
            service: place.service,
            logger: logger.to_owned(),
            line,
            message,
            is_error,
            trace: self.trace.clone(),
            span: place.span.clone(),
        });
    }
}
