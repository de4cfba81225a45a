//! The keys that clients sign in with: made, written as digests, read, and recognised. Knows no header, no transport and no
//! setting.
//!
//! A file has a line `name:sha256` for each key, in any order; empty lines and those that begin with `#` are skipped. Two
//! lines of one name are two keys that both work, which is how a key is replaced without a moment when none does.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};
use subtle::{ConditionallySelectable as _, ConstantTimeEq as _};

/// The shortest key that is taken, in bytes.
pub const SHORTEST_KEY: usize = 16;
/// What every key made here begins with, so that scanners for leaked secrets and people know one when they see it.
const PREFIX: &str = "elk_";
/// The longest name of a key, in bytes.
const LONGEST_NAME: usize = 64;
/// The most keys that a file may hold: each sign-in is compared with all of them.
const MOST_KEYS: usize = 1_000;
/// Names of callers that have no key.
const TAKEN_NAMES: [&str; 2] = ["anonymous", "stdio"];

/// SHA-256 of a key.
type Digest = [u8; 32];

/// Keys by name; only their digests are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientKeys(Vec<(Arc<str>, Digest)>);

/// A line of a file of keys that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} {why}")]
pub struct BadLine {
    line: usize,
    why: String,
}

impl ClientKeys {
    /// The one key of a server that has one.
    pub fn single(name: &str, key: &str) -> Self {
        Self(vec![(name.into(), digest(key.as_bytes()))])
    }

    /// Reads a file's text.
    ///
    /// # Errors
    /// Names the line and what is wrong with it, and does not repeat it: a key may have been put where its digest belongs.
    pub fn parse(text: &str) -> Result<Self, BadLine> {
        let mut keys: Vec<(Arc<str>, Digest)> = Vec::new();
        let mut lines: BTreeMap<Digest, usize> = BTreeMap::new();
        for (line, content) in (1..).zip(text.lines()) {
            let content = content.trim();
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            let bad = |why: String| BadLine { line, why };
            let (name, hexadecimal) = content
                .split_once(':')
                .ok_or_else(|| bad("has no colon: name:sha256 is expected, as `elk-mcp key new NAME` prints it".to_owned()))?;
            let name = name.trim_end();
            check_name(name).map_err(|why| bad(format!("has a name that {why}")))?;
            let digest = from_hexadecimal(hexadecimal.trim()).ok_or_else(|| {
                bad("has something else than the 64 hexadecimal digits of a SHA-256 after its colon; `elk-mcp key hash NAME` makes them of a key"
                    .to_owned())
            })?;
            if let Some(earlier) = lines.insert(digest, line) {
                return Err(bad(format!("has the same key as line {earlier}")));
            }
            if keys.len() == MOST_KEYS {
                return Err(bad(format!("is one too many: {MOST_KEYS} keys are the most")));
            }
            keys.push((name.into(), digest));
        }
        Ok(Self(keys))
    }

    /// These and others.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The name of a key. Every digest is compared, each in constant time, so how long it takes says nothing about the keys
    /// but their number.
    pub fn name_of(&self, key: &[u8]) -> Option<&Arc<str>> {
        let given = digest(key);
        let mut found = u32::MAX;
        for (position, (_, digest)) in (0u32..).zip(&self.0) {
            found.conditional_assign(&position, given.ct_eq(digest));
        }
        self.0.get(usize::try_from(found).ok()?).map(|(name, _)| name)
    }
}

/// A new key of 256 random bits.
///
/// # Errors
/// When the system gives no random numbers.
pub fn generate() -> Result<String> {
    let mut bytes = [0; 32];
    rustls::crypto::ring::default_provider().secure_random.fill(&mut bytes).ok().context("no random numbers from the system")?;
    Ok(format!("{PREFIX}{}", hexadecimal(&bytes)))
}

/// A key's line for a file of keys.
pub fn line(name: &str, key: &str) -> String {
    format!("{name}:{}", hexadecimal(&digest(key.as_bytes())))
}

/// Whether a key may have this name: it stands in logs, and before a colon.
///
/// # Errors
/// What is wrong with it, as the end of a sentence.
pub fn check_name(name: &str) -> Result<(), String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'@');
    if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(is_plain) {
        return Err(format!("is not 1 to {LONGEST_NAME} letters, digits, dots, dashes, underscores or at signs"));
    }
    match TAKEN_NAMES.contains(&name) {
        true => Err(format!("is `{name}`, which is what callers without a key are called")),
        false => Ok(()),
    }
}

fn digest(key: &[u8]) -> Digest {
    Sha256::digest(key).into()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hexadecimal(text: &str) -> Option<Digest> {
    let mut digest = [0; 32];
    if text.len() != 2 * digest.len() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (position, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * position..2 * position + 2)?, 16).ok()?;
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "elk_0123456789abcdef";

    fn named(keys: &ClientKeys, key: &str) -> Option<String> {
        keys.name_of(key.as_bytes()).map(|name| name.to_string())
    }

    #[test]
    fn a_key_is_known_by_its_line_and_by_nothing_else() {
        let text = format!("# of the team\n\n  {}  \n{}\r\n", line("ci", KEY), line("alice", "another key of alice"));
        let keys = ClientKeys::parse(&text).unwrap();
        assert_eq!(keys.len(), 2);
        assert_eq!(named(&keys, KEY).as_deref(), Some("ci"));
        assert_eq!(named(&keys, "another key of alice").as_deref(), Some("alice"));
        for wrong in ["", "elk_", &KEY[1..], &format!("{KEY} "), &line("ci", KEY)[3..]] {
            assert_eq!(named(&keys, wrong), None, "{wrong}");
        }
    }

    #[test]
    fn two_lines_of_one_name_are_two_live_keys() {
        let keys = ClientKeys::parse(&format!("{}\n{}", line("ci", "the old key"), line("ci", "the new key"))).unwrap();
        assert_eq!(named(&keys, "the old key"), named(&keys, "the new key"));
        assert!(named(&keys, "the old key").is_some());
    }

    #[test]
    fn a_digest_may_be_in_capitals_and_a_file_may_be_empty() {
        let (name, digits) = (line("ci", KEY), line("ci", KEY).to_uppercase());
        assert_eq!(ClientKeys::parse(&digits.replace("CI:", "ci:")), ClientKeys::parse(&name));
        assert!(ClientKeys::parse("\n# none\n").unwrap().is_empty());
    }

    #[track_caller]
    fn refused(text: &str, line: usize, why: &str) {
        let error = ClientKeys::parse(text).unwrap_err();
        assert!(error.line == line && error.why.contains(why), "{error}");
        assert!(!error.to_string().contains(KEY), "{error}");
    }

    #[test]
    fn a_line_that_cannot_be_used_is_named_and_not_repeated() {
        let good = line("ci", KEY);
        refused(KEY, 1, "no colon");
        refused(&format!("ci:{KEY}"), 1, "64 hexadecimal digits");
        refused(&format!("{good}\n\n{good}"), 3, "same key as line 1");
        refused(&format!("{good}\n{}", good.replace("ci:", "other:")), 2, "same key as line 1");
        refused(&good.replace("ci:", ":"), 1, "name");
        refused(&good.replace("ci:", "c i:"), 1, "name");
        refused(&good.replace("ci:", "anonymous:"), 1, "without a key");
        refused(&good[..good.len() - 1], 1, "64 hexadecimal digits");
    }

    #[test]
    fn keys_that_are_made_differ_and_are_long() {
        assert_ne!(generate().unwrap(), generate().unwrap());
        assert_eq!(generate().unwrap().len(), 68);
    }
}
