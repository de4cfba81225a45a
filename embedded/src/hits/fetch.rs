//! What is shown of a document: `_source`, and `fields` read from it as the fields' types.

use std::collections::BTreeMap;

use elk_mcp_tools::dsl::{FetchField, Sort};
use serde::ser::{Serialize, SerializeStruct, Serializer};
use serde_json::value::RawValue;
use tantivy::store::StoreReader;

use super::order::{Chosen, written};
use crate::{
    aggregation::Slice,
    failure::Stop,
    ingest::{Leaf, Paths, source},
    mapping::{Field, Kind, Mapping, Value},
};

/// A document of a reply.
#[derive(Debug)]
pub(crate) struct Hit {
    index: String,
    id: String,
    source: Option<Box<RawValue>>,
    fields: BTreeMap<String, Vec<serde_json::Value>>,
    sort: Vec<serde_json::Value>,
}

impl Serialize for Hit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut hit = serializer.serialize_struct("Hit", 6)?;
        hit.serialize_field("_index", &self.index)?;
        hit.serialize_field("_id", &self.id)?;
        hit.serialize_field("_score", &None::<f64>)?;
        if let Some(source) = &self.source {
            hit.serialize_field("_source", source)?;
        }
        if !self.fields.is_empty() {
            hit.serialize_field("fields", &self.fields)?;
        }
        if !self.sort.is_empty() {
            hit.serialize_field("sort", &self.sort)?;
        }
        hit.end()
    }
}

/// Reads the chosen documents, in their order.
pub(crate) fn fetch(
    chosen: Vec<Chosen>,
    slices: &[Slice<'_>],
    sort: &[Sort],
    fields: &[FetchField],
    whole: bool,
) -> Result<Vec<Hit>, Stop> {
    let mut paths = Paths::default();
    let mut stores: BTreeMap<usize, StoreReader> = BTreeMap::new();
    let mut wanted: BTreeMap<usize, Vec<Wanted<'_>>> = BTreeMap::new();
    let mut hits = Vec::with_capacity(chosen.len());
    for chosen in chosen {
        let Some(slice) = slices.get(chosen.slice) else { continue };
        let mut hit = Hit {
            index: slice.shard.name().to_owned(),
            id: slice.part.id(chosen.document)?,
            source: None,
            fields: BTreeMap::new(),
            sort: sort.iter().zip(&chosen.values).map(|(sort, value)| written(value, sort, slice)).collect(),
        };
        if whole || !fields.is_empty() {
            let store = match stores.entry(chosen.slice) {
                std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::btree_map::Entry::Vacant(entry) => entry.insert(slice.part.store()?),
            };
            let json = String::from_utf8(source(store, chosen.document)?).unwrap_or_else(|_| "{}".to_owned());
            if !fields.is_empty() {
                let wanted = wanted.entry(chosen.slice).or_insert_with(|| resolve(fields, slice.shard.mapping()));
                hit.fields = read(&json, wanted, &mut paths);
            }
            if whole {
                hit.source = RawValue::from_string(json).ok();
            }
        }
        hits.push(hit);
    }
    Ok(hits)
}

/// A field to read, under the name it was found by.
struct Wanted<'a> {
    name: String,
    field: &'a Field,
    is_time: bool,
}

fn resolve<'a>(fields: &[FetchField], mapping: &'a Mapping) -> Vec<Wanted<'a>> {
    let mut wanted = Vec::new();
    for fetch in fields {
        if fetch.name.contains('*') {
            for name in mapping.names().into_keys().filter(|name| crate::catalog::matches(&fetch.name, name)) {
                if let Some(field) = mapping.field(&name) {
                    wanted.push(Wanted { name, field, is_time: fetch.is_time });
                }
            }
        } else if let Some(field) = mapping.field(&fetch.name) {
            wanted.push(Wanted { name: fetch.name.clone(), field, is_time: fetch.is_time });
        }
    }
    wanted
}

fn read(json: &str, wanted: &[Wanted<'_>], paths: &mut Paths) -> BTreeMap<String, Vec<serde_json::Value>> {
    let mut leaves: Vec<Leaf<'_>> = Vec::new();
    let mut fields = BTreeMap::new();
    if paths.read(json, &mut leaves).is_err() {
        return fields;
    }
    for wanted in wanted {
        let path = paths.number(&wanted.field.path);
        let mut values: Vec<serde_json::Value> = leaves
            .iter()
            .filter(|leaf| leaf.path == path)
            .filter_map(|leaf| wanted.field.read(&leaf.value).ok().flatten().map(|value| shown(value, wanted)))
            .collect();
        if let (true, Kind::Constant(Some(constant))) = (values.is_empty(), &wanted.field.kind) {
            values.push(constant.clone().into());
        }
        if !values.is_empty() {
            fields.insert(wanted.name.clone(), values);
        }
    }
    fields
}

fn shown(value: Value<'_>, wanted: &Wanted<'_>) -> serde_json::Value {
    match value {
        Value::Int(nanos) if matches!(wanted.field.kind, Kind::Date(_)) => wanted.field.write_date(nanos, wanted.is_time).into(),
        Value::Text(text) => text.into_owned().into(),
        Value::Int(value) => value.into(),
        Value::Unsigned(value) => value.into(),
        Value::Float(value) => value.into(),
        Value::Bool(value) => value.into(),
    }
}
