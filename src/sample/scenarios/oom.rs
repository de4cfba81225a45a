//! The message processor keeps what it should let go: its memory grows until the kernel kills its container, which starts again in the same
//! pod and grows again. The kubelet waits twice as long before each start as before the last, so that messages find nobody to take them more and more often; in the
//! end one pod is evicted and another takes its place. Nobody deployed anything to the message processor.

use super::{HARMLESS, HARMLESS_AND_LATE, USUAL};
use crate::sample::chatter;
use crate::sample::clock::{BEGIN, END, SECOND, at};
use crate::sample::faults::{Course, Effect, Fault, Said, Target};
use crate::sample::fleet::{Fleet, Pod, Release, Restart, Rollout, Service};
use crate::sample::line::{Level, Line};
use crate::sample::plan::{Alert, Plan, Truth};
use crate::sample::random::Random;

const fn killed(pod: usize, down: i64, seconds: i64) -> Restart {
    Restart { service: Service::Processor, pod, down, up: down + seconds * SECOND }
}

/// Memory is full for the first time.
const FULL: i64 = at(14, 4, 40);

/// Memory begins to grow.
const LEAK: i64 = at(13, 44, 0);

const RELEASE: Release = Release { version: "v41", template: "6c9d7f5b84" };

pub(super) const PLAN: Plan = Plan {
    rollouts: &[
        Rollout {
            service: Service::Processor,
            from: RELEASE,
            to: RELEASE,
            pushed: None,
            ends: &[at(14, 36, 30)],
            starts: &[at(14, 36, 34)],
            flickers: &[],
        },
        HARMLESS,
        HARMLESS_AND_LATE,
    ],
    restarts: &[
        // The pods of a service are counted as they are made: first those that a rollout ends and starts.
        killed(0, at(14, 6, 17), 11),
        killed(2, at(14, 7, 2), 12),
        killed(3, at(14, 8, 44), 11),
        killed(0, at(14, 12, 9), 22),
        killed(2, at(14, 12, 31), 21),
        killed(3, at(14, 13, 3), 23),
        killed(0, at(14, 18, 40), 42),
        killed(3, at(14, 18, 52), 43),
        killed(2, at(14, 19, 3), 41),
        killed(2, at(14, 24, 32), 83),
        killed(0, at(14, 24, 45), 84),
        killed(3, at(14, 24, 51), 82),
        killed(0, at(14, 31, 50), 163),
        killed(2, at(14, 32, 1), 161),
        killed(3, at(14, 32, 22), 164),
    ],
    flows: USUAL,
    // It sheds what it has no room for, and collects garbage instead of working.
    faults: &[
        Fault {
            target: MESSAGES,
            course: Course { from: FULL, full: at(14, 12, 0), until: END, percent: 13 },
            effect: Effect::Fail { status: 503, after: (900, 4_000), says: NO_ROOM },
        },
        Fault {
            target: MESSAGES,
            course: Course { from: FULL, full: at(14, 20, 0), until: END, percent: 40 },
            effect: Effect::Slow { by: (30_000, 700_000), says: None },
        },
    ],
    silences: &[],
    says,
    has_kubernetes_events: true,
    alert: Alert { time: at(14, 38, 0), message: None, text: "messages are refused: ingest-gateway reports more than 5 failures a minute" },
    truth: Some(Truth {
        onset: FULL,
        service: Some("message-processor"),
        host: None,
        evidence: &["memory", "OOMKilled"],
        innocent: &["catalog-service", "report-service"],
    }),
};

const MESSAGES: Target = Target { service: Service::Processor, paths: &["/process"], node: None };

const NO_ROOM: Said = Said {
    level: Level::Error,
    logger: "runtime.breaker",
    message: |random: &mut Random| {
        let wanted = 487 + random.between(0, 20);
        format!("circuit breaker: memory for the message would be {wanted} MiB, above the limit of 486 MiB")
    },
    error: Some(("breaker.ErrNoRoom", "")),
    percent: 100,
};

/// Megabytes that a container may use.
const LIMIT: i64 = 512;

/// How full the memory is, once a minute as it always has been, and warnings when it is nearly full.
fn says(fleet: &Fleet, lines: &mut Vec<Line>) {
    chatter::failing_job(fleet, lines);
    for (number, pod) in fleet.pods_of(Service::Processor) {
        let mut random = Random::stream(&format!("memory of {}", pod.name));
        for time in (pod.born + 21 * SECOND..pod.gone).step_by(60_000) {
            let used = used(pod, time) + random.between(-9, 10);
            let objects = random.between(1_000, 9_000);
            let gauge = format!("heap {used} MiB of {LIMIT} MiB after collection, {objects} objects freed");
            lines.push(Line::new(time, number, Level::Debug, "runtime.memory", gauge));
            if used * 100 > 88 * LIMIT {
                let warning =
                    format!("memory is nearly exhausted: {used} MiB of {LIMIT} MiB, collecting every {} ms", random.between(40, 400));
                lines.push(Line::new(time + 800, number, Level::Warn, "runtime.memory", warning));
            }
        }
    }
}

/// Megabytes in use: steady, then growing from the start of the leak or of the container to its next kill.
fn used(pod: &Pod, time: i64) -> i64 {
    const STEADY: i64 = 214;
    let start = pod.downs.iter().map(|(_, up)| *up).filter(|up| *up <= time).max().unwrap_or(LEAK.max(pod.born));
    let Some(next) = pod.downs.iter().map(|(down, _)| *down).filter(|down| *down > time).min() else {
        let grown = if time > LEAK && pod.born > BEGIN { (time - start).max(0) / (6 * SECOND) } else { 0 };
        return (STEADY + grown).min(LIMIT - 70);
    };
    let full = if time < start { 0 } else { (LIMIT - 12 - STEADY) * (time - start) / (next - start).max(1) };
    debug_assert!(time <= END, "the sample ends");
    STEADY + full
}
