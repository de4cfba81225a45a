//! When it began, read from the answers. Asks nothing.

use jiff::Timestamp;

use super::{
    answers::{Answers, Purpose},
    clue::tidy,
    findings::Onset,
    reading::{Row, number_at, rows, section, text_at, time_at},
    statistics::{CERTAIN, rate_excess},
};

/// The clearest sign is the first call of something that never worked; without one, what comes first of the change log's estimate and
/// the first of many lines that are new.
pub(super) fn onset(answers: &Answers) -> Option<Onset> {
    let answer = |purpose: Purpose| answers.of(purpose).map(|(_, answer)| answer);
    let within = |time: &Timestamp| (answers.start..=answers.end).contains(time);
    let health = answer(Purpose::Health);
    let failing = health.and_then(|health| {
        let failing = section(health, "failing_paths").filter(|row| is_certain(*row, answers));
        let most = failing.max_by_key(|row| row.cell("count").and_then(serde_json::Value::as_u64))?;
        let time = most.time("first_seen").filter(within)?;
        let basis = format!("first call of {}, which {}", tidy(&most.text("path")?), most.text("finding")?);
        Some(Onset { time, earliest: None, latest: None, basis })
    });
    let new_lines = answer(Purpose::Errors).and_then(|errors| {
        let new = rows(errors).filter(|row| row.text("is_new").as_deref() == Some("true") && is_certain(*row, answers));
        let (time, pattern) = new.filter_map(|row| Some((row.time("first_seen")?, row.text("pattern")?))).min()?;
        within(&time)
            .then(|| Onset { time, earliest: None, latest: None, basis: format!("first of the new lines “{}”", tidy(&pattern)) })
    });
    let estimated = answer(Purpose::Changes).and_then(estimated).filter(|onset| within(&onset.time));
    // A rate shows late what a line says early.
    failing.or_else(|| [estimated, new_lines].into_iter().flatten().min_by_key(|onset| onset.time))
}

/// Whether so many against none before are no chance.
fn is_certain(row: Row<'_>, answers: &Answers) -> bool {
    let (now, before) = answers.exposure();
    row.number("count").is_some_and(|count| rate_excess(count, now, 0.0, before) >= CERTAIN)
}

/// The estimate that comes with the changes, where there is one.
fn estimated(changes: &serde_json::Value) -> Option<Onset> {
    let moment = |name: &str| time_at(changes, &["onset", name]);
    let (time, earliest, latest) = (moment("time")?, moment("earliest"), moment("latest"));
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
