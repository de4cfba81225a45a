//! Which services the error lines of *other* services name: where the broken one logs nothing itself, its callers do.
//! Knows no search.

use std::collections::{BTreeMap, BTreeSet};

/// Endings that say no more than that it is a service.
const SUFFIXES: [&str; 6] = ["-service", "-svc", "-server", "_service", "-api", "service"];

/// A shorter stem is too likely an ordinary word.
const SHORTEST_STEM: usize = 4;

/// What stands before the name of a host that was not reached.
const REACHING: [&str; 8] =
    ["lookup ", "dial tcp ", "dial udp ", "connect to ", "connecting to ", "connection to ", "no route to host ", "unknown host "];

/// The services of a system, by the words that name them.
pub(super) struct Names {
    words: BTreeMap<String, String>,
}

impl Names {
    /// Full names, and stems without an ending that no other service shares.
    pub(super) fn of<'s>(services: impl Iterator<Item = &'s str>) -> Self {
        let services: BTreeSet<&str> = services.collect();
        let mut stems: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for service in &services {
            let lower = service.to_lowercase();
            let stem = SUFFIXES.iter().find_map(|suffix| lower.strip_suffix(suffix)).map(str::to_owned);
            if let Some(stem) = stem.filter(|stem| stem.len() >= SHORTEST_STEM) {
                stems.entry(stem).or_default().push(service);
            }
        }
        let unique =
            stems.into_iter().filter_map(|(stem, of)| if let [only] = of.as_slice() { Some((stem, (*only).to_owned())) } else { None });
        let full = services.iter().map(|service| (service.to_lowercase(), (*service).to_owned()));
        Self { words: unique.chain(full).collect() }
    }

    /// The services that a line of `writer` names, itself left out; and hosts that it could not reach.
    pub(super) fn named(&self, line: &str, writer: &str) -> BTreeSet<String> {
        let lower = line.to_lowercase();
        let mut named: BTreeSet<String> = lower
            .split(|char: char| !(char.is_alphanumeric() || char == '-' || char == '_'))
            .filter(|word| word.len() >= SHORTEST_STEM)
            .filter_map(|word| self.words.get(word).cloned())
            .collect();
        for reaching in REACHING {
            let hosts = lower.match_indices(reaching).filter_map(|(at, _)| host(lower.get(at + reaching.len()..)?));
            named.extend(hosts.map(|host| self.words.get(host).cloned().unwrap_or_else(|| host.to_owned())));
        }
        named.remove(writer);
        named
    }
}

/// The first label of the host that a text begins with; none for an address or an ordinary word.
fn host(text: &str) -> Option<&str> {
    let text = text.trim_start_matches(['"', '\'', '[', '/']);
    let text = text.split_once("://").filter(|(scheme, _)| scheme.len() < 12 && !scheme.contains(' ')).map_or(text, |(_, rest)| rest);
    let whole = text.split(|char: char| !(char.is_alphanumeric() || matches!(char, '-' | '_' | '.' | ':'))).next()?;
    let label = whole.split(['.', ':']).next()?;
    let looks_like_host = whole.trim_end_matches(['.', ':']).contains(['.', ':']) || label.contains('-');
    (looks_like_host && label.len() > 2 && label.starts_with(char::is_alphabetic)).then_some(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: &[&str]) {
        let names = Names::of(["order-service", "payment-service", "ts-order", "cart", "web"].into_iter());
        let named: Vec<String> = names.named(line, "payment-service").into_iter().collect();
        assert_eq!(named, expected, "{line}");
    }

    #[test]
    fn a_service_is_named_in_full_or_by_its_stem() {
        check("call to order-service failed", &["order-service"]);
        check("http://order:8080/orders refused", &["order-service"]);
        check("Cart is not there", &["cart"]);
    }

    #[test]
    fn the_writer_does_not_blame_itself() {
        check("payment-service: payment failed", &[]);
    }

    #[test]
    fn a_part_of_a_word_names_nothing() {
        check("reordering cartography", &[]);
    }

    #[test]
    fn a_host_that_was_not_reached_is_named() {
        check("dial tcp: lookup redis-cart on 10.0.0.2:53: no such host", &["redis-cart"]);
        check("could not connect to mysql.db.svc:3306", &["mysql"]);
        check("dial tcp 10.0.0.7:5432: connection refused", &[]);
        check("failed to connect to the server", &[]);
    }
}
