//! One search over the indices it names, and its reply. Knows no bundle and no transport.

use elk_mcp_tools::dsl::{Search, Source, TrackTotal};
use serde::{
    Serialize,
    ser::{SerializeMap, Serializer},
};

use crate::{
    aggregation::{self, Named, Slice, Slices},
    catalog::{Catalog, IndexData, UnknownIndex},
    clock::Clock,
    failure::{Failure, Stop},
    hits::{self, Hit},
    mapping::Mapping,
    query::{Plan, Target, compile, excludes},
};

/// An index that takes part in a search, with the query as it means it. Each index is one shard.
pub(crate) struct Shard<'a> {
    number: usize,
    index: &'a IndexData,
    plan: Plan,
}

impl Shard<'_> {
    /// Its place among the indices of the search.
    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// The index's name.
    pub(crate) fn name(&self) -> &str {
        self.index.name()
    }

    /// The index's fields.
    pub(crate) fn mapping(&self) -> &Mapping {
        &self.index.mapping
    }

    /// What further queries are compiled against.
    pub(crate) fn target(&self) -> Target<'_> {
        Target { mapping: &self.index.mapping, names: &self.index.names }
    }
}

/// Why there is no reply.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// A name that nothing has.
    Unknown(UnknownIndex),
    /// Every index failed, or the request as a whole.
    Failed(Vec<(String, Failure)>),
    /// The caller's time is up, and the search had no limit of its own.
    Timeout,
    /// A fault of the engine.
    Engine(tantivy::TantivyError),
}

impl From<tantivy::TantivyError> for Refusal {
    fn from(error: tantivy::TantivyError) -> Self {
        Self::Engine(error)
    }
}

/// The reply to a search.
pub(crate) struct Reply {
    took: u64,
    timed_out: bool,
    terminated_early: Option<bool>,
    shards: usize,
    failures: Vec<(String, Failure)>,
    total: Option<(u64, &'static str)>,
    hits: Vec<Hit>,
    aggregations: Option<Named>,
}

/// Answers a search.
pub(crate) fn search(catalog: &Catalog, search: &Search, clock: Clock) -> Result<Reply, Refusal> {
    let indices = catalog.resolve(search.index()).map_err(Refusal::Unknown)?;
    let own_clock = Clock::start(search.time_limit());
    let mut failures = Vec::new();
    let mut shards = Vec::with_capacity(indices.len());
    for (number, index) in indices.iter().enumerate() {
        if excludes(search.query(), &Target { mapping: &index.mapping, names: &index.names }) {
            continue;
        }
        match prepare(search, index) {
            Ok(plan) => shards.push(Shard { number, index, plan }),
            Err(failure) => failures.push((index.name().to_owned(), failure)),
        }
    }
    if !failures.is_empty() && shards.is_empty() {
        return Err(Refusal::Failed(failures));
    }
    let mut reply = Reply {
        took: 0,
        timed_out: false,
        terminated_early: search.stop_after().map(|_| false),
        shards: indices.len(),
        failures,
        total: None,
        hits: Vec::new(),
        aggregations: None,
    };
    let mut slices: Slices<'_> = Vec::new();
    for shard in &shards {
        let mut left = search.stop_after();
        for part in &shard.index.parts {
            if left == Some(0) || reply.timed_out {
                break;
            }
            clock.check().map_err(|_| Refusal::Timeout)?;
            if own_clock.check().is_err() {
                reply.timed_out = true;
                break;
            }
            let found = match shard.plan.documents(part) {
                Ok(found) => found,
                Err(Stop::Engine(error)) => return Err(error.into()),
                Err(Stop::Failed(failure)) => return Err(Refusal::Failed(vec![(shard.name().to_owned(), failure)])),
                Err(Stop::TimeUp) => return Err(Refusal::Timeout),
            };
            let mut documents: Vec<u32> = found.iter().collect();
            if let Some(left) = &mut left {
                let before = documents.len();
                documents.truncate(*left as usize);
                if documents.len() < before {
                    reply.terminated_early = Some(true);
                }
                *left = left.saturating_sub(u32::try_from(documents.len()).unwrap_or(u32::MAX));
            }
            slices.push(Slice { shard, part, documents });
        }
    }
    let matched: u64 = slices.iter().map(|slice| slice.documents.len() as u64).sum();
    reply.total = match search.total_mode() {
        TrackTotal::No => None,
        TrackTotal::UpTo(limit) if matched > u64::from(limit) => Some((limit.into(), "gte")),
        TrackTotal::UpTo(_) | TrackTotal::Exact => Some((matched, "eq")),
    };
    if search.size() > 0 {
        let chosen = hits::top(&slices, search.sort_keys(), (search.from() as usize).saturating_add(search.size() as usize));
        let mut chosen = chosen.map_err(refusal)?;
        chosen.drain(..chosen.len().min(search.from() as usize));
        let whole = search.source_mode() == Source::Whole;
        reply.hits = hits::fetch(chosen, &slices, search.sort_keys(), search.fetch_fields(), whole).map_err(refusal)?;
    }
    // With no index there is nobody to compute them: the reply has none, as Elasticsearch's.
    if !search.aggregation_list().is_empty() && !indices.is_empty() {
        reply.aggregations = Some(match aggregation::compute(search.aggregation_list(), &slices, &own_clock) {
            Err(Stop::TimeUp) => {
                reply.timed_out = true;
                aggregation::compute(search.aggregation_list(), &[], &Clock::unlimited()).map_err(refusal)?
            }
            other => other.map_err(refusal)?,
        });
    }
    clock.check().map_err(|_| Refusal::Timeout)?;
    reply.took = own_clock.elapsed_ms();
    Ok(reply)
}

fn prepare(search: &Search, index: &IndexData) -> Result<Plan, Failure> {
    let target = Target { mapping: &index.mapping, names: &index.names };
    if search.size() > 0 {
        hits::check(search.sort_keys(), &target)?;
    }
    aggregation::check(search.aggregation_list(), &target)?;
    compile(search.query(), &target)
}

fn refusal(stop: Stop) -> Refusal {
    match stop {
        Stop::Failed(failure) => Refusal::Failed(vec![(String::new(), failure)]),
        Stop::TimeUp => Refusal::Timeout,
        Stop::Engine(error) => Refusal::Engine(error),
    }
}

impl Serialize for Reply {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("took", &self.took)?;
        map.serialize_entry("timed_out", &self.timed_out)?;
        if let Some(terminated_early) = self.terminated_early {
            map.serialize_entry("terminated_early", &terminated_early)?;
        }
        map.serialize_entry("_shards", &Shards { total: self.shards, failures: &self.failures })?;
        map.serialize_entry("hits", &Hits { total: self.total, hits: &self.hits })?;
        if let Some(aggregations) = &self.aggregations {
            map.serialize_entry("aggregations", aggregations)?;
        }
        map.end()
    }
}

struct Shards<'a> {
    total: usize,
    failures: &'a [(String, Failure)],
}

impl Serialize for Shards<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("total", &self.total)?;
        map.serialize_entry("successful", &(self.total - self.failures.len()))?;
        map.serialize_entry("skipped", &0)?;
        map.serialize_entry("failed", &self.failures.len())?;
        if !self.failures.is_empty() {
            map.serialize_entry("failures", &failed_shards(self.failures))?;
        }
        map.end()
    }
}

#[derive(Serialize)]
pub(crate) struct FailedShard<'a> {
    shard: u32,
    index: &'a str,
    node: &'static str,
    reason: Reason<'a>,
}

#[derive(Serialize)]
pub(crate) struct Reason<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    reason: &'a str,
}

/// Failures as a reply lists them.
pub(crate) fn failed_shards(failures: &[(String, Failure)]) -> Vec<FailedShard<'_>> {
    failures
        .iter()
        .map(|(index, failure)| FailedShard {
            shard: 0,
            index,
            node: "embedded",
            reason: Reason { kind: failure.kind, reason: &failure.reason },
        })
        .collect()
}

/// Failures as the causes of an error.
pub(crate) fn causes(failures: &[(String, Failure)]) -> Vec<Reason<'_>> {
    failures.iter().map(|(_, failure)| Reason { kind: failure.kind, reason: &failure.reason }).collect()
}

struct Hits<'a> {
    total: Option<(u64, &'static str)>,
    hits: &'a [Hit],
}

impl Serialize for Hits<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Total {
            value: u64,
            relation: &'static str,
        }
        let mut map = serializer.serialize_map(None)?;
        if let Some((value, relation)) = self.total {
            map.serialize_entry("total", &Total { value, relation })?;
        }
        map.serialize_entry("max_score", &None::<f64>)?;
        map.serialize_entry("hits", self.hits)?;
        map.end()
    }
}
