//! Values of telling fields that moved: versions, images, pods, paths, statuses. Knows counts; sends nothing.

use crate::{
    answer::{Cell, Table},
    look::{Agg, Found, Look, Outcome},
    mining::statistics::rate_change,
    schema::{Role, Schema},
};

/// Fields whose values say what was deployed, where it runs, and what it is asked.
const ROLES: [Role; 8] = [Role::Version, Role::Image, Role::ImageTag, Role::ReplicaSet, Role::Pod, Role::Host, Role::Path, Role::Status];

/// Values of a field that are counted.
const MOST_VALUES: u32 = 100;

/// Three standard deviations: one value in 370 reaches this by chance.
const LEAST_Z: f64 = 3.0;

/// A path or a status that is neither new nor gone must at least double or halve its share.
const LEAST_RATIO: f64 = 2.0;

/// The share of a pod or a version follows the load on its service: it must be nearly new or nearly gone, by a factor of ten.
const LEAST_RATIO_OF_NAMES: f64 = 10.0;

/// The fields that there are.
pub(super) fn roles(schema: &Schema) -> Vec<Role> {
    ROLES.into_iter().filter(|role| schema.need_groupable(&(*role).into()).is_ok()).collect()
}

/// Counts the values of each field.
pub(super) fn count(look: Look, roles: &[Role]) -> Look {
    roles.iter().fold(look, |look, role| look.agg(role.name(), Agg::terms(*role, MOST_VALUES)))
}

/// A value that moved.
struct Moved {
    role: Role,
    value: String,
    change: &'static str,
    z: f64,
    baseline: f64,
    window: f64,
}

/// The values whose share of the documents changed, the most surprising first. Shares are of all documents.
#[expect(clippy::cast_precision_loss, reason = "counts of documents")]
pub(super) fn moved(roles: &[Role], incident: &Found<'_>, baseline: &Found<'_>, top: usize) -> Table {
    let (all_here, all_there) = (incident.total.value as f64, baseline.total.value as f64);
    let mut moved: Vec<Moved> = Vec::new();
    for role in roles {
        let least = if matches!(role, Role::Path | Role::Status) { LEAST_RATIO } else { LEAST_RATIO_OF_NAMES };
        let here = incident.results.buckets(role.name());
        let there = baseline.results.buckets(role.name());
        let is_cut = |found: &Found<'_>| matches!(found.results.0.get(role.name()), Some(Outcome::Buckets { other, .. }) if *other > 0);
        let count = |buckets: &[crate::look::Bucket<'_>], value: &str| {
            buckets.iter().find(|bucket| bucket.key.text() == value).map(|bucket| bucket.count as f64)
        };
        let mut values: Vec<String> = here.iter().chain(there).map(|bucket| bucket.key.text().into_owned()).collect();
        values.sort();
        values.dedup();
        for value in values {
            let (a, b) = (count(here, &value), count(there, &value));
            // A value that is not among the most frequent of many may be there all the same.
            if (a.is_none() && is_cut(incident)) || (b.is_none() && is_cut(baseline)) {
                continue;
            }
            let (a, b) = (a.unwrap_or(0.0), b.unwrap_or(0.0));
            let found = rate_change(a, all_here, b, all_there);
            let change = match found.ratio {
                None => "NEW",
                Some(_) if a == 0.0 => "GONE",
                Some(ratio) if ratio >= least => "UP",
                Some(ratio) if ratio <= 1.0 / least => "DOWN",
                Some(_) => continue,
            };
            if found.z.abs() >= LEAST_Z {
                moved.push(Moved { role: *role, value, change, z: found.z, baseline: b / all_there, window: a / all_here });
            }
        }
    }
    moved.sort_by(|a, b| b.z.abs().total_cmp(&a.z.abs()).then_with(|| (a.role, &a.value).cmp(&(b.role, &b.value))));
    let left = moved.len().saturating_sub(top);
    let mut table = Table::new(["field", "value", "change", "baseline", "window"]);
    for value in moved.into_iter().take(top) {
        let share = |share: f64| Cell::from((share * 1e4).round() / 1e4);
        table.push(vec![
            Cell::from(value.role.name()),
            Cell::from(value.value),
            Cell::from(value.change),
            share(value.baseline),
            share(value.window),
        ]);
    }
    table.truncated(left as u64, "top")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::look::{Bucket, Key, Results, Total};

    fn found(total: u64, role: Role, values: &[(&str, u64)], other: u64) -> Found<'static> {
        let bucket =
            |(value, count): &(&str, u64)| Bucket { key: Key::Text((*value).to_owned()), count: *count, results: Results::default() };
        let buckets = Outcome::Buckets { buckets: values.iter().map(bucket).collect(), other, error_bound: 0, after: None };
        let results = Results([(role.name().to_owned(), buckets)].into_iter().collect());
        Found { total: Total::exactly(total), results, ..Found::default() }
    }

    fn check(role: Role, here: &[(&str, u64)], there: &[(&str, u64)], other: u64, expected: usize) {
        let table = moved(&[role], &found(100, role, here, 0), &found(1_000, role, there, other), 10);
        assert_eq!(table.len(), expected, "{here:?} {there:?}");
    }

    #[test]
    fn new_and_gone_values_are_told() {
        check(Role::Version, &[("v42", 50), ("v41", 50)], &[("v41", 1_000)], 0, 1);
        check(Role::Version, &[("v42", 100)], &[("v41", 1_000)], 0, 2);
    }

    #[test]
    fn the_share_of_a_pod_must_change_more_than_that_of_a_status() {
        check(Role::Status, &[("500", 50), ("200", 50)], &[("500", 50), ("200", 950)], 0, 1);
        check(Role::Pod, &[("a", 25), ("b", 75)], &[("a", 50), ("b", 950)], 0, 0);
        check(Role::Pod, &[("a", 60), ("b", 40)], &[("a", 50), ("b", 950)], 0, 1);
    }

    #[test]
    fn what_may_be_among_the_uncounted_is_not_called_new() {
        check(Role::Pod, &[("a", 50)], &[("b", 100)], 850, 1);
    }

    #[test]
    fn a_rare_value_is_chance() {
        check(Role::Pod, &[("a", 99), ("b", 1)], &[("a", 1_000)], 0, 0);
    }
}
