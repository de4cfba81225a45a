//! The program as people and clients start it: exit codes, first lines, sign-in, and MCP over HTTPS and over pipes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    path::PathBuf,
    process::{Child, ChildStderr, Command, Output, Stdio},
    sync::{OnceLock, mpsc},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_elk-mcp"));
    command.env_clear().env("XDG_STATE_HOME", env!("CARGO_TARGET_TMPDIR"));
    command
}

/// A small bundle, so that starting takes no time.
fn bundle() -> &'static str {
    static BUNDLE: OnceLock<String> = OnceLock::new();
    BUNDLE.get_or_init(|| {
        let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("app-logs.ndjson");
        let line = |second: u32, service: &str, level: &str| {
            json!({"@timestamp": format!("2026-03-25T14:00:{second:02}Z"), "message": format!("line {second}"), "service.name": service, "log.level": level})
        };
        let lines: Vec<String> = (0..10).map(|second| line(second, if second < 7 { "checkout" } else { "cart" }, "info").to_string()).collect();
        fs::write(&file, lines.join("\n")).unwrap();
        file.to_str().unwrap().to_owned()
    })
}

fn run(arguments: &[&str]) -> Output {
    program().args(arguments).output().unwrap()
}

fn call(arguments: &[&str]) -> Output {
    run(&[&["call", "aggregate_logs"], arguments, &["--logs", bundle()]].concat())
}

const WINDOW: [&str; 3] = ["start=2026-03-25T14:00:00Z", "end=2026-03-25T14:01:00Z", "metric=count"];

#[test]
fn a_call_prints_its_answer_as_text_or_as_json() {
    let text = call(&[&WINDOW[..], &["group_by=service"]].concat());
    assert!(text.status.success(), "{text:?}");
    let printed = String::from_utf8(text.stdout).unwrap();
    assert!(printed.contains("checkout\t7") && printed.contains("cart\t3"), "{printed}");

    let structured = call(&[&WINDOW[..], &["group_by=service", "--json"]].concat());
    let answer: Value = serde_json::from_slice(&structured.stdout).unwrap();
    assert_eq!(answer["rows"], json!([["checkout", 7], ["cart", 3]]));
    assert_eq!(answer["totals"]["matched"], 10);
}

#[test]
fn arguments_can_be_one_json_object() {
    let object = r#"{"start": "2026-03-25T14:00:00Z", "end": "2026-03-25T14:01:00Z", "metric": "count", "service": "cart"}"#;
    let answer: Value = serde_json::from_slice(&call(&[object, "--json"]).stdout).unwrap();
    assert_eq!(answer["totals"]["matched"], 3);
}

#[test]
fn a_refused_call_tells_its_code_and_the_next_step_and_exits_with_one() {
    let text = call(&["frobnicate=1"]);
    assert_eq!(text.status.code(), Some(1));
    let told = String::from_utf8(text.stderr).unwrap();
    assert!(told.starts_with("bad_argument: ") && told.lines().count() >= 2 && text.stdout.is_empty(), "{told}");

    let structured = call(&["frobnicate=1", "--json"]);
    assert_eq!(structured.status.code(), Some(1));
    let error: Value = serde_json::from_slice(&structured.stdout).unwrap();
    assert_eq!((&error["code"], &error["retryable"]), (&json!("bad_argument"), &json!(false)));
    assert!(error["message"].is_string() && error["next_step"].is_string());
}

#[test]
fn a_cluster_that_is_not_there_is_a_typed_error() {
    let output =
        run(&["call", "aggregate_logs", "metric=count", "--json", "--es-url", "http://127.0.0.1:1", "--allowed-indices", "logs-*"]);
    let error: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(error["code"], "cluster_unreachable");
}

#[test]
fn what_cannot_start_says_which_setting_and_what_would_work() {
    for (arguments, names) in [
        (&["call", "list_indices"][..], "--es-url URL, --logs FILE, or --demo"),
        (&["serve", "--es-url", "http://localhost:9200"], "--allowed-indices must be set"),
        (&["serve", "--es-url", "http://u:p@localhost:9200", "--allowed-indices", "a"], "--es-api-key-file"),
        (&["serve", "--logs", "x", "--listen", "0.0.0.0:0"], "--tls-cert"),
        (&["serve", "--logs", "/nonexistent/x"], "/nonexistent/x"),
        (&["tools", "no_such_tool"], "aggregate_logs"),
        (&["tools", "--tools", "serach_*"], "`serach_*`"),
        (&["call", "list_indices", "size", "--demo"], "`size` is no key=value pair"),
    ] {
        let output = run(arguments);
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && told.contains(names), "{arguments:?}: {told}");
    }
}

#[test]
fn the_catalogue_is_what_a_client_gets() {
    let tools: Vec<Value> = serde_json::from_slice(&run(&["tools", "--json"]).stdout).unwrap();
    for tool in &tools {
        assert!(
            tool["description"].is_string() && tool["inputSchema"]["type"] == "object" && tool["outputSchema"]["type"] == "object",
            "{tool}"
        );
        assert_eq!(tool["annotations"]["readOnlyHint"], true, "{tool}");
    }
    let mut server = Served::start(&[]);
    assert_eq!(server.mcp("tools/list", json!({}))["result"]["tools"], json!(tools));
    server.end();

    let selected: Vec<Value> =
        serde_json::from_slice(&run(&["tools", "--json", "--tools", "aggregate_*", "--no-output-schemas"]).stdout).unwrap();
    assert_eq!(selected.len(), 1);
    assert!(selected[0].get("outputSchema").is_none());
}

/// A running `serve` over the bundle; killed when it is dropped.
struct Served {
    child: Child,
    _errors: BufReader<ChildStderr>,
    url: String,
    key: String,
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

impl Served {
    fn start(flags: &[&str]) -> Self {
        Self::start_on(&[&["--logs", bundle()], flags].concat())
    }

    fn start_on(flags: &[&str]) -> Self {
        let mut child = program().args(["serve", "--listen", "127.0.0.1:0"]).args(flags).stderr(Stdio::piped()).spawn().unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let mut line = || {
            let mut line = String::new();
            errors.read_line(&mut line).unwrap();
            line.trim_end().to_owned()
        };
        let first = line();
        let url = first.strip_prefix("listening on ").unwrap_or_else(|| panic!("{first}")).to_owned();
        let ca = fs::read(line().strip_prefix("clients must trust ").unwrap()).unwrap();
        let key = match flags.contains(&"--no-auth") {
            true => String::new(),
            false => line().strip_prefix("clients sign in with the key ").unwrap().to_owned(),
        };
        let client = reqwest::Client::builder()
            .tls_built_in_root_certs(false)
            .add_root_certificate(reqwest::Certificate::from_pem(&ca).unwrap())
            .build()
            .unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { child, _errors: errors, url, key, client, runtime }
    }

    fn send(&self, request: reqwest::RequestBuilder) -> (u16, String) {
        self.runtime.block_on(async {
            let response = request.send().await.unwrap();
            (response.status().as_u16(), response.text().await.unwrap())
        })
    }

    fn get(&self, path: &str) -> (u16, String) {
        self.send(self.client.get(self.url.replace("/mcp", path)))
    }

    /// A modern request, signed in.
    fn request(&self, method: &str, mut params: Value) -> reqwest::RequestBuilder {
        params["_meta"] =
            json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}});
        let name = params["name"].as_str().unwrap_or_default().to_owned();
        self.client
            .post(&self.url)
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", method)
            .header("mcp-name", name)
            .json(&json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
    }

    fn mcp(&self, method: &str, params: Value) -> Value {
        let (status, body) = self.send(self.request(method, params).bearer_auth(&self.key));
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    fn end(&mut self) {
        let killed = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        assert!(self.child.wait().unwrap().success(), "an asked end is no failure");
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_tool_answers_over_https_in_one_request() {
    let server = Served::start(&[]);
    let arguments = json!({"start": "2026-03-25T14:00:00Z", "end": "2026-03-25T14:01:00Z", "metric": "count"});
    let result = &server.mcp("tools/call", json!({"name": "aggregate_logs", "arguments": arguments}))["result"];
    assert_eq!(result["isError"], false);
    assert_eq!(result["structuredContent"]["totals"]["matched"], 10);
    assert!(result["content"][0]["text"].as_str().unwrap().contains("10"));

    let result = &server.mcp("tools/call", json!({"name": "aggregate_logs", "arguments": {"frobnicate": 1}}))["result"];
    assert_eq!(result["isError"], true);
    assert!(result["content"][0]["text"].as_str().unwrap().starts_with("bad_argument"), "{result}");
    assert!(result.get("structuredContent").is_none());

    let (_, body) = server.send(server.request("tools/call", json!({"name": "no_such_tool", "arguments": {}})).bearer_auth(&server.key));
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["error"]["code"], -32602, "{body}");
}

#[test]
fn discovery_tells_the_versions_and_how_long_to_keep_it() {
    let result = &Served::start(&[]).mcp("server/discover", json!({}))["result"];
    assert!(result["supportedVersions"].as_array().unwrap().contains(&json!("2026-07-28")), "{result}");
    assert!(result["ttlMs"].as_u64().unwrap() > 0 && result["cacheScope"] == "private", "{result}");
}

#[test]
fn an_older_client_shakes_hands_and_lists() {
    let server = Served::start(&[]);
    let send = |body: Value| {
        let request =
            server.client.post(&server.url).header("accept", "application/json, text/event-stream").header("x-api-key", &server.key);
        let (status, body) = server.send(request.json(&body));
        assert_eq!(status, 200, "{body}");
        serde_json::from_str::<Value>(&body).unwrap()
    };
    let params = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}});
    let hello = send(json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}));
    assert_eq!((&hello["result"]["protocolVersion"], &hello["result"]["serverInfo"]["name"]), (&json!("2025-11-25"), &json!("elk-mcp")));
    let list = send(json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list"}));
    assert!(!list["result"]["tools"].as_array().unwrap().is_empty());
}

#[test]
fn without_the_key_only_the_probes_answer() {
    let server = Served::start(&[]);
    assert_eq!(server.get("/healthz"), (200, "ok\n".to_owned()));
    assert_eq!(server.get("/readyz"), (200, "ready\n".to_owned()));
    let list = || server.request("tools/list", json!({}));
    assert_eq!(server.send(list()).0, 401);
    assert_eq!(server.send(list().bearer_auth("wrong")).0, 401);
    assert_eq!(server.send(list().header("x-api-key", &server.key)).0, 200);
}

#[test]
fn another_host_or_origin_is_refused() {
    let server = Served::start(&[]);
    let list = || server.request("tools/list", json!({})).bearer_auth(&server.key);
    assert_eq!(server.send(list().header("host", "evil.example")).0, 403);
    assert_eq!(server.send(list().header("origin", "https://evil.example")).0, 403);
    assert_eq!(server.send(list().header("origin", "https://localhost:1")).0, 200);
}

#[test]
fn a_request_above_the_cap_is_refused() {
    let server = Served::start(&[]);
    let huge = json!({"name": "aggregate_logs", "arguments": {"query": "x".repeat(300 << 10)}});
    assert_eq!(server.send(server.request("tools/call", huge).bearer_auth(&server.key)).0, 413);
}

/// A cluster that takes requests and never answers: each connection's end is told.
fn silent_cluster() -> (String, mpsc::Receiver<()>, mpsc::Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let ((asked, was_asked), (gone, is_gone)) = (mpsc::channel(), mpsc::channel());
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (asked, gone) = (asked.clone(), gone.clone());
            thread::spawn(move || {
                let mut chunk = [0; 4_096];
                while stream.read(&mut chunk).is_ok_and(|count| count > 0) {
                    if !chunk.starts_with(b"GET / ") && !chunk.starts_with(b"GET /_security/") {
                        let _ = asked.send(());
                    }
                }
                let _ = gone.send(());
            });
        }
    });
    (url, was_asked, is_gone)
}

#[test]
fn a_client_that_goes_away_ends_its_search_in_the_cluster() {
    let (url, was_asked, is_gone) = silent_cluster();
    let server = Served::start_on(&["--es-url", &url, "--allowed-indices", "logs-*"]);
    let request =
        server.request("tools/call", json!({"name": "aggregate_logs", "arguments": {"metric": "count"}})).bearer_auth(&server.key);
    server.runtime.block_on(async {
        let call = tokio::spawn(request.send());
        tokio::task::spawn_blocking(move || was_asked.recv_timeout(Duration::from_secs(10)).unwrap()).await.unwrap();
        call.abort();
        assert!(call.await.unwrap_err().is_cancelled());
    });
    is_gone.recv_timeout(Duration::from_secs(2)).expect("the search's connection is closed");
}

#[test]
fn a_bundle_can_be_narrowed_to_some_of_its_indices() {
    let server = Served::start(&["--allowed-indices", "other-*", "--no-auth"]);
    let result =
        &server.mcp("tools/call", json!({"name": "aggregate_logs", "arguments": {"metric": "count", "index": "app-logs"}}))["result"];
    assert!(result["content"][0]["text"].as_str().unwrap().starts_with("index_not_allowed"), "{result}");
}

#[test]
fn the_tools_answer_over_pipes_and_nothing_else_is_printed() {
    let mut child =
        program().args(["stdio", "--logs", bundle()]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut send = |message: Value| writeln!(input, "{message}").unwrap();
    let mut receive = || {
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        serde_json::from_str::<Value>(&line).unwrap()
    };
    let params = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}});
    send(json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}));
    assert_eq!(receive()["result"]["serverInfo"]["name"], "elk-mcp");
    send(json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
    let arguments = json!({"start": "2026-03-25T14:00:00Z", "end": "2026-03-25T14:01:00Z", "metric": "count"});
    send(json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "aggregate_logs", "arguments": arguments}}));
    assert_eq!(receive()["result"]["structuredContent"]["totals"]["matched"], 10);
    drop(input);
    assert!(child.wait().unwrap().success());
}
