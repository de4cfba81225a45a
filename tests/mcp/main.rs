//! MCP as it is on the wire: both eras of Streamable HTTP, legacy HTTP+SSE and stdio, each over a real socket or pipe, with
//! the status, the code and the headers of every rule.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod cancelling;
mod cancelling_nodes;
mod direct;
mod legacy;
mod lists;
mod modern;
mod narrowing;
mod progress;
mod reading;
mod sse;
mod stdio;
mod trace;
mod wire;
