//! Sign-in by one key: in `Authorization: Bearer` or `X-API-Key`. Knows headers; keeps only the key's digest.

mod caller;

use anyhow::{Context as _, Result};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

pub use caller::Caller;

/// Who is let through.
#[derive(Clone)]
pub(super) struct Gate {
    /// None: anyone.
    digest: Option<[u8; 32]>,
    caller: Caller,
}

impl Gate {
    /// Whoever has this key.
    pub(super) fn key(key: &str) -> Self {
        Self { digest: Some(Sha256::digest(key).into()), caller: Caller::default_key() }
    }

    /// Anyone.
    pub(super) fn open() -> Self {
        Self { digest: None, caller: Caller::anonymous() }
    }

    /// The key's digest is compared in constant time: how long it takes says nothing about the key.
    fn lets_through(&self, headers: &HeaderMap) -> bool {
        let Some(digest) = &self.digest else { return true };
        given_key(headers).is_some_and(|given| bool::from(Sha256::digest(given).as_slice().ct_eq(digest)))
    }
}

/// The key of a request. One that is given twice is given not at all.
fn given_key(headers: &HeaderMap) -> Option<&[u8]> {
    let bearer = single(headers, header::AUTHORIZATION.as_str()).and_then(|value| {
        let (scheme, key) = value.split_at_checked("Bearer ".len())?;
        scheme.eq_ignore_ascii_case(b"Bearer ").then_some(key)
    });
    match (bearer, single(headers, "x-api-key")) {
        (Some(key), None) | (None, Some(key)) => Some(key.trim_ascii()),
        (None, None) | (Some(_), Some(_)) => None,
    }
}

fn single<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    values.next().is_none().then_some(first.as_bytes())
}

/// The layer in front of everything that needs sign-in.
pub(super) async fn require(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    if gate.lets_through(request.headers()) {
        request.extensions_mut().insert(gate.caller);
        return next.run(request).await;
    }
    let sent_one = request.headers().contains_key(header::AUTHORIZATION) || request.headers().contains_key("x-api-key");
    let challenge = if sent_one { "Bearer error=\"invalid_token\"" } else { "Bearer" };
    let mut refusal =
        (StatusCode::UNAUTHORIZED, "sign in with the server's key, as `Authorization: Bearer KEY` or `X-API-Key: KEY`\n").into_response();
    refusal.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    refusal
}

/// A key of 256 random bits.
pub(super) fn generate_key() -> Result<String> {
    let mut bytes = [0; 32];
    rustls::crypto::ring::default_provider().secure_random.fill(&mut bytes).ok().context("no random numbers from the system")?;
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("elk_{digits}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "elk_0123456789abcdef";

    #[track_caller]
    fn check(headers: &[(&'static str, &str)], passes: bool) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        assert_eq!(Gate::key(KEY).lets_through(&map), passes, "{headers:?}");
    }

    #[test]
    fn the_key_passes_in_either_header() {
        check(&[("authorization", &format!("Bearer {KEY}"))], true);
        check(&[("authorization", &format!("bearer  {KEY} "))], true);
        check(&[("x-api-key", KEY)], true);
    }

    #[test]
    fn anything_else_does_not() {
        check(&[], false);
        check(&[("authorization", KEY)], false);
        check(&[("authorization", &format!("Basic {KEY}"))], false);
        check(&[("authorization", "Bearer ")], false);
        check(&[("x-api-key", "")], false);
        check(&[("x-api-key", &KEY[1..])], false);
        check(&[("x-api-key", KEY), ("x-api-key", KEY)], false);
        check(&[("x-api-key", KEY), ("authorization", "Bearer wrong")], false);
    }

    #[test]
    fn an_open_gate_lets_anyone_through_and_generated_keys_differ() {
        assert!(Gate::open().lets_through(&HeaderMap::new()));
        assert_ne!(generate_key().unwrap(), generate_key().unwrap());
        assert_eq!(generate_key().unwrap().len(), 68);
    }
}
