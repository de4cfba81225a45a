//! When it began, read from the answers. Asks nothing.

use jiff::{SignedDuration, Timestamp};

use super::{
    answers::{Answers, Made, Purpose},
    clue::tidy,
    findings::Onset,
    reading::{Row, number_at, rows, section, text_at, time_at},
    statistics::{CERTAIN, rate_excess},
};

/// The clearest sign first: the first call of something that never worked, then what the change log estimates, then the first of
/// many errors that are new.
pub(super) fn onset(made: &[Made], answers: &Answers) -> Option<Onset> {
    let answer = |purpose: Purpose| made.iter().find(|made| made.purpose == purpose).and_then(|made| made.result.as_ref().ok());
    let within = |time: &Timestamp| (answers.start..=answers.end).contains(time);
    let health = answer(Purpose::Health);
    let failing = health.and_then(|health| {
        let failing = section(health, "failing_paths").filter(|row| is_certain(*row, answers));
        let most = failing.max_by_key(|row| row.cell("count").and_then(serde_json::Value::as_u64))?;
        let time = most.time("first_seen").filter(within)?;
        let basis = format!("first call of {}, which {}", tidy(&most.text("path")?), most.text("finding")?);
        Some(Onset { time, earliest: None, latest: None, basis })
    });
    failing.or_else(|| answer(Purpose::Changes).and_then(estimated).filter(|onset| within(&onset.time))).or_else(|| {
        let errors = answer(Purpose::Errors)?;
        let new = rows(errors).filter(|row| row.text("is_new").as_deref() == Some("true") && is_certain(*row, answers));
        let (time, pattern) = new.filter_map(|row| Some((row.time("first_seen")?, row.text("pattern")?))).min()?;
        within(&time)
            .then(|| Onset { time, earliest: None, latest: None, basis: format!("first of the new errors “{}”", tidy(&pattern)) })
    })
}

/// Whether so many against none before are no chance.
fn is_certain(row: Row<'_>, answers: &Answers) -> bool {
    row.number("count").is_some_and(|count| rate_excess(count, answers.minutes(), 0.0, answers.minutes()) >= CERTAIN)
}

/// The estimate that comes with the changes, where there is one.
fn estimated(changes: &serde_json::Value) -> Option<Onset> {
    let first = |names: &[&str]| names.iter().find_map(|name| time_at(changes, &["onset", name]));
    let time = first(&["time", "estimate", "at"])?;
    // An interval is given with its last moment; a start that is too long ago says nothing.
    let earliest =
        first(&["earliest", "start", "from", "low"]).filter(|earliest| time.duration_since(*earliest) < SignedDuration::from_hours(6));
    let latest = first(&["latest", "end", "to", "high"]);
    let of = text_at(changes, &["onset", "of"]).map_or_else(|| "the share of failures".to_owned(), tidy);
    let level = |unit: &str| {
        let at = |when: &str| number_at(changes, &["onset", &format!("{when}_{unit}")]);
        Some((at("before")?, at("after")?))
    };
    let basis = match (level("percent"), level("ms")) {
        (Some((before, after)), _) => format!("{of} rose from {before} to {after} %"),
        (None, Some((before, after))) => format!("{of} rose from {before} to {after} ms"),
        (None, None) => format!("{of} rose"),
    };
    Some(Onset { time, earliest, latest, basis })
}
