//! Documents in named indices, written down once and loaded into every engine that is there.

use std::{
    collections::BTreeMap,
    io::Write as _,
    sync::{Arc, Mutex, PoisonError},
};

use elk_mcp::{
    cluster::Credential,
    guard::{AllowList, Caps, Guard},
};
use elk_mcp_embedded::{Builder, Embedded, Mapping};
use elk_mcp_tools::{Settings, Toolbox, dsl::IndexExpression, engine::Engine};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::nodes::{Node, nodes};

/// A world before it is loaded. Its indices are named after it and after this process, so that several runs can share
/// one node.
pub(crate) struct World {
    name: &'static str,
    indices: Vec<Index>,
    aliases: Vec<(String, Vec<String>)>,
    needs_data_streams: bool,
    is_embedded_only: bool,
}

struct Index {
    name: String,
    mapping: Option<Value>,
    shards: u32,
    is_stream: bool,
    documents: Vec<(String, String)>,
}

/// One engine with the world in it.
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) toolbox: Toolbox,
    /// The same engine without the guard, for what the tools do not show.
    pub(crate) node: Option<&'static Node>,
}

/// Every engine that is there, with the world in it; gone from the real ones when this is dropped.
pub(crate) struct Loaded {
    world: &'static str,
    pub(crate) sources: Vec<Source>,
    targets: Vec<Target>,
}

struct Target {
    node: &'static Node,
    indices: Vec<String>,
    streams: Vec<String>,
}

/// The mapping of time and text that most scenarios share: what a data stream of Elasticsearch's own templates has.
pub(crate) fn ecs() -> Value {
    json!({"properties": {
        "@timestamp": {"type": "date"},
        "message": {"type": "text"},
        "log": {"properties": {"level": {"type": "keyword"}, "logger": {"type": "keyword"}}},
        "service": {"properties": {"name": {"type": "keyword"}}},
        "host": {"properties": {"name": {"type": "keyword"}}},
        "kubernetes": {"properties": {"pod": {"properties": {"name": {"type": "keyword"}}}}},
        "trace": {"properties": {"id": {"type": "keyword"}}},
        "span": {"properties": {"id": {"type": "keyword"}}},
        "url": {"properties": {"path": {"type": "keyword"}}},
        "http": {"properties": {"response": {"properties": {"status_code": {"type": "long"}}}}},
        "event": {"properties": {"duration": {"type": "long"}}}
    }})
}

impl World {
    /// An empty world.
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, indices: Vec::new(), aliases: Vec::new(), needs_data_streams: false, is_embedded_only: false }
    }

    fn full(&self, short: &str) -> String {
        full(self.name, short)
    }

    /// Adds an index; without a mapping its fields are mapped as documents come. Documents get `0`, `1`, … for ids.
    pub(crate) fn index(self, short: &str, mapping: Option<Value>, documents: impl IntoIterator<Item = Value>) -> Self {
        self.sharded(short, 1, mapping, documents)
    }

    /// Adds an index of several shards.
    pub(crate) fn sharded(self, short: &str, shards: u32, mapping: Option<Value>, documents: impl IntoIterator<Item = Value>) -> Self {
        self.lines(short, shards, mapping, documents.into_iter().map(|document| document.to_string()))
    }

    /// Adds an index of documents that are text already.
    pub(crate) fn lines(mut self, short: &str, shards: u32, mapping: Option<Value>, lines: impl IntoIterator<Item = String>) -> Self {
        let documents = lines.into_iter().enumerate().map(|(id, line)| (id.to_string(), line)).collect();
        let name = self.full(short);
        self.indices.push(Index { name, mapping, shards, is_stream: false, documents });
        self
    }

    /// Adds a data stream. It stays on Elasticsearch's test distributions, which cannot delete one. The world is not loaded into engines that have none.
    pub(crate) fn data_stream(mut self, short: &str, mapping: Value, documents: impl IntoIterator<Item = Value>) -> Self {
        self = self.index(short, Some(mapping), documents);
        if let Some(index) = self.indices.last_mut() {
            index.is_stream = true;
        }
        self.needs_data_streams = true;
        self
    }

    /// Keeps it out of the real engines: for what is about the tools alone, or too large for all of them.
    pub(crate) fn embedded_only(mut self) -> Self {
        self.is_embedded_only = true;
        self
    }

    /// Lets a name lead to indices.
    pub(crate) fn alias(mut self, short: &str, indices: &[&str]) -> Self {
        let indices = indices.iter().map(|index| self.full(index)).collect();
        self.aliases.push((self.full(short), indices));
        self
    }

    /// Loads it everywhere.
    pub(crate) async fn load(self) -> Loaded {
        let fits = |node: &&Node| !self.is_embedded_only && (!self.needs_data_streams || node.has_data_streams());
        let there: Vec<&Node> = nodes().iter().filter(fits).collect();
        // Made before the first index, so that what a failing load leaves behind is removed too.
        let mut loaded = Loaded { world: self.name, sources: Vec::new(), targets: Vec::new() };
        let names = |is_stream| self.indices.iter().filter(|index| index.is_stream == is_stream).map(|index| index.name.clone()).collect();
        loaded.targets.extend(there.iter().map(|node| Target { node, indices: names(false), streams: names(true) }));
        join_all(there.iter().map(|node| self.fill(node))).await;
        loaded.sources.push(Source { name: "embedded".to_owned(), toolbox: self.toolbox(self.embedded()), node: None });
        for node in there {
            loaded.sources.push(Source { name: node.name.clone(), toolbox: self.toolbox(node.cluster()), node: Some(node) });
        }
        loaded
    }

    fn embedded(&self) -> Embedded {
        let mut builder = Builder::new();
        for index in &self.indices {
            let name = if index.is_stream { backing(&index.name) } else { index.name.clone() };
            if let Some(mapping) = &index.mapping {
                builder.index(&name, Mapping::from_json(&mapping.to_string()).unwrap()).unwrap();
            }
            for (id, document) in &index.documents {
                builder.document(&name, Some(id), document).unwrap();
            }
            if index.is_stream {
                builder = builder.data_stream(&index.name, &[&name]);
            }
        }
        for (alias, members) in &self.aliases {
            builder = builder.alias(alias, &members.iter().map(String::as_str).collect::<Vec<_>>());
        }
        builder.build().unwrap()
    }

    async fn fill(&self, node: &Node) {
        let admin = node.admin();
        for Index { name, mapping, shards, is_stream, documents } in &self.indices {
            let mappings = mapping.clone().unwrap_or_else(|| json!({}));
            let settings = json!({"number_of_shards": shards, "number_of_replicas": 0});
            if *is_stream {
                let template = json!({"index_patterns": [name], "data_stream": {}, "priority": 500, "template": {"settings": settings, "mappings": mappings}});
                admin.must(Method::PUT, &format!("/_index_template/{name}"), Some(template.to_string())).await;
                // Its first document makes it: the distributions for tests cannot be asked for one.
            } else {
                let body = json!({"settings": settings, "mappings": mappings});
                admin.must(Method::PUT, &format!("/{name}"), Some(body.to_string())).await;
            }
            admin.bulk(name, documents.iter().map(|(id, document)| (id.as_str(), document.as_str()))).await;
        }
        for (alias, members) in &self.aliases {
            for member in members {
                admin.must(Method::PUT, &format!("/{member}/_alias/{alias}"), None).await;
            }
        }
    }

    fn toolbox(&self, engine: impl Engine + 'static) -> Toolbox {
        toolbox(engine, &format!("{}*", self.full("")))
    }
}

/// The tools over an engine, wired as the product wires them.
fn toolbox(engine: impl Engine + 'static, default_index: &str) -> Toolbox {
    let guard: Arc<dyn Engine> = Arc::new(Guard::new(engine, AllowList::parse("logs-*").unwrap(), Caps::default()));
    let settings = Settings {
        default_index: IndexExpression::parse(default_index).unwrap(),
        max_tokens: 6_000,
        max_window_s: 31 * 86_400,
        kibana_url: None,
        field_overrides: Vec::new(),
    };
    Toolbox::new(guard, settings)
}

impl Source {
    /// A node as someone reaches it, with whatever is on it.
    pub(crate) fn of(node: &Node, credential: Option<Credential>) -> Self {
        Self { name: node.name.clone(), toolbox: toolbox(node.cluster_as(credential), "logs-*"), node: None }
    }
}

/// The name of an index on the engines.
pub(crate) fn full(world: &str, short: &str) -> String {
    format!("logs-{world}-{}-{short}", std::process::id())
}

fn backing(stream: &str) -> String {
    format!(".ds-{stream}-2026.03.25-000001")
}

impl Loaded {
    /// The name of an index on the engines.
    pub(crate) fn index(&self, short: &str) -> String {
        full(self.world, short)
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        let targets = std::mem::take(&mut self.targets);
        // The test's own runtime may be the one that is unwinding.
        let cleaned = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(join_all(targets.iter().map(Target::remove)));
        });
        let is_clean = cleaned.join().is_ok();
        if !std::thread::panicking() {
            assert!(is_clean, "{} was not removed", self.world);
            tell(self.world, &self.sources);
        }
    }
}

impl Target {
    async fn remove(&self) {
        let admin = self.node.admin();
        for stream in &self.streams {
            admin.send(Method::DELETE, &format!("/_data_stream/{stream}"), None).await;
            admin.send(Method::DELETE, &format!("/_index_template/{stream}"), None).await;
        }
        for index in &self.indices {
            admin.send(Method::DELETE, &format!("/{index}?ignore_unavailable=true"), None).await;
        }
    }
}

/// Writes how many worlds each engine has answered for so far: the last such line of a run is its summary. Straight to
/// standard error, since what a passing test prints is not shown.
fn tell(world: &str, sources: &[Source]) {
    static COUNTS: Mutex<BTreeMap<String, usize>> = Mutex::new(BTreeMap::new());
    let mut counts = COUNTS.lock().unwrap_or_else(PoisonError::into_inner);
    for source in sources {
        *counts.entry(source.name.clone()).or_default() += 1;
    }
    let known = ["es7", "es8", "es8s", "es9", "os2", "os3"];
    let skipped: Vec<&str> = known.into_iter().filter(|name| !sources.iter().any(|source| source.name == *name)).collect();
    let ran: Vec<String> = counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
    let skipped = if skipped.is_empty() { String::new() } else { format!("; {world} skipped {}", skipped.join(" ")) };
    let _ = writeln!(std::io::stderr().lock(), "scenarios so far: {}{skipped}", ran.join(", "));
}
