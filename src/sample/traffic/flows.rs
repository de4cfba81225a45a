//! The kinds of requests that there are, and which service calls which. Knows that faults may strike; knows none of them.

use super::{Answer, Hop, Traffic};
use crate::sample::clock::{BEGIN, END, SECOND, at};
use crate::sample::fleet::Service;
use crate::sample::line::{Failure, Level, Line, Span};
use crate::sample::random::Random;

/// A kind of request that keeps coming.
pub(in crate::sample) enum Flow {
    /// Messages: gateway, processor, then notifications or orders. One comes after so many milliseconds.
    Messages { every: (i64, i64), lost: Option<Lost>, rerouted: Option<Rerouted> },
    /// Orders: tokens, reservations, charges. `announced` where the order service writes a line when it begins.
    Orders { announced: bool },
    /// The catalog, read by people. Faster while a campaign runs.
    Browsing { campaign: Option<(i64, i64)> },
    /// Daily reports.
    Reports,
    /// An export that has been withdrawn.
    LegacyExports,
    /// The storefront: gateway, session, catalog, stock.
    Storefront,
    /// Statements: token, then a search in the orders.
    Statements,
}

/// The message that an alert asks for.
pub(in crate::sample) struct Lost {
    pub(in crate::sample) accepted: i64,
    pub(in crate::sample) id: u128,
    pub(in crate::sample) trace: u128,
}

/// From a time on, the gateway sends alerts to an endpoint that does not serve them.
pub(in crate::sample) struct Rerouted {
    pub(in crate::sample) from: i64,
    pub(in crate::sample) path: &'static str,
    pub(in crate::sample) status: u16,
}

impl Traffic<'_> {
    pub(super) fn flow(&mut self, flow: &Flow) {
        match flow {
            Flow::Messages { every, lost, rerouted } => self.messages(*every, lost.as_ref(), rerouted.as_ref()),
            Flow::Orders { announced } => self.orders(*announced),
            Flow::Browsing { campaign } => self.browsing(*campaign),
            Flow::Reports => self.reports(),
            Flow::LegacyExports => self.legacy_exports(),
            Flow::Storefront => self.storefront(),
            Flow::Statements => self.statements(),
        }
    }

    fn messages(&mut self, every: (i64, i64), lost: Option<&Lost>, rerouted: Option<&Rerouted>) {
        let mut random = Random::stream("messages");
        let mut time = BEGIN;
        let mut lost = lost;
        while time < END - SECOND {
            if let Some(message) = lost.take_if(|message| time >= message.accepted) {
                self.message(&mut random, message.accepted, (message.id, message.trace), "alert", rerouted);
            }
            let kind = match random.between(0, 100) {
                0..40 => "alert",
                40..80 => "event",
                _ => "order",
            };
            let ids = (random.wide(), random.wide());
            self.message(&mut random, time, ids, kind, rerouted);
            time += random.between(every.0, every.1);
        }
    }

    /// The message's id is known to the gateway alone: only its own lines tie it to a trace.
    fn message(&mut self, random: &mut Random, time: i64, (id, trace): (u128, u128), kind: &'static str, rerouted: Option<&Rerouted>) {
        let root = Span { trace, id: random.next(), parent: None };
        let Some(gateway) = self.fleet.serving(Service::Gateway, time, random) else { return };
        let bytes = random.between(180, 4200);
        let accepted = format!("accepted message, kind {kind}, {bytes} bytes");
        self.lines.push(Line::new(time, gateway, Level::Info, "gateway.ingest", accepted).within(root).with_message_id(id));
        let handed = "handed message over to message-processor";
        self.lines.push(Line::new(time + 2, gateway, Level::Debug, "gateway.ingest", handed).within(root).with_message_id(id));

        if let Some(Rerouted { path, status, .. }) = rerouted.filter(|rerouted| kind == "alert" && time >= rerouted.from) {
            let microseconds = random.between(2400, 3700);
            let unserved = Hop { service: Service::Processor, method: "POST", path, status: *status, microseconds };
            self.call(random, time + 3, Some(gateway), unserved, root);
            return;
        }
        let microseconds = random.between(7_000, 38_000);
        let processed = Hop { service: Service::Processor, method: "POST", path: "/process", status: 200, microseconds };
        let Answer { pod: processor @ Some(_), span, .. } = self.call(random, time + 3, Some(gateway), processed, root) else { return };
        let (service, path) = match kind {
            "alert" => (Service::Notification, "/notify"),
            "order" => (Service::Order, "/orders/status"),
            _ => return,
        };
        let microseconds = random.between(11_000, 46_000);
        self.call(random, time + 9, processor, Hop { service, method: "POST", path, status: 200, microseconds }, span);
    }

    fn orders(&mut self, announced: bool) {
        let mut random = Random::stream("orders");
        let mut time = BEGIN + 400;
        for number in 0.. {
            if time >= END - 8 * SECOND {
                break;
            }
            // Counted, not drawn: chance would make a rise of its own in one of the hours.
            self.order(&mut random, time, announced, number % 17 == 9);
            time += random.between(4_500, 11_500);
        }
    }

    fn order(&mut self, random: &mut Random, time: i64, announced: bool, database_is_slow: bool) {
        let root = Self::trace(random);
        let items = if announced { random.between(1, 9) } else { 0 };
        let pod = announced
            .then(|| self.begin(random, time, Service::Order, "orders.placing", format!("placing an order of {items} items"), root))
            .flatten();
        let refused = random.percent(2);
        let status = if refused { 401 } else { 200 };
        let microseconds = random.between(4_000, 12_000);
        let token = Hop { service: Service::Auth, method: "POST", path: "/token", status, microseconds };
        let token = self.call(random, time + 2, pod, token, root);
        let mut place = Hop { service: Service::Order, method: "POST", path: "/orders", status: 201, microseconds: 0 };
        if token.failed() || refused {
            place.status = if token.failed() { 502 } else { 401 };
            place.microseconds = token.microseconds + 3_000;
            self.answer(random, time, pod, place, root);
            return;
        }
        if database_is_slow {
            place.status = 503;
            place.microseconds = 3_000_000 + random.between(15_000, 40_000);
            let Some(pod) = self.answer(random, time, pod, place, root) else { return };
            let waiting = random.between(11, 40);
            let message = format!("database time-out: no connection from pool orders-db after 3000 ms, {waiting} waiting");
            let error = Failure {
                kind: "java.sql.SQLTransientConnectionException",
                message: "orders-db: connection is not available, request timed out after 3000 ms".into(),
                stack: DATABASE_STACK.into(),
            };
            self.lines.push(Line::new(time + 3005, pod, Level::Error, "orders.repository", message).within(root).with_error(error));
            return;
        }

        let short = random.percent(1);
        let reserve = random.between(9_000, 31_000);
        let status = if short { 409 } else { 200 };
        let hop = Hop { service: Service::Inventory, method: "POST", path: "/reserve", status, microseconds: reserve };
        let reserved = self.call(random, time + 16, pod, hop, root);
        let mut charge = 0;
        if reserved.failed() {
            place.status = reserved.status;
        } else if short {
            place.status = 409;
        } else {
            charge = random.between(38_000, 120_000);
            let begun = time + 34 + reserved.microseconds / 1000 - reserve / 1000;
            if random.percent(2) {
                charge += 250_000;
                self.retried_charge(random, begun + 16, root);
            }
            let hop = Hop { service: Service::Payment, method: "POST", path: "/charge", status: 200, microseconds: charge };
            let charged = if announced {
                let span = Span { trace: root.trace, id: random.next(), parent: Some(root.id) };
                let message = format!("charging an order of {items} items");
                let payment = self.begin(random, begun + 19, Service::Payment, "payment.charges", message, span);
                self.send(begun + 18, pod, payment, hop, span)
            } else {
                self.call(random, begun + 18, pod, hop, root)
            };
            charge = charged.microseconds;
            if charged.failed() {
                place.status = charged.status;
            }
        }
        // Announced, an order ends after all that it waited for.
        let own = if announced { 58_000 } else { 24_000 };
        place.microseconds = own + reserved.microseconds + charge;
        self.answer(random, time, pod, place, root);
    }

    /// The first line of a request: what is asked, by the pod that took it.
    fn begin(
        &mut self,
        random: &mut Random,
        time: i64,
        service: Service,
        logger: &'static str,
        message: String,
        span: Span,
    ) -> Option<usize> {
        let pod = self.fleet.serving(service, time, random)?;
        self.lines.push(Line::new(time, pod, Level::Info, logger, message).within(span));
        Some(pod)
    }

    fn storefront(&mut self) {
        let mut random = Random::stream("storefront");
        let mut time = BEGIN + 700;
        while time < END - 8 * SECOND {
            let root = Self::trace(&mut random);
            let tenant = random.between(1, 40);
            let pod = self.begin(
                &mut random,
                time,
                Service::Gateway,
                "gateway.storefront",
                format!("page of products for tenant-{tenant}"),
                root,
            );
            let get = |service, path, microseconds| Hop { service, method: "GET", path, status: 200, microseconds };
            let session = get(Service::Auth, "/session", random.between(1_500, 6_000));
            let session = self.call(&mut random, time + 2, pod, session, root);
            let mut microseconds = 3_000 + session.microseconds;
            let mut status = session.status;
            if !session.failed() {
                let own = random.between(9_000, 34_000);
                let stock = random.between(4_000, 19_000);
                // The catalog waits for the stock, so that its own answer is known only after it.
                let catalog = self.fleet.serving(Service::Catalog, time, &mut random);
                let span = Span { trace: root.trace, id: random.next(), parent: Some(root.id) };
                let began = time + microseconds / 1000;
                let stock = self.call(&mut random, began + 4, catalog, get(Service::Inventory, "/stock", stock), span);
                let mut availability = get(Service::Catalog, "/products/availability", own + stock.microseconds);
                // The page is shown without the stock where that can't be had.
                availability.status = if stock.failed() { 206 } else { 200 };
                let availability = self.send(began, pod, catalog, availability, span);
                microseconds += availability.microseconds;
                status = if availability.failed() { availability.status } else { 200 };
            }
            let page = Hop { status, ..get(Service::Gateway, "/store/products", microseconds + 2_000) };
            self.answer(&mut random, time, pod, page, root);
            time += random.between(9_000, 19_000);
        }
    }

    fn statements(&mut self) {
        let mut random = Random::stream("statements");
        let mut time = BEGIN + 11 * SECOND;
        while time < END - 8 * SECOND {
            let root = Self::trace(&mut random);
            let account = random.between(1_000, 9_999);
            let message = format!("statement of account {account} wanted");
            let pod = self.begin(&mut random, time, Service::Report, "report.statements", message, root);
            let token = random.between(3_000, 9_000);
            let token = Hop { service: Service::Auth, method: "POST", path: "/token", status: 200, microseconds: token };
            let token = self.call(&mut random, time + 3, pod, token, root);
            let (mut status, mut microseconds) = (token.status, 4_000 + token.microseconds);
            if !token.failed() {
                let search = random.between(40_000, 160_000);
                let search = Hop { service: Service::Order, method: "GET", path: "/orders/search", status: 200, microseconds: search };
                let found = self.call(&mut random, time + microseconds / 1000, pod, search, root);
                status = found.status;
                microseconds += found.microseconds + random.between(20_000, 90_000);
            }
            let statement = Hop { service: Service::Report, method: "GET", path: "/reports/statement", status, microseconds };
            self.answer(&mut random, time, pod, statement, root);
            time += random.between(22_000, 46_000);
        }
    }

    /// The card network fails once; the second try, which the caller sees, succeeds.
    fn retried_charge(&mut self, random: &mut Random, time: i64, root: Span) {
        let Some(pod) = self.fleet.serving(Service::Payment, time, random) else { return };
        let message = "card network answered 502, trying again in 200 ms (1 of 3)";
        let span = Span { trace: root.trace, id: random.next(), parent: Some(root.id) };
        self.lines.push(Line::new(time + 40, pod, Level::Warn, "payment.gateway", message).within(span));
    }

    fn browsing(&mut self, campaign: Option<(i64, i64)>) {
        let mut random = Random::stream("browsing");
        let mut time = BEGIN + 900;
        while time < END - SECOND {
            let root = Self::trace(&mut random);
            let (path, microseconds) = match random.between(0, 10) {
                0..6 => ("/products", random.between(5_000, 22_000)),
                6..9 => ("/products/search", random.between(18_000, 90_000)),
                _ => ("/products/recommended", random.between(30_000, 240_000)),
            };
            let hop = Hop { service: Service::Catalog, method: "GET", path, status: 200, microseconds };
            self.answer(&mut random, time, None, hop, root);
            let hurry = if campaign.is_some_and(|(from, until)| (from..until).contains(&time)) { 3 } else { 1 };
            time += random.between(2_500, 8_500) / hurry;
        }
    }

    fn reports(&mut self) {
        let mut random = Random::stream("reports");
        let mut time = BEGIN + 5 * SECOND;
        while time < END - 2 * SECOND {
            let root = Self::trace(&mut random);
            let microseconds = random.between(120_000, 900_000);
            let hop = Hop { service: Service::Report, method: "GET", path: "/reports/daily", status: 200, microseconds };
            self.answer(&mut random, time, None, hop, root);
            time += random.between(20_000, 44_000);
        }
    }

    /// One client still calls an export that has been withdrawn. It fails nearly always, and did so long before: ugly, and innocent.
    fn legacy_exports(&mut self) {
        let mut random = Random::stream("legacy exports");
        let mut time = BEGIN + 31 * SECOND;
        while time < END - SECOND {
            let root = Self::trace(&mut random);
            let cached = time < at(14, 20, 0) && random.percent(7);
            let status = match random.between(0, 10) {
                _ if cached => 200,
                0..8 => 410,
                _ => 404,
            };
            let microseconds = random.between(1_200, 2_900);
            let hop = Hop { service: Service::Report, method: "GET", path: "/legacy/export", status, microseconds };
            self.answer(&mut random, time, None, hop, root);
            time += random.between(38_000, 57_000);
        }
    }
}

const DATABASE_STACK: &str =
    "java.sql.SQLTransientConnectionException: orders-db: connection is not available, request timed out after 3000 ms
\tat com.example.pool.ConnectionPool.acquire(ConnectionPool.java:181)
\tat com.example.pool.ConnectionPool.acquire(ConnectionPool.java:146)
\tat com.example.orders.OrderRepository.insert(OrderRepository.java:74)
\tat com.example.orders.OrderService.place(OrderService.java:112)
\tat com.example.orders.http.OrderResource.post(OrderResource.java:51)
";
