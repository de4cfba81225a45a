//! What the comparison of whole requests makes of the other signs: which of them it bears out. Names no cause.

use std::collections::BTreeSet;

use super::{
    answers::{Answers, Purpose},
    reading::{Row, number_at, rows, section},
    signs::{Kind, Sign, Strength},
    statistics::CERTAIN,
};

/// Whom the comparison of whole requests speaks of.
#[derive(Default)]
pub(super) struct Compared {
    /// The suspects; none where nothing was compared.
    listed: Option<BTreeSet<String>>,
    /// Whether it read spans, which say whose time it is.
    is_timed: bool,
    /// Suspects for time of their own or of calls.
    slower: BTreeSet<String>,
}

pub(super) fn compared(answers: &Answers) -> Compared {
    let Some((_, compare)) = answers.of(Purpose::Compare) else { return Compared::default() };
    let suspects = || section(compare, "suspects").filter_map(|row| Some((row.text("service")?, row.text("class")?)));
    let is_time = |class: &str| matches!(class, "self_time" | "call_edge");
    let listed: BTreeSet<String> = suspects().map(|(service, _)| service).collect();
    Compared {
        listed: Some(listed).filter(|listed| !listed.is_empty()),
        is_timed: number_at(compare, &["strength", "spans"]).is_some_and(|spans| spans > 0.0),
        slower: suspects().filter(|(_, class)| is_time(class)).map(|(service, _)| service).collect(),
    }
}

impl Compared {
    /// The part that a sign counts for which whole requests do not bear out: requests write many lines each, so that counts of lines
    /// move further by chance than single events would.
    const UNHELD: f64 = 0.25;

    /// Whether a sign stays. What is counted in lines or read from a percentile, and is not new, counts in full where the comparison
    /// suspects the service too.
    pub(super) fn bears_out(&self, sign: &mut Sign, strength: Strength) -> bool {
        if sign.kind == Kind::Slower {
            // A p95 of few requests moves by itself: it counts for less where whole requests do not differ, and the less where their
            // spans say whose time it is and say it of others.
            sign.weight *= if self.listed.is_some() { strength.counts() } else { Strength::Weak.counts() };
            sign.weight *= if self.is_timed && !self.slower.contains(&sign.service) { Self::UNHELD } else { 1.0 };
            return true;
        }
        let is_count = sign.is_less || (sign.kind == Kind::Errors && sign.time.is_none());
        if is_count && self.listed.as_ref().is_some_and(|listed| !listed.contains(&sign.service)) {
            sign.weight *= Self::UNHELD;
        }
        sign.weight >= CERTAIN
    }
}

/// Services whose own response times stayed as they were while those of others grew; none where none grew.
pub(super) fn steady(answers: &Answers) -> BTreeSet<String> {
    let rows = || answers.of(Purpose::Health).into_iter().flat_map(|(_, health)| rows(health));
    if !rows().any(|row| row.text("finding").as_deref() == Some("slower")) {
        return BTreeSet::new();
    }
    let stayed = rows().filter(|row| match (row.number("p95_ms"), row.number("baseline_p95_ms")) {
        (Some(now), Some(before)) => now < 1.5 * before,
        _ => false,
    });
    stayed.filter_map(|row| row.text("service")).collect()
}

/// Whether a row tells of a longer gap between the lines of two services, of which this one is no slower: the gap is the other's.
pub(super) fn is_gap_beside(row: Row<'_>, steady: &BTreeSet<String>) -> bool {
    row.text("class").as_deref() == Some("log_gap") && row.text("service").is_some_and(|service| steady.contains(&service))
}
