//! Which fields an index has, their types, and how values of documents and queries are read as these types. Knows neither
//! tantivy nor the requests.

mod dynamic;
mod explicit;
mod field;
mod value;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

pub use explicit::MappingError;
pub(crate) use field::{DateFormat, Field, FieldId, Kind, Output, canonical, read_date};
pub(crate) use value::{Raw, Value};

/// The most fields one index can have; values of further fields stay in `_source` only.
pub const MOST_FIELDS: usize = 10_000;

/// The fields of one index: given, found in the documents, or both.
#[derive(Debug, Clone)]
pub struct Mapping {
    by_name: HashMap<Box<str>, Arc<Field>>,
    aliases: BTreeMap<String, String>,
    /// Objects by name, with the type that `_field_caps` tells.
    objects: BTreeMap<String, &'static str>,
    flattened: BTreeSet<String>,
    opaque: BTreeSet<String>,
    passthrough: Vec<String>,
    constants: Vec<Arc<Field>>,
    dynamic: bool,
    date_detection: bool,
    next_id: u32,
}

impl Default for Mapping {
    fn default() -> Self {
        Self::dynamic()
    }
}

/// Where values of a path go.
#[derive(Debug, Clone)]
pub(crate) enum Slot {
    /// Into this field and its multi-fields.
    Field(Arc<Field>),
    /// Nowhere, as the mapping wants it.
    Ignored,
    /// Nowhere, though the mapping does not say so: an alias, or a field too many.
    Refused,
}

impl Mapping {
    /// No field yet: every field gets the type of its first value, as in Elasticsearch, except that dates keep
    /// nanoseconds and that a field of whole numbers becomes one of fractions when the first fraction comes.
    pub fn dynamic() -> Self {
        Self {
            by_name: HashMap::new(),
            aliases: BTreeMap::new(),
            objects: BTreeMap::new(),
            flattened: BTreeSet::new(),
            opaque: BTreeSet::new(),
            passthrough: Vec::new(),
            constants: Vec::new(),
            dynamic: true,
            date_detection: true,
            next_id: 0,
        }
    }

    /// The field under a name: its own, an alias, or one inside a passthrough object.
    pub(crate) fn field(&self, name: &str) -> Option<&Arc<Field>> {
        if let Some(field) = self.by_name.get(name) {
            return Some(field);
        }
        if let Some(target) = self.aliases.get(name) {
            return self.by_name.get(target.as_str());
        }
        self.passthrough.iter().find_map(|object| self.by_name.get(format!("{object}.{name}").as_str()))
    }

    /// All names under which a field can be found, sorted, without the keys of flattened objects.
    pub(crate) fn names(&self) -> BTreeMap<String, Arc<Field>> {
        let mut names: BTreeMap<String, Arc<Field>> = BTreeMap::new();
        for (name, field) in self.by_name.iter().filter(|(_, field)| !field.is_key_of_flattened) {
            for object in &self.passthrough {
                if let Some(short) = name.strip_prefix(object.as_str()).and_then(|rest| rest.strip_prefix('.')) {
                    names.entry(short.to_owned()).or_insert_with(|| Arc::clone(field));
                }
            }
        }
        for (alias, target) in &self.aliases {
            if let Some(field) = self.by_name.get(target.as_str()) {
                names.insert(alias.clone(), Arc::clone(field));
            }
        }
        for (name, field) in self.by_name.iter().filter(|(_, field)| !field.is_key_of_flattened) {
            names.insert(name.to_string(), Arc::clone(field));
        }
        names
    }

    /// Objects and their types.
    pub(crate) fn objects(&self) -> &BTreeMap<String, &'static str> {
        &self.objects
    }

    /// Fields that have the same value in every document.
    pub(crate) fn constants(&self) -> &[Arc<Field>] {
        &self.constants
    }

    /// The fields that `exists` means by a name: the field, or all inside the object.
    pub(crate) fn fields_within(&self, name: &str) -> Vec<&Arc<Field>> {
        if let Some(field) = self.field(name) {
            return vec![field];
        }
        self.by_name
            .iter()
            .filter(|(path, _)| path.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
            .map(|(_, field)| field)
            .collect()
    }

    fn new_id(&mut self) -> FieldId {
        self.next_id += 1;
        FieldId(self.next_id)
    }

    /// Notes the objects that a dotted name implies.
    fn add_parents(&mut self, name: &str) {
        for (position, _) in name.match_indices('.').filter(|(position, _)| *position > 0) {
            if let Some(parent) = name.get(..position)
                && !self.objects.contains_key(parent)
            {
                self.objects.insert(parent.to_owned(), "object");
            }
        }
    }

    fn insert(&mut self, field: Field) -> Arc<Field> {
        let field = Arc::new(field);
        for sub in &field.multi_fields {
            self.by_name.insert(sub.name.as_str().into(), Arc::clone(sub));
        }
        if matches!(field.kind, Kind::Constant(Some(_))) {
            self.constants.retain(|constant| constant.name != field.name);
            self.constants.push(Arc::clone(&field));
        }
        self.by_name.insert(field.name.as_str().into(), Arc::clone(&field));
        field
    }
}
