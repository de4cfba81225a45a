//! Exact strings on a column: every test is made on the column's dictionary, then the documents are found by number.

use std::{cmp::Ordering, net::IpAddr, ops::Bound};

use tantivy::columnar::StrColumn;

use super::numbers;
use crate::{
    bits::Bits,
    failure::Stop,
    ingest::{Column, Part},
};

/// Which strings match.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TextTest {
    /// These.
    Exact(Vec<String>),
    /// This one, whatever the case of its ASCII letters: what Elasticsearch means by `case_insensitive`.
    Folded(String),
    /// What begins so.
    Prefix(String),
    /// What begins so, whatever the case of its ASCII letters.
    FoldedPrefix(String),
    /// By their bytes.
    Range(Bound<String>, Bound<String>),
    /// Addresses.
    Addresses(Bound<IpAddr>, Bound<IpAddr>),
}

impl TextTest {
    /// The documents with a matching value.
    pub(super) fn find(&self, column: &StrColumn, length: u32) -> Result<Bits, Stop> {
        let dictionary = column.dictionary();
        let mut ordinals: Vec<u64> = Vec::new();
        match self {
            Self::Exact(values) => {
                for value in values {
                    ordinals.extend(dictionary.term_ord(value)?);
                }
            }
            Self::Prefix(prefix) => {
                let mut terms = dictionary.prefix_range(prefix).into_stream()?;
                while terms.advance() {
                    ordinals.push(terms.term_ord());
                }
            }
            Self::Folded(_) | Self::FoldedPrefix(_) | Self::Range(..) | Self::Addresses(..) => {
                let mut terms = dictionary.stream()?;
                while terms.advance() {
                    if std::str::from_utf8(terms.key()).is_ok_and(|term| self.matches(term)) {
                        ordinals.push(terms.term_ord());
                    }
                }
            }
        }
        ordinals.sort_unstable();
        ordinals.dedup();
        Ok(find_ordinals(column, &ordinals, length))
    }

    /// Whether one string matches.
    pub(super) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(values) => values.iter().any(|value| value == text),
            Self::Folded(value) => text.eq_ignore_ascii_case(value),
            Self::Prefix(prefix) => text.starts_with(prefix),
            Self::FoldedPrefix(prefix) => {
                text.as_bytes().get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
            }
            Self::Range(low, high) => within(text, low, high, |text, bound| text.cmp(bound.as_str())),
            Self::Addresses(low, high) => {
                text.parse::<IpAddr>().is_ok_and(|ip| within(&wide(ip), low, high, |ip, bound| ip.cmp(&wide(*bound))))
            }
        }
    }
}

fn within<V: ?Sized, B>(value: &V, low: &Bound<B>, high: &Bound<B>, compare: impl Fn(&V, &B) -> Ordering) -> bool {
    let above = match low {
        Bound::Unbounded => true,
        Bound::Included(bound) => compare(value, bound).is_ge(),
        Bound::Excluded(bound) => compare(value, bound).is_gt(),
    };
    above
        && match high {
            Bound::Unbounded => true,
            Bound::Included(bound) => compare(value, bound).is_le(),
            Bound::Excluded(bound) => compare(value, bound).is_lt(),
        }
}

/// Addresses of both kinds in one order, as the engine keeps them.
pub(crate) fn wide(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().to_bits(),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

/// The addresses of a block such as `10.0.0.0/8`.
pub(super) fn block(text: &str) -> Option<(IpAddr, IpAddr)> {
    let (address, length) = text.split_once('/')?;
    let (address, length): (IpAddr, u32) = (address.parse().ok()?, length.parse().ok()?);
    match address {
        IpAddr::V4(address) if length <= 32 => {
            let hosts = u32::MAX.checked_shr(length).unwrap_or(0);
            let (low, high) = (address.to_bits() & !hosts, address.to_bits() | hosts);
            Some((IpAddr::V4(low.into()), IpAddr::V4(high.into())))
        }
        IpAddr::V6(address) if length <= 128 => {
            let hosts = u128::MAX.checked_shr(length).unwrap_or(0);
            let (low, high) = (address.to_bits() & !hosts, address.to_bits() | hosts);
            Some((IpAddr::V6(low.into()), IpAddr::V6(high.into())))
        }
        _ => None,
    }
}

/// The documents with one of these values, given by their sorted numbers in the dictionary.
fn find_ordinals(column: &StrColumn, ordinals: &[u64], length: u32) -> Bits {
    let mut found = Bits::none(length);
    let (Some(first), Some(last)) = (ordinals.first(), ordinals.last()) else { return found };
    if last - first + 1 == ordinals.len() as u64 {
        numbers::find(column.ords(), *first, *last, &mut found, length);
        return found;
    }
    let wanted =
        Bits::of(u32::try_from(column.num_terms()).unwrap_or(u32::MAX), ordinals.iter().filter_map(|ordinal| u32::try_from(*ordinal).ok()));
    for document in 0..length {
        if column.term_ords(document).any(|ordinal| u32::try_from(ordinal).is_ok_and(|ordinal| wanted.has(ordinal))) {
            found.set(document);
        }
    }
    found
}

/// The documents with one of these ids, given or derived.
pub(super) fn find_ids(ids: &[String], part: &Part) -> Result<Bits, Stop> {
    let length = part.documents();
    let given = part.given_ids()?;
    let mut found = match &*given {
        Column::Text(column) => TextTest::Exact(ids.to_vec()).find(column, length)?,
        _ => Bits::none(length),
    };
    for sequence in ids.iter().filter_map(|id| crate::ingest::sequence_of(id)) {
        // Sequence numbers grow with the document's number.
        let (mut low, mut high) = (0, length);
        while low < high {
            let middle = low + (high - low) / 2;
            if part.sequence(middle)? < sequence { low = middle + 1 } else { high = middle }
        }
        let has_own_id = matches!(&*given, Column::Text(column) if column.term_ords(low).next().is_some());
        if low < length && part.sequence(low)? == sequence && !has_own_id {
            found.set(low);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_hold_their_addresses() {
        for (text, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("0.0.0.0/0", "255.255.255.255", "::1:0:0:1"),
            ("192.168.1.7/32", "192.168.1.7", "192.168.1.8"),
            ("2001:db8::/32", "2001:db8::1", "2001:db9::"),
        ] {
            let (low, high) = block(text).unwrap();
            let test = TextTest::Addresses(Bound::Included(low), Bound::Included(high));
            assert!(test.matches(inside), "{text} {inside}");
            assert!(!test.matches(outside), "{text} {outside}");
        }
        for text in ["10.0.0.0", "10.0.0.0/33", "x/8", "::/129"] {
            assert_eq!(block(text), None, "{text}");
        }
    }
}
