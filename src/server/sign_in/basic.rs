//! Keys as a browser sends them: the password of HTTP Basic (RFC 7617), beside any user name. Knows no key.

use axum::http::{HeaderMap, HeaderValue, header};
use base64::{Engine as _, engine::general_purpose::STANDARD};

const SCHEME: &[u8] = b"Basic ";

/// What makes a browser ask its user. It has to send the key again with each page, until it is closed.
pub(super) const CHALLENGE: HeaderValue = HeaderValue::from_static("Basic realm=\"elk-mcp reports\", charset=\"UTF-8\"");

/// Whether a request comes from a browser that shows what it gets.
pub(super) fn wants_page(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|kind| kind.split(';').next().is_some_and(|kind| kind.trim() == "text/html"))
}

/// Writes a password as the bearer's key, which is judged like any other. What is none, or stands there twice, stays as it is.
pub(super) fn to_bearer(headers: &mut HeaderMap) {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return };
    if let Some(mut bearer) = password(value.as_bytes()).and_then(|key| HeaderValue::from_bytes(&[b"Bearer ", &*key].concat()).ok()) {
        bearer.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, bearer);
    }
}

fn password(value: &[u8]) -> Option<Vec<u8>> {
    let (scheme, encoded) = value.split_at_checked(SCHEME.len())?;
    let pair = STANDARD.decode(encoded.trim_ascii()).ok().filter(|_| scheme.eq_ignore_ascii_case(SCHEME))?;
    let colon = pair.iter().position(|byte| *byte == b':')?;
    pair.get(colon + 1..).map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(given: &[&str], expected: &[&str]) {
        let mut headers = HeaderMap::new();
        for value in given {
            headers.append(header::AUTHORIZATION, value.parse().unwrap());
        }
        to_bearer(&mut headers);
        let seen: Vec<&str> = headers.get_all(header::AUTHORIZATION).iter().map(|value| value.to_str().unwrap()).collect();
        assert_eq!(seen, expected);
    }

    #[test]
    fn the_password_is_the_key_whatever_the_user_is_called() {
        let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
        check(&[&basic("alice:elk_01")], &["Bearer elk_01"]);
        check(&[&basic(":elk_01").replace("Basic", "basic")], &["Bearer elk_01"]);
        check(&[&basic("a:b:c")], &["Bearer b:c"]);
        for none in ["Basic", "Basic %%%", "Bearer elk_01", &basic("no colon"), &basic("a:line\nbreak")] {
            check(&[none], &[none]);
        }
        check(&[&basic("a:b"), "Bearer c"], &[&basic("a:b"), "Bearer c"]);
    }

    #[test]
    fn a_browser_names_html() {
        for (accept, expected) in
            [("text/html,application/xhtml+xml,*/*;q=0.8", true), ("text/html;q=0.9", true), ("*/*", false), ("", false)]
        {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            assert_eq!(wants_page(&headers), expected, "{accept}");
        }
    }
}
