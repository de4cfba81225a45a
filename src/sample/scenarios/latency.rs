//! The payment service reads a new configuration: its fraud rules look orders up by a column without an index. Charges grow slower with the
//! table, and no line says error for half an hour; then orders give up waiting. Nobody deployed anything to the payment service.

use super::{HARMLESS, HARMLESS_AND_LATE, USUAL};
use crate::sample::chatter;
use crate::sample::clock::{END, SECOND, at};
use crate::sample::faults::{Course, Effect, Fault, Said, Target};
use crate::sample::fleet::{Fleet, Service};
use crate::sample::line::{Level, Line};
use crate::sample::plan::{Alert, Plan, Truth};
use crate::sample::random::Random;

/// When the payment service reads its new configuration.
const CHANGED: i64 = at(14, 8, 30);

pub(super) const PLAN: Plan = Plan {
    rollouts: &[HARMLESS, HARMLESS_AND_LATE],
    restarts: &[],
    flows: USUAL,
    faults: &[
        Fault {
            target: Target { service: Service::Payment, paths: &["/charge"], node: None },
            course: Course { from: CHANGED, full: CHANGED + SECOND, until: END, percent: 96 },
            effect: Effect::Slow { by: (160_000, 420_000), says: None },
        },
        Fault {
            target: Target { service: Service::Payment, paths: &["/charge"], node: None },
            course: Course { from: CHANGED, full: at(14, 50, 0), until: END, percent: 96 },
            effect: Effect::Slow { by: (300_000, 2_600_000), says: Some(SLOW_STATEMENT) },
        },
    ],
    silences: &[],
    says,
    has_kubernetes_events: true,
    alert: Alert { time: at(14, 29, 0), message: None, text: "p95 of POST /orders is above 1 s for ten minutes" },
    truth: Some(Truth {
        onset: CHANGED,
        service: Some("payment-service"),
        host: None,
        evidence: &["payment-service", "/charge"],
        innocent: &["catalog-service", "report-service"],
    }),
};

const SLOW_STATEMENT: Said = Said {
    level: Level::Debug,
    logger: "com.example.payment.FraudRules",
    message: |random: &mut Random| {
        format!("rule order-history matched {} rows of ledger_entries by customer_email", random.between(40_000, 900_000))
    },
    error: None,
    percent: 25,
};

/// Both pods read the configuration within seconds of each other, and say no more than that; others did the same on this day.
fn says(fleet: &Fleet, lines: &mut Vec<Line>) {
    chatter::failing_job(fleet, lines);
    let changes = [
        (at(12, 41, 3), Service::Gateway, "ingest-gateway", 5_118_204),
        (at(13, 34, 47), Service::Notification, "notification-service", 5_120_377),
        (CHANGED - 2 * SECOND, Service::Payment, "payment-service", 5_121_966),
    ];
    for (time, service, name, resource_version) in changes {
        for ((number, _), delay) in fleet.pods_of(service).zip([0, 1_310, 2_420]) {
            let message = format!("configuration reloaded from configmap {name}, resourceVersion {resource_version}");
            lines.push(Line::new(time + delay, number, Level::Info, "app.configuration", message));
        }
    }
}
