//! The server as a process of its own, pinned to one CPU where the machine can, and what the kernel says of it.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};
use serde_json::{Value, json};

use super::{
    client::{Connection, request},
    upstream::Upstream,
};

const KEY: &str = "elk_a_key_of_the_bench_0123456789";

/// A running server.
pub(super) struct Served {
    child: Child,
    address: SocketAddr,
    tls: Option<Arc<ClientConfig>>,
}

impl Served {
    /// Over plain HTTP, after its first good answer, with how long that took from nothing.
    pub(super) fn plain(upstream: &Upstream) -> (Self, Duration) {
        let began = Instant::now();
        let server = Self::start(upstream, &["--insecure-http"]);
        server.connect().good(&server.call("search_logs", &super::arguments("search_logs")));
        (server, began.elapsed())
    }

    /// Over TLS with a development certificate.
    pub(super) fn tls(upstream: &Upstream) -> Self {
        Self::start(upstream, &[])
    }

    /// With these flags.
    pub(super) fn start(upstream: &Upstream, more: &[&str]) -> Self {
        let program = &std::env::var("ELK_MCP_BENCH_PROGRAM").unwrap_or_else(|_| env!("CARGO_BIN_EXE_elk-mcp").to_owned());
        let mut command = match Command::new("taskset").arg("--version").stdout(Stdio::null()).status() {
            Ok(_) => {
                let mut command = Command::new("taskset");
                command.args(["--cpu-list", "0", program]);
                command
            }
            Err(_) => Command::new(program),
        };
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--allowed-indices", "logs-a", "--rate-limit", "off", "--log", "warn"])
            .args(more);
        command.args(["--es-url", &format!("http://{}", upstream.address())]).env("ELK_MCP_CLIENT_KEY", KEY);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let first = lines.next().expect("a first line on standard error");
        let port = first.rsplit(':').next().and_then(|rest| rest.strip_suffix("/mcp")).unwrap_or_else(|| panic!("{first}"));
        let address = format!("127.0.0.1:{port}").parse().unwrap();
        let tls = first.contains("https://").then(|| {
            let ca = lines.next().and_then(|line| line.strip_prefix("clients must trust ").map(str::to_owned)).expect("a file to trust");
            trusting(&ca)
        });
        std::thread::spawn(move || lines.for_each(|line| eprintln!("{line}")));
        Self { child, address, tls }
    }

    pub(super) fn connect(&self) -> Connection {
        match &self.tls {
            Some(config) => Connection::tls(self.address, config),
            None => Connection::plain(self.address),
        }
    }

    /// The bytes of a call: stateless, in the protocol's revision of 2026-07-28.
    pub(super) fn call(&self, tool: &str, arguments: &Value) -> Vec<u8> {
        let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}});
        let body =
            json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments, "_meta": meta}});
        let headers = [
            ("authorization", &*format!("Bearer {KEY}")),
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
            ("mcp-protocol-version", "2026-07-28"),
            ("mcp-method", "tools/call"),
            ("mcp-name", tool),
        ];
        request("POST", "/mcp", &headers, body.to_string().as_bytes())
    }

    /// CPU time of all its threads that are still there.
    pub(super) fn cpu(&self) -> Duration {
        let threads = fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let spent = threads
            .filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?.split(' ').next()?.parse::<u64>().ok());
        Duration::from_nanos(spent.sum())
    }

    pub(super) fn resident_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").trim().parse().unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // An end of its own lets tools that count instructions write down what they saw.
        let asked = Command::new("kill").arg(self.child.id().to_string()).status().is_ok_and(|status| status.success());
        let until = Instant::now() + Duration::from_secs(5);
        while asked && Instant::now() < until && self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Without resumption, so that every handshake is a full one.
fn trusting(file: &str) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(file).unwrap();
    certificates.for_each(|certificate| roots.add(certificate.unwrap()).unwrap());
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider())).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.resumption = rustls::client::Resumption::disabled();
    Arc::new(config)
}
