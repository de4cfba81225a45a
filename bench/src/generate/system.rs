//! A system of services: what each endpoint writes, whom it calls, and on what its way depends.

use super::random::Random;

/// How large a system is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// 20 to 30 services behind a gateway that calls every request by one name.
    Large,
    /// About ten services behind a web front.
    Small,
}

/// What an endpoint does, one after the other.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Writes a line, by its number in the service.
    Line(usize),
    /// Works inside the service under a span of its own.
    Work(String, f64),
    /// Calls another endpoint.
    Call(usize),
    /// Does one thing or the other, as the request's attribute says.
    Branch { attribute: usize, then: Vec<Step>, otherwise: Vec<Step> },
}

#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    pub(super) service: usize,
    pub(super) name: String,
    pub(super) steps: Vec<Step>,
    /// Median of the time that it takes itself.
    pub(super) own_ms: f64,
    /// A failed call does not fail it.
    pub(super) catches: bool,
    /// An empty answer of a callee ends it early.
    pub(super) gives_up: bool,
}

/// A line as it stands in the source.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) logger: String,
    pub(super) line: u32,
    /// `{}` is an id.
    pub(super) message: String,
}

pub(super) struct System {
    services: Vec<String>,
    pub(super) endpoints: Vec<Endpoint>,
    /// Lines of each service.
    pub(super) sources: Vec<Vec<Source>>,
    /// Endpoints that requests come in at, with how often each is asked for.
    pub(super) entries: Vec<(usize, f64)>,
    /// How often each attribute of requests holds.
    pub(super) attributes: Vec<f64>,
    pub(super) is_small: bool,
    /// The first service hands all requests on under one name.
    pub(super) has_gateway: bool,
}

const NOUNS: [&str; 32] = [
    "order", "cart", "user", "price", "seat", "route", "food", "ticket", "account", "invoice", "basket", "stock", "parcel", "coupon",
    "rating", "station", "driver", "voucher", "notice", "profile", "payment", "refund", "catalog", "search", "currency", "address",
    "email", "session", "ledger", "quote", "image", "review",
];
const VERBS: [&str; 12] = ["find", "create", "update", "check", "query", "list", "reserve", "cancel", "get", "load", "verify", "count"];

impl System {
    pub(super) fn draw(random: &mut Random, shape: Shape) -> Self {
        let count = if shape == Shape::Large { random.count(20, 30) } else { random.count(8, 11) };
        let has_gateway = shape == Shape::Large;
        let mut services: Vec<String> = NOUNS.iter().take(count).map(|noun| format!("{noun}-service")).collect();
        if let Some(first) = services.first_mut() {
            *first = if has_gateway { "gateway".to_owned() } else { "frontend".to_owned() };
        }
        let attributes = (0..random.count(6, 12)).map(|_| random.between(0.05, 0.95)).collect();
        let mut system = Self {
            sources: vec![Vec::new(); count],
            services,
            endpoints: Vec::new(),
            entries: Vec::new(),
            attributes,
            is_small: shape == Shape::Small,
            has_gateway,
        };
        system.draw_endpoints(random, count);
        system
    }

    /// Endpoints from the last service to the first, so that each calls what is there already.
    fn draw_endpoints(&mut self, random: &mut Random, count: usize) {
        let first_leaf = count * 6 / 10;
        let kinds = if self.is_small { random.count(4, 6) } else { random.count(6, 10) };
        let fronts = if self.has_gateway { (count / 4).max(2) } else { 1 };
        for service in (1..count).rev() {
            for _ in 0..random.count(1, 3) {
                let callable: Vec<usize> = self.below(service).collect();
                let calls = if service >= first_leaf { random.count(0, 1) } else { random.count(1, 3) };
                self.draw_endpoint(random, service, &callable, calls);
            }
        }
        for _ in 0..kinds {
            let entry = if self.has_gateway {
                let fronts: Vec<usize> =
                    self.below(0).filter(|at| self.endpoints.get(*at).is_some_and(|own| own.service <= fronts)).collect();
                let inside = random.one_of(&fronts).copied().unwrap_or(0);
                self.push(Endpoint {
                    service: 0,
                    name: "/*".to_owned(),
                    steps: vec![Step::Call(inside)],
                    own_ms: 1.0,
                    catches: false,
                    gives_up: false,
                })
            } else {
                let callable: Vec<usize> = self.below(0).collect();
                let calls = random.count(2, 5);
                self.draw_endpoint(random, 0, &callable, calls)
            };
            self.entries.push((entry, random.between(0.3, 2.0)));
        }
    }

    fn below(&self, service: usize) -> impl Iterator<Item = usize> {
        self.endpoints.iter().enumerate().filter(move |(_, endpoint)| endpoint.service > service).map(|(at, _)| at)
    }

    fn push(&mut self, endpoint: Endpoint) -> usize {
        self.endpoints.push(endpoint);
        self.endpoints.len() - 1
    }

    fn draw_endpoint(&mut self, random: &mut Random, service: usize, callable: &[usize], calls: usize) -> usize {
        let verb = random.one_of(&VERBS).copied().unwrap_or("do");
        let noun = self.service(service).trim_end_matches("-service").to_owned();
        let name = format!("{verb}{}{}", noun[..1].to_uppercase(), &noun[1..]);
        let controller = format!("{noun}.Controller");
        let logic = format!("{noun}.ServiceImpl");
        let mut steps = vec![Step::Line(self.line(random, service, &controller, &name))];
        if random.happens(0.5) {
            steps.push(Step::Work(format!("{name}Repository.find"), random.between(0.5, 4.0)));
        }
        for _ in 0..calls {
            let Some(callee) = random.one_of(callable).copied() else { break };
            let mut part = Vec::new();
            if random.happens(0.6) {
                part.push(Step::Line(self.line(random, service, &logic, &name)));
            }
            part.push(Step::Call(callee));
            if random.happens(0.5) {
                part.push(Step::Line(self.line(random, service, &logic, &name)));
            }
            // Much of what a request does depends on what it is about.
            if random.happens(0.4) {
                let attribute = random.count(0, self.attributes.len().saturating_sub(1));
                let otherwise = if random.happens(0.6) { vec![Step::Line(self.line(random, service, &logic, &name))] } else { Vec::new() };
                steps.push(Step::Branch { attribute, then: part, otherwise });
            } else {
                steps.append(&mut part);
            }
        }
        if random.happens(0.6) {
            let attribute = random.count(0, self.attributes.len().saturating_sub(1));
            let (then, otherwise) = (self.line(random, service, &logic, &name), self.line(random, service, &logic, &name));
            steps.push(Step::Branch { attribute, then: vec![Step::Line(then)], otherwise: vec![Step::Line(otherwise)] });
        }
        let own_ms = random.around(4.0, 0.8);
        let (catches, gives_up) = (random.happens(0.3), random.happens(0.4));
        self.push(Endpoint { service, name, steps, own_ms, catches, gives_up })
    }

    /// A new line of a service. Some say the same as another one: only the place tells them apart.
    fn line(&mut self, random: &mut Random, service: usize, logger: &str, about: &str) -> usize {
        let verb = random.one_of(&VERBS).copied().unwrap_or("do");
        let noun = random.one_of(&NOUNS).copied().unwrap_or("it");
        let Some(lines) = self.sources.get_mut(service) else { return 0 };
        let message = match lines.last() {
            Some(last) if random.happens(0.08) => last.message.clone(),
            _ => format!("[{about}][{verb} {noun}] {} for id {{}}", if random.happens(0.5) { "success" } else { "begin" }),
        };
        let line = 20 + 7 * u32::try_from(lines.len()).unwrap_or(0);
        lines.push(Source { logger: logger.to_owned(), line, message });
        lines.len() - 1
    }

    pub(super) fn service(&self, number: usize) -> &str {
        self.services.get(number).map_or("?", String::as_str)
    }

    pub(super) fn services(&self) -> usize {
        self.services.len()
    }

    /// Endpoints that a request of a kind may reach, with how probable that is at most.
    pub(super) fn reached(&self, endpoint: usize, probability: f64, found: &mut Vec<(usize, f64)>) {
        found.push((endpoint, probability));
        if let Some(endpoint) = self.endpoints.get(endpoint) {
            self.reached_by(&endpoint.steps, probability, found);
        }
    }

    fn reached_by(&self, steps: &[Step], probability: f64, found: &mut Vec<(usize, f64)>) {
        for step in steps {
            match step {
                Step::Call(callee) => self.reached(*callee, probability, found),
                Step::Branch { attribute, then, otherwise } => {
                    let share = self.attributes.get(*attribute).copied().unwrap_or(0.5);
                    self.reached_by(then, probability * share, found);
                    self.reached_by(otherwise, probability * (1.0 - share), found);
                }
                Step::Line(_) | Step::Work(..) => {}
            }
        }
    }
}
