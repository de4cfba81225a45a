//! Alerts signed with a shared secret, as AWS DevOps Agent's webhooks are: base64 of HMAC-SHA256 over `TIMESTAMP:BODY`. Knows no alert.

use std::fmt;

use axum::http::HeaderMap;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::{SignedDuration, Timestamp};
use ring::hmac;

const TIMESTAMP: &str = "x-amzn-event-timestamp";
const SIGNATURE: &str = "x-amzn-event-signature";
/// How far the sender's clock, and the way, may be off: what was recorded longer ago is not taken again.
const FRESH: SignedDuration = SignedDuration::from_mins(5);

/// The secret that senders sign with.
pub(super) struct Secret(hmac::Key);

/// Why a signature is not taken. Says nothing of what would have been right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Misfit {
    Incomplete,
    Stale,
    Wrong,
}

impl fmt::Display for Misfit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Incomplete => "send x-amzn-event-timestamp, and x-amzn-event-signature as base64, once each",
            Self::Stale => "x-amzn-event-timestamp must be RFC 3339 and within five minutes of now",
            Self::Wrong => "the signature does not fit: it is base64(HMAC-SHA256(secret, \"TIMESTAMP:BODY\")) over the exact bytes sent",
        })
    }
}

/// Whether a request claims to be signed.
pub(super) fn is_signed(headers: &HeaderMap) -> bool {
    headers.contains_key(SIGNATURE)
}

impl Secret {
    pub(super) fn new(secret: &str) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()))
    }

    /// Compares in constant time.
    pub(super) fn verify(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<(), Misfit> {
        let timestamp = single(headers, TIMESTAMP).ok_or(Misfit::Incomplete)?;
        let signature = single(headers, SIGNATURE).and_then(|text| STANDARD.decode(text).ok()).ok_or(Misfit::Incomplete)?;
        let time: Timestamp = std::str::from_utf8(timestamp).ok().and_then(|text| text.parse().ok()).ok_or(Misfit::Stale)?;
        let signed = [timestamp, b":", body].concat();
        hmac::verify(&self.0, &signed, &signature).map_err(|_| Misfit::Wrong)?;
        if now.duration_since(time).abs() > FRESH { Err(Misfit::Stale) } else { Ok(()) }
    }
}

fn single<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    values.next().is_none().then_some(first.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-03-25T14:52:57.000Z";

    fn headers(timestamp: &str, secret: &str, body: &str) -> HeaderMap {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let tag = hmac::sign(&key, format!("{timestamp}:{body}").as_bytes());
        let mut headers = HeaderMap::new();
        headers.insert(TIMESTAMP, timestamp.parse().unwrap());
        headers.insert(SIGNATURE, STANDARD.encode(tag).parse().unwrap());
        headers
    }

    #[track_caller]
    fn check(headers: &HeaderMap, body: &str, expected: Result<(), Misfit>) {
        assert_eq!(Secret::new("s3cret").verify(headers, body.as_bytes(), NOW.parse().unwrap()), expected);
    }

    #[test]
    fn the_exact_bytes_signed_with_the_secret_pass_for_five_minutes() {
        check(&headers(NOW, "s3cret", "{\"a\": 1}"), "{\"a\": 1}", Ok(()));
        check(&headers("2026-03-25T14:48:00.000Z", "s3cret", "{}"), "{}", Ok(()));
        check(&headers("2026-03-25T14:47:00.000Z", "s3cret", "{}"), "{}", Err(Misfit::Stale));
        check(&headers("2026-03-25T14:59:00.000Z", "s3cret", "{}"), "{}", Err(Misfit::Stale));
    }

    #[test]
    fn anything_else_does_not() {
        check(&headers(NOW, "s3cret", "{\"a\": 1}"), "{\"a\":1}", Err(Misfit::Wrong));
        check(&headers(NOW, "other", "{}"), "{}", Err(Misfit::Wrong));
        check(&HeaderMap::new(), "{}", Err(Misfit::Incomplete));
        let mut twice = headers(NOW, "s3cret", "{}");
        twice.append(TIMESTAMP, NOW.parse().unwrap());
        check(&twice, "{}", Err(Misfit::Incomplete));
        let mut garbled = headers(NOW, "s3cret", "{}");
        garbled.insert(SIGNATURE, "%%%".parse().unwrap());
        check(&garbled, "{}", Err(Misfit::Incomplete));
        let mut moved = headers(NOW, "s3cret", "{}");
        moved.insert(TIMESTAMP, "2026-03-25T14:53:57.000Z".parse().unwrap());
        check(&moved, "{}", Err(Misfit::Wrong));
    }
}
