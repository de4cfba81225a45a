//! Which service the signs speak against most. Reads no answer.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    findings::{Confidence, Evidence, Sure, Suspect},
    signs::{Kind, Sign, Strength},
};

/// A name without an ending that many share is looked for too, where it is at least this long.
const SHORTEST_STEM: usize = 4;
const ENDINGS: [&str; 5] = ["-service", "_service", "-svc", "-api", "-server"];

/// More suspects than this are not told: the tail is noise.
const SUSPECTS: usize = 8;
const EVIDENCE: usize = 5;

/// The part of what a caller became slower by that its callee has to have become slower by.
const EXPLAINED: f64 = 0.6;

/// Two scores closer than this share are called equal.
const CLOSE: f64 = 0.85;

/// A service and its signs, strongest first.
#[derive(Debug, Clone)]
pub(super) struct Ranked {
    pub(super) service: String,
    pub(super) score: f64,
    pub(super) signs: Vec<Sign>,
    /// Another service that its own errors name: it suffers from that one.
    pub(super) suffers_from: Option<String>,
    /// The services whose errors name it.
    pub(super) named_by: BTreeSet<String>,
}

impl Ranked {
    pub(super) fn kinds(&self) -> BTreeSet<Kind> {
        self.signs.iter().map(|sign| sign.kind).collect()
    }

    pub(super) fn strongest(&self, kind: Kind) -> Option<&Sign> {
        self.signs.iter().filter(|sign| sign.kind == kind).max_by(|a, b| a.weight.total_cmp(&b.weight))
    }

    pub(super) fn suspect(&self, rank: usize) -> Suspect {
        let mut evidence: Vec<Evidence> = Vec::new();
        for sign in &self.signs {
            if evidence.len() < EVIDENCE && !evidence.iter().any(|told| told.text == sign.evidence.text) {
                evidence.push(sign.evidence.clone());
            }
        }
        Suspect {
            rank,
            service: self.service.clone(),
            score: (self.score * 10.0).round() / 10.0,
            kinds: self.kinds().len(),
            evidence,
            trace_id: self.signs.iter().find_map(|sign| sign.trace_id.clone()),
        }
    }
}

/// Whether a text names a service in full. `order-history` does not name the order service.
pub(super) fn names(text: &str, service: &str) -> bool {
    has_word(&text.to_lowercase(), &service.to_lowercase())
}

/// Whether a text names a service in full or by its stem, as repositories and deployments do.
pub(super) fn concerns(text: &str, service: &str) -> bool {
    let (text, service) = (text.to_lowercase(), service.to_lowercase());
    let stem = ENDINGS.iter().find_map(|ending| service.strip_suffix(ending)).filter(|stem| stem.len() >= SHORTEST_STEM);
    has_word(&text, &service) || stem.is_some_and(|stem| has_word(&text, stem))
}

fn has_word(text: &str, word: &str) -> bool {
    let is_part = |char: char| char.is_alphanumeric();
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).and_then(|head| head.chars().next_back());
        let after = text.get(at + word.len()..).and_then(|tail| tail.chars().next());
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

/// Services by the root of the summed squares of the strongest sign of each kind, highest first.
///
/// A service whose own strongest errors name another suffers from that other: its signs count half, and the naming counts against
/// the one named. So a chain of callers points down to its end.
pub(super) fn rank(signs: &[Sign], services: &BTreeSet<String>) -> Vec<Ranked> {
    let mut by: BTreeMap<String, Vec<Sign>> = BTreeMap::new();
    let mut suffers: BTreeMap<String, String> = BTreeMap::new();
    let mut named_by: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for sign in signs {
        by.entry(sign.service.clone()).or_default().push(sign.clone());
        let reports = matches!(sign.kind, Kind::Errors) || (sign.kind == Kind::Behaviour && !sign.is_less);
        let named = services.iter().filter(|_| reports).find(|other| **other != sign.service && names(&sign.subject, other));
        if let Some(named) = named {
            let evidence = Evidence { text: format!("{}: {}", sign.service, sign.evidence.text), ..sign.evidence.clone() };
            // The comparison tells of the same lines, cut short: the errors themselves come first.
            let weight = if sign.kind == Kind::Errors { sign.weight } else { sign.weight / 2.0 };
            let blame = Sign { kind: Kind::Blamed, service: named.clone(), evidence, is_less: false, weight, ..sign.clone() };
            by.entry(named.clone()).or_default().push(blame);
            named_by.entry(named.clone()).or_default().insert(sign.service.clone());
            // Signs come strongest first, so this is the strongest that names another.
            let is_own = signs.iter().any(|own| own.service == sign.service && own.kind == sign.kind && own.weight > 2.0 * sign.weight);
            if !is_own {
                suffers.entry(sign.service.clone()).or_insert_with(|| named.clone());
            }
        }
    }
    if let Some(host) = signs.iter().find(|sign| sign.kind == Kind::Host) {
        for sign in signs.iter().filter(|sign| sign.kind == Kind::Errors && sign.service != host.service) {
            suffers.entry(sign.service.clone()).or_insert_with(|| host.service.clone());
        }
    }
    for (caller, callee) in waits(signs) {
        suffers.entry(caller).or_insert(callee);
    }
    let mut ranked: Vec<Ranked> = by
        .into_iter()
        .map(|(service, mut signs)| {
            signs.sort_by(|a, b| b.weight.total_cmp(&a.weight));
            let suffers_from = suffers.get(&service).cloned();
            let mut strongest: BTreeMap<Kind, f64> = BTreeMap::new();
            for sign in &signs {
                let share = if suffers_from.is_some() { 0.5 } else { 1.0 };
                let weight = strongest.entry(sign.kind).or_default();
                *weight = weight.max(sign.weight * share);
            }
            let score = strongest.values().map(|weight| weight * weight).sum::<f64>().sqrt();
            let named_by = named_by.remove(&service).unwrap_or_default();
            Ranked { service, score, signs, suffers_from, named_by }
        })
        .collect();
    below_their_causes(&mut ranked);
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.service.cmp(&b.service)));
    ranked.truncate(SUSPECTS);
    ranked
}

/// However much shows in a service that suffers, it ranks below the one it suffers from. As many rounds as there are services: a chain is
/// no longer.
fn below_their_causes(ranked: &mut [Ranked]) {
    for _ in 0..ranked.len() {
        let scores: BTreeMap<String, f64> = ranked.iter().map(|one| (one.service.clone(), one.score)).collect();
        let mutual: BTreeMap<String, Option<String>> = ranked.iter().map(|one| (one.service.clone(), one.suffers_from.clone())).collect();
        for one in ranked.iter_mut() {
            let Some(cause) = &one.suffers_from else { continue };
            // Two that name each other say nothing about which of them began.
            let is_mutual = mutual.get(cause).is_some_and(|back| back.as_ref() == Some(&one.service));
            if let Some(most) = scores.get(cause).filter(|_| !is_mutual) {
                one.score = one.score.min(CLOSE * most);
            }
        }
    }
}

/// Slower services that wait for another one: whoever waits is slower by at least about what it waits for, and was slower already.
fn waits(signs: &[Sign]) -> Vec<(String, String)> {
    let slower: Vec<(&Sign, f64, f64)> = signs
        .iter()
        .filter(|sign| sign.kind == Kind::Slower)
        .filter_map(|sign| sign.p95_ms.map(|(now, before)| (sign, now - before, before)))
        .collect();
    let pairs = slower.iter().flat_map(|caller| slower.iter().map(move |callee| (caller, callee)));
    let waits = pairs.filter(|((caller, grew, before), (callee, callee_grew, callee_before))| {
        caller.service != callee.service && callee_before < before && callee_grew <= grew && *callee_grew >= EXPLAINED * grew
    });
    waits.map(|((caller, ..), (callee, ..))| (caller.service.clone(), callee.service.clone())).collect()
}

/// How sure it is that the first of the ranked is the one. `changed` is whether something of it was changed shortly before.
pub(super) fn confidence(ranked: &[Ranked], changed: bool, strength: Strength) -> Option<Confidence> {
    let first = ranked.first()?;
    let kinds = first.kinds();
    // A comparison that calls itself weak is no sign of its own, and response times are none without one.
    let counts = |kind: &Kind| !matches!(kind, Kind::Behaviour | Kind::Slower) || strength == Strength::Significant;
    // Lines at level error that are counted as failures and read as errors are one sign.
    let is_told_twice = first.strongest(Kind::Failing).is_some_and(|failing| failing.is_of_lines)
        && first.signs.iter().any(|sign| sign.kind == Kind::Errors && !sign.is_mild);
    let counted: Vec<Kind> = kinds.into_iter().filter(counts).filter(|kind| *kind != Kind::Failing || !is_told_twice).collect();
    // Several witnesses are as good as two kinds of signs.
    let witnesses = first.named_by.len() > 1 && counted.contains(&Kind::Blamed);
    // Lines say whose fault it is; that calls of whoever says so fail is counted from statuses, apart from the lines.
    let fails_in_caller = counted.contains(&Kind::Blamed)
        && !counted.contains(&Kind::Failing)
        && ranked.iter().any(|one| first.named_by.contains(&one.service) && one.strongest(Kind::Failing).is_some());
    // What one service adds to a request, the requests of others show: their response times are another witness.
    let slows_others = counted.contains(&Kind::Behaviour)
        && !counted.contains(&Kind::Slower)
        && ranked.iter().skip(1).any(|one| one.strongest(Kind::Slower).is_some());
    let number = counted.len() + [changed, witnesses, fails_in_caller, slows_others].into_iter().filter(|counts| *counts).count();
    let rival = ranked.get(1).filter(|second| second.score >= CLOSE * first.score && second.suffers_from.is_none());
    let mut word = match number {
        0 | 1 => Sure::Low,
        2 => Sure::Medium,
        _ => Sure::High,
    };
    let mut told: Vec<&str> = counted.iter().map(|kind| kind.told()).collect();
    if changed {
        told.push("a change of it shortly before");
    }
    if witnesses {
        told.push("several services name it alike");
    }
    if fails_in_caller {
        told.push("calls of a service that names it fail");
    }
    if slows_others {
        told.push("requests of others became slower");
    }
    let mut basis = match told.as_slice() {
        [] => "weak signs alone".to_owned(),
        [one] => format!("one sign alone: {one}"),
        several => format!("{} independent signs agree: {}", several.len(), several.join(", ")),
    };
    if let Some(rival) = rival {
        word = if word == Sure::High { Sure::Medium } else { Sure::Low };
        basis.push_str(&format!("; nearly as much speaks against {}", rival.service));
    }
    Some(Confidence { word, basis })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sign(kind: Kind, service: &str, subject: &str, weight: f64) -> Sign {
        let evidence = Evidence { call: 1, text: subject.to_owned() };
        Sign { subject: subject.to_owned(), ..Sign::new(kind, service.to_owned(), evidence, weight) }
    }

    fn order(signs: &[Sign], services: &[&str]) -> Vec<String> {
        let services = services.iter().map(|name| (*name).to_owned()).collect();
        rank(signs, &services).into_iter().map(|ranked| ranked.service).collect()
    }

    #[test]
    fn a_name_is_found_as_a_whole_word_and_for_changes_by_its_stem() {
        assert!(names("POST http://order-service:8080 refused", "order-service"));
        assert!(!names("reorder-service2", "order-service"));
        assert!(!names("rule order-history matched", "order-service"));
        assert!(concerns("PutImage shop/payment:v2", "payment-service"));
        assert!(!concerns("repayments", "payment-service"));
    }

    #[test]
    fn callers_that_name_the_end_of_the_chain_rank_below_it() {
        let signs = [
            sign(Kind::Failing, "gateway", "", 12.0),
            sign(Kind::Errors, "gateway", "call to orders-service failed", 12.0),
            sign(Kind::Failing, "orders-service", "", 11.0),
            sign(Kind::Errors, "orders-service", "lookup auth-service: no such host", 11.0),
        ];
        assert_eq!(order(&signs, &["gateway", "orders-service", "auth-service"])[0], "auth-service");
    }

    #[test]
    fn a_service_that_suffers_ranks_below_its_cause_however_much_shows_in_it() {
        let told = "Post notification-service: certificate has expired";
        let mut signs = vec![sign(Kind::Behaviour, "caller", told, 12.0), sign(Kind::Errors, "caller", told, 8.0)];
        signs.extend([sign(Kind::Failing, "caller", "", 9.0), sign(Kind::Slower, "caller", "", 9.0)]);
        assert_eq!(order(&signs, &["caller", "notification-service"]), ["notification-service", "caller"]);
    }

    #[test]
    fn three_independent_signs_are_sure_and_a_rival_takes_a_step_away() {
        let mut signs = vec![sign(Kind::Failing, "a", "", 9.0), sign(Kind::Errors, "a", "", 9.0), sign(Kind::Behaviour, "a", "", 9.0)];
        let word = |signs: &[Sign], changed, strength| confidence(&rank(signs, &BTreeSet::new()), changed, strength).unwrap().word;
        assert_eq!(word(&signs, false, Strength::Significant), Sure::High);
        assert_eq!(word(&signs, false, Strength::Weak), Sure::Medium);
        assert_eq!(word(&signs[..1], false, Strength::None), Sure::Low);
        assert_eq!(word(&signs[..1], true, Strength::None), Sure::Medium);
        signs.extend([sign(Kind::Failing, "b", "", 9.0), sign(Kind::Errors, "b", "", 9.0), sign(Kind::Behaviour, "b", "", 8.9)]);
        assert_eq!(word(&signs, false, Strength::Significant), Sure::Medium);
    }
}
