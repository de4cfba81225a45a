//! Which hosts and origins are let through.

use super::served::{LIST, Served, program_with_sign_in, request, status};

/// Spellings of hosts that are not ours, or that no client of ours writes.
fn foreign_hosts() -> Vec<String> {
    let names =
        ["evil.example", "localhost.evil.example", "evil-localhost", "xn--lcalhost-9za", "mcp", "1.localhost", "localhost.localdomain"];
    let numbers = [
        "127.0.0.2",
        "127.1",
        "127.0.1",
        "0177.0.0.1",
        "0x7f.0.0.1",
        "0x7f000001",
        "2130706433",
        "017700000001",
        "127.0.0.01",
        "127.0.0.1.",
        "0.0.0.0",
        "0",
        "[::]",
        "[::2]",
        "[::ffff:127.0.0.1]",
        "[::127.0.0.1]",
        "[fe80::1%25lo]",
        "[::1%1]",
        "[::1",
        "::1",
        "[127.0.0.1]",
        "169.254.169.254",
        "10.0.0.1",
        "192.168.0.1",
    ];
    let odd = [
        "localhost.",
        "localhost:",
        "localhost:x",
        "localhost:99999",
        "localhost:-1",
        "localhost:+80",
        "localhost: 80",
        "localhost:80:80",
        "user@localhost",
        "user:pass@localhost",
        "localhost@evil.example",
        "evil.example@localhost",
        "localhost,evil.example",
        "evil.example, localhost",
        "localhost evil.example",
        "localhost;evil.example",
        "localhost/",
        "localhost/evil",
        "localhost?x",
        "localhost#x",
        "localhost\\evil",
        "https://localhost",
        "//localhost",
        "local%68ost",
        "%6cocalhost",
        "localhost%00",
        "localhost%2eevil",
        "\"localhost\"",
        "'localhost'",
        "<localhost>",
        "(localhost)",
        "{localhost}",
        "localhost\t.evil",
        "*",
        "*.localhost",
        ".localhost",
        "..",
        ".",
        "-",
        "_",
        "localhost..",
        "l\u{f6}calhost",
        "\u{ff4c}ocalhost",
        "localhost\u{3002}",
        "localhost\u{7f}",
        "localhost|evil",
        "localhost&evil",
    ];
    let plain = names.iter().chain(&numbers).chain(&odd).map(|text| (*text).to_owned());
    let with_port = names.iter().chain(&numbers[..12]).map(|name| format!("{name}:8443"));
    plain.chain(with_port).collect()
}

fn foreign_origins() -> Vec<String> {
    let odd = [
        "null",
        "NULL",
        "*",
        "localhost",
        "https:localhost",
        "https:/localhost",
        "https:///localhost",
        "://localhost",
        "https://",
        "https://localhost/",
        "https://localhost/mcp",
        "https://localhost?x",
        "https://localhost#x",
        "https://user@localhost",
        "https://localhost@evil.example",
        "https://localhost.",
        "https://localhost:x",
        "https://localhost:",
        "https://localhost:99999",
        "https://localhost https://evil.example",
        "https://localhost,https://evil.example",
        "https://evil.example, https://localhost",
        "http://localhost",
        "http://localhost:8443",
        "http://127.0.0.1",
        "http://[::1]",
        "file://",
        "file://localhost",
        "ws://localhost",
        "wss://localhost",
        "chrome-extension://localhost",
        "https+x://localhost",
        "1https://localhost",
        " https",
        "javascript://localhost",
        "data://localhost",
        "https://localhost\\@evil.example",
        "https://local%68ost",
        "https://l\u{f6}calhost",
        "https://*",
        "https://*.localhost",
    ];
    let hosts = foreign_hosts().into_iter().take(60).map(|host| format!("https://{host}"));
    odd.iter().map(|text| (*text).to_owned()).chain(hosts).collect()
}

#[test]
fn of_two_hundred_foreign_spellings_none_is_let_through() {
    let served = Served::with_development_certificate(&[]);
    let (hosts, origins) = (foreign_hosts(), foreign_origins());
    assert!(hosts.len() >= 95 && origins.len() >= 100, "{} {}", hosts.len(), origins.len());
    for host in hosts {
        let (status, answer) = served.post(&[("Host", &host)], LIST);
        assert!(matches!(status, 400 | 403), "{host}: {answer}");
    }
    for origin in origins {
        let (status, answer) = served.post(&[("Origin", &origin)], LIST);
        assert!(matches!(status, 400 | 403), "{origin}: {answer}");
    }
}

#[test]
fn the_servers_own_names_and_origins_are_let_through() {
    let served = Served::with_development_certificate(&[]);
    for host in ["localhost", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:8443", "[::1]", "[::1]:8443"] {
        assert_eq!(served.post(&[("Host", host)], LIST).0, 200, "{host}");
        assert_eq!(served.post(&[("Origin", &format!("https://{host}"))], LIST).0, 200, "{host}");
    }
}

#[test]
fn a_request_names_one_host_and_one_origin() {
    let served = Served::with_development_certificate(&[]);
    let post = |headers: &str| {
        format!(
            "POST /mcp HTTP/1.1\r\n{headers}Connection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{LIST}",
            LIST.len()
        )
    };
    for (headers, expected) in [
        ("Host: localhost\r\nHost: localhost\r\n", 400),
        ("Host: localhost\r\nHost: evil.example\r\n", 400),
        ("Host: localhost\r\nhOST : evil.example\r\n", 400),
        ("", 400),
        ("Host:\r\n", 400),
        ("Host: localhost\r\nOrigin: https://localhost\r\nOrigin: https://evil.example\r\n", 403),
        ("Host: localhost\r\nOrigin: https://localhost\r\nOrigin: https://localhost\r\n", 403),
    ] {
        assert_eq!(status(&served.say(post(headers))), expected, "{headers}");
    }
}

#[test]
fn a_target_at_a_foreign_host_is_refused() {
    let served = Served::with_development_certificate(&[]);
    for (target, expected) in [
        ("https://evil.example/mcp", 403),
        ("http://evil.example/mcp", 403),
        ("https://localhost.evil.example/mcp", 403),
        ("https://user@localhost/mcp", 400),
        ("https://localhost/mcp", 200),
    ] {
        let sent = String::from_utf8(request(&[], LIST.as_bytes())).unwrap().replacen("/mcp", target, 1);
        assert_eq!(status(&served.say(sent)), expected, "{target}");
    }
}

#[test]
fn every_route_but_the_probes_checks_the_host() {
    let served = Served::with_development_certificate(&[]);
    let get = |path: &str, host: &str| status(&served.say(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")));
    for path in ["/mcp", "/", "/nothing", "/healthz/x", "/.well-known/oauth-protected-resource"] {
        assert_eq!(get(path, "evil.example"), 403, "{path}");
    }
    for path in ["/healthz", "/readyz"] {
        assert_eq!(get(path, "10.1.2.3:8443"), 200, "{path}");
    }
    assert_eq!(get("/nothing", "localhost"), 404);
}

#[test]
fn other_methods_are_refused_and_nothing_is_said_about_other_origins() {
    let served = Served::with_development_certificate(&[]);
    for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE"] {
        let answer = served.say(format!(
            "{method} /mcp HTTP/1.1\r\nHost: localhost\r\nOrigin: https://localhost\r\nAccess-Control-Request-Method: POST\r\nConnection: close\r\n\r\n"
        ));
        assert_eq!(status(&answer), 405, "{method}");
        assert!(answer.to_ascii_lowercase().contains("allow: post") && !answer.to_ascii_lowercase().contains("access-control"), "{answer}");
    }
}

#[test]
fn what_the_settings_allow_is_let_through_and_a_refusal_says_once_which_would() {
    let served = Served::with_development_certificate(&[
        "--allowed-hosts",
        "mcp.internal,*.apps.internal,fixed.internal:8443",
        "--allowed-origins",
        "https://app.example",
        "--public-url",
        "https://mcp.example/mcp",
    ]);
    for host in ["mcp.internal", "MCP.internal:1", "a.apps.internal", "fixed.internal:8443", "mcp.example", "mcp.example:443"] {
        assert_eq!(served.post(&[("Host", host)], LIST).0, 200, "{host}");
    }
    for host in ["apps.internal", "a.b.apps.internal", "fixed.internal", "app.example"] {
        assert_eq!(served.post(&[("Host", host)], LIST).0, 403, "{host}");
    }
    for origin in ["https://app.example", "https://app.example:443", "https://mcp.example", "https://mcp.internal"] {
        assert_eq!(served.post(&[("Origin", origin)], LIST).0, 200, "{origin}");
    }
    for origin in ["http://app.example", "https://app.example:8443", "https://other.example"] {
        assert_eq!(served.post(&[("Origin", origin)], LIST).0, 403, "{origin}");
    }
    for _ in 0..3 {
        served.post(&[("Host", "asked.example")], LIST);
        served.post(&[("Origin", "https://asked.example")], LIST);
    }
    served.post(&[("Host", "last.example")], LIST);
    let lines = served.lines_until("last.example");
    let about = |text: &str| lines.iter().filter(|line| line.contains(text)).collect::<Vec<_>>();
    assert_eq!((about("host asked.example").len(), about("origin https://asked.example").len()), (1, 1), "{lines:#?}");
    assert!(
        about("host asked.example")[0].contains("--allowed-hosts") && about("origin https")[0].contains("--allowed-origins"),
        "{lines:#?}"
    );
}

#[test]
fn a_proxy_is_believed_only_where_it_is_named_and_cannot_widen_what_is_allowed() {
    let mut command = program_with_sign_in();
    command.args(["--behind-proxy", "--allowed-hosts", "mcp.example"]);
    let trusted = Served::spawn_with_development_certificate(command);
    let key = trusted.log_line("clients sign in with the key ").replace("clients sign in with the key ", "");
    for (host, expected) in
        [("mcp.example", 200), ("localhost", 200), ("evil.example", 403), ("mcp.example, evil.example", 200), ("\"x\"", 400)]
    {
        assert_eq!(trusted.post(&[("X-Forwarded-Host", host), ("X-API-Key", &key)], LIST).0, expected, "{host}");
    }
    assert_eq!(trusted.post(&[("X-Forwarded-Proto", "http"), ("X-API-Key", &key)], LIST).0, 200);
    trusted.log_line("without TLS");
    let stranger = Served::with_development_certificate(&[]);
    assert_eq!(stranger.post(&[("X-Forwarded-Host", "evil.example")], LIST).0, 200, "who is not believed is not read");
}
