//! How the server ends: nobody who was heard goes without an answer.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::served::{LIST, PATIENCE, Served, client_config, read_answer, request, status, times, tls};

fn keep_alive() -> Vec<u8> {
    request(&[("Connection", "keep-alive")], LIST.as_bytes())
}

/// Sends one request after the other, on a connection as long as it lasts, until nobody listens any more.
fn load(address: std::net::SocketAddr, config: &Arc<rustls::ClientConfig>, answered: &AtomicUsize, cut: &AtomicUsize) {
    let sent = keep_alive();
    loop {
        let Ok(socket) = TcpStream::connect(address) else { return };
        socket.set_nodelay(true).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let Ok(mut stream) = tls(socket, Arc::clone(config)) else { continue };
        loop {
            let answer = stream.write_all(&sent).and_then(|()| read_answer(&mut stream));
            match answer {
                Ok(answer) if status(&answer) == 200 => {
                    answered.fetch_add(1, Ordering::Relaxed);
                    if answer.to_ascii_lowercase().contains("connection: close") {
                        break;
                    }
                }
                _ => {
                    cut.fetch_add(1, Ordering::Relaxed);
                    break;
                }
            }
        }
    }
}

#[test]
fn an_end_under_load_cuts_no_answer() {
    let (answered, cut) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let restarts = times("ELK_MCP_TEST_RESTARTS", 5);
    for _ in 0..restarts {
        let mut served = Served::with_development_certificate(&[]);
        let config = client_config(&served.ca, None);
        let goal = answered.load(Ordering::Relaxed) + 50;
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| load(served.address, &config, &answered, &cut));
            }
            while answered.load(Ordering::Relaxed) < goal {
                thread::yield_now();
            }
            served.signal("TERM");
        });
        assert!(served.child.wait().unwrap().success());
    }
    assert_eq!(cut.load(Ordering::Relaxed), 0, "of {} answers", answered.load(Ordering::Relaxed));
    println!("{restarts} restarts, {} answers, none cut", answered.load(Ordering::Relaxed));
}

#[test]
fn a_request_that_has_begun_is_answered_and_an_idle_connection_is_closed() {
    let mut served = Served::with_development_certificate(&[]);
    let (mut begun, mut idle) = (served.tls(), served.tls());
    for stream in [&mut begun, &mut idle] {
        stream.write_all(&keep_alive()).unwrap();
        assert_eq!(status(&read_answer(stream).unwrap()), 200);
    }
    let sent = keep_alive();
    begun.write_all(&sent[..sent.len() / 2]).unwrap();
    served.signal("TERM");
    served.log_line("ending");
    assert_eq!(idle.read(&mut [0]).unwrap_or(0), 0);
    assert!(TcpStream::connect(served.address).is_err(), "nobody new is taken");
    begun.write_all(&sent[sent.len() / 2..]).unwrap();
    let answer = read_answer(&mut begun).unwrap();
    assert!(status(&answer) == 200 && answer.to_ascii_lowercase().contains("connection: close"), "{answer}");
    assert!(served.child.wait().unwrap().success());
}

#[test]
fn a_request_that_arrives_with_the_signal_is_answered() {
    let served = Served::with_development_certificate(&[]);
    let mut streams: Vec<_> = (0..20).map(|_| served.tls()).collect();
    for stream in &mut streams {
        stream.write_all(&keep_alive()).unwrap();
        assert_eq!(status(&read_answer(stream).unwrap()), 200);
    }
    served.signal("TERM");
    for stream in &mut streams {
        stream.write_all(&keep_alive()).unwrap();
    }
    for stream in &mut streams {
        assert_eq!(status(&read_answer(stream).unwrap()), 200);
    }
}

#[test]
fn a_stream_without_an_answer_to_come_does_not_hold_up_the_end() {
    let mut served = Served::with_development_certificate(&[]);
    let mut stream = served.tls();
    stream.write_all(b"GET /sse HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n").unwrap();
    let (mut told, mut piece) = (Vec::new(), [0; 256]);
    while !String::from_utf8_lossy(&told).contains("sessionId=") {
        let count = stream.read(&mut piece).unwrap();
        told.extend_from_slice(&piece[..count]);
    }
    let began = Instant::now();
    served.signal("TERM");
    assert!(served.child.wait().unwrap().success());
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

/// A cluster that takes requests and never answers, and tells the first line of each.
fn silent_cluster() -> (String, std::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (asked, was_asked) = std::sync::mpsc::channel();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let asked = asked.clone();
            thread::spawn(move || {
                let mut piece = [0; 4_096];
                while stream.read(&mut piece).is_ok_and(|count| count > 0) {
                    let _ = asked.send(String::from_utf8_lossy(&piece).lines().next().unwrap_or_default().to_owned());
                }
            });
        }
    });
    (url, was_asked)
}

#[test]
fn a_second_signal_ends_at_once() {
    let (url, was_asked) = silent_cluster();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_elk-mcp"));
    command.env_clear().env("XDG_STATE_HOME", env!("CARGO_TARGET_TMPDIR"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--no-auth", "--insecure-http", "--es-url", &url, "--allowed-indices", "logs-*"]);
    let mut served = Served::spawn(command);
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"aggregate_logs","arguments":{"metric":"count"}}}"#;
    let mut socket = served.tcp();
    socket.write_all(&request(&[], call.as_bytes())).unwrap();
    // Not what the server itself asks at start.
    while was_asked.recv_timeout(PATIENCE).unwrap().contains("_security") {}
    served.signal("TERM");
    served.log_line("ending");
    let began = Instant::now();
    served.signal("INT");
    assert_eq!(served.child.wait().unwrap().code(), Some(130));
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}
