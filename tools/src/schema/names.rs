//! The names to ask `_field_caps` for, in portions that fit a request line.

use super::{Kind, Role};

/// A request line may have 4 KB on Elasticsearch; the index expression and the options need their share.
const PORTION_BYTES: usize = 2_600;

/// Every candidate of every role.
pub(super) fn candidate_names(overrides: &[(Role, String)]) -> Vec<String> {
    let mut names: Vec<String> = Role::ALL.iter().flat_map(|role| role.candidates()).map(|candidate| candidate.name.to_owned()).collect();
    names.extend(overrides.iter().map(|(_, name)| name.clone()));
    names.sort();
    names.dedup();
    names
}

/// A name that a caller gave, and the objects it may lie in: a key of a `flattened` field has no entry of its own.
pub(super) fn with_parents(name: &str, into: &mut Vec<String>) {
    into.push(name.to_owned());
    let mut rest = name;
    while let Some((parent, _)) = rest.rsplit_once('.') {
        into.push(parent.to_owned());
        rest = parent;
    }
}

/// The sub-fields in which the other form of a field may lie: the keyword form of analysed text, and the reverse.
pub(super) fn other_form(name: &str, kind: Kind) -> Option<String> {
    match kind {
        Kind::Text => Some(format!("{name}.keyword")),
        Kind::Keyword => Some(format!("{name}.text")),
        Kind::Integer | Kind::Float | Kind::Date | Kind::Boolean | Kind::Ip | Kind::Nested | Kind::Other => None,
    }
}

/// Splits a list of names into portions that each fit a request line.
pub(super) fn portions(names: &[String]) -> Vec<Vec<String>> {
    let mut portions = Vec::new();
    let mut portion = Vec::new();
    let mut bytes = 0;
    for name in names {
        let size = name
            .bytes()
            .map(|byte| if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') { 1 } else { 3 })
            .sum::<usize>()
            + 1;
        if bytes + size > PORTION_BYTES && !portion.is_empty() {
            portions.push(std::mem::take(&mut portion));
            bytes = 0;
        }
        bytes += size;
        portion.push(name.clone());
    }
    if !portion.is_empty() {
        portions.push(portion);
    }
    portions
}
