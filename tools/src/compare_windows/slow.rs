//! Which service the shifts of items speak against. Knows items; knows no trace.

use std::collections::BTreeMap;

use super::{
    ablation::{Part, is_off},
    latency_lens::{Item, Shift},
    sample::{PatternId, Sample},
};

/// How a service's score came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Own,
    Into,
    Hub,
    Gaps,
}

/// What the lens says of a service.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Slow {
    pub(super) score: f64,
    pub(super) kind: Kind,
    /// The item that weighs most: a place among the shifts.
    pub(super) shift: usize,
    /// Items of the same kind that touch the service.
    pub(super) items: usize,
}

/// The lens's score of each service that has one.
pub(super) fn by_service(sample: &Sample, shifts: &[Shift]) -> BTreeMap<String, Slow> {
    let mut touching: BTreeMap<&str, Touch> = BTreeMap::new();
    for (number, shift) in shifts.iter().enumerate() {
        match &shift.item {
            Item::Own { service, .. } => touching.entry(service).or_default().own.add(number, shift.score, shift.weight),
            Item::Edge { caller, callee } => {
                touching.entry(callee).or_default().into.add(number, shift.score, shift.weight);
                for service in [caller, callee] {
                    touching.entry(service).or_default().edges.add(number, shift.score, shift.weight);
                }
            }
            Item::Gap { from, to } => {
                let service = |pattern: &PatternId| sample.patterns.get(*pattern).map_or("?", |known| sample.service(known.service));
                let (from, to) = (service(from), service(to));
                touching.entry(from).or_default().gaps.add(number, shift.score, shift.weight);
                if from != to {
                    touching.entry(to).or_default().gaps.add(number, shift.score, shift.weight);
                }
            }
        }
    }
    touching.into_iter().filter_map(|(service, touch)| Some((service.to_owned(), touch.slow()?))).collect()
}

/// The items that touch a service.
#[derive(Default)]
struct Touch {
    own: Tally,
    into: Tally,
    edges: Tally,
    gaps: Tally,
}

#[derive(Default)]
struct Tally {
    sum: f64,
    /// Sum of scores, each times the root of its weight, and sum of weights.
    weighted: f64,
    weights: f64,
    items: u32,
    most: Option<(f64, usize)>,
}

impl Tally {
    fn add(&mut self, shift: usize, score: f64, weight: f64) {
        self.sum += score;
        self.weighted += score * weight.sqrt();
        self.weights += weight;
        self.items += 1;
        if score > 0.0 && self.most.is_none_or(|(most, _)| score > most) {
            self.most = Some((score, shift));
        }
    }
}

impl Touch {
    /// The largest of: own time; all edges into it, each with the weight of its sample (Stouffer's z, weighted after Lipták 1958), so that
    /// one caller's slow calls do not count where others' calls are as fast as ever; all its edges together (who touches more of the risen
    /// edges explains the others away); all its gaps together in the same way.
    fn slow(&self) -> Option<Slow> {
        let on = |part: Part, score: f64| if is_off(part) { 0.0 } else { score };
        let largest = |tally: &Tally| tally.most.map_or(0.0, |(score, _)| score);
        let together = |tally: &Tally| tally.sum / f64::from(tally.items.max(1)).sqrt();
        let into = if self.into.weights > 0.0 { self.into.weighted / self.into.weights.sqrt() } else { 0.0 };
        let candidates = [
            (Kind::Own, &self.own, on(Part::SelfTime, largest(&self.own))),
            (Kind::Into, &self.into, on(Part::Edges, into)),
            (Kind::Hub, &self.edges, on(Part::Edges, on(Part::Hub, together(&self.edges)))),
            (Kind::Gaps, &self.gaps, together(&self.gaps)),
        ];
        let (kind, tally, score) = candidates.into_iter().reduce(|best, next| if next.2 > best.2 { next } else { best })?;
        let (_, shift) = tally.most?;
        Some(Slow { score, kind, shift, items: tally.items as usize })
    }
}
