//! Numbers and ranges of them on columns, exact for every mix of integers and fractions.

use std::{fmt::Debug, ops::Bound};

use tantivy::columnar::Column as Numbers;

use crate::{bits::Bits, ingest::Column, mapping::Raw};

/// A number of a query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    Int(i64),
    Unsigned(u64),
    Float(f64),
}

impl Number {
    /// Reads a number, also from text.
    pub(crate) fn read(raw: &Raw<'_>) -> Option<Self> {
        match raw {
            Raw::Text(text) => Self::read(&Raw::number(text)?),
            Raw::Int(value) => Some(Self::Int(*value)),
            Raw::Unsigned(value) => Some(Self::Unsigned(*value)),
            Raw::Float(value) => Some(Self::Float(*value)),
            Raw::Bool(_) => None,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "compared with a column of doubles")]
    fn as_float(self) -> f64 {
        match self {
            Self::Int(value) => value as f64,
            Self::Unsigned(value) => value as f64,
            Self::Float(value) => value,
        }
    }

    /// The whole number below, and whether there is a rest.
    #[expect(clippy::cast_possible_truncation, reason = "a cast of a float saturates, and 128 bits hold all that is compared")]
    fn floor(self) -> (i128, bool) {
        match self {
            Self::Int(value) => (value.into(), false),
            Self::Unsigned(value) => (value.into(), false),
            Self::Float(value) => (value.floor() as i128, value.fract() != 0.0),
        }
    }
}

/// A range of numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Interval {
    pub(crate) low: Bound<Number>,
    pub(crate) high: Bound<Number>,
}

impl Interval {
    /// One number.
    pub(crate) fn only(number: Number) -> Self {
        Self { low: Bound::Included(number), high: Bound::Included(number) }
    }

    /// Both included.
    pub(crate) fn between(low: i64, high: i64) -> Self {
        Self { low: Bound::Included(Number::Int(low)), high: Bound::Included(Number::Int(high)) }
    }

    /// Adds the documents with a value in the range.
    pub(crate) fn find(&self, column: &Column, found: &mut Bits, length: u32) {
        match column {
            Column::Int(column) => {
                let (low, high) = self.whole();
                let (low, high) = (low.max(i64::MIN.into()), high.min(i64::MAX.into()));
                if let (Ok(low), Ok(high)) = (i64::try_from(low), i64::try_from(high)) {
                    find(column, low, high, found, length);
                }
            }
            Column::Unsigned(column) => {
                let (low, high) = self.whole();
                let (low, high) = (low.max(0), high.min(u64::MAX.into()));
                if let (Ok(low), Ok(high)) = (u64::try_from(low), u64::try_from(high)) {
                    find(column, low, high, found, length);
                }
            }
            Column::Float(column) => {
                let low = match self.low {
                    Bound::Unbounded => f64::NEG_INFINITY,
                    Bound::Included(number) => number.as_float(),
                    Bound::Excluded(number) => number.as_float().next_up(),
                };
                let high = match self.high {
                    Bound::Unbounded => f64::INFINITY,
                    Bound::Included(number) => number.as_float(),
                    Bound::Excluded(number) => number.as_float().next_down(),
                };
                // Both zeros are one number.
                let (low, high) = (if low == 0.0 { -0.0 } else { low }, if high == 0.0 { 0.0 } else { high });
                find(column, low, high, found, length);
            }
            Column::Absent | Column::Text(_) | Column::Bool(_) => {}
        }
    }

    /// The whole numbers within, both ends included.
    fn whole(&self) -> (i128, i128) {
        let low = match self.low {
            Bound::Unbounded => i128::MIN,
            Bound::Included(number) => match number.floor() {
                (floor, false) => floor,
                (floor, true) => floor + 1,
            },
            Bound::Excluded(number) => number.floor().0.saturating_add(1),
        };
        let high = match self.high {
            Bound::Unbounded => i128::MAX,
            Bound::Included(number) => number.floor().0,
            Bound::Excluded(number) => match number.floor() {
                (floor, false) => floor.saturating_sub(1),
                (floor, true) => floor,
            },
        };
        (low, high)
    }
}

/// Adds the documents with a value from `low` to `high`.
pub(super) fn find<T: PartialOrd + Copy + Debug + Send + Sync + 'static>(
    column: &Numbers<T>,
    low: T,
    high: T,
    found: &mut Bits,
    length: u32,
) {
    if low > high || column.values.num_vals() == 0 || column.min_value() > high || column.max_value() < low {
        return;
    }
    if column.get_cardinality().is_full() && column.min_value() >= low && column.max_value() <= high {
        *found = Bits::all(length);
        return;
    }
    let mut documents = Vec::new();
    column.get_docids_for_value_range(low..=high, 0..length, &mut documents);
    for document in documents {
        found.set(document);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_bound_whole_numbers() {
        use Bound::{Excluded, Included, Unbounded};
        use Number::{Float, Int, Unsigned};
        for (low, high, expected) in [
            (Included(Int(1)), Included(Int(3)), (1, 3)),
            (Excluded(Int(1)), Excluded(Int(3)), (2, 2)),
            (Included(Float(1.5)), Included(Float(3.5)), (2, 3)),
            (Excluded(Float(1.5)), Excluded(Float(3.5)), (2, 3)),
            (Excluded(Float(-1.5)), Excluded(Float(-0.5)), (-1, -1)),
            (Included(Unsigned(u64::MAX)), Unbounded, (u64::MAX.into(), i128::MAX)),
        ] {
            assert_eq!(Interval { low, high }.whole(), expected, "{low:?} {high:?}");
        }
    }
}
