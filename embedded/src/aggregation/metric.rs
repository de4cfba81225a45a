//! Metrics: one number, or a few, over the values of a field.

use super::{
    Slice, keys,
    outcome::{Format, Outcome},
};
use crate::{failure::Stop, ingest::Column, mapping::Kind, time};

/// Calls `call` with every number; dates are milliseconds, booleans 0 and 1.
#[expect(clippy::cast_precision_loss, reason = "metrics are computed in doubles, as in Elasticsearch")]
fn each(field: &str, slices: &[Slice<'_>], mut call: impl FnMut(f64)) -> Result<Format, Stop> {
    let mut format = Format::Number;
    for slice in slices {
        let target = slice.shard.target();
        let Some(found) = target.mapping.field(field) else { continue };
        match found.kind {
            Kind::Date(date) => format = Format::Date(date.output),
            Kind::Boolean => format = Format::Boolean,
            _ => {}
        }
        let documents = &slice.documents;
        match &*slice.part.column(&found.key)? {
            Column::Int(column) if matches!(found.kind, Kind::Date(_)) => {
                keys::each(column, documents, |value| call(time::to_millis(value) as f64));
            }
            Column::Int(column) => keys::each(column, documents, |value| call(value as f64)),
            Column::Unsigned(column) => keys::each(column, documents, |value| call(value as f64)),
            Column::Float(column) => keys::each(column, documents, &mut call),
            Column::Bool(column) => keys::each(column, documents, |value| call(f64::from(u8::from(value)))),
            Column::Absent | Column::Text(_) => {}
        }
    }
    Ok(format)
}

pub(super) fn min(field: &str, slices: &[Slice<'_>]) -> Result<Outcome, Stop> {
    let mut least: Option<f64> = None;
    let format = each(field, slices, |value| least = Some(least.map_or(value, |least| least.min(value))))?;
    Ok(Outcome::Metric { value: least, format })
}

pub(super) fn max(field: &str, slices: &[Slice<'_>]) -> Result<Outcome, Stop> {
    let mut most: Option<f64> = None;
    let format = each(field, slices, |value| most = Some(most.map_or(value, |most| most.max(value))))?;
    Ok(Outcome::Metric { value: most, format })
}

pub(super) fn sum(field: &str, slices: &[Slice<'_>]) -> Result<Outcome, Stop> {
    let mut sum = Sum::default();
    let format = each(field, slices, |value| sum.add(value))?;
    Ok(Outcome::Metric { value: Some(sum.value()), format })
}

pub(super) fn avg(field: &str, slices: &[Slice<'_>]) -> Result<Outcome, Stop> {
    let (mut sum, mut count) = (Sum::default(), 0_u32);
    let format = each(field, slices, |value| {
        sum.add(value);
        count += 1;
    })?;
    Ok(Outcome::Metric { value: (count > 0).then(|| sum.value() / f64::from(count)), format })
}

/// Neumaier's sum, "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen", 1974: what is rounded away
/// is kept and added in the end.
#[derive(Default)]
struct Sum {
    sum: f64,
    rest: f64,
}

impl Sum {
    fn add(&mut self, value: f64) {
        let sum = self.sum + value;
        self.rest += if self.sum.abs() >= value.abs() { (self.sum - sum) + value } else { (value - sum) + self.sum };
        self.sum = sum;
    }

    fn value(&self) -> f64 {
        self.sum + self.rest
    }
}

/// How many values; equal strings of one document are one value.
pub(super) fn value_count(field: &str, slices: &[Slice<'_>]) -> Result<Outcome, Stop> {
    let mut count = 0_u64;
    let mut own = Vec::new();
    for slice in slices {
        if field == "_index" {
            count += slice.documents.len() as u64;
            continue;
        }
        let target = slice.shard.target();
        let Some(found) = target.mapping.field(field) else { continue };
        if let Column::Text(column) = &*slice.part.column(&found.key)? {
            for document in &slice.documents {
                own.clear();
                own.extend(column.term_ords(*document));
                own.sort_unstable();
                own.dedup();
                count += own.len() as u64;
            }
        } else {
            each(field, std::slice::from_ref(slice), |_| count += 1)?;
        }
    }
    Ok(Outcome::Count(count))
}

/// How many distinct values, exactly.
pub(super) fn cardinality(field: &str, slices: &[Slice<'_>]) -> Result<Outcome, Stop> {
    let (keys, _) = keys::readers(field, slices)?;
    Ok(Outcome::Count(keys.list.len() as u64))
}

/// Percentiles of all values, linear between neighbours (Hyndman and Fan's type 7), as Elasticsearch's digest gives them
/// while it holds every value.
pub(super) fn percentiles(field: &str, percents: &[f64], slices: &[Slice<'_>]) -> Result<Outcome, Stop> {
    let mut values = Vec::new();
    let format = each(field, slices, |value| values.push(value))?;
    values.sort_unstable_by(f64::total_cmp);
    let values = percents.iter().map(|percent| (*percent, quantile(&values, percent / 100.0))).collect();
    Ok(Outcome::Percentiles { values, format })
}

fn quantile(sorted: &[f64], q: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    #[expect(clippy::cast_precision_loss, reason = "a position among values that fit memory")]
    let position = (q * last as f64).clamp(0.0, last as f64);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the list")]
    let below = position.floor() as usize;
    let low = *sorted.get(below)?;
    let high = sorted.get(below + 1).copied().unwrap_or(low);
    Some(low + (high - low) * position.fract())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_linear_between_neighbours() {
        for (values, q, expected) in [
            (vec![], 0.5, None),
            (vec![7.0], 0.99, Some(7.0)),
            (vec![1.0, 2.0], 0.5, Some(1.5)),
            (vec![1.0, 2.0, 3.0, 4.0], 0.25, Some(1.75)),
            (vec![1.0, 2.0, 3.0], 1.0, Some(3.0)),
            (vec![1.0, 2.0, 3.0], 0.0, Some(1.0)),
        ] {
            assert_eq!(quantile(&values, q), expected, "{values:?} {q}");
        }
    }

    #[test]
    fn what_is_small_is_not_lost_in_a_sum() {
        let mut sum = Sum::default();
        [1e16, 1.0, -1e16].into_iter().for_each(|value| sum.add(value));
        assert_eq!(sum.value().to_bits(), 1.0_f64.to_bits());
    }
}
