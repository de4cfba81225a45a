//! A server in a process of its own, requests to it, and a cluster that never answers.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Mutex, OnceLock, mpsc},
    thread,
    time::{Duration, Instant},
};

use reqwest::{Method, Response, header::HeaderMap};
use serde_json::{Value, json};
use tokio::{
    io::AsyncReadExt as _,
    net::TcpListener,
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
};

/// Everything here takes much less; whatever takes this long hangs.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

pub(crate) const MODERN: &str = "2026-07-28";

pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_elk-mcp"));
    command.env_clear().env("XDG_STATE_HOME", env!("CARGO_TARGET_TMPDIR"));
    command
}

/// A small bundle, so that starting takes no time.
pub(crate) fn bundle() -> &'static str {
    static BUNDLE: OnceLock<String> = OnceLock::new();
    BUNDLE.get_or_init(|| {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("mcp-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("app-logs.ndjson");
        let now = jiff::Timestamp::now().as_second();
        let line = |number: i64| {
            let time = jiff::Timestamp::from_second(now - 60 - number).unwrap();
            let (service, level) = if number < 7 { ("checkout", "error") } else { ("cart", "info") };
            json!({"@timestamp": time.to_string(), "message": format!("line {number}"), "service.name": service, "log.level": level})
        };
        let lines: Vec<String> = (0..10).map(|number| line(number).to_string()).collect();
        fs::write(&file, lines.join("\n")).unwrap();
        file.to_str().unwrap().to_owned()
    })
}

/// A running `serve`; killed when it is dropped.
pub(crate) struct Server {
    child: Mutex<Child>,
    log: Mutex<mpsc::Receiver<String>>,
    pub(crate) url: String,
    pub(crate) key: String,
    pub(crate) client: reqwest::Client,
}

impl Server {
    /// Over the bundle.
    pub(crate) fn start(flags: &[&str]) -> Self {
        Self::start_on(&[&["--logs", bundle()], flags].concat())
    }

    /// Over a cluster.
    pub(crate) fn start_over(cluster: &str, flags: &[&str]) -> Self {
        Self::start_on(&[&["--es-url", cluster, "--allowed-indices", "logs-*"], flags].concat())
    }

    fn start_on(flags: &[&str]) -> Self {
        let mut child = program()
            .args(["serve", "--listen", "127.0.0.1:0", "--log-format", "json"])
            .args(flags)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut after = |beginning: &str| {
            let mut seen = Vec::new();
            for line in errors.by_ref() {
                let line = line.unwrap();
                if let Some(rest) = line.strip_prefix(beginning) {
                    return rest.trim().to_owned();
                }
                seen.push(line);
            }
            panic!("no line begins `{beginning}`: {seen:#?}");
        };
        let url = after("listening on ").trim_end_matches("/mcp").to_owned();
        let ca = fs::read(after("clients must trust ")).unwrap();
        let key = after("clients sign in with the key ");
        let (sender, log) = mpsc::channel();
        thread::spawn(move || errors.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let client = reqwest::Client::builder()
            .tls_built_in_root_certs(false)
            .add_root_certificate(reqwest::Certificate::from_pem(&ca).unwrap())
            .pool_max_idle_per_host(0)
            .build()
            .unwrap();
        Self { child: Mutex::new(child), log: Mutex::new(log), url, key, client }
    }

    /// The next line of the log about a call.
    pub(crate) fn logged_call(&self) -> Value {
        let deadline = Instant::now() + LIMIT;
        let log = self.log.lock().unwrap();
        loop {
            let line = log.recv_timeout(deadline.saturating_duration_since(Instant::now())).expect("a line about a call");
            if let Ok(line) = serde_json::from_str::<Value>(&line)
                && line.to_string().contains("tools/call")
            {
                return line;
            } else if let Ok(line) = serde_json::from_str::<Value>(&line) {
                assert_ne!(line["log.level"], "error", "{line}");
            }
        }
    }

    /// Sends the signal to end.
    pub(crate) fn ask_to_end(&self) {
        let child = self.child.lock().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-TERM", &child]).status().unwrap().success());
    }

    /// Waits until it has ended, which it does well.
    pub(crate) async fn ended(self) {
        let waited = tokio::task::spawn_blocking(move || self.child.lock().unwrap().wait().unwrap());
        assert!(tokio::time::timeout(LIMIT, waited).await.expect("an end").unwrap().success());
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url)).bearer_auth(&self.key)
    }

    /// Sends a request to `/mcp` and does not wait for more than the head of its answer.
    pub(crate) async fn open(&self, ask: &Ask) -> Response {
        let mut headers = HeaderMap::new();
        for (name, value) in &ask.headers {
            headers.append(name.parse::<reqwest::header::HeaderName>().unwrap(), value.parse().unwrap());
        }
        let sent = self.request(Method::POST, "/mcp").headers(headers).body(ask.body.to_string()).send();
        tokio::time::timeout(LIMIT, sent).await.expect("an answer").unwrap()
    }

    pub(crate) async fn ask(&self, ask: &Ask) -> Reply {
        let response = self.open(ask).await;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Reply { status, headers, text: response.text().await.unwrap() }
    }

    /// The result of a request that succeeds, answered in JSON.
    pub(crate) async fn result(&self, ask: &Ask) -> Value {
        let reply = self.ask(ask).await;
        assert_eq!((reply.status, reply.kind()), (200, "application/json"), "{}", reply.text);
        let body = reply.json();
        assert_eq!(body["id"], ask.body["id"], "{body}");
        assert!(body.get("error").is_none(), "{body}");
        body["result"].clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(mut child) = self.child.lock() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A request to `/mcp`, as a client of one of the eras writes it.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Value,
}

impl Ask {
    pub(crate) fn modern(method: &str, params: Value) -> Self {
        let mut ask = Self::legacy(method, params);
        ask.body["params"]["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": MODERN, "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        });
        let named = ["name", "uri"].iter().find_map(|key| ask.body["params"][key].as_str()).map(str::to_owned);
        ask = ask.with("mcp-protocol-version", MODERN).with("mcp-method", method);
        match named {
            Some(name) if method != "completion/complete" => ask.with("mcp-name", &name),
            _ => ask,
        }
    }

    pub(crate) fn legacy(method: &str, params: Value) -> Self {
        let body = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
        let headers = Vec::new();
        Self { headers, body }.with("accept", "application/json, text/event-stream").with("content-type", "application/json")
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self = self.without(name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    pub(crate) fn meta(mut self, key: &str, value: Value) -> Self {
        self.body["params"]["_meta"][key] = value;
        self
    }
}

/// A call of a tool that the bundle answers.
pub(crate) fn counting() -> Value {
    json!({"name": "aggregate_logs", "arguments": {"metric": "count"}})
}

pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn kind(&self) -> &str {
        self.headers.get("content-type").map_or("", |kind| kind.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text))
    }

    /// That it is this error.
    #[track_caller]
    pub(crate) fn refuses(&self, status: u16, code: i64, why: &str) {
        assert_eq!((self.status, self.kind()), (status, "application/json"), "{why}: {}", self.text);
        assert_eq!(self.json()["error"]["code"], code, "{why}: {}", self.text);
    }
}

/// The events of a stream, one by one: their names and what they carry; comments are passed over.
pub(crate) struct Events {
    response: Response,
    text: String,
}

impl Events {
    #[track_caller]
    pub(crate) fn of(response: Response) -> Self {
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, text: String::new() }
    }

    /// The next event; none at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<(String, String)> {
        loop {
            while let Some((event, rest)) = self.text.split_once("\n\n").map(|(event, rest)| (event.to_owned(), rest.to_owned())) {
                self.text = rest;
                let field = |name: &str| {
                    let lines = event.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
                    lines.map(|value| value.strip_prefix(' ').unwrap_or(value)).collect::<Vec<_>>().join("\n")
                };
                if event.lines().any(|line| !line.starts_with(':')) {
                    return Some((field("event"), field("data")));
                }
            }
            let chunk = tokio::time::timeout(LIMIT, self.response.chunk()).await.expect("an event or the end").ok()??;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The message of the next event.
    pub(crate) async fn message(&mut self) -> Value {
        let (_, data) = self.next().await.expect("one more event");
        serde_json::from_str(&data).unwrap()
    }
}

/// A cluster that takes requests and never answers: the head and body of each, and when its connection ended.
pub(crate) struct SilentCluster {
    pub(crate) url: String,
    asked: UnboundedReceiver<String>,
    gone: UnboundedReceiver<Instant>,
}

impl SilentCluster {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let ((tell_asked, asked), (tell_gone, gone)) = (unbounded_channel(), unbounded_channel());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (tell_asked, tell_gone) = (tell_asked.clone(), tell_gone.clone());
                tokio::spawn(async move {
                    let mut chunk = vec![0; 64 << 10];
                    let mut is_probe = false;
                    while let Ok(count @ 1..) = stream.read(&mut chunk).await {
                        let text = String::from_utf8_lossy(&chunk[..count]).into_owned();
                        // What the server asks at start is no call.
                        is_probe |= text.starts_with("GET / ") || text.contains("_security") || text.contains("authinfo");
                        if !is_probe {
                            let _ = tell_asked.send(text);
                        }
                    }
                    if !is_probe {
                        let _ = tell_gone.send(Instant::now());
                    }
                });
            }
        });
        Self { url, asked, gone }
    }

    /// The next request.
    pub(crate) async fn asked(&mut self) -> String {
        tokio::time::timeout(LIMIT, self.asked.recv()).await.expect("a request to the cluster").unwrap()
    }

    /// When the next connection ended.
    pub(crate) async fn gone(&mut self) -> Instant {
        tokio::time::timeout(LIMIT, self.gone.recv()).await.expect("the end of a connection to the cluster").unwrap()
    }
}
