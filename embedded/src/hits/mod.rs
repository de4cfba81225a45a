//! The documents of a reply: which come first, and what is shown of each.

mod fetch;
mod order;

pub(crate) use fetch::{Hit, fetch};
pub(crate) use order::{check, top};
