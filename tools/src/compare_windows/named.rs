//! Whom error lines name: evidence against a service, and all there is against one that writes nothing itself. Knows lines; knows no search.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    sample::Sample,
    windows::{INCIDENT, Windows},
};
use crate::mining::{
    mention::{Naming, Services},
    statistics::{CLEAR_Z, rate_change},
};

/// Distinct error lines that are read for names; a fault writes few kinds of line, and an id in each does not hide whom they name.
const MOST_COMPLAINTS: usize = 2_000;

/// Distinct error lines with their writers.
#[derive(Default)]
pub(super) struct Complaints {
    list: Vec<(usize, String)>,
    number_of: HashMap<(usize, String), usize>,
}

impl Complaints {
    /// The number of an error line; none where there are too many already.
    pub(super) fn note(&mut self, writer: usize, line: &str) -> Option<usize> {
        let key = (writer, line.to_owned());
        if let Some(known) = self.number_of.get(&key) {
            return Some(*known);
        }
        if self.list.len() >= MOST_COMPLAINTS {
            return None;
        }
        self.list.push(key.clone());
        self.number_of.insert(key, self.list.len() - 1);
        Some(self.list.len() - 1)
    }

    /// Whom each of them names.
    pub(super) fn names(&self, services: &[String]) -> Vec<Vec<String>> {
        let known = Services::of(services.iter().map(String::as_str));
        let names = |(writer, line): &(usize, String)| {
            let mentions = known.mentioned(services.get(*writer).map_or("", String::as_str), line);
            mentions.into_iter().filter(|mention| mention.naming > Naming::Word).map(|mention| mention.service.to_owned()).collect()
        };
        self.list.iter().map(names).collect()
    }
}

/// How many traces have error lines of others that name a service.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Blame {
    pub(super) here: u32,
    pub(super) there: u32,
    z: f64,
}

/// Whom error lines name clearly more often than before, by name.
pub(super) fn blamed(sample: &Sample, windows: &Windows) -> BTreeMap<String, Blame> {
    let mut counts: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    let mut all = (0_u32, 0_u32);
    for trace in &sample.traces {
        let is_here = trace.window == INCIDENT;
        *(if is_here { &mut all.0 } else { &mut all.1 }) += 1;
        let names: BTreeSet<&str> = trace.named.iter().map(String::as_str).collect();
        for name in names {
            let (here, there) = counts.entry(name).or_default();
            *(if is_here { here } else { there }) += 1;
        }
    }
    // Without a trace on a side its length says how much there could have been.
    let (here_all, there_all) = if all.0 > 0 && all.1 > 0 { (f64::from(all.0), f64::from(all.1)) } else { (1.0, windows.times()) };
    let blame = |(name, (here, there)): (&str, (u32, u32))| {
        let z = rate_change(f64::from(here), here_all, f64::from(there), there_all).z;
        (z >= CLEAR_Z).then(|| (name.to_owned(), Blame { here, there, z }))
    };
    counts.into_iter().filter_map(blame).collect()
}

/// The services that others name and that no request reaches any more: it is not their callers that changed.
pub(super) fn silenced(sample: &Sample, blamed: &BTreeMap<String, Blame>) -> BTreeSet<usize> {
    let here = || sample.traces.iter().filter(|trace| trace.window == INCIDENT);
    let is_silent = |number: &usize| !here().any(|trace| trace.reached.binary_search(number).is_ok());
    (0..sample.services.len()).filter(|number| blamed.contains_key(sample.service(*number))).filter(is_silent).collect()
}

/// The most blamed of those that are not told otherwise.
pub(super) fn most_blamed(blamed: &BTreeMap<String, Blame>, is_told: impl Fn(&str) -> bool) -> Option<(&str, Blame)> {
    let others = blamed.iter().filter(|(name, _)| !is_told(name));
    others.max_by(|(_, a), (_, b)| a.z.total_cmp(&b.z)).map(|(name, blame)| (name.as_str(), *blame))
}

#[cfg(test)]
mod tests {
    use super::{super::sample::Trace, *};

    fn windows() -> Windows {
        let window = |start: &str, end: &str| crate::params::Window::new(start.parse().unwrap(), end.parse().unwrap()).unwrap();
        Windows {
            incident: window("2026-03-25T14:50:00Z", "2026-03-25T14:55:00Z"),
            baseline: window("2026-03-25T14:00:00Z", "2026-03-25T14:50:00Z"),
            count: 10,
        }
    }

    fn sample(here: usize, there: usize) -> Sample {
        let trace = |window: usize, named: bool| Trace {
            window,
            named: if named { vec!["pay".to_owned(); 2] } else { Vec::new() },
            reached: vec![0],
            ..Trace::default()
        };
        let mut traces: Vec<Trace> = (0..40).map(|n| trace(INCIDENT, n < here)).collect();
        traces.extend((0..400).map(|n| trace(1, n < there)));
        Sample { services: vec!["web".to_owned(), "pay".to_owned()], traces, ..Sample::default() }
    }

    #[test]
    fn who_is_named_more_often_than_before_is_blamed() {
        let found = blamed(&sample(20, 3), &windows());
        assert_eq!((found["pay"].here, found["pay"].there), (20, 3));
        assert!(blamed(&sample(4, 40), &windows()).is_empty());
        assert!(blamed(&sample(1, 0), &windows()).is_empty());
    }

    #[test]
    fn who_is_blamed_and_silent_is_told_apart() {
        let mut sample = sample(20, 0);
        let found = blamed(&sample, &windows());
        assert_eq!(silenced(&sample, &found), [1].into());
        sample.traces[0].reached = vec![0, 1];
        assert!(silenced(&sample, &found).is_empty());
    }

    #[test]
    fn lines_are_read_once_however_often_they_come() {
        let mut complaints = Complaints::default();
        assert_eq!((complaints.note(0, "connect to pay refused"), complaints.note(0, "connect to pay refused")), (Some(0), Some(0)));
        let names = complaints.names(&["web".to_owned(), "pay".to_owned()]);
        assert_eq!(names, [["pay"]]);
    }
}
