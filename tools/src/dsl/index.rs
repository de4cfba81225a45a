//! Index expressions: which indices, aliases and data streams a request may name. The grammar is checked once, here.

use std::fmt;

use serde::ser::{Serialize, Serializer};

/// A name or a pattern with `*`: `[a-z0-9*][a-z0-9._*-]*`, at most 255 bytes.
///
/// Narrower than Elasticsearch's own grammar: no date math, no exclusion, no remote cluster, no hidden name, nothing
/// that is escaped in a path. Whatever passes here means the same in a path, in a header line and to a person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndexPattern(String);

/// One or more patterns. Never empty: an empty expression would mean every index.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndexExpression(Vec<IndexPattern>);

/// Why a string is no index expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{value}` is no index expression: {why}")]
pub struct InvalidIndex {
    /// The offending value, shortened to 80 characters.
    pub value: String,
    /// What is wrong and what would work.
    pub why: &'static str,
}

impl IndexPattern {
    /// Checks the grammar.
    ///
    /// # Errors
    /// When the name is empty, too long, or has a character outside the grammar.
    pub fn parse(text: &str) -> Result<Self, InvalidIndex> {
        let fail = |why| Err(InvalidIndex { value: text.chars().take(80).collect(), why });
        if text.is_empty() {
            return fail("it is empty; name an index, an alias, a data stream, or a pattern such as logs-*");
        }
        if text.len() > 255 {
            return fail("it is longer than 255 bytes");
        }
        if text.starts_with(['.', '_', '-']) {
            return fail("names start with a lower-case letter or a digit; hidden names, exclusions and special names are refused");
        }
        if !text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-' | b'*')) {
            return fail(
                "only lower-case letters, digits, `.`, `_`, `-` and `*` are accepted; remote clusters, date math and escapes are refused",
            );
        }
        if text.contains("..") {
            return fail("`..` is refused");
        }
        if text.contains("**") {
            return fail("`**` is refused; one `*` matches any run of characters");
        }
        Ok(Self(text.to_owned()))
    }

    /// The pattern as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it has a wildcard.
    pub fn is_wildcard(&self) -> bool {
        self.0.contains('*')
    }

    /// Whether a concrete name matches.
    pub fn matches(&self, name: &str) -> bool {
        self.includes_text(name.as_bytes())
    }

    /// Whether every name that `other` can match is matched by this pattern too.
    ///
    /// Decided on the automaton of the pattern: the set of positions reachable in `self` is followed through `other`,
    /// where a `*` of `other` stands for any run of characters, one of which occurs in no pattern.
    pub fn includes(&self, other: &IndexPattern) -> bool {
        self.includes_text(other.0.as_bytes())
    }

    fn includes_text(&self, other: &[u8]) -> bool {
        let own = self.0.as_bytes();
        // reachable[i]: own[..i] can have been consumed.
        let mut reachable = vec![false; own.len() + 1];
        if let Some(first) = reachable.first_mut() {
            *first = true;
        }
        close(own, &mut reachable);
        for &byte in other {
            if byte == b'*' {
                // Any run, also of characters that are in no pattern: only a `*` of ours can consume those. A run may be
                // empty too, but what a run of foreign characters cannot reach is not included.
                let mut next = vec![false; own.len() + 1];
                for (position, _) in own.iter().enumerate().filter(|(_, own)| **own == b'*') {
                    if reachable.get(position).copied().unwrap_or(false)
                        && let Some(slot) = next.get_mut(position)
                    {
                        *slot = true;
                    }
                }
                reachable = next;
            } else {
                let mut next = vec![false; own.len() + 1];
                for (position, &expected) in own.iter().enumerate() {
                    if !reachable.get(position).copied().unwrap_or(false) {
                        continue;
                    }
                    let target = if expected == b'*' {
                        position
                    } else if expected == byte {
                        position + 1
                    } else {
                        continue;
                    };
                    if let Some(slot) = next.get_mut(target) {
                        *slot = true;
                    }
                }
                reachable = next;
            }
            close(own, &mut reachable);
        }
        reachable.last().copied().unwrap_or(false)
    }
}

/// A `*` may match nothing: what reaches it also reaches what follows it.
fn close(own: &[u8], reachable: &mut [bool]) {
    for (position, &byte) in own.iter().enumerate() {
        if byte == b'*'
            && reachable.get(position).copied().unwrap_or(false)
            && let Some(slot) = reachable.get_mut(position + 1)
        {
            *slot = true;
        }
    }
}

impl IndexExpression {
    /// Parses a comma-separated list.
    ///
    /// # Errors
    /// When the list is empty, has more than 256 members, or one of them is no [`IndexPattern`].
    pub fn parse(text: &str) -> Result<Self, InvalidIndex> {
        let fail = |why| Err(InvalidIndex { value: text.chars().take(80).collect(), why });
        if text.trim().is_empty() {
            return fail("it is empty; name an index, an alias, a data stream, or a pattern such as logs-*");
        }
        let patterns = text.split(',').map(|part| IndexPattern::parse(part.trim_matches(' '))).collect::<Result<Vec<_>, _>>()?;
        if patterns.len() > 256 {
            return fail("it names more than 256 patterns; use a wildcard");
        }
        Ok(Self(patterns))
    }

    /// An expression of these patterns; none when there are none.
    pub fn of(patterns: Vec<IndexPattern>) -> Option<Self> {
        (!patterns.is_empty()).then_some(Self(patterns))
    }

    /// Its members.
    pub fn patterns(&self) -> &[IndexPattern] {
        &self.0
    }
}

impl fmt::Display for IndexPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for IndexExpression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, pattern) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str(",")?;
            }
            f.write_str(&pattern.0)?;
        }
        Ok(())
    }
}

impl Serialize for IndexPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl Serialize for IndexExpression {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn includes(outer: &str, inner: &str) -> bool {
        IndexPattern::parse(outer).unwrap().includes(&IndexPattern::parse(inner).unwrap())
    }

    #[test]
    fn a_pattern_includes_what_is_narrower() {
        for (outer, inner) in [
            ("logs-*", "logs-a"),
            ("logs-*", "logs-*"),
            ("logs-*", "logs-*-prod"),
            ("*", "a*b"),
            ("a*c", "a*b*c"),
            ("a*", "a"),
            ("*a*", "ba*"),
        ] {
            assert!(includes(outer, inner), "{outer} includes {inner}");
        }
    }

    #[test]
    fn a_pattern_does_not_include_what_is_wider() {
        for (outer, inner) in [
            ("logs-*", "*"),
            ("logs-*", "log*"),
            ("logs-*", "logs*"),
            ("logs-*-prod", "logs-*"),
            ("a*b", "a*"),
            ("logs-a", "logs-*"),
            ("a*bc", "a*c"),
        ] {
            assert!(!includes(outer, inner), "{outer} does not include {inner}");
        }
    }

    #[test]
    fn what_could_mean_something_else_is_refused() {
        for text in [
            "",
            " ",
            "*:*",
            "-logs",
            "_all",
            ".security",
            "a,,b",
            "logs-a,-logs-b",
            "a..b",
            "<logs-{now/d}>",
            "%2e",
            "Logs",
            "a b",
            "**",
            "a\n",
            "logs-\u{2217}",
            "a::failures",
            "a?",
        ] {
            assert!(IndexExpression::parse(text).is_err(), "{text:?}");
        }
    }
}
