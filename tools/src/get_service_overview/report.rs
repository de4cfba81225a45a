//! Judged groups as an answer: the summary, the table, the next call. Knows no look.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::health::{Finding, Health, Past};
use crate::{
    answer::{Cell, Hint, Table},
    look::{Field, Key},
    params::Window,
    schema::Role,
};

/// A group and its two windows.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) key: Key,
    pub(super) now: Health,
    pub(super) before: Option<Health>,
}

/// A group and what its figures amount to.
pub(super) struct Judged {
    pub(super) finding: Finding,
    pub(super) member: Member,
    pub(super) past: Past,
}

/// A path of which no answer in the window told of success.
pub(super) struct FailingPath {
    pub(super) path: String,
    pub(super) services: Vec<String>,
    pub(super) finding: Finding,
    pub(super) now: Health,
    pub(super) past: Past,
}

/// Everything that is known, worst first.
pub(super) struct Report<'r> {
    pub(super) field: &'r Field,
    pub(super) window: Window,
    pub(super) before: Option<Window>,
    pub(super) groups: Vec<Judged>,
    pub(super) paths: Vec<FailingPath>,
}

impl Report<'_> {
    /// The finding in one line.
    pub(super) fn summary(&self) -> String {
        let name = self.field.name();
        let mut parts = Vec::new();
        for group in self.groups.iter().take_while(|group| group.finding <= Finding::AllFailed).take(2) {
            parts.push(told(&group.member.key.text(), group.finding, &group.member.now, group.past));
        }
        for path in self.paths.iter().filter(|path| path.finding == Finding::NeverSucceeded).take(2) {
            parts.push(format!("path {}", told(&path.path, path.finding, &path.now, path.past)));
        }
        let mut counts: BTreeMap<Finding, Vec<String>> = BTreeMap::new();
        for group in &self.groups {
            counts.entry(group.finding).or_default().push(group.member.key.text().into_owned());
        }
        let has_clue = !parts.is_empty();
        for (finding, keys) in counts.iter().filter(|(finding, _)| **finding > Finding::AllFailed || !has_clue) {
            let shown = if keys.len() <= 5 { format!(" ({})", keys.join(", ")) } else { String::new() };
            parts.push(format!("{} {}{shown}", keys.len(), finding.word()));
        }
        format!("{} by {name}: {}", plural(self.groups.len()), if parts.is_empty() { "none".to_owned() } else { parts.join("; ") })
    }

    /// The groups, worst first; at most `top`.
    pub(super) fn table(&self, top: usize) -> Table {
        let any = |test: fn(&Health) -> bool| {
            self.groups.iter().any(|Judged { member, .. }| test(&member.now) || member.before.as_ref().is_some_and(test))
        };
        let has_client = any(|health| health.client_error_rate().is_some_and(|rate| rate > 0.0));
        let has_status = any(|health| !health.statuses.is_empty());
        let has_p95 = any(|health| health.p95_ms.is_some());
        let has_past = self.groups.iter().any(|group| group.past.first_seen.is_some());
        let compares = self.before.is_some();
        let minutes = self.window.seconds() / 60.0;
        let minutes_before = self.before.map_or(minutes, |before| before.seconds() / 60.0);
        let cells = |Judged { finding, member, past }: &Judged| -> Vec<(&'static str, bool, Cell)> {
            let (now, before) = (&member.now, member.before.as_ref());
            vec![
                ("finding", true, Cell::from(finding.word())),
                ("count", true, now.count.into()),
                ("rate_per_min", true, rate(now.count, minutes)),
                ("error_rate", true, rounded(now.error_rate())),
                ("client_error_rate", has_client, rounded(now.client_error_rate())),
                ("status", has_status, statuses(now)),
                ("p95_ms", has_p95, milliseconds(now.p95_ms)),
                ("baseline_rate_per_min", compares, before.map_or(Cell::Null, |before| rate(before.count, minutes_before))),
                ("baseline_error_rate", compares, rounded(before.and_then(Health::error_rate))),
                ("baseline_client_error_rate", compares && has_client, rounded(before.and_then(Health::client_error_rate))),
                ("baseline_p95_ms", compares && has_p95, milliseconds(before.and_then(|before| before.p95_ms))),
                ("first_seen", has_past, past.first_seen.into()),
                ("last_success", has_past, past.last_success.into()),
            ]
        };
        let member = Member { key: Key::Text(String::new()), now: Health::default(), before: None };
        let nobody = Judged { finding: Finding::Fine, member, past: Past::default() };
        let names = cells(&nobody).into_iter().filter(|(_, shown, _)| *shown).map(|(name, ..)| name.to_owned());
        let mut table = Table::new(std::iter::once(self.field.name().to_owned()).chain(names));
        for group in self.groups.iter().take(top) {
            let values = cells(group).into_iter().filter(|(_, shown, _)| *shown).map(|(.., cell)| cell);
            table.push(std::iter::once(Cell::from(&group.member.key)).chain(values).collect());
        }
        table.truncated(u64::try_from(self.groups.len().saturating_sub(top)).unwrap_or(0), "top")
    }

    /// The paths of which nothing in the window succeeded.
    pub(super) fn paths_table(&self) -> Table {
        let mut table = Table::new(["path", "service", "finding", "count", "status", "first_seen", "last_success"]);
        for path in &self.paths {
            table.push(vec![
                Cell::from(path.path.as_str()),
                Cell::from(path.services.clone()),
                Cell::from(path.finding.word()),
                Cell::from(path.now.count),
                statuses(&path.now),
                path.past.first_seen.into(),
                path.past.last_success.into(),
            ]);
        }
        table
    }

    /// The call that goes on from the worst group.
    pub(super) fn hint(&self) -> Option<Hint> {
        let between = |hint: Hint, start: Timestamp| hint.with("start", start.to_string()).with("end", self.window.end().to_string());
        let Judged { finding, member, past } = self.groups.first()?;
        let path = self.paths.iter().find(|path| path.finding == Finding::NeverSucceeded).map(|path| path.past);
        if let Some(past) = path.or((*finding == Finding::NeverSucceeded).then_some(*past)) {
            let first = past.first_seen.unwrap_or(self.window.start());
            let start = first.checked_sub(SignedDuration::from_mins(30)).unwrap_or(first);
            return Some(between(Hint::new("find_changes", "what changed when it began"), start));
        }
        match finding {
            Finding::AllFailed | Finding::Worse | Finding::Failing if *self.field == Field::Role(Role::Service) => {
                let hint = Hint::new("get_error_summary", "what its errors say").with("service", member.key.text().into_owned());
                Some(between(hint, self.window.start()))
            }
            Finding::Slower => Some(between(Hint::new("analyze_latency", "where the time goes"), self.window.start())),
            _ => None,
        }
    }
}

/// A group in the words of the summary.
fn told(name: &str, finding: Finding, now: &Health, past: Past) -> String {
    let statuses: Vec<String> = now.statuses.iter().map(|(status, _)| status.clone()).collect();
    let status = if statuses.is_empty() { String::new() } else { format!(" ({})", statuses.join(", ")) };
    let since = match (finding, past.first_seen, past.last_success) {
        (Finding::NeverSucceeded, Some(first), _) => format!(", never succeeded since first seen {first}"),
        (Finding::NeverSucceeded, None, _) => ", never succeeded".to_owned(),
        (_, _, Some(last)) => format!(", last success {last}"),
        _ => String::new(),
    };
    format!("{name}: {} of {} failed{status}{since}", now.bad().max(now.answers.min(now.count)), now.count)
}

/// Each frequent status with its count; the status alone where it is the only one.
fn statuses(health: &Health) -> Cell {
    match health.statuses.as_slice() {
        [] => Cell::Null,
        [(status, _)] => Cell::from(status.as_str()),
        several => Cell::from(several.iter().map(|(status, count)| format!("{status}×{count}")).collect::<Vec<_>>()),
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of documents")]
fn rate(count: u64, minutes: f64) -> Cell {
    rounded(Some(count as f64 / minutes.max(f64::MIN_POSITIVE)))
}

/// A rate or a share as precise as a reader needs it.
fn rounded(number: Option<f64>) -> Cell {
    number.map(|number| (number * 1e3).round() / 1e3).into()
}

/// To a tenth of a millisecond.
fn milliseconds(number: Option<f64>) -> Cell {
    number.map(|number| (number * 10.0).round() / 10.0).into()
}

fn plural(groups: usize) -> String {
    if groups == 1 { "1 group".to_owned() } else { format!("{groups} groups") }
}
