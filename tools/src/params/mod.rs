//! What callers write, checked once: times, windows, levels, queries, filters, cursors. Knows no engine.

mod arguments;
mod baseline;
mod condition;
mod cursor;
mod filters;
mod level;
mod number;
pub mod query;
mod schema;
mod scope;
mod span;
mod text;
mod time;
mod window;

pub use arguments::{check_keys, from_arguments, nearest};
pub use baseline::Baseline;
pub use cursor::Cursor;
pub use filters::{FieldFilter, Operator, Value, Values};
pub use level::Level;
pub use number::{Bounded, Flag, Size, TokenBudget, Top};
pub use schema::input_schema;
pub use scope::Scope;
pub use span::TimeSpan;
pub(crate) use text::shown;
pub use text::{OneOrMany, Text};
pub use time::Moment;
pub(crate) use time::date;
pub use window::Window;
