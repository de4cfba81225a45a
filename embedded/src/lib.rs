//! An in-process engine for demo, tests and log bundles: answers the tools' requests on tantivy with Elasticsearch's
//! meaning and in its words. Knows neither MCP nor the network.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod aggregation;
mod analysis;
mod bits;
mod builder;
mod bundle;
mod caps;
mod catalog;
mod clock;
mod engine;
mod failure;
mod hits;
mod ingest;
mod mapping;
mod query;
mod search;
mod time;

pub use builder::{BuildError, Builder};
pub use bundle::{Bundle, BundleError, Progress, Report, Warning};
pub use engine::Embedded;
pub use mapping::{MOST_FIELDS, Mapping, MappingError};
