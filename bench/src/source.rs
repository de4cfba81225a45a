//! Documents into an engine, and the tools over it. Knows engines; knows no incident.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use elk_mcp::{
    cluster::{Cluster, ClusterSettings, NodeUrl},
    guard::{AllowList, Caps, Guard},
};
use elk_mcp_embedded::{Builder, Mapping};
use elk_mcp_tools::{Settings, Toolbox, dsl::IndexExpression, engine::Engine};
use reqwest::{Client, Method};
use serde_json::Value;

use crate::corpus::Documents;

/// Bytes of one `_bulk` request: far below an engine's limit of 100 MB.
const PART: usize = 8 << 20;

/// The tools over loaded documents.
pub(crate) struct Loaded {
    pub(crate) toolbox: Toolbox,
    cluster: Option<Admin>,
    indices: Vec<String>,
}

/// Loads documents into `embedded`, or into a cluster by its address.
pub(crate) async fn load(engine: &str, documents: Vec<Documents>) -> Result<Loaded> {
    let indices: Vec<String> = documents.iter().map(|part| part.index.clone()).collect();
    let allowed = AllowList::parse(&indices.join(","))?;
    let everything = allowed.expression().clone();
    if engine == "embedded" {
        let mut builder = Builder::new();
        for part in &documents {
            builder.index(&part.index, Mapping::from_json(part.mapping)?)?;
            for line in &part.lines {
                builder.document(&part.index, None, line)?;
            }
        }
        let guard = Guard::new(builder.build()?, allowed, Caps::default());
        return Ok(Loaded { toolbox: toolbox(Arc::new(guard), everything), cluster: None, indices });
    }
    let admin = Admin { client: Client::new(), url: engine.trim_end_matches('/').to_owned() };
    for part in &documents {
        admin.fill(part).await?;
    }
    let settings = ClusterSettings {
        nodes: vec![NodeUrl::parse(engine)?],
        credential: None,
        ca_certificate: None,
        client_certificate: None,
        skip_tls_verification: false,
    };
    let guard = Guard::new(Cluster::new(settings)?, allowed, Caps::default());
    Ok(Loaded { toolbox: toolbox(Arc::new(guard), everything), cluster: Some(admin), indices })
}

fn toolbox(engine: Arc<dyn Engine>, default_index: IndexExpression) -> Toolbox {
    let settings = Settings { default_index, max_tokens: 6_000, max_window_s: 7 * 86_400, kibana_url: None, field_overrides: Vec::new() };
    Toolbox::new(engine, settings)
}

impl Loaded {
    /// Takes the indices out of a cluster again.
    pub(crate) async fn remove(&self) -> Result<()> {
        let Some(admin) = &self.cluster else { return Ok(()) };
        for index in &self.indices {
            admin.send(Method::DELETE, &format!("/{index}?ignore_unavailable=true"), String::new()).await?;
        }
        Ok(())
    }
}

/// Writes to a cluster.
struct Admin {
    client: Client,
    url: String,
}

impl Admin {
    async fn send(&self, method: Method, path: &str, body: String) -> Result<Value> {
        let request = self.client.request(method.clone(), format!("{}{path}", self.url)).header("content-type", "application/x-ndjson");
        let reply = request.body(body).send().await.with_context(|| format!("{} does not answer", self.url))?;
        let status = reply.status();
        let text = reply.text().await.with_context(|| format!("the reply to {method} {path} broke off"))?;
        if !status.is_success() {
            bail!("{method} {path}: {status} {}", text.chars().take(500).collect::<String>());
        }
        serde_json::from_str(&text).with_context(|| format!("the reply to {method} {path} is no JSON"))
    }

    async fn fill(&self, part: &Documents) -> Result<()> {
        let index = &part.index;
        self.send(Method::DELETE, &format!("/{index}?ignore_unavailable=true"), String::new()).await?;
        let mappings = part.mapping;
        let body = format!(r#"{{"settings": {{"number_of_shards": 1, "number_of_replicas": 0}}, "mappings": {mappings}}}"#);
        self.send(Method::PUT, &format!("/{index}"), body).await?;
        let mut body = String::new();
        for line in &part.lines {
            body.push_str("{\"create\":{}}\n");
            body.push_str(line);
            body.push('\n');
            if body.len() > PART {
                self.write(index, std::mem::take(&mut body)).await?;
            }
        }
        if !body.is_empty() {
            self.write(index, body).await?;
        }
        self.send(Method::POST, &format!("/{index}/_refresh"), String::new()).await?;
        Ok(())
    }

    async fn write(&self, index: &str, body: String) -> Result<()> {
        let reply = self.send(Method::POST, &format!("/{index}/_bulk?filter_path=errors,items.*.error"), body).await?;
        if reply.get("errors").and_then(Value::as_bool) != Some(false) {
            bail!("a document for {index} was refused: {}", reply.to_string().chars().take(500).collect::<String>());
        }
        Ok(())
    }
}
