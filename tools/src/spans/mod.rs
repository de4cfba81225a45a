//! Spans of traces as a forest, and what follows from it: self time, the critical path, clocks that differ. Knows no
//! tool and no engine.

mod critical;
mod forest;
mod skew;

pub use critical::{Leg, critical_path};
pub use forest::Forest;
pub use skew::{Skew, skews};

use crate::{look::Hit, schema::Role};

/// A timed operation of one service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Span {
    /// Its id; unique in its trace.
    pub id: String,
    /// The id of the span that caused it; none for a root.
    pub parent: Option<String>,
    /// Which service.
    pub service: String,
    /// What it is called.
    pub name: String,
    /// When it began, in nanoseconds since the epoch.
    pub start_ns: i64,
    /// How long it took, in nanoseconds.
    pub duration_ns: i64,
}

/// What has to be fetched of a document to read a span from it.
pub const SPAN_ROLES: [Role; 5] = [Role::Service, Role::SpanId, Role::ParentSpanId, Role::SpanName, Role::Duration];

impl Span {
    /// When it ended, in nanoseconds since the epoch.
    pub fn end_ns(&self) -> i64 {
        self.start_ns.saturating_add(self.duration_ns)
    }

    /// Reads a document; none where it is no span, or lacks time, id or duration.
    pub fn read(hit: &Hit<'_>) -> Option<Self> {
        let time = hit.time.filter(|_| hit.is_span)?;
        let duration_ms = hit.number(Role::Duration).filter(|ms| ms.is_finite() && *ms >= 0.0)?;
        let text = |role| hit.text(role).map(|text| text.into_owned()).filter(|text| !text.is_empty());
        #[expect(clippy::cast_possible_truncation, reason = "saturates at 292 years")]
        let duration_ns = (duration_ms * 1e6).round() as i64;
        Some(Self {
            id: text(Role::SpanId)?,
            // Some exporters write a root's parent as zeros.
            parent: text(Role::ParentSpanId).filter(|parent| parent.bytes().any(|byte| byte != b'0')),
            service: text(Role::Service).unwrap_or_else(|| "?".to_owned()),
            name: text(Role::SpanName).unwrap_or_else(|| "?".to_owned()),
            start_ns: nanoseconds(time),
            duration_ns,
        })
    }
}

/// A moment in nanoseconds since the epoch; saturates outside the years 1677 to 2262.
pub fn nanoseconds(time: jiff::Timestamp) -> i64 {
    let nanoseconds = time.as_nanosecond();
    i64::try_from(nanoseconds).unwrap_or(if nanoseconds < 0 { i64::MIN } else { i64::MAX })
}

/// Nanoseconds as milliseconds.
#[expect(clippy::cast_precision_loss, reason = "exact for 104 days, and shown with six digits")]
pub fn milliseconds(nanoseconds: i64) -> f64 {
    nanoseconds as f64 / 1e6
}

/// Milliseconds in words: with no more decimals than mean something.
pub fn short(ms: f64) -> String {
    if ms >= 100.0 { format!("{ms:.0}") } else { format!("{}", (ms * 100.0).round() / 100.0) }
}

#[cfg(test)]
mod tests {
    use super::Span;

    /// `id parent service start duration`, in milliseconds; `-` for no parent.
    pub(crate) fn spans(lines: &[&str]) -> Vec<Span> {
        lines
            .iter()
            .map(|line| {
                let part: Vec<&str> = line.split(' ').collect();
                let ns = |text: &str| text.parse::<i64>().unwrap() * 1_000_000;
                Span {
                    id: part[0].to_owned(),
                    parent: (part[1] != "-").then(|| part[1].to_owned()),
                    service: part[2].to_owned(),
                    name: part[0].to_owned(),
                    start_ns: ns(part[3]),
                    duration_ns: ns(part[4]),
                }
            })
            .collect()
    }
}
