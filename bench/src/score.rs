//! Hits, ranks and costs of many incidents, as one table. Knows outcomes only.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::run::Outcome;

/// Outcomes of one way to look, by kind of fault.
pub(crate) struct Tally {
    name: String,
    by_fault: BTreeMap<String, Vec<Outcome>>,
}

impl Tally {
    pub(crate) fn new(name: String) -> Self {
        Self { name, by_fault: BTreeMap::new() }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn add(&mut self, fault: &str, outcome: Outcome) {
        self.by_fault.entry(fault.to_owned()).or_default().push(outcome);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_fault.is_empty()
    }

    /// The culprits' places.
    #[cfg(test)]
    pub(crate) fn ranks(&self) -> Vec<Option<usize>> {
        self.by_fault.values().flatten().map(|outcome| outcome.rank).collect()
    }

    /// All that the tools answered.
    #[cfg(test)]
    pub(crate) fn texts(&self) -> String {
        self.by_fault.values().flatten().map(|outcome| outcome.text.as_str()).collect()
    }
}

/// What an incident is called in which nothing went wrong: it has no culprit to be hit.
const QUIET: &str = "quiet";

/// A row for each kind of incident and one for all faults.
pub(crate) fn table(tallies: &[Tally]) -> String {
    let mut text = String::from("how\tfault\tincidents\thit@1\thit@3\tMRR\tsignificant\tweak\tcalls\ttokens\ttokens/solve\tseconds\n");
    for tally in tallies {
        for (fault, outcomes) in &tally.by_fault {
            row(&mut text, &tally.name, fault, &outcomes.iter().collect::<Vec<_>>());
        }
        let faulty: Vec<&Outcome> = tally.by_fault.iter().filter(|(fault, _)| *fault != QUIET).flat_map(|(_, of)| of).collect();
        if !faulty.is_empty() {
            row(&mut text, &tally.name, "all", &faulty);
        }
    }
    text
}

/// Calls, tokens and seconds are means over the incidents; tokens a solve are all tokens over the incidents whose culprit came first.
#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn row(text: &mut String, name: &str, fault: &str, outcomes: &[&Outcome]) {
    let count = outcomes.len() as f64;
    let within = |rank: usize| outcomes.iter().filter(|outcome| outcome.rank.is_some_and(|found| found <= rank)).count();
    let reciprocal: f64 = outcomes.iter().filter_map(|outcome| outcome.rank).map(|rank| 1.0 / rank as f64).sum();
    let called = |word: &str| outcomes.iter().filter(|outcome| outcome.word == word).count();
    let (significant, weak) = (called("significant"), called("weak"));
    let calls: u32 = outcomes.iter().map(|outcome| outcome.calls).sum();
    let tokens: usize = outcomes.iter().map(|outcome| outcome.tokens).sum();
    let seconds: f64 = outcomes.iter().map(|outcome| outcome.seconds).sum();
    let a_solve = match within(1) {
        0 => "-".to_owned(),
        solved => format!("{:.0}", tokens as f64 / solved as f64),
    };
    let percent = |hits: usize| 100.0 * hits as f64 / count;
    let _ = writeln!(
        text,
        "{name}\t{fault}\t{count}\t{:.1}\t{:.1}\t{:.3}\t{significant}\t{weak}\t{:.1}\t{:.0}\t{a_solve}\t{:.2}",
        percent(within(1)),
        percent(within(3)),
        reciprocal / count,
        f64::from(calls) / count,
        tokens as f64 / count,
        seconds / count,
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hits_and_costs_are_counted_by_fault_and_over_all() {
        let mut tally = Tally::new("ecs".to_owned());
        let outcome = |rank, tokens| Outcome { rank, tokens, calls: 2, word: "weak".to_owned(), ..Outcome::default() };
        tally.add("cpu", outcome(Some(1), 300));
        tally.add("cpu", outcome(Some(2), 100));
        tally.add("return", outcome(None, 200));
        tally.add("quiet", outcome(None, 100));
        let text = table(&[tally]);
        let rows: Vec<&str> = text.lines().collect();
        assert_eq!(rows[1], "ecs\tcpu\t2\t50.0\t100.0\t0.750\t0\t2\t2.0\t200\t400\t0.00");
        assert_eq!(rows[4], "ecs\tall\t3\t33.3\t66.7\t0.500\t0\t3\t2.0\t200\t600\t0.00");
    }
}
