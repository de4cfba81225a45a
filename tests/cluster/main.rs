//! The cluster engine against scripted faults of a server on a port of its own, and against real nodes where
//! `ELK_MCP_TEST_ENGINES` gives their addresses.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod keeping;
mod tls;

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use elk_mcp::{
    cluster::{ApiKey, Cluster, ClusterSettings, Credential, NodeUrl},
    secret::Secret,
};
use elk_mcp_tools::{
    dsl::{IndexExpression, Query, Request, ResolveIndex, Search},
    engine::{Engine, EngineError, EngineErrorKind, Reply},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
};

const LIMIT: Duration = Duration::from_secs(5);

/// What a scripted server does with one request.
#[derive(Clone)]
enum Act {
    /// Writes these bytes and closes.
    Write(Vec<u8>),
    /// Writes the head of a reply and then body without end.
    Endless,
    /// Never answers; tells when the client has gone.
    Hang(Arc<Mutex<Option<oneshot::Sender<()>>>>),
    /// Closes before it answers anything.
    Close,
}

fn reply(status: &str, content_type: &str, body: &str) -> Act {
    Act::Write(
        format!("HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
            .into_bytes(),
    )
}

fn json(status: &str, body: &str) -> Act {
    reply(status, "application/json", body)
}

/// A server that plays its script, one act a connection, the last again and again; with the requests it read.
struct Scripted {
    address: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    async fn start(script: Vec<Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&requests);
        tokio::spawn(async move {
            for turn in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let act = script[turn.min(script.len() - 1)].clone();
                tokio::spawn(play(stream, act, Arc::clone(&record)));
            }
        });
        Self { address, requests }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn play<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, act: Act, record: Arc<Mutex<Vec<String>>>) {
    let request = read_request(&mut stream).await;
    record.lock().unwrap().push(request);
    match act {
        Act::Write(bytes) => {
            let _ = stream.write_all(&bytes).await;
        }
        Act::Endless => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"a\":\"").await;
            while stream.write_all(&[b'x'; 65_536]).await.is_ok() {}
        }
        Act::Hang(gone) => {
            let mut rest = [0; 16];
            while stream.read(&mut rest).await.is_ok_and(|count| count > 0) {}
            let gone = gone.lock().unwrap().take();
            if let Some(gone) = gone {
                let _ = gone.send(());
            }
        }
        Act::Close => {}
    }
}

async fn read_request<S: AsyncRead + Unpin>(stream: &mut S) -> String {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4_096];
    loop {
        let count = stream.read(&mut chunk).await.unwrap_or(0);
        bytes.extend_from_slice(&chunk[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok()).unwrap_or(0);
            if body.len() >= length {
                return text;
            }
        }
        if count == 0 {
            return text;
        }
    }
}

fn settings(addresses: &[&str]) -> ClusterSettings {
    ClusterSettings {
        nodes: addresses.iter().map(|address| NodeUrl::parse(address).unwrap()).collect(),
        credential: None,
        ca_certificate: None,
        client_certificate: None,
        skip_tls_verification: false,
    }
}

fn cluster(addresses: &[&str]) -> Cluster {
    Cluster::new(settings(addresses)).unwrap()
}

fn search() -> Search {
    Search::new(IndexExpression::parse("logs-*").unwrap(), Query::All)
}

async fn send(cluster: &Cluster) -> Result<Reply, EngineError> {
    cluster.send(&Request::Search(search()), LIMIT).await
}

#[track_caller]
fn kind(result: Result<Reply, EngineError>) -> EngineErrorKind {
    result.unwrap_err().kind
}

/// One scripted act: the kind of error it becomes, and how many requests it takes.
async fn check(act: Act, expected: EngineErrorKind, attempts: usize) {
    let server = Scripted::start(vec![act]).await;
    let error = send(&cluster(&[&server.address])).await.unwrap_err();
    assert_eq!((error.kind, server.requests().len()), (expected, attempts), "{error}");
    assert!(!error.subject.contains("canary"), "{}", error.subject);
}

#[tokio::test]
async fn a_refused_connection_is_unreachable_within_two_seconds() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let began = Instant::now();
    assert_eq!(kind(send(&cluster(&[&address])).await), EngineErrorKind::Unreachable);
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_unreachable() {
    assert_eq!(kind(send(&cluster(&["http://no-such-host.invalid:9200"])).await), EngineErrorKind::Unreachable);
}

#[tokio::test]
async fn what_is_not_a_reply_of_elasticsearch_is_a_bad_reply_that_repeats_nothing() {
    check(reply("200 OK", "text/html", "<html>canary</html>"), EngineErrorKind::BadReply, 1).await;
    check(reply("404 Not Found", "text/html", "<html>canary</html>"), EngineErrorKind::BadReply, 1).await;
    check(json("200 OK", r#"{"canary":"#), EngineErrorKind::BadReply, 1).await;
    check(json("200 OK", ""), EngineErrorKind::BadReply, 1).await;
    check(Act::Write(b"SSH-2.0-canary\r\n".to_vec()), EngineErrorKind::BadReply, 1).await;
}

#[tokio::test]
async fn refusals_are_told_apart_and_not_retried() {
    check(json("401 Unauthorized", "{}"), EngineErrorKind::Unauthorized, 1).await;
    check(json("403 Forbidden", r#"{"error":{"type":"security_exception","reason":"canary"}}"#), EngineErrorKind::Forbidden, 1).await;
    check(json("400 Bad Request", r#"{"error":{"type":"parsing_exception","reason":"canary"}}"#), EngineErrorKind::Rejected, 1).await;
    check(json("404 Not Found", r#"{"error":{"type":"index_not_found_exception","index":"canary"}}"#), EngineErrorKind::UnknownIndex, 1)
        .await;
}

#[tokio::test]
async fn overload_is_retried_twice() {
    check(json("429 Too Many Requests", "{}"), EngineErrorKind::Busy, 3).await;
    check(reply("503 Service Unavailable", "text/html", "<html>canary"), EngineErrorKind::Unavailable, 3).await;
}

#[tokio::test]
async fn a_reply_cut_in_the_middle_is_interrupted_after_retries() {
    let cut = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n{\"canary\":1".to_vec();
    check(Act::Write(cut), EngineErrorKind::Interrupted, 3).await;
    check(Act::Close, EngineErrorKind::Interrupted, 3).await;
}

#[tokio::test]
async fn a_retry_that_succeeds_is_a_success() {
    let server = Scripted::start(vec![Act::Close, json("503 Busy", ""), json("200 OK", r#"{"took":1}"#)]).await;
    assert_eq!(send(&cluster(&[&server.address])).await.unwrap().body, br#"{"took":1}"#);
}

#[tokio::test]
async fn an_endless_reply_is_stopped_at_the_cap() {
    check(Act::Endless, EngineErrorKind::TooLarge, 1).await;
    let announced = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99999999999\r\n\r\n{".to_vec();
    check(Act::Write(announced), EngineErrorKind::TooLarge, 1).await;
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Scripted::start(vec![json("200 OK", r#"{"stolen":1}"#)]).await;
    for status in ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let act = Act::Write(format!("HTTP/1.1 {status}\r\nlocation: {}/\r\ncontent-length: 0\r\n\r\n", elsewhere.address).into_bytes());
        check(act, EngineErrorKind::BadReply, 1).await;
    }
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn a_silent_server_is_a_timeout_and_sees_the_end_at_once() {
    let (gone, heard) = oneshot::channel();
    let server = Scripted::start(vec![Act::Hang(Arc::new(Mutex::new(Some(gone))))]).await;
    let limit = Duration::from_millis(300);
    let began = Instant::now();
    let cluster = cluster(&[&server.address]);
    let result = cluster.send(&Request::Search(search()), limit).await;
    assert_eq!(kind(result), EngineErrorKind::Timeout);
    assert!(began.elapsed() < limit + Duration::from_millis(250));
    tokio::time::timeout(Duration::from_secs(1), heard).await.expect("the connection is closed").unwrap();
}

#[tokio::test]
async fn a_dropped_request_closes_its_connection() {
    let (gone, heard) = oneshot::channel();
    let server = Scripted::start(vec![Act::Hang(Arc::new(Mutex::new(Some(gone))))]).await;
    let cluster = cluster(&[&server.address]);
    let request = Request::Search(search());
    // Given up as soon as the server has it.
    tokio::select! {
        result = cluster.send(&request, LIMIT) => panic!("{result:?}"),
        () = async { while server.requests().is_empty() { tokio::task::yield_now().await } } => {}
    }
    tokio::time::timeout(Duration::from_secs(1), heard).await.expect("the connection is closed").unwrap();
}

#[tokio::test]
async fn a_dead_node_is_passed_over_for_another() {
    let dead = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dead_address = format!("http://{}", dead.local_addr().unwrap());
    drop(dead);
    let alive = Scripted::start(vec![json("200 OK", "{}")]).await;
    let cluster = cluster(&[&dead_address, &alive.address]);
    for _ in 0..10 {
        send(&cluster).await.unwrap();
    }
    assert_eq!(alive.requests().len(), 10);
}

#[tokio::test]
async fn what_is_sent_is_the_request_and_nothing_else() {
    let server = Scripted::start(vec![json("200 OK", "{}")]).await;
    let mut settings = settings(&[&format!("{}/prefix", server.address)]);
    settings.credential = Some(Credential::ApiKey(ApiKey::parse("id:key").unwrap()));
    let cluster = Cluster::new(settings).unwrap();
    cluster.send(&Request::Msearch(vec![search(), search()]), LIMIT).await.unwrap();
    cluster.send(&Request::ResolveIndex(ResolveIndex::new(IndexExpression::parse("logs-*").unwrap(), false, false)), LIMIT).await.unwrap();

    let requests = server.requests();
    let (head, body) = requests[0].split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /prefix/_msearch?"), "{head}");
    for line in
        ["content-type: application/x-ndjson", "accept: application/json", "authorization: ApiKey aWQ6a2V5", "x-opaque-id: elk-mcp/"]
    {
        assert!(head.contains(line), "{line} in {head}");
    }
    assert!(!head.contains("accept-encoding"), "{head}");
    assert_eq!(body.as_bytes(), Request::Msearch(vec![search(), search()]).body().unwrap());
    assert!(requests[1].starts_with("GET /prefix/_resolve/index/logs-*?expand_wildcards=open HTTP/1.1\r\n"), "{}", requests[1]);
}

#[tokio::test]
async fn a_user_is_sent_as_basic_and_a_token_as_bearer() {
    let basic = Credential::Basic { username: "reader".to_owned(), password: Secret::new("pass") };
    for (credential, header) in [(basic, "Basic cmVhZGVyOnBhc3M="), (Credential::Bearer(Secret::new("token")), "Bearer token")] {
        let server = Scripted::start(vec![json("200 OK", "{}")]).await;
        let mut settings = settings(&[&server.address]);
        settings.credential = Some(credential);
        send(&Cluster::new(settings).unwrap()).await.unwrap();
        assert!(server.requests()[0].contains(&format!("authorization: {header}\r\n")), "{}", server.requests()[0]);
    }
}

/// Real nodes: `ELK_MCP_TEST_ENGINES` with `NAME=URL` pairs, comma-separated.
#[tokio::test]
async fn real_nodes_answer_and_their_refusals_are_understood() {
    let engines = std::env::var("ELK_MCP_TEST_ENGINES").unwrap_or_default();
    let pairs: Vec<_> = engines.split(',').filter_map(|pair| pair.split_once('=')).filter(|(_, url)| url.starts_with("http://")).collect();
    if pairs.is_empty() {
        eprintln!("skipped: ELK_MCP_TEST_ENGINES has no NAME=http://… pair");
        return;
    }
    for (name, url) in pairs {
        let cluster = cluster(&[url]);
        let all = Request::Search(Search::new(IndexExpression::parse("no-such-*").unwrap(), Query::All));
        let reply = cluster.send(&all, LIMIT).await.unwrap();
        assert!(reply.body.starts_with(b"{\"took\""), "{name}");
        let missing = Request::Search(Search::new(IndexExpression::parse("no-such-index").unwrap(), Query::All));
        let error = cluster.send(&missing, LIMIT).await.unwrap_err();
        assert_eq!((error.kind, error.subject.as_str()), (EngineErrorKind::UnknownIndex, "no-such-index"), "{name}");
        match cluster.send(&Request::Ping, LIMIT).await {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind, EngineErrorKind::Rejected, "{name}: {error}"),
        }
    }
}
