//! `_field_caps`: which fields exist, with which types, and where.

use std::collections::{BTreeMap, BTreeSet};

use elk_mcp_tools::dsl::FieldCaps;
use serde::Serialize;

use crate::catalog::{Catalog, UnknownIndex, matches};

/// Fields that every document has.
const METADATA: [(&str, &str, bool); 4] =
    [("_id", "_id", false), ("_index", "_index", true), ("_seq_no", "_seq_no", true), ("_source", "_source", false)];

/// The reply.
#[derive(Debug, Serialize)]
pub(crate) struct Reply {
    indices: Vec<String>,
    fields: BTreeMap<String, BTreeMap<&'static str, Caps>>,
}

#[derive(Debug, Serialize)]
struct Caps {
    #[serde(rename = "type")]
    kind: &'static str,
    metadata_field: bool,
    searchable: bool,
    aggregatable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    indices: Option<Vec<String>>,
}

/// One type of one field.
#[derive(Default)]
struct Found {
    searchable: bool,
    aggregatable: bool,
    indices: BTreeSet<String>,
}

/// Answers `_field_caps`.
pub(crate) fn field_caps(catalog: &Catalog, asked: &FieldCaps) -> Result<Reply, UnknownIndex> {
    let indices = catalog.resolve(asked.index())?;
    let wanted = |name: &str| asked.fields().iter().any(|pattern| matches(pattern, name));
    let mut found: BTreeMap<String, BTreeMap<&'static str, Found>> = BTreeMap::new();
    let mut add = |name: &str, kind: &'static str, searchable: bool, aggregatable: bool, index: &str| {
        let types = found.entry(name.to_owned()).or_default();
        let entry = types.entry(kind).or_insert_with(|| Found { searchable: true, aggregatable: true, indices: BTreeSet::new() });
        entry.searchable &= searchable;
        entry.aggregatable &= aggregatable;
        entry.indices.insert(index.to_owned());
    };
    for index in &indices {
        let names = index.mapping.names();
        for (name, field) in names.iter().filter(|(name, _)| wanted(name)) {
            add(name, field.type_name, field.searchable, field.is_aggregatable(), index.name());
        }
        for (name, kind) in index.mapping.objects().iter().filter(|(name, _)| wanted(name) && !names.contains_key(*name)) {
            add(name, kind, false, false, index.name());
        }
        for (name, kind, aggregatable) in METADATA.iter().filter(|(name, ..)| wanted(name)) {
            add(name, kind, *name != "_source", *aggregatable, index.name());
        }
    }
    let all: BTreeSet<String> = indices.iter().map(|index| index.name().to_owned()).collect();
    let fields = found
        .into_iter()
        .map(|(name, mut types)| {
            if asked.include_unmapped() {
                let mapped: BTreeSet<String> = types.values().flat_map(|found| found.indices.iter().cloned()).collect();
                let unmapped: BTreeSet<String> = all.difference(&mapped).cloned().collect();
                if !unmapped.is_empty() {
                    types.insert("unmapped", Found { searchable: false, aggregatable: false, indices: unmapped });
                }
            }
            let several = types.len() > 1;
            let is_metadata = METADATA.iter().any(|(metadata, ..)| *metadata == name);
            let types = types
                .into_iter()
                .map(|(kind, found)| {
                    let caps = Caps {
                        kind,
                        metadata_field: is_metadata,
                        searchable: found.searchable,
                        aggregatable: found.aggregatable,
                        indices: several.then(|| found.indices.into_iter().collect()),
                    };
                    (kind, caps)
                })
                .collect();
            (name, types)
        })
        .collect();
    Ok(Reply { indices: all.into_iter().collect(), fields })
}
