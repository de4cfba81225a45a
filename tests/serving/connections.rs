//! Connections that are slow, idle, many, or not what they should be.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use super::served::{LIST, PATIENCE, Served, client_config, program, read_answer, read_to_end, request, status, time_to_close, tls};

#[track_caller]
fn check_closed(took: Duration, limit: u64) {
    // A second of grace, and some for a machine that is busy.
    assert!((Duration::from_secs(limit - 1)..Duration::from_secs(limit + 4)).contains(&took), "{took:?}");
}

fn keep_alive() -> Vec<u8> {
    request(&[("Connection", "keep-alive")], LIST.as_bytes())
}

#[test]
fn who_says_nothing_is_closed() {
    let served = Served::with_development_certificate(&[]);
    let (mut before_tls, mut after_tls) = (served.tcp(), served.tls());
    let waiting = thread::spawn(move || time_to_close(&mut before_tls));
    check_closed(time_to_close(&mut after_tls), 5);
    check_closed(waiting.join().unwrap(), 5);
}

#[test]
fn a_slow_handshake_is_closed() {
    let served = Served::with_development_certificate(&[]);
    let mut socket = served.tcp();
    let began = Instant::now();
    // The beginning of a record of a handshake, then one byte a second.
    let _ = socket.write_all(&[22, 3, 1, 2, 0, 1]);
    socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    while socket.read(&mut [0; 64]).is_err() && began.elapsed() < PATIENCE {
        let _ = socket.write_all(&[0]);
    }
    check_closed(began.elapsed(), 5);
}

#[test]
fn a_slow_head_is_closed_whether_it_is_the_first_or_not() {
    let served = Served::with_development_certificate(&[]);
    let begin = |mut stream: super::served::Tls| {
        thread::spawn(move || {
            let began = Instant::now();
            stream.write_all(b"POST /mcp HTTP/1.1\r\n").unwrap();
            stream.sock.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
            while began.elapsed() < PATIENCE {
                match stream.read(&mut [0; 64]) {
                    Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
                    _ => break,
                }
                let _ = stream.write_all(b"X-Slow: 1\r\n");
            }
            began.elapsed()
        })
    };
    let mut used = served.tls();
    used.write_all(&keep_alive()).unwrap();
    assert_eq!(status(&read_answer(&mut used).unwrap()), 200);
    for slow in [begin(served.tls()), begin(used)] {
        check_closed(slow.join().unwrap(), 5);
    }
}

#[test]
fn a_connection_that_waits_longer_than_a_head_may_take_is_still_there() {
    let served = Served::with_development_certificate(&[]);
    let mut stream = served.tls();
    stream.write_all(&keep_alive()).unwrap();
    assert_eq!(status(&read_answer(&mut stream).unwrap()), 200);
    stream.sock.set_read_timeout(Some(Duration::from_secs(7))).unwrap();
    assert!(stream.read(&mut [0]).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock), "nothing comes, and no end");
    stream.sock.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(&keep_alive()).unwrap();
    assert_eq!(status(&read_answer(&mut stream).unwrap()), 200);
}

#[test]
fn requests_sent_ahead_are_answered_in_turn() {
    let served = Served::with_development_certificate(&[]);
    let mut stream = served.tls();
    stream.write_all(&[keep_alive(), keep_alive(), request(&[], LIST.as_bytes())].concat()).unwrap();
    let all = String::from_utf8(read_to_end(&mut stream)).unwrap();
    assert_eq!(all.matches("HTTP/1.1 200 OK").count(), 3, "{all}");
}

#[test]
fn heads_above_the_cap_are_refused() {
    let served = Served::with_development_certificate(&[]);
    let long = "x".repeat(20 << 10);
    assert_eq!(served.post(&[("X-Long", &long)], LIST).0, 431);
    let many: Vec<(String, String)> = (0..200).map(|number| (format!("X-{number}"), "x".to_owned())).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(served.post(&many, LIST).0, 431);
    assert_eq!(served.post(&[("X-Long", &long[..8 << 10])], LIST).0, 200);
    let target = served.say(format!("GET /{long} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    assert!(matches!(status(&target), 414 | 431), "{target}");
}

#[test]
fn plain_http_where_tls_is_spoken_is_told_so() {
    let served = Served::with_development_certificate(&[]);
    for sent in [keep_alive(), b"GET / HTTP/1.1\r\n\r\n".to_vec(), b"SSH-2.0-x\r\n".to_vec(), vec![0]] {
        let mut socket = served.tcp();
        socket.write_all(&sent).unwrap();
        let answer = String::from_utf8(read_to_end(&mut socket)).unwrap();
        assert!(status(&answer) == 400 && answer.ends_with("this port speaks HTTPS: begin with https://\n"), "{answer}");
    }
}

#[test]
fn old_tls_and_nonsense_are_refused_with_an_alert() {
    let served = Served::with_development_certificate(&[]);
    for version in [0, 1, 2] {
        // A hello of SSL 3.0, TLS 1.0 or TLS 1.1: version, random, no session, one cipher, no compression.
        let hello = [&[3, version][..], &[7; 32], &[0, 0, 2, 0, 0x2f, 1, 0]].concat();
        let handshake = [&[1, 0, 0, hello.len() as u8][..], &hello].concat();
        let record = [&[22, 3, 1, 0, handshake.len() as u8][..], &handshake].concat();
        let mut socket = served.tcp();
        socket.write_all(&record).unwrap();
        let answer = read_to_end(&mut socket);
        assert_eq!(answer.first(), Some(&21), "TLS {version}: {answer:?}");
    }
    let mut socket = served.tcp();
    socket.write_all(&[22, 3, 1, 0, 5, 0xff, 0xff, 0xff, 0xff, 0xff]).unwrap();
    let answer = read_to_end(&mut socket);
    assert!(answer.first().is_none_or(|first| *first == 21), "{answer:?}");
}

#[test]
fn tls_twelve_and_thirteen_are_spoken_and_a_client_that_comes_back_resumes() {
    let served = Served::with_development_certificate(&[]);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = std::sync::Arc::unwrap_or_clone(client_config(&served.ca, None));
        let mut only = rustls::ClientConfig::builder_with_provider(std::sync::Arc::clone(config.crypto_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates({
                let mut roots = rustls::RootCertStore::empty();
                use rustls::pki_types::pem::PemObject as _;
                roots.add(rustls::pki_types::CertificateDer::from_pem_slice(&served.ca).unwrap()).unwrap();
                roots
            })
            .with_no_client_auth();
        only.alpn_protocols = vec![b"http/1.1".to_vec()];
        let only = std::sync::Arc::new(only);
        for resumed in [false, true] {
            let mut stream = tls(served.tcp(), std::sync::Arc::clone(&only)).unwrap();
            stream.write_all(&keep_alive()).unwrap();
            assert_eq!(status(&read_answer(&mut stream).unwrap()), 200);
            assert_eq!(stream.conn.protocol_version(), Some(version.version));
            assert_eq!(stream.conn.handshake_kind() == Some(rustls::HandshakeKind::Resumed), resumed, "{version:?}");
        }
    }
}

#[test]
fn plain_http_is_spoken_where_it_is_asked_for() {
    let served = Served::start(&["--insecure-http"]);
    let mut socket = served.tcp();
    socket.write_all(&request(&[], LIST.as_bytes())).unwrap();
    assert_eq!(status(&String::from_utf8(read_to_end(&mut socket)).unwrap()), 200);
    let mut silent = served.tcp();
    check_closed(time_to_close(&mut silent), 5);
}

/// Connections from other addresses of loopback, as if from other machines.
fn from(address: Ipv4Addr, to: SocketAddr) -> TcpStream {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind((address, 0).into()).unwrap();
        socket.connect(to).await.unwrap()
    });
    let stream = stream.into_std().unwrap();
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

#[test]
fn an_address_has_its_share_and_takes_nothing_from_others() {
    let served = Served::start(&["--insecure-http"]);
    let greedy = Ipv4Addr::new(127, 0, 0, 9);
    let _busy: Vec<TcpStream> = (0..256)
        .map(|_| {
            let mut socket = from(greedy, served.address);
            socket.write_all(b"POST /mcp HTTP/1.1\r\n").unwrap();
            socket
        })
        .collect();
    let refused = time_to_close(&mut from(greedy, served.address));
    assert!(refused < Duration::from_secs(3), "{refused:?}");
    let mut other = served.tcp();
    other.write_all(&request(&[], LIST.as_bytes())).unwrap();
    assert_eq!(status(&String::from_utf8(read_to_end(&mut other)).unwrap()), 200);
}

#[test]
fn of_connections_that_only_wait_the_oldest_makes_room() {
    let served = Served::start(&["--insecure-http"]);
    let waiting = |_| {
        let mut socket = served.tcp();
        socket.write_all(&keep_alive()).unwrap();
        assert_eq!(status(&read_answer(&mut socket).unwrap()), 200);
        socket
    };
    let mut sockets: Vec<TcpStream> = (0..300).map(waiting).collect();
    let closed = time_to_close(&mut sockets[0]);
    assert!(closed < Duration::from_secs(3), "{closed:?}");
    let last = sockets.last_mut().unwrap();
    last.write_all(&keep_alive()).unwrap();
    assert_eq!(status(&read_answer(last).unwrap()), 200);
}

#[test]
fn a_thousand_idle_and_slow_connections_leave_calls_as_they_were() {
    let served = Served::with_development_certificate(&[]);
    let per_address = 250;
    let idle: Vec<TcpStream> = (0..1_000)
        .map(|number| {
            let mut socket = from(Ipv4Addr::new(127, 0, 1, (number / per_address) as u8 + 1), served.address);
            // Half of them begin a handshake.
            if number % 2 == 0 {
                socket.write_all(&[22, 3, 1]).unwrap();
            }
            socket
        })
        .collect();
    for _ in 0..20 {
        assert_eq!(served.post(&[], LIST).0, 200);
    }
    for mut socket in idle {
        time_to_close(&mut socket);
    }
}

#[test]
fn the_server_outlives_a_lack_of_file_descriptors() {
    let program = program();
    let arguments: Vec<_> = std::iter::once(program.get_program()).chain(program.get_args()).collect();
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -n 64; exec \"$@\"", "sh"]).args(arguments).args(["--insecure-http", "--log-format", "json"]);
    shell.env_clear().env("XDG_STATE_HOME", env!("CARGO_TARGET_TMPDIR"));
    let served = Served::spawn(shell);
    let sockets: Vec<TcpStream> = (0..150).map(|_| served.tcp()).collect();
    served.log_line("could not be accepted");
    let list = || {
        let mut socket = served.tcp();
        socket.write_all(&request(&[], LIST.as_bytes())).unwrap();
        status(&String::from_utf8(read_to_end(&mut socket)).unwrap())
    };
    // Those that say nothing are closed in time, and then it is this one's turn.
    assert_eq!(list(), 200);
    drop(sockets);
    assert_eq!(list(), 200);
    served.signal("TERM");
    let told = served.lines_until("ending").iter().filter(|line| line.contains("could not be accepted")).count();
    assert!(told <= 1, "{told} more lines about the same");
}
