//! The server around the tools: engines, guard, transport, configuration, command line.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod call_id;
pub mod call_log;
pub mod cli;
pub mod client_keys;
pub mod cluster;
pub mod config;
pub mod guard;
pub mod investigate;
pub mod least_privilege;
pub mod open;
pub mod readiness;
pub mod sample;
pub mod secret;
pub mod server;
pub mod trace_context;
