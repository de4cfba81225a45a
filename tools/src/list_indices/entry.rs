//! What can be named in a search: data streams, aliases, indices, and families of dated indices as one.

use std::collections::BTreeMap;

use crate::dsl::{IndexExpression, IndexPattern, ResolveReply};

/// Something that can be searched under one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// A name or a pattern that `index` takes.
    pub(super) name: String,
    /// `index`, `family`, `data_stream`, or `alias`.
    pub(super) kind: &'static str,
    /// It is closed, and cannot be searched before it is opened.
    pub(super) is_closed: bool,
    /// The concrete indices behind it, sorted.
    pub(super) indices: Vec<String>,
    /// The first and the last member of a family, without what they share.
    range: Option<(String, String)>,
}

impl Entry {
    /// Where its documents are counted; none when it is closed, or hidden behind a name that cannot be searched.
    pub(super) fn target(&self) -> Option<IndexExpression> {
        if self.is_closed {
            return None;
        }
        if self.kind == "family" && self.indices.len() <= 64 {
            return IndexExpression::parse(&self.indices.join(",")).ok();
        }
        IndexExpression::parse(&self.name).ok()
    }

    /// The kind as the answer shows it.
    pub(super) fn kind_word(&self) -> String {
        if self.is_closed { format!("{} (closed)", self.kind) } else { self.kind.to_owned() }
    }

    /// How many indices it has, and a family's first and last.
    pub(super) fn members_text(&self) -> String {
        match &self.range {
            Some((first, last)) => format!("{} ({first}..{last})", self.indices.len()),
            None => self.indices.len().to_string(),
        }
    }
}

/// The entries behind a resolved expression, dated indices collapsed, sorted by name.
pub(super) fn entries(resolved: &ResolveReply<'_>) -> Vec<Entry> {
    let mut entries = Vec::new();
    for stream in &resolved.data_streams {
        let mut indices: Vec<String> = stream.backing_indices.iter().map(|name| name.to_string()).collect();
        indices.sort();
        entries.push(Entry { name: stream.name.to_string(), kind: "data_stream", is_closed: false, indices, range: None });
    }
    for alias in &resolved.aliases {
        let mut indices: Vec<String> = alias.indices.iter().map(|name| name.to_string()).collect();
        indices.sort();
        entries.push(Entry { name: alias.name.to_string(), kind: "alias", is_closed: false, indices, range: None });
    }
    let mut families: BTreeMap<(String, bool), Vec<String>> = BTreeMap::new();
    for index in resolved.indices.iter().filter(|index| index.data_stream.is_none()) {
        let is_closed = index.attributes.iter().any(|attribute| &**attribute == "closed");
        families.entry((stem(&index.name), is_closed)).or_default().push(index.name.to_string());
    }
    for ((_, is_closed), mut indices) in families {
        indices.sort();
        entries.push(match indices.as_slice() {
            [only] => Entry { name: only.clone(), kind: "index", is_closed, indices, range: None },
            _ => family(indices, is_closed),
        });
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    entries
}

fn family(indices: Vec<String>, is_closed: bool) -> Entry {
    let first = indices.first().cloned().unwrap_or_default();
    let last = indices.last().cloned().unwrap_or_default();
    let shared = first.bytes().zip(last.bytes()).take_while(|(a, b)| a == b).count();
    // Up to the last separator, so that the rest is a whole part of a date.
    let cut = first.get(..shared).and_then(|head| head.rfind(['.', '-', '_'])).map_or(0, |at| at + 1);
    let head = first.get(..cut).unwrap_or_default();
    let tail = |name: &str| name.get(stem(name).find('*').unwrap_or(cut)..).unwrap_or_default().to_owned();
    let name = format!("{head}*");
    let name = if IndexPattern::parse(&name).is_ok() { name } else { stem(&first) };
    Entry { name, kind: "family", is_closed, range: Some((tail(&first), tail(&last))), indices }
}

/// The name with its dates and rollover numbers replaced by `*`: `logs-2026.03.25` and `logs-2026.03.26` share one.
fn stem(name: &str) -> String {
    let bytes = name.as_bytes();
    let mut stem = String::with_capacity(name.len());
    let mut at = 0;
    while at < bytes.len() {
        let starts_part = at == 0 || bytes.get(at - 1).is_some_and(|byte| !byte.is_ascii_alphanumeric());
        let length = if starts_part { dated(bytes.get(at..).unwrap_or_default()) } else { 0 };
        if length > 0 {
            if !stem.ends_with('*') {
                stem.push('*');
            }
            at += length;
        } else {
            stem.push(char::from(bytes.get(at).copied().unwrap_or(b'?')));
            at += 1;
        }
    }
    stem
}

/// The length of a date (`2026.03.25`, `2026-03`, `2026.03.25.14`, `20260325`) or a rollover number (`000042`) at the
/// beginning; 0 when there is none.
fn dated(text: &[u8]) -> usize {
    let digits = |from: usize| text.get(from..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count();
    let ends = |at: usize| text.get(at).is_none_or(|byte| !byte.is_ascii_alphanumeric());
    let year = text.starts_with(b"19") || text.starts_with(b"20");
    match digits(0) {
        8 if year && ends(8) => 8,
        6 if ends(6) => 6,
        4 if year => {
            let mut at = 4;
            while matches!(text.get(at), Some(b'.' | b'-' | b'_')) && digits(at + 1) == 2 && ends(at + 3) && at < 13 {
                at += 3;
            }
            if at > 4 || ends(4) { at } else { 0 }
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_rollover_numbers_make_a_family() {
        for (name, expected) in [
            ("logs-2026.03.25", "logs-*"),
            ("logs-2026-03-25", "logs-*"),
            ("app-2026.03", "app-*"),
            ("app-20260325", "app-*"),
            ("app-000042", "app-*"),
            ("logs-2026.03.25-000001", "logs-*-*"),
            ("logs-2026.03.25.14-web", "logs-*-web"),
            ("logs-tt-01", "logs-tt-01"),
            ("logs-2x26", "logs-2x26"),
            ("orders-v2", "orders-v2"),
        ] {
            assert_eq!(stem(name), expected, "{name}");
        }
    }

    #[test]
    fn members_of_a_family_are_one_entry_with_its_range() {
        let reply: ResolveReply<'_> = serde_json::from_str(
            r#"{"indices":[{"name":"logs-2026.03.24"},{"name":"logs-2026.03.25"},{"name":"other","attributes":["closed"]},
                {"name":".ds-web-2026.03.25-000001","data_stream":"web"}],
                "data_streams":[{"name":"web","backing_indices":".ds-web-2026.03.25-000001"}]}"#,
        )
        .unwrap();
        let entries = entries(&reply);
        let shown: Vec<_> = entries.iter().map(|entry| format!("{} {} {}", entry.name, entry.kind_word(), entry.members_text())).collect();
        assert_eq!(shown, ["logs-2026.03.* family 2 (2026.03.24..2026.03.25)", "other index (closed) 1", "web data_stream 1"]);
        assert!(entries[1].target().is_none());
    }
}
