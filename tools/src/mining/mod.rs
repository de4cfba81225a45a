//! What many lines or numbers say together: message templates, and the statistics that compare windows. Knows no tool and no engine.

mod drain;
mod mask;
pub mod mention;
pub mod onset;
mod place;
mod request;
pub mod statistics;

pub use drain::Templates;
pub use mask::{fold_key, headline, mask};
pub use place::place;
