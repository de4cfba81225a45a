//! The indices while documents still come. Knows no file.

use std::collections::HashMap;

use super::Part;
use crate::mapping::Mapping;

/// Indices that grow.
#[derive(Default)]
pub(crate) struct Catalogue {
    indices: Vec<Growing>,
    by_name: HashMap<String, usize>,
}

/// An index that grows.
pub(crate) struct Growing {
    pub(crate) name: String,
    pub(crate) mapping: Mapping,
    /// The next `_seq_no`.
    pub(crate) next_sequence: u64,
    /// Values that did not fit their field's type, or found no field.
    pub(crate) misfits: u64,
    pub(crate) parts: Vec<Part>,
    /// Some documents came with an id, so that one may replace another.
    pub(crate) has_ids: bool,
}

impl Catalogue {
    /// The number of an index, which is made if it is new.
    pub(crate) fn number(&mut self, name: &str) -> usize {
        if let Some(number) = self.by_name.get(name) {
            return *number;
        }
        let number = self.indices.len();
        self.by_name.insert(name.to_owned(), number);
        self.indices.push(Growing {
            name: name.to_owned(),
            mapping: Mapping::dynamic(),
            next_sequence: 0,
            misfits: 0,
            parts: Vec::new(),
            has_ids: false,
        });
        number
    }

    /// An index by its number.
    pub(crate) fn at(&mut self, number: usize) -> Option<&mut Growing> {
        self.indices.get_mut(number)
    }

    /// All indices.
    pub(crate) fn into_indices(self) -> Vec<Growing> {
        self.indices
    }
}
