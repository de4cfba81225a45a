//! The typed query DSL: everything that can ever reach a cluster, and nothing else. Knows no tool and no network.
//!
//! A [`Request`] is one of a closed list of read-only calls. Its parts have private fields, so a value of this type
//! is valid by construction; there is no way to pass raw DSL, a script or a write through it.

mod aggregation;
mod computed;
mod index;
mod privileges;
mod query;
mod reply;
mod request;
mod search;

pub use aggregation::{Aggregation, AggregationKind, Aggregations, EXACT_DISTINCT, Include, TermsOrder};
pub use computed::{Bucket, Buckets, Computed, Inner, Key};
pub use index::{IndexExpression, IndexPattern, InvalidIndex};
pub use privileges::{AuthInfoReply, HasPrivileges, HasPrivilegesReply};
pub use query::{Query, Range, Scalar};
pub use reply::{
    Caps, CapsReply, DocsReply, Failure, HitReply, HitsReply, IndexStatsReply, ItemReply, MsearchReply, PrimariesReply, RawMap,
    ResolveReply, ResolvedAlias, ResolvedIndex, ResolvedStream, SearchReply, ShardsReply, StatsReply, StoreReply, Text, TotalReply,
    UpstreamError,
};
pub use request::{FieldCaps, Health, IndexStats, Method, Request, ResolveIndex};
pub use search::{FetchField, Search, Sort, Source, TrackTotal};

use serde::ser::{Serialize, SerializeMap, Serializer};

/// `{"key": value}`: the shape most of the query DSL is made of.
struct One<'a, T>(&'a str, T);

impl<T: Serialize> Serialize for One<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.0, &self.1)?;
        map.end()
    }
}
