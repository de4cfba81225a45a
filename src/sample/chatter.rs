//! What the sample cluster's services say when nobody asks: probes, starts and stops, housekeeping, warnings that mean nothing.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::clock::{BEGIN, END, MINUTE, SECOND, at};
use super::fleet::{Fleet, Pod, Service};
use super::line::{Failure, Level, Line, Request};
use super::random::Random;

/// Everything, in no order.
pub(super) fn all(fleet: &Fleet, lines: &mut Vec<Line>) {
    for (number, pod) in fleet.pods() {
        probes(number, pod, lines);
        life(number, pod, lines);
    }
    housekeeping(fleet, lines);
    huge_traces(fleet, lines);
    settlements(fleet, lines);
}

/// The kubelet asks `/health`, the metrics scraper `/metrics`: all a pod of a quiet service ever says.
fn probes(number: usize, pod: &Pod, lines: &mut Vec<Line>) {
    let every = match pod.service {
        Service::Settlement => return,
        Service::Gateway | Service::Processor => 30 * SECOND,
        _ => 50 * SECOND,
    };
    let mut random = Random::stream(&pod.name);
    for (path, every, slowest) in [("/health", every, 1_900), ("/metrics", 2 * every, 8_800)] {
        let first = if pod.started_in_story() { 6 * SECOND } else { random.between(0, every) };
        let mut time = pod.born + first;
        while time < pod.gone - SECOND {
            let request = Request { method: "GET", path, status: 200, microseconds: random.between(300, slowest) };
            lines.push(Line::answered(time, number, request, None));
            time += every + random.between(-40, 40);
        }
    }
}

fn life(number: usize, pod: &Pod, lines: &mut Vec<Line>) {
    let mut say = |time, logger, message: String| lines.push(Line::new(time, number, Level::Info, logger, message));
    let restarts = pod.downs.iter().map(|(_, up)| *up);
    for born in pod.started_in_story().then_some(pod.born).into_iter().chain(restarts) {
        say(born, "app.start", format!("starting {} {}", pod.service.name(), pod.version));
        say(born + 1_870, "app.configuration", format!("configuration read from configmap {}", pod.service.name()));
        say(born + 4_320, "http.server", "listening on 0.0.0.0:8080".to_owned());
    }
    if pod.ended_in_story() {
        say(pod.gone - 2_600, "app.stop", "SIGTERM received, finishing open requests".to_owned());
        say(pod.gone, "app.stop", "stopped".to_owned());
    }
}

fn housekeeping(fleet: &Fleet, lines: &mut Vec<Line>) {
    let mut random = Random::stream("housekeeping");
    let mut time = BEGIN + 3 * SECOND;
    while time < END {
        let service = match random.between(0, 7) {
            0 => Service::Gateway,
            1 => Service::Order,
            2 => Service::Payment,
            3 => Service::Inventory,
            4 => Service::Notification,
            5 => Service::Auth,
            _ => Service::Catalog,
        };
        let (level, logger, message) = remark(service, &mut random);
        if let Some(pod) = fleet.serving(service, time, &mut random) {
            lines.push(Line::new(time, pod, level, logger, message));
        }
        time += random.between(2_500, 11_000);
    }
}

fn remark(service: Service, random: &mut Random) -> (Level, &'static str, Cow<'static, str>) {
    let number = random.between(1, 900);
    let often = random.percent(70);
    let (level, logger, message) = match (service, often) {
        (Service::Gateway, true) => (Level::Debug, "gateway.pool", format!("{number} connections open, {} idle", number / 3)),
        (Service::Gateway, false) => (Level::Warn, "gateway.limits", format!("client tenant-{} is near its limit", number % 40)),
        (Service::Order, true) => (Level::Info, "orders.cache", format!("evicted {number} entries older than 600 s")),
        (Service::Order, false) => (Level::Warn, "orders.repository", format!("slow query: {} ms for open orders", 800 + number)),
        (Service::Payment, true) => (Level::Info, "payment.ledger", format!("posted {number} ledger entries")),
        (Service::Payment, false) => (Level::Warn, "payment.gateway", format!("certificate of the card network ends in {} days", 21)),
        (Service::Inventory, true) => (Level::Info, "inventory.sync", format!("synchronised {number} stock levels")),
        (Service::Inventory, false) => (Level::Warn, "inventory.stock", format!("stock of item {number} is below its minimum")),
        (Service::Notification, true) => (Level::Info, "notify.queue", format!("queue has {} entries", number % 30)),
        (Service::Notification, false) => {
            (Level::Warn, "notify.mail", format!("mail server deferred a message (451), trying again in {} s", 30 + number % 90))
        }
        (Service::Auth, true) => (Level::Info, "auth.keys", "signing keys are current".to_owned()),
        (Service::Auth, false) => (Level::Warn, "auth.login", format!("3 failed sign-ins of user u{number} within 60 s")),
        (_, true) => (Level::Info, "catalog.index", format!("search index refreshed in {} ms", 100 + number)),
        (_, false) => (Level::Warn, "catalog.images", format!("image of product {number} is missing, using the placeholder")),
    };
    (level, logger, message.into())
}

/// A few errors with stack traces as long as frameworks make them, before the incident as well as after.
fn huge_traces(fleet: &Fleet, lines: &mut Vec<Line>) {
    let mut random = Random::stream("huge traces");
    let kind = "io.example.rpc.DeadlineExceeded";
    for time in [at(12, 22, 37), at(13, 5, 2), at(13, 48, 51), at(14, 17, 29), at(14, 49, 6)] {
        let mut stack = format!("{kind}: fraud check did not answer within 1500 ms\n");
        for depth in 0..400 {
            // Writing to a string can't fail.
            let _ = writeln!(stack, "\tat io.example.rpc.Pipeline$Stage{}.invoke(Pipeline.java:{})", depth % 37, 100 + depth * 7 % 613);
        }
        let error = Failure { kind, message: "fraud check did not answer within 1500 ms".into(), stack: stack.into() };
        if let Some(pod) = fleet.serving(Service::Payment, time, &mut random) {
            let message = "fraud check did not answer, charge goes on without it";
            lines.push(Line::new(time, pod, Level::Error, "payment.fraud", message).with_error(error));
        }
    }
}

/// A job that has failed for as long as anybody can remember.
pub(super) fn failing_job(fleet: &Fleet, lines: &mut Vec<Line>) {
    let kind = "botocore.exceptions.ClientError";
    for (time, number) in (BEGIN + 4 * MINUTE + 12 * SECOND..END)
        .step_by(10 * 60 * 1000)
        .flat_map(|time| fleet.pods_of(Service::Report).map(move |(number, _)| (time, number)))
    {
        let cause = "An error occurred (AccessDenied) when calling the ListObjectsV2 operation: Access Denied";
        let stack = format!("Traceback (most recent call last):\n  File \"/app/report/jobs.py\", line 31, in purge\n{kind}: {cause}\n");
        let error = Failure { kind, message: cause.into(), stack: stack.into() };
        let message = "job purge-exports failed: bucket shop-exports-archive: Access Denied";
        lines.push(Line::new(time, number, Level::Error, "report.jobs", message).with_error(error));
    }
}

/// One worker speaks every twenty-two minutes only: quiet is not gone.
fn settlements(fleet: &Fleet, lines: &mut Vec<Line>) {
    for (number, pod) in fleet.pods_of(Service::Settlement) {
        let mut random = Random::stream(&pod.name);
        let mut time = BEGIN + 7 * MINUTE;
        while time < END {
            let message = format!("settled a batch of {} payments", random.between(400, 900));
            lines.push(Line::new(time, number, Level::Info, "settlement.batch", message));
            time += 22 * MINUTE + random.between(0, SECOND);
        }
    }
}
