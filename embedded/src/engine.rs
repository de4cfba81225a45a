//! The engine: every request of the closed list, answered with the bytes Elasticsearch would write.

use std::{collections::BTreeMap, time::Duration};

use elk_mcp_tools::{
    dsl::{IndexStats, Request, ResolveIndex, Search},
    engine::{BoxFuture, Engine, EngineError, EngineErrorKind, Reply},
};
use serde::Serialize;

use crate::{
    caps,
    catalog::{Catalog, UnknownIndex, is_hidden},
    clock::Clock,
    failure::Failure,
    search::{self, Refusal, causes, failed_shards},
};

/// The version whose replies this engine writes.
const VERSION: &str = "8.19.0";

/// Indices in this process, as an [`Engine`]. Made by [`crate::Builder`] or [`crate::Bundle`]; never changes.
pub struct Embedded {
    catalog: Catalog,
}

impl std::fmt::Debug for Embedded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Embedded").field("indices", &self.indices()).finish()
    }
}

impl Embedded {
    pub(crate) fn new(catalog: Catalog) -> Self {
        Self { catalog }
    }

    /// Names of the indices and how many documents each has, sorted by name.
    pub fn indices(&self) -> Vec<(&str, u64)> {
        self.catalog.indices.iter().map(|index| (index.name(), index.documents())).collect()
    }

    /// Answers a request on this thread.
    ///
    /// # Errors
    /// As [`Engine::send`].
    pub fn answer(&self, request: &Request, time_limit: Duration) -> Result<Reply, EngineError> {
        let clock = Clock::start(Some(time_limit));
        match request {
            Request::Search(asked) => match search::search(&self.catalog, asked, clock) {
                Ok(reply) => write(&reply),
                Err(refusal) => Err(error(refusal)),
            },
            Request::Msearch(asked) => self.answer_all(asked, clock),
            Request::FieldCaps(asked) => write(&caps::field_caps(&self.catalog, asked).map_err(unknown)?),
            Request::ResolveIndex(asked) => write(&self.resolve(asked)?),
            Request::IndexStats(asked) => write(&self.stats(asked)?),
            Request::Ping => write(&Ping {
                name: "elk-mcp",
                cluster_name: "elk-mcp embedded",
                version: Version { number: VERSION, build_flavor: "embedded" },
                tagline: "elk-mcp embedded engine",
            }),
            Request::HasPrivileges(_) | Request::AuthInfo => {
                Err(EngineError::new(EngineErrorKind::Rejected, "the embedded engine has no credentials"))
            }
            Request::Health(_) => write(&Health {
                cluster_name: "elk-mcp embedded",
                status: "green",
                timed_out: false,
                number_of_nodes: 1,
                number_of_data_nodes: 1,
                active_primary_shards: self.catalog.indices.len(),
                active_shards: self.catalog.indices.len(),
                unassigned_shards: 0,
            }),
        }
    }

    fn answer_all(&self, asked: &[Search], clock: Clock) -> Result<Reply, EngineError> {
        let mut body = format!("{{\"took\":{},\"responses\":[", clock.elapsed_ms()).into_bytes();
        for (position, asked) in asked.iter().enumerate() {
            if position > 0 {
                body.push(b',');
            }
            match search::search(&self.catalog, asked, clock) {
                Ok(reply) => body.extend_from_slice(&write(&Item { reply, status: 200 })?.body),
                Err(Refusal::Unknown(UnknownIndex(name))) => {
                    let reason = format!("no such index [{name}]");
                    let cause = || Cause { kind: "index_not_found_exception", reason: &reason, index: &name, root_cause: Vec::new() };
                    let error = Cause { root_cause: vec![cause()], ..cause() };
                    body.extend_from_slice(&write(&FailedItem { error, status: 404 })?.body);
                }
                Err(Refusal::Failed(failures)) => {
                    let error = AllFailed {
                        root_cause: causes(&failures),
                        kind: "search_phase_execution_exception",
                        reason: "all shards failed",
                        phase: "query",
                        grouped: true,
                        failed_shards: failed_shards(&failures),
                    };
                    body.extend_from_slice(&write(&FailedItem { error, status: 400 })?.body);
                }
                Err(other) => return Err(error(other)),
            }
        }
        body.extend_from_slice(b"]}");
        Ok(Reply { body })
    }

    fn resolve(&self, asked: &ResolveIndex) -> Result<Resolved<'_>, EngineError> {
        let patterns = asked.index().patterns();
        let by_name = |name: &str| patterns.iter().any(|pattern| pattern.matches(name));
        let is_named = |name: &str| patterns.iter().any(|pattern| pattern.as_str() == name);
        let visible = |name: &str| is_named(name) || (by_name(name) && (asked.hidden() || !is_hidden(name)));
        let catalog = &self.catalog;
        for pattern in patterns.iter().filter(|pattern| !pattern.is_wildcard()) {
            let name = pattern.as_str();
            let exists = catalog.indices.iter().any(|index| index.name() == name);
            if !exists && !catalog.aliases.contains_key(name) && !catalog.streams.contains_key(name) {
                return Err(unknown(UnknownIndex(name.to_owned())));
            }
        }
        let indices = catalog.indices.iter().filter(|index| visible(index.name())).map(|index| {
            let of = |group: &'_ BTreeMap<String, std::collections::BTreeSet<String>>| -> Vec<String> {
                group.iter().filter(|(_, members)| members.contains(index.name())).map(|(name, _)| name.clone()).collect()
            };
            ResolvedIndex {
                name: index.name(),
                aliases: of(&catalog.aliases),
                attributes: if is_hidden(index.name()) { &["hidden", "open"] } else { &["open"] },
                data_stream: of(&catalog.streams).into_iter().next(),
            }
        });
        let aliases = catalog.aliases.iter().filter(|(name, _)| visible(name));
        let streams = catalog.streams.iter().filter(|(name, _)| visible(name));
        Ok(Resolved {
            indices: indices.collect(),
            aliases: aliases.map(|(name, indices)| ResolvedAlias { name, indices: indices.iter().collect() }).collect(),
            data_streams: streams
                .map(|(name, members)| ResolvedStream { name, backing_indices: members.iter().collect(), timestamp_field: "@timestamp" })
                .collect(),
        })
    }

    fn stats(&self, asked: &IndexStats) -> Result<Stats<'_>, EngineError> {
        let indices = self.catalog.resolve(asked.index()).map_err(unknown)?;
        let of = |documents: u64, bytes: u64| {
            let part = Primaries { docs: Docs { count: documents, deleted: 0 }, store: Store { size_in_bytes: bytes } };
            OneIndex { primaries: part, total: part }
        };
        let all = of(indices.iter().map(|index| index.documents()).sum(), indices.iter().map(|index| index.bytes()).sum());
        Ok(Stats { all, indices: indices.iter().map(|index| (index.name(), of(index.documents(), index.bytes()))).collect() })
    }
}

impl Engine for Embedded {
    fn send<'a>(&'a self, request: &'a Request, time_limit: Duration) -> BoxFuture<'a, Result<Reply, EngineError>> {
        Box::pin(async move { self.answer(request, time_limit) })
    }
}

fn write<T: Serialize>(reply: &T) -> Result<Reply, EngineError> {
    serde_json::to_vec(reply)
        .map(|body| Reply { body })
        .map_err(|error| EngineError::new(EngineErrorKind::BadReply, format!("the reply did not serialise: {error}")))
}

fn unknown(UnknownIndex(name): UnknownIndex) -> EngineError {
    EngineError::new(EngineErrorKind::UnknownIndex, format!("no such index [{name}]")).about(name)
}

fn error(refusal: Refusal) -> EngineError {
    match refusal {
        Refusal::Unknown(name) => unknown(name),
        Refusal::Failed(failures) => {
            let words = |(index, Failure { kind, reason }): &(String, Failure)| format!("[{index}] {kind}: {reason}");
            EngineError::new(EngineErrorKind::Rejected, failures.iter().map(words).collect::<Vec<_>>().join("; "))
        }
        Refusal::Timeout => EngineError::new(EngineErrorKind::Timeout, "the embedded engine took longer than the caller waits"),
        Refusal::Engine(error) => EngineError::new(EngineErrorKind::BadReply, format!("the embedded engine failed: {error}")),
    }
}

#[derive(Serialize)]
struct Item {
    #[serde(flatten)]
    reply: search::Reply,
    status: u16,
}

#[derive(Serialize)]
struct FailedItem<T> {
    error: T,
    status: u16,
}

#[derive(Serialize)]
struct Cause<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    root_cause: Vec<Cause<'a>>,
    #[serde(rename = "type")]
    kind: &'static str,
    reason: &'a str,
    index: &'a str,
}

#[derive(Serialize)]
struct AllFailed<'a> {
    root_cause: Vec<search::Reason<'a>>,
    #[serde(rename = "type")]
    kind: &'static str,
    reason: &'static str,
    phase: &'static str,
    grouped: bool,
    failed_shards: Vec<search::FailedShard<'a>>,
}

#[derive(Serialize)]
struct Ping {
    name: &'static str,
    cluster_name: &'static str,
    version: Version,
    tagline: &'static str,
}

#[derive(Serialize)]
struct Version {
    number: &'static str,
    build_flavor: &'static str,
}

#[derive(Serialize)]
struct Health {
    cluster_name: &'static str,
    status: &'static str,
    timed_out: bool,
    number_of_nodes: u32,
    number_of_data_nodes: u32,
    active_primary_shards: usize,
    active_shards: usize,
    unassigned_shards: u32,
}

#[derive(Serialize)]
struct Resolved<'a> {
    indices: Vec<ResolvedIndex<'a>>,
    aliases: Vec<ResolvedAlias<'a>>,
    data_streams: Vec<ResolvedStream<'a>>,
}

#[derive(Serialize)]
struct ResolvedIndex<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<String>,
    attributes: &'static [&'static str],
    #[serde(skip_serializing_if = "Option::is_none")]
    data_stream: Option<String>,
}

#[derive(Serialize)]
struct ResolvedAlias<'a> {
    name: &'a str,
    indices: Vec<&'a String>,
}

#[derive(Serialize)]
struct ResolvedStream<'a> {
    name: &'a str,
    backing_indices: Vec<&'a String>,
    timestamp_field: &'static str,
}

#[derive(Serialize)]
struct Stats<'a> {
    #[serde(rename = "_all")]
    all: OneIndex,
    indices: BTreeMap<&'a str, OneIndex>,
}

#[derive(Serialize)]
struct OneIndex {
    primaries: Primaries,
    total: Primaries,
}

#[derive(Serialize, Clone, Copy)]
struct Primaries {
    docs: Docs,
    store: Store,
}

#[derive(Serialize, Clone, Copy)]
struct Docs {
    count: u64,
    deleted: u64,
}

#[derive(Serialize, Clone, Copy)]
struct Store {
    size_in_bytes: u64,
}
