//! Requests that cross the services of the sample cluster, each with its trace: messages, orders, browsing, reports.

use super::clock::{BEGIN, END, SECOND, at};
use super::fleet::{Fleet, Service};
use super::incident::{LOST_MESSAGE, LOST_MESSAGE_ACCEPTED, LOST_TRACE, ROUTED};
use super::line::{Failure, Level, Line, Request, Span};
use super::random::Random;

pub(super) struct Traffic<'a> {
    pub(super) fleet: &'a Fleet,
    pub(super) lines: &'a mut Vec<Line>,
}

/// A request to one service, and the answer.
struct Hop {
    service: Service,
    method: &'static str,
    path: &'static str,
    status: u16,
    microseconds: i64,
}

impl Traffic<'_> {
    /// Everything, in no order.
    pub(super) fn all(&mut self) {
        self.messages();
        self.orders();
        self.browsing();
        self.reports();
        self.legacy_exports();
    }

    fn trace(random: &mut Random) -> Span {
        Span { trace: random.wide(), id: random.next(), parent: None }
    }

    /// Writes the line of one answered request, and gives its pod and its span.
    fn hop(&mut self, random: &mut Random, time: i64, hop: Hop, from: Span) -> Option<(usize, Span)> {
        let span = Span { trace: from.trace, id: random.next(), parent: Some(from.id) };
        self.answer(random, time, hop, span).map(|pod| (pod, span))
    }

    fn answer(&mut self, random: &mut Random, time: i64, hop: Hop, span: Span) -> Option<usize> {
        let Hop { service, method, path, status, microseconds } = hop;
        let pod = self.fleet.serving(service, time, random)?;
        let request = Request { method, path, status, microseconds };
        self.lines.push(Line::answered(time + microseconds / 1000, pod, request, Some(span)));
        Some(pod)
    }

    fn messages(&mut self) {
        let mut random = Random::stream("messages");
        let mut time = BEGIN;
        let mut lost = false;
        while time < END - SECOND {
            if !lost && time >= LOST_MESSAGE_ACCEPTED {
                lost = true;
                self.message(&mut random, LOST_MESSAGE_ACCEPTED, LOST_MESSAGE, LOST_TRACE, "alert");
            }
            let kind = match random.between(0, 100) {
                0..40 => "alert",
                40..80 => "event",
                _ => "order",
            };
            let (id, trace) = (random.wide(), random.wide());
            self.message(&mut random, time, id, trace, kind);
            time += random.between(1900, 4700);
        }
    }

    /// The message's id is known to the gateway alone: only its own lines tie it to a trace.
    fn message(&mut self, random: &mut Random, time: i64, id: u128, trace: u128, kind: &'static str) {
        let root = Span { trace, id: random.next(), parent: None };
        let Some(gateway) = self.fleet.serving(Service::Gateway, time, random) else { return };
        let bytes = random.between(180, 4200);
        let accepted = format!("accepted message, kind {kind}, {bytes} bytes");
        self.lines.push(Line::new(time, gateway, Level::Info, "gateway.ingest", accepted).within(root).with_message_id(id));
        let handed = "handed message over to message-processor";
        self.lines.push(Line::new(time + 2, gateway, Level::Debug, "gateway.ingest", handed).within(root).with_message_id(id));

        if kind == "alert" && time >= ROUTED {
            let microseconds = random.between(2400, 3700);
            let unserved = Hop { service: Service::Processor, method: "POST", path: "/alert", status: 404, microseconds };
            self.hop(random, time + 3, unserved, root);
            return;
        }
        let microseconds = random.between(7_000, 38_000);
        let processed = Hop { service: Service::Processor, method: "POST", path: "/process", status: 200, microseconds };
        let Some((_, span)) = self.hop(random, time + 3, processed, root) else { return };
        let (service, path) = match kind {
            "alert" => (Service::Notification, "/notify"),
            "order" => (Service::Order, "/orders/status"),
            _ => return,
        };
        let microseconds = random.between(11_000, 46_000);
        self.hop(random, time + 9, Hop { service, method: "POST", path, status: 200, microseconds }, span);
    }

    fn orders(&mut self) {
        let mut random = Random::stream("orders");
        let mut time = BEGIN + 400;
        for number in 0.. {
            if time >= END - 8 * SECOND {
                break;
            }
            // Counted, not drawn: chance would make a rise of its own in one of the hours.
            self.order(&mut random, time, number % 17 == 9);
            time += random.between(4_500, 11_500);
        }
    }

    fn order(&mut self, random: &mut Random, time: i64, database_is_slow: bool) {
        let root = Self::trace(random);
        let refused = random.percent(2);
        let status = if refused { 401 } else { 200 };
        let microseconds = random.between(4_000, 12_000);
        self.hop(random, time + 2, Hop { service: Service::Auth, method: "POST", path: "/token", status, microseconds }, root);
        let mut place = Hop { service: Service::Order, method: "POST", path: "/orders", status: 201, microseconds: 0 };
        if refused {
            place.status = 401;
            place.microseconds = microseconds + 3_000;
            self.answer(random, time, place, root);
            return;
        }
        if database_is_slow {
            place.status = 503;
            place.microseconds = 3_000_000 + random.between(15_000, 40_000);
            let Some(pod) = self.answer(random, time, place, root) else { return };
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
        self.hop(random, time + 16, hop, root);
        let mut charge = 0;
        if short {
            place.status = 409;
        } else {
            charge = random.between(38_000, 120_000);
            if random.percent(2) {
                charge += 250_000;
                self.retried_charge(random, time + 50, root);
            }
            let hop = Hop { service: Service::Payment, method: "POST", path: "/charge", status: 200, microseconds: charge };
            self.hop(random, time + 52, hop, root);
        }
        place.microseconds = 24_000 + reserve + charge;
        self.answer(random, time, place, root);
    }

    /// The card network fails once; the second try, which the caller sees, succeeds.
    fn retried_charge(&mut self, random: &mut Random, time: i64, root: Span) {
        let Some(pod) = self.fleet.serving(Service::Payment, time, random) else { return };
        let message = "card network answered 502, trying again in 200 ms (1 of 3)";
        let span = Span { trace: root.trace, id: random.next(), parent: Some(root.id) };
        self.lines.push(Line::new(time + 40, pod, Level::Warn, "payment.gateway", message).within(span));
    }

    fn browsing(&mut self) {
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
            self.answer(&mut random, time, hop, root);
            time += random.between(2_500, 8_500);
        }
    }

    fn reports(&mut self) {
        let mut random = Random::stream("reports");
        let mut time = BEGIN + 5 * SECOND;
        while time < END - 2 * SECOND {
            let root = Self::trace(&mut random);
            let microseconds = random.between(120_000, 900_000);
            let hop = Hop { service: Service::Report, method: "GET", path: "/reports/daily", status: 200, microseconds };
            self.answer(&mut random, time, hop, root);
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
            self.answer(&mut random, time, hop, root);
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
