//! The timeline as a drawing: one lane a kind, one numbered mark an event, the time since the onset shaded. Decides nothing.

use std::fmt::{self, Write as _};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::html::Escaped;
use crate::investigate::findings::{Event, EventKind, Findings};

/// Left and right of the drawing, where marks at the edge need room.
const MARGIN: f64 = 16.0;
/// Radius of a mark, and the distance at which two marks do not touch.
const RADIUS: f64 = 10.0;
const APART: f64 = 23.0;
/// Height of a row of marks, of the space above a lane with its name, and of the head with the onset's time.
const ROW: f64 = 25.0;
const LANE_HEAD: f64 = 20.0;
const HEAD: f64 = 24.0;
/// The least distance of two ticks.
const TICKS_APART: f64 = 64.0;
/// Steps of ticks, in minutes.
const STEPS: [i64; 11] = [1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 1_440];

const LANES: [(&str, &[EventKind]); 3] =
    [("changes", &[EventKind::Change]), ("failures", &[EventKind::Failure]), ("clue", &[EventKind::Clue, EventKind::Alert])];

/// A row of marks: events and their numbers.
type Row<'e> = Vec<(usize, &'e Event)>;

/// A time axis of a width.
struct Axis {
    start: Timestamp,
    seconds: f64,
    width: f64,
}

impl Axis {
    fn x(&self, time: Timestamp) -> f64 {
        let share = time.duration_since(self.start).as_secs_f64() / self.seconds;
        MARGIN + share.clamp(0.0, 1.0) * (self.width - 2.0 * MARGIN)
    }
}

/// The drawing in `width` units, for which its text is sized; nothing where nothing happened.
pub(super) fn timeline(findings: &Findings, width: f64, class: &str) -> Result<String, fmt::Error> {
    let mut out = String::new();
    let times = findings.timeline.iter().map(|event| event.time).chain(findings.onset.as_ref().map(|onset| onset.time));
    let Some(first) = times.clone().min() else { return Ok(out) };
    let end = times.max().map_or(findings.window.end, |last| last.max(findings.window.end));
    let seconds = end.duration_since(first).as_secs_f64().max(60.0);
    let axis = Axis { start: first, seconds, width };
    let lanes: Vec<(&str, Vec<Row<'_>>)> = LANES
        .iter()
        .map(|(name, kinds)| {
            let events = findings.timeline.iter().enumerate().filter(|(_, event)| kinds.contains(&event.kind));
            (*name, rows(events.map(|(at, event)| (at + 1, event)), &axis))
        })
        .filter(|(_, rows)| !rows.is_empty())
        .collect();
    #[expect(clippy::cast_precision_loss, reason = "a few rows")]
    let height = HEAD + lanes.iter().map(|(_, rows)| LANE_HEAD + rows.len() as f64 * ROW).sum::<f64>() + 26.0;
    write!(out, r#"<svg class="{class}" viewBox="0 0 {width} {height:.0}" role="img" aria-label="timeline of the incident">"#)?;
    ticks(&mut out, &axis, first, end, height)?;
    if let Some(onset) = &findings.onset {
        let (x, right) = (axis.x(onset.time), axis.x(end));
        let (low, high) = (onset.earliest.map_or(x, |time| axis.x(time)), onset.latest.map_or(x, |time| axis.x(time)));
        write!(out, r#"<rect class="region" x="{x:.1}" y="{HEAD}" width="{:.1}" height="{:.1}"/>"#, right - x, height - HEAD - 22.0)?;
        if high - low > 2.0 {
            write!(out, r#"<rect class="region" x="{low:.1}" y="{HEAD}" width="{:.1}" height="6"/>"#, high - low)?;
        }
        write!(out, r#"<line class="onset" x1="{x:.1}" x2="{x:.1}" y1="{HEAD}" y2="{:.1}"/>"#, height - 22.0)?;
        let (anchor, shift) = if x > width * 0.6 { (" end", -5.0) } else { ("", 5.0) };
        write!(out, r#"<text class="onset-text{anchor}" x="{:.1}" y="16">began {}</text>"#, x + shift, onset.time.strftime("%H:%M:%SZ"))?;
    }
    let mut top = HEAD;
    for (name, rows) in &lanes {
        write!(out, r#"<text x="{MARGIN}" y="{:.1}">{name}</text>"#, top + 14.0)?;
        top += LANE_HEAD;
        for row in rows {
            for (number, event) in row {
                mark(&mut out, *number, event, &axis, top + ROW / 2.0)?;
            }
            top += ROW;
        }
    }
    out.push_str("</svg>");
    Ok(out)
}

/// Events in as many rows as they need to stand side by side.
fn rows<'e>(events: impl Iterator<Item = (usize, &'e Event)>, axis: &Axis) -> Vec<Row<'e>> {
    let mut rows: Vec<(f64, Row<'_>)> = Vec::new();
    for (number, event) in events {
        let (x, right) = (axis.x(event.time), axis.x(event.until.unwrap_or(event.time)));
        match rows.iter_mut().find(|(taken, _)| x - *taken >= APART) {
            Some((taken, row)) => {
                *taken = right;
                row.push((number, event));
            }
            None => rows.push((right, vec![(number, event)])),
        }
    }
    rows.into_iter().map(|(_, row)| row).collect()
}

fn ticks(out: &mut String, axis: &Axis, first: Timestamp, end: Timestamp, height: f64) -> fmt::Result {
    let room = (axis.width - 2.0 * MARGIN) / TICKS_APART;
    let minutes = axis.seconds / 60.0;
    #[expect(clippy::cast_precision_loss, reason = "minutes of a day")]
    let step = STEPS.iter().copied().find(|step| minutes / *step as f64 <= room).unwrap_or(1_440) * 60;
    let mut at = first.as_second().div_euclid(step) * step;
    while at <= end.as_second() {
        if let Ok(time) = Timestamp::from_second(at)
            && time >= first
        {
            let x = axis.x(time);
            let local = time.to_zoned(TimeZone::UTC);
            let anchor = if x < 34.0 {
                ""
            } else if x > axis.width - 34.0 {
                " end"
            } else {
                " middle"
            };
            let label = if step >= 86_400 { local.strftime("%m-%d").to_string() } else { local.strftime("%H:%M").to_string() };
            write!(out, r#"<line class="tick" x1="{x:.1}" x2="{x:.1}" y1="{HEAD}" y2="{:.1}"/>"#, height - 22.0)?;
            write!(out, r#"<text class="axis{anchor}" x="{x:.1}" y="{:.1}">{label}</text>"#, height - 7.0)?;
        }
        at += step;
    }
    Ok(())
}

fn mark(out: &mut String, number: usize, event: &Event, axis: &Axis, y: f64) -> fmt::Result {
    let x = axis.x(event.time);
    let inside = if event.in_chain { " in" } else { "" };
    write!(out, r#"<g class="{}{inside}"><title>{} {}</title>"#, event.kind.word(), event.time, Escaped(&event.text))?;
    if let Some(until) = event.until.filter(|until| until.duration_since(event.time) > SignedDuration::from_secs(1)) {
        write!(out, r#"<line class="bar" x1="{x:.1}" x2="{:.1}" y1="{y:.1}" y2="{y:.1}"/>"#, axis.x(until).max(x + RADIUS))?;
    }
    write!(out, r#"<circle class="dot" cx="{x:.1}" cy="{y:.1}" r="{RADIUS}"/>"#)?;
    write!(out, r#"<text class="dot-text" x="{x:.1}" y="{:.1}">{number}</text></g>"#, y + 4.0)
}
