//! The server's outside as sockets see it: TLS, limits, hosts, bodies, certificates that change, and its end.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod bodies;
mod certificates;
mod connections;
mod ends;
mod hosts;
mod served;
