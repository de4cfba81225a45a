//! Log lines as rows of a table, and pages of them that a cursor goes through. Knows no tool.

mod columns;
mod page;
mod paging;

pub(crate) use columns::Columns;
pub(crate) use page::page;
pub(crate) use paging::Paging;
