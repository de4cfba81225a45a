//! What a request's body must be.

use std::{
    io::{Read as _, Write as _},
    time::{Duration, Instant},
};

use serde_json::Value;

use super::served::{LIST, Served, read_answer, read_to_end, request, status, time_to_close};

#[track_caller]
fn check(served: &Served, what: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>, expected: u16, code: Option<i64>) {
    let began = Instant::now();
    let (status, answer) = served.post(headers, body);
    assert_eq!(status, expected, "{what}: {answer}");
    let told = answer.split_once("\r\n\r\n").unwrap().1;
    let rpc_code = serde_json::from_str::<Value>(told).ok().and_then(|error| error["error"]["code"].as_i64());
    assert_eq!(rpc_code, code, "{what}: {answer}");
    assert!(began.elapsed() < Duration::from_secs(5), "{what}");
}

#[test]
fn a_body_that_is_no_request_is_refused_for_what_it_is() {
    let served = Served::with_development_certificate(&[]);
    let deep = |depth: usize| {
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{{"x":{}1{}}}}}"#, "[".repeat(depth), "]".repeat(depth))
    };
    for (what, body, code) in [
        ("empty", String::new(), -32_700),
        ("blank", "  \n".to_owned(), -32_700),
        ("half", LIST[..20].to_owned(), -32_700),
        ("two", LIST.repeat(2), -32_700),
        ("form", "jsonrpc=2.0&id=1".to_owned(), -32_700),
        ("comment", format!("{LIST}// x"), -32_700),
        ("byte order mark", format!("\u{feff}{LIST}"), -32_700),
        ("batch", format!("[{LIST}]"), -32_600),
        ("id that is a fraction", LIST.replace("\"id\":1", "\"id\":1.5"), -32_600),
        ("another JSON-RPC", LIST.replace("2.0", "1.0"), -32_600),
        ("empty batch", "[]".to_owned(), -32_600),
        ("string", "\"x\"".to_owned(), -32_600),
        ("number", "1".to_owned(), -32_600),
        ("null", "null".to_owned(), -32_600),
        ("too deep", deep(63), -32_600),
        ("far too deep", deep(50_000), -32_600),
        ("key twice", r#"{"jsonrpc":"2.0","id":1,"id":1,"method":"tools/list"}"#.to_owned(), -32_600),
        ("key twice, escaped", r#"{"jsonrpc":"2.0","id":1,"method":"a","meth\u006fd":"tools/list"}"#.to_owned(), -32_600),
        (
            "key twice, inside",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"q":1,"q":2}}}"#.to_owned(),
            -32_600,
        ),
    ] {
        check(&served, what, &[], body, 400, Some(code));
    }
    for (what, body) in
        [("latin1", &b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xe9\"}"[..]), ("binary", &[0xff, 0xfe, 0, 1]), ("zero", &[0])]
    {
        check(&served, what, &[], body, 400, Some(-32_700));
    }
    check(&served, "deep, but not too deep", &[], deep(62), 200, None);
}

#[test]
fn a_body_is_plain_json_by_its_headers() {
    let served = Served::with_development_certificate(&[]);
    for media_type in [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
        "text/json",
    ] {
        check(&served, media_type, &[("Content-Type", media_type)], LIST, 415, None);
    }
    check(&served, "compressed", &[("Content-Encoding", "gzip")], LIST, 415, None);
    for media_type in ["application/json", "application/json; charset=UTF-8", "APPLICATION/JSON"] {
        check(&served, media_type, &[("Content-Type", media_type)], LIST, 200, None);
    }
}

#[test]
fn whoever_takes_json_or_anything_gets_it() {
    let served = Served::with_development_certificate(&[]);
    for accept in ["", "*/*", "application/json", "application/*", "application/json, text/event-stream", "text/html, */*;q=0.1"] {
        check(&served, accept, &[("Accept", accept)], LIST, 200, None);
    }
    check(&served, "neither", &[("Accept", "text/html")], LIST, 406, Some(-32_600));
}

#[test]
fn what_contradicts_itself_is_refused() {
    let served = Served::with_development_certificate(&[]);
    let meta = |version: &str| {
        format!(r#"{{"io.modelcontextprotocol/protocolVersion":"{version}","io.modelcontextprotocol/clientCapabilities":{{}}}}"#)
    };
    let list = |meta: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{{"_meta":{meta}}}}}"#);
    let modern = [("MCP-Protocol-Version", "2026-07-28"), ("Mcp-Method", "tools/list")];
    check(&served, "modern", &modern, list(&meta("2026-07-28")), 200, None);
    check(&served, "other method", &[modern[0], ("Mcp-Method", "tools/call")], list(&meta("2026-07-28")), 400, Some(-32_020));
    check(&served, "no method", &modern[..1], list(&meta("2026-07-28")), 400, Some(-32_020));
    check(&served, "unknown version", &[("MCP-Protocol-Version", "1999-01-01"), modern[1]], list(&meta("1999-01-01")), 400, Some(-32_022));
    check(&served, "no metadata", &modern, LIST, 400, Some(-32_602));
}

#[test]
fn a_body_above_the_cap_is_refused_before_it_is_read() {
    let served = Served::with_development_certificate(&[]);
    let mut stream = served.tls();
    // Not one byte of the body is sent.
    stream
        .write_all(b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 104857600\r\n\r\n")
        .unwrap();
    let answer = String::from_utf8(read_to_end(&mut stream)).unwrap();
    assert!(status(&answer) == 413 && answer.to_ascii_lowercase().contains("connection: close"), "{answer}");

    let mut stream = served.tls();
    stream
        .write_all(b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        .unwrap();
    for _ in 0..17 {
        stream.write_all(format!("4000\r\n{}\r\n", "x".repeat(0x4000)).as_bytes()).unwrap();
    }
    assert_eq!(status(&read_answer(&mut stream).unwrap()), 413);

    let padded = |length: usize| format!("{LIST}{}", " ".repeat(length - LIST.len()));
    assert_eq!(served.post(&[], padded(256 << 10)).0, 200);
    assert_eq!(served.post(&[], padded((256 << 10) + 1)).0, 413);
}

#[test]
fn a_hundred_megabytes_leave_no_memory_behind() {
    let served = Served::with_development_certificate(&[]);
    assert_eq!(served.post(&[], LIST).0, 200);
    let before = served.memory();
    let piece = vec![b' '; 1 << 20];
    for _ in 0..3 {
        let mut stream = served.tls();
        stream
            .write_all(b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 104857600\r\n\r\n")
            .unwrap();
        // A client that sends all before it reads anything. The server may have closed before the end.
        let sent = (0..100).take_while(|_| stream.write_all(&piece).is_ok()).count();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert_eq!(status(&String::from_utf8(answer).unwrap()), 413, "after {sent} MiB");
    }
    assert_eq!(served.post(&[], LIST).0, 200);
    let after = served.memory();
    assert!(after < before + (8 << 20), "{before} bytes before, {after} after");
}

#[test]
fn a_slow_body_is_given_up() {
    let served = Served::with_development_certificate(&[]);
    let mut stream = served.tls();
    let began = Instant::now();
    stream.write_all(&request(&[("Connection", "keep-alive")], LIST.as_bytes())[..]).unwrap();
    assert_eq!(status(&read_answer(&mut stream).unwrap()), 200);
    let whole = request(&[("Connection", "keep-alive")], LIST.as_bytes());
    stream.write_all(&whole[..whole.len() - 1]).unwrap();
    let answer = read_answer(&mut stream).unwrap();
    assert!(status(&answer) == 408 && answer.to_ascii_lowercase().contains("connection: close"), "{answer}");
    time_to_close(&mut stream);
    let took = began.elapsed();
    assert!((Duration::from_secs(10)..Duration::from_secs(15)).contains(&took), "{took:?}");
}

#[test]
fn no_route_waits_for_a_body_any_longer() {
    let served = Served::with_development_certificate(&[]);
    let began = Instant::now();
    let mut stream = served.tls();
    stream
        .write_all(b"POST /hooks/alerts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{")
        .unwrap();
    let answer = String::from_utf8(read_to_end(&mut stream)).unwrap();
    assert!((400..500).contains(&status(&answer)), "{answer}");
    let took = began.elapsed();
    assert!((Duration::from_secs(9)..Duration::from_secs(15)).contains(&took), "{took:?}");
}
