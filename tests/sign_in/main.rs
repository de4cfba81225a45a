//! Who may call, how much, what is told about it, and whether the server is well: over real sockets, as clients and operators
//! see it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod credential;
mod keys;
mod limits;
mod log;
mod probes;
mod world;
