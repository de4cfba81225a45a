//! Queries: compiled against the fields of one index, then evaluated on each of its parts.

mod compile;
mod numbers;
mod texts;
mod tokens;

use std::sync::Arc;

pub(crate) use compile::{Target, compile, excludes};
pub(crate) use numbers::{Interval, Number};
pub(crate) use texts::wide;

use self::{texts::TextTest, tokens::TokenTest};
use crate::{
    bits::Bits,
    failure::Stop,
    ingest::{Column, Part},
    mapping::Field,
};

/// A query whose fields are found and whose values are read as their types.
#[derive(Debug)]
pub(crate) enum Plan {
    All,
    Nothing,
    Numbers(Arc<Field>, Vec<Interval>),
    Booleans(Arc<Field>, Vec<bool>),
    Texts(Arc<Field>, TextTest),
    Tokens(Arc<Field>, TokenTest),
    Present(Vec<Arc<Field>>),
    Ids(Vec<String>),
    AllOf(Vec<Plan>),
    AnyOf(Vec<Plan>),
    Not(Box<Plan>),
}

impl Plan {
    /// The documents of a part that match and can be found.
    pub(crate) fn documents(&self, part: &Part) -> Result<Bits, Stop> {
        Ok(part.live(self.evaluate(part)?))
    }

    fn evaluate(&self, part: &Part) -> Result<Bits, Stop> {
        let length = part.documents();
        Ok(match self {
            Self::All => Bits::all(length),
            Self::Nothing => Bits::none(length),
            Self::Numbers(field, intervals) => {
                let column = part.column(&field.key)?;
                let mut found = Bits::none(length);
                for interval in intervals {
                    interval.find(&column, &mut found, length);
                }
                found
            }
            Self::Booleans(field, wanted) => {
                let mut found = Bits::none(length);
                if let Column::Bool(column) = &*part.column(&field.key)? {
                    for wanted in wanted {
                        numbers::find(column, *wanted, *wanted, &mut found, length);
                    }
                }
                found
            }
            Self::Texts(field, test) => match &*part.column(&field.key)? {
                Column::Text(column) => test.find(column, length)?,
                _ => Bits::none(length),
            },
            Self::Tokens(field, test) => test.find(&field.key, part)?,
            Self::Present(fields) => {
                let mut found = Bits::none(length);
                for field in fields {
                    present(&*part.column(&field.key)?, &mut found, length);
                }
                found
            }
            Self::Ids(ids) => texts::find_ids(ids, part)?,
            Self::AllOf(plans) => {
                let mut found = Bits::all(length);
                for plan in plans {
                    found.intersect(&plan.evaluate(part)?);
                    if found.is_empty() {
                        break;
                    }
                }
                found
            }
            Self::AnyOf(plans) => {
                let mut found = Bits::none(length);
                for plan in plans {
                    found.unite(&plan.evaluate(part)?);
                }
                found
            }
            Self::Not(plan) => {
                let mut found = Bits::all(length);
                found.subtract(&plan.evaluate(part)?);
                found
            }
        })
    }
}

/// Adds the documents that have a value.
fn present(column: &Column, found: &mut Bits, length: u32) {
    use tantivy::columnar::ColumnIndex;
    let index = match column {
        Column::Absent => return,
        Column::Text(column) => &column.ords().index,
        Column::Int(column) => &column.index,
        Column::Unsigned(column) => &column.index,
        Column::Float(column) => &column.index,
        Column::Bool(column) => &column.index,
    };
    match index {
        ColumnIndex::Empty { .. } => {}
        ColumnIndex::Full => *found = Bits::all(length),
        ColumnIndex::Optional(_) | ColumnIndex::Multivalued(_) => {
            for document in (0..length).filter(|document| index.has_value(*document)) {
                found.set(document);
            }
        }
    }
}
