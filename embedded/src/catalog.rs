//! The finished indices, aliases and data streams, and what an expression names among them. Knows no query.

use std::collections::{BTreeMap, BTreeSet};

use elk_mcp_tools::dsl::IndexExpression;

use crate::{ingest::Part, mapping::Mapping};

/// An index that no longer changes.
pub(crate) struct IndexData {
    /// Its name, then the aliases and data streams that lead to it.
    pub(crate) names: Vec<String>,
    pub(crate) mapping: Mapping,
    pub(crate) parts: Vec<Part>,
}

impl IndexData {
    pub(crate) fn name(&self) -> &str {
        self.names.first().map_or("", String::as_str)
    }

    pub(crate) fn documents(&self) -> u64 {
        self.parts.iter().map(Part::live_documents).sum()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.parts.iter().map(Part::bytes).sum()
    }
}

/// Everything that has a name.
#[derive(Default)]
pub(crate) struct Catalog {
    /// Sorted by name.
    pub(crate) indices: Vec<IndexData>,
    /// Alias to its indices.
    pub(crate) aliases: BTreeMap<String, BTreeSet<String>>,
    /// Data stream to its indices.
    pub(crate) streams: BTreeMap<String, BTreeSet<String>>,
}

/// A name that nothing has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnknownIndex(pub(crate) String);

impl Catalog {
    /// The indices that an expression names, in the order of their names. Hidden ones (`.ds-…`) only through their stream.
    pub(crate) fn resolve(&self, expression: &IndexExpression) -> Result<Vec<&IndexData>, UnknownIndex> {
        let mut names: BTreeSet<&str> = BTreeSet::new();
        for pattern in expression.patterns() {
            let before = names.len();
            let mut known = false;
            for index in self.indices.iter().filter(|index| pattern.matches(index.name()) && !is_hidden(index.name())) {
                known = true;
                names.insert(index.name());
            }
            for (_, members) in self.aliases.iter().chain(&self.streams).filter(|(name, _)| pattern.matches(name)) {
                known = true;
                names.extend(members.iter().map(String::as_str));
            }
            if !known && names.len() == before && !pattern.is_wildcard() {
                return Err(UnknownIndex(pattern.as_str().to_owned()));
            }
        }
        Ok(self.indices.iter().filter(|index| names.contains(index.name())).collect())
    }
}

/// Names that wildcards do not match.
pub(crate) fn is_hidden(name: &str) -> bool {
    name.starts_with('.')
}

/// Whether a pattern, in which `*` stands for any run of characters, matches a name.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(position) => rest = rest.get(position + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_run_of_characters() {
        for (pattern, name, expected) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "", true),
            ("*", "a.b", true),
            ("a*", "a", true),
            ("*b", "ab", true),
            ("a*b*c", "axbyc", true),
            ("a*b*c", "acb", false),
            ("a*a", "a", false),
            ("*a*", "bab", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
