//! Replies, borrowed from the bytes they came in. Only what is used is parsed; `_source` and field values stay raw.

use std::{borrow::Cow, collections::BTreeMap, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::computed::Inner;

/// A string that borrows from the reply unless it has escapes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(transparent)]
pub struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

impl std::ops::Deref for Text<'_> {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

/// The reply to a search.
#[derive(Debug, Deserialize)]
pub struct SearchReply<'a> {
    /// Milliseconds that the engine took.
    #[serde(default)]
    pub took: u64,
    /// The engine stopped at its time limit: everything below is a lower bound.
    #[serde(default)]
    pub timed_out: bool,
    /// A shard stopped at `terminate_after`.
    #[serde(default)]
    pub terminated_early: bool,
    /// Which shards answered.
    #[serde(borrow, default, rename = "_shards")]
    pub shards: ShardsReply<'a>,
    /// The documents. Without them it is no reply to a search.
    #[serde(borrow)]
    pub hits: HitsReply<'a>,
    /// What was computed, by name.
    #[serde(borrow, default)]
    pub aggregations: Inner<'a>,
}

/// Which shards answered a search.
#[derive(Debug, Default, Deserialize)]
pub struct ShardsReply<'a> {
    /// How many there are.
    #[serde(default)]
    pub total: u32,
    /// How many answered.
    #[serde(default)]
    pub successful: Option<u32>,
    /// How many failed.
    #[serde(default)]
    pub failed: u32,
    /// Why.
    #[serde(borrow, default)]
    pub failures: Vec<Failure<'a>>,
}

impl ShardsReply<'_> {
    /// How many did not answer. OpenSearch does not count a shard that is assigned to no node among those that failed.
    pub fn lacking(&self) -> u32 {
        self.failed.max(self.successful.map_or(0, |successful| self.total.saturating_sub(successful)))
    }
}

/// Why a shard failed.
#[derive(Debug, Deserialize)]
pub struct Failure<'a> {
    /// Whose shard.
    #[serde(borrow, default)]
    pub index: Option<Text<'a>>,
    /// The engine's own words: for the log and for a short class, never repeated to a caller as they are.
    #[serde(borrow, default)]
    pub reason: Option<UpstreamError<'a>>,
}

/// An error as Elasticsearch writes it.
#[derive(Debug, Deserialize)]
pub struct UpstreamError<'a> {
    /// Such as `index_not_found_exception`.
    #[serde(borrow, default, rename = "type")]
    pub kind: Option<Text<'a>>,
    /// In words.
    #[serde(borrow, default)]
    pub reason: Option<Text<'a>>,
    /// Which index, where it says so.
    #[serde(borrow, default)]
    pub index: Option<Text<'a>>,
    /// What lies below it.
    #[serde(borrow, default)]
    pub root_cause: Vec<UpstreamError<'a>>,
    /// What lies below it.
    #[serde(borrow, default)]
    pub caused_by: Option<Box<UpstreamError<'a>>>,
}

/// Documents of a reply.
#[derive(Debug, Default, Deserialize)]
pub struct HitsReply<'a> {
    /// How many matched; absent when it was not asked.
    #[serde(borrow, default)]
    pub total: Option<TotalReply<'a>>,
    /// The page.
    #[serde(borrow, default)]
    pub hits: Vec<HitReply<'a>>,
}

/// How many documents matched.
#[derive(Debug, Clone, Deserialize)]
pub struct TotalReply<'a> {
    /// The number.
    pub value: u64,
    /// `eq`, or `gte` for a lower bound.
    #[serde(borrow)]
    pub relation: Text<'a>,
}

/// One document.
#[derive(Debug, Deserialize)]
pub struct HitReply<'a> {
    /// The concrete index.
    #[serde(borrow, rename = "_index")]
    pub index: Text<'a>,
    /// Its id.
    #[serde(borrow, rename = "_id")]
    pub id: Text<'a>,
    /// The document as it was sent, where asked for.
    #[serde(borrow, default, rename = "_source")]
    pub source: Option<&'a RawValue>,
    /// The fetched fields: each an array of values.
    #[serde(borrow, default)]
    pub fields: RawMap<'a>,
    /// Its sort keys, as a list.
    #[serde(borrow, default)]
    pub sort: Option<&'a RawValue>,
}

impl HitReply<'_> {
    /// The first of its sort keys, where it is a number.
    pub fn sort_number(&self) -> Option<f64> {
        let keys = serde_json::from_str::<Vec<&RawValue>>(self.sort?.get()).ok()?;
        keys.first()?.get().parse().ok()
    }
}

/// An object whose values stay raw, in the order of the reply.
#[derive(Debug, Default)]
pub struct RawMap<'a>(pub Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> RawMap<'a> {
    /// The value under a name.
    pub fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| *value)
    }
}

/// The reply to an `_msearch`: one item a search, in the order they were asked. An item stays text until it is [read](ItemReply::read): as values it
/// is several times as large.
#[derive(Debug, Deserialize)]
pub struct MsearchReply<'a> {
    /// The items.
    #[serde(borrow)]
    pub responses: Vec<&'a RawValue>,
}

/// One item of an `_msearch` reply: a search reply, or an error.
#[derive(Debug)]
pub enum ItemReply<'a> {
    /// It was answered.
    Answered(SearchReply<'a>),
    /// It failed with an HTTP status.
    Failed(u16, UpstreamError<'a>),
}

impl<'a> ItemReply<'a> {
    /// Reads an item.
    ///
    /// # Errors
    /// When it is neither the reply to a search nor an error.
    pub fn read(item: &'a RawValue) -> serde_json::Result<Self> {
        #[derive(Deserialize)]
        struct Probe<'a> {
            #[serde(borrow, default)]
            error: Option<UpstreamError<'a>>,
            #[serde(default)]
            status: Option<u16>,
        }
        // Only a failed one is parsed twice: it has no hits.
        serde_json::from_str(item.get()).map(Self::Answered).or_else(|no_search| match serde_json::from_str::<Probe<'a>>(item.get()) {
            Ok(Probe { error: Some(error), status }) => Ok(Self::Failed(status.unwrap_or(500), error)),
            _ => Err(no_search),
        })
    }
}

/// The reply to `_field_caps`.
#[derive(Debug, Deserialize)]
pub struct CapsReply<'a> {
    /// The concrete indices that were asked.
    #[serde(borrow, default)]
    pub indices: Vec<Text<'a>>,
    /// By field, then by type.
    #[serde(borrow, default)]
    pub fields: BTreeMap<Text<'a>, BTreeMap<Text<'a>, Caps<'a>>>,
}

/// What a field of one type can do.
#[derive(Debug, Deserialize)]
pub struct Caps<'a> {
    /// It can be queried.
    #[serde(default)]
    pub searchable: bool,
    /// It can be sorted and grouped by.
    #[serde(default)]
    pub aggregatable: bool,
    /// The indices where it has this type; absent when it has it in all that have the field. Under the type `unmapped`:
    /// the indices without the field.
    #[serde(borrow, default)]
    pub indices: Option<Vec<Text<'a>>>,
    /// A field of the engine's own, such as `_id`.
    #[serde(default)]
    pub metadata_field: bool,
}

/// The reply to `_resolve/index`.
#[derive(Debug, Default, Deserialize)]
pub struct ResolveReply<'a> {
    /// Concrete indices.
    #[serde(borrow, default)]
    pub indices: Vec<ResolvedIndex<'a>>,
    /// Aliases.
    #[serde(borrow, default)]
    pub aliases: Vec<ResolvedAlias<'a>>,
    /// Data streams.
    #[serde(borrow, default)]
    pub data_streams: Vec<ResolvedStream<'a>>,
}

/// A concrete index.
#[derive(Debug, Deserialize)]
pub struct ResolvedIndex<'a> {
    /// Its name.
    #[serde(borrow)]
    pub name: Text<'a>,
    /// Aliases that lead to it.
    #[serde(borrow, default)]
    pub aliases: Vec<Text<'a>>,
    /// `open`, `closed`, `hidden`, `system`, `frozen`.
    #[serde(borrow, default)]
    pub attributes: Vec<Text<'a>>,
    /// The data stream it backs.
    #[serde(borrow, default)]
    pub data_stream: Option<Text<'a>>,
}

/// An alias.
#[derive(Debug, Deserialize)]
pub struct ResolvedAlias<'a> {
    /// Its name.
    #[serde(borrow)]
    pub name: Text<'a>,
    /// Where it leads. A single target may be a bare string.
    #[serde(borrow, default, deserialize_with = "one_or_many")]
    pub indices: Vec<Text<'a>>,
}

/// A data stream.
#[derive(Debug, Deserialize)]
pub struct ResolvedStream<'a> {
    /// Its name.
    #[serde(borrow)]
    pub name: Text<'a>,
    /// Its indices. A single one may be a bare string.
    #[serde(borrow, default, deserialize_with = "one_or_many")]
    pub backing_indices: Vec<Text<'a>>,
    /// Its time field.
    #[serde(borrow, default)]
    pub timestamp_field: Option<Text<'a>>,
}

/// The reply to `_stats/docs,store`.
#[derive(Debug, Deserialize)]
pub struct StatsReply<'a> {
    /// By concrete index.
    #[serde(borrow, default)]
    pub indices: BTreeMap<Text<'a>, IndexStatsReply>,
}

/// Statistics of one index.
#[derive(Debug, Deserialize)]
pub struct IndexStatsReply {
    /// Of its primary shards.
    pub primaries: PrimariesReply,
}

/// Statistics of primary shards. Every part may be missing or null (a closed index).
#[derive(Debug, Deserialize)]
pub struct PrimariesReply {
    /// Documents.
    #[serde(default)]
    pub docs: Option<DocsReply>,
    /// Bytes.
    #[serde(default)]
    pub store: Option<StoreReply>,
}

/// Documents, nested ones included.
#[derive(Debug, Deserialize)]
pub struct DocsReply {
    /// How many.
    #[serde(default)]
    pub count: Option<u64>,
}

/// Size on disk.
#[derive(Debug, Deserialize)]
pub struct StoreReply {
    /// In bytes.
    #[serde(default)]
    pub size_in_bytes: Option<u64>,
}

impl<'de: 'a, 'a> Deserialize<'de> for RawMap<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RawVisitor<'a>(PhantomData<&'a ()>);
        impl<'de: 'a, 'a> Visitor<'de> for RawVisitor<'a> {
            type Value = RawMap<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawMap<'a>, A::Error> {
                let mut entries = Vec::with_capacity(map.size_hint().unwrap_or(8));
                while let Some((Text(name), value)) = map.next_entry::<Text<'a>, &'a RawValue>()? {
                    entries.push((name, value));
                }
                Ok(RawMap(entries))
            }
        }
        deserializer.deserialize_map(RawVisitor(PhantomData))
    }
}

fn one_or_many<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Text<'a>>, D::Error> {
    struct OneOrMany<'a>(PhantomData<&'a ()>);
    impl<'de: 'a, 'a> Visitor<'de> for OneOrMany<'a> {
        type Value = Vec<Text<'a>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a name or a list of names")
        }
        fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
            Ok(vec![Text(Cow::Borrowed(value))])
        }
        fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
            Ok(vec![Text(Cow::Owned(value.to_owned()))])
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut names = Vec::with_capacity(list.size_hint().unwrap_or(1));
            while let Some(name) = list.next_element()? {
                names.push(name);
            }
            Ok(names)
        }
    }
    deserializer.deserialize_any(OneOrMany(PhantomData))
}
