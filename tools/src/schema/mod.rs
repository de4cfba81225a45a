//! Which field plays which role in each group of indices that name their fields alike. Knows no tool.

mod role;
mod unit;

pub use role::{Candidate, Reading, Role};
pub use unit::{EpochUnit, LevelScale};
