//! The fields of whole documents that play no role, with their values: a customer, a region, a flag. Knows no search.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    look::Hit,
    schema::{Role, Schema},
};

/// A field and one of its values.
pub(super) type Pair = (String, String);

/// Values that are longer are texts, not kinds.
const LONGEST_VALUE: usize = 100;

/// Fields of a document that are looked at.
const MOST_FIELDS: usize = 200;

/// What requests have, each once however many documents tell of it: slow ones, and those of which no document read is slow.
pub(super) fn sets(slow: &[Hit<'_>], others: &[Hit<'_>], schema: &Schema) -> (Vec<BTreeSet<Pair>>, Vec<BTreeSet<Pair>>) {
    let known = known(schema);
    let mut of_slow: BTreeMap<String, BTreeSet<Pair>> = BTreeMap::new();
    let mut of_others: BTreeMap<String, BTreeSet<Pair>> = BTreeMap::new();
    let request =
        |hit: &Hit<'_>| hit.text(Role::TraceId).filter(|id| !id.is_empty()).map_or_else(|| hit.reference(), std::borrow::Cow::into_owned);
    for hit in slow {
        of_slow.entry(request(hit)).or_default().extend(pairs(hit, &known));
    }
    for hit in others {
        let request = request(hit);
        if !of_slow.contains_key(&request) {
            of_others.entry(request).or_default().extend(pairs(hit, &known));
        }
    }
    (of_slow.into_values().collect(), of_others.into_values().collect())
}

/// Fields that play a role: they are compared as such, or tell when, how long and what is said.
fn known(schema: &Schema) -> BTreeSet<&str> {
    schema.groups.iter().flat_map(|group| group.roles.values().flatten()).map(|field| field.name.as_str()).collect()
}

fn pairs(hit: &Hit<'_>, known: &BTreeSet<&str>) -> Vec<Pair> {
    let mut pairs = Vec::new();
    if let Some(source) = hit.source.and_then(|source| serde_json::from_str(source.get()).ok()) {
        flatten("", &source, known, &mut pairs);
    }
    pairs
}

fn flatten(path: &str, value: &Value, known: &BTreeSet<&str>, pairs: &mut Vec<Pair>) {
    if pairs.len() >= MOST_FIELDS || known.contains(path) {
        return;
    }
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                flatten(&path, member, known, pairs);
            }
        }
        Value::Array(members) => members.iter().for_each(|member| flatten(path, member, known, pairs)),
        Value::String(text) if text.len() <= LONGEST_VALUE && !text.is_empty() => pairs.push((path.to_owned(), text.clone())),
        Value::Number(number) if !number.is_f64() => pairs.push((path.to_owned(), number.to_string())),
        Value::Bool(value) => pairs.push((path.to_owned(), value.to_string())),
        Value::String(_) | Value::Number(_) | Value::Null => {}
    }
}
