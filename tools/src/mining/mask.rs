//! Replaces what varies in a log line (numbers, ids, addresses, times) by `<*>`, so that lines of one kind read alike. One pass over the
//! bytes, no regular expressions. Knows one line at a time.

use crate::bytes;

/// Stands for what varies.
pub(super) const WILDCARD: &str = "<*>";

/// Bytes of a line that are looked at: what tells lines apart comes early.
const LONGEST_HEADLINE: usize = 512;

/// Bytes of a message that make up its fold key.
const LONGEST_FOLD_KEY: usize = 2048;

/// The line of a message that says what happened: the first that is not empty, or the last one of a Python traceback.
pub fn headline(message: &str) -> &str {
    let mut lines = message.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or("");
    let telling = if first.starts_with("Traceback (most recent call last)") { lines.next_back().unwrap_or(first) } else { first };
    head(telling, LONGEST_HEADLINE)
}

/// The message with all that varies masked: equal for near-duplicates.
pub fn fold_key(message: &str) -> String {
    mask(head(message.trim(), LONGEST_FOLD_KEY))
}

fn head(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    let end = (0..=limit).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.get(..end).unwrap_or(text)
}

/// Replaces what varies by `<*>`; neighbours joined by a single `- . _ : / , +` become one. Words without a digit stay, so that paths keep
/// their fixed parts: `/orders/17/items` becomes `/orders/<*>/items`.
pub fn mask(line: &str) -> String {
    let bytes = line.as_bytes();
    let part = |from: usize, to: usize| line.get(from..to).unwrap_or("");
    let mut out = String::with_capacity(line.len());
    // Up to here the line is in `out`: a word begins or ends here. From `at` on is looked for what may vary: a word with a digit, or one
    // after a wildcard, also after one that the line itself has.
    let (mut copied, mut at) = (0, 0);
    while let Some(found) = bytes::position(bytes, at, |byte| bytes::beyond(byte, b'0', b'9').min(byte ^ b'*')) {
        if bytes.get(found) == Some(&b'*') {
            at = found + 1;
            if found > 0 && part(found - 1, found + 2) == WILDCARD {
                out.push_str(part(copied, found + 2));
                copied = after_letters(bytes, found + 2);
                at = copied;
            }
            continue;
        }
        let before = bytes.get(copied..found).unwrap_or(&[]);
        let start = found - before.iter().rev().take_while(|byte| is_word(**byte)).count();
        let end = word_end(bytes, found);
        out.push_str(part(copied, start));
        copied = match vary(part(start, end), joins_masked(&out)) {
            Varies::No => {
                out.push_str(part(start, end));
                end
            }
            Varies::From(0) => {
                push_wildcard(&mut out);
                after_letters(bytes, end)
            }
            Varies::From(stem) => {
                out.push_str(part(start, start + stem));
                out.push_str(WILDCARD);
                after_letters(bytes, end)
            }
        };
        at = copied;
    }
    out.push_str(part(copied, bytes.len()));
    out
}

/// Where the word ends that goes on at this byte.
fn word_end(bytes: &[u8], at: usize) -> usize {
    at + bytes.get(at..).unwrap_or(&[]).iter().take_while(|byte| is_word(**byte)).count()
}

/// Where the parts of an id end that happen to have no digit, each behind a hyphen, after a wildcard that ends at this byte.
fn after_letters(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at) == Some(&b'-') {
        let end = word_end(bytes, at + 1);
        if !bytes.get(at + 1..end).is_some_and(is_id_part_of_letters) {
            break;
        }
        at = end;
    }
    at
}

/// Bytes of words; those of other scripts count as letters.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
}

/// How a word varies.
enum Varies {
    No,
    /// From this byte on.
    From(usize),
}

/// How a word with a digit varies.
fn vary(word: &str, follows_masked: bool) -> Varies {
    let bytes = word.as_bytes();
    let is_digit = |byte: &u8| byte.is_ascii_digit();
    let Some(first) = bytes.iter().position(is_digit) else { return Varies::No };
    // 12ms, 2026, 25T14, 0x7f, 404
    if first == 0 {
        return Varies::From(0);
    }
    let is_hex = bytes.len() >= 4 && bytes.iter().all(u8::is_ascii_hexdigit);
    if is_hex || (follows_masked && bytes.len() == 5) {
        return Varies::From(0);
    }
    // node12, v42: the stem stays.
    if bytes.iter().skip(first).all(|byte| byte.is_ascii_digit()) {
        return Varies::From(first);
    }
    let changes = bytes.windows(2).filter(|pair| pair.first().map(is_digit) != pair.last().map(is_digit)).count();
    let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
    // x2x4z, AKIAIO5FODNN7; not k8s, log4j, i18n.
    if changes >= 3 || (bytes.len() >= 8 && digits >= 2) { Varies::From(0) } else { Varies::No }
}

/// Whether a word is letters that may be the part of a UUID that happens to have no digit, or the random end of a pod's name (Kubernetes
/// leaves out vowels there). Only asked right after a masked part and a hyphen.
fn is_id_part_of_letters(bytes: &[u8]) -> bool {
    let is_hex = matches!(bytes.len(), 4 | 8 | 12) && bytes.iter().all(|byte| matches!(byte, b'a'..=b'f' | b'A'..=b'F'));
    is_hex || (bytes.len() == 5 && bytes.iter().all(|byte| b"bcdfghjklmnpqrstvwxz".contains(byte)))
}

fn joins_masked(out: &str) -> bool {
    out.strip_suffix('-').is_some_and(|before| before.ends_with(WILDCARD))
}

/// Appends a wildcard, or lets the one before go on. A sign goes with its number.
fn push_wildcard(out: &mut String) {
    let joined = out.strip_suffix(['-', '.', '_', ':', '/', ',', '+']).filter(|before| before.ends_with(WILDCARD)).map(str::len);
    let signed =
        out.strip_suffix(['-', '+']).filter(|before| before.ends_with([' ', '=', '(', '[', ':', ',']) || before.is_empty()).map(str::len);
    match (joined, signed) {
        (Some(length), _) => out.truncate(length),
        (None, Some(length)) => {
            out.truncate(length);
            out.push_str(WILDCARD);
        }
        (None, None) => out.push_str(WILDCARD),
    }
}

/// The masked headline, with blanks as single spaces.
pub(super) fn masked_headline(message: &str) -> String {
    let masked = mask(headline(message));
    if masked.bytes().any(|byte| byte == b'\t') || masked.contains("  ") {
        masked.split_whitespace().collect::<Vec<_>>().join(" ")
    } else {
        masked
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(line: &str, expected: &str) {
        assert_eq!(mask(line), expected, "{line}");
        assert_eq!(mask(expected), expected, "masking twice is masking once");
    }

    #[test]
    fn numbers_with_signs_fractions_and_units_are_masked() {
        check("took 12ms", "took <*>");
        check("took 1.25s of -5 (+3)", "took <*> of <*> (<*>)");
        check("status=404 bytes=1,024", "status=<*> bytes=<*>");
        check("rate 1.7E12 99%", "rate <*> <*>%");
    }

    #[test]
    fn ids_are_masked_whole() {
        check("id 550e8400-e29b-41d4-a716-446655440000 done", "id <*> done");
        check("id 7f3c21d4-abcd-41d4-a716-446655440000", "id <*>");
        check("trace 4bf92f3577b34da6a3ce929d0e0e4736", "trace <*>");
        check("at 0x7ffde4", "at <*>");
        check("key AKIAIO5FODNN7", "key <*>");
    }

    #[test]
    fn addresses_and_times_become_one() {
        check("from 10.0.0.1:8080 to 10.0.0.2", "from <*> to <*>");
        check("2026-03-25T14:52:57.123Z up", "<*> up");
        check("[25/Mar/2026:14:52:57 +0000]", "[<*>/Mar/<*> <*>]");
    }

    #[test]
    fn names_keep_their_fixed_part() {
        check("pod message-processor-7f9c6d8b5-x2x4z gone", "pod message-processor-<*> gone");
        check("pod message-processor-7f9c6d8b5-bxkqz gone", "pod message-processor-<*> gone");
        check("node12 and v42", "node<*> and v<*>");
        check("GET /orders/17/items?page=2", "GET /orders/<*>/items?page=<*>");
        check("k8s log4j i18n utf-8", "k8s log4j i18n utf-<*>");
    }

    #[test]
    fn words_stay() {
        check("connection refused: /alert (naïve 漢字)", "connection refused: /alert (naïve 漢字)");
        check("", "");
    }

    #[test]
    fn the_headline_is_the_line_that_says_what_happened() {
        assert_eq!(headline("\n  boom at x\n\tat a.b(C.java:3)"), "boom at x");
        assert_eq!(headline("Traceback (most recent call last):\n  File \"x\"\nKeyError: 'a'\n"), "KeyError: 'a'");
        assert_eq!(headline(""), "");
        assert_eq!(headline(&"é".repeat(400)).len(), 512);
    }

    /// The same, word by word.
    fn masked_word_by_word(line: &str) -> String {
        let mut out = String::new();
        let mut rest = line;
        while let Some(first) = rest.bytes().next() {
            let length = rest.bytes().take_while(|byte| is_word(*byte) == is_word(first)).count();
            let (part, after) = rest.split_at(length);
            match vary(part, joins_masked(&out)) {
                _ if joins_masked(&out) && is_id_part_of_letters(part.as_bytes()) => push_wildcard(&mut out),
                Varies::From(0) => push_wildcard(&mut out),
                Varies::From(stem) => out.push_str(&[&part[..stem], WILDCARD].concat()),
                Varies::No => out.push_str(part),
            }
            rest = after;
        }
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn looking_at_words_with_digits_only_masks_the_same(
            line in "([a-z]{1,9} ?|[bcdf]{5}|[0-9a-f]{4,8}|-|<\\*>|\\*|[0-9]{1,4}|[-._:/,+=(<>é漢 \t]){0,30}",
        ) {
            prop_assert_eq!(mask(&line), masked_word_by_word(&line));
        }
    }
}
