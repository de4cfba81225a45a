//! A server in a process of its own, and requests to it.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use reqwest::{Method, StatusCode, header::HeaderMap};
use serde_json::{Value, json};

/// Everything here takes much less; whatever takes this long hangs.
const LIMIT: Duration = Duration::from_secs(60);

fn folder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("reports-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// A small bundle, so that starting takes no time: two services, a line of each every thirty seconds.
pub(crate) fn bundle() -> &'static str {
    static BUNDLE: OnceLock<String> = OnceLock::new();
    BUNDLE.get_or_init(|| {
        let file = folder().join("app-logs.ndjson");
        let start: jiff::Timestamp = "2026-03-25T13:30:00Z".parse().unwrap();
        let line = |number: i64| {
            let time = start + jiff::SignedDuration::from_secs(number / 2 * 30);
            let service = if number % 2 == 0 { "checkout" } else { "cart" };
            json!({"@timestamp": time.to_string(), "message": format!("line {number}"), "service.name": service, "log.level": "info"})
        };
        let lines: Vec<String> = (0..240).map(|number| line(number).to_string()).collect();
        fs::write(&file, lines.join("\n")).unwrap();
        file.to_str().unwrap().to_owned()
    })
}

pub(crate) fn secret_file(secret: &str) -> &'static str {
    static FILE: OnceLock<String> = OnceLock::new();
    FILE.get_or_init(|| {
        let file = folder().join("hook-secret");
        fs::write(&file, format!("{secret}\n")).unwrap();
        file.to_str().unwrap().to_owned()
    })
}

/// A running `serve`; killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    url: String,
    key: String,
    client: reqwest::Client,
}

/// An answer.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text))
    }
}

impl Server {
    pub(crate) fn over_bundle(flags: &[&str]) -> Self {
        Self::start(&[&["--logs", bundle()], flags].concat())
    }

    pub(crate) fn over_cluster(address: &str) -> Self {
        Self::start(&["--es-url", address, "--allowed-indices", "logs-*"])
    }

    fn start(flags: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_elk-mcp"))
            .env_clear()
            .env("XDG_STATE_HOME", env!("CARGO_TARGET_TMPDIR"))
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(flags)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut after = |beginning: &str| {
            let mut seen = Vec::new();
            for line in lines.by_ref() {
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
        thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        let client = reqwest::Client::builder()
            .tls_built_in_root_certs(false)
            .add_root_certificate(reqwest::Certificate::from_pem(&ca).unwrap())
            // The server closes a connection whose body it did not read: another request on it would be lost.
            .pool_max_idle_per_host(0)
            .build()
            .unwrap();
        Self { child, url, key, client }
    }

    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: &str, headers: &[(&'static str, String)], with_key: bool) -> Reply {
        let mut request = self.client.request(method, format!("{}{path}", self.url)).body(body.to_owned());
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        if with_key {
            request = request.bearer_auth(&self.key);
        }
        let response = tokio::time::timeout(LIMIT, request.send()).await.expect("an answer").unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        Reply { status, headers, text: response.text().await.unwrap() }
    }

    pub(crate) async fn post_raw(&self, body: &str, headers: &[(&'static str, String)]) -> Reply {
        self.send(Method::POST, "/hooks/alerts", body, headers, true).await
    }

    pub(crate) async fn post(&self, alert: &Value) -> Reply {
        self.post_raw(&alert.to_string(), &[("content-type", "application/json".to_owned())]).await
    }

    pub(crate) async fn get(&self, path: &str, accept: Option<&str>) -> Reply {
        let headers: Vec<(&'static str, String)> = accept.into_iter().map(|accept| ("accept", accept.to_owned())).collect();
        self.send(Method::GET, path, "", &headers, true).await
    }

    /// The findings, asked for until they are there.
    pub(crate) async fn finished(&self, id: &str) -> Value {
        let deadline = Instant::now() + LIMIT;
        loop {
            let reply = self.get(&format!("/reports/{id}.json"), None).await;
            if reply.status == StatusCode::OK {
                return reply.json();
            }
            assert_eq!(reply.status, StatusCode::ACCEPTED, "{}", reply.text);
            assert!(Instant::now() < deadline, "{}", reply.text);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
