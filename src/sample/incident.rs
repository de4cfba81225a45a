//! What goes wrong in the sample incident: the route that the new version takes over and does not serve. The clue that a story starts
//! from is public; the answers have to be found in the documents.

use super::clock::{at, rfc3339};
use super::fleet::{Fleet, Service};
use super::line::{Level, Line, uuid};

/// When the alert fires.
pub(super) const ALERT: i64 = at(14, 52, 57);
/// The message that the alert names.
pub(super) const LOST_MESSAGE: u128 = 0x7f3c_21d4_9b1e_4c55_a1d2_6e0f_8b7c_3a94;
/// When the gateway accepts it.
pub(super) const LOST_MESSAGE_ACCEPTED: i64 = at(14, 52, 41) + 318;
/// The trace that it becomes part of.
pub(super) const LOST_TRACE: u128 = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736;
/// From here on the gateway sends alerts to `/alert`.
pub(super) const ROUTED: i64 = at(14, 41, 10);

/// When the alert fires, RFC 3339.
#[must_use]
pub fn alert_time() -> String {
    rfc3339(ALERT)
}

/// When the sample ends, RFC 3339: right after its last document.
#[must_use]
pub fn end_time() -> String {
    rfc3339(at(15, 0, 0))
}

/// The id of the message that the alert names: all that is known at the start.
#[must_use]
pub fn message_id() -> String {
    uuid(LOST_MESSAGE)
}

/// Each gateway learns of the new route from the new version.
pub(super) fn routes(fleet: &Fleet, lines: &mut Vec<Line>) {
    for ((number, _), delay) in fleet.pods_of(Service::Gateway).zip([0, 1730, 3410]) {
        let message = "route table refreshed from message-processor v42: event and order go to /process, alert goes to /alert";
        lines.push(Line::new(ROUTED - 4000 + delay, number, Level::Info, "gateway.routes", message));
    }
}
