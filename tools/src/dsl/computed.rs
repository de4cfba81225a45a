//! Aggregation results of a reply, borrowed from its bytes.

use std::{borrow::Cow, collections::BTreeMap, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::reply::{HitsReply, Text};

/// Aggregation results by name.
pub type Inner<'a> = BTreeMap<Text<'a>, Computed<'a>>;

/// The result of one aggregation, of any kind: only the parts of its kind are set.
#[derive(Debug, Default)]
pub struct Computed<'a> {
    /// Documents in a single bucket (`filter`).
    pub doc_count: Option<u64>,
    /// A metric's value; `None` also where no document had one.
    pub value: Option<f64>,
    /// The value as the field's format writes it (dates).
    pub value_as_string: Option<Cow<'a, str>>,
    /// Percentiles: percent and value.
    pub values: Vec<(f64, Option<f64>)>,
    /// Buckets.
    pub buckets: Buckets<'a>,
    /// Documents of `terms` outside the returned buckets.
    pub other: u64,
    /// By how much a bucket's count may be too low (`doc_count_error_upper_bound`).
    pub error_bound: i64,
    /// Where a `composite` continues.
    pub after: Option<Key<'a>>,
    /// `top_hits`.
    pub hits: Option<HitsReply<'a>>,
    /// Inside a single bucket.
    pub inner: Inner<'a>,
}

/// The buckets of an aggregation.
pub type Buckets<'a> = Vec<Bucket<'a>>;

/// One bucket.
#[derive(Debug)]
pub struct Bucket<'a> {
    /// What its documents share.
    pub key: Key<'a>,
    /// The key as the field's format writes it (dates, booleans).
    pub key_as_string: Option<Cow<'a, str>>,
    /// Its documents.
    pub doc_count: u64,
    /// What was computed in it.
    pub inner: Inner<'a>,
}

/// A bucket's key.
#[derive(Debug, Clone, PartialEq)]
pub enum Key<'a> {
    /// A missing value of a `composite`.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// An integer beyond `i64`.
    Unsigned(u64),
    /// A number.
    Float(f64),
    /// A string.
    Text(Cow<'a, str>),
    /// The parts of a `composite` key, by source name.
    Parts(Vec<(Cow<'a, str>, Key<'a>)>),
}

struct KeyVisitor<'a>(PhantomData<&'a ()>);

impl<'de: 'a, 'a> Deserialize<'de> for Key<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KeyVisitor(PhantomData))
    }
}

impl<'de: 'a, 'a> Visitor<'de> for KeyVisitor<'a> {
    type Value = Key<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a bucket key")
    }
    fn visit_unit<E>(self) -> Result<Key<'a>, E> {
        Ok(Key::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Key<'a>, E> {
        Ok(Key::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Key<'a>, E> {
        Ok(Key::Int(value))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Key<'a>, E> {
        Ok(i64::try_from(value).map_or(Key::Unsigned(value), Key::Int))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Key<'a>, E> {
        Ok(Key::Float(value))
    }
    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Key<'a>, E> {
        Ok(Key::Text(Cow::Borrowed(value)))
    }
    fn visit_str<E>(self, value: &str) -> Result<Key<'a>, E> {
        Ok(Key::Text(Cow::Owned(value.to_owned())))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Key<'a>, A::Error> {
        let mut parts = Vec::new();
        while let Some((Text(name), value)) = map.next_entry::<Text<'a>, Key<'a>>()? {
            parts.push((name, value));
        }
        Ok(Key::Parts(parts))
    }
}

struct ComputedVisitor<'a>(PhantomData<&'a ()>);

impl<'de: 'a, 'a> Deserialize<'de> for Computed<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ComputedVisitor(PhantomData))
    }
}

impl<'de: 'a, 'a> Visitor<'de> for ComputedVisitor<'a> {
    type Value = Computed<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an aggregation result")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Computed<'a>, A::Error> {
        let mut computed = Computed::default();
        while let Some(name) = map.next_key::<Text<'a>>()? {
            match &*name {
                "doc_count" => computed.doc_count = Some(map.next_value()?),
                "value" => computed.value = map.next_value()?,
                "value_as_string" => computed.value_as_string = Some(map.next_value::<Text<'a>>()?.0),
                "values" => computed.values = map.next_value::<Vec<Percentile>>()?.into_iter().map(|p| (p.key, p.value)).collect(),
                "buckets" => computed.buckets = map.next_value::<BucketList<'a>>()?.0,
                "sum_other_doc_count" => computed.other = map.next_value()?,
                "doc_count_error_upper_bound" => computed.error_bound = map.next_value()?,
                "after_key" => computed.after = Some(map.next_value()?),
                "hits" => computed.hits = Some(map.next_value()?),
                "bg_count" | "meta" | "interval" => {
                    map.next_value::<IgnoredAny>()?;
                }
                _ => {
                    let inner = map.next_value()?;
                    computed.inner.insert(name, inner);
                }
            }
        }
        Ok(computed)
    }
}

#[derive(Deserialize)]
struct Percentile {
    key: f64,
    #[serde(default)]
    value: Option<f64>,
}

/// Buckets as a list, or keyed by name (`filters`).
struct BucketList<'a>(Vec<Bucket<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for BucketList<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor<'a>(PhantomData<&'a ()>);
        impl<'de: 'a, 'a> Visitor<'de> for ListVisitor<'a> {
            type Value = BucketList<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("buckets")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<BucketList<'a>, A::Error> {
                let mut buckets = Vec::with_capacity(list.size_hint().unwrap_or(0));
                while let Some(bucket) = list.next_element()? {
                    buckets.push(bucket);
                }
                Ok(BucketList(buckets))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<BucketList<'a>, A::Error> {
                let mut buckets = Vec::new();
                while let Some((Text(name), mut bucket)) = map.next_entry::<Text<'a>, Bucket<'a>>()? {
                    bucket.key = Key::Text(name);
                    buckets.push(bucket);
                }
                Ok(BucketList(buckets))
            }
        }
        deserializer.deserialize_any(ListVisitor(PhantomData))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Bucket<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BucketVisitor<'a>(PhantomData<&'a ()>);
        impl<'de: 'a, 'a> Visitor<'de> for BucketVisitor<'a> {
            type Value = Bucket<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a bucket")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Bucket<'a>, A::Error> {
                let mut bucket = Bucket { key: Key::Null, key_as_string: None, doc_count: 0, inner: Inner::new() };
                while let Some(name) = map.next_key::<Text<'a>>()? {
                    match &*name {
                        "key" => bucket.key = map.next_value()?,
                        "key_as_string" => bucket.key_as_string = Some(map.next_value::<Text<'a>>()?.0),
                        "doc_count" => bucket.doc_count = map.next_value()?,
                        "doc_count_error_upper_bound" | "from" | "to" | "from_as_string" | "to_as_string" => {
                            map.next_value::<IgnoredAny>()?;
                        }
                        _ => {
                            let inner = map.next_value()?;
                            bucket.inner.insert(name, inner);
                        }
                    }
                }
                Ok(bucket)
            }
        }
        deserializer.deserialize_map(BucketVisitor(PhantomData))
    }
}
