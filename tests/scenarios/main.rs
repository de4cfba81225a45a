//! The tools as a client sees them: scenarios written down once and run on every engine that is there, which must all
//! give the same answer. `tests/README.md` tells how.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod analysis;
mod answers;
mod budget;
mod cluster_events;
mod counting;
mod differential;
mod fitting;
mod incidents;
mod indices;
mod investigated;
mod nodes;
mod patterns;
mod planted;
mod random;
mod reaching;
mod refusals;
mod searching;
mod world;
