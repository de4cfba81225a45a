//! The reports that are kept, newest last, and the alerts that wait for theirs. Knows neither HTTP nor tools.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use elk_mcp_tools::error::ToolError;
use jiff::Timestamp;
use rustls::crypto::ring;

use crate::investigate::{Findings, alert::Alert, render};

/// Reports that are kept, and the bytes of their JSON that are.
const KEPT: usize = 100;
const KEPT_BYTES: usize = 16 << 20;
/// Alerts that may wait or be at work.
const UNDER_WAY: usize = 18;

/// How far a report is.
#[derive(Debug, Clone)]
pub(super) enum State {
    Waiting,
    AtWork,
    Done(Arc<Findings>),
    Failed(ToolError),
}

/// A report, or one to come.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) received: Timestamp,
    pub(super) state: State,
    key: String,
    bytes: usize,
}

impl Entry {
    fn is_under_way(&self) -> bool {
        matches!(self.state, State::Waiting | State::AtWork)
    }
}

/// An alert that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Added {
    pub(super) id: String,
    /// Whether nobody has sent it before.
    pub(super) is_new: bool,
}

/// The reports that are kept.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    entries: Mutex<VecDeque<Entry>>,
}

impl Shelf {
    /// Takes alerts, all or none: none when more would be under way than may be. One that was sent before keeps its report.
    pub(super) fn add(&self, alerts: &[Alert]) -> Option<Vec<Added>> {
        let mut entries = self.lock();
        let known = |entries: &VecDeque<Entry>, key: &str| entries.iter().find(|entry| entry.key == key).map(|entry| entry.id.clone());
        let new = alerts.iter().filter(|alert| known(&entries, &alert.key).is_none()).count();
        let under_way = entries.iter().filter(|entry| entry.is_under_way()).count();
        if new > 0 && under_way + new > UNDER_WAY {
            return None;
        }
        let mut added = Vec::with_capacity(alerts.len());
        for alert in alerts {
            if let Some(id) = known(&entries, &alert.key) {
                added.push(Added { id, is_new: false });
                continue;
            }
            let id = unguessable()?;
            let title = alert.clue.title.clone().unwrap_or_else(|| "alert without a title".to_owned());
            let (key, received) = (alert.key.clone(), Timestamp::now());
            entries.push_back(Entry { id: id.clone(), title, received, state: State::Waiting, key, bytes: 0 });
            added.push(Added { id, is_new: true });
        }
        make_room(&mut entries);
        Some(added)
    }

    /// How far a report has come.
    pub(super) fn set(&self, id: &str, state: State) {
        let bytes = match &state {
            State::Done(findings) => render::json(findings).map_or(0, |json| json.len()),
            State::Waiting | State::AtWork | State::Failed(_) => 0,
        };
        let mut entries = self.lock();
        if let Some(entry) = entries.iter_mut().find(|entry| entry.id == id) {
            (entry.state, entry.bytes) = (state, bytes);
        }
        make_room(&mut entries);
    }

    pub(super) fn get(&self, id: &str) -> Option<Entry> {
        self.lock().iter().find(|entry| entry.id == id).cloned()
    }

    /// All of them, newest first.
    pub(super) fn list(&self) -> Vec<Entry> {
        self.lock().iter().rev().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The oldest go that are not under way, until the rest fits. The newest report stays, however large.
fn make_room(entries: &mut VecDeque<Entry>) {
    while entries.len() > KEPT || entries.iter().map(|entry| entry.bytes).sum::<usize>() > KEPT_BYTES {
        let newest = entries.len().saturating_sub(1);
        match entries.iter().position(|entry| !entry.is_under_way()).filter(|at| *at < newest) {
            Some(at) => drop(entries.remove(at)),
            None => break,
        }
    }
}

/// 128 random bits; none when the system has no random numbers.
fn unguessable() -> Option<String> {
    let mut bytes = [0; 16];
    ring::default_provider().secure_random.fill(&mut bytes).ok()?;
    Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::investigate::Clue;
    use elk_mcp_tools::error::Code;

    fn alert(key: usize) -> Alert {
        Alert { clue: Clue::default(), key: key.to_string() }
    }

    fn failed() -> State {
        State::Failed(ToolError::new(Code::Internal, "x", "y"))
    }

    #[test]
    fn the_same_alert_keeps_its_report() {
        let shelf = Shelf::default();
        let first = shelf.add(&[alert(1)]).unwrap();
        let again = shelf.add(&[alert(1), alert(2)]).unwrap();
        assert_eq!((again[0].is_new, &again[0].id), (false, &first[0].id));
        assert!(again[1].is_new && again[1].id != first[0].id && again[1].id.len() == 32);
    }

    #[test]
    fn more_than_may_be_under_way_are_refused_together() {
        let shelf = Shelf::default();
        let many: Vec<Alert> = (0..UNDER_WAY).map(alert).collect();
        let added = shelf.add(&many).unwrap();
        assert_eq!(shelf.add(&[alert(3), alert(100)]), None);
        assert_eq!(shelf.add(&[alert(3)]).unwrap()[0].id, added[3].id, "what is known already needs no room");
        shelf.set(&added[0].id, failed());
        assert!(shelf.add(&[alert(100)]).is_some());
    }

    #[test]
    fn the_oldest_reports_make_room_and_those_under_way_stay() {
        let shelf = Shelf::default();
        let waiting = shelf.add(&[alert(0)]).unwrap().remove(0);
        let mut last = waiting.clone();
        for key in 1..=KEPT + 5 {
            last = shelf.add(&[alert(key)]).unwrap().remove(0);
            shelf.set(&last.id, failed());
        }
        let kept = shelf.list();
        assert_eq!((kept.len(), &kept[0].id), (KEPT, &last.id));
        assert!(shelf.get(&waiting.id).is_some());
    }
}
