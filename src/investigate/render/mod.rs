//! Findings as text for a terminal, as JSON, and as a page. Decides nothing.

mod html;
mod svg;
mod text;

use super::findings::Findings;

pub use html::{Line, html, index, policy};
pub use text::text;

/// As published: `docs/findings.schema.json` describes it.
///
/// # Errors
/// When a value cannot be written as JSON, which none of them is.
pub fn json(findings: &Findings) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(findings)
}
