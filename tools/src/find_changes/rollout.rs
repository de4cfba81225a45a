//! Deployments inferred from what came and went: swaps of images, versions and replica sets, and rolling replacement of
//! pods. Knows no tool and no engine.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::{
    kind::Kind,
    sightings::{Fate, Sighting},
};

/// Changes further apart are not of one rollout.
const TOGETHER: SignedDuration = SignedDuration::from_mins(10);

/// A pod that lived no longer was short-lived.
const SHORT_LIFE: SignedDuration = SignedDuration::from_mins(3);

/// Pods that come or go together from which on a service is said to be scaled; a single one may have moved.
const LEAST_SCALED: usize = 2;

/// Short-lived pods from which on a service is said to restart over and over.
const LEAST_RESTARTS: usize = 3;

/// A value that came or went.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Changed {
    pub(super) kind: Kind,
    pub(super) seen: Sighting,
    pub(super) fate: Fate,
}

/// One value of a service that took another's place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Swap {
    pub(super) kind: Kind,
    pub(super) service: Option<String>,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) to_first: Timestamp,
    pub(super) from_last: Timestamp,
}

/// Pods of a service that were replaced one after the other.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rollout {
    pub(super) service: String,
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    pub(super) gone: Vec<Sighting>,
    pub(super) short_lived: Vec<Sighting>,
    pub(super) new: Vec<Sighting>,
}

/// What was done to a service that is no rollout.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Turn {
    pub(super) service: String,
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    pub(super) what: Turned,
    /// Pods that tell of it.
    pub(super) pods: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Turned {
    ScaledUp,
    ScaledDown,
    /// Its pods die soon after they start; the longest life.
    Restarting {
        longest: SignedDuration,
    },
}

/// Takes out of `changed` every pair of an image, a version or a replica set that went and one of the same service that
/// came at about the same time.
pub(super) fn swaps(changed: &mut Vec<Changed>) -> Vec<Swap> {
    let mut swaps = Vec::new();
    let mut taken = BTreeSet::new();
    for (number, old) in changed.iter().enumerate() {
        let swappable = matches!(old.kind, Kind::Image | Kind::Version | Kind::ReplicaSet);
        if !swappable || !old.fate.vanished || old.fate.appeared || taken.contains(&number) {
            continue;
        }
        let partner = changed.iter().enumerate().filter(|(other, new)| {
            let same = new.kind == old.kind && new.seen.service == old.seen.service;
            let near = new.seen.first.duration_since(old.seen.last).abs() <= TOGETHER;
            same && near && new.fate.appeared && !new.fate.vanished && !taken.contains(other)
        });
        let nearest = partner.min_by_key(|(_, new)| new.seen.first.duration_since(old.seen.last).abs());
        if let Some((other, new)) = nearest {
            taken.extend([number, other]);
            swaps.push(Swap {
                kind: old.kind,
                service: old.seen.service.clone(),
                from: old.seen.value.clone(),
                to: new.seen.value.clone(),
                to_first: new.seen.first,
                from_last: old.seen.last,
            });
        }
    }
    let mut number = 0;
    changed.retain(|_| {
        number += 1;
        !taken.contains(&(number - 1))
    });
    swaps
}

/// Finds rolling replacements: near in time, pods of a service went while others came, and either the workload's
/// template changed or at least two were replaced. A single pod that starts again elsewhere is none.
pub(super) fn rollouts(changed: &[Changed], swaps: &[Swap]) -> Vec<Rollout> {
    let mut found: Vec<Rollout> = together(changed).iter().filter_map(|(service, pods)| rollout(service, pods, swaps)).collect();
    found.extend(podless(swaps, &found));
    found.sort_by_key(|rollout| rollout.start);
    found
}

/// Pods of one service that came or went near each other in time.
fn together(changed: &[Changed]) -> Vec<(&str, Vec<&Changed>)> {
    let mut by_service: BTreeMap<&str, Vec<&Changed>> = BTreeMap::new();
    for pod in changed.iter().filter(|changed| changed.kind == Kind::Pod) {
        let service = pod.seen.service.as_deref().unwrap_or_else(|| workload(&pod.seen.value));
        by_service.entry(service).or_default().push(pod);
    }
    by_service.into_iter().flat_map(|(service, pods)| clusters(pods).into_iter().map(move |cluster| (service, cluster))).collect()
}

/// Finds services that were scaled, and those whose pods die as soon as they start: near in time, pods only came or only went, or several
/// were short-lived; where that is no rollout.
pub(super) fn turns(changed: &[Changed], swaps: &[Swap]) -> Vec<Turn> {
    let turn = |(service, pods): (&str, Vec<&Changed>)| {
        if rollout(service, &pods, swaps).is_some() {
            return None;
        }
        let (short, lasting): (Vec<&Changed>, Vec<&Changed>) = pods.into_iter().partition(|pod| is_short_lived(pod));
        let came = lasting.iter().filter(|pod| pod.fate.appeared).count();
        let went = lasting.iter().filter(|pod| pod.fate.vanished).count();
        let (what, pods) = match (came, went) {
            _ if short.len() >= LEAST_RESTARTS => {
                let longest = short.iter().map(|pod| pod.seen.lived()).max().unwrap_or_default();
                (Turned::Restarting { longest }, short)
            }
            (LEAST_SCALED.., 0) if short.is_empty() => (Turned::ScaledUp, lasting),
            (0, LEAST_SCALED..) if short.is_empty() => (Turned::ScaledDown, lasting),
            _ => return None,
        };
        let moments = || pods.iter().flat_map(|pod| moments(pod));
        Some(Turn { service: service.to_owned(), start: moments().min()?, end: moments().max()?, what, pods: pods.len() })
    };
    let mut found: Vec<Turn> = together(changed).into_iter().filter_map(turn).collect();
    found.sort_by_key(|turn| turn.start);
    found
}

/// Rollouts that no pod tells of: an image or a version of a service took another's place.
fn podless(swaps: &[Swap], known: &[Rollout]) -> Vec<Rollout> {
    let mut found: Vec<Rollout> = Vec::new();
    for swap in swaps.iter().filter(|swap| matches!(swap.kind, Kind::Image | Kind::Version)) {
        let Some(service) = &swap.service else { continue };
        let (start, end) = (swap.to_first.min(swap.from_last), swap.to_first.max(swap.from_last));
        let is_known = |rollout: &Rollout| rollout.service == *service && near(swap.to_first, rollout.start, rollout.end);
        if known.iter().chain(&found).any(is_known) {
            continue;
        }
        found.push(Rollout { service: service.clone(), start, end, gone: Vec::new(), short_lived: Vec::new(), new: Vec::new() });
    }
    found
}

/// The moments at which something happened to a pod.
fn moments(pod: &Changed) -> impl Iterator<Item = Timestamp> {
    let first = pod.fate.appeared.then_some(pod.seen.first);
    first.into_iter().chain(pod.fate.vanished.then_some(pod.seen.last))
}

/// Pods whose changes lie near each other.
fn clusters(mut pods: Vec<&Changed>) -> Vec<Vec<&Changed>> {
    pods.sort_by_key(|pod| moments(pod).min());
    let mut clusters: Vec<Vec<&Changed>> = Vec::new();
    let mut latest: Option<Timestamp> = None;
    for pod in pods {
        let (Some(from), Some(to)) = (moments(pod).min(), moments(pod).max()) else { continue };
        match (clusters.last_mut(), latest) {
            (Some(cluster), Some(known)) if from.duration_since(known) <= TOGETHER => cluster.push(pod),
            _ => clusters.push(vec![pod]),
        }
        latest = latest.max(Some(to));
    }
    clusters
}

fn rollout(service: &str, pods: &[&Changed], swaps: &[Swap]) -> Option<Rollout> {
    let of = |test: &dyn Fn(&Changed) -> bool| pods.iter().filter(|pod| test(pod)).map(|pod| pod.seen.clone()).collect::<Vec<_>>();
    let short_lived = of(&is_short_lived);
    let gone = of(&|pod| pod.fate.vanished && !is_short_lived(pod));
    let new = of(&|pod| pod.fate.appeared && !pod.fate.vanished);
    let start = pods.iter().flat_map(|pod| moments(pod)).min()?;
    let end = pods.iter().flat_map(|pod| moments(pod)).max()?;
    if gone.is_empty() || (new.is_empty() && short_lived.is_empty()) {
        return None;
    }
    let templates = |pods: &[Sighting]| pods.iter().map(|pod| template(&pod.value).to_owned()).collect::<BTreeSet<_>>();
    let new_template = !new.is_empty() && templates(&new).is_disjoint(&templates(&gone));
    let swapped = swaps.iter().any(|swap| swap.service.as_deref() == Some(service) && near(swap.to_first, start, end));
    (new_template || swapped || (gone.len() > 1 && new.len() > 1)).then(|| Rollout {
        service: service.to_owned(),
        start,
        end,
        gone,
        short_lived,
        new,
    })
}

fn is_short_lived(pod: &Changed) -> bool {
    pod.fate.appeared && pod.fate.vanished && pod.seen.lived() <= SHORT_LIFE
}

/// Whether a moment lies in an interval, or close to it.
fn near(time: Timestamp, start: Timestamp, end: Timestamp) -> bool {
    time.duration_since(start) >= -TOGETHER && time.duration_since(end) <= TOGETHER
}

impl Rollout {
    /// The swaps that belong to it.
    pub(super) fn swaps<'s>(&self, swaps: &'s [Swap]) -> Vec<&'s Swap> {
        let own = |swap: &&Swap| swap.service.as_deref() == Some(self.service.as_str()) && near(swap.to_first, self.start, self.end);
        swaps.iter().filter(own).collect()
    }
}

/// A pod's name without the part that is its own: what all pods of one template share.
fn template(pod: &str) -> &str {
    pod.rsplit_once('-').map_or(pod, |(template, _)| template)
}

/// A pod's name without its own part and its template's hash.
fn workload(pod: &str) -> &str {
    template(template(pod))
}

/// How two values differ, without what they share in front: `registry/app:v41` and `registry/app:v42` are `v41 → v42`.
pub(super) fn difference(from: &str, to: &str) -> String {
    let common = from.char_indices().zip(to.chars()).take_while(|((_, a), b)| a == b).map(|((at, char), _)| at + char.len_utf8()).last();
    let cut = common.and_then(|end| from.get(..end)).and_then(|head| head.rfind([':', '/', '@', '-'])).map_or(0, |at| at + 1);
    format!("{} → {}", from.get(cut..).unwrap_or(from), to.get(cut..).unwrap_or(to))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(kind: Kind, value: &str, first: i64, last: i64, appeared: bool, vanished: bool) -> Changed {
        let at = |second| Timestamp::from_second(second).unwrap();
        let seen = Sighting { value: value.to_owned(), service: Some("web".to_owned()), count: 20, first: at(first), last: at(last) };
        Changed { kind, seen, fate: Fate { appeared, vanished } }
    }

    fn gone(name: &str, last: i64) -> Changed {
        changed(Kind::Pod, name, 0, last, false, true)
    }

    fn new(name: &str, first: i64) -> Changed {
        changed(Kind::Pod, name, first, 9_000, true, false)
    }

    #[test]
    fn staggered_replacement_is_one_rollout() {
        let short = changed(Kind::Pod, "web-bbb-x", 970, 1_005, true, true);
        let pods = [gone("web-aaa-1", 1_000), gone("web-aaa-2", 1_100), new("web-bbb-1", 990), new("web-bbb-2", 1_090), short];
        let found = rollouts(&pods, &[]);
        assert_eq!(found.len(), 1);
        let rollout = &found[0];
        assert_eq!((rollout.gone.len(), rollout.short_lived.len(), rollout.new.len()), (2, 1, 2));
        assert_eq!((rollout.start.as_second(), rollout.end.as_second()), (970, 1_100));
    }

    #[test]
    fn rollouts_an_hour_apart_are_two() {
        let pods = [gone("web-a-1", 1_000), new("web-b-1", 990), gone("web-b-2", 5_000), new("web-c-1", 4_990)];
        assert_eq!(rollouts(&pods, &[]).len(), 2);
    }

    #[test]
    fn a_pod_that_moves_is_no_rollout() {
        assert_eq!(rollouts(&[gone("web-a-1", 1_000), new("web-a-2", 1_010)], &[]), []);
    }

    #[test]
    fn pods_that_only_go_are_no_rollout() {
        assert_eq!(rollouts(&[gone("web-a-1", 1_000), gone("web-a-2", 1_010)], &[]), []);
    }

    #[test]
    fn pods_that_only_come_or_only_go_are_a_scaled_service() {
        let check = |pods: &[Changed], expected: &[(Turned, usize, i64, i64)]| {
            let found: Vec<_> =
                turns(pods, &[]).iter().map(|turn| (turn.what, turn.pods, turn.start.as_second(), turn.end.as_second())).collect();
            assert_eq!(found, expected);
        };
        check(&[new("web-a-1", 1_000), new("web-a-2", 1_010), new("web-a-3", 1_030)], &[(Turned::ScaledUp, 3, 1_000, 1_030)]);
        check(&[gone("web-a-1", 1_000), gone("web-a-2", 1_010)], &[(Turned::ScaledDown, 2, 1_000, 1_010)]);
        // One that comes, or one that moves, is none; nor is a rollout.
        check(&[new("web-a-1", 1_000)], &[]);
        check(&[gone("web-a-1", 1_000), new("web-a-2", 1_010)], &[]);
        check(&[gone("web-a-1", 1_000), gone("web-a-2", 1_010), new("web-b-1", 990), new("web-b-2", 1_020)], &[]);
    }

    #[test]
    fn pods_that_die_as_soon_as_they_start_are_a_service_that_restarts() {
        let short = |number: i64| changed(Kind::Pod, &format!("web-a-{number}"), 1_000 + number * 280, 1_040 + number * 280, true, true);
        let found = turns(&[vec![gone("web-a-x", 1_000)], (0..5).map(short).collect()].concat(), &[]);
        let [turn] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((turn.what, turn.pods), (Turned::Restarting { longest: SignedDuration::from_secs(40) }, 5));
        assert_eq!((turn.start.as_second(), turn.end.as_second()), (1_000, 2_160));
        assert_eq!(turns(&(0..2).map(short).collect::<Vec<_>>(), &[]), []);
    }

    #[test]
    fn a_version_that_takes_anothers_place_is_a_swap() {
        let mut list = vec![
            changed(Kind::Version, "v1", 0, 1_000, false, true),
            changed(Kind::Version, "v2", 950, 9_000, true, false),
            changed(Kind::Image, "app:v2", 950, 9_000, true, false),
        ];
        let swaps = swaps(&mut list);
        assert_eq!(swaps.len(), 1);
        assert_eq!((swaps[0].from.as_str(), swaps[0].to.as_str()), ("v1", "v2"));
        assert_eq!(list.len(), 1);
    }

    #[test]
    fn a_version_that_takes_anothers_place_is_a_rollout_also_without_pods() {
        let swap = |kind, at: i64| Swap {
            kind,
            service: Some("web".to_owned()),
            from: "v1".to_owned(),
            to: "v2".to_owned(),
            to_first: Timestamp::from_second(at).unwrap(),
            from_last: Timestamp::from_second(at + 60).unwrap(),
        };
        let found = rollouts(&[], &[swap(Kind::Version, 1_000), swap(Kind::Image, 1_001), swap(Kind::ReplicaSet, 5_000)]);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].start.as_second(), found[0].end.as_second()), (1_000, 1_060));
    }

    #[test]
    fn a_difference_leaves_out_what_is_shared() {
        for (from, to, told) in [
            ("123.ecr/app:v41", "123.ecr/app:v42", "v41 → v42"),
            ("v41", "v42", "v41 → v42"),
            ("web-6c9d", "web-7d4f", "6c9d → 7d4f"),
            ("a", "b", "a → b"),
        ] {
            assert_eq!(difference(from, to), told);
        }
    }
}
