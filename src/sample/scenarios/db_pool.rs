//! The inventory service keeps one connection of its database's pool for each run of a job that reconciles the stock. After ten hours of
//! good days the pool is bigger than a day's runs; today the job runs every seventy seconds, and the pool is empty within half an hour.
//! Requests wait for a connection, then fail; whoever calls waits with them. The pool of the orders' database, which runs out for a moment
//! every two minutes as it always has, is innocent.

use super::{HARMLESS, HARMLESS_AND_LATE, USUAL};
use crate::sample::chatter;
use crate::sample::clock::{END, SECOND, at};
use crate::sample::faults::{Course, Effect, Fault, Said, Target};
use crate::sample::fleet::{Fleet, Service};
use crate::sample::line::{Failure, Level, Line};
use crate::sample::plan::{Alert, Plan, Truth};
use crate::sample::random::Random;

/// The first run of the job.
const LEAK: i64 = at(13, 58, 20);
const RUNS_EVERY: i64 = 70 * SECOND;
/// Connections of the pool.
const POOL: i64 = 20;
/// Requests begin to wait, and begin to fail.
const SCARCE: i64 = at(14, 17, 0);
const EXHAUSTED: i64 = at(14, 21, 40);

const RESERVATIONS: Target = Target { service: Service::Inventory, paths: &["/reserve", "/stock"], node: None };

pub(super) const PLAN: Plan = Plan {
    rollouts: &[HARMLESS, HARMLESS_AND_LATE],
    restarts: &[],
    flows: USUAL,
    faults: &[
        Fault {
            target: RESERVATIONS,
            course: Course { from: SCARCE, full: EXHAUSTED, until: END, percent: 90 },
            effect: Effect::Slow { by: (150_000, 1_900_000), says: None },
        },
        Fault {
            target: RESERVATIONS,
            course: Course { from: EXHAUSTED - 40 * SECOND, full: EXHAUSTED + 80 * SECOND, until: END, percent: 62 },
            effect: Effect::Fail { status: 503, after: (3_000_000, 3_012_000), says: NO_CONNECTION },
        },
    ],
    silences: &[],
    says,
    has_kubernetes_events: true,
    alert: Alert { time: at(14, 33, 10), message: None, text: "orders fail: more than 20 % of POST /orders answered 5xx for five minutes" },
    truth: Some(Truth {
        onset: SCARCE,
        service: Some("inventory-service"),
        host: None,
        evidence: &["inventory-db", "Connection is not available"],
        innocent: &["catalog-service", "report-service"],
    }),
};

const NO_CONNECTION: Said = Said {
    level: Level::Error,
    logger: "com.example.inventory.StockRepository",
    message: |random: &mut Random| {
        let waiting = random.between(4, 38);
        format!(
            "inventory-db - Connection is not available, request timed out after 3000ms (total={POOL}, active={POOL}, idle=0, waiting={waiting})"
        )
    },
    error: Some((
        "java.sql.SQLTransientConnectionException",
        "java.sql.SQLTransientConnectionException: inventory-db - Connection is not available, request timed out after 3000ms
\tat com.zaxxer.hikari.pool.HikariPool.createTimeoutException(HikariPool.java:686)
\tat com.zaxxer.hikari.pool.HikariPool.getConnection(HikariPool.java:179)
\tat com.example.inventory.StockRepository.lock(StockRepository.java:63)
\tat com.example.inventory.StockService.reserve(StockService.java:97)
",
    )),
    percent: 100,
};

/// The state of the pool once a minute, as it always has been; each run of the job; and what the pool suspects of it.
fn says(fleet: &Fleet, lines: &mut Vec<Line>) {
    chatter::failing_job(fleet, lines);
    let mut random = Random::stream("pool");
    for (nth, (number, pod)) in (0..).zip(fleet.pods_of(Service::Inventory)) {
        for time in (pod.born + 9 * SECOND + nth * 11 * SECOND..pod.gone).step_by(60_000) {
            let leaked = ((time - LEAK) / RUNS_EVERY + 1).clamp(0, POOL);
            let active = (leaked + random.between(0, 5)).min(POOL);
            let waiting = if leaked == POOL { random.between(3, 30) } else { 0 };
            let idle = POOL - active;
            let state = format!("inventory-db - Pool stats (total={POOL}, active={active}, idle={idle}, waiting={waiting})");
            lines.push(Line::new(time, number, Level::Debug, "com.zaxxer.hikari.pool.HikariPool", state));
        }
        for run in 0..POOL {
            let time = LEAK + nth * 9 * SECOND + run * RUNS_EVERY;
            let items = random.between(400, 2_600);
            let message = format!("reconciled {items} stock levels with the warehouse");
            lines.push(Line::new(time + 2_100, number, Level::Info, "com.example.inventory.Reconciliation", message));
            let cause = "Apparent connection leak detected";
            let stack = "java.lang.Exception: Apparent connection leak detected
\tat com.example.inventory.Reconciliation.warehouse(Reconciliation.java:52)
\tat com.example.inventory.Reconciliation.run(Reconciliation.java:34)
";
            let message = format!("inventory-db - Connection leak detection triggered on thread reconciliation-{}", 1 + run % 2);
            let error = Failure { kind: "java.lang.Exception", message: cause.into(), stack: stack.into() };
            lines.push(
                Line::new(time + 62 * SECOND, number, Level::Warn, "com.zaxxer.hikari.pool.ProxyLeakTask", message).with_error(error),
            );
        }
    }
}
