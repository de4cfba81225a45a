//! Changes as the rows of an answer: the most telling are kept, in the order of time. Knows no look.

use std::{cmp::Reverse, collections::BTreeMap};

use jiff::Timestamp;

use super::{
    audit::Event,
    cluster::Told,
    kind::Kind,
    rollout::{Changed, Rollout, Swap, Turn, Turned, difference},
    trouble::{Trouble, clock, rough},
};
use crate::{
    answer::{Answer, Cell, Hint, Section, Table},
    mining::headline,
    params::Window,
    schema::{Role, Schema},
};

/// Reasons of Kubernetes events that the summary names.
const REASONS: usize = 4;

/// Characters of a Kubernetes event's message that are shown.
const MESSAGE: usize = 120;

/// Characters of an event's evidence that the summary shows.
const NAMED: usize = 80;

/// About how many tokens a row takes, so that the least telling can be left out before the rows are ordered by time.
pub(super) const TOKENS_OF_ROW: u32 = 55;

/// All that changed in a window.
pub(super) struct Report {
    pub(super) window: Window,
    pub(super) changed: Vec<Changed>,
    pub(super) swaps: Vec<Swap>,
    pub(super) rollouts: Vec<Rollout>,
    /// Services that were scaled, or restart over and over.
    pub(super) turns: Vec<Turn>,
    pub(super) events: Vec<Event>,
    /// What Kubernetes told.
    pub(super) happened: Vec<Told>,
    /// What the changes are held against.
    pub(super) trouble: Option<Trouble>,
}

struct Row {
    kind: Kind,
    role: Role,
    value: String,
    change: &'static str,
    time: Timestamp,
    /// When it was complete.
    end: Timestamp,
    service: Option<String>,
    evidence: String,
}

impl Report {
    /// The answer, with at most so many rows.
    pub(super) fn answer(&self, schema: &Schema, wants: &dyn Fn(Kind) -> bool, most: usize) -> Answer {
        let mut rows: Vec<Row> = self.rollouts.iter().map(|rollout| self.rollout(rollout)).collect();
        rows.extend(self.turns.iter().map(turn));
        rows.extend(self.events.iter().map(event));
        rows.extend(self.happened.iter().map(happened));
        rows.extend(self.swaps.iter().map(swap));
        rows.extend(self.changed.iter().flat_map(changed));
        rows.retain(|row| wants(row.kind));
        rows.sort_by_key(|row| (row.kind.weight(), row.time));
        let left = rows.len().saturating_sub(most);
        rows.truncate(most);
        rows.sort_by_key(|row| row.time);
        let mut table = Table::new(["time", "kind", "change", "value", "field", "evidence", "lead_s", "score"]);
        let shown = schema.shown(Role::ALL);
        let likeliest = self.likeliest(&rows);
        for row in rows {
            let (lead_s, score) = self.weighed(&row);
            let field = match row.role {
                Role::Image => {
                    [Role::Image, Role::ImageTag].iter().filter_map(|role| shown.get(role.name())).cloned().collect::<Vec<_>>().join(":")
                }
                role => shown.get(role.name()).cloned().unwrap_or_default(),
            };
            table.push(vec![
                Cell::from(row.time),
                Cell::from(row.kind.word()),
                Cell::from(row.change),
                Cell::from(row.value),
                Cell::from(field),
                Cell::from(row.evidence),
                Cell::from(lead_s),
                Cell::from(score),
            ]);
        }
        let left = u64::try_from(left).unwrap_or(u64::MAX);
        let summary = format!("{}{}", self.summary(wants), likeliest.unwrap_or_default());
        let mut answer = Answer::new(summary).window(self.window).table(table.truncated(left, "max_tokens"));
        match &self.trouble {
            Some(trouble) => answer = answer.section(onset(trouble)),
            None => answer = answer.note("no onset of errors or slowness stands out: how close a change lies to it is not weighed"),
        }
        answer.hint(self.hint())
    }

    /// How many seconds before the onset a row lies, and its score; nothing where there is no onset.
    fn weighed(&self, row: &Row) -> (Option<i64>, Option<f64>) {
        let Some(trouble) = &self.trouble else { return (None, None) };
        let touches = trouble.touches(row.service.as_deref(), &row.value) || trouble.touches(None, &row.evidence);
        (Some(trouble.lead_s(row.time, row.end)), trouble.score(row.time, row.end, touches))
    }

    /// The onset in words, and the change that chance explains least.
    fn likeliest(&self, rows: &[Row]) -> Option<String> {
        let trouble = self.trouble.as_ref()?;
        let scored = rows.iter().filter_map(|row| Some((row, self.weighed(row).1?)));
        // Of equals the one that says more, then the later one.
        let best = scored.max_by(|(a, of_a), (b, of_b)| {
            of_a.total_cmp(of_b).then_with(|| b.kind.weight().cmp(&a.kind.weight())).then_with(|| a.time.cmp(&b.time))
        });
        let closest = best.map_or_else(
            || "no change lies before it".to_owned(),
            |(row, score)| {
                let lead = match trouble.lead_s(row.time, row.end) {
                    0 => "at the onset".to_owned(),
                    lead => format!("{} before", span(lead)),
                };
                let what = if row.change == "event" { head(&row.evidence, NAMED) } else { row.change };
                format!("least by chance: {} {} {what}, {lead} (score {score})", row.kind.word(), row.value)
            },
        );
        Some(format!("; {}; {closest}", trouble.told()))
    }

    fn summary(&self, wants: &dyn Fn(Kind) -> bool) -> String {
        let mut parts: Vec<String> = Vec::new();
        if wants(Kind::Deployment) {
            parts.extend(self.rollouts.iter().map(|rollout| {
                let rolling = if rollout.gone.is_empty() { "" } else { "rolling " };
                format!("{rolling}deployment of {} {}", rollout.service, self.told(rollout))
            }));
            parts.extend(self.turns.iter().map(|turn| format!("{} {}", turn.service, turned(turn))));
        }
        // Who pushed what, where it is what was then deployed.
        parts.extend(self.events.iter().filter(|event| self.is_deployed(event)).map(|event| {
            format!("{} {} {} by {}", clock(event.first), event.action, event.target, event.user.as_deref().unwrap_or("unknown"))
        }));
        let others = self.events.len() - self.events.iter().filter(|event| self.is_deployed(event)).count();
        if others > 0 {
            parts.push(format!("{others} {}audit events", if parts.is_empty() { "" } else { "other " }));
        }
        if !self.happened.is_empty() {
            parts.push(format!("Kubernetes: {}", self.reasons()));
        }
        for kind in Kind::SEEN.into_iter().filter(|kind| wants(*kind)) {
            let count = |test: fn(&&Changed) -> bool| self.changed.iter().filter(|changed| changed.kind == kind).filter(test).count();
            let (came, went) = (count(|changed| changed.fate.appeared), count(|changed| changed.fate.vanished));
            if came + went > 0 {
                parts.push(format!("{} +{came} −{went}", kind.word()));
            }
        }
        if parts.is_empty() {
            "nothing appeared, vanished or was replaced, and no audit event changed anything".to_owned()
        } else {
            parts.join("; ")
        }
    }

    /// The most telling reasons of Kubernetes events, with how often they came.
    fn reasons(&self) -> String {
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        self.happened.iter().for_each(|told| *counts.entry(&told.reason).or_default() += told.count);
        let mut counts: Vec<(&str, u64)> = counts.into_iter().collect();
        counts.sort_by_key(|(_, count)| Reverse(*count));
        let shown: Vec<String> = counts.iter().take(REASONS).map(|(reason, count)| format!("{reason} ×{count}")).collect();
        let further = if counts.len() > REASONS { ", …" } else { "" };
        format!("{}{further}", shown.join(", "))
    }

    /// A rollout in words: its interval, its pods, and what took the place of what.
    fn told(&self, rollout: &Rollout) -> String {
        let (gone, short, new) = (rollout.gone.len(), rollout.short_lived.len(), rollout.new.len());
        let has_pods = gone + short + new > 0;
        let mut parts = Vec::new();
        if has_pods {
            parts.push(format!("{gone} {} gone", if gone == 1 { "pod" } else { "pods" }));
        }
        if short > 0 {
            let minute = rollout.short_lived.iter().all(|pod| pod.lived().as_secs() < 60);
            parts.push(format!("{short} lived under {}", if minute { "a minute" } else { "3 minutes" }));
        }
        if has_pods {
            parts.push(format!("{new} new"));
        }
        for swap in rollout.swaps(&self.swaps) {
            parts.push(format!("{} {}", swap.kind.word(), difference(&swap.from, &swap.to)));
        }
        format!("{}–{}: {}", clock_bare(rollout.start), clock(rollout.end), parts.join(", "))
    }

    fn rollout(&self, rollout: &Rollout) -> Row {
        let pushed = self.events.iter().filter(|event| self.brought(event, rollout));
        let pushed: Vec<String> = pushed.map(|event| format!("; {} {} at {}", event.action, event.target, clock(event.first))).collect();
        Row {
            kind: Kind::Deployment,
            role: if rollout.gone.is_empty() { Role::Version } else { Role::Pod },
            value: rollout.service.clone(),
            change: "replaced",
            time: rollout.start,
            end: rollout.end,
            service: Some(rollout.service.clone()),
            evidence: format!("{}{}", self.told(rollout), pushed.concat()),
        }
    }

    fn is_deployed(&self, event: &Event) -> bool {
        self.rollouts.iter().any(|rollout| self.brought(event, rollout))
    }

    /// Whether an event names the very image or version that a rollout brought, and came before it ended.
    fn brought(&self, event: &Event, rollout: &Rollout) -> bool {
        let Some((name, tag)) = event.target.rsplit_once(':') else { return false };
        event.first <= rollout.end
            && rollout.swaps(&self.swaps).iter().any(|swap| match swap.kind {
                Kind::Image => swap.to.ends_with(&event.target),
                _ => swap.to == tag && rollout.service.contains(name),
            })
    }

    /// What behaves differently since the last deployment.
    fn hint(&self) -> Option<Hint> {
        let last = self.rollouts.last().filter(|rollout| rollout.end < self.window.end())?;
        let hint = Hint::new("get_service_overview", "which endpoints fail since the deployment").with("group_by", "path");
        Some(hint.with("service", last.service.as_str()).with("start", last.end.to_string()).with("end", self.window.end().to_string()))
    }
}

fn event(event: &Event) -> Row {
    let target = match event.kind {
        Kind::Kubernetes if !event.target.is_empty() => format!("{}/{}", event.provider, event.target),
        _ => event.target.clone(),
    };
    let mut evidence: Vec<String> = (!target.is_empty()).then_some(target).into_iter().collect();
    evidence.extend(event.user.as_ref().map(|user| format!("by {user}")));
    evidence.extend(event.provider.strip_suffix(".amazonaws.com").map(|service| format!("in {service}")));
    evidence.extend(event.failed.then(|| "refused or failed".to_owned()));
    evidence.extend((event.count > 1).then(|| format!("{} times until {}", event.count, clock(event.last))));
    Row {
        kind: event.kind,
        role: Role::Action,
        value: event.action.clone(),
        change: "event",
        time: event.first,
        end: event.first,
        service: None,
        evidence: evidence.join(" "),
    }
}

fn happened(told: &Told) -> Row {
    let mut evidence = told.object.clone();
    if told.others > 0 {
        evidence.push_str(&format!(" and {} more", told.others));
    }
    let message = head(headline(&told.message), MESSAGE);
    if !message.is_empty() {
        evidence.push_str(&format!(": {message}"));
    }
    if told.count > 1 {
        evidence.push_str(&format!("; {} times until {}", told.count, clock(told.last)));
    }
    if told.before > 0 {
        evidence.push_str(&format!("; {} before the window", told.before));
    }
    Row {
        kind: Kind::KubernetesEvent,
        role: Role::Reason,
        value: told.reason.clone(),
        change: "event",
        time: told.first,
        end: told.first,
        service: told.service.clone(),
        evidence,
    }
}

/// What became of a service, in words.
fn turned(turn: &Turn) -> String {
    let Turn { pods, start, end, .. } = turn;
    let when = format!("{}–{}", clock_bare(*start), clock(*end));
    match turn.what {
        Turned::ScaledUp => format!("scaled up: {pods} pods came {when}, none went"),
        Turned::ScaledDown => format!("scaled down: {pods} pods went {when}, none came"),
        Turned::Restarting { longest } => format!("restarts: {pods} pods came and went {when}, each within {} s", longest.as_secs()),
    }
}

fn turn(turn: &Turn) -> Row {
    Row {
        kind: Kind::Deployment,
        role: Role::Pod,
        value: turn.service.clone(),
        change: "event",
        time: turn.start,
        // What goes on has begun with its first pod.
        end: if matches!(turn.what, Turned::Restarting { .. }) { turn.start } else { turn.end },
        service: Some(turn.service.clone()),
        evidence: turned(turn),
    }
}

fn swap(swap: &Swap) -> Row {
    let of = swap.service.as_ref().map_or(String::new(), |service| format!("{service}, "));
    Row {
        kind: swap.kind,
        role: swap.kind.role().unwrap_or(Role::Service),
        value: format!("{} → {}", swap.from, swap.to.rsplit('/').next().unwrap_or(&swap.to)),
        change: "replaced",
        time: swap.to_first,
        end: swap.to_first,
        service: swap.service.clone(),
        evidence: format!("{of}old one last seen {}", clock(swap.from_last)),
    }
}

/// A row for its coming, and one for its going.
fn changed(changed: &Changed) -> Vec<Row> {
    let seen = &changed.seen;
    let mut evidence: Vec<String> = seen.service.iter().filter(|_| changed.kind != Kind::Service).cloned().collect();
    evidence.push(format!("{} {}", seen.count, if seen.count == 1 { "document" } else { "documents" }));
    if changed.fate.appeared && changed.fate.vanished {
        evidence.push(format!("lived {} s", seen.lived().as_secs()));
    }
    let evidence = evidence.join(", ");
    let row = |change, time| Row {
        kind: changed.kind,
        role: changed.kind.role().unwrap_or(Role::Service),
        value: seen.value.clone(),
        change,
        time,
        end: time,
        service: if changed.kind == Kind::Service { Some(seen.value.clone()) } else { seen.service.clone() },
        evidence: evidence.clone(),
    };
    let came = changed.fate.appeared.then(|| row("appeared", seen.first));
    came.into_iter().chain(changed.fate.vanished.then(|| row("vanished", seen.last))).collect()
}

/// When the trouble began, and what says so.
fn onset(trouble: &Trouble) -> Section {
    let level = |value: f64| Cell::from(rough(value * 100.0));
    Section::object(
        "onset",
        [
            ("time", Cell::from(trouble.onset)),
            ("earliest", Cell::from(trouble.earliest)),
            ("latest", Cell::from(trouble.latest)),
            ("end", Cell::from(trouble.end)),
            ("of", Cell::from(trouble.what.as_str())),
            ("before_percent", level(trouble.before)),
            ("after_percent", level(trouble.after)),
            ("g2", Cell::from(trouble.g2.round())),
            ("services", Cell::from(trouble.suspects.iter().cloned().collect::<Vec<_>>())),
        ],
    )
}

fn head(text: &str, most: usize) -> &str {
    text.char_indices().nth(most).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

/// Seconds in words.
fn span(seconds: i64) -> String {
    if seconds < 120 { format!("{seconds} s") } else { format!("{} min", (seconds + 30) / 60) }
}

fn clock_bare(time: Timestamp) -> String {
    time.strftime("%H:%M:%S").to_string()
}
