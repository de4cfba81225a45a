//! A server in a process of its own, with its log; and a cluster that answers as it is told and remembers what it was asked.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use axum::{
    body::to_bytes,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};

/// Everything here takes much less; whatever takes this long hangs.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_elk-mcp"));
    command.env_clear().env("XDG_STATE_HOME", env!("CARGO_TARGET_TMPDIR"));
    command
}

/// Runs the program with this on its standard input.
pub(crate) fn run(arguments: &[&str], input: &str) -> Output {
    let mut child = program().args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// A path of its own for each file that a test writes.
pub(crate) fn path(name: &str) -> PathBuf {
    static FILES: AtomicU64 = AtomicU64::new(0);
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("sign-in-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder.join(format!("{}-{name}", FILES.fetch_add(1, Ordering::Relaxed)))
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A bundle of a line for each of 64 services, and one more for each before it.
pub(crate) fn bundle() -> &'static str {
    static BUNDLE: OnceLock<PathBuf> = OnceLock::new();
    let file = BUNDLE.get_or_init(|| {
        let file = path("app-logs.ndjson");
        let line = |service: usize, number: usize| {
            json!({"@timestamp": format!("2026-03-25T14:00:{:02}Z", number % 60), "message": format!("line {number}"),
                "service.name": format!("service-{service}"), "log.level": "info"})
        };
        let lines: Vec<String> = (0..64).flat_map(|service| (0..=service).map(move |number| line(service, number).to_string())).collect();
        fs::write(&file, lines.join("\n")).unwrap();
        file
    });
    text(file)
}

/// A running `serve`; killed when it is dropped.
pub(crate) struct Served {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    pub(crate) url: String,
    pub(crate) key: String,
    pub(crate) client: reqwest::Client,
}

impl Served {
    /// Over the bundle.
    pub(crate) fn start(flags: &[&str]) -> Self {
        Self::start_on(&[&["--logs", bundle()], flags].concat())
    }

    /// Over a cluster.
    pub(crate) fn start_over(cluster: &str, flags: &[&str]) -> Self {
        Self::start_on(&[&["--es-url", cluster, "--allowed-indices", "logs-*"], flags].concat())
    }

    fn start_on(flags: &[&str]) -> Self {
        let mut child =
            program().args(["serve", "--listen", "127.0.0.1:0"]).args(flags).stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut after = |beginning: &str| {
            let line = lines.next().expect("a line").unwrap();
            line.strip_prefix(beginning).unwrap_or_else(|| panic!("`{beginning}` is expected, not `{line}`")).to_owned()
        };
        let url = after("listening on ").trim_end_matches("/mcp").to_owned();
        let ca = fs::read(after("clients must trust ")).unwrap();
        let has_key = ["--client-keys", "--client-key-file", "--no-auth"].iter().any(|flag| flags.contains(flag));
        let key = if has_key { String::new() } else { after("clients sign in with the key ") };
        let log = Arc::<Mutex<Vec<String>>>::default();
        let written = Arc::clone(&log);
        thread::spawn(move || lines.map_while(Result::ok).for_each(|line| written.lock().unwrap().push(line)));
        let client = reqwest::Client::builder()
            .tls_built_in_root_certs(false)
            .add_root_certificate(reqwest::Certificate::from_pem(&ca).unwrap())
            .build()
            .unwrap();
        Self { child, log, url, key, client }
    }

    /// All that it has logged until now.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// Waits for a line of the log.
    #[track_caller]
    pub(crate) fn logged(&self, part: &str) -> String {
        let deadline = Instant::now() + LIMIT;
        loop {
            if let Some(line) = self.log().into_iter().find(|line| line.contains(part)) {
                return line;
            }
            assert!(Instant::now() < deadline, "`{part}` is not in {:#?}", self.log());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// How the process ends by itself.
    pub(crate) fn end(&mut self) -> ExitStatus {
        let deadline = Instant::now() + LIMIT;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the server goes on: {:#?}", self.log());
            thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let response = self.client.get(format!("{}{path}", self.url)).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// A call of a tool, as a client of today makes it, without a key.
    pub(crate) fn call(&self, tool: &str, arguments: Value) -> reqwest::RequestBuilder {
        let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}});
        self.client
            .post(format!("{}/mcp", self.url))
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", "tools/call")
            .header("mcp-name", tool)
            .json(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
                "params": {"name": tool, "arguments": arguments, "_meta": meta}}))
    }

    /// A call that counts lines.
    pub(crate) fn count(&self) -> reqwest::RequestBuilder {
        self.call("aggregate_logs", counting())
    }

    pub(crate) async fn status(&self, key: &str) -> u16 {
        self.count().bearer_auth(key).send().await.unwrap().status().as_u16()
    }

    /// Waits until a key is let in, or is not.
    pub(crate) async fn until(&self, key: &str, status: u16) {
        let deadline = Instant::now() + LIMIT;
        while self.status(key).await != status {
            assert!(Instant::now() < deadline, "it stays otherwise: {:#?}", self.log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn counting() -> Value {
    json!({"start": "2026-03-25T14:00:00Z", "end": "2026-03-25T14:01:00Z", "metric": "count"})
}

/// The text that a model reads, and whether it is an error.
pub(crate) async fn told(response: reqwest::Response) -> (String, bool) {
    let body: Value = response.json().await.unwrap();
    let result = &body["result"];
    (result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned(), result["isError"].as_bool().unwrap())
}

/// What a cluster answers to.
#[derive(Clone)]
pub(crate) struct Answers {
    /// `_has_privileges`.
    pub(crate) privileges: (u16, Value),
    /// `authinfo`.
    pub(crate) authinfo: (u16, Value),
    /// `GET /`.
    pub(crate) name: (u16, Value),
    /// The only header of `Authorization` that is taken, if any.
    pub(crate) authorization: Option<String>,
    /// How long a search takes.
    pub(crate) delay: Duration,
}

pub(crate) fn no_handler() -> (u16, Value) {
    (400, json!({"error": "no handler found for uri [/x] and method [GET]"}))
}

impl Default for Answers {
    fn default() -> Self {
        let granted = json!({"has_all_requested": false, "cluster": {"manage": false}, "index": {"logs-*": {"write": false}}});
        Self {
            privileges: (200, granted),
            authinfo: no_handler(),
            name: (200, json!({"version": {"number": "9.2.0"}})),
            authorization: None,
            delay: Duration::ZERO,
        }
    }
}

/// A cluster without nodes.
pub(crate) struct Cluster {
    pub(crate) url: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    answers: Mutex<Answers>,
    asked: Mutex<Vec<String>>,
    searches: AtomicUsize,
}

impl Cluster {
    pub(crate) async fn start(answers: Answers) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::start_on(listener, answers)
    }

    pub(crate) fn start_on(listener: tokio::net::TcpListener, answers: Answers) -> Self {
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared { answers: Mutex::new(answers), ..Shared::default() });
        let router = axum::Router::new().fallback(answer).with_state(Arc::clone(&shared));
        tokio::spawn(async { axum::serve(listener, router).await });
        Self { url, shared }
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Answers)) {
        change(&mut self.shared.answers.lock().unwrap());
    }

    /// Every request until now, with its headers and body.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().unwrap().clone()
    }

    /// Searches that were answered.
    pub(crate) fn searches(&self) -> usize {
        self.shared.searches.load(Ordering::Relaxed)
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let asked = format!("{} {} {:?} {}", head.method, head.uri, head.headers, String::from_utf8_lossy(&body));
    let path = head.uri.path().to_owned();
    shared.asked.lock().unwrap().push(asked);
    let answers = shared.answers.lock().unwrap().clone();
    let given = head.headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
    let (status, body) = if answers.authorization.is_some() && given != answers.authorization {
        (401, json!({"error": {"type": "security_exception", "reason": "who are you"}, "status": 401}))
    } else if path == "/" {
        answers.name
    } else if path.starts_with("/_security/") {
        answers.privileges
    } else if path.starts_with("/_plugins/") {
        answers.authinfo
    } else if path.contains("_field_caps") {
        let field = |kind: &str| json!({kind: {"type": kind, "searchable": true, "aggregatable": kind != "text"}});
        (200, json!({"indices": ["logs-a"], "fields": {"@timestamp": field("date"), "message": field("text")}}))
    } else if path.contains("_resolve") {
        (200, json!({"indices": [{"name": "logs-a", "attributes": ["open"]}], "aliases": [], "data_streams": []}))
    } else {
        tokio::time::sleep(answers.delay).await;
        shared.searches.fetch_add(1, Ordering::Relaxed);
        let searched = json!({"took": 1, "timed_out": false, "status": 200, "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0},
            "hits": {"total": {"value": 7, "relation": "eq"}, "max_score": null, "hits": []}});
        let searches = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count() / 2;
        match path.contains("_msearch") {
            true => (200, json!({"took": 1, "responses": vec![searched; searches]})),
            false => (200, searched),
        }
    };
    (StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response()
}
