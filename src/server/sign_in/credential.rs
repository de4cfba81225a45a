//! What a request signs in with: a key in one of a few headers. Knows no key.

use axum::http::{HeaderMap, HeaderName, Uri, header};

static AUTHORIZATION: HeaderName = header::AUTHORIZATION;
static API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const SCHEME: &[u8] = b"Bearer ";
/// Parameters of a URL in which clients have been seen to put keys, in lower case.
const KEY_PARAMETERS: [&str; 10] =
    ["key", "api_key", "api-key", "apikey", "x-api-key", "access_token", "token", "auth", "authorization", "client_key"];

/// The headers that a key may stand in.
#[derive(Debug, Clone)]
pub(super) struct Headers {
    /// Beside the usual ones.
    chosen: Option<HeaderName>,
}

/// What a request has to show.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Credential<'a> {
    /// Nothing.
    Missing,
    /// Something that is none: another scheme, two keys, an empty one.
    Unclear,
    /// A key.
    Key(&'a [u8]),
}

impl Headers {
    /// The usual headers, and one more.
    pub(super) fn new(chosen: Option<HeaderName>) -> Self {
        Self { chosen: chosen.filter(|name| *name != API_KEY) }
    }

    /// The key of a request. Two are none, since which of them counts would be anyone's guess.
    pub(super) fn credential<'a>(&self, headers: &'a HeaderMap) -> Credential<'a> {
        let mut found = Credential::Missing;
        for name in self.names() {
            for value in headers.get_all(name) {
                let key = self.key_in(name, value.as_bytes());
                found = match (found, key) {
                    (Credential::Missing, Some(key)) if !key.is_empty() => Credential::Key(key),
                    _ => return Credential::Unclear,
                };
            }
        }
        found
    }

    /// Takes the credential out of a request that has been judged by it: what lies behind cannot pass it on or log it.
    pub(super) fn remove(&self, headers: &mut HeaderMap) {
        for name in self.names() {
            headers.remove(name);
        }
    }

    fn names(&self) -> impl Iterator<Item = &HeaderName> {
        [&AUTHORIZATION, &API_KEY].into_iter().chain(self.chosen.as_ref().filter(|name| **name != AUTHORIZATION))
    }

    /// A scheme belongs to `Authorization`; elsewhere it may be there, since some clients let people write whole values only.
    fn key_in<'a>(&self, name: &HeaderName, value: &'a [u8]) -> Option<&'a [u8]> {
        let bare =
            value.split_at_checked(SCHEME.len()).and_then(|(scheme, key)| scheme.eq_ignore_ascii_case(SCHEME).then(|| key.trim_ascii()));
        let needs_scheme = *name == AUTHORIZATION && self.chosen.as_ref() != Some(name);
        bare.or_else(|| (!needs_scheme).then(|| value.trim_ascii()))
    }
}

/// Whether a URL has a parameter that looks like a key. URLs end up in the logs of everything between.
pub(super) fn is_in_url(uri: &Uri) -> bool {
    let parameters = uri.query().into_iter().flat_map(|query| query.split('&'));
    parameters
        .map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")))
        .any(|(name, value)| KEY_PARAMETERS.iter().any(|known| name.eq_ignore_ascii_case(known)) || value.starts_with("elk_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "elk_0123456789abcdef";

    #[track_caller]
    fn check(chosen: Option<&'static str>, given: &[(&'static str, &str)], expected: Credential<'_>) {
        let mut map = HeaderMap::new();
        for (name, value) in given {
            map.append(*name, value.parse().unwrap());
        }
        let headers = Headers::new(chosen.map(HeaderName::from_static));
        assert_eq!(headers.credential(&map), expected, "{given:?}");
        headers.remove(&mut map);
        assert!(map.is_empty());
    }

    #[test]
    fn a_key_stands_in_one_of_the_headers() {
        let key = || Credential::Key(KEY.as_bytes());
        check(None, &[("authorization", &format!("Bearer {KEY}"))], key());
        check(None, &[("authorization", &format!("bearer  {KEY} "))], key());
        check(None, &[("x-api-key", KEY)], key());
        check(None, &[("x-api-key", &format!("Bearer {KEY}"))], key());
        check(Some("x-elk-key"), &[("x-elk-key", KEY)], key());
        check(Some("x-elk-key"), &[("x-api-key", KEY)], key());
        check(Some("authorization"), &[("authorization", KEY)], key());
    }

    #[test]
    fn anything_else_is_no_key() {
        check(None, &[], Credential::Missing);
        check(None, &[("authorization", KEY)], Credential::Unclear);
        check(None, &[("authorization", &format!("Basic {KEY}"))], Credential::Unclear);
        check(None, &[("authorization", "Bearer ")], Credential::Unclear);
        check(None, &[("x-api-key", "")], Credential::Unclear);
        check(None, &[("x-api-key", KEY), ("x-api-key", KEY)], Credential::Unclear);
        check(None, &[("x-api-key", KEY), ("authorization", "Bearer wrong")], Credential::Unclear);
        check(Some("x-elk-key"), &[("x-elk-key", KEY), ("x-api-key", KEY)], Credential::Unclear);
    }

    #[test]
    fn a_key_in_a_url_is_seen_and_a_session_is_none() {
        for (query, expected) in [
            ("api_key=x", true),
            ("a=b&Access_Token=x", true),
            ("token", true),
            ("session=elk_0123", true),
            ("sessionId=0123", false),
            ("", false),
        ] {
            assert_eq!(is_in_url(&format!("/mcp?{query}").parse().unwrap()), expected, "{query}");
        }
        assert!(!is_in_url(&"/mcp".parse().unwrap()));
    }
}
