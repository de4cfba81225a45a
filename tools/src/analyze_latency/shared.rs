//! What slow documents share: values that are more frequent among them than among the fast ones. Knows no engine.

use std::collections::HashSet;

use super::groups::rough;
use crate::{
    answer::{Cell, Table},
    look::{Agg, Field, Filter, Results},
    mining::statistics::signed_g2,
    schema::{Role, Schema},
};

/// Roles whose values are compared.
const ROLES: [Role; 8] = [Role::Service, Role::Pod, Role::Host, Role::Path, Role::SpanName, Role::Version, Role::Status, Role::Method];

/// Values of a role that are compared.
const VALUES: u32 = 100;

/// Rows that are shown.
const MOST: usize = 10;

/// G² of the two-by-two table of slow and fast, with the value and without it (Dunning 1993), from which on a value is told:
/// one in 3,000 values without a difference reaches 13.
const CLEAR: f64 = 13.0;

/// The comparison of slow documents with all. Read by [`table`].
pub(super) fn agg(slow: Filter, schema: &Schema) -> Agg {
    let mut agg = Agg::Filters(vec![("slow".to_owned(), slow), ("all".to_owned(), Filter::All)], Vec::new());
    for role in roles(schema) {
        agg = agg.with(role.name(), Agg::terms(role, VALUES));
    }
    agg
}

fn roles(schema: &Schema) -> impl Iterator<Item = Role> + '_ {
    let usable = |role: &Role| schema.need_groupable(&Field::Role(*role)).is_ok() && schema.is_filled(*role);
    // A transaction's name is both path and name of a span: once is enough.
    ROLES.into_iter().filter(usable).filter(|role| *role != Role::SpanName || !same_fields(schema, Role::Path, Role::SpanName))
}

fn same_fields(schema: &Schema, one: Role, other: Role) -> bool {
    let name = |role| schema.groups.iter().map(move |group| group.field(&Field::Role(role)).map(|field| field.name.as_str()));
    name(one).eq(name(other))
}

/// Over-represented values, the clearest first.
pub(super) fn table(results: &Results<'_>, name: &str, schema: &Schema) -> Table {
    let mut table = Table::new(["field", "value", "slow", "all", "slow_share", "share", "g2"]);
    let (Some(slow), Some(all)) = (results.bucket(name, "slow"), results.bucket(name, "all")) else { return table };
    #[expect(clippy::cast_precision_loss, reason = "counts of documents")]
    let (slow_total, all_total) = (slow.count as f64, all.count as f64);
    if slow_total < 1.0 || all_total <= slow_total {
        return table;
    }
    let mut rows: Vec<(f64, (u64, u64), Vec<Cell>)> = Vec::new();
    for role in roles(schema) {
        for bucket in slow.results.buckets(role.name()) {
            let among_all = all.results.buckets(role.name()).iter().find(|other| other.key == bucket.key);
            // A value beyond the listed ones of all is at most as frequent as the last of them; its own count is a bound.
            let count_of_all = among_all.map_or(bucket.count, |other| other.count);
            #[expect(clippy::cast_precision_loss, reason = "counts of documents")]
            let (count, fast, fast_total) = (bucket.count as f64, count_of_all.saturating_sub(bucket.count) as f64, all_total - slow_total);
            let (share, expected) = (count / slow_total, count_of_all as f64 / all_total);
            let with = signed_g2(count, slow_total, fast, fast_total);
            let without = signed_g2(slow_total - count, slow_total, fast_total - fast, fast_total);
            let g2 = with + with.signum() * without.abs();
            if g2 >= CLEAR && bucket.count >= 3 {
                let all_cell = among_all.map_or(Cell::Null, |other| Cell::from(other.count));
                let cells = vec![
                    Cell::from(role.name()),
                    Cell::from(bucket.key.text()),
                    Cell::from(bucket.count),
                    all_cell,
                    Cell::from(rough(share)),
                    Cell::from(rough(expected)),
                    Cell::from(g2.round()),
                ];
                rows.push((g2, (bucket.count, count_of_all), cells));
            }
        }
    }
    rows.sort_by(|(a, ..), (b, ..)| b.total_cmp(a));
    // A service's only pod is no news beside the service: values with equal counts are shown once.
    let mut seen = HashSet::new();
    rows.retain(|(_, counts, _)| seen.insert(*counts));
    let left = rows.len().saturating_sub(MOST) as u64;
    rows.into_iter().take(MOST).for_each(|(.., cells)| table.push(cells));
    table.truncated(left, "top")
}
