//! The thirteen tools: arguments to query DSL, replies to short answers. Knows neither MCP nor the network.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod aggregate_logs;
pub mod analyze_latency;
pub mod answer;
mod bytes;
mod catalogue;
pub mod compare_windows;
pub mod correlate_id;
pub mod describe_fields;
pub mod dsl;
pub mod engine;
pub mod error;
pub mod find_changes;
pub mod get_error_summary;
pub mod get_log_patterns;
pub mod get_logs_in_window;
pub mod get_service_overview;
mod join;
mod line_key;
mod lines;
pub mod list_indices;
pub mod look;
pub mod mining;
pub mod params;
pub mod schema;
pub mod search_by_trace_id;
pub mod search_logs;
pub mod spans;
#[cfg(test)]
mod testing;
pub mod tool;
mod toolbox;

pub use catalogue::{Entry, catalogue};
pub use tool::Settings;
pub use toolbox::{Progress, Toolbox};
