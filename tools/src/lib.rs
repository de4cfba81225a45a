//! The thirteen tools: arguments to query DSL, replies to short answers. Knows neither MCP nor the network.

pub mod dsl;
pub mod engine;
