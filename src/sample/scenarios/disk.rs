//! The disk of one machine is full. What runs there can't write any more: orders and reservations that it takes fail, those on other
//! machines do not. Its log lines are lost too, more and more of them, until the machine is nearly silent.

use super::{HARMLESS, HARMLESS_AND_LATE, USUAL};
use crate::sample::chatter;
use crate::sample::clock::{END, MINUTE, SECOND, at};
use crate::sample::faults::{Course, Effect, Fault, Said, Silence, Target};
use crate::sample::fleet::{NODES, Service};
use crate::sample::line::Level;
use crate::sample::plan::{Alert, Plan, Truth};
use crate::sample::random::Random;

const FULL: i64 = at(14, 16, 48);
/// The shipper has no room for its own registry any more.
const SILENT: i64 = at(14, 27, 0);
const NODE: &str = NODES[2];

const fn writing(service: Service, paths: &'static [&'static str], says: Said) -> Fault {
    Fault {
        target: Target { service, paths, node: Some(NODE) },
        course: Course { from: FULL, full: FULL + 40 * SECOND, until: END, percent: 92 },
        effect: Effect::Fail { status: 500, after: (3_000, 19_000), says },
    }
}

pub(super) const PLAN: Plan = Plan {
    rollouts: &[HARMLESS, HARMLESS_AND_LATE],
    restarts: &[],
    flows: USUAL,
    faults: &[
        writing(Service::Order, &["/orders", "/orders/status"], JOURNAL),
        writing(Service::Inventory, &["/reserve"], RESERVATION),
        writing(Service::Notification, &["/notify"], SPOOL),
        writing(Service::Payment, &["/charge"], LEDGER),
        writing(Service::Processor, &["/process"], QUEUE),
    ],
    silences: &[Silence { node: NODE, course: Course { from: SILENT, full: SILENT + 9 * MINUTE, until: END, percent: 88 } }],
    says: chatter::failing_job,
    has_kubernetes_events: true,
    alert: Alert { time: at(14, 29, 30), message: None, text: "one order in four answers 500" },
    truth: Some(Truth {
        onset: FULL,
        service: None,
        host: Some(NODE),
        evidence: &["no space left on device", "No space left on device", NODE],
        innocent: &["catalog-service", "report-service"],
    }),
};

const fn said(logger: &'static str, message: fn(&mut Random) -> String, error: (&'static str, &'static str)) -> Said {
    Said { level: Level::Error, logger, message, error: Some(error), percent: 100 }
}

const JOURNAL: Said = said(
    "com.example.orders.Journal",
    |random| format!("cannot append {} bytes to /var/lib/orders/journal: No space left on device", random.between(200, 4_000)),
    (
        "java.io.IOException",
        "java.io.IOException: No space left on device
\tat java.base/sun.nio.ch.FileDispatcherImpl.write0(Native Method)
\tat com.example.orders.Journal.append(Journal.java:58)
",
    ),
);

const RESERVATION: Said = said(
    "com.example.inventory.StockRepository",
    |random| format!("cannot write reservation to /var/lib/inventory/wal/{:08x}: No space left on device", random.between(0, 1 << 32)),
    (
        "java.io.IOException",
        "java.io.IOException: No space left on device
\tat java.base/sun.nio.ch.FileDispatcherImpl.write0(Native Method)
\tat com.example.inventory.WriteAheadLog.append(WriteAheadLog.java:91)
",
    ),
);

const LEDGER: Said = said(
    "com.example.payment.Ledger",
    |random| format!("cannot journal charge {}: No space left on device", random.between(100_000, 999_999)),
    (
        "java.io.IOException",
        "java.io.IOException: No space left on device
\tat java.base/sun.nio.ch.FileDispatcherImpl.write0(Native Method)
\tat com.example.payment.Ledger.append(Ledger.java:77)
",
    ),
);

const SPOOL: Said = said(
    "notify.spool",
    |_| "ENOSPC: no space left on device, write".to_owned(),
    (
        "Error",
        "Error: ENOSPC: no space left on device, write\n    at writeSync (node:fs:920:3)\n    at Spool.push (/app/lib/spool.js:44:8)\n",
    ),
);

const QUEUE: Said = said(
    "processor.queue",
    |random| format!("write /var/lib/processor/queue/{:06}.seg: no space left on device", random.between(1, 999_999)),
    ("*fs.PathError", ""),
);
