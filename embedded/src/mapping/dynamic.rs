//! Dynamic mapping: the type of a field from its first value.

use std::sync::Arc;

use super::{DateFormat, Field, Kind, MOST_FIELDS, Mapping, Raw, Slot};
use crate::time;

/// `ignore_above` of the `keyword` multi-field that a dynamic string gets.
const KEYWORD_LENGTH: usize = 256;

/// Names that a document cannot give a meaning of its own.
const METADATA: [&str; 6] = ["_index", "_id", "_seq_no", "_source", "_doc", "_score"];

impl Mapping {
    /// Where values of a path go, which a first value decides if the path is new.
    pub(crate) fn slot(&mut self, path: &str, value: &Raw<'_>) -> Slot {
        if let Some(field) = self.by_name.get(path) {
            let mut field = Arc::clone(field);
            if let (Kind::Constant(None), true) = (&field.kind, matches!(value, Raw::Text(_))) {
                let known = Field { kind: Kind::Constant(Some(value.to_text().into_owned())), ..Field::clone(&field) };
                field = self.insert(known);
            }
            return if field.kind == Kind::Opaque { Slot::Ignored } else { Slot::Field(field) };
        }
        if self.aliases.contains_key(path) {
            return Slot::Refused;
        }
        if METADATA.contains(&path) {
            return Slot::Ignored;
        }
        if let Some(root) = ancestors(path).find(|parent| self.flattened.contains(*parent)).and_then(|root| self.by_name.get(root)) {
            let root = Arc::clone(root);
            return self.add(path, |id, name| {
                let mut field = Field::new(id, name, Kind::Keyword, "flattened");
                field.is_key_of_flattened = true;
                field.multi_fields.push(root);
                field
            });
        }
        if !self.dynamic || ancestors(path).any(|parent| self.opaque.contains(parent)) {
            return Slot::Ignored;
        }
        match value {
            Raw::Bool(_) => self.add(path, |id, name| Field::new(id, name, Kind::Boolean, "boolean")),
            Raw::Int(_) => self.add(path, |id, name| Field::new(id, name, Kind::Integer, "long")),
            Raw::Unsigned(_) | Raw::Float(_) => self.add(path, |id, name| Field::new(id, name, Kind::Float, "float")),
            Raw::Text(text) if self.date_detection && time::looks_like_date(text).is_some() => {
                let format = DateFormat { nanos: true, ..DateFormat::default() };
                self.add(path, |id, name| Field::new(id, name, Kind::Date(format), "date_nanos"))
            }
            Raw::Text(_) => {
                let keyword = self.new_id();
                self.add(path, |id, name| {
                    let mut keyword = Field::new(keyword, format!("{name}.keyword"), Kind::Keyword, "keyword");
                    keyword.ignore_above = Some(KEYWORD_LENGTH);
                    keyword.path.clone_from(&name);
                    let mut field = Field::new(id, name, Kind::Text, "text");
                    field.multi_fields.push(Arc::new(keyword));
                    field
                })
            }
        }
    }

    /// A fraction came to a dynamic field of whole numbers: from now on it is one of fractions.
    pub(crate) fn widen(&mut self, field: &Field) -> Arc<Field> {
        match self.by_name.get(field.name.as_str()) {
            Some(known) if known.kind == Kind::Integer && known.is_dynamic => {
                let wide = Field { kind: Kind::Float, type_name: "float", ..Field::clone(known) };
                self.insert(wide)
            }
            Some(known) => Arc::clone(known),
            None => Arc::new(field.clone()),
        }
    }

    fn add(&mut self, path: &str, make: impl FnOnce(super::FieldId, String) -> Field) -> Slot {
        if self.by_name.len() >= MOST_FIELDS {
            return Slot::Refused;
        }
        let id = self.new_id();
        let mut field = make(id, path.to_owned());
        field.is_dynamic = true;
        if !field.is_key_of_flattened {
            self.add_parents(path);
        }
        Slot::Field(self.insert(field))
    }
}

fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('.').filter_map(|(position, _)| path.get(..position))
}
