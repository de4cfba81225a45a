//! What callers write, checked once: times, windows, levels, queries, filters, cursors. Knows no engine.

mod level;
mod window;

pub use level::Level;
pub use window::Window;
