//! Which services the error lines of *other* services name, against a baseline: where the broken one logs nothing itself,
//! its callers do. Knows no search.

use std::collections::BTreeMap;

use super::lines::Line;
use crate::{
    look::Hit,
    mining::{
        mention::{Naming, Services},
        statistics::{CLEAR_Z, rate_change},
    },
    schema::Role,
};

/// A service that others' error lines name.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Blamed {
    pub(super) service: String,
    /// How, at best.
    pub(super) naming: Naming,
    /// Lines that name it in the window.
    pub(super) count: f64,
    /// And in the baseline.
    pub(super) before: f64,
    /// Who wrote them.
    pub(super) by: Vec<String>,
    /// Signed root of G² of the rates; without a baseline that of the count against none.
    pub(super) z: f64,
}

impl Blamed {
    /// Whether it is named for certain, or clearly more often than before.
    pub(super) fn is_clear(&self) -> bool {
        self.z > 0.0 && (self.naming > Naming::Word || self.z >= CLEAR_Z)
    }
}

#[derive(Default)]
struct Tally {
    naming: Option<Naming>,
    count: f64,
    before: f64,
    by: Vec<String>,
}

/// The services that error lines of other services name: those whose mention rose most first, of equals those that are
/// named for certain. `seconds` are the lengths of window and baseline.
pub(super) fn blamed(now: &[Line<'_>], before: &[Line<'_>], services: &Services, seconds: (f64, Option<f64>)) -> Vec<Blamed> {
    let mut found: BTreeMap<String, Tally> = BTreeMap::new();
    for (lines, is_now) in [(now, true), (before, false)] {
        for line in lines {
            let writer = line.hit.text(Role::Service).unwrap_or_default();
            for (service, naming) in named(line, &writer, services) {
                let tally = found.entry(service).or_default();
                if !is_now {
                    tally.before += line.weight;
                    continue;
                }
                tally.count += line.weight;
                tally.naming = tally.naming.max(Some(naming));
                if !writer.is_empty() && !tally.by.iter().any(|known| *known == *writer) {
                    tally.by.push(writer.to_string());
                }
            }
        }
    }
    let blamed = found.into_iter().filter_map(|(service, tally)| {
        let Tally { naming, count, before, by } = tally;
        let z = rate_change(count, seconds.0, before, seconds.1.unwrap_or(seconds.0)).z;
        Some(Blamed { service, naming: naming?, count, before, by, z })
    });
    let mut blamed: Vec<Blamed> = blamed.collect();
    blamed.sort_by(|a, b| {
        let key = |one: &Blamed| (one.is_clear(), one.z);
        key(b).0.cmp(&key(a).0).then(key(b).1.total_cmp(&key(a).1)).then(b.naming.cmp(&a.naming)).then_with(|| a.service.cmp(&b.service))
    });
    blamed
}

/// Whom a line names, in its message and in the message of its error, each once.
fn named(line: &Line<'_>, writer: &str, services: &Services) -> BTreeMap<String, Naming> {
    let error = error_text(line.hit);
    let mut named: BTreeMap<String, Naming> = BTreeMap::new();
    let texts = [line.text.as_ref(), error.as_deref().unwrap_or_default()];
    for mention in texts.into_iter().flat_map(|text| services.mentioned(writer, text)) {
        let naming = named.entry(mention.service.to_owned()).or_insert(mention.naming);
        *naming = mention.naming.max(*naming);
    }
    named
}

fn error_text<'h>(hit: &'h Hit<'h>) -> Option<std::borrow::Cow<'h, str>> {
    hit.text(Role::ErrorMessage)
}
