//! Turns batches of documents into parts, on one thread. Several workers share one catalogue: what a value means is decided
//! there, in the order of the batches, so that the outcome does not depend on which thread was faster.

use std::{borrow::Cow, collections::HashMap, ops::Range, sync::Arc};

use super::{
    Catalogue,
    leaves::{Leaf, Paths},
    part::{Entries, PartWriter},
};
use crate::mapping::{Field, Kind, Raw, Slot, Value};

/// A document as it came.
#[derive(Debug)]
pub(crate) struct Incoming<'a> {
    /// Its index.
    pub(crate) index: Cow<'a, str>,
    /// The index was named for this document, so that its fields have no say.
    pub(crate) is_named: bool,
    /// Its id, where it has one.
    pub(crate) id: Option<Cow<'a, str>>,
    /// The JSON object itself.
    pub(crate) source: &'a str,
}

/// A batch whose documents are taken apart but not yet written.
#[derive(Debug, Default)]
pub(crate) struct Batch<'a> {
    documents: Vec<Taken<'a>>,
    leaves: Vec<Leaf<'a>>,
}

#[derive(Debug)]
struct Taken<'a> {
    incoming: Incoming<'a>,
    leaves: Range<usize>,
    index: usize,
    sequence: u64,
}

impl Batch<'_> {
    /// Lets the values of four naming paths decide the index of documents for which none was named.
    pub(crate) fn name_by(&mut self, name: impl Fn(&[Option<&str>; 4]) -> Option<String>) {
        for document in self.documents.iter_mut().filter(|document| !document.incoming.is_named) {
            let mut values = [None; 4];
            for leaf in self.leaves.get(document.leaves.clone()).unwrap_or_default() {
                if let (Some(place), Raw::Text(text)) = (values.get_mut(leaf.path as usize), &leaf.value) {
                    *place = Some(&**text);
                }
            }
            if let Some(index) = name(&values) {
                document.incoming.index = Cow::Owned(index);
            }
        }
    }
}

/// What a worker leaves.
#[derive(Default)]
pub(crate) struct Finished {
    /// Parts, each with the number of its index.
    pub(crate) parts: Vec<(usize, super::Part)>,
    /// How many values did not fit, by index.
    pub(crate) misfits: Vec<u64>,
}

/// One thread's share of the work.
pub(crate) struct Worker {
    paths: Paths,
    /// By index and path: where values go.
    slots: Vec<Vec<Option<Slot>>>,
    /// By index.
    constants: Vec<Vec<Arc<Field>>>,
    misfits: Vec<u64>,
    writers: HashMap<usize, PartWriter>,
    memory: usize,
}

impl Worker {
    /// A worker that keeps at most about `memory` bytes of unfinished parts, and remembers the values of the paths that may
    /// name an index.
    pub(crate) fn new(memory: usize, naming: &[&str]) -> Self {
        let mut paths = Paths::default();
        for path in naming {
            paths.number(path);
        }
        Self { paths, slots: Vec::new(), constants: Vec::new(), misfits: Vec::new(), writers: HashMap::new(), memory }
    }

    /// Takes a document apart; when it is no JSON object it is given back.
    pub(crate) fn take<'a>(&mut self, incoming: Incoming<'a>, batch: &mut Batch<'a>) -> Result<(), (Incoming<'a>, serde_json::Error)> {
        let start = batch.leaves.len();
        match self.paths.read(incoming.source, &mut batch.leaves) {
            Ok(()) => {
                batch.documents.push(Taken { incoming, leaves: start..batch.leaves.len(), index: 0, sequence: 0 });
                Ok(())
            }
            Err(error) => Err((incoming, error)),
        }
    }

    /// Whether a text is a document.
    pub(crate) fn check(&mut self, json: &str) -> Result<(), serde_json::Error> {
        self.paths.read(json, &mut Vec::new())
    }

    /// Decides index, sequence number and fields of each document. Batches must come here in order.
    pub(crate) fn assign(&mut self, catalogue: &mut Catalogue, batch: &mut Batch<'_>) {
        for document in &mut batch.documents {
            document.index = catalogue.number(&document.incoming.index);
            let Some(growing) = catalogue.at(document.index) else { continue };
            document.sequence = growing.next_sequence;
            growing.next_sequence += 1;
            growing.has_ids |= document.incoming.id.is_some();
            let slots = entry(&mut self.slots, document.index);
            for leaf in batch.leaves.get(document.leaves.clone()).unwrap_or_default() {
                let slot = entry(slots, leaf.path as usize);
                match (&*slot, &leaf.value) {
                    (None, value) => *slot = Some(growing.mapping.slot(self.paths.name(leaf.path), value)),
                    (Some(Slot::Field(field)), Raw::Float(value))
                        if field.kind == Kind::Integer && field.is_dynamic && value.fract() != 0.0 =>
                    {
                        *slot = Some(Slot::Field(growing.mapping.widen(field)));
                    }
                    (Some(Slot::Field(field)), value) if field.kind == Kind::Constant(None) => {
                        *slot = Some(growing.mapping.slot(self.paths.name(leaf.path), value));
                    }
                    _ => {}
                }
            }
            if !growing.mapping.constants().is_empty() {
                *entry(&mut self.constants, document.index) = growing.mapping.constants().to_vec();
            }
        }
    }

    /// Writes the documents of a batch, and returns the parts that became full, by index.
    pub(crate) fn write(&mut self, batch: &Batch<'_>) -> tantivy::Result<Finished> {
        for document in &batch.documents {
            let index = document.index;
            let misfits = entry(&mut self.misfits, index);
            let slots = entry(&mut self.slots, index);
            let writer = match self.writers.entry(index) {
                std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::hash_map::Entry::Vacant(entry) => entry.insert(PartWriter::new()?),
            };
            let (mut values, mut texts) = (Entries::new(), Entries::new());
            for leaf in batch.leaves.get(document.leaves.clone()).unwrap_or_default() {
                match slots.get(leaf.path as usize) {
                    Some(Some(Slot::Field(field))) => *misfits += u64::from(!put(field, &leaf.value, &mut values, &mut texts)),
                    Some(Some(Slot::Ignored)) => {}
                    _ => *misfits += 1,
                }
            }
            for field in entry(&mut self.constants, index).iter() {
                if let (Kind::Constant(Some(value)), false) = (&field.kind, values.iter().any(|(key, _)| *key == &*field.key)) {
                    values.push((&field.key, Value::Text(value.as_str().into())));
                }
            }
            writer.add(document.sequence, document.incoming.id.as_deref(), &mut values, &texts, document.incoming.source.as_bytes())?;
        }
        let mut full = Finished::default();
        while self.writers.values().map(PartWriter::memory).sum::<usize>() > self.memory {
            let Some(largest) = self.writers.iter().max_by_key(|(_, writer)| writer.memory()).map(|(index, _)| *index) else { break };
            if let Some(writer) = self.writers.remove(&largest) {
                full.parts.push((largest, writer.finish()?));
            }
        }
        Ok(full)
    }

    /// Ends all parts.
    pub(crate) fn finish(self) -> tantivy::Result<Finished> {
        let mut parts = Vec::new();
        for (index, writer) in self.writers {
            if writer.documents() > 0 {
                parts.push((index, writer.finish()?));
            }
        }
        Ok(Finished { parts, misfits: self.misfits })
    }
}

/// Adds a value of a field and of its multi-fields; false when it does not fit.
fn put<'a>(field: &'a Field, raw: &'a Raw<'a>, values: &mut Entries<'a>, texts: &mut Entries<'a>) -> bool {
    let fits = match field.read(raw) {
        Ok(Some(value)) => {
            if field.kind == Kind::Text {
                if !values.iter().any(|(key, _)| *key == &*field.key) {
                    values.push((&field.key, Value::Bool(true)));
                }
                texts.push((&field.key, value));
            } else {
                values.push((&field.key, value));
            }
            true
        }
        Ok(None) => true,
        Err(_) => false,
    };
    for multi_field in &field.multi_fields {
        put(multi_field, raw, values, texts);
    }
    fits
}

fn entry<T: Default + Clone>(list: &mut Vec<T>, position: usize) -> &mut T {
    if list.len() <= position {
        list.resize(position + 1, T::default());
    }
    #[expect(clippy::indexing_slicing, reason = "just resized")]
    &mut list[position]
}
