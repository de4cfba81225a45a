//! From JSON documents to immutable parts of an index. Knows no file and no query.

mod catalogue;
mod leaves;
mod part;
mod worker;

pub(crate) use catalogue::{Catalogue, Growing};
pub(crate) use leaves::{Leaf, Paths};
pub(crate) use part::{Column, Part, layout, sequence_of, source};
pub(crate) use worker::{Batch, Finished, Incoming, Worker};
