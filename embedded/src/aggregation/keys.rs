//! Values of a field as small numbers that are the same in every part, so that documents can be grouped by them.

use std::collections::HashMap;

use tantivy::columnar::{Column as Numbers, StrColumn};

use super::{Slice, outcome::Key};
use crate::{bits::Bits, failure::Stop, ingest::Column, mapping::Kind, query::wide, time};

/// No key.
const NONE: u32 = u32::MAX;

/// The distinct values of a field.
#[derive(Default)]
pub(super) struct Keys {
    pub(super) list: Vec<Key>,
    numbers: HashMap<Key, u32>,
}

impl Keys {
    fn number(&mut self, key: Key) -> u32 {
        if let Some(number) = self.numbers.get(&key) {
            return *number;
        }
        let number = u32::try_from(self.list.len()).unwrap_or(NONE);
        self.numbers.insert(key.clone(), number);
        self.list.push(key);
        number
    }
}

/// Reads the keys of documents of one part.
pub(super) enum Reader {
    Absent,
    Constant(u32),
    Texts(StrColumn, Vec<u32>),
    Ints(Numbers<i64>, HashMap<i64, u32>),
    /// Dates are grouped by their millisecond, as Elasticsearch groups them.
    Dates(Numbers<i64>, HashMap<i64, u32>),
    Unsigned(Numbers<u64>, HashMap<u64, u32>),
    Floats(Numbers<f64>, HashMap<u64, u32>),
    Booleans(Numbers<bool>, [u32; 2]),
}

/// One reader a slice, over common keys.
pub(super) fn readers(field: &str, slices: &[Slice<'_>]) -> Result<(Keys, Vec<Reader>), Stop> {
    let mut keys = Keys::default();
    // Where one index has fractions, whole numbers are numbers of the same kind.
    let as_float = slices
        .iter()
        .any(|slice| slice.shard.target().mapping.field(field).is_some_and(|field| matches!(field.kind, Kind::Float | Kind::Scaled(_))));
    let readers = slices.iter().map(|slice| reader(field, slice, as_float, &mut keys)).collect::<Result<_, _>>()?;
    Ok((keys, readers))
}

fn reader(field: &str, slice: &Slice<'_>, as_float: bool, keys: &mut Keys) -> Result<Reader, Stop> {
    if field == "_index" {
        return Ok(Reader::Constant(keys.number(Key::Text(slice.shard.name().into()))));
    }
    let target = slice.shard.target();
    let Some(field) = target.mapping.field(field) else { return Ok(Reader::Absent) };
    let documents = &slice.documents;
    Ok(match &*slice.part.column(&field.key)? {
        Column::Absent => Reader::Absent,
        Column::Text(column) => {
            let terms = u32::try_from(column.num_terms()).unwrap_or(NONE);
            let mut used = Bits::none(terms);
            for document in documents {
                for ordinal in column.term_ords(*document) {
                    used.set(u32::try_from(ordinal).unwrap_or(NONE));
                }
            }
            let ordinals: Vec<u64> = used.iter().map(u64::from).collect();
            let mut numbers = vec![NONE; terms as usize];
            let mut next = ordinals.iter();
            column.dictionary().sorted_ords_to_term_cb(&ordinals, |term| {
                let place = next.next().and_then(|ordinal| numbers.get_mut(usize::try_from(*ordinal).unwrap_or(usize::MAX)));
                if let Some(place) = place {
                    let text = String::from_utf8_lossy(term);
                    let address = if field.kind == Kind::Ip { text.parse().ok().map(wide) } else { None };
                    *place = keys.number(address.map_or_else(|| Key::Text(text.into()), Key::Address));
                }
            })?;
            Reader::Texts(column.clone(), numbers)
        }
        Column::Int(column) => {
            if let Kind::Date(format) = &field.kind {
                let mut numbers = HashMap::new();
                each(column, documents, |value| {
                    let millis = time::to_millis(value);
                    numbers.entry(millis).or_insert_with(|| keys.number(Key::Date(millis, format.output)));
                });
                return Ok(Reader::Dates(column.clone(), numbers));
            }
            let mut numbers = HashMap::new();
            #[expect(clippy::cast_precision_loss, reason = "grouped as doubles")]
            each(column, documents, |value| {
                numbers.entry(value).or_insert_with(|| keys.number(if as_float { Key::Float(value as f64) } else { Key::Int(value) }));
            });
            Reader::Ints(column.clone(), numbers)
        }
        Column::Unsigned(column) => {
            let mut numbers = HashMap::new();
            each(column, documents, |value| {
                numbers.entry(value).or_insert_with(|| keys.number(i64::try_from(value).map_or(Key::Unsigned(value), Key::Int)));
            });
            Reader::Unsigned(column.clone(), numbers)
        }
        Column::Float(column) => {
            let mut numbers = HashMap::new();
            each(column, documents, |value: f64| {
                numbers.entry(value.to_bits()).or_insert_with(|| keys.number(Key::Float(value)));
            });
            Reader::Floats(column.clone(), numbers)
        }
        Column::Bool(column) => {
            let mut numbers = [NONE; 2];
            each(column, documents, |value| {
                if let Some(place) = numbers.get_mut(usize::from(value))
                    && *place == NONE
                {
                    *place = keys.number(Key::Bool(value));
                }
            });
            Reader::Booleans(column.clone(), numbers)
        }
    })
}

/// Calls `call` with every value of these documents.
pub(super) fn each<T: PartialOrd + Copy + std::fmt::Debug + Send + Sync + 'static>(
    column: &Numbers<T>,
    documents: &[u32],
    mut call: impl FnMut(T),
) {
    for document in documents {
        column.values_for_doc(*document).for_each(&mut call);
    }
}

impl Reader {
    /// Puts the distinct keys of a document into `keys`.
    pub(super) fn read(&self, document: u32, keys: &mut Vec<u32>) {
        keys.clear();
        let get = |map: &HashMap<i64, u32>, value: i64| map.get(&value).copied().unwrap_or(NONE);
        match self {
            Self::Absent => {}
            Self::Constant(key) => keys.push(*key),
            Self::Texts(column, numbers) => keys.extend(
                column.term_ords(document).filter_map(|ordinal| usize::try_from(ordinal).ok().and_then(|ordinal| numbers.get(ordinal))),
            ),
            Self::Ints(column, numbers) => keys.extend(column.values_for_doc(document).map(|value| get(numbers, value))),
            Self::Dates(column, numbers) => {
                keys.extend(column.values_for_doc(document).map(|value| get(numbers, time::to_millis(value))));
            }
            Self::Unsigned(column, numbers) => {
                keys.extend(column.values_for_doc(document).filter_map(|value| numbers.get(&value)));
            }
            Self::Floats(column, numbers) => {
                keys.extend(column.values_for_doc(document).filter_map(|value| numbers.get(&value.to_bits())));
            }
            Self::Booleans(column, numbers) => {
                keys.extend(column.values_for_doc(document).filter_map(|value| numbers.get(usize::from(value))));
            }
        }
        if keys.len() > 1 {
            keys.sort_unstable();
            keys.dedup();
        }
    }
}
