//! `query`: a small subset of Lucene's and Kibana's query languages, parsed here into filters. Knows no engine: nothing
//! of the text reaches a cluster as a query language.
//!
//! ```text
//! timeout  "connection refused"  time*            words, phrases, beginnings: in message, error message, stack trace
//! field:value  field:"a phrase"  field:pre*       one field, or a role such as `service`
//! field:(a OR b)  field:*  _exists_:field         any of these; has a value
//! field:>=500  field >= 500  field:[1 TO 5}       ranges; `*` for an open end, `[` and `]` include the bound
//! a AND b  a OR b  NOT a  && || ! -a +a  ( … )    AND binds tighter than OR; words side by side are joined by AND
//! \                                               takes the next character as it is
//! ```

mod parser;
mod reader;
#[cfg(test)]
mod tests;
mod value;

use jiff::Timestamp;

use crate::{error::ToolError, look::Filter};

/// The longest query, in bytes.
const MAX_BYTES: usize = 4_096;

/// How many words, phrases and conditions a query may have.
const MAX_CLAUSES: usize = 128;

/// How deep parentheses may be nested.
const MAX_DEPTH: usize = 20;

/// One of the conditions that a query joins by AND.
#[derive(Debug, Clone, PartialEq)]
pub struct Clause {
    /// As the caller wrote it.
    pub written: String,
    /// What it means.
    pub filter: Filter,
}

/// Parses a query. All of its clauses must hold; there is at least one.
///
/// # Errors
/// `bad_query` with the place marked, when the text is no query or asks for what is not supported; `bad_time` and
/// `bad_argument` for a time, duration or level that is none.
pub fn parse(text: &str, now: Timestamp) -> Result<Vec<Clause>, ToolError> {
    parser::Parser::new(text, now)?.clauses()
}
