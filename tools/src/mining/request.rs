//! Which HTTP request a masked line is about. Knows one line at a time.

use crate::mining::{drain::split, mask::WILDCARD};

/// Words before a request from which on it is a detail of what the line says: nginx ends each error with the request that met it.
const WORDS_BEFORE: usize = 3;

/// Words beside a request from which on the line is not about the endpoint alone.
const WORDS_BESIDE: usize = 3;

/// Which token of a line tells the HTTP request that it is about: the path where the line is little else than the request, else the method;
/// none where the request is a detail. What is quoted beside it (referrer, user agent) does not count.
pub(super) fn endpoint(line: &str) -> Option<usize> {
    const METHODS: [&str; 7] = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"];
    let bare = |token: &str| -> usize { token.len() - token.trim_start_matches(['"', '\'', '[', '(']).len() };
    let mut method = None;
    let (mut words, mut is_quoted) = (0, false);
    let mut tokens = split(line).enumerate().peekable();
    while let Some((at, token)) = tokens.next() {
        let name = token.get(bare(token)..).unwrap_or(token);
        let is_request = method.is_none() && METHODS.contains(&name) && tokens.peek().is_some_and(|(_, path)| path.starts_with('/'));
        if is_request {
            if words >= WORDS_BEFORE {
                return None;
            }
            method = Some(at);
        }
        let opens = token.bytes().filter(|byte| *byte == b'"').count() % 2 == 1;
        let is_path = method.is_some_and(|method| at == method + 1);
        let is_word = !token.contains(WILDCARD) && token.bytes().any(|byte| byte.is_ascii_alphabetic());
        words += usize::from(is_word && !is_request && !is_path && !is_quoted && !token.starts_with('"'));
        is_quoted ^= opens;
    }
    method.map(|method| if words >= WORDS_BESIDE { method } else { method + 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_tells_lines_apart_where_they_are_about_it() {
        let check = |line: &str, expected: Option<&str>| {
            assert_eq!(endpoint(line).and_then(|at| split(line).nth(at)), expected, "{line}");
        };
        check("GET /alert <*>", Some("/alert"));
        check("INFO: <*> - \"GET /alert HTTP/<*>\" <*> OK", Some("/alert"));
        check(
            "<*> - - [<*>] \"GET /alert HTTP/<*>\" <*> <*> \"https://shop.example/a b\" \"Mozilla/<*> (X11; Linux) like Gecko\"",
            Some("/alert"),
        );
        check("<*> \"GET /v<*>/servers HTTP/<*>\" status: <*> len: <*> time: <*>", Some("\"GET"));
        check("[error] connect() failed (<*>: Connection refused), client: <*>, request: \"GET /api/carts HTTP/<*>\"", None);
        check("GET carts from cache", None);
    }
}
