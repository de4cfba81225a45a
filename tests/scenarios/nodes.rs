//! Which real engines are there, and how documents get into them and out again. Knows no tool.

use std::{
    env,
    process::Command,
    sync::{Arc, LazyLock},
    time::Duration,
};

use elk_mcp::cluster::{ApiKey, Cluster, ClusterSettings, Credential, NodeUrl};
use reqwest::{Certificate, Client, Method};
use serde_json::Value;

/// A real engine that `ELK_MCP_TEST_ENGINES` names.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) name: String,
    url: String,
    /// What the engine's own security takes, where it has any.
    secured: Option<Secured>,
}

#[derive(Debug, Clone)]
struct Secured {
    ca: Vec<u8>,
    /// May read `logs-*` and nothing else.
    key: String,
}

/// Who fills the secured node; see `tests/engines/README.md`.
pub(crate) const SUPERUSER: (&str, &str) = ("elastic", "changeme123");

/// Every engine that the variable names. One that is named and does not answer is a failure, not a skip.
pub(crate) fn nodes() -> &'static [Node] {
    static NODES: LazyLock<Vec<Node>> = LazyLock::new(|| {
        let named = env::var("ELK_MCP_TEST_ENGINES").unwrap_or_default();
        named.split(',').map(str::trim).filter(|name| !name.is_empty()).map(Node::find).collect()
    });
    &NODES
}

/// Runs `tests/engines/engine`.
fn engine(arguments: &[&str]) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/engines/engine");
    let output = Command::new(script).args(arguments).output().unwrap_or_else(|error| panic!("{script}: {error}"));
    assert!(output.status.success(), "engine {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

impl Node {
    /// `NAME=URL` is there already; a plain name is started where it does not run.
    fn find(named: &str) -> Self {
        let pair = if named.contains('=') { named.to_owned() } else { engine(&["up", named]) };
        let (name, url) = pair.split_once('=').unwrap_or_else(|| panic!("`{pair}` is no NAME=URL"));
        let secured = url.starts_with("https://").then(|| {
            let path = engine(&["ca", name]);
            Secured { ca: std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}")), key: engine(&["key", name]) }
        });
        Self { name: name.to_owned(), url: url.to_owned(), secured }
    }

    /// A node of no name.
    pub(crate) fn at(url: String) -> Self {
        Self { name: String::new(), url, secured: None }
    }

    /// Whether it asks who one is.
    pub(crate) fn is_secured(&self) -> bool {
        self.secured.is_some()
    }

    /// The same node for someone who does not know the authority behind its certificate.
    pub(crate) fn without_authority(&self) -> Self {
        Self { secured: None, ..self.clone() }
    }

    /// Whether it has data streams.
    pub(crate) fn has_data_streams(&self) -> bool {
        self.name != "es7"
    }

    /// The engine under test, as the product reaches it.
    pub(crate) fn cluster(&self) -> Cluster {
        self.cluster_as(self.secured.as_ref().map(|secured| Credential::ApiKey(ApiKey::parse(&secured.key).unwrap())))
    }

    /// The same with another credential.
    pub(crate) fn cluster_as(&self, credential: Option<Credential>) -> Cluster {
        Cluster::new(ClusterSettings {
            nodes: vec![NodeUrl::parse(&self.url).unwrap()],
            credential,
            ca_certificate: self.secured.as_ref().map(|secured| secured.ca.clone()),
            client_certificate: None,
            skip_tls_verification: false,
        })
        .unwrap()
    }

    /// A connection that may write. Not shared between tests: each has a runtime of its own.
    pub(crate) fn admin(&self) -> Admin {
        // The product never installs a provider for the whole process, so the first here wins.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut client = Client::builder().timeout(Duration::from_secs(60));
        if let Some(secured) = &self.secured {
            client = client.add_root_certificate(Certificate::from_pem(&secured.ca).unwrap());
        }
        Admin { node: Arc::new(self.clone()), client: client.build().unwrap() }
    }
}

/// Fills and empties a node.
pub(crate) struct Admin {
    node: Arc<Node>,
    client: Client,
}

impl Admin {
    /// Sends a request and returns the reply's status and body.
    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<String>) -> (u16, Value) {
        let node = &self.node;
        let mut request = self.client.request(method, format!("{}{path}", node.url));
        if node.secured.is_some() {
            request = request.basic_auth(SUPERUSER.0, Some(SUPERUSER.1));
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/x-ndjson").body(body);
        }
        let reply = request.send().await.unwrap_or_else(|error| panic!("{} does not answer at {}: {error:?}", node.name, node.url));
        let status = reply.status().as_u16();
        let text = reply.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Sends a request that must succeed.
    pub(crate) async fn must(&self, method: Method, path: &str, body: Option<String>) -> Value {
        let (status, reply) = self.send(method.clone(), path, body).await;
        assert!(status < 300, "{}: {method} {path}: {status} {reply}", self.node.name);
        reply
    }

    /// Writes documents, in order, in parts that stay below an engine's limit for one request.
    pub(crate) async fn bulk<'a>(&self, target: &str, documents: impl IntoIterator<Item = (&'a str, &'a str)>) {
        const PART: usize = 8 << 20;
        let mut body = String::new();
        for (id, document) in documents {
            body.push_str(&format!("{{\"create\":{{\"_id\":{}}}}}\n{document}\n", Value::from(id)));
            if body.len() > PART {
                self.write(target, std::mem::take(&mut body)).await;
            }
        }
        if !body.is_empty() {
            self.write(target, body).await;
        }
        self.must(Method::POST, &format!("/{target}/_refresh"), None).await;
    }

    async fn write(&self, target: &str, body: String) {
        let reply = self.must(Method::POST, &format!("/{target}/_bulk"), Some(body)).await;
        if reply["errors"] == true {
            let failed = reply["items"].as_array().unwrap().iter().find(|item| item["create"]["error"].is_object());
            panic!("{}: a document for {target} was refused: {failed:?}", self.node.name);
        }
    }
}
